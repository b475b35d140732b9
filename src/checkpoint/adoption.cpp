// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>

#include "checkpoint_state.hpp"
#include "failure.hpp"
#include "new_file.hpp"
#include "records.hpp"
#include "storage.hpp"

// Copies of a file: backup() makes one that is sound, adopt() makes a copied, restored or damaged
// one usable under a new uuid.
namespace sequencer::detail {

using namespace format;

namespace {

constexpr std::uint64_t epochs_skipped = std::uint64_t{1} << 16;
// Of named sequences: one that goes round spends an epoch each time.
constexpr std::uint64_t named_epochs_skipped = std::uint64_t{1} << 48;

}  // namespace

file_image checkpoint_state::image_of_file() {
  file_image image;
  image.header = pages_.file_header();
  image.header.parent_uuid = pages_.header().image->header.uuid;
  for (std::size_t i = 0; i < ledger_pages; ++i) image.ledger[i] = *pages_.ledger(i).image;
  image.version = pages_.version();
  image.records.reserve(pages_.pairs());
  for (std::size_t i = 0; i < pages_.pairs(); ++i) {
    image.records.push_back(*pages_.records(i).image);
  }
  return image;
}

result<void> checkpoint_state::backup(const std::string& to) {
  if (!in_owner_process()) return fatal(errc::closed);
  file_image image;
  {
    const std::lock_guard held(commit_);
    if (closed_ || failed_ != errc{}) return fatal(closed_ ? errc::closed : failed_);
    encode_ledger();
    image = image_of_file();
  }
  image.header.flags |= backup_copy;
  return write_new_file(system_, to, image);
}

result<std::vector<std::string>> checkpoint_state::adopt(std::string path, sequence floor,
                                                         checkpoint_options options) {
  auto& system = options.system != nullptr ? *options.system : system_os();
  if (floor > top) {
    return failure(errc::invalid, path, "floor " + std::to_string(floor) + " is above 2^63 - 1");
  }
  checkpoint_state state(path, std::move(options), system);
  const std::lock_guard held(state.commit_);
  state.closed_ = true;  // nothing to close: the file is replaced, not continued
  auto opened = open_existing(system, path);
  if (!opened) return opened.failure();
  state.file_ = file_lock(system, *opened);
  state.pages_.attach(state.file_.fd());
  state.pages_.forgive_lost_pairs();
  if (auto storage = state.check_storage(); !storage) return storage.failure();
  if (auto loaded = state.load_damaged(); !loaded) return loaded.failure();
  state.load_ledger();
  state.raise_to_floor(floor);
  state.encode_ledger();
  auto image = state.image_of_file();
  // Above what an original could have reached since this copy was made, within reason.
  image.header.open_epoch += epochs_skipped;
  image.header.floor = std::max<sequence>(image.header.floor, floor);
  image.header.flags = closed_cleanly;
  image.header.open_nonce = {};
  system.random(image.header.open_nonce.data(), image.header.open_nonce.size());
  const auto target = system.real_path(path.c_str());
  if (target.empty()) {
    return system_failure(errno, path, "resolving the path", "check its directories");
  }
  if (auto written = write_new_file(system, target, image, true); !written) {
    return written.failure();
  }
  state.drop_live_region();
  return state.pages_.findings();
}

// The region of a killed owner of this very file: nobody can come back to it. One that belongs to
// an original of this copy stays, it may be in use.
void checkpoint_state::drop_live_region() {
  const auto& header = pages_.file_header();
  const live_identity identity{pages_.header().image->header.uuid, identity_.st_dev,
                               identity_.st_ino, boot_id_, header.open_epoch, header.open_nonce};
  auto found = live_region::finding::none;
  auto region = live_region::attach(system_, options_.live_directory, identity, found);
  if (region && found == live_region::finding::trusted) region->discard();
}

result<void> checkpoint_state::load_damaged() {
  if (const int bad = file_.acquire(); bad == EAGAIN || bad == EACCES) {
    return failure(errc::locked, path_, "is open elsewhere; close it there first");
  } else if (bad != 0) {
    return system_failure(bad, path_, "locking the file", "use a file system with OFD locks");
  }
  boot_id_ = system_.boot_id();
  struct ::stat here {};
  if (system_.fstat(file_.fd(), &here) != 0) {
    return system_failure(errno, path_, "asking for its state", "check the device");
  }
  identity_ = here;
  const auto length = static_cast<std::uint64_t>(here.st_size);
  if (auto header = pages_.load_header(); !header) {
    if (header.code() != errc::corrupt) return header;
    if (auto made_up = pages_.salvage_header(length); !made_up) return made_up;
  }
  // What a truncation left is taken; the rest is lost, and said to be.
  const auto whole = length / page_bytes;
  const auto there = whole > first_record_page ? (whole - first_record_page) / 2 : 0;
  if (there == 0) {
    return failure(errc::corrupt, path_, "is too short to hold any sequence; start a new file");
  }
  auto& header = pages_.file_header();
  if (header.pairs > there) {
    pages_.note("at byte " + std::to_string(length) + ": the file ends, " +
                std::to_string(header.pairs - there) + " pages of records are lost");
  }
  header.pairs = std::min<std::uint64_t>(header.pairs, there);
  return pages_.load_rest(length);
}

namespace {

// Its ordinals are its own; what the floor and the skipped epochs are for is what it tells others.
void raise_named(record& of, sequence reached, sequence floor) {
  const auto rules = rules_of(of);
  auto at = state_at(of, reached);
  at = raised_to(rules, at, floor);
  at.epoch += std::min(named_epochs_skipped, ~at.epoch);
  put_order(of, rules, {reached, at});
}

}  // namespace

void checkpoint_state::raise_to_floor(sequence floor) {
  if (auto& spent = pages_.file_header().spent_epochs; pages_.version() >= 2) {
    spent += std::min(named_epochs_skipped, ~spent);
  }
  const auto tag = boot_tag_of(boot_id_);
  for (std::size_t place = 0; place < pages_.pairs() * records_per_page; ++place) {
    auto& of = pages_.record_at(place);
    if (of.state != static_cast<std::uint8_t>(record_state::used)) continue;
    if (of.kind == static_cast<std::uint8_t>(record_kind::mark)) continue;  // names no order
    const bool damaged = pages_.records(place / records_per_page).one_damaged;
    const bool exact = (of.flags & clean) != 0 && !damaged;
    const bool named = of.kind == static_cast<std::uint8_t>(record_kind::named);
    const auto known = exact ? of.next : of.settled;
    const auto counted = exact ? of.next : std::min(of.next, of.mark);
    const auto reached = exact ? of.next : of.mark + (damaged ? of.max_step : 0);
    const auto next = std::min(named ? reached : std::max(reached, floor), beyond_of(of));
    if (named) {
      raise_named(of, next, floor);
    } else if (next > known) {
      const auto lost = std::min(next - known, next - counted + of.held);
      const auto epoch = pages_.file_header().open_epoch;
      add_hole(of.id, {{known, next}, lost, epoch, loss::adopted, false, false});
    }
    of.mark = of.settled = of.next = next;
    of.held = 0;
    of.flags |= clean;
    of.boot_tag = tag;
  }
}

}  // namespace sequencer::detail
