// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Durable numbers, beside the volatile counter and a bare durable write. Files are made in the
// current directory: run it on the storage that matters.

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include <sequencer/checkpoint.hpp>
#include <sequencer/counter.hpp>
#include <sequencer/or_throw.hpp>

#include "checked.hpp"

namespace {

using sequencer::or_throw;

// A file of this benchmark; gone with it.
struct scratch_file {
  std::string path = "checkpoint_bench-" + std::to_string(::getpid()) + ".seq";
  scratch_file() { std::filesystem::remove(path); }
  ~scratch_file() { std::filesystem::remove(path); }
};

template <class Taker>
void take(benchmark::State& state, Taker& from, std::uint64_t first) {
  std::uint64_t sum = 0;
  for (auto _ : state) {
    const auto number = from.next();
    if (!number) return state.SkipWithError("refused");
    benchmark::DoNotOptimize(sum += *number);
  }
  bench::check_dense(state, sum, first, first + static_cast<std::uint64_t>(state.iterations()));
}

void strict(benchmark::State& state, sequencer::durability how, std::uint64_t max_gap) {
  const scratch_file file;
  auto opened = or_throw(sequencer::checkpoint::open(file.path, {.create = true}));
  auto numbers = or_throw(
      opened.sequence("numbers", {.create = true, .durability = how, .max_gap = max_gap}));
  const auto first = numbers.position();
  take(state, numbers, first);
  const auto last = numbers.position();
  bench::check(state, last - first == static_cast<std::uint64_t>(state.iterations()), "lost");
  bench::check(state, last <= numbers.high_water(), "a number left before its mark");
  state.counters["syncs"] = static_cast<double>(opened.metrics().syncs);
}

void ahead(benchmark::State& state) {
  strict(state, sequencer::durability::ahead, std::uint64_t{1} << 26);
}
void each(benchmark::State& state) { strict(state, sequencer::durability::each, 1 << 20); }

void blocks(benchmark::State& state) {
  const scratch_file file;
  auto opened = or_throw(sequencer::checkpoint::open(file.path, {.create = true}));
  auto numbers = or_throw(opened.blocks(
      "numbers", {.create = true, .max_gap = std::uint64_t{1} << 26, .block = 4096}));
  auto mine = numbers.local();
  take(state, mine, 1);
}

void volatile_counter(benchmark::State& state) {
  sequencer::counter numbers(1);
  take(state, numbers, 1);
}

void open_and_close(benchmark::State& state) {
  const scratch_file file;
  std::uint64_t epoch = 0;
  for (auto _ : state) {
    auto opened = or_throw(sequencer::checkpoint::open(file.path, {.create = true}));
    epoch = opened.open_epoch();
    or_throw(opened.close());
  }
  bench::check(state, epoch == static_cast<std::uint64_t>(state.iterations()), "an epoch is lost");
}

void durable_write(benchmark::State& state) {
  const scratch_file file;
  const int fd = ::open(file.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  static char page[4096];
  const iovec part{page, sizeof page};
  std::int64_t bytes = ::pwrite(fd, page, sizeof page, 0) + ::pwrite(fd, page, sizeof page, 4096);
  off_t at = 0;
  for (auto _ : state) bytes += ::pwritev2(fd, &part, 1, at ^= 4096, RWF_DSYNC);
  ::close(fd);
  bench::check(state, bytes == 4096 * (state.iterations() + 2), "a write failed");
}

BENCHMARK(bench::null_loop)->Name("null");
BENCHMARK(volatile_counter)->Name("baseline/counter");
BENCHMARK(durable_write)->Name("baseline/durable_write")->UseRealTime();
BENCHMARK(ahead)->Name("checkpoint/ahead")->UseRealTime();
BENCHMARK(blocks)->Name("checkpoint/blocks")->UseRealTime();
BENCHMARK(each)->Name("checkpoint/each")->UseRealTime();
BENCHMARK(open_and_close)->Name("checkpoint/open_and_close")->UseRealTime();

}  // namespace
