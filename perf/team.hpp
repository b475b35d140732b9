// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace perf {

// What it cost to let some threads do something at the same time.
struct timing {
  double ns = 0;               // from the first start to the last end
  std::uint64_t preempted = 0;  // involuntary switches of the workers while they worked
  bool stolen = false;          // the hypervisor took time from some CPU
};

// Threads pinned to CPUs, kept for long, released together.
class team {
 public:
  // Of a thread that is not pinned. Where there is one, the threads may be more than the CPUs are,
  // and make way for each other until all are there.
  static constexpr int any_cpu = -1;

  explicit team(std::vector<int> cpus);
  ~team();
  team(const team&) = delete;
  team& operator=(const team&) = delete;

  unsigned size() const noexcept { return static_cast<unsigned>(threads_.size()); }

  // Runs work(i) on the first `count` threads at once and waits for all.
  timing run(unsigned count, const std::function<void(unsigned)>& work);

  // One way of a line between the first two threads' CPUs, in ns; 0 with one thread.
  double line_transfer();

 private:
  struct alignas(128) span {
    std::uint64_t began = 0;
    std::uint64_t ended = 0;
    std::uint64_t preempted = 0;
  };

  void serve(unsigned index, int cpu);
  void work_once(unsigned index);

  const bool crowded_;
  std::mutex guard_;
  std::condition_variable changed_;
  std::uint64_t job_ = 0;
  unsigned wanted_ = 0;
  unsigned left_ = 0;
  bool stop_ = false;
  const std::function<void(unsigned)>* work_ = nullptr;
  std::atomic<unsigned> present_{0};
  std::vector<span> spans_;
  std::vector<std::thread> threads_;
};

}  // namespace perf
