// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

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
  // A page of the system's: on 64-bit Arm that may be 64 KiB.
  static std::size_t stride() noexcept {
    return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  }

  cpu_block blocks[2];
};

static_assert(sizeof(cpu_page) <= 4096);

}  // namespace sequencer::detail
