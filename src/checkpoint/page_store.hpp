// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sequencer/detail/private_arena.hpp>
#include <sequencer/result.hpp>

#include "format.hpp"
#include "os.hpp"

namespace sequencer::detail {

enum class page_verdict : std::uint8_t {
  sound,
  damaged,
  newer_version,
  other_byte_order,
  foreign,
  unruly,  // its checksum holds, its content cannot be
};

// What one page says about itself. `uuid` is checked when given.
page_verdict judge(const format::page& found, format::page_kind kind, std::uint32_t index,
                   const format::bytes16* uuid) noexcept;

// Fills in the page's own header and checksum.
void seal(format::page& to, format::page_kind kind, std::uint32_t index, std::uint64_t generation,
          const format::bytes16& uuid, std::uint64_t open_epoch,
          std::uint32_t version = format::first_version) noexcept;

// Where a copy (0 or 1) of a page lies, in bytes.
off_t offset_of(format::page_kind kind, std::uint32_t index, int copy) noexcept;

// Bytes of a file with that many pairs of record pages.
constexpr std::uint64_t file_bytes(std::uint64_t pairs) noexcept {
  return (format::first_record_page + 2 * pairs) * format::page_bytes;
}

// Reads or writes all bytes, going on after EINTR and short counts. 0, or an error number; a read
// past the end of the file is ENODATA.
int read_fully(os& system, int fd, void* to, std::size_t bytes, off_t at);
int write_fully(os& system, int fd, const void* from, std::size_t bytes, off_t at, bool durably);

// Every page of a file in memory, and the rule of two copies for writing them back.
//
// Invariant: of each pair the copy named by `newest` is on stable storage, unless it is
// unconfirmed; then the other one is, unless it is damaged. stage() touches only the other copy of
// a confirmed or damaged pair, and settle() turns the pair only after a sync that returned success.
class page_store {
 public:
  struct pair {
    format::page* image = nullptr;  // the newest content; callers change it and stage it
    std::uint64_t generation = 0;
    std::uint8_t newest = 0;
    bool one_damaged = false;  // found so and not written since
    bool staged = false;
    // What a dead owner wrote last may be in the page cache only, clean or not. It is repeated over
    // itself and synced before its other copy, the one that is durable for certain, is replaced;
    // where that one is damaged, it is replaced at once.
    bool unconfirmed = false;
    bool repeated = false;  // and not synced yet
    std::uint8_t copies_due = 0;  // copies that do not have the image yet; the ledger's only
  };

  page_store(os& system, int fd, std::string path) noexcept
      : system_(system), fd_(fd), path_(std::move(path)) {}

  void attach(int fd) noexcept { fd_ = fd; }

  // Reads the file header pair; then everything else. Both fail with corrupt, version or io.
  result<void> load_header();
  result<void> load_rest(std::uint64_t length);

  // Makes up a header from what the other pages say, after load_header() found none that is sound.
  result<void> salvage_header(std::uint64_t length);

  // Adds a pair of record pages, in memory; false when there is no memory.
  bool add_pair();

  void drop_last_pair() noexcept { records_.pop_back(); }

  // After an owner that did not end orderly: nothing is known to be on stable storage.
  void doubt_all() noexcept;
  // Confirms the unconfirmed ones of these pairs, and what they rest on, by one sync; not those
  // that lost a copy.
  int confirm(const std::vector<pair*>& which);
  int confirm_all();
  bool all_confirmed() const noexcept;
  // The same without its sync: the next write() brings that.
  int repeat_doubtful(const std::vector<pair*>& which);
  // Writes the older copies of the pairs named, which are confirmed first where that is due, and
  // makes them durable; one durable write where it is one pair. With never_sync they stay in the
  // page cache, and later writes go over them again, so that the last synced copy is never replaced
  // by an unsynced one. `meanwhile`, if there is one, runs once the device has begun.
  int write(const std::vector<pair*>& which, std::uint64_t open_epoch, bool never_sync,
            const std::function<void()>& meanwhile = {});

  pair& header() noexcept { return header_; }
  pair& ledger(std::size_t index) noexcept { return ledger_[index]; }
  pair& records(std::size_t index) noexcept { return records_[index]; }
  std::size_t pairs() const noexcept { return records_.size(); }

  format::file_header& file_header() noexcept {
    return *reinterpret_cast<format::file_header*>(header_.image->body.data());
  }
  format::record& record_at(std::size_t place) noexcept;

  // Of the file: the newest of its pages, and what every page is written as from now on.
  std::uint32_t version() const noexcept { return version_; }
  void write_as(std::uint32_t version) noexcept { version_ = version; }

  // What was wrong with single copies, one sentence each.
  void note(std::string finding) { findings_.push_back(std::move(finding)); }
  const std::vector<std::string>& findings() const noexcept { return findings_; }
  // adopt(): forgives pairs with no sound copy, leaving them empty.
  void forgive_lost_pairs() noexcept { forgiving_ = true; }

  struct io_counts {
    std::uint64_t syncs = 0;
    std::uint64_t pages = 0;
    std::uint64_t last_sync_ns = 0;
  };
  const io_counts& counts() const noexcept { return counts_; }
  // The last failed call, for messages.
  const char* failed_call() const noexcept { return failed_call_; }
  off_t failed_offset() const noexcept { return failed_offset_; }

 private:
  bool reserve_images();
  // Pages of the header, the ledger and the first records have room for both copies, the image
  // being the newest of them; the others have room for the image.
  format::page* image_page(std::size_t index) const noexcept {
    return static_cast<format::page*>(images_.data()) + index;
  }
  result<void> read_pages(format::page* to, std::uint64_t count, std::uint64_t first);
  result<void> load_further_pairs(std::uint64_t wanted);
  result<void> choose(format::page_kind kind, std::uint32_t index, format::page copies[2],
                      pair& into);
  static void turn(pair& written) noexcept;
  void seal_next(pair& which, std::uint64_t open_epoch) noexcept;
  int repeat(pair& which);
  int stage(pair& which, std::uint64_t open_epoch);
  int settle(bool never_sync, const std::function<void()>& meanwhile = {});
  int failed(const char* call, off_t at, int os_error) noexcept;
  format::page_kind kind_of(const pair& which) const noexcept;
  std::uint32_t index_of(const pair& which) const noexcept;

  os& system_;
  int fd_;
  std::string path_;
  private_arena images_;
  pair header_;
  pair ledger_[format::ledger_pages];
  std::vector<pair> records_;
  std::vector<pair*> staged_;
  std::vector<pair*> repeated_;
  std::vector<std::string> findings_;
  bool forgiving_ = false;
  std::uint32_t version_ = format::first_version;
  io_counts counts_;
  const char* failed_call_ = "";
  off_t failed_offset_ = 0;
};

}  // namespace sequencer::detail
