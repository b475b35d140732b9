// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

// The program around the models of one part: runs each under Relacy's random scheduler and under
// its context-bound search, and says what was explored.
//
// What a pass means: no failure in a model that is stronger than C++20 in known ways (no load
// buffering, reads at most two stores behind, modification order as executed).

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <sequencer/detail/atomic.hpp>

// Relacy replaces new and delete but forgets this form of delete.
void operator delete(void* at, std::size_t) noexcept { ::operator delete(at); }
void operator delete[](void* at, std::size_t) noexcept { ::operator delete[](at); }

namespace model {

using sequencer::detail::atomic;
using sequencer::detail::plain;

// Holds in every run that the checker tries, or the run and its history are printed.
inline void require(bool holds, const char* what, const char* file = __builtin_FILE(),
                    unsigned line = __builtin_LINE()) {
  if (!holds) {
    rl::ctx().fail_test(what, rl::test_result_user_assert_failed,
                        rl::debug_info("require", file, line));
  }
}

// A suite behind virtual calls. The checker is templates throughout: so it is compiled once for
// each number of threads, and not three times over for each suite.
struct any_suite {
  virtual ~any_suite() = default;
  virtual void before() = 0;
  virtual void thread(unsigned index) = 0;
  virtual void invariant() = 0;
  virtual void after() = 0;
};

template <class Suite>
struct suite_of final : any_suite {
  Suite it;

  void before() override { it.before(); }
  void thread(unsigned index) override { it.thread(index); }
  void invariant() override { it.invariant(); }
  void after() override { it.after(); }

  // There is one at a time. In a place of its own: what the checker allocates is part of a run.
  static any_suite* make() {
    alignas(suite_of) static std::byte place[sizeof(suite_of)];
    return std::construct_at(reinterpret_cast<suite_of*>(place));
  }
};

template <rl::thread_id_t Threads>
struct suite_of_threads : rl::test_suite<suite_of_threads<Threads>, Threads> {
  static inline any_suite* (*make)() = nullptr;
  any_suite* it = make();

  ~suite_of_threads() { std::destroy_at(it); }
  void before() { it->before(); }
  void thread(unsigned index) { it->thread(index); }
  void invariant() { it->invariant(); }
  void after() { it->after(); }
};

template <class Suite>
bool holds(rl::test_params& params) {
  static_assert(Suite::params::dynamic_thread_count == 0 &&
                Suite::params::expected_result == rl::test_result_success);
  using erased = suite_of_threads<Suite::params::static_thread_count>;
  erased::make = suite_of<Suite>::make;
  return rl::simulate<erased>(params);
}

// How far a model is tried.
struct plan {
  std::uint64_t runs = 40'000;  // of the random scheduler, at scale 1
  unsigned bound = 3;           // forced switches of the search; 0 leaves it out
  unsigned full_bound = 3;      // the same at full scale
};

// Words: the name of the one suite to run; `--quick` ends at the first failure; `--bound N` leaves
// the random scheduler out and searches with N forced switches, telling how many runs it has done.
class program {
 public:
  program(int count, char** words) : scale_(number_from("SEQUENCER_SCALE", 1)) {
    for (int i = 1; i < count; ++i) {
      const std::string word = words[i];
      if (word == "--quick") {
        quick_ = true;
      } else if (word == "--bound" && i + 1 < count) {
        bound_ = static_cast<unsigned>(std::strtoul(words[++i], nullptr, 10));
      } else {
        only_ = word;
      }
    }
  }

  template <class Suite>
  void run(const char* name, plan asked) {
    if (!only_.empty() && only_ != name) return;
    if (quick_ && failed_ != 0) return;
    ran_ = true;
    if (bound_ != 0) return search<Suite>(name, bound_);
    random<Suite>(name, asked);
    if (quick_ && failed_ != 0) return;
    search<Suite>(name, is_full() ? asked.full_bound : asked.bound);
  }

  bool is_full() const { return scale_ >= full_scale; }

  int verdict() const {
    if (!ran_) std::cout << "no model of this name\n";
    return ran_ && failed_ == 0 ? 0 : 1;
  }

 private:
  static std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
    const char* text = std::getenv(variable);
    return text == nullptr || *text == 0 ? otherwise : std::strtoull(text, nullptr, 10);
  }

  template <class Suite>
  void random(const char* name, plan asked) {
    const auto seed = number_from("SEQUENCER_SEED", 1) % 1'000'000'000 + 1;
    // A mutant must be killed by chance, too.
    const auto runs = is_full() ? 1'000'000 : asked.runs * scale_ * (quick_ ? 2 : 1);
    rl::test_params params;
    params.search_type = rl::sched_random;
    params.initial_state = std::to_string(seed).c_str();
    params.iteration_count = seed + runs - 1;
    report<Suite>(name, params, "random, seed " + std::to_string(seed), runs);
  }

  template <class Suite>
  void search(const char* name, unsigned bound) {
    if (bound == 0) return;
    rl::test_params params;
    params.search_type = rl::sched_bound;
    params.context_bound = bound;
    report<Suite>(name, params,
                  "every run with at most " + std::to_string(bound) + " forced switches", 0);
  }

  template <class Suite>
  void report(const char* name, rl::test_params& params, const std::string& how,
              std::uint64_t runs) {
    std::ostream quiet(nullptr);
    rl::ostringstream history;
    params.progress_stream = bound_ != 0 ? &std::cerr : &quiet;
    params.output_stream = &history;
    params.execution_depth_limit = 4000;
    const bool sound = holds<Suite>(params);
    const auto tried = runs != 0 ? runs : params.stop_iteration;
    std::cout << name << ": " << (sound ? "sound in " : "FAILED within ") << tried << " runs ("
              << how << ")" << std::endl;
    if (sound) return;
    ++failed_;
    std::cout << rl::test_result_str(params.test_result) << " in run " << params.stop_iteration
              << '\n' << history.str().c_str() << std::endl;
  }

  static constexpr std::uint64_t full_scale = 20;

  std::uint64_t scale_;
  bool quick_ = false;
  unsigned bound_ = 0;
  bool ran_ = false;
  int failed_ = 0;
  std::string only_;
};

}  // namespace model
