// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <libpq-fe.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "offers.hpp"
#include "private_server.hpp"

// nextval of a sequence, which is logged 32 numbers ahead, in a loop at the server and call by
// call; the loop again on one whose session takes 1000 at once; and a row that is counted up, so
// that each number is on stable storage when it leaves.
namespace perf::systems {

namespace {

constexpr std::uint64_t in_a_loop = 10'000;
constexpr int in_a_check = 1'000;

struct hang_up {
  void operator()(PGconn* of) const { ::PQfinish(of); }
};
struct drop {
  void operator()(PGresult* of) const { ::PQclear(of); }
};
using answer = std::unique_ptr<PGresult, drop>;

// Where Debian has the server's programs, of the newest version first.
std::vector<std::string> server_directories() {
  std::vector<std::string> all;
  std::error_code none;
  for (const auto& each : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    all.push_back((each.path() / "bin").string());
  }
  std::sort(all.rbegin(), all.rend());
  return all;
}

class postgresql : public system {
 public:
  explicit postgresql(const std::string& where)
      : data_(where, user_), sockets_("/tmp", user_), log_(sockets_.path() + "/log") {
    const auto directories = server_directories();
    program_ = find_program("postgres", directories);
    const auto initdb = find_program("initdb", directories);
    if (program_.empty() || initdb.empty()) throw std::runtime_error("postgresql is not installed");
    run_as(user_,
           {initdb, "--pgdata", data_.path() + "/data", "--username", "perf", "--auth", "trust",
            "--no-locale", "--encoding", "UTF8", "--no-sync"},
           log_);
    start();
    ask("CREATE SEQUENCE numbers");
    ask("CREATE SEQUENCE cached CACHE 1000");
    ask("CREATE TABLE counted (number bigint)");
    ask("INSERT INTO counted VALUES (0)");
    prepare();
  }

  std::vector<way> ways() override {
    return {{"postgresql_loop", [this] { return loop("numbers", last_); },
             [this] { check_loop(); }},
            {"postgresql_cached", [this] { return loop("cached", cached_); }, {}},
            {"postgresql_call", [this] { return one("next", last_); }, {}},
            {"postgresql_update", [this] { return one("up", counted_); }, {}}};
  }

  double restart_ns() override {
    server_->end(SIGKILL);
    to_.reset();
    const auto began = std::chrono::steady_clock::now();
    start();
    const auto number = number_in(ask("SELECT nextval('numbers')"), 0);
    const std::chrono::duration<double, std::nano> took =
        std::chrono::steady_clock::now() - began;
    prepare();
    const bool right = number > last_;
    last_ = number;
    return right ? took.count() : -1;
  }

 private:
  void start() {
    server_.emplace(user_,
                    std::vector<std::string>{program_, "-D", data_.path() + "/data", "-k",
                                             sockets_.path(), "-c", "listen_addresses="},
                    log_, SIGQUIT);
    server_->await([&] { return connect(); });
  }

  bool connect() {
    const auto how = "host=" + sockets_.path() + " user=perf dbname=postgres";
    to_.reset(::PQconnectdb(how.c_str()));
    return ::PQstatus(to_.get()) == CONNECTION_OK;
  }

  void prepare() {
    for (const auto& [name, text] :
         {std::pair{"next", "SELECT nextval('numbers')"},
          {"up", "UPDATE counted SET number = number + 1 RETURNING number"}}) {
      check(answer(::PQprepare(to_.get(), name, text, 0, nullptr)));
    }
  }

  answer ask(const std::string& text) { return check(answer(::PQexec(to_.get(), text.c_str()))); }

  answer check(answer got) {
    const auto status = ::PQresultStatus(got.get());
    if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK) return got;
    throw std::runtime_error(std::string("PostgreSQL: ") + ::PQerrorMessage(to_.get()));
  }

  static std::uint64_t number_in(const answer& from, int column) {
    return std::stoull(::PQgetvalue(from.get(), 0, column));
  }

  std::uint64_t one(const char* prepared, std::uint64_t& last) {
    const auto got = check(
        answer(::PQexecPrepared(to_.get(), prepared, 0, nullptr, nullptr, nullptr, 0)));
    const auto number = number_in(got, 0);
    if (number != last + 1) throw std::runtime_error("a number is not the one after the last");
    last = number;
    return 1;
  }

  static std::string numbers(const std::string& of, std::uint64_t count) {
    return "SELECT nextval('" + of + "') AS n FROM generate_series(1, " + std::to_string(count) +
           ")";
  }

  // All at the server, which tells the first, the last and how many.
  std::uint64_t loop(const std::string& of, std::uint64_t& last) {
    const auto got =
        ask("SELECT min(n), max(n), count(n) FROM (" + numbers(of, in_a_loop) + ") AS taken");
    const bool right = number_in(got, 0) == last + 1 &&
                       number_in(got, 1) == last + in_a_loop && number_in(got, 2) == in_a_loop;
    if (!right) throw std::runtime_error("the numbers are not those after the last");
    last += in_a_loop;
    return in_a_loop;
  }

  // The same with every number looked at here.
  void check_loop() {
    const auto got = ask(numbers("numbers", in_a_check));
    if (::PQntuples(got.get()) != in_a_check) throw std::runtime_error("numbers are missing");
    for (int i = 0; i < in_a_check; ++i) {
      const auto number = std::stoull(::PQgetvalue(got.get(), i, 0));
      if (number != last_ + 1) throw std::runtime_error("a number is not the one after the last");
      last_ = number;
    }
  }

  const user user_ = server_user();
  const own_directory data_;
  const own_directory sockets_;
  const std::string log_;
  std::string program_;
  std::uint64_t last_ = 0;
  std::uint64_t cached_ = 0;
  std::uint64_t counted_ = 0;
  std::optional<private_server> server_;
  std::unique_ptr<PGconn, hang_up> to_;
};

[[maybe_unused]] const bool offered = offer_system(
    "postgresql", [](const std::string& where) { return std::make_unique<postgresql>(where); });

}  // namespace

}  // namespace perf::systems
