// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <sequencer/durable_ring.hpp>
#include <sequencer/ring.hpp>
#include <sequencer/wait.hpp>

#include "message.hpp"

namespace examples::exchange {

// In: from any number of gateways. An order's position is its number, and claiming the one is the
// issue of the other.
using order_ring = sequencer::ring<timed<order>, sequencer::producers::durable>;
inline constexpr std::size_t orders_in_ring = 1 << 14;

// Out: a report's position counts reports from the first of all runs.
using report_ring = sequencer::ring<timed<report>, sequencer::producers::one>;
inline constexpr std::size_t reports_in_ring = 1 << 14;
using report_exit = std::remove_reference_t<
    decltype(*std::declval<report_ring&>().make_producer<sequencer::wait::park>())>;

}  // namespace examples::exchange
