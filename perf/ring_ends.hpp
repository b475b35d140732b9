// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <type_traits>
#include <utility>

#include <sequencer/or_throw.hpp>
#include <sequencer/ring.hpp>

// Both ends of a ring, by the ring's type alone.
namespace perf {

template <class Ring, class How>
using producer_of = std::remove_cvref_t<decltype(sequencer::or_throw(
    std::declval<Ring&>().template make_producer<How>()))>;

template <class Ring>
using poller_of = std::remove_cvref_t<decltype(sequencer::or_throw(std::declval<Ring&>().join()))>;

template <class How, class Ring>
producer_of<Ring, How> producer_on(Ring& of) {
  return sequencer::or_throw(of.template make_producer<How>());
}

template <class Ring>
poller_of<Ring> poller_on(Ring& of) {
  return sequencer::or_throw(of.join());
}

}  // namespace perf
