// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "audit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <span>

#include <sequencer/checkpoint.hpp>

#include "../../shared/trouble.hpp"
#include "../book.hpp"
#include "../disk/files.hpp"
#include "../disk/records.hpp"
#include "../message.hpp"
#include "tally.hpp"

namespace examples::exchange {

namespace {

files checked(const std::string& directory) {
  if (!std::filesystem::is_directory(directory)) {
    throw trouble(directory + ": is not a directory; name one that `exchange run` filled");
  }
  files in(directory);
  for (const auto& each : {in.checkpoint, in.journal, in.replica, in.trades}) {
    if (std::filesystem::exists(each)) continue;
    throw trouble(each.string() + ": is missing; name a directory that `exchange run` filled");
  }
  return in;
}

// Numbers that were issued are below.
std::uint64_t issued_in(const files& in) {
  const auto report = or_trouble(sequencer::checkpoint::inspect(in.checkpoint));
  if (report.owned) {
    throw trouble(in.directory.string() + ": a run is under way; check when it has ended");
  }
  for (const auto& each : report.sequences) {
    if (each.name == orders_name) return each.exact ? each.position : each.high_water;
  }
  return 0;
}

// All that a check looks at.
struct evidence {
  explicit evidence(const std::string& directory) : in(checked(directory)) {}

  files in;
  std::uint64_t issued = issued_in(in);
  records<order> journal{in.journal};
  records<order> replica{in.replica};
  records<report> trades{in.trades};
  tallies runs = tallies_in(in.directory);
};

class auditor {
 public:
  explicit auditor(const std::string& directory) : seen_(directory) {}

  audit judge() {
    judge_ends();
    judge_numbers();
    judge_gateways();
    judge_replica();
    judge_replay();
    judge_runs();
    return std::move(found_);
  }

 private:
  template <class... Values>
  void broken(fmt::format_string<Values...> what, Values&&... values) {
    found_.broken.push_back(fmt::format(what, std::forward<Values>(values)...));
  }

  std::span<const order> orders() const noexcept { return seen_.journal.good(); }
  bool ended() const { return !seen_.runs.empty() && last_run().ended != 0; }
  const run_facts& last_run() const { return seen_.runs.rbegin()->second.facts(); }

  // A kill cuts off an end; it leaves nothing good beyond.
  template <class Record>
  void judge_end(const char* what, const records<Record>& of) {
    if (of.good_beyond() != 0) {
      broken("{}: record {} is damaged, and {} good ones follow it", what, of.good().size(),
             of.good_beyond());
    } else if (ended() && of.bytes_beyond() != 0) {
      broken("{}: record {} is damaged, though the last run ended orderly", what,
             of.good().size());
    }
  }

  void judge_ends() {
    judge_end("journal", seen_.journal);
    judge_end("replica", seen_.replica);
    judge_end("trades", seen_.trades);
    found_.orders = orders().size();
  }

  void judge_numbers() {
    std::vector<std::uint64_t> numbers;
    for (const auto& each : orders()) {
      found_.unordered += !numbers.empty() && each.number <= numbers.back();
      numbers.push_back(each.number);
    }
    std::sort(numbers.begin(), numbers.end());
    const auto beyond = std::unique(numbers.begin(), numbers.end());
    found_.twice = static_cast<std::uint64_t>(numbers.end() - beyond);
    numbers.erase(beyond, numbers.end());
    if (!numbers.empty()) found_.unused = numbers.back() + 1 - numbers.front() - numbers.size();
    if (!numbers.empty() && numbers.back() >= seen_.issued) {
      broken("number {} is in the journal, the checkpoint issued those below {}", numbers.back(),
             seen_.issued);
    }
    if (found_.twice != 0) broken("{} numbers were used twice", found_.twice);
    if (found_.unordered != 0) {
      broken("{} numbers are not above the one before them", found_.unordered);
    }
  }

  // By gateway, its own count: 1, 2, 3, ... in the order of the journal, up to what was promised
  // at least and to what was sent at most.
  void judge_gateways() {
    orders_by_gateway present;
    orders_by_gateway last;
    const auto promised = acknowledged_in(seen_.runs);
    std::uint64_t astray = 0;
    for (const auto& each : orders()) {
      astray += each.own != last[each.gateway] + 1;
      last[each.gateway] = each.own;
      const auto promise = promised.find(each.gateway);
      present[each.gateway] += promise != promised.end() && each.own <= promise->second;
    }
    if (astray != 0) broken("{} orders do not follow their gateway's order before", astray);
    auto sent = sent_in(seen_.runs);
    for (const auto& [gateway, own] : last) {
      if (own <= sent[gateway]) continue;
      broken("the journal has {} orders of gateway {} that it never sent", own - sent[gateway],
             gateway);
    }
    for (const auto& [gateway, own] : promised) {
      found_.accepted += own;
      if (present[gateway] >= own) continue;
      found_.lost += own - present[gateway];
      broken("{} orders of gateway {} were accepted and are not in the journal",
             own - present[gateway], gateway);
    }
  }

  void judge_replica() {
    const auto mine = orders();
    const auto other = seen_.replica.good();
    const auto both = std::min(mine.size(), other.size());
    const auto same = [](const order& a, const order& b) { return a.seal == b.seal; };
    const auto differs = static_cast<std::size_t>(
        std::mismatch(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(both),
                      other.begin(), same).first - mine.begin());
    if (differs != both) broken("the replica differs from the journal at record {}", differs);
    if (other.size() < accepted_end()) {
      broken("the replica lacks {} of the accepted orders", accepted_end() - other.size());
    }
  }

  // Where the accepted orders end in the journal.
  std::size_t accepted_end() const {
    const auto promised = acknowledged_in(seen_.runs);
    auto end = orders().size();
    const auto accepted = [&](const order& each) {
      const auto own = promised.find(each.gateway);
      return own != promised.end() && each.own <= own->second;
    };
    while (end != 0 && !accepted(orders()[end - 1])) --end;
    return end;
  }

  // The uninterrupted run. The journal holds the orders in the one order in which a book got them,
  // however the gateways interleaved: so what a new book makes of it, report by report, is what was
  // to be published, and how it stands after an order is how every run's book stood there.
  void judge_replay() {
    const auto published = seen_.trades.good();
    auto marks = marks_of_runs();
    std::uint64_t wrong = published.size();
    book book;
    for (const auto& each : orders()) {
      book.apply(each, [&](const report& said) {
        const auto at = found_.reports++;
        if (at >= wrong || sealed(said) == published[at]) return;
        wrong = at;
      });
      const auto [from, to] = marks.equal_range(each.number);
      for (auto mark = from; mark != to; ++mark) compare(mark->second, each.number, book);
      marks.erase(from, to);
    }
    for (const auto& [number, mark] : marks) {
      broken("run {}: its book stood at order {}, which the journal lacks", mark.epoch, number);
    }
    found_.trades = book.trades();
    found_.digest = book.digest();
    found_.published = published.size();
    judge_trades(wrong);
  }

  void judge_trades(std::uint64_t wrong) {
    if (wrong < found_.published && wrong < found_.reports) {
      broken("trades: report {} is not what the journal yields", wrong);
    }
    if (found_.published > found_.reports) {
      broken("trades: {} reports more than the journal yields",
             found_.published - found_.reports);
    }
    if (ended() && found_.published < found_.reports) {
      broken("trades: {} reports are missing, though the last run ended orderly",
             found_.reports - found_.published);
    }
  }

  struct run_mark {
    std::uint64_t epoch;
    std::uint64_t digest;
  };
  // What of a run's book the replay has met.
  struct compared {
    std::uint64_t marks = 0;
    std::uint64_t last = 0;  // number of the order
  };

  std::multimap<std::uint64_t, run_mark> marks_of_runs() {
    std::multimap<std::uint64_t, run_mark> all;
    for (const auto& [epoch, run] : seen_.runs) {
      for (const auto& mark : run.facts().marks) {
        if (mark.number != 0) all.insert({mark.number, {epoch, mark.digest}});
      }
    }
    return all;
  }

  void compare(const run_mark& with, std::uint64_t number, const book& replayed) {
    auto& of_run = compared_[with.epoch];
    ++of_run.marks;
    of_run.last = number;
    if (replayed.digest() == with.digest) return;
    broken("run {}: its book after order {} was not that of an uninterrupted run", with.epoch,
           number);
  }

  void judge_runs() {
    for (auto at = seen_.runs.begin(); at != seen_.runs.end(); ++at) {
      const auto after = std::next(at);
      const auto& facts = at->second.facts();
      const auto next = after == seen_.runs.end() ? orders().size() : after->second.facts().orders;
      found_.runs.push_back({facts.epoch, facts.first, facts.orders, next - facts.orders,
                             facts.dropped, facts.recovery_ns, compared_[facts.epoch].marks,
                             facts.live != 0, facts.ended != 0});
      if (next < facts.orders || next > orders().size()) {
        broken("run {}: began with {} orders in the journal, the next one with {}", facts.epoch,
               facts.orders, next);
      } else if (next > facts.orders && orders()[facts.orders].number < facts.first) {
        broken("run {}: began at number {}, its first order has {}", facts.epoch, facts.first,
               orders()[facts.orders].number);
      } else {
        judge_book(facts, next);
      }
    }
  }

  // Whether a run showed the book that it recovered or left; `end`: orders in the journal then.
  void judge_book(const run_facts& facts, std::uint64_t end) {
    const auto& [marks, last] = compared_[facts.epoch];
    if (facts.recovery_ns != 0 && facts.orders != 0 && marks == 0) {
      broken("run {}: shows no book that it recovered", facts.epoch);
    }
    if (facts.ended != 0 && end != 0 && last != orders()[end - 1].number) {
      broken("run {}: ended orderly with its book at order {}, the journal was at {}", facts.epoch,
             last, orders()[end - 1].number);
    }
  }

  evidence seen_;
  audit found_;
  std::map<std::uint64_t, compared> compared_;  // by epoch
};

const char* yes(bool value) { return value ? "yes" : "no"; }

double ms(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

void print_run(const run_audit& run) {
  fmt::print("{:>6} {:>12} {:>12} {:>12} {:>8} {:>6} {:>5} {:>12}  {}\n", run.epoch, run.first,
             run.found, run.orders, run.dropped, run.marks, yes(run.live),
             run.recovery_ns == 0 ? "-" : fmt::format("{:.1f}", ms(run.recovery_ns)),
             run.ended ? "orderly" : "killed");
}

std::vector<std::uint64_t> recoveries_of(const audit& of) {
  std::vector<std::uint64_t> spans;
  for (const auto& run : of.runs) {
    // One that found nothing recovers nothing; 0: it was killed before it was done.
    if (run.found != 0 && run.recovery_ns != 0) spans.push_back(run.recovery_ns);
  }
  std::sort(spans.begin(), spans.end());
  return spans;
}

}  // namespace

audit check(const std::string& directory) { return auditor(directory).judge(); }

void print(const audit& of) {
  fmt::print("{:>6} {:>12} {:>12} {:>12} {:>8} {:>6} {:>5} {:>12}\n", "run", "first number",
             "orders found", "orders added", "cut, B", "marks", "live", "recovery, ms");
  for (const auto& run : of.runs) print_run(run);
  fmt::print("\n{} orders, {} of them accepted, {} accepted and lost\n"
             "{} numbers used twice, {} out of order, {} left out\n"
             "{} trades; {} of {} reports published; book {:016x}\n",
             of.orders, of.accepted, of.lost, of.twice, of.unordered, of.unused, of.trades,
             of.published, of.reports, of.digest);
  for (const auto& each : of.broken) fmt::print("BROKEN: {}\n", each);
  if (of.broken.empty()) fmt::print("every promise held\n");
}

void print_values(const audit& of) {
  const auto spans = recoveries_of(of);
  std::uint64_t killed = 0;
  std::uint64_t marks = 0;
  for (const auto& run : of.runs) {
    killed += !run.ended;
    marks += run.marks;
  }
  fmt::print("runs={}\nkilled={}\norders={}\naccepted={}\nlost={}\ntwice={}\nunordered={}\n"
             "unused={}\ntrades={}\nreports={}\npublished={}\nmarks={}\nbook={:016x}\n"
             "recovery_ms={:.1f}\nrecovery_most_ms={:.1f}\nbroken={}\n",
             of.runs.size(), killed, of.orders, of.accepted, of.lost, of.twice, of.unordered,
             of.unused, of.trades, of.reports, of.published, marks, of.digest,
             spans.empty() ? 0 : ms(spans[spans.size() / 2]), spans.empty() ? 0 : ms(spans.back()),
             of.broken.size());
}

}  // namespace examples::exchange
