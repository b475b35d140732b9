// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include <sequencer/checkpoint.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/or_throw.hpp>

#include "bare_writes.hpp"
#include "cases.hpp"
#include "stats.hpp"
#include "unsynced_os.hpp"
#include "victim.hpp"

// What a restart after SIGKILL costs, and what things weigh.
namespace perf {

namespace {

using clock = std::chrono::steady_clock;
using sequencer::or_throw;
namespace fs = std::filesystem;

double ns_since(clock::time_point from) {
  return std::chrono::duration<double, std::nano>(clock::now() - from).count();
}

std::string name_of(std::size_t index) { return fmt::format("sequence-{}", index); }

// A directory for live regions of this run only.
class live_directory {
 public:
  live_directory() {
    std::string made = "/dev/shm/sequencer-perf-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) throw std::runtime_error("/dev/shm: cannot be written");
    path_ = made;
  }
  ~live_directory() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  live_directory(const live_directory&) = delete;

  const std::string& path() const noexcept { return path_; }
  // Bytes that the regions in it take.
  std::uint64_t bytes() const {
    std::uint64_t all = 0;
    for (const auto& entry : fs::directory_iterator(path_)) {
      struct ::stat found {};
      if (::stat(entry.path().c_str(), &found) == 0) {
        all += static_cast<std::uint64_t>(found.st_blocks) * 512;
      }
    }
    return all;
  }

 private:
  std::string path_;
};

sequencer::checkpoint_options options_for(const std::string& live, sequencer::detail::os* system) {
  sequencer::checkpoint_options options;
  options.create = true;
  options.live = live.empty() ? sequencer::live_policy::off : sequencer::live_policy::required;
  if (!live.empty()) options.live_directory = live;
  options.system = system;
  return options;
}

[[noreturn]] void wait_to_be_killed() {
  for (;;) ::pause();
}

// Says how long it took from before open to the first number, and the number.
[[noreturn]] void open_and_wait(const std::string& path, const std::string& live,
                                const std::string& name) {
  const auto began = clock::now();
  auto file = or_throw(sequencer::checkpoint::open(path, options_for(live, nullptr)));
  auto numbers = or_throw(file.sequence(name, {.create = true}));
  const auto number = or_throw(numbers.next());
  const auto took = ns_since(began);
  fmt::print("{} {}\n", took, number);
  std::fflush(stdout);
  wait_to_be_killed();
}

// Says how long one page written and synced takes in a process that has just been started, as the
// opener has: idle processors and storage make it longer than one of many in a row.
[[noreturn]] void sync_and_wait(const std::string& path) {
  bare_writes bare(path, false, true);
  const auto began = clock::now();
  if (!bare.once()) throw std::runtime_error("a bare write failed");
  fmt::print("{}\n", ns_since(began));
  std::fflush(stdout);
  wait_to_be_killed();
}

// Makes and opens many sequences.
[[noreturn]] void fill_and_wait(const std::string& path, const std::string& live,
                                std::size_t count) {
  static unsynced_os fast;
  auto file = or_throw(sequencer::checkpoint::open(path, options_for(live, &fast)));
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    auto numbers = or_throw(file.sequence(name_of(i), {.create = true}));
    sum += or_throw(numbers.next());
  }
  ::sync();
  fmt::print("{}\n", sum);
  std::fflush(stdout);
  wait_to_be_killed();
}

struct restart {
  double ns = 0;
  std::uint64_t number = 0;
};

restart restart_once(const surroundings& in, const std::string& path, const std::string& live,
                     const std::string& name) {
  victim opener(in.program, {"--victim", "open", path, live, name});
  std::istringstream said(opener.said());
  restart found;
  said >> found.ns >> found.number;
  if (!said) throw std::runtime_error("an opener's words make no sense: " + said.str());
  return found;
}

double bare_sync_ns(const surroundings& in, const std::string& path) {
  victim syncer(in.program, {"--victim", "sync", path});
  return std::stod(syncer.said());
}

// Opens again and again after SIGKILL; every round's numbers must go on where the last one ended.
void run_restarts(surroundings& in, std::size_t sequences, double most_beyond_sync_ns,
                  double most_ns) {
  const live_directory live;
  const auto path = fresh_file(in, fmt::format("recovery-{}.seq", sequences));
  const auto name = name_of(sequences / 2);
  {
    victim first(in.program, {"--victim", "fill", path, live.path(), std::to_string(sequences)});
    first.said();
  }
  const auto bare = fresh_file(in, "bare-recovery");
  { const bare_writes made(bare, false); }
  std::vector<std::vector<double>> samples(2);
  std::vector<double> beyond;
  std::string wrong;
  std::uint64_t last = 1;  // the number that was taken when the file was made
  const auto rounds = std::min<std::uint64_t>(in.how.rounds, in.quick ? 15 : 31);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const auto found = restart_once(in, path, live.path(), name);
    if (found.number != last + 1) wrong = "a restart did not go on at exactly the next number";
    last = found.number;
    samples[0].push_back(found.ns);
    samples[1].push_back(bare_sync_ns(in, bare));
    beyond.push_back(samples[0].back() - samples[1].back());
  }
  contest of;
  of.name = "recovery";
  of.params = {8, 1, 1, sequences, "any"};
  of.ratios = {{"sequencer", "sync"}};
  for (const char* who : {"sequencer", "sync"}) of.entries.push_back({who, nullptr});
  add_rows(of, samples, {0, 0}, {wrong, ""}, "ns", in.random, in.into);
  const auto took = quantile(samples[0], 0.5);
  const auto more = quantile(beyond, 0.5);
  const bool by_sync = most_beyond_sync_ns > 0;
  in.into.verdicts.push_back(
      {fmt::format("open after SIGKILL to first number, {} sequence(s)", sequences),
       by_sync ? fmt::format("<= sync + {:.0f} us", most_beyond_sync_ns / 1e3)
               : fmt::format("<= {:.0f} ms", most_ns / 1e6),
       by_sync ? fmt::format("sync + {:.0f} us ({:.0f} us)", more / 1e3, took / 1e3)
               : fmt::format("{:.1f} ms", took / 1e6),
       wrong.empty() && (by_sync ? more <= most_beyond_sync_ns : took <= most_ns)});
}

std::uint64_t file_bytes(const std::string& path) { return fs::file_size(path); }

// Adds sequences with names of that length; bytes that each added to the file.
double bytes_for_more(sequencer::checkpoint& file, const std::string& path, std::size_t count,
                      std::size_t name_length) {
  const auto before = file_bytes(path);
  for (std::size_t i = 0; i < count; ++i) {
    auto name = fmt::format("{}-{}", name_length, i);
    name.resize(name_length, '.');
    const auto made = or_throw(file.sequence(name, {.create = true}));
    if (made.position() != 1) throw std::runtime_error("a new sequence does not start at 1");
  }
  return static_cast<double>(file_bytes(path) - before) / static_cast<double>(count);
}

void say_size(surroundings& in, const std::string& what, double bytes, double most) {
  in.into.sizes.push_back({what, static_cast<std::uint64_t>(std::lround(bytes))});
  in.into.verdicts.push_back({what, fmt::format("<= {:.0f} B", most),
                              fmt::format("{:.0f} B", bytes), bytes <= most});
}

}  // namespace

void run_recovery(surroundings& in) {
  run_restarts(in, 1, 50e3, 0);
  run_restarts(in, 65'536, 0, 25e6);
}

void run_sizes(surroundings& in) {
  constexpr std::size_t many = 1024;
  const live_directory live;
  unsynced_os fast;
  const auto path = fresh_file(in, "sizes.seq");
  auto file = or_throw(sequencer::checkpoint::open(path, options_for(live.path(), &fast)));
  const auto empty_live = static_cast<double>(live.bytes());
  say_size(in, "counter", sizeof(sequencer::counter), 256);
  bytes_for_more(file, path, 1, 64);
  say_size(in, "file, 1 sequence", static_cast<double>(file_bytes(path)), 65'536);
  say_size(in, "file, each further sequence, name of 64",
           bytes_for_more(file, path, many - 1, 63), 512);
  const auto full_live = static_cast<double>(live.bytes());
  say_size(in, "live region, a strict sequence", (full_live - empty_live) / many, 256);
  say_size(in, "file, each further sequence, name of 255",
           bytes_for_more(file, path, many, 255), 1024);
  or_throw(file.close());
}

int run_victim(const std::vector<std::string>& arguments) {
  if (arguments.size() == 4 && arguments[0] == "open") {
    open_and_wait(arguments[1], arguments[2], arguments[3]);
  }
  if (arguments.size() == 2 && arguments[0] == "sync") sync_and_wait(arguments[1]);
  if (arguments.size() == 4 && arguments[0] == "fill") {
    fill_and_wait(arguments[1], arguments[2], std::stoul(arguments[3]));
  }
  return 2;
}

}  // namespace perf
