// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sequencer/fan_in.hpp>
#include <sequencer/ring.hpp>

#include "model.hpp"

namespace {

using namespace sequencer;

struct watched {
  model::plain<int> value{-1};
};

template <class Left, class Right>
using two_of = fan_in<poller<ring<watched, Left>>, poller<ring<watched, Right>>>;

// One consumer parks at the bells of two rings, whose producers are on threads of their own: nobody
// sleeps through an event or an end of either.
template <class Left, class Right>
struct parks_at_two : rl::test_suite<parks_at_two<Left, Right>, 3> {
  ring<watched, Left> left{2};
  ring<watched, Right> right{2};
  two_of<Left, Right> both{*left.join(), *right.join()};

  template <class Ring>
  static void feed(Ring& of) {
    {
      auto out = *of.make_producer();
      out.publish([](watched& event) { event.value = 0; });
    }
    of.close();
  }

  void thread(unsigned index) {
    if (index == 0) return feed(left);
    if (index == 1) return feed(right);
    int seen[2] = {0, 0};
    const auto count = [](int& to) {
      return [&to](const watched& event, sequence, bool) {
        model::require(event.value == to++, "an event twice, or of another lap");
      };
    };
    both.template run<wait::park>(count(seen[0]), count(seen[1]));
    model::require(seen[0] == 1 && seen[1] == 1, "an event was lost");
  }
};

// The same with nothing but the two events: no later bell makes good for one that was missed.
template <class Left, class Right>
struct hears_either : rl::test_suite<hears_either<Left, Right>, 3> {
  ring<watched, Left> left{1};
  ring<watched, Right> right{1};
  two_of<Left, Right> both{*left.join(), *right.join()};
  producer<ring<watched, Left>, wait::backoff> left_out{*left.make_producer()};
  producer<ring<watched, Right>, wait::backoff> right_out{*right.make_producer()};

  void thread(unsigned index) {
    const auto fill = [](watched& event) { event.value = 0; };
    if (index == 0) {
      left_out.publish(fill);
    } else if (index == 1) {
      right_out.publish(fill);
    } else {
      for (int seen = 0; seen != 2;) {
        model::require(both.template await<wait::park>() == polled::batch, "woken for nothing");
        both.poll([&](const watched& event, sequence, bool) { seen += 1 + event.value; });
      }
    }
  }
};

// Rings that end without an event, one after the other.
struct hears_the_ends : rl::test_suite<hears_the_ends, 2> {
  using one = producers::one;
  ring<watched, one> left{1};
  ring<watched, one> right{1};
  two_of<one, one> both{*left.join(), *right.join()};

  void thread(unsigned index) {
    if (index == 0) {
      left.halt();
      right.halt();
    } else {
      model::require(both.await<wait::park>() == polled::closed, "woken for nothing");
    }
  }
};

}  // namespace

int main(int count, char** words) {
  model::program program(count, words);
  detail::asymmetric_fence::fences = true;
  using producers::many;
  using producers::one;
  program.run<hears_either<one, one>>("hears_either_of_one",
                                      {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<hears_either<one, many>>("hears_one_and_many",
                                       {.runs = 20'000, .bound = 1, .full_bound = 2});
  program.run<hears_the_ends>("hears_the_ends", {.runs = 20'000, .bound = 1, .full_bound = 3});
  program.run<parks_at_two<one, one>>("parks_at_two_of_one",
                                      {.runs = 60'000, .bound = 0, .full_bound = 2});
  program.run<parks_at_two<one, many>>("parks_at_one_and_many",
                                       {.runs = 60'000, .bound = 0, .full_bound = 2});
  return program.verdict();
}
