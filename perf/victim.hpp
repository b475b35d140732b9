// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "coprocess.hpp"

namespace perf {

// A process of this program that opens a checkpoint, says what it has to say in one line, and
// waits to be killed.
class victim : public coprocess {
 public:
  victim(const std::string& program, std::vector<std::string> arguments)
      : coprocess(with(program, std::move(arguments))) {}

 private:
  static std::vector<std::string> with(const std::string& program, std::vector<std::string> line) {
    line.insert(line.begin(), program);
    return line;
  }
};

}  // namespace perf
