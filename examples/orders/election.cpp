// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Election of a leader by sequential names (ZooKeeper's recipe). Who leads begins an epoch, durable
// before it is used, and numbers what it does by (epoch, counter): two leaders never have a number
// in common, and a later one's are all above.

#include <fmt/format.h>

#include <string>
#include <thread>
#include <vector>

#include <sequencer/epoch.hpp>
#include <sequencer/mark_store.hpp>
#include <sequencer/name_list.hpp>
#include <sequencer/zxid.hpp>

namespace {

// Shared by the candidates: names, and the mark of the epochs (a checkpoint's, where it must last).
struct cluster {
  sequencer::counter numbers;
  sequencer::name_list<> names{"/election", numbers};
  sequencer::memory_mark epochs;
  std::vector<sequencer::zxid> log;  // whoever leads appends
};

// Leads for two entries, and is gone.
void lead(cluster& all, const std::string& name) {
  sequencer::epoch mine{all.epochs};
  const auto begun = mine.begin(all.log.empty() ? 0 : all.log.back().epoch());
  if (!begun) return;
  sequencer::zxid_counter ids{all.log.empty() ? sequencer::zxid{} : all.log.back()};
  if (!ids.begin(*begun)) return;
  for (int i = 0; i < 2; ++i) all.log.emplace_back(*ids.next());
  fmt::print("{} leads in epoch {}: 0x{:x}, 0x{:x}\n", name, *begun,
             all.log[all.log.size() - 2].packed(), all.log.back().packed());
}

// Watches only the one before: when a leader goes, one candidate wakes and not all.
void stand(cluster& all, const std::string& name) {
  while (const auto before = all.names.predecessor(name)) all.names.await_removal(*before);
  lead(all, name);
  (void)all.names.remove(name);
}

}  // namespace

int main() {
  cluster all;
  std::vector<std::thread> candidates;
  std::vector<std::string> names;
  for (int i = 0; i < 4; ++i) names.push_back(*all.names.create("/election/node-"));
  (void)all.names.remove(names[2]);  // a candidate that gives up is passed over
  fmt::print("{} gives up\n", names[2]);
  for (const auto i : {3u, 1u, 0u}) {
    candidates.emplace_back([&all, name = names[i]] { stand(all, name); });
  }
  for (auto& each : candidates) each.join();
  for (std::size_t i = 1; i < all.log.size(); ++i) {
    if (!(all.log[i - 1] < all.log[i])) return 1;
  }
  fmt::print("{} entries, all in order\n", all.log.size());
  return all.log.size() == 6 ? 0 : 1;
}
