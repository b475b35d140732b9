// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/acceptor.hpp>
#include <sequencer/ballot.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "unsure_mark.hpp"

namespace sequencer {
namespace {

TEST(Ballot, IsOrderedByRoundFirstAndUniqueByNode) {
  EXPECT_LT((ballot{1, 9}), (ballot{2, 1}));
  EXPECT_LT((ballot{2, 1}), (ballot{2, 2}));
  EXPECT_LT(ballot{}, (ballot{1, 0}));
  EXPECT_TRUE(ballot{}.is_none());
  EXPECT_FALSE((ballot{1, 0}).is_none());
}

TEST(Ballot, HasTheseBytes) {
  const auto bytes = ballot{0x0102030405060708, 0xf1f2f3f4f5f6f7f8}.bytes();
  const unsigned char golden[] = {1,    2,    3,    4,    5,    6,    7,    8,
                                  0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8};
  EXPECT_EQ(std::memcmp(bytes.data(), golden, sizeof golden), 0);
  EXPECT_EQ(*ballot::parse(bytes), (ballot{0x0102030405060708, 0xf1f2f3f4f5f6f7f8}));
  EXPECT_EQ(*ballot::parse(ballot{}.bytes()), ballot{});
}

TEST(Ballot, RefusesWhatItDoesNotWrite) {
  const auto refused = [](std::span<const std::byte> bytes) {
    const auto read = ballot::parse(bytes);
    return !read && read.code() == errc::corrupt && !read.text().empty();
  };
  const auto good = ballot{top, 1}.bytes();
  ASSERT_TRUE(ballot::parse(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(refused(std::span(good).first(size))) << size;
  }
  const std::vector<std::byte> longer(17);
  EXPECT_TRUE(refused(longer));
  EXPECT_TRUE(refused(ballot{top + 1, 1}.bytes()));
  EXPECT_TRUE(refused(ballot{0, 1}.bytes()));
}

// ---- where they come from

TEST(Ballots, AreAboveWhatTheNodeHadAndHeardOf) {
  unsure_mark mark;
  ballots mine{mark, 7};
  EXPECT_EQ(*mine.next_above(), (ballot{1, 7}));
  EXPECT_EQ(*mine.next_above({1, 9}), (ballot{2, 7}));
  EXPECT_EQ(*mine.next_above({40, 9}), (ballot{41, 7}));
  EXPECT_EQ(*mine.next_above({2, 1}), (ballot{42, 7}));
  EXPECT_EQ(mark.durable(), 42u);
}

TEST(Ballots, ARestartUsesNoRoundAgain) {
  unsure_mark mark;
  ASSERT_EQ(*ballots(mark, 7).next_above({4, 1}), (ballot{5, 7}));
  mark.crash(false);
  EXPECT_EQ(*ballots(mark, 7).next_above(), (ballot{6, 7}));
}

TEST(Ballots, ARoundThatCouldNotBeStoredIsSkipped) {
  unsure_mark mark;
  ballots mine{mark, 7};
  mark.fail(false);
  const auto refused = mine.next_above();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.code(), errc::io);
  mark.mend();
  EXPECT_EQ(*mine.next_above(), (ballot{2, 7}));
}

TEST(Ballots, EndAtTheTop) {
  unsure_mark mark;
  ballots mine{mark, 7};
  EXPECT_EQ(*mine.next_above({top - 1, 9}), (ballot{top, 7}));
  EXPECT_EQ(mine.next_above().code(), errc::exhausted);
  EXPECT_EQ(mine.next_above({top, 9}).code(), errc::exhausted);
}

// ---- the acceptor

struct kept {
  acceptance<std::string> now;
  bool fails = false;

  acceptance<std::string> load() { return now; }
  result<void> store(const acceptance<std::string>& next) {
    if (fails) return error{errc::io, 0, "the disk is gone"};
    now = next;
    return {};
  }
};
using one = acceptor<std::string, kept>;

TEST(Acceptor, PromisesTheHighestAndTellsWhatItAccepted) {
  kept keep;
  one it{keep};
  const auto first = it.prepare({1, 1});
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->accepted.is_none());
  EXPECT_EQ(*it.accept({1, 1}, "a"), (ballot{1, 1}));
  const auto second = it.prepare({2, 2});
  ASSERT_TRUE(second);
  EXPECT_EQ(second->accepted, (ballot{1, 1}));
  EXPECT_EQ(second->value, "a");
  EXPECT_EQ(keep.now, (acceptance<std::string>{{2, 2}, {1, 1}, "a"}));
}

TEST(Acceptor, StoresWhatItFoundBeforeItAnswersByIt) {
  kept keep{{{3, 1}, {3, 1}, "a"}, true};  // in the cache of a process that died, perhaps
  one it{keep};
  EXPECT_EQ(it.prepare({3, 1}).code(), errc::io);
  EXPECT_EQ(it.accept({3, 1}, "a").code(), errc::io);
  keep.fails = false;
  EXPECT_EQ(it.prepare({3, 1})->value, "a");
  keep.fails = true;
  EXPECT_EQ(*it.accept({3, 1}, "a"), (ballot{3, 1})) << "stored by now";
}

TEST(Acceptor, RefusesWhatIsBelowItsPromise) {
  kept keep;
  one it{keep};
  ASSERT_TRUE(it.prepare({3, 1}));
  EXPECT_EQ(it.prepare({2, 9}).code(), errc::fenced);
  EXPECT_EQ(it.accept({2, 9}, "b").code(), errc::fenced);
  EXPECT_EQ(it.promised(), (ballot{3, 1}));
  EXPECT_TRUE(it.state().accepted.is_none());
}

TEST(Acceptor, AcceptingIsPromising) {
  kept keep;
  one it{keep};
  ASSERT_TRUE(it.accept({5, 1}, "a"));  // its prepare went to others
  EXPECT_EQ(it.prepare({4, 9}).code(), errc::fenced);
  EXPECT_EQ(it.accept({4, 9}, "b").code(), errc::fenced);
}

TEST(Acceptor, ARepeatedMessageHasTheSameAnswerAndStoresNothing) {
  kept keep;
  one it{keep};
  ASSERT_TRUE(it.prepare({1, 1}));
  ASSERT_TRUE(it.accept({1, 1}, "a"));
  keep.fails = true;
  EXPECT_EQ(it.prepare({1, 1})->value, "a");
  EXPECT_EQ(*it.accept({1, 1}, "a"), (ballot{1, 1}));
}

TEST(Acceptor, RefusesNoBallotAndTwoValuesUnderOne) {
  kept keep;
  one it{keep};
  EXPECT_EQ(it.prepare({}).code(), errc::invalid);
  EXPECT_EQ(it.accept({}, "a").code(), errc::invalid);
  ASSERT_TRUE(it.accept({1, 1}, "a"));
  EXPECT_EQ(it.accept({1, 1}, "b").code(), errc::invalid);
  EXPECT_EQ(it.state().value, "a");
}

TEST(Acceptor, WhatCouldNotBeStoredWasNotAnswered) {
  kept keep;
  one it{keep};
  ASSERT_TRUE(it.accept({1, 1}, "a"));
  keep.fails = true;
  EXPECT_EQ(it.prepare({2, 2}).code(), errc::io);
  EXPECT_EQ(it.accept({2, 2}, "b").code(), errc::io);
  EXPECT_EQ(it.state(), (acceptance<std::string>{{1, 1}, {1, 1}, "a"}));
  keep.fails = false;
  one again{keep};
  EXPECT_EQ(again.state(), it.state());
}

TEST(Acceptor, TheHighestBallotOfAQuorumBindsTheProposer) {
  using answers = std::vector<promise<std::string>>;
  const auto chosen = [](const answers& quorum) {
    return value_to_propose<std::string>(quorum, "own");
  };
  EXPECT_EQ(chosen({}), "own");
  EXPECT_EQ(chosen({{{9, 1}, {}, ""}, {{9, 1}, {}, ""}}), "own");
  EXPECT_EQ(chosen({{{9, 1}, {}, ""}, {{9, 1}, {3, 2}, "a"}}), "a");
  EXPECT_EQ(chosen({{{9, 1}, {4, 1}, "b"}, {{9, 1}, {3, 2}, "a"}}), "b");
  EXPECT_EQ(quorum_of(3), 2u);
  EXPECT_EQ(quorum_of(4), 3u);
  EXPECT_EQ(quorum_of(5), 3u);
}

}  // namespace
}  // namespace sequencer
