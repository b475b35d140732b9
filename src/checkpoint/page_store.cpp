// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "page_store.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>

#include "crc32c.hpp"
#include "failure.hpp"
#include "ledger_page.hpp"
#include "rules.hpp"

namespace sequencer::detail {

using namespace format;

namespace {

// From here on the images fill several huge pages.
constexpr std::uint64_t pairs_for_huge_pages = 2048;

std::uint32_t checksum(const page& of) noexcept {
  page copy = of;
  copy.header.crc = 0;
  return crc32c(&copy, sizeof copy);
}

const char* name(page_kind kind) noexcept {
  switch (kind) {
    case page_kind::header: return "file header";
    case page_kind::ledger: return "hole ledger";
    case page_kind::records: return "records";
  }
  return "page";
}

std::string place(page_kind kind, std::uint32_t index, int copy) {
  return std::string("at byte ") + std::to_string(offset_of(kind, index, copy)) + ": " +
         name(kind) + " page " + std::to_string(index) + ", copy " + (copy == 0 ? "A" : "B");
}

std::string text(page_verdict verdict) {
  switch (verdict) {
    case page_verdict::damaged: return "fails its checksum";
    case page_verdict::newer_version: return "was written by a newer version";
    case page_verdict::other_byte_order: return "was written with another byte order";
    case page_verdict::foreign: return "is not a page of this file";
    case page_verdict::unruly: return "breaks the rules of the format";
    case page_verdict::sound: break;
  }
  return "is sound";
}

const ledger_body& ledger_of(const page& image) noexcept {
  return *reinterpret_cast<const ledger_body*>(image.body.data());
}

}  // namespace

page_verdict judge(const page& found, page_kind kind, std::uint32_t index,
                   const bytes16* uuid) noexcept {
  if (found.header.magic == magic_of_other_byte_order) return page_verdict::other_byte_order;
  if (found.header.magic != magic) return page_verdict::foreign;
  if (checksum(found) != found.header.crc) return page_verdict::damaged;
  if (found.header.version < first_version || found.header.version > version) {
    return page_verdict::newer_version;
  }
  if (found.header.kind != static_cast<std::uint32_t>(kind) || found.header.index != index) {
    return page_verdict::foreign;
  }
  if (uuid != nullptr && found.header.uuid != *uuid) return page_verdict::foreign;
  return keeps_the_rules(found, kind) ? page_verdict::sound : page_verdict::unruly;
}

void seal(page& to, page_kind kind, std::uint32_t index, std::uint64_t generation,
          const bytes16& uuid, std::uint64_t open_epoch, std::uint32_t as_version) noexcept {
  auto& header = to.header;
  header = {};
  header.magic = magic;
  header.version = as_version;
  header.kind = static_cast<std::uint32_t>(kind);
  header.index = index;
  header.generation = generation;
  header.uuid = uuid;
  header.open_epoch = open_epoch;
  header.crc = checksum(to);
}

off_t offset_of(page_kind kind, std::uint32_t index, int copy) noexcept {
  const std::uint64_t first = kind == page_kind::header   ? 0
                              : kind == page_kind::ledger ? first_ledger_page
                                                          : first_record_page;
  return static_cast<off_t>(
      (first + 2 * std::uint64_t{index} + static_cast<std::uint64_t>(copy)) * page_bytes);
}

int read_fully(os& system, int fd, void* to, std::size_t bytes, off_t at) {
  auto* into = static_cast<char*>(to);
  while (bytes != 0) {
    const auto got = system.pread(fd, into, bytes, at);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    if (got == 0) return ENODATA;
    into += got;
    at += got;
    bytes -= static_cast<std::size_t>(got);
  }
  return 0;
}

int write_fully(os& system, int fd, const void* from, std::size_t bytes, off_t at, bool durably) {
  const auto* data = static_cast<const char*>(from);
  while (bytes != 0) {
    const auto put = durably ? system.pwrite_durably(fd, data, bytes, at)
                             : system.pwrite(fd, data, bytes, at);
    if (put < 0 && errno == EINTR) continue;  // writes again, so nothing rests on a failed sync
    if (put < 0) return errno;
    if (put == 0) return EIO;
    data += put;
    at += put;
    bytes -= static_cast<std::size_t>(put);
  }
  return 0;
}

record& page_store::record_at(std::size_t place) noexcept {
  auto* body = records_[place / records_per_page].image->body.data();
  return *reinterpret_cast<record*>(body + place % records_per_page * record_bytes);
}

bool page_store::reserve_images() {
  images_ = private_arena::make((first_record_page + 1 + max_pairs) * page_bytes);
  if (!images_) return false;
  images_.prefer_huge_pages(false);  // clearing one would take longer than reading a small file
  records_.reserve(max_pairs);  // pairs keep their addresses
  header_.image = image_page(0);
  for (std::size_t i = 0; i < ledger_pages; ++i) {
    ledger_[i].image = image_page(first_ledger_page + 2 * i);
  }
  return true;
}

bool page_store::add_pair() {
  if (records_.size() == max_pairs) return false;
  pair added;
  const auto index = records_.size();
  added.image = image_page(first_record_page + (index == 0 ? 0 : 1 + index));
  records_.push_back(added);
  return true;
}

// Every sound page names the file's uuid and the epoch of its writer.
result<void> page_store::salvage_header(std::uint64_t length) {
  const auto pages_there = length / page_bytes;
  if (pages_there <= first_record_page) {
    return failure(errc::corrupt, path_, "is too short to hold any sequence; start a new file");
  }
  auto& header = header_.image->header;
  *header_.image = {};
  std::uint64_t epoch = 0;
  const auto pairs = (pages_there - first_record_page) / 2;
  for (std::uint32_t i = 0; i < 2 * pairs; ++i) {
    page found;
    const auto at = offset_of(page_kind::records, i / 2, static_cast<int>(i % 2));
    if (read_fully(system_, fd_, &found, sizeof found, at) != 0) continue;
    if (judge(found, page_kind::records, i / 2, nullptr) != page_verdict::sound) continue;
    header.uuid = found.header.uuid;
    version_ = std::max(version_, found.header.version);
    epoch = std::max(epoch, found.header.open_epoch);
  }
  if (epoch == 0) {
    return failure(errc::corrupt, path_,
                   "has no sound page of records left; start a new file with a floor above "
                   "every number ever issued");
  }
  file_header().byte_order = byte_order_mark;
  file_header().open_epoch = epoch + 1;
  file_header().pairs = pairs;
  // What the lost header knew of dropped sequences is unknown: above all that can have been.
  if (version_ >= 2) file_header().spent_epochs = std::uint64_t{1} << 63;
  return {};
}

result<void> page_store::load_header() {
  if (!reserve_images()) return system_failure(ENOMEM, path_, "reserving memory", "free some");
  auto* copies = image_page(0);
  const int bad = read_fully(system_, fd_, copies, 2 * page_bytes, 0);
  if (bad == ENODATA) {
    return failure(errc::corrupt, path_,
                   "is shorter than the two file header pages (8192 bytes), so it is empty, "
                   "truncated or not a checkpoint; restore it, or remove it and start with a "
                   "floor above every number ever issued");
  }
  if (bad != 0) return system_failure(bad, path_, "reading the file header", "check the device");
  // Pages of different files at the head of one file cannot be told apart by uuid yet.
  return choose(page_kind::header, 0, copies, header_);
}

result<void> page_store::choose(page_kind kind, std::uint32_t index, page copies[2],
                                pair& into) {
  const auto* uuid = kind == page_kind::header ? nullptr : &header_.image->header.uuid;
  const page_verdict verdicts[2] = {judge(copies[0], kind, index, uuid),
                                    judge(copies[1], kind, index, uuid)};
  int sound = 0;
  for (int copy = 0; copy < 2; ++copy) {
    if (verdicts[copy] == page_verdict::sound) {
      ++sound;
      continue;
    }
    findings_.push_back(place(kind, index, copy) + " " + text(verdicts[copy]));
  }
  for (const auto verdict : verdicts) {
    if (verdict == page_verdict::newer_version ||
        (verdict == page_verdict::other_byte_order && sound == 0)) {
      return failure(errc::version, path_,
                     place(kind, index, 0) + " " + text(verdict) +
                         "; this library reads versions 1 and 2, little endian: open it where it "
                         "was written");
    }
  }
  if (sound == 0) {
    if (forgiving_ && kind != page_kind::header) {
      *into.image = {};
      into.one_damaged = true;
      return {};
    }
    return failure(errc::corrupt, path_,
                   place(kind, index, 0) + " " + text(verdicts[0]) + ", and copy B " +
                       text(verdicts[1]) +
                       "; nothing was changed: restore the file, or run `sequencer adopt` with a "
                       "floor above every number ever issued");
  }
  const bool b_is_newer = copies[1].header.generation > copies[0].header.generation;
  into.newest = sound == 2 ? b_is_newer : verdicts[1] == page_verdict::sound;
  // No two writes have one generation: the copy that is missing was overwritten by the other one.
  const bool twins =
      sound == 2 && copies[0].header.generation == copies[1].header.generation;
  if (twins) {
    findings_.push_back(place(kind, index, 0) + " is the same as copy B, by a stray write");
  }
  into.one_damaged = sound == 1 || twins;
  const bool in_place = into.image == copies;
  if (in_place) {
    into.image += into.newest;
  } else {
    *into.image = copies[into.newest];
  }
  into.generation = into.image->header.generation;
  version_ = std::max(version_, into.image->header.version);
  return {};
}

result<void> page_store::load_rest(std::uint64_t length) {
  const auto wanted = file_header().pairs;
  if (wanted > max_pairs || length < file_bytes(wanted)) {
    return failure(errc::corrupt, path_,
                   "has " + std::to_string(length) + " bytes where its header needs " +
                       std::to_string(file_bytes(wanted)) +
                       ", so it was truncated; restore it, or run `sequencer adopt` with a floor "
                       "above every number ever issued");
  }
  // The pages of a file of few sequences are read to where their images stay: touching fresh memory
  // costs more than reading them.
  auto* const ledger_copies = image_page(first_ledger_page);
  const std::uint64_t first_pairs = wanted == 0 ? 0 : 1;
  if (auto read = read_pages(ledger_copies, 2 * (ledger_pages + first_pairs), first_ledger_page);
      !read) {
    return read;
  }
  for (std::uint32_t i = 0; i < ledger_pages; ++i) {
    auto chosen = choose(page_kind::ledger, i, ledger_copies + 2 * i, ledger_[i]);
    if (!chosen) return chosen;
  }
  if (wanted == 0) return {};
  add_pair();
  if (auto chosen = choose(page_kind::records, 0, records_[0].image, records_[0]); !chosen) {
    return chosen;
  }
  return load_further_pairs(wanted);
}

result<void> page_store::load_further_pairs(std::uint64_t wanted) {
  if (wanted <= 1) return {};
  if (wanted >= pairs_for_huge_pages) images_.prefer_huge_pages(true);
  constexpr std::uint64_t pairs_per_read = 64;
  const auto most = std::min(pairs_per_read, wanted - 1);
  const auto buffer = std::make_unique_for_overwrite<page[]>(2 * most);
  while (records_.size() < wanted) {
    const auto from = records_.size();
    const auto now = std::min(pairs_per_read, wanted - from);
    if (auto read = read_pages(buffer.get(), 2 * now, first_record_page + 2 * from); !read) {
      return read;
    }
    for (std::uint64_t i = 0; i < now; ++i) {
      add_pair();
      auto chosen = choose(page_kind::records, static_cast<std::uint32_t>(from + i),
                           &buffer[2 * i], records_.back());
      if (!chosen) return chosen;
    }
  }
  return {};
}

result<void> page_store::read_pages(page* to, std::uint64_t count, std::uint64_t first) {
  const auto at = static_cast<off_t>(first * page_bytes);
  const int bad = read_fully(system_, fd_, to, count * page_bytes, at);
  if (bad == 0) return {};
  return system_failure(bad, path_, "reading at byte " + std::to_string(at), "check the device");
}

page_kind page_store::kind_of(const pair& which) const noexcept {
  if (&which == &header_) return page_kind::header;
  const bool in_ledger = &which >= ledger_ && &which < ledger_ + ledger_pages;
  return in_ledger ? page_kind::ledger : page_kind::records;
}

std::uint32_t page_store::index_of(const pair& which) const noexcept {
  switch (kind_of(which)) {
    case page_kind::header: return 0;
    case page_kind::ledger: return static_cast<std::uint32_t>(&which - ledger_);
    case page_kind::records: break;
  }
  return static_cast<std::uint32_t>(&which - records_.data());
}

int page_store::failed(const char* call, off_t at, int os_error) noexcept {
  failed_call_ = call;
  failed_offset_ = at;
  return os_error;
}

void page_store::seal_next(pair& which, std::uint64_t open_epoch) noexcept {
  const bytes16 uuid = header_.image->header.uuid;
  seal(*which.image, kind_of(which), index_of(which), which.generation + 1, uuid, open_epoch,
       version_);
}

void page_store::doubt_all() noexcept {
  header_.unconfirmed = true;
  for (auto& each : ledger_) each.unconfirmed = true;
  for (auto& each : records_) each.unconfirmed = true;
}

// From the file and not from the image, which may have gone on since.
int page_store::repeat(pair& which) {
  page found;
  const auto at = offset_of(kind_of(which), index_of(which), which.newest);
  if (const int bad = read_fully(system_, fd_, &found, sizeof found, at)) {
    return failed("pread", at, bad);
  }
  // A page that a failed sync left clean may have been dropped, and its older content be back.
  const auto* uuid = &header_.image->header.uuid;
  if (found.header.generation != which.generation ||
      judge(found, kind_of(which), index_of(which), uuid) != page_verdict::sound) {
    return failed("pread of a page that changed by itself", at, EIO);
  }
  if (const int bad = write_fully(system_, fd_, &found, sizeof found, at, false)) {
    return failed("pwrite", at, bad);
  }
  ++counts_.pages;
  which.repeated = true;
  repeated_.push_back(&which);
  return 0;
}

// Of a pair that lost a copy the damaged one is replaced first, and nothing rests on it. Records
// say that what they passed over is listed, so what the ledger lists is confirmed with them.
int page_store::repeat_doubtful(const std::vector<pair*>& which) {
  auto doubtful = which;
  const auto is_records = [&](const pair* each) { return kind_of(*each) == page_kind::records; };
  if (std::any_of(which.begin(), which.end(), is_records)) {
    for (auto& each : ledger_) {
      if (ledger_of(*each.image).count != 0) doubtful.push_back(&each);
    }
  }
  for (auto* each : doubtful) {
    if (!each->unconfirmed || each->one_damaged || each->repeated) continue;
    if (const int bad = repeat(*each)) return bad;
  }
  return 0;
}

int page_store::confirm(const std::vector<pair*>& which) {
  if (const int bad = repeat_doubtful(which)) return bad;
  return repeated_.empty() ? 0 : settle(false);
}

int page_store::confirm_all() {
  std::vector<pair*> all{&header_};
  for (auto& each : ledger_) all.push_back(&each);
  for (auto& each : records_) all.push_back(&each);
  return confirm(all);
}

bool page_store::all_confirmed() const noexcept {
  const auto confirmed = [](const pair& of) { return !of.unconfirmed; };
  return confirmed(header_) && std::all_of(std::begin(ledger_), std::end(ledger_), confirmed) &&
         std::all_of(records_.begin(), records_.end(), confirmed);
}

int page_store::stage(pair& which, std::uint64_t open_epoch) {
  seal_next(which, open_epoch);
  const auto at = offset_of(kind_of(which), index_of(which), which.newest ^ 1);
  const int bad = write_fully(system_, fd_, which.image, page_bytes, at, false);
  if (bad != 0) return failed("pwrite", at, bad);
  ++counts_.pages;
  which.staged = true;
  staged_.push_back(&which);
  return 0;
}

void page_store::turn(pair& written) noexcept {
  written.newest ^= 1;
  written.one_damaged = written.unconfirmed = false;
  if (written.copies_due != 0) --written.copies_due;
}

int page_store::settle(bool never_sync, const std::function<void()>& meanwhile) {
  if (!never_sync) {
    const auto from = system_.steady_ns();
    if (meanwhile) {
      system_.begin_writing(fd_);
      meanwhile();
    }
    if (system_.fdatasync(fd_) != 0) return failed("fdatasync", 0, errno);
    counts_.last_sync_ns = static_cast<std::uint64_t>(system_.steady_ns() - from);
    ++counts_.syncs;
  }
  for (auto* confirmed : repeated_) confirmed->unconfirmed = confirmed->repeated = false;
  repeated_.clear();
  for (auto* written : staged_) {
    written->staged = false;
    ++written->generation;
    if (never_sync) continue;  // the synced copy stays the one to keep
    turn(*written);
  }
  staged_.clear();
  return 0;
}

int page_store::write(const std::vector<pair*>& which, std::uint64_t open_epoch,
                      bool never_sync, const std::function<void()>& meanwhile) {
  if (staged_.empty() && repeated_.empty()) {
    if (const int bad = confirm(which)) return bad;
  }
  if (which.size() != 1 || never_sync || !staged_.empty() || meanwhile) {
    for (auto* each : which) {
      if (const int bad = stage(*each, open_epoch)) return bad;
    }
    return settle(never_sync, meanwhile);
  }
  auto& only = *which.front();
  seal_next(only, open_epoch);
  const auto at = offset_of(kind_of(only), index_of(only), only.newest ^ 1);
  const auto from = system_.steady_ns();
  const int bad = write_fully(system_, fd_, only.image, page_bytes, at, true);
  if (bad != 0) return failed("pwritev2(RWF_DSYNC)", at, bad);
  counts_.last_sync_ns = static_cast<std::uint64_t>(system_.steady_ns() - from);
  ++counts_.syncs;
  ++counts_.pages;
  ++only.generation;
  turn(only);
  return 0;
}

}  // namespace sequencer::detail
