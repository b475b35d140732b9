// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <sequencer/sequence.hpp>

namespace sequencer {

// Everything that can go wrong in the environment, grouped by what the caller does about it
// (see remedy_of). Programmer errors are not here: they do not compile, or stop the process.
enum class errc : std::uint8_t {
  unavailable = 1,  // retry:     not now; the same call may succeed later
  timeout,          // retry:     the deadline passed first; nothing was taken
  fenced,           // stop:      somebody newer owns this, or this is an older copy
  exhausted,        // stop:      the order has no further number
  closed,           // stop:      closed here, or inherited through fork
  corrupt,          // repair:    the content fails its own checks
  version,          // repair:    written by a newer version or another byte order
  locked,           // configure: another owner holds it
  denied,           // configure: the system refuses this user
  unsupported,      // configure: this file system or kernel cannot keep the promise
  invalid,          // configure: an argument is out of its stated bounds
  io,               // the operating system reported a failure; errno is kept
};

enum class remedy : std::uint8_t { retry, stop, repair, configure, io };

constexpr remedy remedy_of(errc code) noexcept {
  switch (code) {
    case errc::unavailable:
    case errc::timeout: return remedy::retry;
    case errc::fenced:
    case errc::exhausted:
    case errc::closed: return remedy::stop;
    case errc::corrupt:
    case errc::version: return remedy::repair;
    case errc::io: return remedy::io;
    default: return remedy::configure;
  }
}

// One sentence for hot-path failures, which carry no text of their own.
constexpr std::string_view message(errc code) noexcept {
  switch (code) {
    case errc::unavailable: return "nothing can be issued right now; try again";
    case errc::timeout: return "the deadline passed before a number was free; none was taken";
    case errc::fenced: return "a newer owner exists, or this is an older copy";
    case errc::exhausted: return "the last number of this sequence has been issued";
    case errc::closed: return "closed, or used in a forked child";
    case errc::corrupt: return "the content fails its checksum or its own rules";
    case errc::version: return "written by a newer version or with another byte order";
    case errc::locked: return "another owner holds it";
    case errc::denied: return "the operating system refused access";
    case errc::unsupported: return "this system cannot keep the promise that was asked for";
    case errc::invalid: return "an argument is outside its bounds";
    case errc::io: return "the operating system reported an I/O failure";
  }
  return "unknown error";
}

constexpr std::string_view name(errc code) noexcept {
  constexpr std::string_view names[] = {"ok",          "unavailable", "timeout", "fenced",
                                        "exhausted",   "closed",      "corrupt", "version",
                                        "locked",      "denied",      "unsupported",
                                        "invalid",     "io"};
  const auto at = static_cast<std::size_t>(code);
  return at < std::size(names) ? names[at] : "unknown";
}

// A cold failure: its code, errno where there was one (else 0), and a sentence that names the
// place, what was found there and what to do.
struct error {
  errc code = errc::invalid;
  int os_error = 0;
  std::string text;
};

namespace detail {

[[noreturn]] inline void stop(std::string_view sentence) noexcept {
  std::fprintf(stderr, "sequencer: %.*s\n", static_cast<int>(sentence.size()), sentence.data());
  std::abort();
}

}  // namespace detail

// A value or an error.
// Threads: as the value's own. Fails: reading the value of a failed result stops the process.
template <class T>
class [[nodiscard]] result {
 public:
  result(T value) : held_(std::in_place_index<0>, std::move(value)) {}
  result(error failure) : held_(std::in_place_index<1>, std::move(failure)) {}

  explicit operator bool() const noexcept { return held_.index() == 0; }
  T& operator*() & noexcept { return value(); }
  const T& operator*() const& noexcept { return value(); }
  T operator*() && { return std::move(value()); }  // by value: outlives the temporary result
  T* operator->() noexcept { return &value(); }
  const T* operator->() const noexcept { return &value(); }

  T& value() noexcept { return *checked(std::get_if<0>(&held_)); }
  const T& value() const noexcept { return *checked(std::get_if<0>(&held_)); }

  const error& failure() const noexcept {
    const auto* failed = std::get_if<1>(&held_);
    if (failed == nullptr) detail::stop("asked a successful result for its error");
    return *failed;
  }
  errc code() const noexcept { return failure().code; }
  std::string_view text() const noexcept { return failure().text; }

 private:
  template <class P>
  P* checked(P* held) const noexcept {
    if (held == nullptr) detail::stop("read the value of a failed result: " + failure().text);
    return held;
  }

  std::variant<T, error> held_;
};

template <>
class [[nodiscard]] result<void> {
 public:
  result() = default;
  result(error failure) : failure_(std::move(failure)), failed_(true) {}

  explicit operator bool() const noexcept { return !failed_; }
  const error& failure() const noexcept {
    if (!failed_) detail::stop("asked a successful result for its error");
    return failure_;
  }
  errc code() const noexcept { return failure().code; }
  std::string_view text() const noexcept { return failure().text; }

 private:
  error failure_;
  bool failed_ = false;
};

// A number or an error code in one register: a number has its top bit clear, a code is stored as
// its complement, and any other word with the top bit set is a counter that ran past `top`.
template <>
class [[nodiscard]] result<sequence> {
 public:
  constexpr result(sequence number) noexcept : word_(number) {}
  constexpr result(errc code) noexcept : word_(~static_cast<std::uint64_t>(code)) {}

  constexpr explicit operator bool() const noexcept { return word_ <= top; }
  constexpr sequence operator*() const noexcept { return value(); }
  constexpr sequence value() const noexcept {
    if (word_ > top) [[unlikely]] stop();
    return word_;
  }
  constexpr errc code() const noexcept {
    const auto complement = ~word_;
    return complement <= 0xff ? static_cast<errc>(complement) : errc::exhausted;
  }
  constexpr std::string_view text() const noexcept { return sequencer::message(code()); }

 private:
  // Out of the loops that take numbers, whose compiler weighs what it makes inline.
  [[noreturn, gnu::noinline, gnu::cold]] void stop() const noexcept { detail::stop(text()); }

  std::uint64_t word_;
};

// A range or an error code in two registers; a code sits in `first` as in result<sequence>.
template <>
class [[nodiscard]] result<range> {
 public:
  constexpr result(range numbers) noexcept : words_(numbers) {}
  constexpr result(errc code) noexcept : words_{~static_cast<std::uint64_t>(code), 0} {}

  constexpr explicit operator bool() const noexcept { return words_.first <= top; }
  constexpr range operator*() const noexcept { return value(); }
  constexpr const range* operator->() const noexcept {
    if (words_.first > top) [[unlikely]] stop();
    return &words_;
  }
  constexpr range value() const noexcept {
    if (words_.first > top) [[unlikely]] stop();
    return words_;
  }
  constexpr errc code() const noexcept { return result<sequence>(words_.first).code(); }
  constexpr std::string_view text() const noexcept { return sequencer::message(code()); }

 private:
  // As in result<sequence>.
  [[noreturn, gnu::noinline, gnu::cold]] void stop() const noexcept { detail::stop(text()); }

  range words_;
};

static_assert(sizeof(result<sequence>) == 8);
static_assert(sizeof(result<range>) == 16);

}  // namespace sequencer
