// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>

#include "../shared/directory.hpp"
#include "../shared/orderly_end.hpp"
#include "../shared/progress.hpp"
#include "../shared/trouble.hpp"
#include "audit/latency.hpp"
#include "audit/tally.hpp"
#include "disk/append_file.hpp"
#include "disk/files.hpp"
#include "disk/mend.hpp"
#include "disk/records.hpp"
#include "gateway.hpp"
#include "input/feed.hpp"
#include "rings.hpp"
#include "stages.hpp"

namespace examples::exchange {

namespace {

using clock = std::chrono::steady_clock;
using sequencer::wait::park;

// Of the reports that are there whole; what a kill tore off the last one is dropped.
std::uint64_t published_in(append_file& trades) {
  const records<report> there(trades.path());
  trades.cut(there.good().size_bytes());
  return there.good().size();
}

// What a journal says about how far everybody was.
struct position {
  std::uint64_t number = 0;  // of the last order
  orders_by_gateway own;
};

// Hands a journal to a book, which says what is not published yet. False when nobody publishes.
bool replay(const append_file& journal, std::uint64_t orders, matcher& book, position& at) {
  const records<order> whole(journal.path(), orders);
  for (const auto& each : whole.good()) {
    if (!book.apply(each, 0)) return false;
    at.number = each.number;
    at.own[each.gateway] = each.own;
  }
  return true;
}

// What was published comes of what is in the journal.
void refuse_surplus(const files& in, const matcher& book, std::uint64_t published) {
  if (book.told() >= published) return;
  throw trouble(fmt::format("{}: has {} reports, of which the journal explains {}; restore the "
                            "journal", in.trades.string(), published, book.told()));
}

// The right to number orders. It goes on above those in the journal, unless somebody put an older
// checkpoint beside it.
sequencer::durable_order numbers_of(sequencer::checkpoint& file, const files& in,
                                    std::uint64_t last) {
  auto numbers = or_trouble(file.order(orders_name, {.create = true}));
  if (numbers.position() > last) return numbers;
  throw trouble(fmt::format("{0}: would go on at {1}, but the journal has orders up to {2}; say "
                            "`sequencer adopt {0} --floor {3}`",
                            in.checkpoint.string(), numbers.position(), last, last + 1));
}

// Lets the stages handle all there is. Fails: closed, when one of them did not go on. Throws
// trouble where a file of theirs knows why.
template <class Flow>
sequencer::result<void> finish(Flow& stages, std::initializer_list<const append_file*> files) {
  const auto done = stages.drain();
  for (const auto* each : files) each->check();
  return done;
}

// From one order of a gateway to its next.
std::chrono::nanoseconds every(const run_options& options) {
  if (options.rate == 0) return std::chrono::nanoseconds(0);
  return std::chrono::nanoseconds(std::chrono::seconds(options.gateways)) / options.rate;
}

// Sends until there is nothing to send or the end is asked for.
void send(const run_options& options, market& in, std::uint64_t total, const tally& count,
          const orderly_end& end) {
  const auto before = sent_of(count);
  std::vector<gateway> gateways;
  for (std::size_t i = 0; i < in.gateways; ++i) {
    const auto share = total / in.gateways + (i < total % in.gateways);
    gateways.emplace_back(in, i, count.threads()[i].sent + 1, share, count.threads()[i]);
  }
  in.open = gateways.size();
  std::vector<std::jthread> threads;
  for (auto& each : gateways) {
    threads.emplace_back([&] {
      each();
      --in.open;
    });
  }
  progress progress(options.quiet, "orders");
  while (in.open != 0) {
    if (end.asked_within(std::chrono::milliseconds(20))) in.stop = true;
    progress.show(sent_of(count) - before, total - std::min(before, total));
  }
  threads.clear();
  for (const auto& each : gateways) {
    if (!each.why().empty()) throw trouble("taking a number: " + each.why());
  }
}

}  // namespace

void run(const run_options& options) {
  const auto began = clock::now();
  const orderly_end end;
  const auto input = options.input.empty() ? feed(options.seed)
                                           : feed(options.input, options.seed);
  prepare_directory(options.directory);
  const files in(options.directory);
  auto file = or_trouble(sequencer::checkpoint::open(in.checkpoint, {.create = true,
                                                                     .live = options.live}));
  append_file journal(in.journal);
  append_file replica(in.replica);
  append_file trades(in.trades);
  const auto found = mend(journal, replica, acknowledged_in(tallies_in(in.directory)));
  const auto published = published_in(trades);

  // The way out: from the book into the file of trades, behind what is there.
  latency spans;
  report_ring reports(reports_in_ring, published);
  sequencer::graph out{reports};
  out.add<park>("publish", publisher(trades, spans));
  auto way_out = or_trouble(std::move(out).start());

  // The book as it was.
  matcher book(or_trouble(way_out.producer<park>()), published);
  position at;
  const bool whole = replay(journal, found.orders, book, at);
  if (!whole) or_trouble(finish(way_out, {&trades}));  // which knows why
  refuse_surplus(in, book, published);
  auto numbers = numbers_of(file, in, at.number);
  auto count = begin_tally(in.directory, at.own,
                           {.epoch = file.open_epoch(), .threads = options.gateways,
                            .first = numbers.position(), .orders = found.orders,
                            .dropped = found.dropped, .live = file.live()});
  sync_directory(options.directory);
  book.attend(count);

  // The way in: journal and replica side by side, the book behind both.
  order_ring orders(orders_in_ring, std::move(numbers));
  sequencer::graph plan{orders};
  const auto journalled = plan.add<park>("journal", recorder(journal));
  const auto replicated = plan.add<park>("replica", recorder(replica));
  plan.add<park>("book", std::move(book), {journalled, replicated});
  auto way_in = or_trouble(std::move(plan).start());

  const auto recovered = clock::now();
  count.facts().recovery_ns = static_cast<std::uint64_t>((recovered - began) /
                                                         std::chrono::nanoseconds(1));
  const auto before = sent_of(count);
  market market{input, orders, options.gateways, every(options)};
  send(options, market, options.orders == 0 ? input.once(options.gateways) : options.orders,
       count, end);
  const auto accepted = finish(way_in, {&journal, &replica});
  or_trouble(finish(way_out, {&trades}));
  or_trouble(accepted);
  const std::chrono::duration<double> spent = clock::now() - recovered;
  count.facts().ended = 1;
  or_trouble(file.close());
  if (!options.quiet) print(count.facts(), sent_of(count) - before, spent.count(), spans);
}

}  // namespace examples::exchange
