// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#include <sequencer/detail/private_arena.hpp>
#include <sequencer/unbound.hpp>

namespace sequencer::detail {

// Objects of one type in pages that lie on the nodes that are asked for, and that a forked child
// finds zeroed. They stay where they are made, and end with this one.
//
// Threads: one at a time.
template <class T>
class homed {
 public:
  homed() = default;
  homed(const homed&) = delete;
  homed& operator=(const homed&) = delete;
  ~homed() {
    for (auto* each : all_) std::destroy_at(each);
  }

  // T(arguments...) on that node; nullptr where there is no such node, or this process may have no
  // memory of it.
  template <class... Arguments>
  T* make(std::uint32_t node, Arguments&&... arguments) {
    auto* const at = room_on(node);
    if (at == nullptr) return nullptr;
    all_.push_back(::new (at) T(std::forward<Arguments>(arguments)...));
    return all_.back();
  }

  // One that was given back there, as it was then, or a new T(). The last given back comes first.
  T* take(std::uint32_t node) {
    for (auto i = idle_.size(); i-- != 0;) {
      if (idle_[i].node != node) continue;
      auto* const found = idle_[i].object;
      idle_.erase(idle_.begin() + static_cast<std::ptrdiff_t>(i));
      return found;
    }
    auto* const made = make(node);
    idle_.reserve(all_.capacity());  // giving back asks for no memory
    return made;
  }
  void give_back(T* taken, std::uint32_t node) noexcept { idle_.push_back({taken, node}); }

  // In the order that they were made in.
  const std::vector<T*>& all() const noexcept { return all_; }

 private:
  struct pages {
    std::uint32_t node;
    private_arena memory;
    std::size_t used;
  };

  struct idle_one {
    T* object;
    std::uint32_t node;
  };

  void* room_on(std::uint32_t node) {
    if (all_.size() == all_.capacity()) all_.reserve(2 * all_.size() + 1);
    const auto has_room = [&](const pages& of) {
      return of.node == node && of.used + sizeof(T) <= of.memory.size();
    };
    auto at = std::find_if(pages_.begin(), pages_.end(), has_room);
    if (at == pages_.end()) {
      auto more = private_arena::make(sizeof(T), node);
      if (!more) return nullptr;
      at = pages_.insert(pages_.end(), {node, std::move(more), 0});
    }
    auto* const found = static_cast<std::byte*>(at->memory.data()) + at->used;
    at->used += sizeof(T);
    return found;
  }

  std::vector<pages> pages_;
  std::vector<T*> all_;
  std::vector<idle_one> idle_;
};

}  // namespace sequencer::detail
