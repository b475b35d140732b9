// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include <sequencer/unbound.hpp>

namespace sequencer::detail {

// Zeroed anonymous memory that a forked child finds zeroed again (MADV_WIPEONFORK, Linux 4.14).
// State whose zero means "not mine" is therefore safe under fork without a check on the hot path.
class private_arena {
 public:
  private_arena() noexcept = default;

  // An arena of at least `bytes`, on that node and on no other, or an empty one when the kernel
  // refuses: it gives no addresses, knows no such node, or lets this process have none of it.
  static private_arena make(std::size_t bytes, std::uint32_t node = unbound) noexcept {
    private_arena made;
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const auto rounded = (bytes + page - 1) / page * page;
    void* at = ::mmap(nullptr, rounded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) return made;
    made.at_ = at;
    made.bytes_ = rounded;
    if (::madvise(at, rounded, MADV_WIPEONFORK) != 0 || !made.bind(0, rounded, node)) return {};
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

  // The pages of that part are to lie on the node, those included that are there already, as under
  // mlockall(MCL_FUTURE). No page is set aside: when the node is full at the first touch, the
  // system kills somebody, as it does for memory that is bound to nothing.
  bool bind(std::size_t from, std::size_t bytes, std::uint32_t node) noexcept {
    if (node == unbound) return true;
    constexpr std::size_t bits = std::numeric_limits<unsigned long>::digits;
    std::array<unsigned long, most_nodes / bits> wanted{};
    if (node >= most_nodes) return false;
    wanted[node / bits] = 1ul << node % bits;
    // Its length counts one bit more than the kernel looks at.
    return ::syscall(SYS_mbind, static_cast<std::byte*>(at_) + from, bytes, MPOL_BIND,
                     wanted.data(), most_nodes + 1, MPOL_MF_MOVE | MPOL_MF_STRICT) == 0;
  }

  // Of `parts` parts of so many bytes each the i-th on the i-th node, as far as nodes are named.
  bool bind_each(std::size_t bytes, const std::vector<std::uint32_t>& nodes,
                 std::size_t parts) noexcept {
    for (std::size_t i = 0; i < std::min(nodes.size(), parts); ++i) {
      if (!bind(i * bytes, bytes, nodes[i])) return false;
    }
    return true;
  }

  explicit operator bool() const noexcept { return at_ != nullptr; }
  void* data() const noexcept { return at_; }
  std::size_t size() const noexcept { return bytes_; }

 private:
  static constexpr std::size_t most_nodes = 1024;  // as many as Linux is built for, at most

  void* at_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace sequencer::detail
