// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
//
// What publishing costs where there is room and nobody sleeps, from the machine code: no fence, no
// system call, and for an event at a time no call; of many producers one locked instruction. Each
// instruction that is executed between the entry of a function and its return is noted, by single
// steps, and looked up in what objdump makes of this program. So it does not matter where the
// compiler has put what is rare.

#include <gtest/gtest.h>

#include <cstdint>

#if defined(__x86_64__)
#include <signal.h>
#include <ucontext.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdio>
#include <map>
#include <regex>
#include <string>
#include <utility>

#include <sequencer/ring.hpp>

namespace {

using namespace sequencer;

// A ring of one function's own: of what many places call a compiler makes one copy and calls it.
template <class Producers, class How, int Which>
struct line {
  struct event {
    std::uint64_t value = 0;
  };
  using ring_type = ring<event, Producers>;
  ring_type of{64};
  poller<ring_type> in = *of.join();
  producer<ring_type, How> out = *of.template make_producer<How>();

  void publish() {
    static_cast<void>(out.publish([](event& e) { e.value = 7; }));
  }
  void publish_four() {
    static_cast<void>(out.publish(4, [](event& e, std::uint64_t i) { e.value = i; }));
  }
  void claim() {
    auto mine = out.claim();
    mine[0].value = 7;
    std::move(mine).publish();
  }
};
template <int Which>
using one_spins = line<producers::one, wait::spin, Which>;
template <int Which>
using one_parks = line<producers::one, wait::park, Which>;
template <int Which>
using many_spin = line<producers::many, wait::spin, Which>;
template <int Which>
using many_park = line<producers::many, wait::park, Which>;

std::atomic<std::uint64_t> elsewhere{0};

}  // namespace

// By these names they are found in the disassembly.
extern "C" {
[[gnu::noinline]] void one_spins_publishes(one_spins<0>& at) { at.publish(); }
[[gnu::noinline]] void one_parks_publishes(one_parks<0>& at) { at.publish(); }
[[gnu::noinline]] void one_publishes_four(one_parks<1>& at) { at.publish_four(); }
[[gnu::noinline]] void one_claims(one_parks<2>& at) { at.claim(); }
[[gnu::noinline]] void many_spin_publish(many_spin<0>& at) { at.publish(); }
[[gnu::noinline]] void many_park_publish(many_park<0>& at) { at.publish(); }
[[gnu::noinline]] void many_publish_four(many_park<1>& at) { at.publish_four(); }
[[gnu::noinline]] void many_claim(many_park<2>& at) { at.claim(); }

// What the test must see.
[[gnu::noinline]] void one_with_a_fence(one_parks<3>& at) {
  at.publish();
  std::atomic_thread_fence(std::memory_order_seq_cst);
}
[[gnu::noinline]] void one_with_an_exchange(one_parks<4>& at) {
  elsewhere.store(1, std::memory_order_seq_cst);
  at.publish();
}
[[gnu::noinline]] void one_with_an_addition(one_parks<5>& at) {
  elsewhere.fetch_add(1, std::memory_order_relaxed);
  at.publish();
}
[[gnu::noinline]] void one_with_a_call(one_parks<0>& at) {
  one_parks_publishes(at);
  elsewhere.store(1, std::memory_order_relaxed);
}
[[gnu::noinline]] void one_that_ends_in_a_jump(one_parks<0>& at) { one_parks_publishes(at); }
}

namespace {

// ---- single steps

// Written by the handler of the trap, which comes before each instruction.
struct walk {
  std::uintptr_t entry = 0;
  std::uintptr_t stack = 0;  // at the entry
  bool inside = false;
  std::size_t count = 0;
  std::array<std::uintptr_t, 4096> at{};
};
walk steps;
constexpr greg_t trap_flag = 0x100;

void note_step(int, siginfo_t*, void* context) {
  auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto here = static_cast<std::uintptr_t>(registers[REG_RIP]);
  const auto stack = static_cast<std::uintptr_t>(registers[REG_RSP]);
  if (!steps.inside && here == steps.entry) {
    steps.inside = true;
    steps.stack = stack;
  }
  if (!steps.inside) return;
  if (stack > steps.stack || steps.count == steps.at.size()) {
    steps.inside = false;
    registers[REG_EFL] &= ~trap_flag;
    return;
  }
  steps.at[steps.count++] = here;
}

template <class Line>
void walk_through(void (*what)(Line&)) {
  Line on;
  what(on);  // the first claim looks how much room there is
  steps = {};
  steps.entry = reinterpret_cast<std::uintptr_t>(what);
  struct sigaction how {};
  struct sigaction before {};
  how.sa_sigaction = note_step;
  how.sa_flags = SA_SIGINFO;
  ::sigaction(SIGTRAP, &how, &before);
  // Below the red zone of whatever this was inlined into.
  asm volatile(
      "lea -128(%%rsp), %%rsp\n\tpushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tlea 128(%%rsp), %%rsp"
      :
      :
      : "memory", "cc");
  what(on);
  ::sigaction(SIGTRAP, &before, nullptr);
}

// ---- the disassembly

struct instruction {
  std::string in;  // which function
  std::string text;
};

struct listing {
  std::map<std::uintptr_t, instruction> at;
  std::map<std::string, std::uintptr_t> entries;
};

// Empty without objdump.
listing disassemble() {
  listing all;
  auto* from = ::popen("objdump -d --no-show-raw-insn /proc/$PPID/exe 2>/dev/null", "r");
  if (from == nullptr) return all;
  std::string function;
  std::array<char, 1024> line{};
  while (std::fgets(line.data(), line.size(), from) != nullptr) {
    unsigned long long address = 0;
    std::array<char, 512> rest{};
    if (std::sscanf(line.data(), "%llx <%511[^>]>:", &address, rest.data()) == 2) {
      function = rest.data();
      all.entries[function] = address;
    } else if (std::sscanf(line.data(), " %llx: %511[^\n]", &address, rest.data()) == 2) {
      all.at[address] = {function, rest.data()};
    }
  }
  ::pclose(from);
  return all;
}

// Of what was executed.
struct bill {
  int instructions = 0;
  int locked = 0;  // fences too: they cost the same
  int calls = 0;   // and whatever else was done outside the function
  std::string what;
};

bool is_locked(const std::string& text) {
  static const std::regex locks(R"(\block\b|\b[mls]fence\b|\bxchg\b.*(\(|,0x|\s0x))");
  return std::regex_search(text, locks);
}
bool is_call(const std::string& text) {
  static const std::regex calls(R"(^\W*(\w+ )?(l?call|syscall|sysenter|int)[qw3]?\b)");
  return std::regex_search(text, calls);
}

bill charge(const listing& of, const std::string& function) {
  bill all;
  const auto entry = of.entries.at(function);
  bool inside = true;
  for (std::size_t i = 0; i < steps.count; ++i) {
    const auto found = of.at.find(steps.at[i] - steps.entry + entry);
    const auto here = found == of.at.end() ? instruction{"?", "?"} : found->second;
    const bool mine = here.in == function || here.in == function + ".cold";
    ++all.instructions;
    all.locked += is_locked(here.text);
    all.calls += is_call(here.text) || (inside && !mine && !all.what.ends_with("call\n"));
    inside = mine;
    all.what += here.in + ": " + here.text + (is_call(here.text) ? "  call\n" : "\n");
  }
  return all;
}

class publishing : public testing::Test {
 protected:
  static void SetUpTestSuite() { listed() = disassemble(); }
  static void TearDownTestSuite() { listed() = {}; }
  void SetUp() override {
#ifdef SEQUENCER_COVERAGE
    GTEST_SKIP() << "what counts the lines is locked itself";
#endif
    if (listed().at.empty()) GTEST_SKIP() << "there is no objdump";
  }

  // Of functions of the library that a compiler may leave where they are: it is followed there.
  static constexpr int any = -1;

  template <class Line>
  static void expect(const char* name, void (*what)(Line&), int locked, int calls = any) {
    walk_through(what);
    ASSERT_TRUE(listed().entries.contains(name)) << name;
    const auto all = charge(listed(), name);
    EXPECT_EQ(all.locked, locked) << name << ", locked or fencing:\n" << all.what;
    if (calls != any) {
      EXPECT_EQ(all.calls, calls) << name << ", calls:\n" << all.what;
    }
    EXPECT_GT(all.instructions, 8) << name << " was not followed:\n" << all.what;
    std::printf("%-24s %3d instructions, %d locked, %d calls\n", name, all.instructions,
                all.locked, all.calls);
  }

 private:
  static listing& listed() {
    static listing all;
    return all;
  }
};

TEST_F(publishing, ByOneNeitherFencesNorCalls) {
  expect("one_spins_publishes", one_spins_publishes, 0, 0);
  expect("one_parks_publishes", one_parks_publishes, 0, 0);
  expect("one_publishes_four", one_publishes_four, 0);
  expect("one_claims", one_claims, 0);
}

TEST_F(publishing, ByManyTakesOneLockedInstruction) {
  expect("many_spin_publish", many_spin_publish, 1, 0);
  expect("many_park_publish", many_park_publish, 1, 0);
  expect("many_publish_four", many_publish_four, 1);
  expect("many_claim", many_claim, 1);
}

TEST_F(publishing, OfOtherKindsIsSeen) {
  expect("one_with_a_fence", one_with_a_fence, 1, 0);
  expect("one_with_an_exchange", one_with_an_exchange, 1, 0);
  expect("one_with_an_addition", one_with_an_addition, 1, 0);
  expect("one_with_a_call", one_with_a_call, 0, 1);
  expect("one_that_ends_in_a_jump", one_that_ends_in_a_jump, 0, 1);
}

}  // namespace

#else

TEST(publishing, NeitherFencesNorCalls) {
  GTEST_SKIP() << "single steps and the rules for instructions are those of x86-64";
}

#endif
