// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/asking_ahead.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <thread>
#include <vector>

#include <sequencer/or_throw.hpp>
#include <sequencer/ring.hpp>

namespace {

using sequencer::or_throw;
using sequencer::range;
using sequencer::ring;
using sequencer::sequence;
using sequencer::detail::asking_ahead;
namespace producers = sequencer::producers;
namespace wait = sequencer::wait;

// Slots of so many bytes that note who was asked for.
template <std::size_t Bytes>
struct noted_slots {
  struct slot {
    std::array<char, Bytes> bytes;
  };
  const slot& operator[](sequence s) const {
    asked.push_back(s);
    return only;
  }
  mutable std::vector<sequence> asked;
  slot only{};
};
using large_slots = noted_slots<72>;
constexpr auto distance = asking_ahead<large_slots>::distance;

std::vector<sequence> from_to(sequence first, sequence last) {
  std::vector<sequence> all;
  for (; first < last; ++first) all.push_back(first);
  return all;
}

TEST(AskingAhead, AsksForAsMuchAsIsPublishedThatManySlotsAhead) {
  static_assert(distance == 17);
  const large_slots slots;
  const asking_ahead asking(slots, 1'000);
  EXPECT_EQ(asking.before({100, 110}), 110u);
  EXPECT_EQ(slots.asked, from_to(117, 127));
}

TEST(AskingAhead, ALongRunAsksAgainAfterThatManySlots) {
  const large_slots slots;
  const asking_ahead asking(slots, 1'000);
  sequence at = 100;
  int times = 0;
  for (; at != 200; ++times) at = asking.before({at, 200});
  EXPECT_EQ(times, 6);
  EXPECT_EQ(slots.asked, from_to(117, 217)) << "each once";
}

TEST(AskingAhead, NotForSlotsThatAreNotFree) {
  const large_slots slots;
  EXPECT_EQ(asking_ahead(slots, 120).before({100, 110}), 110u);
  EXPECT_EQ(slots.asked, from_to(117, 120));
  slots.asked.clear();
  EXPECT_EQ(asking_ahead(slots, 110).before({100, 110}), 110u);
  EXPECT_TRUE(slots.asked.empty());
}

TEST(AskingAhead, NotWhereNothingIsFreeWhichMeansLinesAreNear) {
  const large_slots slots;
  EXPECT_EQ(asking_ahead(slots, 0).before({0, 1'000}), 1'000u) << "in one go";
  EXPECT_TRUE(slots.asked.empty());
}

template <std::size_t Bytes>
bool asks() {
  const noted_slots<Bytes> slots;
  static_cast<void>(asking_ahead(slots, 10'000).before({0, 10}));
  return !slots.asked.empty();
}
TEST(AskingAhead, ForEventsThatFillAStoreBufferButAreNoStreams) {
  EXPECT_FALSE(asks<16>());
  EXPECT_FALSE(asks<32>());
  EXPECT_TRUE(asks<40>());
  EXPECT_TRUE(asks<128>());
  EXPECT_FALSE(asks<136>());
}

// A ring whose consumers find lines far, which most machines that run this cannot show.
template <auto Far, class Ring>
struct found_far {
  friend void find_lines_far(Ring& of) { of.*Far = 1; }
};
struct wide {
  std::array<std::uint64_t, 8> words;
};
using ring_of_one = ring<wide, producers::one>;
using ring_of_many = ring<wide, producers::many>;
void find_lines_far(ring_of_one&);
void find_lines_far(ring_of_many&);
template struct found_far<&ring_of_one::far_readers_, ring_of_one>;
template struct found_far<&ring_of_many::far_readers_, ring_of_many>;

template <class Ring>
class AskingAheadInARing : public testing::Test {};
using rings = testing::Types<ring_of_one, ring_of_many>;
TYPED_TEST_SUITE(AskingAheadInARing, rings);

// Runs of all lengths up to a whole ring, so that they end, begin and ask beyond laps everywhere.
TYPED_TEST(AskingAheadInARing, EveryEventOnceInOrderWhateverTheRun) {
  constexpr sequence capacity = 64;
  TypeParam of(capacity);
  find_lines_far(of);
  auto out = or_throw(of.template make_producer<wait::spin>());
  auto in = or_throw(of.join());
  sequence sent = 0, seen = 0;
  for (sequence n = 1; n <= capacity; ++n) {
    for (int turn = 0; turn < 3; ++turn) {
      const auto got = or_throw(out.publish(n, [&](wide& event, std::uint64_t i) {
        event.words.fill(sent + i);
        return (sent + i) % 7 != 0;  // a skip now and then
      }));
      ASSERT_EQ(got.first, sent);
      sent += n;
      in.poll([&](const wide& event, sequence s, bool) {
        if (seen % 7 == 0) ++seen;
        ASSERT_EQ(s, seen);
        ASSERT_EQ(event.words[0], seen);
        ASSERT_EQ(event.words[7], seen++);
      });
    }
  }
  EXPECT_GE(seen + 1, sent);
}

TYPED_TEST(AskingAheadInARing, AFillerThatThrowsLeavesSkips) {
  TypeParam of(64);
  find_lines_far(of);
  auto out = or_throw(of.template make_producer<wait::spin>());
  auto in = or_throw(of.join());
  EXPECT_THROW(static_cast<void>(out.publish(
                   50, [](wide&, std::uint64_t i) { if (i == 30) throw i; })),
               std::uint64_t);
  int events = 0;
  in.poll([&](const wide&, sequence s, bool) { EXPECT_EQ(s, static_cast<sequence>(events++)); });
  EXPECT_EQ(events, 30);
  EXPECT_EQ(in.position(), 50u);
}

TYPED_TEST(AskingAheadInARing, BesideAConsumer) {
  constexpr sequence events = 30'000;
  TypeParam of(1'024);
  find_lines_far(of);
  auto in = or_throw(of.join());
  std::thread source([&] {
    auto out = or_throw(of.template make_producer<wait::yield>());
    for (sequence sent = 0; sent != events; sent += 100) {
      static_cast<void>(out.publish(
          100, [&](wide& event, std::uint64_t i) { event.words.fill(sent + i); }));
    }
    of.close();
  });
  sequence seen = 0;
  in.template run<wait::yield>([&](const wide& event, sequence s, bool) {
    EXPECT_EQ(s, seen);
    EXPECT_EQ(event.words[0], seen);
    EXPECT_EQ(event.words[7], seen++);
  });
  source.join();
  EXPECT_EQ(seen, events);
}

}  // namespace
