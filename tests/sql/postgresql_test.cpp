// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The same random program of statements, by several sessions, runs on a PostgreSQL of this test's
// own and on named sequences: every answer is the same. What differs on purpose is in
// docs/orders.md, and has its own case here.

#include <gtest/gtest.h>
#include <libpq-fe.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <iostream>
#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>

#include "perf/systems/private_server.hpp"
#include <tests/crash/scale.hpp>
#include <tests/crash/scratch.hpp>

namespace sequencer {
namespace {

using limits = std::numeric_limits<std::int64_t>;

// ---- PostgreSQL

// What a statement answers on either side: a value, or a class of errors.
struct answer {
  std::string said;
  friend bool operator==(const answer&, const answer&) = default;
};
std::ostream& operator<<(std::ostream& to, const answer& of) { return to << of.said; }

struct hang_up {
  void operator()(PGconn* of) const { ::PQfinish(of); }
};
struct clear {
  void operator()(PGresult* of) const { ::PQclear(of); }
};
using connection = std::unique_ptr<PGconn, hang_up>;

// SQLSTATE to what the same refusal is here.
std::string class_of(const std::string& state) {
  if (state == "2200H") return "exhausted";    // nextval: reached maximum value of sequence
  if (state == "55000") return "unavailable";  // currval is not yet defined in this session
  if (state == "42P01") return "unknown";
  if (state == "42P07") return "exists";
  if (state == "22023" || state == "22003") return "invalid";
  return "SQLSTATE " + state;
}

class server {
 public:
  server() : data_("/tmp", user_), log_(data_.path() + "/log") {
    std::vector<std::filesystem::path> versions;
    std::error_code none;
    for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
      versions.push_back(each.path());
    }
    std::sort(versions.rbegin(), versions.rend());
    if (versions.empty()) throw std::runtime_error("postgresql is not installed");
    const auto bin = (versions.front() / "bin").string();
    perf::systems::run_as(user_,
                          {bin + "/initdb", "--pgdata", data_.path() + "/data", "--username",
                           "test", "--auth", "trust", "--no-locale", "--encoding", "UTF8",
                           "--no-sync"},
                          log_);
    at_work_.emplace(user_,
                     std::vector<std::string>{bin + "/postgres", "-D", data_.path() + "/data",
                                              "-k", data_.path(), "-c", "listen_addresses=", "-c",
                                              "fsync=off", "-c", "client_min_messages=error"},
                     log_, SIGQUIT);
    at_work_->await([&] { return ::PQstatus(connect().get()) == CONNECTION_OK; });
  }

  connection connect() const {
    const auto how = "host=" + data_.path() + " user=test dbname=postgres";
    return connection(::PQconnectdb(how.c_str()));
  }

 private:
  const perf::systems::user user_ = perf::systems::server_user();
  const perf::systems::own_directory data_;
  const std::string log_;
  std::optional<perf::systems::private_server> at_work_;
};

answer ask(const connection& to, const std::string& text) {
  const std::unique_ptr<PGresult, clear> got(::PQexec(to.get(), text.c_str()));
  const auto status = ::PQresultStatus(got.get());
  if (status == PGRES_COMMAND_OK) return {"done"};
  if (status != PGRES_TUPLES_OK) {
    const char* state = ::PQresultErrorField(got.get(), PG_DIAG_SQLSTATE);
    return {state == nullptr ? ::PQerrorMessage(to.get()) : class_of(state)};
  }
  std::string all;
  for (int i = 0; i < ::PQnfields(got.get()); ++i) {
    all += (i == 0 ? "" : "|") + std::string(::PQgetvalue(got.get(), 0, i));
  }
  return {all};
}

// ---- the same on both sides

answer of(const result<std::int64_t>& got) {
  return {got ? std::to_string(*got) : std::string(name(got.code()))};
}
answer of(const result<void>& got) { return {got ? "done" : std::string(name(got.code()))}; }

constexpr std::size_t sessions = 3;
const std::array<std::string, 4> names{"a", "b", "c", "d"};

std::string text(std::int64_t number) { return "'" + std::to_string(number) + "'::bigint"; }

// Both systems, and what a statement is on each.
class both {
 public:
  explicit both(const server& theirs) : theirs_(theirs) {
    connect();
    static_cast<void>(ask(at_[0], "DROP SEQUENCE IF EXISTS a, b, c, d"));
  }

  // Every session ends: what it held is lost, and nothing else. Ours closes its file too.
  void start_again() {
    ours_.clear();
    EXPECT_TRUE(file_.close());
    file_ = *checkpoint::open(path_, options());
    connect();
  }

  void create(std::size_t who, const std::string& name, const named_options& options) {
    const auto theirs = ask(at_[who], "CREATE SEQUENCE " + name + words(options));
    const auto made = file_.named().create(name, options);
    const bool exists = !made && made.text().find("exists already") != std::string_view::npos;
    same(who, "CREATE SEQUENCE " + name + words(options), theirs,
         exists ? answer{"exists"} : of(made));
  }

  void alter(std::size_t who, const std::string& name, const named_change& change) {
    auto statement = "ALTER SEQUENCE " + name + words(change.options);
    if (change.restart) statement += " RESTART";
    if (change.restart_with) {
      statement += (change.restart ? " WITH " : " RESTART WITH ") +
                   std::to_string(*change.restart_with);
    }
    const auto theirs = ask(at_[who], statement);
    same(who, statement, theirs, known(name, of(file_.named().alter(name, change))));
  }

  void drop(std::size_t who, const std::string& name) {
    const auto theirs = ask(at_[who], "DROP SEQUENCE " + name);
    const bool there = file_.named().status(name) ? true : false;
    const auto ours = of(file_.named().drop(name));
    same(who, "DROP SEQUENCE " + name, theirs, there ? ours : answer{"unknown"});
  }

  void nextval(std::size_t who, const std::string& name) {
    const auto statement = "SELECT nextval('" + name + "')";
    same(who, statement, ask(at_[who], statement),
         with(who, name, [](auto& sequence) { return of(sequence.nextval()); }));
  }

  void currval(std::size_t who, const std::string& name) {
    const auto statement = "SELECT currval('" + name + "')";
    same(who, statement, ask(at_[who], statement),
         with(who, name, [](auto& sequence) { return of(sequence.currval()); }));
  }

  void lastval(std::size_t who) {
    same(who, "SELECT lastval()", ask(at_[who], "SELECT lastval()"), of(ours_[who].lastval()));
  }

  // There other sessions keep what they hold; an ALTER that changes nothing takes it from them.
  void setval(std::size_t who, const std::string& name, std::int64_t number,
              std::optional<bool> called) {
    const auto statement = "SELECT setval('" + name + "', " + text(number) +
                           (!called ? "" : *called ? ", true" : ", false") + ")";
    const auto theirs = ask(at_[who], statement);
    const auto ours = with(who, name, [&](auto& sequence) {
      const auto moved = sequence.setval(number, called.value_or(true));
      return moved ? answer{std::to_string(number)} : of(moved);
    });
    same(who, statement, theirs, ours);
    const auto now = file_.named().status(name);
    if (theirs.said != std::to_string(number) || !now || now->named->cache == 1) return;
    const auto nothing = "ALTER SEQUENCE " + name + " CACHE " + std::to_string(now->named->cache);
    same(who, nothing, ask(at_[who], nothing), {"done"});
  }

  // The rules and the last value as both tell them.
  void compare_states(std::size_t who, const std::string& name) {
    const auto statement =
        "SELECT last_value, is_called, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle "
        "FROM " + name + ", pg_sequence WHERE seqrelid = '" + name + "'::regclass";
    const auto now = file_.named().status(name);
    answer ours{"unknown"};
    if (now) {
      const auto& is = *now->named;
      const auto flag = [](bool set) { return set ? "t" : "f"; };
      ours.said = std::to_string(is.last_value) + "|" + flag(is.is_called) + "|" +
                  std::to_string(is.start) + "|" + std::to_string(is.increment) + "|" +
                  std::to_string(is.minimum) + "|" + std::to_string(is.maximum) + "|" +
                  std::to_string(is.cache) + "|" + flag(is.cycle);
    }
    same(who, statement, ask(at_[who], statement), ours);
  }

  std::uint64_t statements() const { return statements_; }
  const std::vector<std::pair<std::string, int>>& answers() const { return answers_; }
  checkpoint& file() { return file_; }
  const connection& theirs(std::size_t who) const { return at_[who]; }
  named_session& ours(std::size_t who) { return ours_[who]; }

  static std::string words(const named_options& of) {
    std::string all;
    const auto put = [&](const char* word, const auto& value) {
      if (value) all += word + std::to_string(*value);
    };
    put(" START WITH ", of.start);
    put(" INCREMENT BY ", of.increment);
    put(" MINVALUE ", of.minimum);
    put(" MAXVALUE ", of.maximum);
    put(" CACHE ", of.cache);
    if (of.no_minimum) all += " NO MINVALUE";
    if (of.no_maximum) all += " NO MAXVALUE";
    if (of.cycle) all += *of.cycle ? " CYCLE" : " NO CYCLE";
    return all;
  }

 private:
  checkpoint_options options() const {
    auto made = here_.options(true);
    made.volatile_storage = true;
    return made;
  }

  void connect() {
    for (auto& each : at_) each = theirs_.connect();
    ours_.assign(sessions, file_.named().session());
    for (auto& each : ours_) each = file_.named().session();
  }

  answer known(const std::string& name, answer ours) {
    if (ours.said == "invalid" && !file_.named().status(name)) return {"unknown"};
    return ours;
  }

  template <class Call>
  answer with(std::size_t who, const std::string& name, Call call) {
    auto opened = ours_[who].open(name);
    return opened ? call(*opened) : answer{"unknown"};
  }

  void same(std::size_t who, const std::string& statement, const answer& theirs,
            const answer& ours) {
    ++statements_;
    count(theirs.said);
    history_.push_back("session " + std::to_string(who) + ": " + statement + " -> " + theirs.said);
    if (history_.size() > 12) history_.pop_front();
    if (theirs == ours) return;
    std::string told;
    for (const auto& each : history_) told += each + "\n";
    FAIL() << told << "ours: " << ours;
  }

  void count(const std::string& said) {
    const bool number = said.find_first_not_of("-0123456789") == said.npos;
    const std::string kind = number ? "a number" : said.find('|') != said.npos ? "a state" : said;
    auto at = std::find_if(answers_.begin(), answers_.end(),
                           [&](const auto& each) { return each.first == kind; });
    if (at == answers_.end()) at = answers_.insert(at, {kind, 0});
    ++at->second;
  }

  const server& theirs_;
  crash::scratch here_;
  const std::string path_ = here_.live_directory() + "/desk.seq";  // a tmpfs: no disk to wait for
  checkpoint file_ = *checkpoint::open(path_, options());
  std::array<connection, sessions> at_;
  std::vector<named_session> ours_;
  std::deque<std::string> history_;
  std::vector<std::pair<std::string, int>> answers_;
  std::uint64_t statements_ = 0;
};

// ---- random statements

class author {
 public:
  explicit author(std::uint64_t seed) : random_(seed) {}

  void write_one(both& on) {
    const auto who = below(sessions);
    const auto& name = names[below(names.size())];
    const auto what = below(100);
    if (what < 58) return on.nextval(who, name);
    if (what < 63) return on.currval(who, name);
    if (what < 67) return on.lastval(who);
    if (what < 76) return on.setval(who, name, number(), called());
    if (what < 84) return on.alter(who, name, change());
    if (what < 92) return on.create(who, name, options(true));
    if (what < 94) return on.drop(who, name);
    on.compare_states(who, name);
  }

 private:
  std::size_t below(std::size_t most) { return random_() % most; }
  bool once_in(std::size_t times) { return below(times) == 0; }

  // Small ones meet each other; those at the ends overflow what they can.
  std::int64_t number() {
    const auto near = static_cast<std::int64_t>(below(7));
    switch (below(10)) {
      case 0: return limits::max() - near;
      case 1: return limits::min() + near;
      case 2: return near * 1000 - 3000;
      default: return static_cast<std::int64_t>(below(41)) - 20;
    }
  }

  std::int64_t step() {
    const auto small = static_cast<std::int64_t>(below(9)) - 4;
    return once_in(8) ? number() : small == 0 && !once_in(5) ? 1 : small;
  }

  std::optional<bool> called() {
    return once_in(3) ? std::nullopt : std::optional(once_in(2));
  }

  named_options options(bool creates) {
    named_options made;
    const std::size_t rarely = creates ? 2 : 4;
    if (once_in(rarely)) made.increment = step();
    if (once_in(rarely)) made.minimum = number();
    if (once_in(rarely)) made.maximum = number();
    if (once_in(rarely + 2)) made.start = number();
    if (!made.minimum && once_in(8)) made.no_minimum = true;
    if (!made.maximum && once_in(8)) made.no_maximum = true;
    if (once_in(rarely)) made.cache = once_in(12) ? 0 : below(9) + 1;
    if (once_in(rarely)) made.cycle = !once_in(3);
    return made;
  }

  named_change change() {
    named_change made;
    if (!once_in(3)) made.options = options(false);
    if (once_in(3)) made.restart = true;
    if (once_in(3)) made.restart_with = number();
    const bool nothing = both::words(made.options).empty();
    if (nothing && !made.restart_with) made.restart = true;  // ALTER SEQUENCE alone is no statement
    return made;
  }

  std::mt19937_64 random_;
};

class postgresql : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    try {
      theirs_ = std::make_unique<server>();
    } catch (const std::exception& why) {
      missing_ = why.what();
    }
  }
  static void TearDownTestSuite() { theirs_.reset(); }
  void SetUp() override {
    if (!theirs_) GTEST_SKIP() << missing_ << " (Debian: postgresql)";
  }

  static inline std::unique_ptr<server> theirs_;
  static inline std::string missing_;
};

TEST_F(postgresql, answers_every_statement_of_a_random_program_the_same) {
  const auto seed = crash::seed();
  both all(*theirs_);
  author by(seed);
  const auto wanted = 12'000 * crash::scale();
  while (all.statements() < wanted && !HasFatalFailure() && !HasNonfatalFailure()) {
    by.write_one(all);
    if (all.statements() % 1500 == 0) all.start_again();
  }
  for (const auto& [said, times] : all.answers()) std::cout << times << " x " << said << "\n";
  // A program in which something never happens proves nothing about it.
  for (const auto* must : {"a number", "a state", "done", "exhausted", "unavailable", "unknown",
                           "exists", "invalid"}) {
    EXPECT_TRUE(std::any_of(all.answers().begin(), all.answers().end(),
                            [&](const auto& each) { return each.first == must; }))
        << must;
  }
}

// ---- what differs on purpose

TEST_F(postgresql, leaves_others_their_cached_numbers_after_setval_and_we_do_not) {
  both all(*theirs_);
  all.create(0, "a", {.cache = 10});
  all.nextval(0, "a");
  all.nextval(1, "a");
  static_cast<void>(ask(all.theirs(0), "SELECT setval('a', 100)"));
  EXPECT_TRUE(all.ours(0).open("a")->setval(100));
  EXPECT_EQ(ask(all.theirs(1), "SELECT nextval('a')").said, "12");
  EXPECT_EQ(*all.ours(1).open("a")->nextval(), 101);
}

TEST_F(postgresql, takes_any_cache_and_we_do_not) {
  both all(*theirs_);
  const named_options huge{.cache = (std::uint64_t{1} << 32) + 1};
  EXPECT_EQ(ask(all.theirs(0), "CREATE SEQUENCE a" + both::words(huge)).said, "done");
  EXPECT_EQ(all.file().named().create("a", huge).code(), errc::invalid);
}

}  // namespace
}  // namespace sequencer
