// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace examples::exchange {

namespace {

orders_by_gateway most_in(const tallies& all, std::atomic<std::uint64_t> gateway_tally::*count) {
  orders_by_gateway most;
  for (const auto& [epoch, run] : all) {
    for (std::size_t i = 0; i < run.threads().size(); ++i) {
      most[i] = std::max(most[i], (run.threads()[i].*count).load());
    }
  }
  return most;
}

double ms(double ns) { return ns / 1e6; }

}  // namespace

tally begin_tally(const std::filesystem::path& directory, const orders_by_gateway& accepted,
                  const run_facts& facts) {
  auto made = tally::create(directory / fmt::format("run-{:010}.tally", facts.epoch), facts);
  for (const auto& [gateway, own] : accepted) {
    if (gateway >= facts.threads) continue;
    made.threads()[gateway].sent = own;
    made.threads()[gateway].acknowledged = own;
  }
  return made;
}

std::uint64_t sent_of(const tally& run) {
  std::uint64_t all = 0;
  for (const auto& each : run.threads()) all += each.sent;
  return all;
}

void print(const run_facts& of, std::uint64_t sent, double seconds, const latency& spans) {
  fmt::print("run {}: {} orders recovered in {:.1f} ms; ", of.epoch, of.orders,
             ms(static_cast<double>(of.recovery_ns)));
  if (sent == 0) return fmt::print("no order is left to send\n");
  fmt::print("from number {} on {} orders accepted in {:.2f} s, {:.0f} a second\n", of.first, sent,
             seconds, static_cast<double>(sent) / seconds);
  if (spans.count() == 0) return;
  fmt::print("gateway to publisher, ms: p50 {:.2f}, p90 {:.2f}, p99 {:.2f}, p99.9 {:.2f}, "
             "max {:.2f}\n", ms(spans.quantile(0.5)), ms(spans.quantile(0.9)),
             ms(spans.quantile(0.99)), ms(spans.quantile(0.999)),
             ms(static_cast<double>(spans.most())));
}

tallies tallies_in(const std::filesystem::path& directory) {
  tallies found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".tally") continue;
    auto read = tally::open(entry.path());
    const auto epoch = read.facts().epoch;
    found.emplace(epoch, std::move(read));
  }
  return found;
}

orders_by_gateway acknowledged_in(const tallies& all) {
  return most_in(all, &gateway_tally::acknowledged);
}

orders_by_gateway sent_in(const tallies& all) { return most_in(all, &gateway_tally::sent); }

}  // namespace examples::exchange
