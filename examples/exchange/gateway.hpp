// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>

#include "audit/latency.hpp"
#include "audit/tally.hpp"
#include "input/feed.hpp"
#include "rings.hpp"

namespace examples::exchange {

// What the gateways of a run share.
struct market {
  const feed& orders;
  order_ring& ring;
  const std::size_t gateways;
  const std::chrono::nanoseconds every;  // from one order of a gateway to its next; 0: at once
  std::atomic<bool> stop{false};
  std::atomic<std::size_t> open{0};
};

// One thread that sends its orders, from `first` up to `last` by its own count. It claims a number
// for each and does not wait for what becomes of it.
class gateway {
 public:
  gateway(market& in, std::size_t index, std::uint64_t first, std::uint64_t last,
          gateway_tally& count)
      : in_(in), index_(index), first_(first), last_(last), count_(count) {}

  void operator()() {
    auto out = in_.ring.make_producer<sequencer::wait::park>();
    if (!out) return fail(out.code(), out.text());
    for (auto own = first_; own <= last_ && !in_.stop; ++own) {
      const auto content = in_.orders.at(index_, own, in_.gateways);
      const auto sent = pace(own - first_);
      count_.sent.store(own, std::memory_order_release);
      const auto number = out->publish([&](timed<order>& event) { event = {content, sent}; });
      if (!number) return fail(number.code(), number.text());
    }
  }

  // Why it stopped early; empty otherwise.
  const std::string& why() const noexcept { return why_; }

 private:
  // When it meant to send, which is what latency is counted from: an exchange that holds its
  // gateways up does not look faster for it.
  std::int64_t pace(std::uint64_t done) const {
    if (in_.every == std::chrono::nanoseconds(0)) return now_ns();
    const auto at = began_ + in_.every * static_cast<std::int64_t>(done);
    std::this_thread::sleep_until(at);
    return at.time_since_epoch() / std::chrono::nanoseconds(1);
  }

  // A ring that is closed was halted by a stage, which has the reason.
  void fail(sequencer::errc code, std::string_view text) {
    in_.stop = true;
    if (code != sequencer::errc::closed) why_ = text;
  }

  market& in_;
  const std::size_t index_;
  const std::uint64_t first_;
  const std::uint64_t last_;
  gateway_tally& count_;
  const std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::string why_;
};

}  // namespace examples::exchange
