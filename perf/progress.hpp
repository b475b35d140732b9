// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace perf {

// Says on stderr what runs and about how long it still takes: one line that is redrawn on a
// terminal, else a line for each case.
class progress {
 public:
  explicit progress(double seconds);
  ~progress();
  progress(const progress&) = delete;

  // The next case, which takes about so many of the seconds.
  void next(const std::string& name, double seconds);

 private:
  const bool terminal_;
  const double all_;
  const double began_;
  double planned_ = 0;  // of the cases that are done
  double current_ = 0;
};

}  // namespace perf
