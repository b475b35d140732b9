// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A lock made of sequential names (ZooKeeper's recipe), and the fence that it needs: an owner who
// is paused for too long loses the lock without noticing, and what he writes afterwards is refused.

#include <fmt/format.h>

#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <sequencer/fence.hpp>
#include <sequencer/name_list.hpp>
#include <sequencer/sequential_name.hpp>

namespace {

// Names of those who want the lock; the one without a predecessor has it.
class queue_lock {
 public:
  // The caller's name in the queue, once it is at the front.
  std::string acquire() {
    const auto mine = *names_.create("/lock/owner-");
    // Who is watched may have given up: look again.
    while (const auto before = names_.predecessor(mine)) names_.await_removal(*before);
    return mine;
  }

  // Also what a service does when it hears nothing of the owner any more.
  void release(const std::string& name) { (void)names_.remove(name); }

  // Greater than that of every owner before: the number of the name.
  static sequencer::sequence token(const std::string& name) {
    return sequencer::parse_name(name)->number;
  }

 private:
  sequencer::counter numbers_{1};
  sequencer::name_list<> names_{"/lock", numbers_};
};

// What the lock guards. It does not believe that who writes has the lock: it asks the fence, in the
// same critical section as it writes.
class account {
 public:
  bool add(int amount, sequencer::sequence token) {
    const std::lock_guard held(writing_);
    if (!fence_.admit(token)) return false;
    balance_ += amount;
    return true;
  }
  int balance() const { return balance_; }

 private:
  std::mutex writing_;
  sequencer::fence fence_;
  int balance_ = 0;
};

void count_together(queue_lock& lock, account& shared) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 250; ++n) {
        const auto mine = lock.acquire();
        shared.add(1, queue_lock::token(mine));
        lock.release(mine);
      }
    });
  }
  for (auto& each : threads) each.join();
  fmt::print("4 threads, 250 times each: the balance is {}\n", shared.balance());
}

void pause_an_owner(queue_lock& lock, account& shared) {
  const auto told = [](const char* who, bool let_in) {
    fmt::print("{} writes: {}\n", who, let_in ? "let in" : "refused, a newer owner wrote");
  };
  const auto late = lock.acquire();
  fmt::print("a has the lock, token {}\n", queue_lock::token(late));
  told("a", shared.add(10, queue_lock::token(late)));
  fmt::print("a is paused, and its session ends\n");
  std::thread next([&] {
    const auto mine = lock.acquire();
    fmt::print("b has the lock, token {}\n", queue_lock::token(mine));
    told("b", shared.add(20, queue_lock::token(mine)));
    lock.release(mine);
  });
  lock.release(late);
  next.join();
  fmt::print("a goes on, and believes that it has the lock\n");
  told("a", shared.add(10, queue_lock::token(late)));
  fmt::print("the balance is {}\n", shared.balance());
}

}  // namespace

int main() {
  queue_lock lock;
  account shared;
  count_together(lock, shared);
  pause_an_owner(lock, shared);
  return shared.balance() == 1'030 ? 0 : 1;
}
