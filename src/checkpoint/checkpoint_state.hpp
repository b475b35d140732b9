// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <sequencer/checkpoint.hpp>
#include <sequencer/detail/hole_ledger.hpp>
#include <sequencer/detail/private_arena.hpp>
#include <sequencer/detail/reservation.hpp>

#include "durable_tiers.hpp"
#include "file_lock.hpp"
#include "keeper.hpp"
#include "live_region.hpp"
#include "named_state.hpp"
#include "new_file.hpp"
#include "page_store.hpp"

namespace sequencer::detail {

// A sequence that this process has opened. Its address is stable.
struct open_sequence {
  open_sequence(checkpoint_state& owner, std::size_t place, ticket_line& tickets,
                limit_line& limits, sequence beyond, bool each, mark_keeper& keeper)
      : owner(owner),
        place(place),
        tickets(tickets),
        limits(limits),
        numbers(tickets, limits, keeper, beyond, each) {
    numbers.owner = this;
  }

  checkpoint_state& owner;
  const std::size_t place;  // of its record in the file
  ticket_line& tickets;
  limit_line& limits;
  reservation numbers;

  bool blocks = false;
  bool unordered = false;
  bool asked_for = false;  // as a sequence, since open
  bool lent = false;       // to a ring
  bool dropped = false;    // its place in the file may be another's
  sequencer::durability how = sequencer::durability::ahead;

  // Under the commit lock.
  std::uint64_t max_gap = 0;
  std::uint64_t window = 0;
  sequence first_mark = 0;      // written before start()
  sequence served_at = 0;       // position when it was last served
  std::int64_t served_ns = 0;   // steady clock
  std::shared_ptr<durable_blocks::cache> cache;
  std::shared_ptr<durable_cpu_blocks::cache> cpu_cache;

  atomic<std::int64_t> asked_ns{0};

  // Block mode; the lock is held for a few stores and never while waiting.
  std::mutex refill;
  std::vector<holder_line*> holders;  // by the cache's holder number
  std::vector<std::pair<range, holder_line*>> tails;  // unordered: to be handed out again
  std::vector<holder_line*> spent;  // lines whose tail was; free again

  std::unique_ptr<durable_tiers> tiers;  // made before the cache

  // What the reservation and its steps may lose: of the gap that was asked for, tiers have theirs.
  std::uint64_t gap_beside_tiers(std::uint64_t of_record) const noexcept {
    return tiers ? of_record - tiers->shape.held_bound() : of_record;
  }
};

// A mark that this process has opened. Its address is stable.
struct open_mark {
  open_mark(std::size_t place, std::uint64_t number) : place(place), number(number) {}

  const std::size_t place;
  atomic<std::uint64_t> number;
};

// What to call for a record that was asked for as another kind.
const char* how_to_open(format::record_kind kind) noexcept;

// Where callers shall ask for more: when half of what is left below the mark is used.
sequence soft_mark(const open_sequence& of, sequence mark) noexcept;

// What a record says of the boot in which its mark was written.
std::uint64_t boot_tag_of(const std::string& boot_id) noexcept;

// Ends it orderly should the process exit first.
void close_at_exit(std::weak_ptr<checkpoint_state> opened);

// Everything behind a checkpoint object. The parts: recovery.cpp opens, sequences.cpp finds and
// creates, commit.cpp moves marks, durable_source.cpp hands out blocks, closing.cpp ends.
//
// Locks: commit_ guards the pages, the ledger, the table and the file; refill locks are taken
// inside it. Callers of next() take neither.
class checkpoint_state final : public mark_keeper,
                               public std::enable_shared_from_this<checkpoint_state> {
 public:
  checkpoint_state(std::string path, checkpoint_options options, os& system);
  ~checkpoint_state();

  // ---- recovery.cpp
  static result<std::shared_ptr<checkpoint_state>> open(std::string path,
                                                        checkpoint_options options);

  // ---- adoption.cpp
  static result<std::vector<std::string>> adopt(std::string path, sequence floor,
                                                checkpoint_options options);
  result<void> backup(const std::string& to);

  // ---- sequences.cpp
  result<durable_sequence> strict(std::string_view name, const sequence_options& asked);
  result<durable_order> order(std::string_view name, const sequence_options& asked);
  void take_back(reservation& lent) noexcept;
  result<durable_blocks> blocks(std::string_view name, const block_sequence_options& asked);
  result<durable_cpu_blocks> cpu_blocks(std::string_view name,
                                        const block_sequence_options& asked);
  result<std::vector<hole>> holes(std::string_view name);
  result<durable_mark> mark(std::string_view name, const mark_options& asked);  // marks.cpp
  result<std::uint64_t> store_mark(open_mark& to, std::uint64_t number) noexcept;
  std::vector<sequence_status> list();
  checkpoint_metrics metrics();

  // ---- named_sequences.cpp
  result<void> create_named(std::string_view name, const named_options& asked);
  result<void> alter_named(std::string_view name, const named_change& asked);
  result<void> drop_named(std::string_view name);
  result<sequence_status> status_of_named(std::string_view name);
  result<open_named*> open_named_sequence(std::string_view name);
  result<std::int64_t> next_block(named_view& to) noexcept;
  result<named_range> take_named(open_named& of, std::uint64_t n) noexcept;
  result<void> set_named(named_view& of, std::int64_t number, bool called);

  // ---- commit.cpp
  void request(reservation& from) noexcept override;
  void serve_now(reservation& from) noexcept override;
  bool tend() noexcept;

  // ---- durable_source.cpp
  result<block> hand_over(open_sequence& from, const block_request& asked) noexcept;
  bool take_back(open_sequence& from, std::uint32_t holder, range tail) noexcept;
  holder_line* assign_line(open_sequence& from, std::uint32_t holder) noexcept;

  // ---- durable_tiers.cpp
  result<block> hand_down(open_sequence& from, const block_request& asked) noexcept;

  // ---- closing.cpp
  result<void> close();

  std::uint64_t open_epoch() const noexcept { return open_epoch_; }
  bool live() const noexcept { return static_cast<bool>(live_); }
  const std::string& live_refusal() const noexcept { return live_refusal_; }
  bool in_owner_process() const noexcept;

 private:
  using page_list = std::vector<page_store::pair*>;

  // What is asked of either kind of sequence, in one shape.
  struct wishes {
    bool blocks = false;
    bool create = false;
    bool unordered = false;
    std::optional<durability> how;
    std::optional<sequence> start, maximum;
    std::optional<std::uint64_t> max_gap, block, max_block;
    const sequencer::tiers* tiers = nullptr;
    std::uint64_t cpus = 0;  // that will have a block each

    // What tiers hold, and the largest block that is asked of the reservation.
    std::uint64_t in_tiers() const noexcept { return tiers ? tiers->held_bound() : 0; }
    std::uint64_t largest(std::uint64_t of_handles) const noexcept {
      return std::max(of_handles, tiers ? tiers->source_block() : 0);
    }
  };

  // sequences.cpp; commit_ held
  result<open_sequence*> open_strict(std::string_view name, const sequence_options& asked);
  result<open_sequence*> open_by_name(std::string_view name, const wishes& asked);
  // Where a record is; a type of its own, because a bare integer result means a number here.
  struct record_place {
    std::size_t at;
  };
  std::optional<std::size_t> find(std::string_view name);
  std::string name_at(std::size_t place);
  result<record_place> create_record(std::string_view name, const wishes& asked);
  result<record_place> add_record(std::string_view name, format::record made);
  errc write_as_version(std::uint32_t wanted) noexcept;
  errc spend_epochs(std::uint64_t last) noexcept;
  result<void> check_name(std::string_view name) const;
  result<record_place> free_place(std::size_t records);
  result<void> agree(std::string_view name, std::size_t place, const wishes& asked);
  result<void> grow_file(std::size_t page);
  void index(std::size_t place);
  result<void> check_bounds(std::string_view name, const wishes& asked) const;
  result<void> make_cache(std::string_view name, open_sequence& of, const tiers* asked);
  void drop_tiers(open_sequence& of);
  ticket_line* tickets_for(std::size_t place, sequence next);
  template <class Line>
  Line* new_line();
  error fenced_on_this_boot(std::string_view name) const;
  sequence_status status_of(std::size_t place);

  // named_sequences.cpp
  struct named_move {
    named_rules rules;
    named_state at;
    std::uint64_t max_gap = 0;
  };
  result<open_sequence*> ordinals_at(std::size_t place);
  result<void> move_named(open_named& of, named_move& next,
                          const std::function<std::string(named_move&)>& change);
  result<void> write_order(open_named& of, const named_rules& rules, const named_anchor& anchor,
                           std::uint64_t max_gap, bool voids);
  result<range> take_ordinals(open_named& of, std::uint64_t n) noexcept;

  // adoption.cpp; commit_ held
  result<void> load_damaged();
  void drop_live_region();
  void raise_to_floor(sequence floor);
  file_image image_of_file();

  // recovery.cpp; commit_ held
  result<void> recover(const std::string& asked_path);
  result<void> check_storage();
  result<void> check_owner_identity();
  result<void> take_lock();
  result<void> attach_live_region();
  bool can_resume();
  errc secure_header() noexcept;
  errc repeat_records() noexcept;
  result<void> begin_epoch();
  void list_live_blocks();
  result<void> repair_pair(std::size_t index);
  struct continuation {
    sequence next = 0;
    bool from_live = false;
    sequence counted_from = 0;  // from_live: what happened below, the region does not know
    std::vector<hole> lost;
  };
  continuation resolve(std::size_t place);
  void settle_holes(const format::record& of, const continuation& to);  // ledger.cpp
  void resolve_blocks(const format::record& of, const ticket_line& tickets, continuation& to);
  result<open_sequence*> prepare(std::size_t place, bool unordered);
  void start(open_sequence& of) noexcept;
  void forget_live_blocks(std::uint64_t id) noexcept;
  bool was_active(const format::record& of) const noexcept;
  bool refused_on_this_boot(const format::record& of) const noexcept;

  // commit.cpp; commit_ held
  errc check_identity() noexcept;
  void check_content_identity() noexcept;
  bool serve(const std::vector<open_sequence*>& asking) noexcept;
  struct raise {
    open_sequence* of;
    sequence mark;
  };
  std::vector<raise> plan_all(const std::vector<open_sequence*>& asking) noexcept;
  std::optional<sequence> plan(open_sequence& of) noexcept;
  void adapt_window(open_sequence& of, sequence position) noexcept;
  static void follow_callers(open_sequence& of, std::uint64_t step) noexcept;
  errc widen_steps(const std::vector<raise>& raises) noexcept;
  void note_mark(open_sequence& of, sequence mark) noexcept;
  void count_lag(open_sequence& of) noexcept;
  errc write(page_list pages, bool never_sync,
             const std::function<void()>& meanwhile = {}) noexcept;
  void fail_write(int os_error) noexcept;
  errc write_both(page_list pages) noexcept;
  void add_ledger(page_list& pages);
  errc write_ledger() noexcept;
  void ledger_is_written() noexcept;
  void fail(errc why, const std::string& sentence) noexcept;
  void publish_figures() noexcept;
  template <class Visit>
  void visit_blocks(open_sequence& of, Visit visit) noexcept;
  void note_progress(open_sequence& of, format::record& to) noexcept;
  page_store::pair& pair_of(std::size_t place) noexcept {
    return pages_.records(place / format::records_per_page);
  }
  std::vector<open_sequence*> take_requests() noexcept;

  holder_line* assign_line_locked(open_sequence& from, std::uint32_t holder) noexcept;

  // durable_source.cpp; the sequence's refill lock held
  std::optional<range> reuse_tail(open_sequence& from, const block_request& asked) noexcept;
  result<range> carve(open_sequence& from, holder_line& to, std::uint64_t n) noexcept;
  bool put_back_on_top(open_sequence& from, holder_line& line, range tail) noexcept;
  bool put_back_in_pool(open_sequence& from, holder_line& line, range tail) noexcept;
  void set_intent(open_sequence& of, const holder_line& line, int kind, range moved) noexcept;
  static void clear_intent(open_sequence& of) noexcept;

  // closing.cpp; commit_ held
  void stop_blocks(open_sequence& of);
  void finish_record(open_sequence& of);
  void confirm_rest() noexcept;
  page_list finish_untouched();

  // ledger, commit_ held (ledger.cpp)
  void add_hole(std::uint64_t id, const hole& lost);
  void load_ledger();
  void encode_ledger();  // into the pages' images
  errc make_room() noexcept;
  std::vector<hole> holes_of(const format::record& of) const;

  error fatal(errc code) const;

  const std::string path_;
  const checkpoint_options options_;
  os& system_;
  std::string real_path_;
  std::string boot_id_;
  std::uint64_t boot_tag_ = 0;
  file_lock file_;
  page_store pages_;
  std::uint64_t open_epoch_ = 0;
  struct ::stat identity_ {};
  live_region live_;
  bool live_trusted_ = false;  // it was there when this process opened the file
  bool resumes_ = false;  // opening: go on under the marks that were found
  std::unordered_multimap<std::uint64_t, std::size_t> live_blocks_;  // record id -> holder line
  std::string live_refusal_;
  std::mutex commit_;
  errc failed_ = {};
  int failed_errno_ = 0;
  std::string failed_text_;
  bool closed_ = false;
  std::unordered_map<std::string_view, std::size_t> index_;
  std::deque<std::string> index_names_;
  bool indexed_ = false;
  int lookups_ = 0;
  std::size_t used_records_ = 0;
  std::size_t full_pages_ = 0;  // pages below have no free record
  std::deque<open_sequence> open_;
  std::unordered_map<std::size_t, open_sequence*> open_by_place_;
  std::deque<open_mark> open_marks_;
  std::deque<open_named> named_;
  std::unordered_map<std::size_t, open_named*> named_by_place_;
  std::vector<std::uint8_t> repaired_;  // by pair: both copies were sound, or have been mended
  format::bytes16 nonce_on_disk_{};
  format::bytes16 next_nonce_{};
  std::vector<private_arena> line_arenas_;
  std::size_t lines_left_ = 0;
  limit_line* owner_mark_ = nullptr;  // alive in the owner, zero in a forked child
  std::vector<private_arena> ticket_arenas_;
  std::deque<holder_line> private_holders_;
  std::vector<holder_line*> free_holders_;
  std::size_t live_holders_ = 0;

  struct ledger_of {
    std::uint64_t id;
    hole_ledger holes{format::ledger_capacity};
  };
  std::deque<ledger_of> ledgers_;
  bool ledger_changed_ = false;
  std::vector<holder_line*> ended_holders_;  // free once the ledger that lists them is written

  live_figures own_figures_{};
  atomic<reservation*> requests_{nullptr};
  int keeper_trouble_ = 0;  // an error number: why its thread did not start
  keeper keeper_;  // last: its thread uses all of the above
};

// One more line of memory that a forked child finds zeroed; nullptr where the kernel refuses.
template <class Line>
Line* checkpoint_state::new_line() {
  static_assert(sizeof(Line) == interference_size);
  if (lines_left_ == 0) {
    auto arena = private_arena::make(1);
    if (!arena) return nullptr;
    lines_left_ = arena.size() / sizeof(Line);
    line_arenas_.push_back(std::move(arena));
  }
  const auto& arena = line_arenas_.back();
  const auto at = arena.size() - lines_left_ * sizeof(Line);
  --lines_left_;
  return new (static_cast<char*>(arena.data()) + at) Line;
}

}  // namespace sequencer::detail
