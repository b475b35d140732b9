// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

#include <sequencer/place/memory.hpp>

namespace sequencer::place {

// Adds what is huge and locked of the mappings inside `of`, which share none with others; a doubt
// where the kernel does not say.
void read_mappings(std::span<std::byte> of, residence& into);

}  // namespace sequencer::place
