// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

// The checkpoint file, format versions 1 and 2. docs/format.md is the prose; this is its only
// header of constants. All integers are little endian.
//
//   page 0, 1          file header, copies A and B
//   page 2 .. 7        ledger of holes, pages 0..2, each A then B
//   page 8+2p, 9+2p    records of sequences 16p .. 16p+15, copies A and B
//
// Every page carries its place, a generation and a checksum; of two copies the one with the higher
// generation counts, and the writer replaces the other one.
namespace sequencer::detail::format {

inline constexpr std::uint64_t magic = 0x3154504b43514553;  // "SEQCKPT1"
inline constexpr std::uint64_t magic_of_other_byte_order = 0x534551434b505431;
inline constexpr std::uint32_t first_version = 1;
inline constexpr std::uint32_t version = 2;  // since a record can be a mark or a named sequence

inline constexpr std::size_t page_bytes = 4096;
inline constexpr std::size_t page_header_bytes = 128;
inline constexpr std::size_t record_bytes = 248;
inline constexpr std::size_t records_per_page = 16;
inline constexpr std::size_t max_sequences = 65'536;
inline constexpr std::size_t max_pairs = max_sequences * 2 / records_per_page;
inline constexpr std::size_t max_name_bytes = 255;
inline constexpr std::size_t inline_name_bytes = 64;

enum class page_kind : std::uint32_t { header = 1, ledger = 2, records = 3 };

using bytes16 = std::array<std::uint8_t, 16>;

struct page_header {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t crc;         // CRC-32C of the whole page with this field 0
  std::uint32_t kind;        // page_kind
  std::uint32_t index;       // pair number within its kind
  std::uint64_t generation;  // +1 per write of the pair; the higher one counts
  bytes16 uuid;              // of the file
  std::uint64_t open_epoch;  // of the owner that wrote it
  std::uint8_t reserved[72];
};

// Page 0 and 1, behind the page header.
struct file_header {
  std::uint64_t byte_order;  // 0x0102030405060708
  std::uint64_t open_epoch;  // +1 durably on every open, before the first number
  bytes16 open_nonce;        // random per open; what a live region must know to be trusted
  bytes16 parent_uuid;       // the file this one was adopted or backed up from
  std::array<char, 40> boot_id;  // of the boot in which it was last opened, zero padded
  std::uint64_t device;      // identity at creation or adoption
  std::uint64_t inode;
  std::uint64_t pairs;       // record page pairs
  std::uint64_t floor;       // adopt(): no sequence starts below
  std::int64_t created_ns;   // wall clock
  std::int64_t opened_ns;
  std::uint64_t owner_pid;   // of the last opener
  std::uint64_t flags;       // header_flag
  std::int64_t born_ns;      // birth time of the inode; 0 where the file system has none
  std::uint64_t spent_epochs;  // the first epoch of named sequences made from now on
};

enum header_flag : std::uint64_t {
  backup_copy = 1,     // written by backup(); opens only after adopt
  closed_cleanly = 2,  // its owner wrote and synced everything before it left
};

inline constexpr std::uint64_t byte_order_mark = 0x0102030405060708;

enum class record_state : std::uint8_t { free = 0, used = 1, dropped = 2, name_tail = 3 };
enum class record_kind : std::uint8_t { strict = 1, blocks = 2, mark = 3, named = 4 };

enum record_flag : std::uint8_t {
  clean = 1,      // `next` is exact: nobody has taken numbers since it was written
  unordered = 2,  // block mode: tails may be handed out again below later numbers
  called = 4,     // named: `anchor_last` was taken, the next number is the one after it
  cycles = 8,     // named: goes on at the other bound
};

// One sequence. A name longer than inline_name_bytes goes on in the record that follows, which is
// then a name_tail.
struct record {
  std::uint8_t state;
  std::uint8_t kind;
  std::uint8_t durability;
  std::uint8_t flags;
  std::uint8_t name_bytes;
  std::uint8_t folded_why;   // loss
  std::uint8_t reserved0[2];
  std::uint64_t id;          // random, never reused; ties a live region's entry to this record
  std::int64_t start;
  std::int64_t increment;    // version 1 writes 1
  std::int64_t minimum;
  std::int64_t maximum;      // inclusive
  std::uint64_t cycle_count; // version 1 writes 0
  std::uint64_t epoch;       // version 1 writes 0; grows when the sequence is moved backwards
  std::uint64_t max_gap;
  std::uint64_t block;       // block mode: first and largest block; named: cache
  std::uint64_t max_block;
  std::uint64_t mark;        // high water: no number at or above it was issued under this copy
  std::uint64_t max_step;    // the next copy's mark is at most mark + max_step
  std::uint64_t settled;     // every number below was issued or is in the ledger
  std::uint64_t next;        // clean: first number never issued. Else the counter when written
  std::uint64_t boot_tag;    // hash of the boot that wrote the mark
  std::uint64_t window;      // reservation in force, a first guess for the next open
  std::uint64_t held;        // unclean block mode: unissued numbers below `next` in handles
  std::uint64_t folded_first;  // holes that the ledger had no room for, as one that is `merged`
  std::uint64_t folded_last;
  std::uint64_t folded_lost;
  std::int64_t anchor_last;    // named: where it was moved to last
  std::uint64_t anchor_first;  // named: ordinal of the first number after that
  std::array<char, inline_name_bytes> name;
};

struct name_tail {
  std::uint8_t state;  // record_state::name_tail
  std::uint8_t reserved[7];
  std::array<char, record_bytes - 8> name;
};

// A ledger page: page_header, `count`, then entries.
struct ledger_entry {
  std::uint64_t id;     // of the sequence
  std::uint64_t first;
  std::uint64_t last;
  std::uint64_t lost;
  std::uint64_t epoch;
  std::uint32_t why;    // loss
  std::uint32_t flags;  // ledger_flag
};

enum ledger_flag : std::uint32_t { certain = 1, merged = 2 };

inline constexpr std::size_t ledger_pages = 3;
inline constexpr std::size_t entries_per_ledger_page =
    (page_bytes - page_header_bytes - 8) / sizeof(ledger_entry);
inline constexpr std::size_t ledger_capacity = ledger_pages * entries_per_ledger_page;

inline constexpr std::size_t first_ledger_page = 2;
inline constexpr std::size_t first_record_page = first_ledger_page + 2 * ledger_pages;

struct alignas(8) page {
  page_header header;
  std::array<std::uint8_t, page_bytes - page_header_bytes> body;
};

static_assert(sizeof(page_header) == page_header_bytes);
static_assert(sizeof(record) == record_bytes && sizeof(name_tail) == record_bytes);
static_assert(sizeof(file_header) <= page_bytes - page_header_bytes);
static_assert(page_header_bytes + records_per_page * record_bytes == page_bytes);
static_assert(sizeof(page) == page_bytes);
static_assert(max_name_bytes - inline_name_bytes <= record_bytes - 8);
static_assert(std::is_trivially_copyable_v<page> && std::is_trivially_copyable_v<record>);
static_assert(sizeof(ledger_entry) == 48 && entries_per_ledger_page == 82);

}  // namespace sequencer::detail::format
