// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes as each thing that is sent: they are refused, with a sentence, or are the one encoding
// of what they were read as. And any two clocks that were read work together: what comes of them is
// refused without a change, or can be sent in its turn.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <sequencer/ballot.hpp>
#include <sequencer/clock/dotted.hpp>
#include <sequencer/clock/interval_tree.hpp>
#include <sequencer/clock/lamport.hpp>
#include <sequencer/clock/stamp.hpp>
#include <sequencer/clock/vector.hpp>
#include <sequencer/epoch_sequence.hpp>
#include <sequencer/log_position.hpp>
#include <sequencer/prev_link.hpp>
#include <sequencer/sequential_name.hpp>
#include <sequencer/zxid.hpp>

namespace {

using namespace sequencer;
using namespace sequencer::clock;
using bytes = std::span<const std::byte>;
using values = siblings<std::string>;
using trio = fixed_vector<3>;

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "wire_fuzz: %s\n", what);
  std::abort();
}

template <class Result>
void must_be_said(const Result& refused) {
  must(refused.code() == errc::corrupt || refused.code() == errc::version, "refused otherwise");
  must(!refused.text().empty(), "refused without a word");
}

// ---- one encoding of each value

template <class Clock>
std::vector<std::byte> sent(const Clock& clock) {
  std::vector<std::byte> made;
  clock.encode(made);
  return made;
}

template <class Clock>
void check_clock(bytes from) {
  const auto read = Clock::decode(from);
  if (!read) return must_be_said(read);
  must(std::ranges::equal(sent(*read), from), "another encoding of the same clock");
}

template <class Pair>
void check_fixed(bytes from) {
  const auto read = Pair::parse(from);
  if (!read) return must_be_said(read);
  must(std::ranges::equal(read->bytes(), from), "another encoding of the same pair");
}

void check_zxid(bytes from) {
  const auto read = zxid::parse(from);
  if (!read) return must_be_said(read);
  must(std::ranges::equal(zxid(*read).bytes(), from), "another encoding of the same zxid");
}

void check_name(bytes from, name_format format) {
  const std::string_view name(reinterpret_cast<const char*>(from.data()), from.size());
  const auto read = parse_name(name, format);
  if (!read) {
    must(read.code() == errc::invalid || read.code() == errc::exhausted, "refused otherwise");
    must(read.text().find(name) != std::string::npos, "refused without the name");
    return;
  }
  std::string again(name.size(), '?');
  must(write_name(again, read->prefix, read->number, format) == name, "another name");
}

// ---- two of them

template <class Clock>
void must_travel(const Clock& made) {
  const auto back = Clock::decode(sent(made));
  must(back && *back == made, "what came of it cannot be sent");
}

template <class Clock>
void must_be_reversible(const Clock& left, const Clock& right) {
  must(compare(left, right) == reversed(compare(right, left)), "an order from one side only");
}

void must_have_heard(relation of) {
  must(of == relation::after || of == relation::equal, "merged, and has not heard of all");
}

void check_merge(bytes left, bytes right) {
  const auto a = clock::vector::decode(left), b = clock::vector::decode(right);
  if (!a || !b) return;
  must_be_reversible(*a, *b);
  auto both = *a;
  if (const auto merged = both.merge(*b); !merged) {
    must(merged.code() == errc::unavailable && both == *a, "refused with a change");
    return;
  }
  must_have_heard(compare(both, *a));
  must_have_heard(compare(both, *b));
  must_travel(both);
}

void check_fixed_merge(bytes left, bytes right) {
  const auto a = trio::decode(left), b = trio::decode(right);
  if (!a || !b) return;
  must_be_reversible(*a, *b);
  auto both = *a;
  both.merge(*b);
  must_have_heard(compare(both, *a));
  must_have_heard(compare(both, *b));
  must_travel(both);
}

// A clock and a list of retired members.
void check_prune(bytes left, bytes right) {
  const auto a = clock::vector::decode(left);
  const auto list = retirements::decode(right);
  if (!a || !list) return;
  auto pruned = *a;
  if (const auto done = pruned.prune(*list); !done) {
    must(done.code() == errc::corrupt && pruned == *a, "refused with a change");
    return;
  }
  must_travel(pruned);
  if (pruned.pruned() > list->size()) return;  // by a longer list: who has this one knows less
  must(compare(pruned, *a, *list) == relation::equal, "pruned, and means another clock");
  auto both = *a;
  if (both.merge(pruned, *list)) must(both == pruned, "merged with itself, and is another clock");
}

void check_follow(bytes left, bytes right) {
  const auto a = retirements::decode(left), b = retirements::decode(right);
  if (!a || !b) return;
  auto both = *a;
  if (const auto followed = both.follow(*b); !followed) {
    must(followed.code() == errc::fenced && both == *a, "refused with a change");
    return;
  }
  must(both == (a->size() < b->size() ? *b : *a), "another list");
}

void check_sync(bytes left, bytes right) {
  const auto a = values::decode(left), b = values::decode(right);
  if (!a || !b) return;
  must_be_reversible(*a, *b);
  auto both = *a;
  if (const auto synced = both.sync(*b); !synced) {
    must(synced.code() == errc::unavailable && both == *a, "refused with a change");
    return;
  }
  must_travel(both);
  auto again = both;
  must(again.sync(*b) && again == both, "synced twice, and is another one");
}

void check_join(bytes left, bytes right) {
  auto a = interval_tree::decode(left), b = interval_tree::decode(right);
  if (!a || !b) return;
  must_be_reversible(*a, *b);
  auto mine = *std::move(a), theirs = *std::move(b);
  const auto heard_of = theirs.peek();
  if (const auto joined = mine.join(std::move(theirs)); !joined) {
    must(joined.code() == errc::invalid, "refused otherwise");
    must(std::ranges::equal(sent(mine), left), "refused with a change");
    return;
  }
  must_have_heard(compare(mine, heard_of));
  must_travel(mine);
  const auto before = mine.peek();
  if (mine.event()) {
    must(compare(before, mine) == relation::before, "an event that nobody sees");
    must_travel(mine);
  }
  if (const auto forked = mine.fork()) {
    must_travel(mine);
    must_travel(*forked);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes from(reinterpret_cast<const std::byte*>(data), size);
  check_clock<lamport_stamp>(from);
  check_clock<hybrid_stamp>(from);
  check_clock<wide_hybrid_stamp>(from);
  check_clock<trio>(from);
  check_clock<clock::vector>(from);
  check_clock<retirements>(from);
  check_clock<values>(from);
  check_clock<interval_tree>(from);
  check_fixed<ballot>(from);
  check_fixed<epoch_sequence>(from);
  check_fixed<log_position>(from);
  check_fixed<prev_link>(from);
  check_zxid(from);
  for (const auto digits : {1u, 10u, 19u}) check_name(from, name_format(digits));
  check_name(from, int32_names);

  // No form begins with 0: then two follow, the first as long as the next byte says.
  if (size < 2 || data[0] != 0) return 0;
  const auto cut = std::min<std::size_t>(data[1], size - 2);
  const auto left = from.subspan(2, cut), right = from.subspan(2 + cut);
  check_merge(left, right);
  check_fixed_merge(left, right);
  check_prune(left, right);
  check_follow(left, right);
  check_sync(left, right);
  check_join(left, right);
  return 0;
}
