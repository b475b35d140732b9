// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/detail/spare_block.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

constexpr sequence per_ask = 2;
constexpr sequence turns = 2;

// One owner asks, takes or withdraws; two threads fetch for it. Each answer must fit its question,
// be taken once, and a withdrawn question must never be answered.
template <bool Withdrawing>
struct owner_and_fetchers : rl::test_suite<owner_and_fetchers<Withdrawing>, 3> {
  detail::spare_block spare;
  model::atomic<bool> finished{false};
  model::atomic<sequence> next{0};
  int fetched = 0;
  int taken = 0;

  void thread(unsigned index) {
    if (index == 0) {
      own();
      // relaxed: only ends the loop of the fetchers.
      finished.store(true, detail::relaxed);
    } else {
      // relaxed: as above
      while (!finished.load(detail::relaxed)) {
        if (!spare.serve([this](const block_request& asked) { return fetch(asked); })) {
          cpu::relax();
        }
      }
    }
  }

  result<block> fetch(const block_request& asked) noexcept {
    ++fetched;
    if (asked.want == per_ask + 1) return errc::exhausted;
    // relaxed: unique by its modification order.
    const auto first = next.fetch_add(asked.want, detail::relaxed);
    return block{{first, first + asked.want}, asked.floor};
  }

  void own() {
    for (sequence turn = 0; turn != turns; ++turn) {
      model::require(spare.idle(), "an answer left over");
      spare.ask({1, turn == turns - 1 ? per_ask + 1 : per_ask, turn, 0, wait::never});
      if (Withdrawing && spare.withdraw()) continue;
      while (!spare.ready_to_take()) cpu::relax();
      const auto answer = spare.take();
      ++taken;
      if (turn == turns - 1) {
        model::require(!answer && answer.code() == errc::exhausted, "a refusal got lost");
      } else {
        model::require(answer->numbers.size() == per_ask, "not as many as were asked for");
        model::require(answer->epoch == turn, "the answer to another question");
      }
    }
  }

  void after() { model::require(fetched == taken, "a fetched block was not taken"); }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  program.run<owner_and_fetchers<false>>("ask_and_take", {.bound = 2, .full_bound = 2});
  program.run<owner_and_fetchers<true>>("ask_and_withdraw", {});
  return program.verdict();
}
