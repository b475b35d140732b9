// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/fan_in.hpp>
#include <sequencer/ring.hpp>

#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>
#include <optional>

#include "sanitized.hpp"

// What publishing and consuming must never do: allocate, call the system.
namespace {

std::atomic<std::uint64_t> allocations{0};

}  // namespace

[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1);
  return std::malloc(bytes);
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t to,
                                     const std::nothrow_t&) noexcept {
  allocations.fetch_add(1);
  const auto unit = static_cast<std::size_t>(to);
  return std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (void* at = operator new(bytes, std::nothrow)) return at;
  std::abort();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t to) {
  if (void* at = operator new(bytes, to, std::nothrow)) return at;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t, std::align_val_t) noexcept {
  std::free(at);
}

namespace {

using namespace sequencer;

struct quote {
  std::uint64_t price = 0;
};

// Every way to publish and to consume, more than a lap of each.
template <class Producers, class How>
std::uint64_t pass_many(ring<quote, Producers>& of, producer<ring<quote, Producers>, How>& out,
                        poller<ring<quote, Producers>>& in) {
  std::uint64_t seen = 0;
  const auto count = [&](const quote&, sequence, bool) { ++seen; };
  for (std::uint64_t i = 0; i < 3 * of.capacity(); ++i) {
    static_cast<void>(out.publish([&](quote& q) { q.price = i; }));
    static_cast<void>(out.publish(2, [&](quote& q, std::uint64_t n) { q.price = n; }));
    auto one = out.claim();
    one[0].price = i;
    std::move(one).publish();
    static_cast<void>(out.try_claim(3));
    auto some = out.try_claim_up_to(4);
    std::move(some).publish();
    static_cast<void>(out.try_claim(of.capacity()));  // not granted
    if (in.template await<How>(wait::at_once) == polled::batch) in.poll(count);
    in.poll(count);
  }
  return seen;
}

template <class Producers, class How>
void expect_no_allocation() {
  ring<quote, Producers> of(64);
  auto in = *of.join();
  auto out = *of.template make_producer<How>();
  const auto before = allocations.load();
  EXPECT_GT((pass_many<Producers, How>(of, out, in)), 0u);
  EXPECT_EQ(allocations.load(), before);
}

TEST(RingCosts, NoAllocation) {
  expect_no_allocation<producers::one, wait::spin>();
  expect_no_allocation<producers::one, wait::park>();
  expect_no_allocation<producers::many, wait::backoff>();
  expect_no_allocation<producers::many, wait::park>();
}

TEST(RingCosts, TheCounterOfAllocationsCounts) {
  const auto before = allocations.load();
  const ring<quote> of(1);
  const auto in = const_cast<ring<quote>&>(of).join();
  EXPECT_GT(allocations.load(), before);
}

// From here on any call but exit ends the process. Not strict mode, which takes the clock away too.
bool forbid_system_calls() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(rules)), rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

constexpr int cannot_forbid = 2;

template <class Work>
int without_system_calls(Work work) {
  const auto child = ::fork();
  if (child == 0) {
    work.prepare();
    if (!forbid_system_calls()) ::_exit(cannot_forbid);
    ::syscall(SYS_exit, work.run() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

template <class Producers, class How>
struct passing {
  ring<quote, Producers> of{64};
  std::optional<poller<ring<quote, Producers>>> in;
  std::optional<producer<ring<quote, Producers>, How>> out;

  void prepare() {
    in.emplace(*of.join());
    out.emplace(*of.template make_producer<How>());
  }
  bool run() { return pass_many<Producers, How>(of, *out, *in) > 0; }
};

// A consumer of two rings, until something is there.
struct passing_two {
  ring<quote> left{8};
  ring<quote, producers::many> right{64};
  std::optional<fan_in<poller<ring<quote>>, poller<ring<quote, producers::many>>>> both;
  std::optional<producer<ring<quote>, wait::park>> left_out;
  std::optional<producer<ring<quote, producers::many>, wait::park>> right_out;

  void prepare() {
    both.emplace(*left.join(), *right.join());
    left_out.emplace(*left.make_producer<wait::park>());
    right_out.emplace(*right.make_producer<wait::park>());
  }
  bool run() {
    std::uint64_t seen = 0;
    for (std::uint64_t i = 0; i < 200; ++i) {
      static_cast<void>(left_out->publish([&](quote& q) { q.price = i; }));
      static_cast<void>(right_out->publish([&](quote& q) { q.price = i; }));
      if (both->await<wait::park>() != polled::batch) return false;
      both->poll([&](const quote&, sequence, bool) { ++seen; });
      both->poll([&](const quote&, sequence, bool) { ++seen; });
      static_cast<void>(both->await<wait::monitor>(wait::at_once));
    }
    return seen == 400;
  }
};

TEST(RingCosts, NoAllocationByAConsumerOfTwo) {
  passing_two work;
  work.prepare();
  const auto before = allocations.load();
  EXPECT_TRUE(work.run());
  EXPECT_EQ(allocations.load(), before);
}

struct sleeping {
  void prepare() {}
  bool run() {
    ring<quote> of(1);
    auto in = *of.join();
    return in.await<wait::yield>(wait::in(std::chrono::milliseconds(1))) == polled::idle;
  }
};

template <class Work>
int outcome_of() {
  // In memory of its own: the child must not move what points at itself.
  auto work = std::make_unique<Work>();
  struct by_pointer {
    Work* of;
    void prepare() { of->prepare(); }
    bool run() { return of->run(); }
  };
  return without_system_calls(by_pointer{work.get()});
}

TEST(RingCosts, NoSystemCall) {
  if (sanitized) GTEST_SKIP() << "the sanitizer makes calls of its own";
  const int first = outcome_of<passing<producers::one, wait::spin>>();
  if (first == cannot_forbid) GTEST_SKIP() << "no seccomp here";
  EXPECT_EQ(first, 0);
  EXPECT_EQ((outcome_of<passing<producers::one, wait::park>>()), 0);
  EXPECT_EQ((outcome_of<passing<producers::many, wait::backoff>>()), 0);
  EXPECT_EQ((outcome_of<passing<producers::many, wait::park>>()), 0);
  EXPECT_EQ(outcome_of<passing_two>(), 0);
  EXPECT_EQ(outcome_of<sleeping>(), -SIGSYS) << "the guard against calls must bite";
}

}  // namespace
