// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <sequencer/place/plan.hpp>
#include <sequencer/place/topology.hpp>
#include <sequencer/result.hpp>

namespace sequencer::place {

enum class huge_pages : unsigned char {
  no,           // small ones, also where the system would give others
  transparent,  // asked for by madvise()
  reserved,     // of those that an administrator set aside, where there are enough on the nodes;
                // else transparent
};

struct memory_options {
  huge_pages pages = huge_pages::transparent;
  bool touch = true;  // every page is there when make() returns
  bool lock = false;  // no page is ever taken away
};

// Where pages are, as the kernel says.
struct residence {
  struct share {
    unsigned node;  // number
    std::uint64_t pages;
  };
  std::uint64_t page_bytes = 0;  // what is counted in; huge pages count as their small ones
  std::uint64_t pages = 0;       // all
  std::uint64_t absent = 0;      // not there yet
  std::uint64_t elsewhere = 0;   // on a node other than planned
  std::vector<share> by_node;    // rising
  std::uint64_t huge_bytes = 0;  // backed by huge pages
  std::uint64_t locked_bytes = 0;
  bool known = false;               // the kernel said of each page where it is
  std::vector<std::string> doubts;  // what it did not say: sentences

  // Every page is there, each on a node that the policy gives it.
  bool as_planned() const noexcept { return pages != 0 && absent == 0 && elsewhere == 0 && known; }
};

// Bytes on NUMA nodes by an explicit policy, for slots(capacity, bytes()), for counters and for
// whatever else is to lie somewhere (see placed.hpp). Zeroed. Aligned to 2 MiB from that size on,
// else to a page, and never next to another mapping: the kernel would merge them, and then fault in
// a huge page that begins in a neighbour, on the neighbour's node.
//
// Threads: a plain owner; verify() any. Ends by giving the memory back: whatever was built in it
// must be gone. Moving it does not move the bytes.
class memory {
 public:
  // At least `bytes`, from 2 MiB on a multiple of that, placed as `where` says; so is each part of
  // memory that is split. A policy that the kernel refuses is a failure: there is no such memory
  // that was not bound. What else it refuses is in refused(). Threads: any. Progress: system calls;
  // touches `bytes`, milliseconds a 64 MiB at best. Order: all is done when it returns.
  // Fails: unsupported, `here` is not this machine; invalid, no bytes, or nodes that there are not;
  // denied, a node that this process may not use, or the kernel refuses the policy; unavailable,
  // the nodes have not so much memory free, or the control group does not let this process have so
  // much more.
  static result<memory> make(const topology& here, const region& where, std::size_t bytes,
                             memory_options how = {});

  memory(memory&& other) noexcept
      : mapped_(std::exchange(other.mapped_, {})),
        bytes_(std::exchange(other.bytes_, {})),
        where_(std::move(other.where_)),
        small_(other.small_),
        refused_(std::move(other.refused_)) {}
  memory& operator=(memory&& other) noexcept {
    std::swap(mapped_, other.mapped_);
    std::swap(bytes_, other.bytes_);
    std::swap(where_, other.where_);
    std::swap(small_, other.small_);
    std::swap(refused_, other.refused_);
    return *this;
  }
  ~memory();

  std::span<std::byte> bytes() const noexcept { return bytes_; }
  // Where memory is split: the part on where().nodes[at], all of one size, one after another. Else
  // all bytes.
  std::span<std::byte> part(std::size_t at) const noexcept;
  const region& where() const noexcept { return where_; }
  // Huge pages and locks that the host did not grant: sentences.
  const std::vector<std::string>& refused() const noexcept { return refused_; }

  // Asks the kernel about each page.
  // Threads: any. Progress: system calls, time grows with the pages. Order: none; pages may move
  // afterwards where the policy lets them. Fails: never; what it could not learn is in `doubts`.
  residence verify() const;

 private:
  memory() = default;

  result<void> map(std::size_t bytes);
  bool reserved_pages(const topology& here);
  result<void> fill(memory_options how);
  result<void> check_room() const;
  void ask_for_huge(huge_pages pages);
  result<void> bind();
  result<void> touch();
  void tell_small_pages();
  void lock();
  // The nodes' parts, as the policy gives them; one for all but split.
  std::vector<std::pair<std::span<std::byte>, index_set>> parts() const;
  // Of each node, at most.
  std::map<unsigned, std::size_t> shares() const;

  std::span<std::byte> mapped_;  // with what keeps neighbours away
  std::span<std::byte> bytes_;
  region where_;
  bool small_ = false;  // huge pages are not wanted
  std::vector<std::string> refused_;
};

}  // namespace sequencer::place
