// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <sequencer/cache_line.hpp>
#include <sequencer/detail/atomic.hpp>
#include <sequencer/detail/reservation.hpp>
#include <sequencer/result.hpp>

#include "format.hpp"
#include "os.hpp"

namespace sequencer::detail {

// The block that one handle holds. Its unissued numbers are [next, last). Belongs to the sequence
// `id`; 0 is a free record.
struct alignas(interference_size) holder_line {
  atomic<sequence> next{0};
  atomic<sequence> last{0};
  atomic<std::uint64_t> id{0};
};

// Which file and which opening of it a region belongs to.
struct live_identity {
  format::bytes16 uuid{};
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::string boot_id;
  std::uint64_t open_epoch = 0;
  format::bytes16 open_nonce{};
};

// Figures of the owner for onlookers; written by the keeper only.
struct live_figures {
  atomic<std::uint64_t> syncs, pages, bytes, requests;
  atomic<std::uint64_t> last_sync_ns, mean_sync_ns, slowest_sync_ns;
  atomic<std::uint64_t> last_lag_ns, slowest_lag_ns;
};

// A tmpfs mapping named after a file's uuid: counters and blocks that outlive the process, not the
// boot. One page of header, then a ticket_line for every possible record, then holder lines; all
// sparse, backed only where used.
//
// Trusted only if uuid, device, inode, boot and the nonce of the file's newest opening match what
// the header says, and its validity word, written last, is there. During an opening the header
// names two nonces, the old and the new one, so that it stays trusted at every instruction; an
// opening without it in between leaves a nonce that it does not know.
class live_region {
 public:
  enum class finding : std::uint8_t { none, stale, trusted, newer };

  static constexpr std::size_t holders = 16'384;

  live_region() noexcept = default;
  live_region(live_region&& other) noexcept { *this = std::move(other); }
  live_region& operator=(live_region&& other) noexcept;
  ~live_region();

  // Maps the region of that identity where it exists and is whole; empty otherwise. `found` says
  // what it is. Fails: unsupported (no tmpfs), denied, io.
  static result<live_region> attach(os& system, const std::string& directory,
                                    const live_identity& file, finding& found);
  // Makes a fresh one for the opening `next`, removing any other.
  static result<live_region> create(os& system, const std::string& directory,
                                    const live_identity& file, const format::bytes16& next);

  explicit operator bool() const noexcept { return at_ != nullptr; }

  // Announces the opening `next`; the present one stays good.
  void announce(const format::bytes16& next) noexcept;
  // The opening is durable: only `epoch` and `nonce` are good from now on.
  void confirm(std::uint64_t epoch, const format::bytes16& nonce) noexcept;
  // Whether the region was confirmed for the opening of that nonce.
  bool confirmed(const format::bytes16& nonce) const noexcept;
  // The generation of the file's newest header that was synced, so that a successor knows which
  // one it may rely on; 0 when nobody has said.
  void note_durable_header(std::uint64_t generation) noexcept;
  std::uint64_t durable_header() const noexcept;
  // Backs what is needed for the record at `place`; false when tmpfs is full.
  bool back_tickets(std::size_t place) noexcept;
  bool back_holder(std::size_t index) noexcept;

  // Whether a ticket line may be read without touching storage that was never backed.
  bool tickets_backed(std::size_t place) const noexcept;
  ticket_line& tickets(std::size_t place) const noexcept;
  holder_line& holder(std::size_t index) const noexcept;
  // Holder lines that were ever backed: [0, count).
  std::size_t holders_used() const noexcept;
  live_figures& figures() const noexcept;
  const std::string& path() const noexcept { return path_; }

  // Removes the file; the mapping stays. After a clean close nobody needs it.
  void discard() noexcept;

 private:
  static constexpr std::size_t tickets_at = 4096;
  static constexpr std::size_t ticket_count = format::max_pairs * format::records_per_page;
  static constexpr std::size_t holders_at = tickets_at + ticket_count * sizeof(ticket_line);
  static constexpr std::size_t bytes = holders_at + holders * sizeof(holder_line);

  struct header;

  static result<live_region> map(os& system, const std::string& path, int fd, bool fresh);
  result<void> reserve();
  header& head() const noexcept;
  bool back(std::size_t from, std::size_t size) noexcept;

  os* system_ = nullptr;
  int fd_ = -1;
  void* at_ = nullptr;
  std::string path_;
};

}  // namespace sequencer::detail
