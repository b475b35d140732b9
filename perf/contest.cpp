// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "contest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "stats.hpp"

namespace perf {

namespace {

constexpr std::uint64_t recorded_items = 5'000;  // a thread, checked one by one after each slice
constexpr int attempts = 6;                      // at an undisturbed slice
constexpr std::uint64_t crowded_items = 65'536;  // at first, where threads take turns
// A line's transfer between two CPUs, in ns: less than the first, and they are threads of one core;
// less than the second, and they share a cache or, on a large die, a mesh.
constexpr double sibling_below = 17;
constexpr double near_below = 85;

struct sample {
  double ns = 0;  // an item
  double probe = 0;  // slower of the line transfers before and after
  double faster_probe = 0;
  bool disturbed = false;
  bool taken = false;
  std::vector<double> extras;
};

enum class regime { one, near, sibling, far, mixed };

regime regime_at(double transfer) {
  if (transfer < sibling_below) return regime::sibling;
  return transfer < near_below ? regime::near : regime::far;
}

// Mixed: the CPUs moved meanwhile.
regime regime_of(const sample& of) {
  if (of.probe == 0) return regime::one;
  const auto before_or_after = regime_at(of.probe);
  return before_or_after == regime_at(of.faster_probe) ? before_or_after : regime::mixed;
}

// Whether it says something: nothing pushed it aside, and the CPUs stayed where they were.
bool is_sound(const sample& of) { return !of.disturbed && regime_of(of) != regime::mixed; }

// Everything that is known of one contender.
struct lane {
  std::uint64_t items = 64;  // a thread and slice
  std::vector<sample> samples;
  std::uint64_t discarded = 0;
  std::string wrong;
};

class stage {
 public:
  stage(contest& of, const plan& how, team& workers)
      : of_(of), how_(how), workers_(workers), lanes_(of.entries.size()) {
    for (auto& each : lanes_) each.samples.resize(how.rounds);
  }

  // Items of a slice. The faster of two runs counts: one that was pushed aside says nothing. A
  // crowd begins with many, because a turn of the scheduler's takes milliseconds, however few.
  void calibrate(std::size_t which) {
    auto& items = lanes_[which].items;
    if (of_.crowd != nullptr) items = crowded_items;
    for (;;) {
      auto took = slice(which).ns;
      if (took < 10 * how_.slice_ns) took = std::min(took, slice(which).ns);
      if (took >= how_.slice_ns / 4) {
        const auto scale = how_.slice_ns / took;
        items = std::max<std::uint64_t>(
            1, static_cast<std::uint64_t>(static_cast<double>(items) * scale));
        return;
      }
      items *= 2;
    }
  }

  void play(std::size_t which, std::uint64_t round) {
    auto& lane = lanes_[which];
    auto& kept = lane.samples[round];
    for (int attempt = 0; attempt < attempts; ++attempt) {
      const auto found = one_sample(which);
      const bool better = !kept.taken || is_sound(found) || (kept.disturbed && !found.disturbed);
      if (better) kept = found;
      if (is_sound(kept)) return;
      if (attempt + 1 < attempts) ++lane.discarded;
    }
  }

  std::vector<lane>& lanes() noexcept { return lanes_; }

 private:
  sample one_sample(std::size_t which) {
    const auto before = probe();
    const auto took = slice(which);
    const auto after = probe();
    check_numbers(which);
    sample made;
    made.extras = of_.entries[which].runs->extras();
    const auto counting = of_.counting == 0 ? of_.params.threads : of_.counting;
    const auto items = static_cast<double>(lanes_[which].items) * counting;
    made.ns = took.ns / items;
    made.probe = std::max(before, after);
    made.faster_probe = std::min(before, after);
    const auto preempted =
        of_.crowd == nullptr && took.preempted > of_.entries[which].runs->own_preemptions();
    made.disturbed = took.stolen || preempted;
    made.taken = true;
    return made;
  }

  timing slice(std::size_t which) {
    auto& runs = *of_.entries[which].runs;
    const auto items = lanes_[which].items;
    std::vector<share> shares(working());
    runs.prepare(of_.params.threads);
    auto took = crew().run(working(), [&](unsigned i) { runs.work(i, items, shares[i]); });
    note(which, runs.judge(shares));
    if (const auto own = runs.own_ns(); own >= 0) took.ns = own;
    return took;
  }

  void check_numbers(std::size_t which) {
    auto& runs = *of_.entries[which].runs;
    std::vector<share> shares(working());
    const auto items = std::min(recorded_items, lanes_[which].items);
    for (auto& each : shares) each.kept.reserve(items);
    runs.prepare(of_.params.threads);
    crew().run(working(), [&](unsigned i) { runs.record(i, items, shares[i]); });
    note(which, runs.judge(shares));
  }

  unsigned working() const { return of_.working == 0 ? of_.params.threads : of_.working; }
  team& crew() { return of_.crowd == nullptr ? workers_ : *of_.crowd; }

  void note(std::size_t which, std::string wrong) {
    if (lanes_[which].wrong.empty()) lanes_[which].wrong = std::move(wrong);
  }

  double probe() { return of_.params.threads < 2 ? 0 : workers_.line_transfer(); }

  contest& of_;
  const plan& how_;
  team& workers_;
  std::vector<lane> lanes_;
};

// A figure of every lane's samples that belong to one regime; NaN elsewhere.
template <class Figure>
std::vector<std::vector<double>> in_regime(const std::vector<lane>& lanes, regime wanted,
                                           Figure figure) {
  std::vector<std::vector<double>> chosen;
  for (const auto& lane : lanes) {
    auto& to = chosen.emplace_back();
    for (const auto& each : lane.samples) {
      const bool fits = each.taken && regime_of(each) == wanted;
      to.push_back(fits ? figure(each) : std::numeric_limits<double>::quiet_NaN());
    }
  }
  return chosen;
}

std::vector<double> only_present(const std::vector<double>& samples) {
  std::vector<double> kept;
  std::copy_if(samples.begin(), samples.end(), std::back_inserter(kept),
               [](double v) { return !std::isnan(v); });
  return kept;
}

const char* name_of(regime which) {
  switch (which) {
    case regime::near: return "near";
    case regime::sibling: return "sibling";
    case regime::far: return "far";
    default: return "one";
  }
}

// Where the CPUs are chosen by what they share, that goes before what the probe says.
std::string placement_in(const contest& of, regime which) {
  return of.place.empty() ? name_of(which) : of.place + "_" + name_of(which);
}

// What a line's transfer took in the rounds of a row.
double transfer_in(const contest& in, const lane& of, const std::string& placement) {
  std::vector<double> all;
  for (const auto& each : of.samples) {
    const bool here = each.taken && placement_in(in, regime_of(each)) == placement;
    if (here) all.push_back(each.probe);
  }
  return all.empty() ? 0 : quantile(all, 0.5);
}

std::size_t index_of(const contest& of, const std::string& name) {
  const auto at = std::find_if(of.entries.begin(), of.entries.end(),
                               [&](const entry& each) { return each.name == name; });
  return static_cast<std::size_t>(at - of.entries.begin());
}

void add_ratio(const contest& of, const std::string& ours, const std::string& peer,
               const std::vector<double>& our_samples, const std::vector<double>& peer_samples,
               std::mt19937_64& random, results& into) {
  std::vector<double> ratios;
  std::uint64_t wins = 0;
  for (std::size_t i = 0; i < our_samples.size(); ++i) {
    const auto each = peer_samples[i] / our_samples[i];
    if (std::isnan(each)) continue;
    ratios.push_back(each);
    wins += each > 1;
  }
  if (ratios.empty()) return;
  const auto found = bootstrap_median(ratios, random);
  into.ratios.push_back({of.name, of.params, ours, peer, found.median, found.low, found.high,
                         wins, ratios.size()});
}

// Who took part is shown, though none of its samples belong to a regime.
void add_rows_of_no_regime(const contest& of, const std::vector<lane>& lanes, std::size_t first_row,
                   results& into) {
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const auto shown = std::any_of(
        into.rows.begin() + static_cast<std::ptrdiff_t>(first_row), into.rows.end(),
        [&](const row& each) { return each.contender == of.entries[i].name; });
    if (shown) continue;
    std::vector<double> all;
    for (const auto& each : lanes[i].samples) all.push_back(each.ns);
    auto params = of.params;
    params.placement = "moved";
    into.rows.push_back({of.name, of.entries[i].name, params, "ns/item", all.size(),
                         lanes[i].discarded, quantile(all, 0.1), quantile(all, 0.5),
                         quantile(all, 0.9), lanes[i].wrong.empty(), lanes[i].wrong, 0});
  }
}

}  // namespace

void add_rows(const contest& of, const std::vector<std::vector<double>>& samples,
              const std::vector<std::uint64_t>& discarded, const std::vector<std::string>& wrong,
              const std::string& unit, std::mt19937_64& random, results& into) {
  for (std::size_t i = 0; i < of.entries.size(); ++i) {
    const auto kept = only_present(samples[i]);
    if (kept.empty()) continue;
    into.rows.push_back({of.name, of.entries[i].name, of.params, unit, kept.size(), discarded[i],
                         quantile(kept, 0.1), quantile(kept, 0.5), quantile(kept, 0.9),
                         wrong[i].empty(), wrong[i], 0});
  }
  for (const auto& [ours, peer] : of.ratios) {
    const auto a = index_of(of, ours);
    const auto b = index_of(of, peer);
    if (!wrong[a].empty() || !wrong[b].empty()) continue;
    add_ratio(of, ours, peer, samples[a], samples[b], random, into);
  }
}

bool plan::names(const std::string& contender) const {
  return std::any_of(peers.begin(), peers.end(), [&](const std::string& peer) {
    return contender == peer || contender.starts_with(peer + "_");
  });
}

bool plan::wants(const std::string& contender) const {
  for (const char* always : {"sequencer", "null", "planted", "idle_loop"}) {
    if (contender.starts_with(always)) return true;
  }
  return peers.empty() || names(contender);
}

void keep_wanted(contest& of, const plan& how) {
  std::erase_if(of.entries, [&](const entry& each) { return !how.wants(each.name); });
  std::erase_if(of.ratios, [&](const auto& each) {
    return index_of(of, each.first) == of.entries.size() ||
           index_of(of, each.second) == of.entries.size();
  });
}

void run_contest(contest& of, const plan& how, team& workers, std::mt19937_64& random,
                 results& into) {
  keep_wanted(of, how);
  stage on(of, how, workers);
  std::vector<std::size_t> order(of.entries.size());
  std::iota(order.begin(), order.end(), 0);
  for (const auto which : order) on.calibrate(which);
  for (std::uint64_t round = 0; round < how.rounds; ++round) {
    std::shuffle(order.begin(), order.end(), random);
    for (const auto which : order) on.play(which, round);
  }
  std::vector<std::uint64_t> discarded;
  std::vector<std::string> wrong;
  for (const auto& lane : on.lanes()) {
    discarded.push_back(lane.discarded);
    wrong.push_back(lane.wrong);
  }
  const auto before = into.rows.size();
  for (const auto which : {regime::one, regime::near, regime::sibling, regime::far}) {
    of.params.placement = placement_in(of, which);
    const auto mean = [](const sample& each) { return each.ns; };
    add_rows(of, in_regime(on.lanes(), which, mean), discarded, wrong, "ns/item", random,
             into);
    for (std::size_t i = 0; i < of.extras.size(); ++i) {
      const auto figure = [&](const sample& each) {
        return i < each.extras.size() ? each.extras[i] : std::numeric_limits<double>::quiet_NaN();
      };
      const auto whole = std::exchange(of.name, of.name + "_" + of.extras[i]);
      add_rows(of, in_regime(on.lanes(), which, figure), discarded, wrong, "ns", random,
               into);
      of.name = whole;
    }
  }
  add_rows_of_no_regime(of, on.lanes(), before, into);
  for (auto at = before; at < into.rows.size(); ++at) {
    const auto& lane = on.lanes()[index_of(of, into.rows[at].contender)];
    into.rows[at].transfer_ns = transfer_in(of, lane, into.rows[at].params.placement);
    into.rows[at].disturbed = static_cast<std::uint64_t>(
        std::count_if(lane.samples.begin(), lane.samples.end(),
                      [](const sample& each) { return each.taken && each.disturbed; }));
    into.rows[at].gap = of.entries[index_of(of, into.rows[at].contender)].runs->gap();
  }
}

}  // namespace perf
