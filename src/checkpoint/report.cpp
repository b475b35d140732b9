// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "report.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "checkpoint_state.hpp"
#include "failure.hpp"
#include "identity.hpp"
#include "live_region.hpp"
#include "page_store.hpp"
#include "records.hpp"

namespace sequencer::detail {

using namespace format;

namespace {

std::string text_of(const bytes16& uuid) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += digits[uuid[i] >> 4];
    text += digits[uuid[i] & 15];
  }
  return text;
}

class descriptor {
 public:
  descriptor(os& system, int fd) : system_(system), fd_(fd) {}
  ~descriptor() { system_.close(fd_); }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }

 private:
  os& system_;
  int fd_;
};

void describe_header(page_store& pages, checkpoint_report& to) {
  const auto& header = pages.file_header();
  to.version = pages.header().image->header.version;
  to.uuid = text_of(pages.header().image->header.uuid);
  to.parent_uuid = header.parent_uuid == bytes16{} ? "" : text_of(header.parent_uuid);
  to.boot_id = header.boot_id.data();
  to.open_epoch = header.open_epoch;
  to.owner_pid = header.owner_pid;
  to.created_ns = header.created_ns;
  to.opened_ns = header.opened_ns;
  to.backup = (header.flags & backup_copy) != 0;
}

void describe_holes(page_store& pages, checkpoint_report& to) {
  const auto ledger = decode_ledger(pages);
  for_each_record(pages, [&](std::size_t place, const record& of) {
    if (const auto folded = folded_hole(of)) {
      to.holes.emplace_back(record_name(pages, place), *folded);
    }
    for (const auto& [id, lost] : ledger) {
      if (id == of.id) to.holes.emplace_back(record_name(pages, place), lost);
    }
  });
}

// What open() would refuse, said beforehand.
void refuse_file(checkpoint_report& to, std::string why) {
  to.state = checkpoint_report::verdict::refused;
  to.findings.push_back(std::move(why));
}

// The owner's counters and figures, where a live region belongs to this very opening.
void add_live(os& system, const checkpoint_options& options, const struct ::stat& file,
              page_store& pages, checkpoint_report& to) {
  const auto& header = pages.file_header();
  const live_identity identity{pages.header().image->header.uuid, file.st_dev, file.st_ino,
                               system.boot_id(), header.open_epoch, header.open_nonce};
  auto found = live_region::finding::none;
  auto region = live_region::attach(system, options.live_directory, identity, found);
  if (region && found == live_region::finding::newer && !pages.header().one_damaged) {
    refuse_file(to, "is older than the live region of its last owner: an earlier copy was put "
                    "back; it opens after `sequencer adopt`");
  }
  if (!region || found != live_region::finding::trusted) return;
  to.live = true;
  to.metrics = read_figures(region->figures());
  to.metrics->open_epoch = header.open_epoch;
  std::size_t at = 0;
  for_each_record(pages, [&](std::size_t place, const record& of) {
    auto& status = to.sequences[at++];
    if (!region->tickets_backed(place) || (of.flags & clean) != 0) return;
    const auto& line = region->tickets(place);
    // order: live-id-seen <- live-id-set: the counter that belongs to the id
    if (line.id.load(acquire) != of.id) return;
    // order: live-limit-seen <- live-limit-raised: numbers below may have left
    const auto limit = line.limit.load(acquire);
    // relaxed, these: figures, each good by itself.
    status.position = ticket_line::exact(line.next.load(relaxed), limit, of.settled);
    status.exact = true;
    status.high_water = limit;
    status.waits = line.waits.load(relaxed);    // relaxed: as above
    status.rate = line.rate.load(relaxed);      // relaxed: as above
    status.window = line.window.load(relaxed);  // relaxed: as above
    if (status.named) describe_named(of, status.position, status);
    to.metrics->waits += status.waits;
  });
}

void judge_identity(os& system, int fd, const struct ::stat& file, page_store& pages,
                    checkpoint_report& to) {
  const auto& header = pages.file_header();
  if (header.byte_order != byte_order_mark) {
    refuse_file(to, "at byte 128: unknown byte order mark");
    return;
  }
  const bool same_boot = to.boot_id == system.boot_id();
  const auto trouble = identity_trouble(system, fd, file, header, same_boot);
  if (!trouble.empty()) refuse_file(to, trouble + ": it opens after `sequencer adopt`");
}

// Marks of durability `memory` hold for one boot; the rest of the file is not concerned.
void judge_memory_marks(os& system, page_store& pages, checkpoint_report& to) {
  const auto tag = boot_tag_of(system.boot_id());
  for_each_record(pages, [&](std::size_t place, const record& of) {
    const bool memory = of.durability == static_cast<std::uint8_t>(durability::memory);
    if (!memory || of.boot_tag == tag) return;
    to.state = std::max(to.state, checkpoint_report::verdict::recoverable);
    to.findings.push_back("sequence '" + record_name(pages, place) +
                          "': its mark was kept in memory on another boot; the sequence opens "
                          "after `sequencer adopt`");
  });
}

// What a readable file says of itself and its sequences.
void describe(os& system, const checkpoint_options& options, int fd, const struct ::stat& file,
              page_store& pages, checkpoint_report& to) {
  to.complete = true;
  for_each_record(pages, [&](std::size_t place, const record&) {
    to.sequences.push_back(describe_record(pages, place));
  });
  describe_holes(pages, to);
  judge_identity(system, fd, file, pages, to);
  judge_memory_marks(system, pages, to);
  add_live(system, options, file, pages, to);
}

}  // namespace

result<checkpoint_report> inspect_file(std::string path, const checkpoint_options& options) {
  auto& system = options.system != nullptr ? *options.system : system_os();
  const int fd = system.open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
  if (fd < 0) {
    return system_failure(errno, path, "opening for reading", "check the path and its rights");
  }
  const descriptor open(system, fd);
  // A page read while its owner writes it looks torn once; damage looks torn again.
  constexpr int looks = 8;
  for (int look = 0;; ++look) {
    struct ::stat file {};
    if (system.fstat(fd, &file) != 0 || !S_ISREG(file.st_mode)) {
      return failure(errc::invalid, path, "is not a regular file; name a checkpoint file");
    }
    checkpoint_report report;
    report.path = path;
    report.bytes = static_cast<std::uint64_t>(file.st_size);
    report.owned = system.is_locked(fd) == 1;
    page_store pages(system, fd, path);
    const auto header = pages.load_header();
    const auto loaded = header ? pages.load_rest(report.bytes) : header;
    const bool torn = !loaded || !pages.findings().empty();
    if (torn && report.owned && look < looks) continue;
    report.findings = pages.findings();
    if (header) describe_header(pages, report);
    if (!loaded) {
      refuse_file(report, std::string(loaded.text()));
      return report;
    }
    if (torn) report.state = checkpoint_report::verdict::recoverable;
    describe(system, options, fd, file, pages, report);
    return report;
  }
}

}  // namespace sequencer::detail
