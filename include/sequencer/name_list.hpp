// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/counter.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/result.hpp>
#include <sequencer/sequential_name.hpp>
#include <sequencer/wait.hpp>

namespace sequencer {

// The children of one parent, in this process: what a lock or an election needs of ZooKeeper. Each
// name that is made takes a number of the parent's, also one without a number in it; removing takes
// none, so no number comes again (the parent's cversion, as ZooKeeper stores it). A parent that is
// made anew counts anew, unless its numbers come from where they last.
//
// Where it differs from ZooKeeper: a number whose name is there already is passed over, where
// ZooKeeper refuses the call, and the next one, until something else is made below that parent.
//
// Threads: any, all calls. One lock: held for as long as it takes to change or copy a map and, by
// create() and add(), until the source has answered, so with a source that waits others wait too,
// also for longer than their deadline.
template <number_source Numbers = counter>
class name_list {
 public:
  // `parent`: the path that all names are below. The numbers are this list's alone.
  name_list(std::string parent, Numbers& numbers, name_format format = int32_names)
      : parent_(std::move(parent)), numbers_(&numbers), format_(format) {
    if (!is_name_path(parent_)) {
      detail::stop("'" + parent_ + "' is no path that names can be below");
    }
  }
  name_list(const name_list&) = delete;
  name_list& operator=(const name_list&) = delete;

  const std::string& parent() const noexcept { return parent_; }

  // Makes a name of the next number: create with the flag SEQUENCE.
  // Order: linearizable, as the numbers are.
  // Fails: invalid, a prefix that ZooKeeper would not take, or one below another parent; exhausted,
  // the format's last number was given out; else what the source fails with.
  result<std::string> create(std::string_view prefix) {
    if (auto wrong = outside(prefix)) return std::move(*wrong);
    const std::lock_guard held(changing_);
    for (;;) {
      auto name = next_name(*numbers_, prefix, format_);
      if (!name || names_.try_emplace(*name, std::make_shared<entry>()).second) return name;
    }
  }

  // Makes a name as it is, which counts all the same.
  // Fails: invalid, as create() and where no such path may be; locked, it is there already: nothing
  // is counted; else what the source fails with.
  result<void> add(std::string_view name) {
    if (auto wrong = outside(name)) return std::move(*wrong);
    if (!is_name_path(name) || name == parent_) {
      return error{errc::invalid, 0, quoted(name) + " is no path below " + quoted(parent_)};
    }
    const std::lock_guard held(changing_);
    if (names_.find(name) != names_.end()) {
      return error{errc::locked, 0, quoted(name) + " is there already"};
    }
    const auto counted = numbers_->next();
    if (!counted) return error{counted.code(), 0, std::string(counted.text())};
    names_.try_emplace(std::string(name), std::make_shared<entry>());
    return {};
  }

  // Removes a name and wakes who waits for that.
  // Fails: invalid, there is none of this name.
  result<void> remove(std::string_view name) {
    std::shared_ptr<entry> removed;
    {
      const std::lock_guard held(changing_);
      const auto found = names_.find(name);
      if (found == names_.end()) return error{errc::invalid, 0, quoted(name) + " is not there"};
      removed = std::move(found->second);
      names_.erase(found);
    }
    // order: name-removed -> name-gone: what was done before it was removed
    removed->gone.store(true, detail::release);
    removed->waiters.wake();
    return {};
  }

  // All names, sorted as text.
  std::vector<std::string> names() const {
    const std::lock_guard held(changing_);
    std::vector<std::string> all;
    for (const auto& each : names_) all.push_back(each.first);
    return all;
  }

  // Who was made last before `mine` and is still there: whom to wait for.
  std::optional<std::string> predecessor(std::string_view mine) const {
    const auto all = names();
    const auto before = predecessor_of(mine, all, format_);
    return before ? std::optional<std::string>(*before) : std::nullopt;
  }

  // Waits until the name is not there: a watch that cannot be missed, of a name that create() made;
  // one that add() made may have come again.
  // Progress: blocking; wakes when this one name is removed.
  // Order: sees what was done before it was removed.
  // Fails: timeout, `until` passed first.
  wait::outcome await_removal(std::string_view name, wait::deadline until = wait::never) {
    const auto watched = find(name);
    if (watched == nullptr) return wait::outcome::ready;
    const auto gone = [&] {
      // order: name-gone <- name-removed: what was done before it was removed
      return watched->gone.load(detail::acquire);
    };
    return wait::await(watched->waiters, gone, [] { return false; }, until);
  }

 private:
  struct entry {
    detail::atomic<bool> gone{false};
    wait::park waiters;
  };

  static std::string quoted(std::string_view name) { return "'" + std::string(name) + "'"; }

  std::optional<error> outside(std::string_view name) const {
    if (!is_name_prefix(name)) {
      return error{errc::invalid, 0, quoted(name) + " is no path that a name can begin with"};
    }
    if (parent_of(name) == parent_) return std::nullopt;
    return error{errc::invalid, 0, quoted(name) + " is not right below " + quoted(parent_)};
  }

  std::shared_ptr<entry> find(std::string_view name) const {
    const std::lock_guard held(changing_);
    const auto found = names_.find(name);
    return found == names_.end() ? nullptr : found->second;
  }

  const std::string parent_;
  Numbers* numbers_;
  const name_format format_;
  mutable detail::mutex changing_;
  std::map<std::string, std::shared_ptr<entry>, std::less<>> names_;
};

}  // namespace sequencer
