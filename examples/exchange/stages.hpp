// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>

#include "audit/latency.hpp"
#include "audit/tally.hpp"
#include "book.hpp"
#include "disk/append_file.hpp"
#include "disk/records.hpp"
#include "message.hpp"
#include "rings.hpp"

namespace examples::exchange {

using sequencer::handled;

// Appends every order, numbered and sealed: one write and one sync for all that are there.
class recorder {
 public:
  explicit recorder(append_file& to) : to_(&to) { records_.reserve(orders_in_ring); }

  handled operator()(sequencer::batch<timed<order>>& batch) noexcept {
    records_.clear();
    for (const auto [event, number] : batch) {
      records_.push_back(event.content);
      records_.back().number = number;
      records_.back() = sealed(records_.back());
    }
    const bool kept = to_->append(std::as_bytes(std::span(records_))) && to_->sync();
    return kept ? handled::next : handled::halt;
  }

 private:
  append_file* to_;
  std::vector<order> records_;
};

// Keeps the book and tells what comes of each order. What an earlier run has published already is
// not said again: the reports of a journal are always the same, so counting them is enough.
class matcher {
 public:
  // `out` stands where the published reports end.
  matcher(report_exit out, std::uint64_t published) noexcept
      : out_(std::move(out)), published_(published) {}

  // False when nobody publishes any more.
  bool apply(const order& given, std::int64_t sent_ns) noexcept {
    bool said = true;
    book_.apply(given, [&](const report& each) {
      if (told_++ < published_) return;
      const auto fill = [&](timed<report>& event) { event = {each, sent_ns}; };
      said = said && out_.publish(fill);
    });
    last_ = given.number;
    return said;
  }

  // Marks how the recovered book stands. From now on acknowledges to the gateways, and marks it
  // after each batch.
  void attend(tally& of) noexcept {
    tally_ = &of;
    on_batch_end();
  }

  handled operator()(const timed<order>& event, sequencer::sequence number, bool) noexcept {
    auto given = event.content;
    given.number = number;
    if (!apply(given, event.sent_ns)) return handled::halt;
    // It is journalled and replicated: this stage follows both.
    tally_->threads()[given.gateway].acknowledged.store(given.own, std::memory_order_release);
    return handled::next;
  }

  void on_batch_end() noexcept {
    auto& mark = tally_->facts().marks[turn_++ % 2];
    write(mark, {last_, book_.digest()});
  }

  std::uint64_t told() const noexcept { return told_; }

 private:
  report_exit out_;
  std::uint64_t published_;
  std::uint64_t told_ = 0;
  std::uint64_t last_ = 0;  // number of the last order
  std::uint64_t turn_ = 0;
  book book_;
  tally* tally_ = nullptr;
};

// Appends what is said to the file of trades, and sees how long it took from the gateway. No sync:
// what a crash takes from here, the journal gives again.
class publisher {
 public:
  publisher(append_file& to, latency& spans) : to_(&to), spans_(&spans) {
    records_.reserve(reports_in_ring);
  }

  handled operator()(sequencer::batch<timed<report>>& batch) noexcept {
    records_.clear();
    for (const auto [event, number] : batch) records_.push_back(sealed(event.content));
    if (!to_->append(std::as_bytes(std::span(records_)))) return handled::halt;
    const auto now = now_ns();
    for (const auto [event, number] : batch) {
      const bool last = event.content.what == answer::top;
      if (last && event.sent_ns != 0) spans_->add(now - event.sent_ns);
    }
    return handled::next;
  }

 private:
  append_file* to_;
  latency* spans_;
  std::vector<report> records_;
};

}  // namespace examples::exchange
