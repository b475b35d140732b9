// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>

#include "checkpoint_state.hpp"
#include "failure.hpp"
#include "report.hpp"

namespace sequencer {

using detail::emptied;

checkpoint::checkpoint(std::shared_ptr<detail::checkpoint_state> state) noexcept
    : state_(std::move(state)) {}

checkpoint& checkpoint::operator=(checkpoint&& other) noexcept {
  std::swap(state_, other.state_);
  return *this;
}

checkpoint::~checkpoint() {
  if (state_) static_cast<void>(state_->close());
}

result<checkpoint> checkpoint::open(std::string path, checkpoint_options options) {
  auto state = detail::checkpoint_state::open(std::move(path), std::move(options));
  if (!state) return state.failure();
  return checkpoint(std::move(*state));
}

result<durable_sequence> checkpoint::sequence(std::string_view name, sequence_options options) {
  return state_ ? state_->strict(name, options) : emptied();
}

result<durable_order> checkpoint::order(std::string_view name, sequence_options options) {
  return state_ ? state_->order(name, options) : emptied();
}

durable_order::~durable_order() {
  if (state_) state_->take_back(*reservation_);
}

result<durable_blocks> checkpoint::blocks(std::string_view name, block_sequence_options options) {
  return state_ ? state_->blocks(name, options) : emptied();
}

result<durable_cpu_blocks> checkpoint::cpu_blocks(std::string_view name,
                                                  block_sequence_options options) {
  return state_ ? state_->cpu_blocks(name, options) : emptied();
}

result<durable_mark> checkpoint::mark(std::string_view name, mark_options options) {
  return state_ ? state_->mark(name, options) : emptied();
}

result<std::uint64_t> durable_mark::store(std::uint64_t number) noexcept {
  return state_->store_mark(*mark_, number);
}

named_sequences checkpoint::named() const { return named_sequences(state_); }

result<std::vector<hole>> checkpoint::holes(std::string_view name) const {
  return state_ ? state_->holes(name) : emptied();
}

result<std::vector<sequence_status>> checkpoint::list() const {
  if (!state_) return emptied();
  return state_->list();
}

checkpoint_metrics checkpoint::metrics() const {
  return state_ ? state_->metrics() : checkpoint_metrics{};
}

std::uint64_t checkpoint::open_epoch() const noexcept {
  return state_ ? state_->open_epoch() : 0;
}

bool checkpoint::live() const noexcept { return state_ && state_->live(); }

const std::string& checkpoint::live_refusal() const noexcept {
  static const std::string none;
  return state_ ? state_->live_refusal() : none;
}

bool checkpoint::tend() noexcept { return state_ && state_->tend(); }

result<void> checkpoint::backup(const std::string& path) const {
  return state_ ? state_->backup(path) : emptied();
}

result<std::vector<std::string>> checkpoint::adopt(std::string path, sequencer::sequence floor,
                                                   checkpoint_options options) {
  return detail::checkpoint_state::adopt(std::move(path), floor, std::move(options));
}

result<checkpoint_report> checkpoint::inspect(std::string path, checkpoint_options options) {
  return detail::inspect_file(std::move(path), options);
}

result<void> checkpoint::close() { return state_ ? state_->close() : result<void>(); }

}  // namespace sequencer
