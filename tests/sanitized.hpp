// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sequencer {

// Whether a sanitizer that runs code of its own between the program's is built in.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#elif defined(__has_feature)
inline constexpr bool sanitized =
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer);
#else
inline constexpr bool sanitized = false;
#endif

}  // namespace sequencer
