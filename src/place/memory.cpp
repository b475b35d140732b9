// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Memory that is bound before it is touched.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sequencer/place/memory.hpp>

#include "files.hpp"
#include "not_here.hpp"
#include "os.hpp"

namespace sequencer::place {

namespace {

constexpr int populate_write = 23;                        // MADV_POPULATE_WRITE, Linux 5.14
constexpr std::size_t wide_bytes = std::size_t{2} << 20;  // of a huge page on x86-64 and aarch64

std::size_t rounded(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

std::string mib_text(std::uint64_t bytes) {
  if (bytes < std::uint64_t{1} << 20) return std::to_string(bytes >> 10) + " KiB";
  return std::to_string(bytes >> 20) + " MiB";
}

index_set set_of(const std::vector<unsigned>& nodes) {
  index_set all;
  for (const auto each : nodes) all.insert(each);
  return all;
}

result<void> check_nodes(const topology& here, const region& where) {
  const auto who = "memory '" + where.name + "': ";
  if (where.nodes.empty()) return error{errc::invalid, 0, who + "no node was named"};
  if (where.how == spread::bind && where.nodes.size() != 1) {
    return error{errc::invalid, 0, who + "is bound to one node; interleave or split over several"};
  }
  for (const auto each : where.nodes) {
    const auto at = here.node_at(each);
    if (at == nowhere) {
      return error{errc::invalid, 0, who + "there is no node " + std::to_string(each)};
    }
    if (!here.nodes[at].usable) {
      return error{errc::denied, 0,
                   who + "this process may have no memory on node " + std::to_string(each)};
    }
  }
  return {};
}

// Memory of a node that is free, or holds what can be read again from files. A full node would not
// refuse: the kernel would kill somebody.
std::uint64_t free_on(const file_tree& root, unsigned node) {
  const auto number = std::to_string(node);
  const auto path = "sys/devices/system/node/node" + number + "/meminfo";
  std::uint64_t kib = 0;
  bool told = false;
  for (const auto* key : {"MemFree", "Inactive(file)", "Active(file)", "SReclaimable"}) {
    const auto found = root.field(path, "Node " + number + ' ' + key);
    if (!found) continue;
    told = true;
    kib += number_in(*found).value_or(0);
  }
  return told ? kib << 10 : ~std::uint64_t{0};
}

result<void> check_room(const region& where, std::size_t bytes) {
  const file_tree root("/");
  const auto share = bytes / where.nodes.size();
  for (const auto each : set_of(where.nodes)) {
    const auto there = free_on(root, each);
    if (share <= there) continue;
    return error{errc::unavailable, ENOMEM,
                 "memory '" + where.name + "': " + mib_text(share) + " on node " +
                     std::to_string(each) + ", where " + mib_text(there) + " are free"};
  }
  return {};
}

}  // namespace

memory::~memory() {
  if (!mapped_.empty()) ::munmap(mapped_.data(), mapped_.size());
}

// In the middle of a mapping that nobody may use: what lies beside it is never merged with it.
result<void> memory::map(std::size_t bytes) {
  const auto unit = bytes >= wide_bytes ? wide_bytes : os::page_bytes();
  const auto size = rounded(bytes, unit);
  const auto all = size + 2 * unit;
  void* const at =
      ::mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) {
    return error{
        errc::unavailable, errno,
        "memory '" + where_.name + "': mapping " + mib_text(all) + ": " + std::strerror(errno)};
  }
  mapped_ = {static_cast<std::byte*>(at), all};
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  auto* const first = mapped_.data() + (rounded(address + 1, unit) - address);
  if (::mprotect(first, size, PROT_READ | PROT_WRITE) != 0) {
    return error{errc::unavailable, errno,
                 "memory '" + where_.name + "': " + mib_text(size) + ": " + std::strerror(errno)};
  }
  bytes_ = {first, size};
  return {};
}

std::vector<std::pair<std::span<std::byte>, index_set>> memory::parts() const {
  if (where_.how != spread::split) return {{bytes_, set_of(where_.nodes)}};
  std::vector<std::pair<std::span<std::byte>, index_set>> all;
  const auto unit = bytes_.size() % wide_bytes == 0 ? wide_bytes : os::page_bytes();
  const auto units = bytes_.size() / unit;
  const auto count = where_.nodes.size();
  for (std::size_t i = 0; i < count; ++i) {
    const auto first = units * i / count * unit;
    const auto last = units * (i + 1) / count * unit;
    if (first == last) continue;
    all.push_back({bytes_.subspan(first, last - first), index_set{where_.nodes[i]}});
  }
  return all;
}

result<void> memory::bind() {
  for (const auto& [part, nodes] : parts()) {
    const auto how = where_.how == spread::interleave ? os::policy::interleave : os::policy::bind;
    const int bad = os::bind_memory(part.data(), part.size(), how, nodes);
    if (bad == 0) continue;
    return error{
        errc::denied, bad,
        "memory '" + where_.name + "' on node " + nodes.text() +
            ": the kernel refused the policy: " + std::strerror(bad) +
            (bad == ENOSYS || bad == EPERM ? "; is this a container that may not bind?" : "")};
  }
  return {};
}

// Whether pages that were set aside could be had. They are all there at once, or not at all: a page
// that is missing later would end the process.
bool memory::reserved_pages(const topology& here) {
  const auto part_count = where_.nodes.size();
  const auto needed = (bytes_.size() / wide_bytes + part_count - 1) / part_count;
  for (const auto each : where_.nodes) {
    const auto& pools = here.nodes[here.node_at(each)].huge;
    const bool enough = std::any_of(pools.begin(), pools.end(), [&](const huge_pool& pool) {
      return pool.page_bytes == wide_bytes && pool.free_pages >= needed;
    });
    if (enough) continue;
    refused_.push_back("No " + std::to_string(needed) + " reserved huge pages are free on node " +
                       std::to_string(each) + ": transparent ones were asked for.");
    return false;
  }
  void* const at = ::mmap(bytes_.data(), bytes_.size(), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_HUGETLB, -1, 0);
  if (at != MAP_FAILED) {
    if (bind() && ::madvise(bytes_.data(), bytes_.size(), populate_write) == 0) return true;
  }
  const int why = errno;
  refused_.push_back(std::string("Reserved huge pages: ") + std::strerror(why) +
                     "; transparent ones were asked for.");
  static_cast<void>(::mmap(bytes_.data(), bytes_.size(), PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  return false;
}

void memory::ask_for_huge(const topology& here, huge_pages pages) {
  if (pages == huge_pages::reserved) {
    if (bytes_.size() % wide_bytes == 0 && reserved_pages(here)) return;
    pages = huge_pages::transparent;
  }
  const bool wanted = pages == huge_pages::transparent;
  if (wanted && bytes_.size() < wide_bytes) return;
  if (::madvise(bytes_.data(), bytes_.size(), wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0)
    return;
  if (!wanted) return;  // a kernel without them has no such advice
  refused_.push_back(std::string("Huge pages: ") + std::strerror(errno) + ".");
}

result<void> memory::touch() {
  if (::madvise(bytes_.data(), bytes_.size(), populate_write) == 0) return {};
  if (errno != EINVAL) {
    return error{
        errc::unavailable, errno,
        "memory '" + where_.name + "': " + mib_text(bytes_.size()) + ": " + std::strerror(errno)};
  }
  // Before Linux 5.14.
  for (std::size_t at = 0; at < bytes_.size(); at += os::page_bytes()) {
    *const_cast<volatile std::byte*>(&bytes_[at]) = std::byte{0};
  }
  return {};
}

void memory::lock() {
  // By itself: sanitizers stand in for mlock() with a call that does nothing.
  if (::syscall(SYS_mlock, bytes_.data(), bytes_.size()) == 0) return;
  refused_.push_back("Locking " + mib_text(bytes_.size()) + ": " + std::strerror(errno) +
                     "; see `ulimit -l`.");
}

result<memory> memory::make(const topology& here, const region& where, std::size_t bytes,
                            memory_options how) {
  if (!here.this_machine) return not_here(here, "no memory was bound");
  if (bytes == 0) return error{errc::invalid, 0, "memory '" + where.name + "': no bytes"};
  if (auto nodes = check_nodes(here, where); !nodes) return nodes.failure();
  if (auto room = check_room(where, bytes); !room) return room.failure();
  memory made;
  made.where_ = where;
  if (auto mapped = made.map(bytes); !mapped) return mapped.failure();
  made.ask_for_huge(here, how.pages);
  // After the question for huge pages, which may have mapped anew; before the first touch.
  if (auto bound = made.bind(); !bound) return bound.failure();
  if (how.touch) {
    if (auto there = made.touch(); !there) return there.failure();
  }
  if (how.lock) made.lock();
  return made;
}

}  // namespace sequencer::place
