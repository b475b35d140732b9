// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

// Servers of others that this program starts for itself alone, on a unix socket in a directory that
// nobody else can enter, and stops again.
namespace perf::systems {

// Who a server runs as: this user, or, where that is root, one that a server does not refuse.
struct user {
  uid_t uid = 0;
  gid_t gid = 0;
};
user server_user();

// A directory of that user's, gone with everything in it at the end. What a killed program left
// beside it goes when it is made.
class own_directory {
 public:
  own_directory(const std::string& parent, const user& of);
  ~own_directory();
  own_directory(const own_directory&) = delete;

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

// Runs a program to its end as that user. Throws std::runtime_error with the end of what it said
// when its exit status is not 0.
void run_as(const user& of, const std::vector<std::string>& line, const std::string& log);

class private_server {
 public:
  // `stop` is the signal that ends it in good order; it is also sent when this program dies.
  private_server(const user& of, std::vector<std::string> line, std::string log, int stop);
  ~private_server() { end(stop_); }
  private_server(const private_server&) = delete;

  // Waits until `answers` says true. Throws std::runtime_error with the end of the log when the
  // server ended before, or after half a minute.
  void await(const std::function<bool()>& answers);
  // Sends a signal, waits for the end, and kills what does not end within ten seconds. Idempotent.
  void end(int signal) noexcept;

 private:
  const std::string log_;
  const int stop_;
  pid_t pid_ = -1;
};

}  // namespace perf::systems
