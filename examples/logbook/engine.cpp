// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <thread>
#include <utility>
#include <vector>

#include "../shared/directory.hpp"
#include "../shared/lines.hpp"
#include "../shared/orderly_end.hpp"
#include "../shared/progress.hpp"
#include "../shared/trouble.hpp"
#include "log_file.hpp"
#include "tally.hpp"

namespace examples::logbook {

namespace {

using clock = std::chrono::steady_clock;
using sequencer::sequence;

// Everything that the workers of a run share.
struct work {
  const input_lines& lines;
  const std::uint64_t total;
  const std::size_t threads;
  const std::uint64_t rate;
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> running{0};
};

// Keeps one worker to its share of the rate.
class pace {
 public:
  pace(std::uint64_t rate, std::size_t threads)
      : each_(rate == 0 ? clock::duration::zero()
                        : std::chrono::duration_cast<clock::duration>(
                              std::chrono::duration<double>(static_cast<double>(threads) /
                                                            static_cast<double>(rate)))) {}

  void wait(std::uint64_t done) const {
    constexpr std::uint64_t look_every = 64;
    if (each_ == clock::duration::zero() || done % look_every != 0) return;
    std::this_thread::sleep_until(began_ + each_ * static_cast<clock::rep>(done));
  }

 private:
  clock::duration each_;
  clock::time_point began_ = clock::now();
};

// One thread: every threads-th line of the input gets a number and goes into this thread's log.
// The numbers come from `take`; the first one was taken by whoever made the worker.
class worker {
 public:
  worker(work& shared, std::size_t index, log_writer log, thread_tally& count)
      : shared_(shared), index_(index), log_(std::move(log)), count_(count) {}

  template <class Take>
  void operator()(Take& take, std::optional<sequence> first) {
    const pace pace(shared_.rate, shared_.threads);
    std::uint64_t done = 0;
    for (auto at = index_; at < shared_.total && !shared_.stop; at += shared_.threads) {
      const auto number = first ? *std::exchange(first, std::nullopt) : next(take);
      if (failed_) break;
      log_.append(number, shared_.lines[at]);
      ++done;
      if (log_.full()) flush(done);
      pace.wait(done);
    }
    flush(done);
  }

  // Why it stopped early; empty otherwise.
  const std::string& why() const noexcept { return why_; }

 private:
  template <class Take>
  sequence next(Take& take) {
    ++begun_;
    count_.begun.store(begun_, std::memory_order_release);
    const auto number = take.next();
    if (!number) {
      fail(std::string(number.text()));
      return 0;
    }
    count_.taken.store(begun_, std::memory_order_release);
    return *number;
  }

  void flush(std::uint64_t done) {
    if (!log_.flush()) {
      return fail(log_.path().string() + ": writing the log: " + std::strerror(errno));
    }
    count_.written.store(done, std::memory_order_release);
  }

  void fail(std::string why) {
    if (!failed_) why_ = std::move(why);
    failed_ = true;
    shared_.stop = true;
  }

  work& shared_;
  const std::size_t index_;
  log_writer log_;
  thread_tally& count_;
  std::uint64_t begun_ = count_.begun;
  bool failed_ = false;
  std::string why_;
};

std::uint64_t taken_so_far(const tally& tally) {
  std::uint64_t all = 0;
  for (const auto& each : tally.threads()) all += each.taken;
  return all;
}

// Runs one thread per taker until all are done or the end is asked for; the first reason why one
// gave up, or "".
template <class Take>
std::string run_workers(work& shared, std::vector<Take>& takers, std::vector<worker>& workers,
                        sequence first, const tally& tally, const orderly_end& end, bool quiet) {
  shared.running = takers.size();
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < takers.size(); ++i) {
    threads.emplace_back([&, i] {
      workers[i](takers[i], i == 0 ? std::optional(first) : std::nullopt);
      --shared.running;
    });
  }
  progress progress(quiet, "lines");
  while (shared.running != 0) {
    if (end.asked_within(std::chrono::milliseconds(20))) shared.stop = true;
    progress.show(taken_so_far(tally), shared.total);
  }
  threads.clear();
  for (const auto& each : workers) {
    if (!each.why().empty()) return each.why();
  }
  return {};
}

// Logs of one directory are stamped from one checkpoint, or no order would hold between them.
void refuse_mixed(const std::filesystem::path& directory, const std::string& checkpoint) {
  std::string uuid;
  if (std::filesystem::exists(checkpoint)) {
    uuid = or_trouble(sequencer::checkpoint::inspect(checkpoint)).uuid;
  }
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".tally") continue;
    const auto earlier = tally::open(entry.path());
    if (earlier.facts().uuid == uuid) continue;
    throw trouble(directory.string() + ": holds logs that were stamped from another checkpoint (" +
                  entry.path().filename().string() + "); give each checkpoint its own directory");
  }
}

// What is true of a whole run, once its first number is out.
run_facts facts_of(const run_options& options, const sequencer::checkpoint& file,
                   const std::string& path, sequence first, clock::duration open_to_first) {
  run_facts facts{};
  const auto report = or_trouble(sequencer::checkpoint::inspect(path));
  report.uuid.copy(facts.uuid, sizeof facts.uuid - 1);
  facts.epoch = file.open_epoch();
  facts.first = first;
  facts.threads = options.threads;
  facts.live = file.live();
  facts.open_to_first_ns = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(open_to_first).count());
  facts.last_sync_ns = file.metrics().last_sync_ns;
  for (const auto& each : or_trouble(file.list())) {
    if (each.name != options.name) continue;
    facts.max_gap = each.max_gap;
    facts.block = each.blocks ? each.max_block : 0;
    facts.each = each.durability == sequencer::durability::each;
  }
  options.name.copy(facts.name, sizeof facts.name - 1);
  return facts;
}

// One worker per taker; `first` was taken by the first of them already.
template <class Take>
std::uint64_t log_lines(const run_options& options, std::vector<Take> takers, sequence first,
                        const run_facts& facts, const input_lines& lines,
                        const orderly_end& end) {
  const std::filesystem::path directory = options.directory;
  auto tally = tally::create(tally_path(directory, facts.epoch), facts);
  tally.threads()[0].begun = tally.threads()[0].taken = 1;
  work shared{lines, options.lines == 0 ? lines.size() : options.lines, options.threads,
              options.rate};
  std::vector<worker> workers;
  workers.reserve(options.threads);
  for (std::size_t i = 0; i < options.threads; ++i) {
    workers.emplace_back(shared, i, log_writer(directory, {facts.uuid, facts.epoch, i}),
                         tally.threads()[i]);
  }
  const auto why = run_workers(shared, takers, workers, first, tally, end, options.quiet);
  if (!why.empty()) throw trouble(why);
  tally.facts().ended = 1;
  std::uint64_t written = 0;
  for (const auto& each : tally.threads()) written += each.written;
  return written;
}

// Opens the sequence that `open` makes takers of, times the way to the first number, and goes on.
template <class Open>
void run_with(const run_options& options, const input_lines& lines, const orderly_end& end,
              Open open) {
  const auto path = options.checkpoint.empty() ? checkpoint_in(options.directory)
                                               : options.checkpoint;
  refuse_mixed(options.directory, path);
  const auto opening = clock::now();
  auto file = or_trouble(
      sequencer::checkpoint::open(path, {.create = true, .live = options.live}));
  auto takers = open(file);
  const auto first = takers[0].next();
  const auto opened = clock::now();
  if (!first) throw trouble(path + ": " + std::string(first.text()));
  const auto facts = facts_of(options, file, path, *first, opened - opening);
  const auto began = clock::now();
  const auto written = log_lines(options, std::move(takers), *first, facts, lines, end);
  const std::chrono::duration<double> spent = clock::now() - began;
  or_trouble(file.close());
  if (options.quiet) return;
  fmt::print("{} lines in {:.2f} s, run {} of {}; first number {} after {:.0f} us{}\n", written,
             spent.count(), facts.epoch, path, *first,
             static_cast<double>(facts.open_to_first_ns) / 1e3,
             file.live_refusal().empty() ? "" : "; no live region: " + file.live_refusal());
}

}  // namespace

std::string checkpoint_in(const std::string& directory) {
  return (std::filesystem::path(directory) / "logbook.seq").string();
}

void run(const run_options& options) {
  const input_lines lines(options.input);
  prepare_directory(options.directory);
  const orderly_end end;
  if (options.blocks) {
    return run_with(options, lines, end, [&](sequencer::checkpoint& file) {
      auto blocks = or_trouble(file.blocks(
          options.name, {.create = true, .durability = options.durability,
                         .max_gap = options.max_gap, .block = options.block}));
      std::vector<sequencer::durable_blocks::handle> takers;
      for (std::size_t i = 0; i < options.threads; ++i) takers.push_back(blocks.local());
      return takers;
    });
  }
  run_with(options, lines, end, [&](sequencer::checkpoint& file) {
    const auto strict = or_trouble(file.sequence(
        options.name, {.create = true, .durability = options.durability,
                       .max_gap = options.max_gap}));
    return std::vector<sequencer::durable_sequence>(options.threads, strict);
  });
}

}  // namespace examples::logbook
