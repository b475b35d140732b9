// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace sequencer::detail {

// One more than the last number of a list such as "0-3,8" or "0,2-5"; 0 where it is none.
inline std::uint32_t end_of_cpus(std::string_view list) noexcept {
  while (!list.empty() && (list.back() < '0' || list.back() > '9')) list.remove_suffix(1);
  const auto before = list.find_last_not_of("0123456789");
  if (before != list.npos) list.remove_prefix(before + 1);
  std::uint32_t last = 0;
  const auto read = std::from_chars(list.data(), list.data() + list.size(), last);
  return read.ec == std::errc{} && last < 1u << 20 ? last + 1 : 0;
}

// The number of CPU numbers that this machine can have while it runs, those included that are off
// or missing: [0, that). Where the system does not say, as many as are configured.
inline std::uint32_t possible_cpus() noexcept {
  char text[4096];
  const int file = ::open("/sys/devices/system/cpu/possible", O_RDONLY | O_CLOEXEC);
  const auto size = file < 0 ? 0 : ::read(file, text, sizeof text);
  if (file >= 0) ::close(file);
  if (size > 0) {
    const auto end = end_of_cpus({text, static_cast<std::size_t>(size)});
    if (end != 0) return end;
  }
  const auto configured = ::sysconf(_SC_NPROCESSORS_CONF);
  return configured > 0 ? static_cast<std::uint32_t>(configured) : 1;
}

}  // namespace sequencer::detail
