// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Every call that the checkpoint makes of the operating system, failing at its first, second,
// n-th time with each error it can give: no number is issued twice, nothing leaves above the last
// durable mark, the error says where and what to do, and a clean reopen goes on.

#include <gtest/gtest.h>

#include <cctype>
#include <functional>
#include <iostream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <sequencer/checkpoint.hpp>

#include "scale.hpp"
#include "simulated_disk.hpp"
#include "watched_os.hpp"

namespace sequencer::crash {
namespace {

const std::string desk = "/disk/desk.seq";

// What a caller holds in his hands after a run, whole or broken off.
struct outcome {
  std::map<std::string, std::set<sequence>> issued;
  std::vector<std::string> duplicates;
  std::vector<error> errors;
};

class program {
 public:
  program(detail::os& system, outcome& so_far) : system_(system), seen_(so_far) {}

  void run(bool create) {
    auto opened = checkpoint::open(desk, {.create = create,
                                          .live_directory = "/live",
                                          .keeper_thread = false,
                                          .system = &system_});
    if (!opened) return fail(opened.failure());
    file_ = &*opened;
    take_strict("trades", {.create = create, .max_gap = 16}, 20);
    take_strict("each", {.create = create, .durability = durability::each, .max_gap = 16}, 5);
    take_strict("fast", {.create = create, .durability = durability::memory, .max_gap = 16}, 20);
    take_blocks({.create = create, .max_gap = 16, .block = 4}, 12);
    // Two records each: enough for a second page.
    for (int i = 0; i < 7 && create; ++i) {
      take_strict(std::string(70, 'n') + std::to_string(i), {.create = true, .max_gap = 16}, 1);
    }
    static_cast<void>(file_->backup("/disk/copy.seq"));
    take_strict("trades", {}, 20);
    if (auto closed = file_->close(); !closed) fail(closed.failure());
  }

 private:
  void fail(const error& why) { seen_.errors.push_back(why); }

  void note(const std::string& name, sequence number) {
    if (!seen_.issued[name].insert(number).second) {
      seen_.duplicates.push_back(name + " " + std::to_string(number));
    }
  }

  void take_strict(const std::string& name, sequence_options options, int count) {
    auto opened = file_->sequence(name, options);
    if (!opened) return fail(opened.failure());
    take(name, count, [&] { return opened->try_next(); });
  }

  void take_blocks(block_sequence_options options, int count) {
    auto opened = file_->blocks("blocks", options);
    if (!opened) return fail(opened.failure());
    auto handle = opened->local();
    take("blocks", count, [&] { return handle.try_next(); });
  }

  template <class Next>
  void take(const std::string& name, int count, Next next) {
    for (int tries = 0; count != 0 && tries < 200; ++tries) {
      const auto taken = next();
      if (taken) {
        note(name, *taken);
        --count;
      } else if (taken.code() == errc::unavailable) {
        file_->tend();
      } else {
        return;  // stopped: the reason was reported by whoever met it
      }
    }
  }

  detail::os& system_;
  outcome& seen_;
  checkpoint* file_ = nullptr;
};

// A sentence a person can act on: where, what, and what to do.
bool is_actionable(const error& what) {
  const bool names_place = what.text.find("/disk/") != what.text.npos ||
                           what.text.find("/live/") != what.text.npos;
  return names_place && what.text.find(": ") != what.text.npos &&
         what.text.find_first_of(";,") != what.text.npos;
}

struct faults {
  std::uint64_t runs = 0;
  std::uint64_t stopped = 0;  // of them ended with an error
  std::vector<std::string> broken;
};

// A further life, with nothing failing.
void go_on(machine& host, const outcome& seen, const std::string& where, bool other_boot,
           faults& found) {
  const auto door = host.boot_process();
  outcome again = seen;
  again.errors.clear();
  program(*door, again).run(true);
  for (const auto& each : again.errors) {
    const bool forgotten = each.code == errc::fenced && each.text.find("'fast'") != each.text.npos;
    if (!other_boot || !forgotten) found.broken.push_back(where + "then: " + each.text);
  }
  for (const auto& each : again.duplicates) found.broken.push_back(where + "REISSUED " + each);
  for (const auto& [name, numbers] : seen.issued) {
    if (other_boot && name == "fast") continue;
    if (!numbers.empty() && again.issued[name].size() < numbers.size() + 1) {
      found.broken.push_back(where + name + " does not go on");
    }
  }
}

// Runs the program with the n-th `call` failing, in its first life or its second; then lets a
// third life go on in peace.
bool fail_once(std::string_view call, fate with, int n, bool sticky, bool in_second_life,
               faults& found) {
  machine host;
  outcome seen;
  int count = 0;
  bool struck = false;
  {
    const auto door = host.boot_process();
    watched_os faulty(*door);
    const auto strike = [&](std::string_view made) {
      if (made != call) return fate{};
      const bool now = sticky ? ++count >= n : ++count == n;
      struck = struck || now;
      return now ? with : fate{};
    };
    if (!in_second_life) faulty.watch(strike);
    program(faulty, seen).run(true);
    if (in_second_life) {
      faulty.watch(strike);
      program(faulty, seen).run(false);
    }
  }
  if (!struck) return false;
  ++found.runs;
  const auto where = std::string(call) + " #" + std::to_string(n) + (sticky ? "+" : "") +
                     " errno " + std::to_string(with.error) +
                     (in_second_life ? ", second life: " : ": ");
  found.stopped += seen.errors.empty() ? 0u : 1u;
  for (const auto& each : seen.errors) {
    if (!is_actionable(each)) found.broken.push_back(where + "no help in: " + each.text);
  }
  go_on(host, seen, where, false, found);
  // A failed sync has lost the data, even where a later one succeeds.
  if (call.find("write") == call.npos && call.find("sync") == call.npos) return true;
  each_power_cut(host.log(), host.position(), 2, seed(), [&](const disk_image& disk) {
    machine after(disk);
    after.set_boot_id("ffffffff-0000-4000-8000-000000000000");
    go_on(after, seen, where + "(power cut) ", true, found);
  });
  return true;
}

struct breakable {
  std::string_view call;
  std::vector<int> errors;
};

const std::vector<breakable> calls = {
    {"open", {EACCES, EROFS, EMFILE, ENFILE, ENOSPC, EINTR, ENOMEM, EIO}},
    {"close", {EIO, EINTR}},
    {"pread", {EIO, EINTR, ENOMEM}},
    {"pwrite", {EIO, ENOSPC, EDQUOT, EFBIG, EINTR, EROFS}},
    {"pwrite_durably", {EIO, ENOSPC, EDQUOT, EFBIG, EINTR, EROFS}},
    {"fdatasync", {EIO, ENOSPC, EDQUOT, EINTR}},
    {"fsync", {EIO, ENOSPC, EDQUOT, EINTR}},
    {"fstat", {EIO, ENOMEM}},
    {"stat", {EACCES, EIO, ENOMEM}},
    {"fstatfs", {EIO, EINTR}},
    {"link", {EIO, ENOSPC, EACCES, EROFS}},
    {"unlink", {EIO, EACCES, EROFS}},
    {"allocate", {ENOSPC, EDQUOT, EFBIG, EIO, EINTR}},
    {"truncate", {ENOSPC, EFBIG, EIO}},
    {"lock", {ENOLCK, EIO, EINTR}},
    {"map", {ENOMEM, EACCES}},
    {"random", {ENOSYS, EINTR}},
    {"real_path", {EACCES, EIO, ENOMEM}},
    {"boot_id", {EACCES, EMFILE}},
};

class each_call : public testing::TestWithParam<breakable> {};

TEST_P(each_call, failing_once_or_for_good_costs_no_number) {
  faults found;
  for (const int error : GetParam().errors) {
    // EINTR for ever is no failure of a device; going on after it is right.
    for (const bool sticky : {false, true}) {
      if (sticky && error == EINTR) continue;
      const bool further = error != GetParam().errors.front();
      if (sticky && further && scale() < 20) continue;
      for (const bool second : {false, true}) {
        for (int n = 1; fail_once(GetParam().call, {error, 0}, n, sticky, second, found);
             ++n) {
          if (found.broken.size() > 10) break;
        }
      }
    }
  }
  std::cout << GetParam().call << ": " << found.runs << " faults, " << found.stopped
            << " of them reported\n";
  EXPECT_GT(found.runs, 0u);
  for (const auto& each : found.broken) ADD_FAILURE() << each;
}

INSTANTIATE_TEST_SUITE_P(of_the_door, each_call, testing::ValuesIn(calls),
                         [](const auto& info) { return std::string(info.param.call); });

TEST(short_counts, of_reads_and_writes_cost_nothing) {
  faults found;
  for (const auto call : {"pread", "pwrite", "pwrite_durably"}) {
    for (const std::size_t most : {1000u, 2048u}) {
      for (const bool sticky : {false, true}) {
        for (const bool second : {false, true}) {
          for (int n = 1; fail_once(call, {0, most}, n, sticky, second, found); ++n) {
            if (found.broken.size() > 10) break;
          }
        }
      }
    }
  }
  std::cout << found.runs << " short counts\n";
  EXPECT_EQ(found.stopped, 0u);
  for (const auto& each : found.broken) ADD_FAILURE() << each;
}

// The first sync fails; what is written or synced after it is counted.
struct first_sync_fails {
  bool broken = false;
  int calls_after = 0;

  fate operator()(std::string_view call) {
    const bool syncs = call == "pwrite_durably" || call == "fdatasync" || call == "fsync";
    if (broken && (syncs || call == "pwrite")) ++calls_after;
    if (!syncs || broken) return {};
    broken = true;
    return {EIO, 0};
  }
};

// A sync that failed once and then "succeeds" has lost the data: nobody asks it again.
TEST(failed_sync, is_never_asked_again) {
  machine host;
  const auto door = host.boot_process();
  watched_os faulty(*door);
  auto opened = checkpoint::open(desk, {.create = true,
                                        .live_directory = "/live",
                                        .keeper_thread = false,
                                        .system = &faulty});
  ASSERT_TRUE(opened) << opened.text();
  auto trades = opened->sequence("trades", {.max_gap = 16});
  ASSERT_TRUE(trades) << trades.text();
  first_sync_fails strike;
  faulty.watch(std::ref(strike));
  const auto durable = trades->high_water();
  std::uint64_t issued = 0;
  result<sequence> last = errc::unavailable;
  for (int i = 0; i < 100; ++i) {
    last = trades->try_next();
    if (last) {
      ++issued;
      EXPECT_LT(*last, durable);
    } else {
      opened->tend();
    }
  }
  EXPECT_TRUE(strike.broken);
  EXPECT_EQ(last.code(), errc::io);
  EXPECT_EQ(trades->high_water(), durable) << "a mark moved after its sync had failed";
  EXPECT_EQ(issued, durable - 1) << "what was durable before may leave";
  const auto closed = opened->close();
  ASSERT_FALSE(closed);
  EXPECT_EQ(closed.failure().os_error, EIO);
  EXPECT_EQ(strike.calls_after, 0) << "wrote or synced again after a failure";
}

// Pages that an unclean end left in doubt are confirmed at an orderly one, unless it has failed.
TEST(failed_sync, is_not_followed_by_the_confirmation_of_other_pages) {
  machine host;
  const auto open_on = [](detail::os& system) {
    return checkpoint::open(desk, {.create = true,
                                   .live = live_policy::off,
                                   .keeper_thread = false,
                                   .system = &system});
  };
  const auto name = [](int i) { return std::string(70, 'n') + std::to_string(i); };
  {
    const auto door = host.boot_process();
    auto opened = open_on(*door);
    ASSERT_TRUE(opened) << opened.text();
    for (int i = 0; i < 12; ++i) {
      ASSERT_TRUE(opened->sequence(name(i), {.create = true, .max_gap = 16}));
    }
    door->kill();
  }
  const auto door = host.boot_process();
  watched_os faulty(*door);
  auto opened = open_on(faulty);
  ASSERT_TRUE(opened) << opened.text();
  ASSERT_TRUE(opened->sequence(name(0)));
  first_sync_fails strike;
  faulty.watch(std::ref(strike));
  const auto closed = opened->close();
  ASSERT_FALSE(closed);
  EXPECT_TRUE(strike.broken);
  EXPECT_EQ(closed.failure().os_error, EIO);
  EXPECT_EQ(strike.calls_after, 0) << "wrote or synced again after a failure";
  EXPECT_FALSE(opened->close()) << "what failed once is not closed well the second time";
}

}  // namespace
}  // namespace sequencer::crash
