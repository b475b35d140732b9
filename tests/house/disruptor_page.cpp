// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// docs/disruptor.md against the Disruptor's classes and our headers.

#include <algorithm>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <sstream>

#include "laws.hpp"

namespace house {
namespace {

constexpr std::string_view page_path = "docs/disruptor.md";

// A class of LMAX's Disruptor 4.0 and what a user can call of it, constants of enumerations too.
struct theirs {
  std::string_view name;
  std::string_view methods;
};

constexpr theirs classes[] = {
    // com.lmax.disruptor
    {"AbstractSequencer",
     "getCursor getBufferSize addGatingSequences removeGatingSequence getMinimumSequence "
     "newBarrier newPoller toString"},
    {"AggregateEventHandler", "onEvent onStart onShutdown"},
    {"AlertException", "INSTANCE fillInStackTrace"},
    {"BatchEventProcessor", "getSequence halt isRunning run setExceptionHandler"},
    {"BatchEventProcessorBuilder", "setMaxBatchSize build"},
    {"BatchRewindStrategy", "handleRewindException"},
    {"BlockingWaitStrategy", "waitFor signalAllWhenBlocking toString"},
    {"BusySpinWaitStrategy", "waitFor signalAllWhenBlocking"},
    {"Cursored", "getCursor"},
    {"DataProvider", "get"},
    {"EventFactory", "newInstance"},
    {"EventHandler", "onEvent setSequenceCallback"},
    {"EventHandlerBase", "onEvent onBatchStart onStart onShutdown onTimeout"},
    {"EventHandlerIdentity", ""},
    {"EventPoller", "poll getSequence newInstance"},
    {"EventPoller.Handler", "onEvent"},
    {"EventPoller.PollState", "PROCESSING GATING IDLE"},
    {"EventProcessor", "getSequence halt isRunning run"},
    {"EventSequencer", ""},
    {"EventSink", "publishEvent tryPublishEvent publishEvents tryPublishEvents"},
    {"EventTranslator", "translateTo"},
    {"EventTranslatorOneArg", "translateTo"},
    {"EventTranslatorThreeArg", "translateTo"},
    {"EventTranslatorTwoArg", "translateTo"},
    {"EventTranslatorVararg", "translateTo"},
    {"EventuallyGiveUpBatchRewindStrategy", "handleRewindException"},
    {"ExceptionHandler",
     "handleEventException handleOnStartException handleOnShutdownException"},
    {"ExceptionHandlers", "defaultHandler"},
    {"FatalExceptionHandler",
     "handleEventException handleOnStartException handleOnShutdownException"},
    {"FixedSequenceGroup", "get set compareAndSet incrementAndGet addAndGet toString"},
    {"IgnoreExceptionHandler",
     "handleEventException handleOnStartException handleOnShutdownException"},
    {"InsufficientCapacityException", "INSTANCE fillInStackTrace"},
    {"LiteBlockingWaitStrategy", "waitFor signalAllWhenBlocking toString"},
    {"LiteTimeoutBlockingWaitStrategy", "waitFor signalAllWhenBlocking toString"},
    {"MultiProducerSequencer",
     "hasAvailableCapacity claim next tryNext remainingCapacity publish isAvailable "
     "getHighestPublishedSequence toString"},
    {"NanosecondPauseBatchRewindStrategy", "handleRewindException"},
    {"NoOpEventProcessor", "getSequence halt isRunning run"},
    {"PhasedBackoffWaitStrategy",
     "withLock withLiteLock withSleep waitFor signalAllWhenBlocking"},
    {"ProcessingSequenceBarrier",
     "waitFor getCursor isAlerted alert clearAlert checkAlert"},
    {"RewindAction", "REWIND THROW"},
    {"RewindHandler", "attemptRewindGetNextSequence"},
    {"RewindableEventHandler", "onEvent"},
    {"RewindableException", ""},
    {"RingBuffer",
     "createSingleProducer createMultiProducer create get next tryNext claimAndGetPreallocated "
     "isAvailable addGatingSequences getMinimumGatingSequence removeGatingSequence newBarrier "
     "newPoller getCursor getBufferSize hasAvailableCapacity publishEvent tryPublishEvent "
     "publishEvents tryPublishEvents publish remainingCapacity toString"},
    {"Sequence",
     "get set setVolatile compareAndSet incrementAndGet addAndGet getAndAdd toString"},
    {"SequenceBarrier", "waitFor getCursor isAlerted alert clearAlert checkAlert"},
    {"SequenceGroup", "get set add remove size addWhileRunning"},
    {"SequenceGroups", ""},
    {"Sequenced",
     "getBufferSize hasAvailableCapacity remainingCapacity next tryNext publish"},
    {"Sequencer",
     "claim isAvailable addGatingSequences removeGatingSequence newBarrier getMinimumSequence "
     "getHighestPublishedSequence newPoller"},
    {"SimpleBatchRewindStrategy", "handleRewindException"},
    {"SingleProducerSequencer",
     "hasAvailableCapacity next tryNext remainingCapacity claim publish isAvailable "
     "getHighestPublishedSequence toString"},
    {"SleepingWaitStrategy", "waitFor signalAllWhenBlocking"},
    {"TimeoutBlockingWaitStrategy", "waitFor signalAllWhenBlocking toString"},
    {"TimeoutException", "INSTANCE fillInStackTrace"},
    {"WaitStrategy", "waitFor signalAllWhenBlocking"},
    {"YieldingWaitStrategy", "waitFor signalAllWhenBlocking"},
    // com.lmax.disruptor.dsl
    {"ConsumerInfo",
     "getSequences getBarrier isEndOfChain start halt markAsUsedInBarrier isRunning"},
    {"ConsumerRepository",
     "add startAll haltAll hasBacklog getEventProcessorFor getSequenceFor getBarrierFor "
     "unMarkEventProcessorsAsEndOfChain"},
    {"Disruptor",
     "handleEventsWith handleExceptionsWith setDefaultExceptionHandler handleExceptionsFor after "
     "publishEvent publishEvents start hasStarted halt shutdown getRingBuffer getCursor "
     "getBufferSize get getBarrierFor getSequenceValueFor toString"},
    {"EventHandlerGroup", "and then handleEventsWith asSequenceBarrier"},
    {"EventProcessorFactory", "createEventProcessor"},
    {"EventProcessorInfo",
     "getEventProcessor getSequences getBarrier isEndOfChain start halt markAsUsedInBarrier "
     "isRunning"},
    {"ExceptionHandlerSetting", "with"},
    {"ExceptionHandlerWrapper",
     "switchTo handleEventException handleOnStartException handleOnShutdownException"},
    {"ProducerType", "SINGLE MULTI"},
    // com.lmax.disruptor.util
    {"DaemonThreadFactory", "INSTANCE newThread"},
    {"ThreadHints", "onSpinWait"},
    {"Util", "ceilingNextPowerOfTwo getMinimumSequence getSequencesFor log2 awaitNanos"},
};

// ---- the page

struct row {
  std::size_t line;
  std::string theirs, ours, why;
};

std::string trimmed(std::string text) {
  text.erase(0, text.find_first_not_of(' '));
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::optional<row> row_of(const std::string& text, std::size_t line) {
  static const std::regex form(R"(\|([^|]*)\|([^|]*)\|([^|]*)\|)");
  std::smatch cells;
  if (!std::regex_match(text, cells, form) || text.starts_with("| ---")) return std::nullopt;
  row made{line, trimmed(cells[1]), trimmed(cells[2]), trimmed(cells[3])};
  if (made.ours == "here") return std::nullopt;
  return made;
}

std::string code_in(const std::string& cell) {
  static const std::regex form("`([^`]*)`");
  std::string all;
  for (std::sregex_iterator at(cell.begin(), cell.end(), form), end; at != end; ++at) {
    all += (*at)[1].str() + ' ';
  }
  return all;
}

std::vector<std::string> words_of(const std::string& text, const char* form) {
  const std::regex word(form);
  std::vector<std::string> all;
  for (std::sregex_iterator at(text.begin(), text.end(), word), end; at != end; ++at) {
    all.push_back(at->str());
  }
  return all;
}

// What the first column says, by class: "`A`, `B`: `f()`, `g()`" names f and g of A and of B.
using contents = std::map<std::string, std::string>;

void note(contents& all, const row& at) {
  const auto colon = std::min(at.theirs.find("`:"), at.theirs.find("):"));
  const auto head = at.theirs.substr(0, colon == std::string::npos ? colon : colon + 1);
  const auto rest = colon == std::string::npos ? "" : at.theirs.substr(colon + 2);
  for (const auto& name : words_of(code_in(head), "[\\w.]+")) all[name] += code_in(rest);
}

void miss_what_is_not_named(const contents& said, findings& broken) {
  for (const auto& each : classes) {
    const auto at = said.find(std::string(each.name));
    if (at == said.end()) {
      broken.push_back({std::string(page_path), 1, std::string(each.name) + " has no row"});
      continue;
    }
    std::istringstream methods{std::string(each.methods)};
    for (std::string method; methods >> method;) {
      if (!find_word(at->second, method).empty()) continue;
      broken.push_back({std::string(page_path), 1,
                        std::string(each.name) + "." + method + " is in none of its rows"});
    }
  }
}

std::set<std::string> names_of_ours(const tree& all) {
  std::set<std::string> names;
  for (const auto& file : all) {
    if (!file.in("include/sequencer/")) continue;
    for (auto& word : words_of(file.code(), "[A-Za-z_]\\w*")) names.insert(std::move(word));
  }
  return names;
}

}  // namespace

findings disruptor_page(const tree& all) {
  const auto page = std::find_if(all.begin(), all.end(),
                                 [](const source& each) { return each.path == page_path; });
  if (page == all.end()) return {{std::string(page_path), 1, "is not there"}};
  const auto ours = names_of_ours(all);
  findings broken;
  contents said;
  for (std::size_t i = 0; i < page->lines.size(); ++i) {
    const auto at = row_of(page->lines[i].text, i + 1);
    if (!at) continue;
    note(said, *at);
    for (const auto& word : words_of(code_in(at->ours), "[A-Za-z_]\\w*")) {
      if (ours.contains(word)) continue;
      broken.push_back({page->path, at->line, word + " is in none of our headers"});
    }
    const bool says_nothing = at->ours.empty() || at->ours == "-";
    if (says_nothing && at->why.empty()) {
      broken.push_back({page->path, at->line, "nothing stands for it, and no reason is given"});
    }
  }
  miss_what_is_not_named(said, broken);
  return broken;
}

}  // namespace house
