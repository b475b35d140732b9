// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

#include <sequencer/graph.hpp>
#include <sequencer/ring.hpp>

#include "sanitized.hpp"

// Events of no byte, of a word, of a line, and of many lines: each word of each arrives, by every
// way to consume.
namespace {

using namespace sequencer;

template <std::size_t Bytes>
struct event {
  std::array<std::uint64_t, Bytes / 8> words{};

  // No word is that of another position, or of another place.
  static constexpr std::uint64_t word_of(sequence s, std::uint64_t i) noexcept {
    return ((s << 8 | i) + 1) * 0x9e37'79b9'7f4a'7c15;
  }
  void fill(sequence s) noexcept {
    for (std::size_t i = 0; i < words.size(); ++i) words[i] = word_of(s, i);
  }
  bool is_of(sequence s) const noexcept {
    bool all = true;
    for (std::size_t i = 0; i < words.size(); ++i) all = all && words[i] == word_of(s, i);
    return all;
  }
};
template <>
struct event<0> {
  void fill(sequence) noexcept {}
  bool is_of(sequence) const noexcept { return true; }
};
static_assert(std::is_empty_v<event<0>> && sizeof(event<8>) == 8 && sizeof(event<64>) == 64 &&
              sizeof(event<1'000>) == 1'000);

template <std::size_t Bytes, class Producers>
struct shape {
  static constexpr std::size_t bytes = Bytes;
  using producers_type = Producers;
};

template <class Shape>
struct event_sizes : testing::Test {
  using event_type = event<Shape::bytes>;
  using ring_type = ring<event_type, typename Shape::producers_type>;
};
using all_shapes =
    testing::Types<shape<0, producers::one>, shape<8, producers::one>, shape<64, producers::one>,
                   shape<1'000, producers::one>, shape<0, producers::many>,
                   shape<8, producers::many>, shape<64, producers::many>,
                   shape<1'000, producers::many>>;
// Under a sanitizer, which makes each dear: of no byte and of many lines.
using few_shapes =
    testing::Types<shape<0, producers::one>, shape<1'000, producers::one>,
                   shape<0, producers::many>, shape<1'000, producers::many>>;
using shapes = std::conditional_t<sanitized, few_shapes, all_shapes>;
TYPED_TEST_SUITE(event_sizes, shapes);

// What one consumer saw.
struct witness {
  sequence next = 0;
  bool sound = true;
  template <class Event>
  void see(const Event& e, sequence s) noexcept {
    sound = sound && s == next && e.is_of(s);
    next = s + 1;
  }
};

TYPED_TEST(event_sizes, EveryWordArrives) {
  using event_type = typename TestFixture::event_type;
  constexpr std::uint64_t claims = 400;  // of one and of three, by each producer
  constexpr int writers = TestFixture::ring_type::producers_type::single ? 1 : 2;
  typename TestFixture::ring_type of(16);
  witness polled_ones, single_ones, batches;
  graph plan{of};
  plan.template add<wait::park>("events", [&](const event_type& e, sequence s, bool) noexcept {
    single_ones.see(e, s);
  });
  plan.template add<wait::park>("batches", [&](const batch<event_type>& all) noexcept {
    for (const auto& [e, s] : all) batches.see(e, s);
  });
  auto flow = *std::move(plan).start();
  auto in = *of.join();
  std::vector<std::thread> sources;
  for (int w = 0; w < writers; ++w) {
    sources.emplace_back([&] {
      auto out = *of.template make_producer<wait::park>();
      for (std::uint64_t i = 0; i < claims; ++i) {
        auto mine = out.claim(i % 2 == 0 ? 1 : 3);
        for (std::uint64_t n = 0; n < mine.size(); ++n) mine[n].fill(mine.positions().first + n);
        std::move(mine).publish();
      }
    });
  }
  const auto total = static_cast<sequence>(writers) * 2 * claims;
  while (polled_ones.next != total) {
    ASSERT_EQ(in.template await<wait::park>(), polled::batch);
    in.poll([&](const event_type& e, sequence s, bool) { polled_ones.see(e, s); });
  }
  for (auto& each : sources) each.join();
  EXPECT_TRUE(flow.drain());
  for (const auto* each : {&polled_ones, &single_ones, &batches}) {
    EXPECT_EQ(each->next, total);
    EXPECT_TRUE(each->sound);
  }
}

}  // namespace
