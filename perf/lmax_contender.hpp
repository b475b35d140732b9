// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "contest.hpp"
#include "coprocess.hpp"

namespace perf {

// LMAX's Disruptor in a Java process of its own (lmax/Lmax.java), which does a slice when it is
// told to, and says how long it took and whether its events were right. The first thread of the
// slice only waits for that.
class lmax_contender : public contender {
 public:
  // Whether Java and the Disruptor were there when this program was built.
  static bool can_run();

  // `waiting`: spin, yield, block. `wrong`: it publishes a wrong event.
  lmax_contender(std::string shape, std::string waiting, unsigned threads, bool wrong);

  void prepare(unsigned) override {}
  void work(unsigned thread, std::uint64_t items, share& to) override;
  void record(unsigned thread, std::uint64_t items, share& to) override { work(thread, items, to); }
  std::string judge(std::span<const share> shares) override;
  double own_ns() override { return ns_; }
  // The team's threads only wait here.
  std::uint64_t own_preemptions() override { return ~std::uint64_t{0}; }

 private:
  std::string shape_;
  coprocess java_;
  double ns_ = 0;
};

}  // namespace perf
