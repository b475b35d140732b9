// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace examples::exchange {

// Prints what was published, a line each; `all`: the tops of the book too, not trades alone. Also
// while a run is under way. Throws trouble.
void print_trades(const std::string& directory, bool all);

}  // namespace examples::exchange
