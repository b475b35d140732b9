// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <sequencer/place/index_set.hpp>

// What the kernel is asked to do, and what it is asked about. Two files, so that a test can put
// calls in the place of the first that succeed and do nothing, and must then see failures.
namespace sequencer::place::os {

// ---- os_binding.cpp: 0, or an error number

// The calling thread runs on these CPUs only.
int bind_thread(const index_set& cpus) noexcept;

enum class policy { bind, interleave };
// Pages of [at, at + bytes) that are touched from now on come from these nodes.
int bind_memory(void* at, std::size_t bytes, policy how, const index_set& nodes) noexcept;

// ---- os.cpp

// CPUs that a thread may run on (0: the calling one); nothing where the kernel does not say.
std::optional<index_set> cpus_of(pid_t thread) noexcept;
// CPU that the calling thread is on now; -1: not known.
int cpu_now() noexcept;

// For each page its node, or a negative error number: -ENOENT, it is not there.
// 0, or an error number.
int nodes_of(std::span<void* const> pages, std::span<int> into) noexcept;

std::size_t page_bytes() noexcept;

// Bits as the kernel takes them, one more than the highest number.
std::vector<unsigned long> mask_of(const index_set& numbers);

}  // namespace sequencer::place::os
