// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "output.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace sequencer::tool {

namespace {

struct watch_arguments {
  place at;
  std::vector<std::string> names;
  double interval = 1;
  std::uint64_t count = 0;  // 0: until interrupted
};

using steady = std::chrono::steady_clock;

// One look at the file.
struct look {
  checkpoint_report seen;
  steady::time_point when;
};

// How two looks differ.
class change {
 public:
  change(const look* before, const look& now) : before_(before), now_(now) {
    const bool same = before != nullptr && before->seen.open_epoch == now.seen.open_epoch;
    if (!same) before_ = nullptr;
    if (same) seconds_ = std::chrono::duration<double>(now.when - before->when).count();
  }

  // Of the numbers of one sequence; where positions are bounds, of its mark.
  std::optional<std::uint64_t> rate_of(const sequence_status& now) const {
    const auto* was = before_ == nullptr ? nullptr : find(before_->seen.sequences, now.name);
    if (was == nullptr) return std::nullopt;
    const bool exact = was->exact && now.exact;
    return per_second(exact ? was->position : was->high_water,
                      exact ? now.position : now.high_water);
  }

  std::optional<std::uint64_t> rate_of(std::uint64_t checkpoint_metrics::*figure) const {
    if (before_ == nullptr || !before_->seen.metrics || !now_.seen.metrics) return std::nullopt;
    return per_second((*before_->seen.metrics).*figure, (*now_.seen.metrics).*figure);
  }

 private:
  std::optional<std::uint64_t> per_second(std::uint64_t was, std::uint64_t is) const {
    if (seconds_ <= 0 || is < was) return std::nullopt;
    return static_cast<std::uint64_t>(static_cast<double>(is - was) / seconds_ + 0.5);
  }

  const look* before_;
  const look& now_;
  double seconds_ = 0;
};

std::string rate_text(std::optional<std::uint64_t> rate) { return rate ? grouped(*rate) : "-"; }

std::string clock_text(const char* form) {
  const auto now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  return fmt::format(fmt::runtime(form), fmt::localtime(now));
}

std::uint64_t ahead(const sequence_status& of) {
  return of.exact && of.high_water > of.position ? of.high_water - of.position : 0;
}

std::string owner_line(const checkpoint_report& seen) {
  if (!seen.owned) return seen.live ? "its owner was killed" : "nobody has it open";
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto open_ns = std::chrono::nanoseconds(now).count() - seen.opened_ns;
  const auto seconds = std::max<std::int64_t>(open_ns / 1'000'000'000, 0);
  return fmt::format("open in process {} for {}", seen.owner_pid,
                     span_text(static_cast<std::uint64_t>(seconds)));
}

// ---- on a terminal: one picture, redrawn where it stands

class screen {
 public:
  // Replaces what the last call drew. Never higher or wider than the terminal, or the next call
  // could not find its beginning.
  void draw(std::vector<std::string> lines) {
    struct winsize size {};
    if (::ioctl(out().fd(), TIOCGWINSZ, &size) != 0 || size.ws_row < 4 || size.ws_col < 20) {
      size.ws_row = 24;
      size.ws_col = 80;
    }
    const std::size_t room = size.ws_row - 1u;
    if (lines.size() > room) {
      const auto hidden = lines.size() - room + 1;
      lines.resize(room - 1);
      lines.push_back(fmt::format("  and {} more: name those to watch", grouped(hidden)));
    }
    if (drawn_ != 0) out().write(fmt::format("\x1b[{}A\r", drawn_));
    for (const auto& each : lines) {
      out().write(cut(each, size.ws_col - 1u));
      out().write("\x1b[K\n");
    }
    out().write("\x1b[J");
    drawn_ = lines.size();
  }

 private:
  static std::string cut(const std::string& line, std::size_t columns) {
    return fmt::format("{:.{}}", line, columns);
  }

  std::size_t drawn_ = 0;
};

std::string keeper_line(const checkpoint_metrics& of, const change& since) {
  return fmt::format("keeper lag {}, slowest {}   syncs {} ({}/s), mean {}, slowest {}   "
                     "waits {} ({}/s)",
                     duration_text(of.last_lag_ns), duration_text(of.slowest_lag_ns),
                     grouped(of.syncs), rate_text(since.rate_of(&checkpoint_metrics::syncs)),
                     duration_text(of.mean_sync_ns), duration_text(of.slowest_sync_ns),
                     grouped(of.waits), rate_text(since.rate_of(&checkpoint_metrics::waits)));
}

std::vector<std::string> picture(const checkpoint_report& seen, const change& since) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("{}   {}   open epoch {}   {}", seen.path, clock_text("{:%T}"),
                              grouped(seen.open_epoch), owner_line(seen)));
  if (seen.metrics && seen.owned) lines.push_back(keeper_line(*seen.metrics, since));
  if (seen.owned && !seen.live) lines.push_back("no live region to read: positions are bounds");
  for (const auto& each : seen.findings) lines.push_back("! " + each);
  lines.emplace_back();
  table shown({"NAME", ">NEXT", ">RATE/S", ">AHEAD", ">RESERVATION", ">WAITS"}, "  ");
  for (const auto& each : seen.sequences) {
    shown.row({printable(each.name), next_text(each), rate_text(since.rate_of(each)),
               each.exact ? grouped(ahead(each)) : "-", grouped(each.window),
               grouped(each.waits)});
  }
  for (auto& each : shown.lines()) lines.push_back(std::move(each));
  return lines;
}

// ---- elsewhere: a line a sequence and look, for programs and logs

constexpr const char* line_form = "{:<19} {:>19} {:>12} {:>12} {:>8} {:>10} {:>12} {:>12} {}";

std::string heading() {
  return fmt::format(fmt::runtime(line_form), "TIME", "NEXT", "RATE", "AHEAD", "WAITS", "SYNCS",
                     "LAG_NS", "SLOWEST_NS", "NAME");
}

std::string plain(std::optional<std::uint64_t> value) {
  return value ? std::to_string(*value) : "-";
}

void print_lines(const checkpoint_report& seen, const change& since) {
  const auto time = clock_text("{:%FT%T}");
  std::optional<std::uint64_t> syncs, lag, slowest;
  if (seen.metrics) {
    syncs = seen.metrics->syncs;
    lag = seen.metrics->last_lag_ns;
    slowest = seen.metrics->slowest_lag_ns;
  }
  for (const auto& each : seen.sequences) {
    const auto distance = each.exact ? std::to_string(ahead(each)) : "-";
    const auto next = each.exact ? each.position : each.high_water;
    out().line(fmt::format(fmt::runtime(line_form), time, next, plain(since.rate_of(each)),
                           distance, each.waits, plain(syncs), plain(lag), plain(slowest),
                           printable(each.name)));
  }
}

// ---- the loop

void keep_named(std::vector<sequence_status>& all, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::erase_if(all, [&](const auto& each) {
    return std::find(names.begin(), names.end(), each.name) == names.end();
  });
}

sigset_t interrupts() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  ::sigaddset(&set, SIGTERM);
  return set;
}

// False when the user had enough.
bool pause(double seconds) {
  const auto set = interrupts();
  struct timespec time {};
  time.tv_sec = static_cast<std::time_t>(seconds);
  time.tv_nsec = static_cast<long>((seconds - static_cast<double>(time.tv_sec)) * 1e9);
  return ::sigtimedwait(&set, nullptr, &time) < 0;
}

bool redraws() {
  const char* terminal = std::getenv("TERM");
  return out().is_terminal() && terminal != nullptr && std::string_view(terminal) != "dumb";
}

exit_code watch(const watch_arguments& asked) {
  const auto set = interrupts();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  const bool drawing = redraws();
  screen here;
  std::optional<look> before;
  for (std::uint64_t looks = 0;;) {
    auto seen = checkpoint::inspect(asked.at.file, asked.at.options());
    if (!seen) return report(seen.failure());
    look now{std::move(*seen), steady::now()};
    keep_named(now.seen.sequences, asked.names);
    const change since(before ? &*before : nullptr, now);
    if (drawing) {
      here.draw(picture(now.seen, since));
    } else {
      if (looks == 0) out().line(heading());
      print_lines(now.seen, since);
    }
    if (!out().flush() || ++looks == asked.count || !pause(asked.interval)) return finish();
    before = std::move(now);
  }
}

constexpr const char* watch_footer = R"(Reads beside the process that owns the file and never
disturbs it. On a terminal the picture is redrawn where it stands; elsewhere a line comes
out for each sequence and look, with plain integers and nanoseconds. Ends at ^C, or after
--count looks.

  NEXT         the next number to be handed out; "<= N" where only a bound is known
  RATE         numbers a second since the last look
  AHEAD        numbers between NEXT and the durable mark; "-" where NEXT is only a bound
  RESERVATION  how far the keeper sets the mark ahead at present
  WAITS        calls that found the keeper late, since the file was opened
  LAG          from a request for more numbers to their mark being usable

Examples:
  sequencer watch desk.seq
  sequencer watch desk.seq trades --interval 0.2
  sequencer watch desk.seq --count 60 > minute.txt)";

}  // namespace

void add_watch(CLI::App& to, action& chosen) {
  auto asked = std::make_shared<watch_arguments>();
  auto* verb = to.add_subcommand("watch", "show a file at work: rates, distance to the mark, lag");
  verb->footer(watch_footer);
  add_place(*verb, asked->at);
  verb->add_option("NAME", asked->names, "only these sequences (default: all)")
      ->type_name("");
  verb->add_option("-i,--interval", asked->interval, "seconds between looks (default: 1)")
      ->type_name("S")
      ->check(CLI::Range(0.01, 86'400.0).description(""));
  verb->add_option("-n,--count", asked->count, "how many looks (default: until interrupted)")
      ->type_name("N")
      ->transform(whole_number(1, top));
  verb->callback([asked, &chosen] { chosen = [asked] { return watch(*asked); }; });
}

}  // namespace sequencer::tool
