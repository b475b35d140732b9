// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>

#include "../coprocess.hpp"
#include "offers.hpp"

// OpenHFT's Chronicle in a Java process of its own (chronicle/Chronicles.java): the index of an
// excerpt is the number. Mapped, its files outlive the process and not the machine; synced, each
// excerpt is forced to storage before its index is told.
namespace perf::systems {

namespace {

constexpr std::uint64_t at_once = 20'000;            // so that asking for them is little of it
constexpr std::uint64_t warming = 1'000'000;
// Then its files are begun anew. At the end of a block of data, after 16,777,216 excerpts of 8
// bytes, it leaves an index out, which would count as a wrong number here.
constexpr std::uint64_t most_numbers = 8'000'000;

class chronicle : public system {
 public:
  chronicle(const std::string& where, bool synced, std::string name)
      : name_(std::move(name)), synced_(synced), data_(where + "/" + name_) {
    std::filesystem::create_directory(data_);
    start();
    if (synced_) return;
    take(warming);
    begin_anew();
  }

  std::vector<way> ways() override {
    return {{name_, [this] { return take(synced_ ? 1 : at_once); },
             [this] { if (next_ > most_numbers) begin_anew(); }}};
  }

  double restart_ns() override {
    java_->kill();
    const auto began = std::chrono::steady_clock::now();
    const auto expected = next_;
    start();
    take(1);
    const std::chrono::duration<double, std::nano> took =
        std::chrono::steady_clock::now() - began;
    return next_ == expected + 1 ? took.count() : -1;
  }

 private:
  void start() {
    java_.emplace(std::vector<std::string>{
        SEQUENCER_PERF_JAVA, "-Xms64m", "-Xmx64m", "--add-opens", "java.base/java.lang=ALL-UNNAMED",
        "--add-opens", "java.base/sun.nio.ch=ALL-UNNAMED", "-cp", SEQUENCER_PERF_CHRONICLE,
        "Chronicles", data_, synced_ ? "synced" : "mapped"});
    hear_ready();
  }

  void begin_anew() {
    java_->tell("anew");
    hear_ready();
    if (next_ != 0) throw std::runtime_error("Chronicle: another begins beyond 0");
  }

  void hear_ready() {
    const auto answer = java_->said();
    std::istringstream words(answer);
    std::string ready;
    words >> ready >> next_;
    if (!words || ready != "ready") throw std::runtime_error("Chronicle did not start: " + answer);
  }

  std::uint64_t take(std::uint64_t count) {
    java_->tell(fmt::format("take {}", count));
    const auto answer = java_->said();
    std::istringstream words(answer);
    std::uint64_t first = 0;
    std::uint64_t last = 0;
    words >> first >> last;
    if (!words) throw std::runtime_error("Chronicle: " + answer);
    if (first != next_ || last + 1 != first + count) {
      throw std::runtime_error("a number is not the one after the last");
    }
    next_ = last + 1;
    return count;
  }

  const std::string name_;
  const bool synced_;
  const std::string data_;
  std::uint64_t next_ = 0;
  std::optional<coprocess> java_;
};

auto starting(bool synced, const char* name) {
  return [=](const std::string& where) { return std::make_unique<chronicle>(where, synced, name); };
}

[[maybe_unused]] const bool offered[]{
    offer_system("chronicle", starting(false, "chronicle")),
    offer_system("chronicle_synced", starting(true, "chronicle_synced")),
};

}  // namespace

}  // namespace perf::systems
