// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sequencer/checkpoint.hpp>
#include <sequencer/detail/durable_claimers.hpp>
#include <sequencer/ring.hpp>

namespace sequencer::producers {

// Any number of threads, and the positions of their events are the numbers of a durable sequence:
//
//   sequencer::ring<order, sequencer::producers::durable> orders(1 << 14, *file.order("orders"));
//
// A claim issues its numbers: it is granted only when they are below the durable mark, one that is
// not granted takes none, and after a restart the order goes on behind all that were issued. Needs
// sequencer::durable.
//
// Where producers::many would wait for room, these wait for the mark too. Fails besides: invalid, a
// claim of more than half the sequence's max_gap; io and fenced, the file failed or was replaced:
// then nothing above the last mark is claimed; closed, the checkpoint was, and the ring ends where
// its numbers do once a producer or close() has seen it.
using durable = detail::durable_claimers;

}  // namespace sequencer::producers
