// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sequencer {

// Whether an emulator of user programs runs the test. qemu-user accepts MADV_WIPEONFORK and does
// not do it, so what rests on it cannot be shown there.
#ifdef SEQUENCER_EMULATED
inline constexpr bool emulated = true;
#else
inline constexpr bool emulated = false;
#endif

inline constexpr const char* without_wipe_on_fork =
    "skipped: qemu-user accepts MADV_WIPEONFORK without doing it";

}  // namespace sequencer
