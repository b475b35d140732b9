// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// Any bytes as a checkpoint file: an onlooker, an owner and an adopter must each end with an
// answer. Each input runs as it is and with its checksums put right, so that the rules behind
// them are reached too.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <set>
#include <utility>

#include <sequencer/checkpoint.hpp>
#include <sequencer/named_sequence.hpp>

#include <src/checkpoint/format.hpp>
#include <src/checkpoint/page_store.hpp>
#include <tests/crash/simulated_disk.hpp>

namespace {

using namespace sequencer;
namespace format = sequencer::detail::format;

const std::string desk = "/disk/desk.seq";

// Places, checksums and the file's own uuid are right; generations and contents are the input's.
void put_right(crash::bytes& file) {
  format::bytes16 uuid{};
  for (std::size_t at = 0; at + format::page_bytes <= file.size(); at += format::page_bytes) {
    format::page page;
    std::memcpy(&page, file.data() + at, sizeof page);
    if (at == 0) uuid = page.header.uuid;
    const auto number = at / format::page_bytes;
    auto kind = format::page_kind::header;
    auto index = number / 2;
    if (number >= format::first_record_page) {
      kind = format::page_kind::records;
      index = (number - format::first_record_page) / 2;
    } else if (number >= format::first_ledger_page) {
      kind = format::page_kind::ledger;
      index = (number - format::first_ledger_page) / 2;
    }
    const auto version = page.header.version % 2 == 0 ? format::version : format::first_version;
    detail::seal(page, kind, static_cast<std::uint32_t>(index), page.header.generation, uuid,
                 page.header.open_epoch, version);
    std::memcpy(file.data() + at, &page, sizeof page);
  }
}

// The inode that the file says it has, so that the look goes further than its identity.
std::uint64_t inode_in(const crash::bytes& file) {
  format::file_header header{};
  const auto at = format::page_bytes + format::page_header_bytes;
  if (file.size() >= at + sizeof header) std::memcpy(&header, file.data() + at, sizeof header);
  return header.inode == 0 || header.inode > 1'000'000 ? 100 : header.inode;
}

// Whatever the rules that were read say, no pair comes twice and no number is out of bounds.
void use_named(checkpoint& file, const std::string& name) {
  auto session = file.named().session();
  auto of = session.open(name);
  if (!of) return;
  std::set<std::pair<std::uint64_t, std::int64_t>> seen;
  for (int i = 0; i < 12; ++i) {
    if (i == 4) static_cast<void>(of->range(3));
    if (i == 8) static_cast<void>(file.named().restart(name));
    const auto number = of->nextval();
    if (!number) continue;
    const auto now = *file.named().status(name);
    const bool inside = *number >= now.named->minimum && *number <= now.named->maximum;
    if (!inside || !seen.emplace(of->epoch(), *number).second) std::abort();
  }
  static_cast<void>(file.named().drop(name));
}

void use(checkpoint& file) {
  const auto all = file.list();
  if (!all) return;
  for (const auto& each : *all) {
    static_cast<void>(file.holes(each.name));
    if (each.form == record_form::mark) {
      auto mark = file.mark(each.name);
      if (!mark) continue;
      const auto number = mark->load() / 2;
      if (mark->store(number) && mark->load() != number) std::abort();
    } else if (each.form == record_form::named) {
      use_named(file, each.name);
    } else if (each.blocks) {
      auto blocks = file.blocks(each.name);
      if (!blocks) continue;
      auto local = blocks->local();
      for (int i = 0; i < 3; ++i) static_cast<void>(local.try_next());
    } else {
      auto strict = file.sequence(each.name);
      if (!strict) continue;
      for (int i = 0; i < 3; ++i) static_cast<void>(strict->try_next());
      const auto mark = strict->high_water();
      if (mark > top + 1) std::abort();
    }
    file.tend();
  }
  static_cast<void>(file.sequence("one more", {.create = true}));
  static_cast<void>(file.close());
}

void look_at(const crash::bytes& file, bool adopt) {
  crash::disk_image disk;
  const auto inode = inode_in(file);
  disk.names[desk] = inode;
  disk.files[inode] = file;
  crash::machine host(disk);
  const auto door = host.boot_process();
  const checkpoint_options options{
      .live_directory = "/live", .keeper_thread = false, .system = door.get()};
  static_cast<void>(checkpoint::inspect(desk, options));
  if (adopt) static_cast<void>(checkpoint::adopt(desk, 1000, options));
  auto opened = checkpoint::open(desk, options);
  if (opened) use(*opened);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t largest = 64 * format::page_bytes;
  crash::bytes file(data, data + std::min(size, largest));
  look_at(file, false);
  look_at(file, true);
  put_right(file);
  look_at(file, false);
  look_at(file, true);
  return 0;
}
