// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <new>
#include <utility>

#include <sequencer/place/memory.hpp>
#include <sequencer/place/plan.hpp>
#include <sequencer/place/topology.hpp>
#include <sequencer/result.hpp>

namespace sequencer::place {

// One object on a node, a counter or a block cache, alone in its pages. What the object allocates
// by itself lies where the system puts it.
//
// Threads: as the object's own. Moving the owner does not move the object.
template <class T>
class placed {
 public:
  // T(arguments...) in memory that `where` says.
  // Threads, progress, order, fails: as memory::make().
  template <class... Arguments>
  static result<placed> make(const topology& here, const region& where, Arguments&&... arguments) {
    auto bytes = memory::make(here, where, sizeof(T), {.pages = huge_pages::no});
    if (!bytes) return bytes.failure();
    auto* const made =
        ::new (static_cast<void*>(bytes->bytes().data())) T(std::forward<Arguments>(arguments)...);
    return placed(*std::move(bytes), made);
  }

  placed(placed&& other) noexcept
      : where_(std::move(other.where_)), object_(std::exchange(other.object_, nullptr)) {}
  placed& operator=(placed&& other) noexcept {
    std::swap(where_, other.where_);
    std::swap(object_, other.object_);
    return *this;
  }
  ~placed() {
    if (object_ != nullptr) std::destroy_at(object_);
  }

  T& operator*() const noexcept { return *object_; }
  T* operator->() const noexcept { return object_; }

  // As memory::verify().
  residence verify() const { return where_.verify(); }

 private:
  placed(memory where, T* object) noexcept : where_(std::move(where)), object_(object) {}

  memory where_;
  T* object_;
};

}  // namespace sequencer::place
