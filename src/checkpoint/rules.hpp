// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include "format.hpp"

namespace sequencer::detail {

// Whether a page whose checksum holds says something that this version could have written. The
// rest of the code relies on these bounds and looks at them nowhere else.
bool keeps_the_rules(const format::page& of, format::page_kind kind) noexcept;

}  // namespace sequencer::detail
