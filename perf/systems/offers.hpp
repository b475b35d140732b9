// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

// Systems that hand out numbers from a server, which durable_systems holds a checkpoint against.
// Each source in this folder offers its own when the program starts; CMakeLists.txt leaves those
// out whose client library is not there.
namespace perf::systems {

// One way to ask. take() gets some numbers, as many as it likes, and says how many; it throws
// std::runtime_error when one of them is not the one after the last.
struct way {
  std::string name;
  std::function<std::uint64_t()> take;
  std::function<void()> check;  // untimed, after a slice: what take() cannot look at; or nothing
};

// A server at work. It ends with this object.
class system {
 public:
  virtual ~system() = default;
  virtual std::vector<way> ways() = 0;
  // Whether its numbers go on after SIGKILL.
  virtual bool survives() const { return true; }
  // Ends it by SIGKILL, starts it again, and takes a number. The time from before the start until
  // the number is there, in ns; below 0 where the number is one that was issued before.
  virtual double restart_ns() = 0;
};

struct offer {
  std::string name;
  // Starts it with its data in a directory below `where`. Throws std::runtime_error, saying what is
  // missing.
  std::function<std::unique_ptr<system>(const std::string& where)> start;
};

std::vector<offer>& all_offers();

inline bool offer_system(std::string name,
                         std::function<std::unique_ptr<system>(const std::string&)> start) {
  all_offers().push_back({std::move(name), std::move(start)});
  return true;
}

// A program of the system, looked for in PATH and in `also`; empty without.
std::string find_program(const std::string& name, const std::vector<std::string>& also = {});

}  // namespace perf::systems
