// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Memory that is bound before it is touched.

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include <sequencer/place/memory.hpp>

#include "files.hpp"
#include "mappings.hpp"
#include "not_here.hpp"
#include "os.hpp"
#include "reading.hpp"

namespace sequencer::place {

namespace {

constexpr int populate_write = 23;                        // MADV_POPULATE_WRITE, Linux 5.14
constexpr std::size_t wide_bytes = std::size_t{2} << 20;  // of a huge page on x86-64 and aarch64
constexpr int pages_of_2_mib = 21 << 26;                  // MAP_HUGE_2MB, whatever is the default

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

error no_room(const region& where, std::uint64_t bytes, const std::string& who,
              std::uint64_t there) {
  return {errc::unavailable, ENOMEM,
          "memory '" + where.name + "': " + mib_text(bytes) + " on " + who + ", where " +
              mib_text(there) + " are free"};
}

// Whole huge pages in there.
std::size_t wide_in(std::span<std::byte> part) {
  const auto first = reinterpret_cast<std::uintptr_t>(part.data());
  const auto from = rounded(first, wide_bytes);
  const auto to = (first + part.size()) / wide_bytes * wide_bytes;
  return to > from ? to - from : 0;
}

}  // namespace

memory::~memory() {
  if (!mapped_.empty()) ::munmap(mapped_.data(), mapped_.size());
}

// In the middle of a mapping that nobody may use: what lies beside it is never merged with it.
result<void> memory::map(std::size_t bytes) {
  const auto refused = [&](std::size_t size, int why) {
    return error{errc::unavailable, why,
                 "memory '" + where_.name + "': " + mib_text(size) + ": " + std::strerror(why)};
  };
  if (bytes > std::numeric_limits<std::size_t>::max() / 2) return refused(bytes, ENOMEM);
  // Parts are equal, and each is of whole pages.
  const auto parts = where_.how == spread::split ? where_.nodes.size() : 1;
  const auto part = (bytes + parts - 1) / parts;
  const auto size = parts * rounded(part, part >= wide_bytes ? wide_bytes : os::page_bytes());
  const auto unit = size >= wide_bytes ? wide_bytes : os::page_bytes();
  const auto all = size + 2 * unit;
  void* const at =
      ::mmap(nullptr, all, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (at == MAP_FAILED) return refused(all, errno);
  mapped_ = {static_cast<std::byte*>(at), all};
  const auto address = reinterpret_cast<std::uintptr_t>(at);
  auto* const first = mapped_.data() + (rounded(address + 1, unit) - address);
  if (::mprotect(first, size, PROT_READ | PROT_WRITE) != 0) return refused(size, errno);
  bytes_ = {first, size};
  return {};
}

std::span<std::byte> memory::part(std::size_t at) const noexcept {
  if (where_.how != spread::split) return bytes_;
  const auto size = bytes_.size() / where_.nodes.size();
  return bytes_.subspan(at * size, size);
}

std::vector<std::pair<std::span<std::byte>, index_set>> memory::parts() const {
  if (where_.how != spread::split) return {{bytes_, set_of(where_.nodes)}};
  std::vector<std::pair<std::span<std::byte>, index_set>> all;
  for (std::size_t i = 0; i < where_.nodes.size(); ++i) {
    all.push_back({part(i), index_set{where_.nodes[i]}});
  }
  return all;
}

std::map<unsigned, std::size_t> memory::shares() const {
  std::map<unsigned, std::size_t> all;
  for (const auto& [part, nodes] : parts()) {
    for (const auto each : nodes) all[each] += (part.size() + nodes.size() - 1) / nodes.size();
  }
  return all;
}

result<void> memory::check_room() const {
  const file_tree root("/");
  for (const auto& [node, share] : shares()) {
    const auto there = free_on(root, node);
    if (share > there) return no_room(where_, share, "node " + std::to_string(node), there);
  }
  if (const auto there = free_in_group(root); bytes_.size() > there) {
    return no_room(where_, bytes_.size(), "behalf of this process's control group", there);
  }
  return {};
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
  if (part(0).size() % wide_bytes != 0) {
    refused_.push_back("Reserved huge pages: " + mib_text(part(0).size()) + " are not of them.");
    return false;
  }
  for (const auto& [node, share] : shares()) {
    const auto needed = (share + wide_bytes - 1) / wide_bytes;
    const auto& pools = here.nodes[here.node_at(node)].huge;
    const bool enough = std::any_of(pools.begin(), pools.end(), [&](const huge_pool& pool) {
      return pool.page_bytes == wide_bytes && pool.free_pages >= needed;
    });
    if (enough) continue;
    refused_.push_back("No " + std::to_string(needed) + " reserved huge pages are free on node " +
                       std::to_string(node) + ": transparent ones were asked for.");
    return false;
  }
  const auto map_anew = [&](int how) {
    return ::mmap(bytes_.data(), bytes_.size(), PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | how, -1, 0) != MAP_FAILED;
  };
  std::string why;
  if (!map_anew(MAP_HUGETLB | pages_of_2_mib)) {
    why = std::strerror(errno);
  } else if (auto bound = bind(); !bound) {
    why = bound.failure().text;
  } else if (::madvise(bytes_.data(), bytes_.size(), populate_write) != 0) {
    why = std::strerror(errno);
  } else {
    return true;
  }
  refused_.push_back("Reserved huge pages: " + why + "; transparent ones were asked for.");
  static_cast<void>(map_anew(0));  // where this fails, nothing is there to be bound
  return false;
}

void memory::ask_for_huge(huge_pages pages) {
  const bool wanted = pages != huge_pages::no;
  if (wanted && bytes_.size() < wide_bytes) return;
  if (::madvise(bytes_.data(), bytes_.size(), wanted ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) == 0)
    return;
  if (!wanted) return;  // a kernel without them has no such advice
  refused_.push_back(std::string("Huge pages: ") + std::strerror(errno) + ".");
}

// The advice succeeds where the system gives nobody any.
void memory::tell_small_pages() {
  residence found;
  read_mappings(bytes_, found);
  std::size_t possible = 0;
  for (const auto& [part, nodes] : parts()) possible += wide_in(part);
  if (found.huge_bytes >= possible || !found.doubts.empty()) return;
  refused_.push_back("Huge pages: the kernel gave " + mib_text(found.huge_bytes) + " of " +
                     mib_text(possible) +
                     "; see /sys/kernel/mm/transparent_hugepage, or set some aside.");
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

result<void> memory::fill(memory_options how) {
  if (auto room = check_room(); !room) return room;
  ask_for_huge(how.pages);
  // Before the first touch.
  if (auto bound = bind(); !bound) return bound;
  if (!how.touch) return {};
  if (auto there = touch(); !there) return there;
  if (how.pages != huge_pages::no && refused_.empty()) tell_small_pages();
  return {};
}

result<memory> memory::make(const topology& here, const region& where, std::size_t bytes,
                            memory_options how) {
  if (!here.this_machine) return not_here(here, "no memory was bound");
  if (bytes == 0) return error{errc::invalid, 0, "memory '" + where.name + "': no bytes"};
  if (auto nodes = check_nodes(here, where); !nodes) return nodes.failure();
  memory made;
  made.where_ = where;
  made.small_ = how.pages == huge_pages::no;
  if (auto mapped = made.map(bytes); !mapped) return mapped.failure();
  if (how.pages != huge_pages::reserved || !made.reserved_pages(here)) {
    if (auto filled = made.fill(how); !filled) return filled.failure();
  }
  if (how.lock) made.lock();
  return made;
}

}  // namespace sequencer::place
