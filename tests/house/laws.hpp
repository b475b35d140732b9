// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "source.hpp"

// The laws of the house, each a function from the source to what breaks it.
namespace house {

struct finding {
  std::string path;
  std::size_t line = 0;
  std::string what;

  friend std::ostream& operator<<(std::ostream& out, const finding& f) {
    return out << "\n  " << f.path << ':' << f.line << ": " << f.what;
  }
};

using findings = std::vector<finding>;

// Includes go down the floors only; a room that is not in the plan is refused.
findings floors(const tree& all);

// Third-party headers only where the plan allows them; `detail/` is nobody's API.
findings guests_in_their_rooms(const tree& all);

// Every atomic operation of the library names its order; a non-relaxed one carries a tag that
// names its partner, whose tag names it back; a relaxed one carries its reason. Nothing but the
// seam speaks of std::atomic or std::memory_order, and there are no fences.
findings memory_order_ledger(const tree& all);

// Headers of at most 400 lines, lines of at most 100 columns, but for what a program measured.
findings lengths(const tree& all);

// Functions of more than 70 lines. An aim, not a limit: they may be rare, see the test.
findings long_functions(const tree& all);
std::size_t count_functions(const tree& all);

// Only or_throw.hpp throws, and guarded.hpp catches what handlers throw.
findings no_throw(const tree& all);

// Nothing is promised that is not written.
findings no_promises(const tree& all);

// No macro but version, export and assert.
findings no_macros(const tree& all);

// A name has one meaning.
findings no_synonyms(const tree& all);

// State belongs to instances.
findings no_thread_local(const tree& all);

// Tests wait for conditions, never for time to pass.
findings no_sleeping_tests(const tree& all);

// Each source starts with the licence line, each header has its guard, own headers are included
// in angle brackets.
findings form(const tree& all);

// docs/disruptor.md has every class and method of LMAX's Disruptor 4, and names what we have.
findings disruptor_page(const tree& all);

// Each `suite.Test` that docs/conformance.md names is one of the tests.
findings conformance_page(const tree& all);

}  // namespace house
