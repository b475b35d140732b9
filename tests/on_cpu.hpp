// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sched.h>
#include <sys/types.h>

#include <vector>

namespace sequencer {

// The CPUs that this process may run on.
inline std::vector<unsigned> usable_cpus() {
  cpu_set_t mine;
  std::vector<unsigned> all;
  if (::sched_getaffinity(0, sizeof mine, &mine) != 0) return all;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &mine)) all.push_back(cpu);
  }
  return all;
}

// Moves a thread to one CPU; 0 is the caller. On return the caller runs there.
inline bool run_on(unsigned cpu, pid_t thread = 0) {
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(cpu, &one);
  return ::sched_setaffinity(thread, sizeof one, &one) == 0;
}

}  // namespace sequencer
