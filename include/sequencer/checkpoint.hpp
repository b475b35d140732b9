// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sequencer/block_cache.hpp>
#include <sequencer/cpu_cache.hpp>
#include <sequencer/detail/durable_source.hpp>
#include <sequencer/detail/reservation.hpp>
#include <sequencer/durable_mark.hpp>
#include <sequencer/hole.hpp>
#include <sequencer/result.hpp>
#include <sequencer/tiers.hpp>

namespace sequencer {

class named_sequences;

namespace detail {
class checkpoint_state;
class durable_claimers;
class os;
}  // namespace detail

// When a number may leave.
enum class durability : std::uint8_t {
  ahead = 1,  // below a mark on stable storage that runs ahead of issuing
  each,       // once the mark of exactly the numbers taken is on stable storage; no reservation
  memory,     // below a mark that was written but not synced: good for one boot
};

constexpr std::string_view name(durability how) noexcept {
  switch (how) {
    case durability::ahead: return "ahead";
    case durability::each: return "each";
    case durability::memory: return "memory";
  }
  return "unknown";
}

// The tmpfs mapping in which counters survive SIGKILL exactly.
enum class live_policy : std::uint8_t {
  automatic,  // use one where it can be had
  off,        // none: a SIGKILL costs what power loss costs
  required,   // refuse to open without
};

struct checkpoint_options {
  bool create = false;  // make the file, and sequences asked for by name, where missing
  live_policy live = live_policy::automatic;
  std::string live_directory = "/dev/shm";  // a tmpfs
  bool keeper_thread = true;                // false: call tend() from a loop of your own
  std::string keeper_name = "seq-keeper";   // at most 15 bytes
  int keeper_cpu = -1;                      // pin the keeper there; -1: not pinned
  bool volatile_storage = false;  // accept a file system that forgets at power loss (tmpfs)
  detail::os* system = nullptr;   // for tests: another door to the operating system
};

// What is not set keeps what the file has, or takes the default when the sequence is created.
struct sequence_options {
  bool create = false;                           // make it where missing
  std::optional<sequencer::durability> durability = std::nullopt;  // ahead
  std::optional<sequence> start = std::nullopt;         // 1; fixed at creation
  std::optional<sequence> maximum = std::nullopt;       // top, inclusive; fixed at creation
  std::optional<std::uint64_t> max_gap = std::nullopt;  // 2^20, at least 2; see P4
};

struct block_sequence_options {
  bool create = false;
  std::optional<sequencer::durability> durability = std::nullopt;
  std::optional<sequence> start = std::nullopt;
  std::optional<sequence> maximum = std::nullopt;
  std::optional<std::uint64_t> max_gap = std::nullopt;
  std::optional<std::uint64_t> block = std::nullopt;      // 1024 numbers
  std::optional<std::uint64_t> max_block = std::nullopt;  // as block; at most max_gap / 2
  // Tails go back on top of the counter only; true: they may also be handed out again below
  // later numbers, so that numbers are unique and nothing more.
  bool unordered = false;
  // Handles refill from pools near them, see tiers.hpp; what those hold is part of max_gap. Not
  // recorded in the file. Tails go back to a pool only, also in an unordered sequence.
  std::optional<sequencer::tiers> tiers = std::nullopt;
  // For cpu_blocks(): as that of cpu_cache_options. Not recorded in the file.
  std::vector<std::uint32_t> node_of_cpu{};
};

// What a record of a checkpoint holds.
enum class record_form : std::uint8_t { strict = 1, blocks, mark, named };

// How a named sequence stands, see named_sequence.hpp.
struct named_figures {
  std::int64_t start = 0;
  std::int64_t increment = 0;
  std::int64_t minimum = 0;
  std::int64_t maximum = 0;
  std::uint64_t cache = 0;
  bool cycle = false;
  std::int64_t last_value = 0;  // taken last, by anybody; the next one is behind it
  bool is_called = false;       // false: last_value itself is the next one
  std::uint64_t cycles = 0;     // how often it went round
};

struct sequence_status {
  std::string name;
  record_form form = record_form::strict;
  bool blocks = false;
  sequencer::durability durability = sequencer::durability::ahead;
  sequence start = 0;
  sequence maximum = 0;
  sequence position = 0;    // the next number, as far as it is known
  bool exact = false;       // position is known to the number
  sequence high_water = 0;  // durable mark; of one that is not open, as the file is read
  std::uint64_t max_gap = 0;
  std::uint64_t max_step = 0;
  std::uint64_t window = 0;  // reservation in force
  std::uint64_t block = 0;
  std::uint64_t max_block = 0;
  bool unordered = false;   // tails may be handed out again below later numbers
  std::uint64_t waits = 0;  // calls that found the keeper late, since open
  std::uint64_t rate = 0;   // numbers a second over the last reservation
  std::uint64_t epoch = 0;
  // Of a named sequence, whose position, high_water, start and maximum above say nothing of use.
  std::optional<named_figures> named = std::nullopt;
};

// Since open; times in nanoseconds.
struct checkpoint_metrics {
  std::uint64_t open_epoch = 0;
  std::uint64_t syncs = 0;
  std::uint64_t pages_written = 0;
  std::uint64_t bytes_written = 0;
  std::uint64_t requests = 0;  // served by the keeper
  std::uint64_t last_sync_ns = 0;
  std::uint64_t mean_sync_ns = 0;  // moving mean over about the last 8
  std::uint64_t slowest_sync_ns = 0;
  std::uint64_t last_lag_ns = 0;  // from a request to its mark being usable
  std::uint64_t slowest_lag_ns = 0;
  std::uint64_t waits = 0;  // over all sequences
};

// What an onlooker finds in a file, also while its owner runs.
struct checkpoint_report {
  enum class verdict : std::uint8_t { sound, recoverable, refused };

  std::string path;
  verdict state = verdict::sound;
  std::vector<std::string> findings;  // one sentence each: where, what was found, what follows
  std::uint32_t version = 0;
  std::string uuid;
  std::string parent_uuid;
  std::string boot_id;
  std::uint64_t open_epoch = 0;
  std::uint64_t owner_pid = 0;
  std::int64_t created_ns = 0;  // wall clock
  std::int64_t opened_ns = 0;
  std::uint64_t bytes = 0;
  bool backup = false;
  bool complete = false;  // every page could be read: all sequences and holes are below
  bool owned = false;     // somebody has it open
  bool live = false;      // figures below come from a live region that matches the file
  std::optional<checkpoint_metrics> metrics;
  std::vector<sequence_status> sequences;
  std::vector<std::pair<std::string, hole>> holes;
};

// A strict sequence of a checkpoint: unique for ever, linearizable, dense while it runs.
// A handle; copies name the same sequence. Threads: any. It may outlive the checkpoint object,
// then every call answers `closed`.
class durable_sequence {
 public:
  // Takes the next number.
  // Progress: wait-free below the durable mark (one fetch_add); parks while the keeper is late.
  //   durability each: one sync, shared with whoever waits too.
  // Order: linearizable, dense, increasing across threads and restarts.
  // Fails: exhausted; closed (also in a forked child); io and fenced after the file failed or was
  // replaced: then nothing above the last durable mark leaves.
  result<sequence> next() noexcept { return reservation_->next(); }

  // Takes n consecutive numbers, 1 <= n <= max_gap / 2; a refused call takes nothing.
  // Progress: lock-free below the durable mark. Order and failures: as next(), and invalid.
  result<range> next(std::uint64_t n) noexcept { return next_for(n, wait::never); }

  // As next(), but gives up at `until` with `timeout`, taking nothing.
  result<sequence> next_for(wait::deadline until) noexcept { return first(next_for(1, until)); }
  result<range> next_for(std::uint64_t n, wait::deadline until) noexcept {
    return n == 0 || n > max_request_ ? result<range>(errc::invalid)
                                      : reservation_->next_for(n, until);
  }

  // As next(), but answers `unavailable` where it would have to wait, taking nothing.
  // durability each: makes the mark durable itself unless another thread is about to.
  result<sequence> try_next() noexcept { return first(next_for(1, wait::at_once)); }

  // The next number; stale at once while others take numbers.
  sequence position() const noexcept { return reservation_->position(); }
  // Durable mark: every number issued is below.
  sequence high_water() const noexcept { return reservation_->durable(); }
  // This owner's fencing token: greater than that of every earlier open.
  std::uint64_t open_epoch() const noexcept { return open_epoch_; }

 private:
  friend class detail::checkpoint_state;

  durable_sequence() = default;

  static result<sequence> first(result<range> taken) noexcept {
    return taken ? result<sequence>(taken->first) : result<sequence>(taken.code());
  }

  std::shared_ptr<detail::checkpoint_state> state_;
  detail::reservation* reservation_ = nullptr;
  std::uint64_t max_request_ = 0;
  std::uint64_t open_epoch_ = 0;
};

// The right to all numbers of a strict sequence, for a ring whose positions they are to be, see
// durable_ring.hpp. Ends by giving it back: the next one continues the order.
// Threads: one at a time. It may outlive the checkpoint object.
class durable_order {
 public:
  durable_order(durable_order&&) noexcept = default;
  durable_order& operator=(durable_order&&) = delete;
  ~durable_order();

  // The next number; stale at once while a ring takes numbers.
  sequence position() const noexcept { return reservation_->position(); }
  // Durable mark: every number issued is below.
  sequence high_water() const noexcept { return reservation_->durable(); }
  // This owner's fencing token: greater than that of every earlier open.
  std::uint64_t open_epoch() const noexcept { return open_epoch_; }

 private:
  friend class detail::checkpoint_state;
  friend class detail::durable_claimers;

  durable_order() = default;

  std::shared_ptr<detail::checkpoint_state> state_;
  detail::reservation* reservation_ = nullptr;
  std::uint64_t max_request_ = 0;
  std::uint64_t open_epoch_ = 0;
};

// A sequence of a checkpoint handed out in blocks, one handle per thread: unique, increasing per
// handle, NOT ordered across threads. A handle; copies name the same sequence.
class durable_blocks {
 public:
  using cache = block_cache<detail::durable_source>;
  using handle = cache::handle;

  // A handle for one thread; it ends before or after the checkpoint, as it likes. With tiers it
  // refills from `domain`, or from where its thread runs. What its thread writes lies on `node`, by
  // the system's number, but for its line of the live region, which is a file's.
  // Threads: any. Progress: blocking, allocates. Fails: as block_cache::local().
  handle local(std::uint32_t domain = any_domain, std::uint32_t node = unbound) {
    return cache_->local(domain, node);
  }

  // Most numbers that tiers, and handles at this moment, hold and could leave unissued.
  std::uint64_t held_bound() const { return cache_->held_bound(); }
  // Refills by level; zeros without tiers.
  tier_figures figures() const noexcept { return cache_->source().figures(); }
  std::uint64_t open_epoch() const noexcept { return open_epoch_; }

 private:
  friend class detail::checkpoint_state;

  durable_blocks() = default;

  std::shared_ptr<cache> cache_;
  std::uint64_t open_epoch_ = 0;
};

// A sequence of a checkpoint handed out from one block for each CPU, to any thread and without
// handles: unique, and NOT ordered, not even for one thread. What a failure may cost beside max_gap
// is the blocks of the CPUs, however many threads there are. Copies name the same sequence.
// Threads: any. It may outlive the checkpoint object, then every call answers `closed`.
class durable_cpu_blocks {
 public:
  using cache = cpu_cache<detail::durable_source>;

  // As those of cpu_cache. The first call on a CPU also waits for a sync that is under way.
  result<sequence> next() noexcept { return cache_->next(); }
  result<sequence> try_next() noexcept { return cache_->try_next(); }
  result<sequence> next_for(wait::deadline until) noexcept { return cache_->next_for(until); }

  // Most numbers that the CPUs can hold unissued; at most max_gap / 2.
  std::uint64_t held_bound() const noexcept { return cache_->held_bound(); }
  cpu_mode mode() const noexcept { return cache_->mode(); }
  std::uint64_t open_epoch() const noexcept { return open_epoch_; }

 private:
  friend class detail::checkpoint_state;

  durable_cpu_blocks() = default;

  std::shared_ptr<cache> cache_;
  std::uint64_t open_epoch_ = 0;
};

// A file of named sequences whose numbers survive. See docs/design.md for the promises P1 to P8
// and docs/format.md for the bytes.
//
// One process at a time owns a file. Move-only; the destructor closes and, where that fails,
// leaves the file as a kill would: sound. Threads: any, except open and close of one object.
class checkpoint {
 public:
  // Opens `path` and takes ownership; on return the open epoch is durable.
  // Fails: invalid (missing without `create`, no regular file), locked, denied, corrupt, version,
  // fenced (a copy or an older backup: adopt it), unsupported (file system, live region), io.
  static result<checkpoint> open(std::string path, checkpoint_options options = {});

  checkpoint(checkpoint&&) noexcept = default;
  checkpoint& operator=(checkpoint&& other) noexcept;
  ~checkpoint();

  // The strict sequence of that name (1 to 255 bytes, no NUL); durable when it returns.
  // Fails: invalid (unknown without `create`, options out of bounds, or other than the file has),
  // fenced (durability memory on a new boot: adopt), locked (a ring has it), and as open.
  result<durable_sequence> sequence(std::string_view name, sequence_options options = {});

  // All numbers of the strict sequence of that name, for a ring.
  // Fails: as sequence(); locked, it was asked for as a sequence since the file was opened, or
  // another ring has it; exhausted.
  result<durable_order> order(std::string_view name, sequence_options options = {});

  // The block sequence of that name.
  result<durable_blocks> blocks(std::string_view name, block_sequence_options options = {});

  // The block sequence of that name, with a block for each CPU that this machine can have; no CPU's
  // block grows, so max_block says nothing here.
  // Fails: as blocks(), and invalid where the blocks of all CPUs are more than max_gap / 2, or
  // where it was asked for by blocks() since the file was opened; so blocks() after this.
  result<durable_cpu_blocks> cpu_blocks(std::string_view name, block_sequence_options options = {});

  // The mark of that name, durable when it returns. The first one makes the file one of format
  // version 2, which older libraries refuse. adopt() leaves marks as they are.
  // Fails: invalid (unknown without `create`, a start above top, a sequence has that name), and as
  // open.
  result<durable_mark> mark(std::string_view name, mark_options options = {});

  // Sequences as SQL has them; include named_sequence.hpp.
  named_sequences named() const;

  // Everything that was lost of `name`, oldest numbers first. Named sequences, which may be moved
  // to and fro, keep no account of it.
  result<std::vector<hole>> holes(std::string_view name) const;

  result<std::vector<sequence_status>> list() const;
  checkpoint_metrics metrics() const;
  std::uint64_t open_epoch() const noexcept;  // fencing token
  bool live() const noexcept;                 // a live region is in use
  const std::string& live_refusal() const noexcept;  // why not, where it is not

  // Serves every request for more numbers; true when there was one. With keeper_thread = false
  // call it from a loop of your own, often enough for the reservation to last.
  // Threads: any, one at a time makes sense. Progress: one sync.
  bool tend() noexcept;

  // Writes a sound copy of the file to `path`, which must not exist, while numbers are issued.
  // The copy opens only after adopt().
  result<void> backup(const std::string& path) const;

  // Ends orderly: strict sequences continue at exactly the next number, tails of blocks are listed
  // as holes. Late callers get `closed`. Idempotent.
  result<void> close();

  // Makes a copied, restored or damaged file usable again: a new uuid, and no sequence continues
  // below `floor`. Nobody may have it open. Returns a sentence for each page that was damaged; what
  // only such pages named is gone. The open epoch jumps by 65,536.
  static result<std::vector<std::string>> adopt(std::string path, sequencer::sequence floor,
                                                checkpoint_options options = {});

  // Reads a file without owning it, also while another process does.
  static result<checkpoint_report> inspect(std::string path, checkpoint_options options = {});

 private:
  explicit checkpoint(std::shared_ptr<detail::checkpoint_state> state) noexcept;

  std::shared_ptr<detail::checkpoint_state> state_;
};

}  // namespace sequencer
