// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Threads on CPUs whose numbers a cpu_set_t does not hold. Hosts have them, this one hardly: what
// the system would be asked for is looked at instead.

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>

#include <sequencer/detail/worker_thread.hpp>

namespace {

std::size_t asked_bytes = 0;
int asked_count = 0;
bool asked_for_1500 = false;

}  // namespace

// Stands in for the C library's, which sequencer calls.
extern "C" int pthread_attr_setaffinity_np(pthread_attr_t*, std::size_t bytes,
                                           const cpu_set_t* cpus) noexcept {
  asked_bytes = bytes;
  asked_count = CPU_COUNT_S(bytes, cpus);
  asked_for_1500 = CPU_ISSET_S(1500, bytes, cpus) != 0;
  return 0;
}

namespace {

TEST(worker_thread, asks_for_any_cpu_by_its_number) {
  std::atomic<bool> ran{false};
  sequencer::detail::worker_thread thread;
  const auto run = [](void* flag) { *static_cast<std::atomic<bool>*>(flag) = true; };
  ASSERT_EQ(thread.start("far", 1500, run, &ran), 0);
  thread.join();
  EXPECT_TRUE(ran);
  EXPECT_TRUE(asked_for_1500);
  EXPECT_EQ(asked_count, 1);
  EXPECT_GT(asked_bytes, 1500u / 8);
}

}  // namespace
