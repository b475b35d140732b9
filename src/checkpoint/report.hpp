// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sequencer/checkpoint.hpp>

namespace sequencer::detail {

// Reads a file as an onlooker: takes no lock, writes nothing, tolerates an owner at work.
result<checkpoint_report> inspect_file(std::string path, const checkpoint_options& options);

}  // namespace sequencer::detail
