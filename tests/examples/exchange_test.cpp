// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// exchange run, kill and check, end to end; and that the check sees what it is there to see.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <thread>

#include "../../examples/exchange/audit/tally.hpp"
#include "../../examples/exchange/disk/records.hpp"
#include "../../examples/exchange/message.hpp"
#include "tests/crash/scale.hpp"
#include "tests/tool/command.hpp"

namespace {

using command::outcome;
using command::words;
using examples::exchange::order;
using examples::exchange::report;
using sequencer::crash::scale;
using sequencer::crash::seed;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int bad_input = 2;
constexpr int broken_promise = 1;
constexpr std::uint64_t endless = 1'000'000'000;

using values = std::map<std::string, std::string>;

outcome exchange(words arguments) {
  arguments.insert(arguments.begin(), EXCHANGE_PROGRAM);
  return command::run(arguments);
}

class exchange_test : public testing::Test {
 protected:
  static words run_line(const std::string& desk, std::uint64_t orders, const words& more = {}) {
    words line{"run", desk, "--orders", std::to_string(orders)};
    line.insert(line.end(), more.begin(), more.end());
    return line;
  }

  static void run(const std::string& desk, std::uint64_t orders, const words& more = {}) {
    const auto done = exchange(run_line(desk, orders, more));
    ASSERT_EQ(done.status, 0) << done.err;
  }

  static std::uint64_t orders_in(const std::string& desk) {
    std::error_code missing;
    const auto bytes = fs::file_size(desk + "/journal", missing);
    return missing ? 0 : bytes / sizeof(order);
  }

  // Starts an endless run and kills it: while it recovers, or once it has journalled some more.
  void run_and_kill(const std::string& desk, const words& more) {
    auto line = run_line(desk, endless, more);
    line.insert(line.begin(), EXCHANGE_PROGRAM);
    // Few orders a batch, or as many as there can be.
    if (random_() % 4 != 0) line.insert(line.end(), {"--rate", "100000"});
    const bool early = random_() % 4 == 0;
    const auto enough = orders_in(desk) + 1 + random_() % 2'000;
    command::running engine(line);
    if (early) {
      for (auto looks = random_() % 30'000; looks != 0; --looks) orders_in(desk);
    } else {
      while (orders_in(desk) < enough && !engine.ended()) std::this_thread::yield();
    }
    engine.signal(SIGKILL);
    const auto end = engine.finish();
    EXPECT_EQ(end.status, 128 + SIGKILL) << end.err;
  }

  static values checked(const std::string& desk) {
    const auto found = exchange({"check", desk, "--values"});
    EXPECT_EQ(found.status, 0) << found.out << found.err << exchange({"check", desk}).out;
    values all;
    std::istringstream lines(found.out);
    for (std::string line; std::getline(lines, line);) {
      const auto equals = line.find('=');
      all[line.substr(0, equals)] = line.substr(equals + 1);
    }
    return all;
  }

  // Kills a desk often and checks after each; then lets it end.
  values survive(const words& more) {
    for (std::uint64_t i = 0; i < 6 * scale(); ++i) {
      run_and_kill(desk_, more);
      if (fs::exists(desk_ + "/trades") && fs::exists(desk_ + "/exchange.seq")) checked(desk_);
    }
    run(desk_, orders_in(desk_) + 1'000, more);
    auto found = checked(desk_);
    EXPECT_EQ(found.at("orders"), found.at("accepted"));
    EXPECT_EQ(found.at("reports"), found.at("published"));
    return found;
  }

  template <class Record>
  static std::vector<Record> read(const std::string& path) {
    std::vector<Record> all(fs::file_size(path) / sizeof(Record));
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(all.data()),
              static_cast<std::streamsize>(all.size() * sizeof(Record)));
    return all;
  }

  template <class Record>
  static void write(const std::string& path, const std::vector<Record>& all) {
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(all.data()),
               static_cast<std::streamsize>(all.size() * sizeof(Record)));
  }

  // Changes the orders of the journal and of its replica.
  template <class Change>
  void change_orders(Change change) const {
    for (const auto* name : {"/journal", "/replica"}) {
      auto all = read<order>(desk_ + name);
      change(all);
      write(desk_ + name, all);
    }
  }

  // Changes what a run left of its book.
  template <class Change>
  void change_marks(int run, Change change) const {
    using examples::exchange::run_facts;
    run_facts facts;
    std::fstream file(desk_ + "/run-000000000" + std::to_string(run) + ".tally",
                      std::ios::in | std::ios::out | std::ios::binary);
    const auto at = sizeof(std::uint64_t);  // behind the word that says what the file is
    file.seekg(at).read(reinterpret_cast<char*>(&facts), sizeof facts);
    change(facts.marks);
    file.seekp(at).write(reinterpret_cast<const char*>(&facts), sizeof facts);
  }

  void expect_broken(const std::string& said) const {
    const auto found = exchange({"check", desk_});
    EXPECT_EQ(found.status, broken_promise);
    EXPECT_THAT(found.out, HasSubstr("BROKEN: "));
    EXPECT_THAT(found.out, HasSubstr(said));
  }

  static void expect_refused(const outcome& found, const std::string& said) {
    EXPECT_EQ(found.status, bad_input);
    EXPECT_THAT(found.err, HasSubstr(said));
  }

  command::scratch scratch_;
  const std::string desk_ = scratch_ / "desk";
  std::mt19937_64 random_{seed()};
};

TEST_F(exchange_test, an_orderly_run_accepts_all_and_a_second_one_goes_on) {
  run(desk_, 3'000, {"--gateways", "3"});
  run(desk_, 5'000, {"--gateways", "3"});
  const auto found = checked(desk_);
  EXPECT_EQ(found.at("orders"), "5000");
  EXPECT_EQ(found.at("accepted"), "5000");
  EXPECT_EQ(found.at("unused"), "0");
  EXPECT_EQ(found.at("killed"), "0");
  EXPECT_NE(found.at("trades"), "0");
  EXPECT_EQ(found.at("published"), found.at("reports"));
}

TEST_F(exchange_test, kills_lose_no_accepted_order_and_use_no_number_twice) {
  survive({"--live", "required"});
}

TEST_F(exchange_test, kills_without_a_live_region_leave_numbers_out_and_nothing_else) {
  survive({"--live", "off", "--gateways", "3"});
}

// One gateway sends the same orders in the same order, so two desks can be compared.
TEST_F(exchange_test, the_book_after_kills_is_that_of_an_uninterrupted_run) {
  const words alone{"--gateways", "1", "--seed", "7"};
  const auto killed = survive(alone);
  const auto calm = scratch_ / "calm";
  run(calm, std::stoull(killed.at("orders")), alone);
  const auto uninterrupted = checked(calm);
  // Numbers differ where a kill left some out; what is bought and sold does not.
  EXPECT_EQ(killed.at("trades"), uninterrupted.at("trades"));
  EXPECT_EQ(killed.at("reports"), uninterrupted.at("reports"));
  EXPECT_EQ(killed.at("book"), uninterrupted.at("book"));
}

// However the gateways interleaved, the journal says it. What killed runs published bit by bit is
// what one run makes of the whole journal at once.
TEST_F(exchange_test, the_reports_of_many_gateways_after_kills_are_those_of_an_uninterrupted_run) {
  survive({"--gateways", "3", "--seed", "7"});
  const auto killed = read<report>(desk_ + "/trades");
  fs::remove(desk_ + "/trades");
  run(desk_, 1, {"--gateways", "3"});  // sends nothing: it recovers
  checked(desk_);
  EXPECT_TRUE(killed == read<report>(desk_ + "/trades"));
}

// A recovery that is broken on purpose, of a desk whose last trades a crash took.
class broken_recovery : public exchange_test {
 protected:
  void recover(const std::string& how) const {
    run(desk_, 3'000, {"--gateways", "3"});
    const auto trades = desk_ + "/trades";
    fs::resize_file(trades, read<report>(trades).size() / 3 * sizeof(report));
    auto line = run_line(desk_, 4'000, {"--gateways", "3"});
    line.insert(line.begin(), {"env", "EXCHANGE_BREAKS=" + how, BROKEN_EXCHANGE_PROGRAM});
    const auto done = command::run(line);
    ASSERT_EQ(done.status, 0) << done.err;
  }
};

TEST_F(broken_recovery, that_breaks_nothing_passes) {
  recover("nothing");
  EXPECT_EQ(checked(desk_).at("orders"), "4000");
}

TEST_F(broken_recovery, that_skips_an_order_is_found) {
  recover("skip");
  expect_broken("is not what the journal yields");
  expect_broken("run 2: its book after order ");
}

TEST_F(broken_recovery, that_applies_an_order_twice_is_found) {
  recover("twice");
  expect_broken("is not what the journal yields");
  expect_broken("run 2: its book after order ");
}

TEST_F(broken_recovery, that_publishes_a_report_twice_is_found) {
  recover("publish");
  expect_broken("trades: 1 reports more than the journal yields");
}

TEST_F(exchange_test, quotes_come_from_a_file) {
  const auto input = scratch_ / "level1.csv";
  std::ofstream(input) << "5859400,200,5853300,18\n5859100,18,5853300,18\n5859200,18,5853300,18";
  const auto done = exchange({"run", desk_, "--input", input, "--gateways", "1"});
  ASSERT_EQ(done.status, 0) << done.err;
  EXPECT_EQ(checked(desk_).at("orders"), "6");
  const auto journal = read<order>(desk_ + "/journal");
  ASSERT_EQ(journal.size(), 6u);
  EXPECT_EQ(journal[2].ask.price, 5859100);
  EXPECT_EQ(journal[4].bid.size, 18);
  const auto published = exchange({"trades", desk_, "--all"});
  EXPECT_EQ(published.status, 0);
  EXPECT_THAT(published.out, HasSubstr("order 1 left ask 200 at 5859400, bid 18 at 5853300\n"));
}

TEST_F(exchange_test, what_a_kill_tears_is_cut_off) {
  run_and_kill(desk_, {});
  run(desk_, orders_in(desk_) + 1);
  for (const auto* name : {"/journal", "/replica", "/trades"}) {
    std::ofstream(desk_ + name, std::ios::app) << "half a record";
  }
  run(desk_, orders_in(desk_) + 100);
  checked(desk_);
}

TEST_F(exchange_test, a_damaged_journal_is_mended_from_its_replica) {
  run(desk_, 2'000);
  command::flip(desk_ + "/journal", 1'000 * sizeof(order));
  expect_broken("journal: record 1000 is damaged, and 999 good ones follow it");
  run(desk_, 2'001);
  EXPECT_EQ(checked(desk_).at("orders"), "2001");
}

TEST_F(exchange_test, orders_that_neither_file_has_are_not_passed_over) {
  run(desk_, 2'000);
  command::flip(desk_ + "/journal", 1'000 * sizeof(order));
  command::flip(desk_ + "/replica", 1'000 * sizeof(order));
  expect_refused(exchange(run_line(desk_, 3'000)),
                 "was told that its orders up to 1000 are accepted");
  EXPECT_EQ(orders_in(desk_), 2'000u);
}

TEST_F(exchange_test, a_checkpoint_older_than_the_journal_is_refused) {
  run(desk_, 1'000);
  fs::remove(desk_ + "/exchange.seq");
  expect_refused(exchange(run_line(desk_, 2'000)), "adopt");
}

TEST_F(exchange_test, a_full_disk_ends_the_run_and_loses_nothing) {
  const auto line = "trap '' XFSZ; ulimit -f 100; exec " + std::string(EXCHANGE_PROGRAM) + " run " +
                    desk_ + " --orders " + std::to_string(endless);
  expect_refused(command::run({"bash", "-c", line}), "File too large");
  run(desk_, orders_in(desk_) + 100);
  checked(desk_);
}

TEST_F(exchange_test, check_finds_a_number_used_twice) {
  run(desk_, 1'000);
  change_orders([](auto& all) {
    all[500].number = all[499].number;
    all[500] = sealed(all[500]);
  });
  expect_broken("1 numbers were used twice");
}

TEST_F(exchange_test, check_finds_numbers_out_of_order) {
  run(desk_, 1'000);
  change_orders([](auto& all) { std::swap(all[10], all[11]); });
  expect_broken("1 numbers are not above the one before them");
}

TEST_F(exchange_test, check_finds_a_number_that_was_never_issued) {
  run(desk_, 1'000);
  change_orders([](auto& all) {
    all.back().number = endless;
    all.back() = sealed(all.back());
  });
  expect_broken("number 1000000000 is in the journal");
}

TEST_F(exchange_test, check_finds_a_record_cut_in_the_middle) {
  run(desk_, 1'000);
  auto journal = read<std::byte>(desk_ + "/journal");
  const auto at = journal.begin() + 500 * sizeof(order);
  journal.erase(at, at + 20);
  write(desk_ + "/journal", journal);
  expect_broken("journal: record 500 is damaged, though the last run ended orderly");
}

TEST_F(exchange_test, check_finds_an_accepted_order_that_is_missing) {
  run(desk_, 1'000);
  change_orders([](auto& all) { all.resize(998); });
  expect_broken("were accepted and are not in the journal");
}

TEST_F(exchange_test, check_finds_an_order_that_is_journalled_twice) {
  run(desk_, 1'000);
  change_orders([](auto& all) {
    auto again = all.back();
    ++again.number;
    all.push_back(sealed(again));
  });
  expect_broken("1 orders do not follow their gateway's order before");
}

TEST_F(exchange_test, check_finds_an_order_that_nobody_sent) {
  run(desk_, 1'000);
  change_orders([](auto& all) {
    auto more = all.back();
    ++more.number;
    ++more.own;
    all.push_back(sealed(more));
  });
  expect_broken("that it never sent");
}

TEST_F(exchange_test, check_finds_a_replica_that_differs) {
  run(desk_, 1'000);
  auto replica = read<order>(desk_ + "/replica");
  replica[300].bid.size += 1;
  replica[300] = sealed(replica[300]);
  write(desk_ + "/replica", replica);
  expect_broken("the replica differs from the journal at record 300");
  expect_refused(exchange(run_line(desk_, 2'000)), "hold different orders");
}

TEST_F(exchange_test, check_finds_a_replica_that_is_short) {
  run(desk_, 1'000);
  fs::resize_file(desk_ + "/replica", 990 * sizeof(order));
  expect_broken("the replica lacks 10 of the accepted orders");
}

TEST_F(exchange_test, check_finds_a_trade_that_is_missing) {
  run(desk_, 1'000);
  auto trades = read<report>(desk_ + "/trades");
  trades.erase(trades.begin() + 77);
  write(desk_ + "/trades", trades);
  expect_broken("trades: 1 reports are missing");
}

TEST_F(exchange_test, check_finds_a_trade_that_was_published_twice) {
  run(desk_, 1'000);
  auto trades = read<report>(desk_ + "/trades");
  trades.push_back(trades.back());
  write(desk_ + "/trades", trades);
  expect_broken("trades: 1 reports more than the journal yields");
  expect_refused(exchange(run_line(desk_, 2'000)), "of which the journal explains");
}

TEST_F(exchange_test, check_finds_a_book_that_went_astray) {
  run(desk_, 1'000);
  run(desk_, 1);  // sends nothing, so its one mark is of the recovered book
  change_marks(2, [](auto& marks) { marks[0].digest ^= 1; });
  expect_broken("run 2: its book after order 1000 was not that of an uninterrupted run");
}

TEST_F(exchange_test, check_finds_a_book_of_orders_that_are_not_journalled) {
  run(desk_, 1'000);
  change_marks(1, [](auto& marks) { marks[0].number = marks[1].number = endless; });
  expect_broken("run 1: its book stood at order 1000000000, which the journal lacks");
}

TEST_F(exchange_test, check_finds_a_recovered_book_that_is_not_shown) {
  run(desk_, 1'000);
  run(desk_, 2'000);
  change_marks(2, [](auto& marks) { marks[0] = marks[1] = {}; });
  expect_broken("run 2: shows no book that it recovered");
}

TEST_F(exchange_test, check_finds_a_final_book_that_is_not_shown) {
  run(desk_, 1'000);
  run(desk_, 2'000);
  change_marks(1, [](auto& marks) {
    auto& last = marks[0].number < marks[1].number ? marks[1] : marks[0];
    last = {};
  });
  expect_broken("run 1: ended orderly with its book at order ");
  expect_broken(", the journal was at 1000");
}

TEST_F(exchange_test, bad_input_is_named) {
  const auto input = scratch_ / "input";
  for (const auto* line : {"1,2,3", "1,2,3,4,5", "1,2,3,x", "1,-2,3,4", "", "1,2,3,99999999999"}) {
    std::ofstream(input) << "1,2,3,4\n" << line << "\n";
    expect_refused(exchange({"run", desk_, "--input", input}), "line 2 is");
  }
  expect_refused(exchange({"run", desk_, "--input", scratch_ / "none"}), "No such file");
  expect_refused(exchange({"run", desk_}), "--orders N, or --input FILE");
  expect_refused(exchange(run_line(input, 1)), "directory");
  expect_refused(exchange({"check", scratch_ / "none"}), "is not a directory");
  fs::create_directory(scratch_ / "bare");
  expect_refused(exchange({"check", scratch_ / "bare"}), "exchange.seq: is missing");
}

TEST_F(exchange_test, help_says_what_it_is_for) {
  const auto help = exchange({"--help"});
  EXPECT_EQ(help.status, 0);
  EXPECT_THAT(help.out, HasSubstr("Exit status"));
}

}  // namespace
