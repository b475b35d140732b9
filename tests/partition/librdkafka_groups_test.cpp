// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Consumers of librdkafka join a group of the broker that it brings for tests, and share the
// partitions of a topic: as ours would.

#include <gtest/gtest.h>

#ifndef SEQUENCER_RDKAFKA

TEST(LibrdkafkaGroups, ShareAsOursDo) {
  GTEST_SKIP() << "skipped: librdkafka was not found (Debian: librdkafka-dev)";
}

#else

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <sequencer/assignment.hpp>

namespace sequencer {
namespace {

using owners = std::vector<std::uint32_t>;
constexpr std::uint32_t partitions = 11;

struct destroy {
  void operator()(rd_kafka_t* at) const { rd_kafka_destroy(at); }
};
using client = std::unique_ptr<rd_kafka_t, destroy>;

client make(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  std::array<char, 300> why{};
  auto* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, nullptr);
  for (const auto& [name, value] : settings) {
    EXPECT_EQ(rd_kafka_conf_set(conf, name.c_str(), value.c_str(), why.data(), why.size()),
              RD_KAFKA_CONF_OK)
        << why.data();
  }
  client made(rd_kafka_new(type, conf, why.data(), why.size()));
  EXPECT_NE(made, nullptr) << why.data();
  return made;
}

// A consumer, and what it has. Its session lasts longer than the three seconds for which that
// broker waits for more members.
class consumer {
 public:
  consumer(const std::string& brokers, const std::string& group, const std::string& strategy)
      : runs_(make(RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                                       {"group.id", group},
                                       {"partition.assignment.strategy", strategy},
                                       {"session.timeout.ms", "6000"},
                                       {"heartbeat.interval.ms", "100"}})) {
    auto* topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, "partitions", RD_KAFKA_PARTITION_UA);
    EXPECT_EQ(rd_kafka_subscribe(runs_.get(), topics), RD_KAFKA_RESP_ERR_NO_ERROR);
    rd_kafka_topic_partition_list_destroy(topics);
  }

  void poll() {
    if (auto* message = rd_kafka_consumer_poll(runs_.get(), 5)) rd_kafka_message_destroy(message);
  }

  std::string id() const {
    char* text = rd_kafka_memberid(runs_.get());
    const std::string found = text == nullptr ? "" : text;
    rd_kafka_mem_free(runs_.get(), text);
    return found;
  }

  std::vector<std::uint32_t> assigned() const {
    rd_kafka_topic_partition_list_t* list = nullptr;
    std::vector<std::uint32_t> found;
    if (rd_kafka_assignment(runs_.get(), &list) != RD_KAFKA_RESP_ERR_NO_ERROR) return found;
    for (int i = 0; i != list->cnt; ++i) {
      found.push_back(static_cast<std::uint32_t>(list->elems[i].partition));
    }
    rd_kafka_topic_partition_list_destroy(list);
    return found;
  }

 private:
  client runs_;
};

class LibrdkafkaGroups : public testing::Test {
 protected:
  LibrdkafkaGroups() : broker(make(RD_KAFKA_PRODUCER, {{"test.mock.num.brokers", "1"}})) {
    auto* mock = rd_kafka_handle_mock_cluster(broker.get());
    EXPECT_EQ(rd_kafka_mock_topic_create(mock, "partitions", partitions, 1),
              RD_KAFKA_RESP_ERR_NO_ERROR);
    brokers = rd_kafka_mock_cluster_bootstraps(mock);
  }

  void join(const std::string& strategy) {
    members.push_back(std::make_unique<consumer>(brokers, strategy, strategy));
  }

  // Who has what, members numbered in the order of their ids; one partition too many where two have
  // the same.
  owners shared() const {
    std::vector<std::pair<std::string, std::vector<std::uint32_t>>> all;
    for (const auto& each : members) all.emplace_back(each->id(), each->assigned());
    std::sort(all.begin(), all.end());
    owners found(partitions, assignment::nobody);
    for (std::uint32_t member = 0; member != all.size(); ++member) {
      for (const auto p : all[member].second) {
        if (found[p] != assignment::nobody) return owners(partitions + 1, assignment::nobody);
        found[p] = member;
      }
    }
    return found;
  }

  // Lets them run until they share so; false when they never do.
  template <class Wanted>
  bool comes(Wanted wanted) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(2);
    while (std::chrono::steady_clock::now() < end) {
      for (auto& each : members) each->poll();
      if (wanted(shared())) return true;
    }
    return false;
  }

  static bool is_even(const owners& found, std::uint32_t count) {
    std::vector<int> has(count, 0);
    if (found.size() != partitions) return false;
    for (const auto owner : found) {
      if (owner == assignment::nobody) return false;
      ++has[owner];
    }
    const auto [least, most] = std::minmax_element(has.begin(), has.end());
    return *most - *least <= 1;
  }

  client broker;
  std::string brokers;
  std::vector<std::unique_ptr<consumer>> members;
};

TEST_F(LibrdkafkaGroups, ShareByRangeAsOursDo) {
  for (int i = 0; i != 3; ++i) join("range");
  EXPECT_TRUE(comes([](const owners& now) { return now == assignment::by_range(partitions, 3); }));
}

TEST_F(LibrdkafkaGroups, ShareByTurnsAsOursDo) {
  for (int i = 0; i != 4; ++i) join("roundrobin");
  EXPECT_TRUE(comes([](const owners& now) { return now == assignment::by_turns(partitions, 4); }));
}

// Which partitions move is theirs to choose; how many is not.
TEST_F(LibrdkafkaGroups, MoveAsFewAsOursDo) {
  for (int i = 0; i != 2; ++i) join("cooperative-sticky");
  ASSERT_TRUE(comes([](const owners& now) { return is_even(now, 2); }));
  std::vector<std::vector<std::uint32_t>> before;
  owners had(partitions, assignment::nobody);
  for (const auto& each : members) {
    for (const auto p : each->assigned()) had[p] = static_cast<std::uint32_t>(before.size());
    before.push_back(each->assigned());
  }
  join("cooperative-sticky");
  ASSERT_TRUE(comes([](const owners& now) { return is_even(now, 3); }));
  const auto ours = assignment::sticky(had, 3);
  std::ptrdiff_t we_keep = 0;
  std::ptrdiff_t they_keep = 0;
  for (std::uint32_t p = 0; p != partitions; ++p) we_keep += ours[p] == had[p] ? 1 : 0;
  for (std::size_t i = 0; i != before.size(); ++i) {
    const auto now = members[i]->assigned();
    they_keep += std::count_if(now.begin(), now.end(), [&](auto p) {
      return std::find(before[i].begin(), before[i].end(), p) != before[i].end();
    });
  }
  EXPECT_EQ(they_keep, we_keep);
}

}  // namespace
}  // namespace sequencer

#endif
