// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <hiredis/hiredis.h>
#include <signal.h>

#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "offers.hpp"
#include "private_server.hpp"

// INCR of one key. Its durability is that of its append-only file: none, synced every second, or
// before every answer.
namespace perf::systems {

namespace {

constexpr int in_a_pipeline = 100;

struct hang_up {
  void operator()(redisContext* of) const { ::redisFree(of); }
};
struct drop {
  void operator()(redisReply* of) const { ::freeReplyObject(of); }
};

class line_to_redis {
 public:
  // Whether it answers, and with numbers.
  bool connect(const std::string& socket) {
    to_.reset(::redisConnectUnix(socket.c_str()));
    if (to_ == nullptr || to_->err != 0) return false;
    const reply answer(static_cast<redisReply*>(::redisCommand(to_.get(), "PING")));
    return answer != nullptr && answer->type == REDIS_REPLY_STATUS;
  }

  std::uint64_t one() {
    ask();
    return number();
  }
  void ask() { ::redisAppendCommand(to_.get(), "INCR numbers"); }
  std::uint64_t number() {
    void* raw = nullptr;
    if (::redisGetReply(to_.get(), &raw) != REDIS_OK) {
      throw std::runtime_error(std::string("Redis: ") + to_->errstr);
    }
    const reply answer(static_cast<redisReply*>(raw));
    if (answer->type != REDIS_REPLY_INTEGER) throw std::runtime_error("Redis: no number");
    return static_cast<std::uint64_t>(answer->integer);
  }

 private:
  using reply = std::unique_ptr<redisReply, drop>;
  std::unique_ptr<redisContext, hang_up> to_;
};

class redis : public system {
 public:
  // `synced`: no (there is no file), everysec, always.
  redis(const std::string& where, const std::string& synced, std::string name)
      : name_(std::move(name)), synced_(synced), data_(where, user_), sockets_("/tmp", user_) {
    program_ = find_program("redis-server");
    if (program_.empty()) throw std::runtime_error("redis-server is not installed");
    start();
  }

  std::vector<way> ways() override {
    return {{name_, [this] { return take(1); }, {}},
            {name_ + "_pipelined", [this] { return take(in_a_pipeline); }, {}}};
  }

  bool survives() const override { return synced_ != "no"; }

  double restart_ns() override {
    server_->end(SIGKILL);
    const auto began = std::chrono::steady_clock::now();
    start();
    const auto number = line_.one();
    const std::chrono::duration<double, std::nano> took =
        std::chrono::steady_clock::now() - began;
    const bool right = number > last_;
    last_ = number;
    return right ? took.count() : -1;
  }

 private:
  void start() {
    const auto socket = sockets_.path() + "/socket";
    const std::vector<std::string> line{
        program_,       "--port",       "0",
        "--unixsocket", socket,         "--unixsocketperm",
        "700",          "--dir",        data_.path(),
        "--save",       "",             "--appendonly",
        synced_ == "no" ? "no" : "yes", "--appendfsync",
        synced_,        "--daemonize",  "no"};
    server_.emplace(user_, line, data_.path() + "/log", SIGTERM);
    server_->await([&] { return line_.connect(socket); });
  }

  std::uint64_t take(int count) {
    for (int i = 0; i < count; ++i) line_.ask();
    for (int i = 0; i < count; ++i) {
      const auto number = line_.number();
      if (number != last_ + 1) throw std::runtime_error("a number is not the one after the last");
      last_ = number;
    }
    return static_cast<std::uint64_t>(count);
  }

  const std::string name_;
  const std::string synced_;
  const user user_ = server_user();
  const own_directory data_;
  const own_directory sockets_;
  std::string program_;
  std::uint64_t last_ = 0;
  std::optional<private_server> server_;
  line_to_redis line_;
};

auto starting(const char* synced, const char* name) {
  return [=](const std::string& where) { return std::make_unique<redis>(where, synced, name); };
}

[[maybe_unused]] const bool offered[]{
    offer_system("redis_no_file", starting("no", "redis_no_file")),
    offer_system("redis_everysec", starting("everysec", "redis_everysec")),
    offer_system("redis_always", starting("always", "redis_always")),
};

}  // namespace

}  // namespace perf::systems
