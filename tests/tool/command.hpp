// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

// Programs that are run, and what came of it.
namespace command {

struct outcome {
  int status = -1;  // exit status; 128 + signal when one ended it
  std::string out;
  std::string err;
};

using words = std::vector<std::string>;

// A program at work, its output read as it comes.
class running {
 public:
  explicit running(const words& line, const std::string& to_file = "");
  ~running();
  running(const running&) = delete;
  running& operator=(const running&) = delete;

  // The next line of its standard output, without the newline; empty at the end.
  std::string line();
  void stop_reading();
  void signal(int number);
  // Whether it came to its end already; finish() says how.
  bool ended() const;
  // Reads what is left and waits for the end.
  outcome finish();

 private:
  bool read_more(int& from, std::string& into);

  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string unread_;
  std::string errors_;
};

outcome run(const words& line, const std::string& to_file = "");

// `sequencer` and its arguments.
words sequencer(words arguments);
outcome run_tool(const words& arguments);

// A directory of its own on the disk of the build, removed at the end.
class scratch {
 public:
  scratch();
  ~scratch();
  scratch(const scratch&) = delete;
  scratch& operator=(const scratch&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// Changes one bit of a file.
void flip(const std::string& path, std::size_t byte, int bit = 0);

std::vector<std::string> lines_of(const std::string& text);

}  // namespace command
