// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <memory>

#include "output.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace sequencer::tool {

namespace {

struct create_arguments {
  place at;
  std::string name;
  std::optional<std::uint64_t> block, max_block, max_gap;
  std::optional<sequence> start, maximum;
  std::optional<durability> how;
  bool unordered = false;
};

result<void> make(checkpoint& file, const create_arguments& asked) {
  if (!asked.block) {
    sequence_options options{true, asked.how, asked.start, asked.maximum, asked.max_gap};
    const auto made = file.sequence(asked.name, options);
    return made ? result<void>() : made.failure();
  }
  block_sequence_options options;
  options.create = true;
  options.durability = asked.how;
  options.start = asked.start;
  options.maximum = asked.maximum;
  options.max_gap = asked.max_gap;
  options.block = asked.block;
  options.max_block = asked.max_block;
  options.unordered = asked.unordered;
  const auto made = file.blocks(asked.name, options);
  return made ? result<void>() : made.failure();
}

exit_code refuse_existing(const create_arguments& asked, const sequence_status& there) {
  complain(fmt::format("{}: sequence '{}': exists already ({}, next {}); it stays as it is",
                       asked.at.file, printable(asked.name), kind_text(there),
                       next_text(there)));
  return exit_code::exists;
}

// A file that this call made, and that nobody else ever opened, goes again.
void take_back(checkpoint& file, const create_arguments& asked) {
  const auto all = file.list();
  const bool untouched = file.open_epoch() == 1 && all && all->empty();
  if (untouched && file.close()) ::unlink(asked.at.file.c_str());
}

void tell(const create_arguments& asked, const sequence_status& made, bool fresh) {
  auto line = fmt::format("{}: {}created sequence '{}': {}, durability {}, starts at {}",
                          asked.at.file, fresh ? "new file, " : "", printable(made.name),
                          kind_text(made), name(made.durability), next_text(made));
  if (made.blocks) line += ", block " + block_text(made);
  line += ", max_gap " + grouped(made.max_gap);
  if (made.maximum != top) line += ", maximum " + grouped(made.maximum);
  out().line(line);
}

exit_code create(const create_arguments& asked) {
  if (const auto seen = checkpoint::inspect(asked.at.file, asked.at.options())) {
    const auto* there = find(seen->sequences, asked.name);
    if (there != nullptr) return refuse_existing(asked, *there);
  }
  const bool fresh = ::access(asked.at.file.c_str(), F_OK) != 0;
  auto options = asked.at.options();
  options.create = true;
  auto file = checkpoint::open(asked.at.file, options);
  if (!file) return report(file.failure());
  auto all = file->list();
  if (!all) return report(all.failure());
  if (const auto* there = find(*all, asked.name)) return refuse_existing(asked, *there);
  if (const auto made = make(*file, asked); !made) {
    const auto code = report(made.failure());
    if (fresh) take_back(*file, asked);
    return code;
  }
  all = file->list();
  if (!all) return report(all.failure());
  if (const auto closed = file->close(); !closed) return report(closed.failure());
  if (const auto* made = find(*all, asked.name)) tell(asked, *made, fresh);
  return finish();
}

constexpr const char* create_footer = R"(A sequence is strict (dense, ordered across threads) unless
--block is given: then it is handed out in blocks, one a thread, unique but not ordered
across threads.

Examples:
  sequencer create desk.seq trades
  sequencer create desk.seq orders --start 1000 --maximum 999999999
  sequencer create desk.seq traces --block 4096 --max-block 65536 --max-gap 1048576
  sequencer create desk.seq invoices --durability each

Exits with 4 when the sequence exists already.)";

}  // namespace

void add_create(CLI::App& to, action& chosen) {
  auto asked = std::make_shared<create_arguments>();
  auto* verb = to.add_subcommand("create", "make a sequence, and its file if there is none");
  verb->footer(create_footer);
  add_writable_place(*verb, asked->at);
  verb->add_option("NAME", asked->name, "the sequence: 1 to 255 bytes")
      ->type_name("")
      ->required();
  verb->add_option("--start", asked->start, "first number (default: 1)")
      ->type_name("N")
      ->transform(whole_number(0, top));
  verb->add_option("--maximum", asked->maximum, "last number (default: 2^63 - 1)")
      ->type_name("N")
      ->transform(whole_number(0, top));
  verb->add_option("--max-gap", asked->max_gap,
                   "most numbers that one failure may cost (default: 2^20, at least 2)")
      ->type_name("N")
      ->transform(whole_number(2, top));
  verb->add_option("--durability", asked->how,
                   "ahead: the durable mark runs ahead of issuing (default)\n"
                   "each: every number is on stable storage before it is handed out\n"
                   "memory: no sync, good for one boot")
      ->type_name("ahead|each|memory")
      ->transform(CLI::Transformer(
          std::map<std::string, durability>{{"ahead", durability::ahead},
                                            {"each", durability::each},
                                            {"memory", durability::memory}})
                      .description(""));
  auto* block = verb->add_option("--block", asked->block, "hand out blocks of N numbers")
                    ->type_name("N")
                    ->transform(whole_number(1, std::uint64_t{1} << 32));
  verb->add_option("--max-block", asked->max_block,
                   "let blocks grow to N while they are used up fast (at most max-gap / 2)")
      ->type_name("N")
      ->transform(whole_number(1, std::uint64_t{1} << 32))
      ->needs(block);
  verb->add_flag("--unordered", asked->unordered,
                 "unused ends of blocks may be handed out again below later numbers")
      ->needs(block);
  verb->callback([asked, &chosen] { chosen = [asked] { return create(*asked); }; });
}

}  // namespace sequencer::tool
