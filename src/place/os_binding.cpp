// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// The calls that bind, and nothing else: see os.hpp.

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "os.hpp"

namespace sequencer::place::os {

int bind_thread(const index_set& cpus) noexcept {
  const auto mask = mask_of(cpus);
  const auto* set = reinterpret_cast<const cpu_set_t*>(mask.data());
  return ::sched_setaffinity(0, mask.size() * sizeof(unsigned long), set) == 0 ? 0 : errno;
}

int bind_memory(void* at, std::size_t bytes, policy how, const index_set& nodes) noexcept {
  const auto mask = mask_of(nodes);
  const int mode = how == policy::bind ? MPOL_BIND : MPOL_INTERLEAVE;
  // The kernel takes one bit less than it is told.
  const auto bits = mask.size() * 8 * sizeof(unsigned long) + 1;
  return ::syscall(SYS_mbind, at, bytes, mode, mask.data(), bits, MPOL_MF_STRICT) == 0 ? 0 : errno;
}

}  // namespace sequencer::place::os
