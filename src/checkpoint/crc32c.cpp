// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "crc32c.hpp"

#include <boost/crc.hpp>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#include <sys/auxv.h>
#endif

namespace sequencer::detail {

namespace {

#if defined(__x86_64__)
[[gnu::target("sse4.2")]] std::uint32_t crc32c_instruction(const unsigned char* at,
                                                           std::size_t bytes) noexcept {
  std::uint64_t crc = ~std::uint32_t{0};
  for (; bytes >= 8; at += 8, bytes -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto tail = static_cast<std::uint32_t>(crc);
  for (; bytes != 0; ++at, --bytes) tail = _mm_crc32_u8(tail, *at);
  return ~tail;
}
bool has_instruction() noexcept { return __builtin_cpu_supports("sse4.2"); }
#else
[[gnu::target("+crc")]] std::uint32_t crc32c_instruction(const unsigned char* at,
                                                         std::size_t bytes) noexcept {
  std::uint32_t crc = ~std::uint32_t{0};
  for (; bytes >= 8; at += 8, bytes -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    crc = __builtin_aarch64_crc32cx(crc, word);
  }
  for (; bytes != 0; ++at, --bytes) crc = __builtin_aarch64_crc32cb(crc, *at);
  return ~crc;
}
bool has_instruction() noexcept { return (::getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#endif

}  // namespace

std::uint32_t crc32c_portable(const void* data, std::size_t bytes) noexcept {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(data, bytes);
  return crc.checksum();
}

std::uint32_t crc32c(const void* data, std::size_t bytes) noexcept {
  static const bool fast = has_instruction();
  return fast ? crc32c_instruction(static_cast<const unsigned char*>(data), bytes)
              : crc32c_portable(data, bytes);
}

}  // namespace sequencer::detail
