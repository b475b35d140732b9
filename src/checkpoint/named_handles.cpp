// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <sequencer/named_sequence.hpp>

#include "checkpoint_state.hpp"
#include "failure.hpp"

namespace sequencer {

using detail::emptied;

namespace {

bool is_dropped(const detail::named_view& of) noexcept {
  // order: named-drop-seen <- named-dropped: nothing
  return of.of->dropped.load(detail::acquire);
}

}  // namespace

result<std::int64_t> named_sequence::next_block() noexcept {
  return session_->file->next_block(*view_);
}

result<std::int64_t> named_sequence::currval() const noexcept {
  if (is_dropped(*view_)) return errc::closed;
  return view_->has_last ? result<std::int64_t>(view_->last) : errc::unavailable;
}

result<void> named_sequence::setval(std::int64_t number, bool called) {
  return session_->file->set_named(*view_, number, called);
}

result<named_range> named_sequence::range(std::uint64_t n) noexcept {
  return session_->file->take_named(*view_->of, n);
}

result<named_sequence> named_session::open(std::string_view name) {
  if (!state_->file) return emptied();
  const auto opened = state_->file->open_named_sequence(name);
  if (!opened) return opened.failure();
  auto& all = state_->views;
  auto mine = std::find_if(all.begin(), all.end(),
                           [&](const auto& each) { return each.of == *opened; });
  if (mine == all.end()) {
    auto& view = all.emplace_back();
    view.moves = &(*opened)->moves;
    view.last_used = &state_->last_used;
    view.of = *opened;
    view.session = state_.get();
    mine = std::prev(all.end());
  }
  named_sequence made;
  made.session_ = state_;
  made.view_ = &*mine;
  return made;
}

result<std::int64_t> named_session::lastval() const noexcept {
  const auto* last = state_->last_used;
  if (last == nullptr || is_dropped(*last)) return errc::unavailable;
  return last->last;
}

result<void> named_sequences::create(std::string_view name, const named_options& options) {
  return state_ ? state_->create_named(name, options) : emptied();
}

result<void> named_sequences::alter(std::string_view name, const named_change& change) {
  return state_ ? state_->alter_named(name, change) : emptied();
}

result<void> named_sequences::drop(std::string_view name) {
  return state_ ? state_->drop_named(name) : emptied();
}

result<sequence_status> named_sequences::status(std::string_view name) const {
  return state_ ? state_->status_of_named(name) : emptied();
}

named_session named_sequences::session() const {
  named_session made;
  made.state_ = std::make_shared<detail::named_session_state>();
  made.state_->file = state_;
  return made;
}

}  // namespace sequencer
