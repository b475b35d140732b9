// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <utility>

namespace sequencer::detail {

// Zeroed anonymous memory that a forked child finds zeroed again (MADV_WIPEONFORK, Linux 4.14).
// State whose zero means "not mine" is therefore safe under fork without a check on the hot path.
class private_arena {
 public:
  private_arena() noexcept = default;

  // An arena of at least `bytes`, or an empty one when the kernel refuses.
  static private_arena make(std::size_t bytes) noexcept {
    private_arena made;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto rounded = (bytes + page - 1) / page * page;
    void* at = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return made;
    if (::madvise(at, rounded, MADV_WIPEONFORK) != 0) {
      ::munmap(at, rounded);
      return made;
    }
    made.at_ = at;
    made.bytes_ = rounded;
    return made;
  }

  private_arena(private_arena&& other) noexcept
      : at_(std::exchange(other.at_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  private_arena& operator=(private_arena&& other) noexcept {
    std::swap(at_, other.at_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~private_arena() {
    if (at_ != nullptr) ::munmap(at_, bytes_);
  }

  // A wish: whether the kernel should back what is touched from now on by huge pages.
  void prefer_huge_pages(bool wanted) noexcept {
    static_cast<void>(::madvise(at_, bytes_, wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
  }

  explicit operator bool() const noexcept { return at_ != nullptr; }
  void* data() const noexcept { return at_; }
  std::size_t size() const noexcept { return bytes_; }

 private:
  void* at_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace sequencer::detail
