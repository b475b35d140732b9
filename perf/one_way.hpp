// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>

namespace perf {

// One way from a thread to another, of events that carry the moment they were due at.
class one_way_link {
 public:
  virtual ~one_way_link() = default;
  virtual void send(std::uint64_t moment) = 0;
  // The next one, once it is there.
  virtual std::uint64_t take() = 0;
};

template <class Queue>
class queue_link : public one_way_link {
 public:
  void send(std::uint64_t moment) override { queue_->put(moment); }
  std::uint64_t take() override { return queue_->take(); }

 private:
  std::unique_ptr<Queue> queue_ = std::make_unique<Queue>();
};

}  // namespace perf
