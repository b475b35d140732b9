// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "os.hpp"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace sequencer::place::os {

namespace {

constexpr std::size_t word_bits = 8 * sizeof(unsigned long);

}  // namespace

std::vector<unsigned long> mask_of(const index_set& numbers) {
  std::vector<unsigned long> mask(numbers.empty() ? 1 : numbers.last() / word_bits + 1, 0);
  for (const auto each : numbers) mask[each / word_bits] |= 1ul << each % word_bits;
  return mask;
}

std::optional<index_set> cpus_of(pid_t thread) noexcept {
  // Larger until the kernel's own mask fits.
  for (std::size_t words = 16; words <= std::size_t{1} << 15; words *= 2) {
    std::vector<unsigned long> mask(words, 0);
    auto* const set = reinterpret_cast<cpu_set_t*>(mask.data());
    if (::sched_getaffinity(thread, words * sizeof(unsigned long), set) != 0) {
      if (errno == EINVAL) continue;
      return std::nullopt;
    }
    index_set all;
    for (std::size_t i = 0; i < words * word_bits; ++i) {
      if ((mask[i / word_bits] >> i % word_bits & 1) != 0) all.insert(static_cast<unsigned>(i));
    }
    return all;
  }
  return std::nullopt;
}

int cpu_now() noexcept { return ::sched_getcpu(); }

int nodes_of(std::span<void* const> pages, std::span<int> into) noexcept {
  return ::syscall(SYS_move_pages, 0, pages.size(), pages.data(), nullptr, into.data(), 0) == 0
             ? 0
             : errno;
}

std::size_t page_bytes() noexcept { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

}  // namespace sequencer::place::os
