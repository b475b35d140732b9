// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include <sequencer/graph.hpp>

#include "../shared/directory.hpp"
#include "../shared/orderly_end.hpp"
#include "../shared/progress.hpp"
#include "../shared/trouble.hpp"
#include "feed.hpp"
#include "files.hpp"
#include "gateway.hpp"
#include "latency.hpp"
#include "mend.hpp"
#include "records.hpp"
#include "rings.hpp"
#include "stages.hpp"
#include "tally.hpp"

namespace examples::exchange {

namespace {

using clock = std::chrono::steady_clock;
using sequencer::wait::park;

// The way out: from the book into the file of trades, behind what is there.
class outlet {
 public:
  explicit outlet(const files& in)
      : trades_(in.trades), published_(cut_torn_tail()), ring_(reports_in_ring, published_),
        flow_(start()) {}

  matcher make_matcher() { return {or_trouble(flow_.producer<park>()), published_}; }
  std::uint64_t published() const noexcept { return published_; }
  const latency& spans() const noexcept { return spans_; }

  // Everything that was said is in the file. Throws trouble where that is not so.
  void end() {
    const auto done = flow_.drain();
    trades_.check();
    or_trouble(done);
  }

 private:
  std::uint64_t cut_torn_tail() {
    const records<report> there(trades_.path());
    trades_.cut(there.good().size_bytes());
    return there.good().size();
  }

  sequencer::flow<report_ring> start() {
    sequencer::graph plan{ring_};
    plan.add<park>("publish", publisher(trades_, spans_));
    return or_trouble(std::move(plan).start());
  }

  append_file trades_;
  std::uint64_t published_;
  latency spans_;
  report_ring ring_;
  sequencer::flow<report_ring> flow_;
};

// What a journal says about how far everybody was.
struct position {
  std::uint64_t number = 0;  // of the last order
  orders_by_gateway own;
};

// Hands a journal to a book, which says what is not published yet.
position replay(const append_file& journal, std::uint64_t orders, matcher& book, outlet& out) {
  position at;
  const records<order> whole(journal.path(), orders);
  for (const auto& each : whole.good()) {
    if (!book.apply(each, 0)) out.end();  // which knows why
    at.number = each.number;
    at.own[each.gateway] = each.own;
  }
  return at;
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
                                    const position& at) {
  auto numbers = or_trouble(file.order(orders_name, {.create = true}));
  if (numbers.position() > at.number) return numbers;
  throw trouble(fmt::format("{0}: would go on at {1}, but the journal has orders up to {2}; say "
                            "`sequencer adopt {0} --floor {3}`",
                            in.checkpoint.string(), numbers.position(), at.number, at.number + 1));
}

// The way in: journal and replica side by side, the book behind both.
class inlet {
 public:
  inlet(sequencer::durable_order numbers, append_file& journal, append_file& replica, matcher book)
      : journal_(journal), replica_(replica), ring_(orders_in_ring, std::move(numbers)),
        flow_(start(std::move(book))) {}

  order_ring& ring() noexcept { return ring_; }

  // Everything that was sent is accepted. Fails: closed, when a stage did not go on. Throws trouble
  // where one of these knows why.
  sequencer::result<void> end() {
    const auto done = flow_.drain();
    journal_.check();
    replica_.check();
    return done;
  }

 private:
  sequencer::flow<order_ring> start(matcher book) {
    sequencer::graph plan{ring_};
    const auto journal = plan.add<park>("journal", recorder(journal_));
    const auto replica = plan.add<park>("replica", recorder(replica_));
    plan.add<park>("book", std::move(book), {journal, replica});
    return or_trouble(std::move(plan).start());
  }

  append_file& journal_;
  append_file& replica_;
  order_ring ring_;
  sequencer::flow<order_ring> flow_;
};

tally make_tally(const files& in, const run_options& options, const sequencer::checkpoint& file,
                 const mended& found, const position& at, sequencer::sequence first) {
  run_facts facts{};
  facts.epoch = file.open_epoch();
  facts.threads = options.gateways;
  facts.first = first;
  facts.orders = found.orders;
  facts.dropped = found.dropped;
  facts.live = file.live();
  auto made = tally::create(tally_path(in.directory, facts.epoch), facts);
  for (const auto& [gateway, own] : at.own) {
    if (gateway >= options.gateways) continue;
    made.threads()[gateway].sent = own;
    made.threads()[gateway].acknowledged = own;
  }
  return made;
}

std::uint64_t sent_of(const tally& count) {
  std::uint64_t all = 0;
  for (const auto& each : count.threads()) all += each.sent;
  return all;
}

std::chrono::nanoseconds every(const run_options& options) {
  if (options.rate == 0) return std::chrono::nanoseconds(0);
  return std::chrono::nanoseconds(std::chrono::seconds(options.gateways)) / options.rate;
}

// Sends until there is nothing to send or the end is asked for; how many were sent.
std::uint64_t send(const run_options& options, market& in, std::uint64_t total, const tally& count,
                   const orderly_end& end) {
  const auto before = sent_of(count);
  std::vector<gateway> gateways;
  for (std::size_t i = 0; i < options.gateways; ++i) {
    const auto share = total / options.gateways + (i < total % options.gateways);
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
  return sent_of(count) - before;
}

double ms(double ns) { return ns / 1e6; }

void print(const run_facts& facts, std::uint64_t sent, double seconds, const latency& spans) {
  fmt::print("run {}: {} orders recovered in {:.1f} ms; ", facts.epoch, facts.orders,
             ms(static_cast<double>(facts.recovery_ns)));
  if (sent == 0) return fmt::print("no order is left to send\n");
  fmt::print("from number {} on {} orders accepted in {:.2f} s, {:.0f} a second\n", facts.first,
             sent, seconds, static_cast<double>(sent) / seconds);
  if (spans.count() == 0) return;
  fmt::print("gateway to publisher, ms: p50 {:.2f}, p90 {:.2f}, p99 {:.2f}, p99.9 {:.2f}, "
             "max {:.2f}\n", ms(spans.quantile(0.5)), ms(spans.quantile(0.9)),
             ms(spans.quantile(0.99)), ms(spans.quantile(0.999)),
             ms(static_cast<double>(spans.most())));
}

}  // namespace

void run(const run_options& options) {
  const auto began = clock::now();
  const orderly_end end;
  const auto orders = options.input.empty() ? feed(options.seed)
                                            : feed(options.input, options.seed);
  const auto total = options.orders == 0 ? orders.once(options.gateways) : options.orders;
  prepare_directory(options.directory);
  const files in(options.directory);
  auto file = or_trouble(sequencer::checkpoint::open(in.checkpoint, {.create = true,
                                                                     .live = options.live}));
  append_file journal(in.journal);
  append_file replica(in.replica);
  const auto found = mend(journal, replica, acknowledged_in(tallies_in(in.directory)));
  outlet out(in);
  auto book = out.make_matcher();
  const auto at = replay(journal, found.orders, book, out);
  refuse_surplus(in, book, out.published());
  auto numbers = numbers_of(file, in, at);
  auto count = make_tally(in, options, file, found, at, numbers.position());
  sync_directory(options.directory);
  book.attend(count);
  inlet way_in(std::move(numbers), journal, replica, std::move(book));
  const auto recovered = clock::now();
  count.facts().recovery_ns = static_cast<std::uint64_t>((recovered - began) /
                                                         std::chrono::nanoseconds(1));
  market market{orders, way_in.ring(), options.gateways, every(options)};
  const auto sent = send(options, market, total, count, end);
  const auto accepted = way_in.end();
  out.end();
  or_trouble(accepted);
  const std::chrono::duration<double> spent = clock::now() - recovered;
  count.facts().ended = 1;
  or_trouble(file.close());
  if (!options.quiet) print(count.facts(), sent, spent.count(), out.spans());
}

}  // namespace examples::exchange
