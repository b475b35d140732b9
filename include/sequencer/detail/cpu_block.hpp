// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include <sequencer/cache_line.hpp>
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

// Which block a CPU has now. Zero, as fork leaves the line to a child: none.
struct alignas(interference_size) cpu_line {
  atomic<cpu_block*> current{nullptr};
};

// The blocks of one CPU, on a page of its own.
struct cpu_page {
  static constexpr std::size_t bytes = 4096;

  cpu_block blocks[2];
};

static_assert(sizeof(cpu_page) <= cpu_page::bytes);

}  // namespace sequencer::detail
