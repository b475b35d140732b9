// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "mend.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "../../shared/trouble.hpp"
#include "../message.hpp"
#include "records.hpp"

namespace examples::exchange {

namespace {

void refuse_strangers(std::span<const order> one, std::span<const order> other,
                      const append_file& journal, const append_file& replica) {
  const auto both = std::min(one.size(), other.size());
  if (both == 0 || std::memcmp(one.data(), other.data(), both * sizeof(order)) == 0) return;
  throw trouble(fmt::format("{} and {} hold different orders; they were not written by `exchange "
                            "run` together, so restore the one that was changed",
                            journal.path().string(), replica.path().string()));
}

void refuse_losses(std::span<const order> whole, const orders_by_gateway& promised,
                   const append_file& journal, const append_file& replica) {
  orders_by_gateway found;
  for (const auto& each : whole) found[each.gateway] = each.own;
  for (const auto& [gateway, own] : promised) {
    if (found[gateway] >= own) continue;
    throw trouble(fmt::format("gateway {} was told that its orders up to {} are accepted, but {} "
                              "and {} are whole only up to its order {}; restore one of them",
                              gateway, own, journal.path().string(), replica.path().string(),
                              found[gateway]));
  }
}

void bring_to(append_file& file, std::span<const order> mine, std::span<const order> whole) {
  file.cut(mine.size_bytes());
  static_cast<void>(file.append(std::as_bytes(whole.subspan(mine.size()))) && file.sync());
  file.check();
}

}  // namespace

mended mend(append_file& journal, append_file& replica, const orders_by_gateway& promised) {
  const records<order> first(journal.path());
  const records<order> second(replica.path());
  refuse_strangers(first.good(), second.good(), journal, replica);
  const auto whole = first.good().size() >= second.good().size() ? first.good() : second.good();
  refuse_losses(whole, promised, journal, replica);
  bring_to(journal, first.good(), whole);
  bring_to(replica, second.good(), whole);
  return {whole.size(), first.bytes_beyond() + second.bytes_beyond()};
}

}  // namespace examples::exchange
