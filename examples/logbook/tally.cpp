// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "tally.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <utility>

#include "trouble.hpp"

namespace logbook {

namespace {

constexpr std::uint64_t tally_magic = 0x31594c4c41544c53;

struct head {
  std::uint64_t magic;
  run_facts facts;
};

constexpr std::size_t threads_at = 512;
static_assert(sizeof(head) <= threads_at && threads_at % alignof(thread_tally) == 0);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

std::size_t size_for(std::uint64_t threads) {
  return threads_at + threads * sizeof(thread_tally);
}

}  // namespace

std::filesystem::path tally_path(const std::filesystem::path& directory, std::uint64_t epoch) {
  return directory / fmt::format("run-{:010}.tally", epoch);
}

std::filesystem::path log_path(const std::filesystem::path& directory, std::uint64_t epoch,
                               std::size_t thread) {
  return directory / fmt::format("run-{:010}-{}.log", epoch, thread);
}

tally tally::map(const std::filesystem::path& file, int fd, std::size_t bytes) {
  tally made;
  made.bytes_ = bytes;
  void* at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (at == MAP_FAILED) system_trouble(file, "mapping the tally");
  made.at_ = at;
  return made;
}

tally tally::create(const std::filesystem::path& directory, const run_facts& facts) {
  const auto file = tally_path(directory, facts.epoch);
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) system_trouble(file, "creating the tally");
  const auto bytes = size_for(facts.threads);
  // Reserved before it is touched: a full disk is an error here and not a SIGBUS later.
  if (const int bad = ::posix_fallocate(fd, 0, static_cast<off_t>(bytes))) {
    errno = bad;
    system_trouble(file, "reserving the tally");
  }
  auto made = map(file, fd, bytes);
  made.facts() = facts;
  static_cast<head*>(made.at_)->magic = tally_magic;
  return made;
}

tally tally::open(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CLOEXEC);
  if (fd < 0) system_trouble(file, "opening the tally");
  struct ::stat found {};
  if (::fstat(fd, &found) != 0) system_trouble(file, "asking for its size");
  const auto bytes = static_cast<std::size_t>(found.st_size);
  if (bytes < threads_at) {
    ::close(fd);
    throw trouble(file.string() + ": is no tally of a run; remove it");
  }
  auto read = map(file, fd, bytes);
  if (static_cast<head*>(read.at_)->magic != tally_magic ||
      bytes < size_for(read.facts().threads)) {
    throw trouble(file.string() + ": is no tally of a run; remove it");
  }
  return read;
}

tally::tally(tally&& other) noexcept
    : at_(std::exchange(other.at_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

tally::~tally() {
  if (at_ != nullptr) ::munmap(at_, bytes_);
}

run_facts& tally::facts() const noexcept { return static_cast<head*>(at_)->facts; }

std::span<thread_tally> tally::threads() const noexcept {
  auto* first = reinterpret_cast<thread_tally*>(static_cast<char*>(at_) + threads_at);
  return {first, facts().threads};
}

}  // namespace logbook
