// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "live_region.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "failure.hpp"

namespace sequencer::detail {

namespace {

constexpr std::uint64_t live_magic = 0x31564c5145535153;
constexpr std::uint64_t live_version = 1;
constexpr std::uint64_t valid_word = 0x76616c6964206f6b;

std::string path_of(const std::string& directory, const format::bytes16& uuid) {
  constexpr char digits[] = "0123456789abcdef";
  std::string path = directory + "/sequencer-" + std::to_string(::geteuid()) + "-";
  for (const auto byte : uuid) {
    path += digits[byte >> 4];
    path += digits[byte & 15];
  }
  return path;
}

}  // namespace

struct live_region::header {
  std::uint64_t magic;
  std::uint64_t version;
  format::bytes16 uuid;
  std::uint64_t device;
  std::uint64_t inode;
  std::array<char, 40> boot_id;
  std::uint64_t open_epoch;
  format::bytes16 nonce;    // of the opening that wrote the values
  format::bytes16 pending;  // of the opening that is under way
  atomic<std::uint64_t> holders_used;
  live_figures figures;
  atomic<std::uint64_t> valid;  // stored last
  // One bit per page of ticket lines that is backed: the others must not be touched.
  std::array<atomic<std::uint64_t>, format::max_pairs / 64> backed;
  std::uint64_t durable_header;  // its generation
};


live_region& live_region::operator=(live_region&& other) noexcept {
  std::swap(system_, other.system_);
  std::swap(fd_, other.fd_);
  std::swap(at_, other.at_);
  std::swap(path_, other.path_);
  return *this;
}

live_region::~live_region() {
  if (at_ != nullptr) system_->unmap(at_, bytes);
  if (fd_ >= 0) system_->close(fd_);
}

live_region::header& live_region::head() const noexcept {
  return *static_cast<header*>(at_);
}

// Backed before it is touched: a full tmpfs is an error here and not a SIGBUS later. A region that
// has its full size was backed by its maker.
result<void> live_region::reserve() {
  if (const int bad = system_->allocate(fd_, 0, tickets_at)) {
    return system_failure(bad, path_, "reserving the live region", "make room in the tmpfs");
  }
  if (system_->truncate(fd_, static_cast<off_t>(bytes)) != 0) {
    return system_failure(errno, path_, "sizing the live region", "make room in the tmpfs");
  }
  return {};
}

result<live_region> live_region::map(os& system, const std::string& path, int fd, bool fresh) {
  live_region made;
  made.system_ = &system;
  made.fd_ = fd;
  made.path_ = path;
  struct ::statfs storage {};
  if (system.fstatfs(fd, &storage) != 0) {
    return system_failure(errno, path, "asking for its file system", "check the live directory");
  }
  if (storage.f_type != TMPFS_MAGIC && storage.f_type != RAMFS_MAGIC) {
    return failure(errc::unsupported, path,
                   "the live directory is no tmpfs (type " + std::to_string(storage.f_type) +
                       "): counters there would wait for a disk; name a tmpfs such as /dev/shm");
  }
  if (fresh) {
    if (auto reserved = made.reserve(); !reserved) return reserved.failure();
  }
  made.at_ = system.map(fd, bytes);
  if (made.at_ == nullptr) {
    return system_failure(errno, path, "mapping the live region", "check memory limits");
  }
  return made;
}

result<live_region> live_region::attach(os& system, const std::string& directory,
                                        const live_identity& file, finding& found) {
  found = finding::none;
  const auto path = path_of(directory, file.uuid);
  const int fd = system.open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);
  if (fd < 0 && errno == ENOENT) return live_region();
  if (fd < 0) {
    return system_failure(errno, path, "opening the live region",
                          "remove it if it is not this user's");
  }
  struct ::stat owner {};
  if (system.fstat(fd, &owner) != 0 || owner.st_uid != ::geteuid() ||
      (owner.st_mode & 077) != 0 || owner.st_size != static_cast<off_t>(bytes)) {
    system.close(fd);
    found = finding::stale;
    return live_region();
  }
  auto mapped = map(system, path, fd, false);
  if (!mapped) return mapped;
  const auto& head = mapped->head();
  // order: live-valid-seen <- live-valid: the header
  const bool whole = head.valid.load(acquire) == valid_word && head.magic == live_magic &&
                     head.version == live_version && head.uuid == file.uuid &&
                     head.device == file.device && head.inode == file.inode &&
                     file.boot_id == head.boot_id.data();
  const bool drawn = file.open_nonce != format::bytes16{};
  const bool known =
      drawn && (head.nonce == file.open_nonce || head.pending == file.open_nonce);
  found = !whole                               ? finding::stale
          : known                              ? finding::trusted
          : head.open_epoch > file.open_epoch  ? finding::newer
                                               : finding::stale;
  if (found != finding::trusted) return live_region();
  return mapped;
}

result<live_region> live_region::create(os& system, const std::string& directory,
                                        const live_identity& file, const format::bytes16& next) {
  const auto path = path_of(directory, file.uuid);
  system.unlink(path.c_str());
  const int fd =
      system.open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) {
    return system_failure(errno, path, "creating the live region",
                          "check that the live directory is a tmpfs this user can write to");
  }
  auto made = map(system, path, fd, true);
  if (!made) {
    system.unlink(path.c_str());
    return made;
  }
  auto& head = made->head();
  head.magic = live_magic;
  head.version = live_version;
  head.uuid = file.uuid;
  head.device = file.device;
  head.inode = file.inode;
  std::strncpy(head.boot_id.data(), file.boot_id.c_str(), head.boot_id.size() - 1);
  head.open_epoch = file.open_epoch;
  head.nonce = head.pending = next;
  // order: live-valid -> live-valid-seen: the header
  head.valid.store(valid_word, release);
  return made;
}

void live_region::announce(const format::bytes16& next) noexcept {
  auto& head = this->head();
  // A nonce is two words: while it changes the region must not match by half of it. An opening
  // that was killed before it became durable left a nonce here that no file has.
  head.pending = next;
  keep_program_order();
}

void live_region::confirm(std::uint64_t epoch, const format::bytes16& nonce) noexcept {
  auto& head = this->head();
  // `pending` equals `nonce` here, so the region is trusted through it while `nonce` changes.
  head.nonce = nonce;
  head.open_epoch = epoch;
  keep_program_order();
}

void live_region::note_durable_header(std::uint64_t generation) noexcept {
  head().durable_header = generation;
  keep_program_order();
}

std::uint64_t live_region::durable_header() const noexcept { return head().durable_header; }

bool live_region::confirmed(const format::bytes16& nonce) const noexcept {
  return head().nonce == nonce;
}

bool live_region::back(std::size_t from, std::size_t size) noexcept {
  return system_->allocate(fd_, static_cast<off_t>(from), static_cast<off_t>(size)) == 0;
}

bool live_region::back_tickets(std::size_t place) noexcept {
  if (tickets_backed(place)) return true;
  const auto pair = place / format::records_per_page;
  if (!back(tickets_at + pair * format::records_per_page * sizeof(ticket_line),
            format::records_per_page * sizeof(ticket_line))) {
    return false;
  }
  // order: tickets-backed -> tickets-backed-seen: the storage behind the lines
  head().backed[pair / 64].fetch_or(std::uint64_t{1} << pair % 64, release);
  return true;
}

bool live_region::back_holder(std::size_t index) noexcept {
  if (index >= holders) return false;
  if (index < holders_used()) return true;
  if (!back(holders_at + index * sizeof(holder_line), sizeof(holder_line))) return false;
  // order: holders-backed -> holders-seen: the storage behind the lines
  head().holders_used.store(index + 1, release);
  return true;
}

bool live_region::tickets_backed(std::size_t place) const noexcept {
  const auto pair = place / format::records_per_page;
  // order: tickets-backed-seen <- tickets-backed: the storage behind the lines
  return (head().backed[pair / 64].load(acquire) >> pair % 64 & 1) != 0;
}

ticket_line& live_region::tickets(std::size_t place) const noexcept {
  return *(reinterpret_cast<ticket_line*>(static_cast<char*>(at_) + tickets_at) + place);
}

holder_line& live_region::holder(std::size_t index) const noexcept {
  return *(reinterpret_cast<holder_line*>(static_cast<char*>(at_) + holders_at) + index);
}

std::size_t live_region::holders_used() const noexcept {
  // order: holders-seen <- holders-backed: the storage behind the lines
  return at_ == nullptr ? 0 : head().holders_used.load(acquire);
}

live_figures& live_region::figures() const noexcept { return head().figures; }

void live_region::discard() noexcept {
  if (at_ != nullptr) system_->unlink(path_.c_str());
}

}  // namespace sequencer::detail
