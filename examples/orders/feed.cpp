// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// A feed whose numbers have holes, over a line that loses records. Each record carries the number
// of the one before (FoundationDB's idea), so its reader asks again for what was lost, and only for
// that.

#include <fmt/format.h>

#include <map>
#include <vector>

#include <sequencer/prev_link.hpp>

namespace {

using sequencer::prev_checker;
using sequencer::prev_link;

// Keeps what it sent, by number.
class sender {
 public:
  prev_link send(std::uint64_t advance) {
    const auto link = link_of(*stamps_.next(advance));
    sent_[link.number] = link;
    return link;
  }
  prev_link again(sequencer::sequence number) const { return sent_.at(number); }

 private:
  sequencer::prev_stamper stamps_;
  std::map<sequencer::sequence, prev_link> sent_;
};

class reader {
 public:
  explicit reader(const sender& from) : from_(&from) {}

  void take(prev_link link) {
    switch (chain_.see(link)) {
      case prev_checker::finding::follows:
        ++taken_;
        fmt::print("{} taken", link.number);
        if (!chain_.hole().empty()) {
          fmt::print("; {} to {} never were", chain_.hole().first, chain_.hole().last - 1);
        }
        fmt::print("\n");
        break;
      case prev_checker::finding::lost: {
        // The last of the missing is a record for certain; it tells of the one before it.
        const auto lost = chain_.missing().last - 1;
        fmt::print("{} came, {} did not: asked for again\n", link.number, lost);
        take(from_->again(lost));
        take(link);
        break;
      }
      case prev_checker::finding::repeated:
        fmt::print("{} was taken before\n", link.number);
        break;
      default:
        fmt::print("{} contradicts what was taken: stop\n", link.number);
    }
  }

  int taken() const { return taken_; }

 private:
  const sender* from_;
  prev_checker chain_;
  int taken_ = 0;
};

}  // namespace

int main() {
  sender from;
  reader to(from);
  std::vector<prev_link> line;
  for (const auto advance : {1u, 1u, 5u, 1u, 1u, 3u, 1u}) line.push_back(from.send(advance));
  for (const auto i : {0u, 1u, 2u, 2u, 5u, 6u}) to.take(line[i]);  // two are lost, one comes twice
  fmt::print("{} of {} records\n", to.taken(), line.size());
  return to.taken() == 7 ? 0 : 1;
}
