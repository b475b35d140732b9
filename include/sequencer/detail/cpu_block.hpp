// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <sequencer/detail/atomic.hpp>
#include <sequencer/sequence.hpp>

namespace sequencer::detail {

// A block that a CPU has: its numbers [next, last) are not issued yet. `linked` stands for `next`
// where that word outlives the process, in a live region.
struct cpu_block {
  plain<sequence> last{0};
  atomic<sequence> next{0};
  atomic<sequence>* linked = nullptr;
};

// What one CPU has, on a page of its own. Memory that was never written, or was wiped by fork,
// reads as the page of a CPU that has no block.
struct cpu_page {
  static constexpr std::size_t bytes = 4096;

  atomic<cpu_block*> current{nullptr};
  cpu_block blocks[2];
};

// What taking a number inside a section comes to.
struct section_take {
  sequence number;    // above `top`: none
  std::uint32_t cpu;  // where it looked; beyond the CPUs that were asked about: there is no page
};

}  // namespace sequencer::detail
