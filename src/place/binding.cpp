// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#include <sys/types.h>

#include <cerrno>
#include <cstring>

#include <sequencer/detail/worker_thread.hpp>
#include <sequencer/place/binding.hpp>

#include "files.hpp"
#include "not_here.hpp"
#include "os.hpp"

namespace sequencer::place {

namespace {

constexpr std::size_t kept_of_a_name = 15;

index_set all_cpus(const topology& of) {
  index_set all;
  for (const auto& each : of.cores) all.insert(each.cpus);
  return all;
}

error refusal(const index_set& asked, int why) {
  return {errc::denied, why,
          "binding to CPUs " + asked.text() + ": the kernel refused: " + std::strerror(why)};
}

// What the kernel says afterwards is what counts.
result<void> bound_and_seen(const index_set& cpus) {
  if (const int bad = os::bind_thread(cpus); bad != 0) return refusal(cpus, bad);
  const auto now = os::cpus_of(0);
  if (!now) return refusal(cpus, errno);
  if (*now != cpus) {
    return error{errc::denied, 0,
                 "binding to CPUs " + cpus.text() +
                     ": the kernel accepted it, and lets the thread "
                     "run on " +
                     now->text() + " all the same"};
  }
  return {};
}

}  // namespace

result<void> bind_this_thread(const topology& here, const index_set& cpus) {
  if (!here.this_machine) return not_here(here, "no thread was bound");
  if (cpus.empty()) return error{errc::invalid, 0, "binding to no CPU at all: name one"};
  if (const auto there = all_cpus(here); !there.contains(cpus)) {
    return error{errc::invalid, 0,
                 "binding to CPUs " + cpus.text() + ": there are " + there.text() + " only"};
  }
  const auto before = os::cpus_of(0);
  auto done = bound_and_seen(cpus);
  if (!done && before) static_cast<void>(os::bind_thread(*before));
  return done;
}

void launcher::try_seats() {
  for (const auto& each : plan_.seats) {
    if (each.cpu < 0) continue;
    const auto cpu = static_cast<unsigned>(each.cpu);
    if (const auto bound = bind_this_thread(here_, {cpu}); !bound) {
      refused_.push_back("'" + each.name + "' is planned on CPU " + std::to_string(cpu) +
                         ", and runs on any: " + bound.failure().text);
      continue;
    }
    granted_.insert(cpu);
  }
}

result<launcher> launcher::make(const topology& here, plan of) {
  if (!here.this_machine) return not_here(here, "no thread was bound");
  launcher made(here, std::move(of));
  detail::worker_thread tries;
  const auto all = [](void* seats) { static_cast<launcher*>(seats)->try_seats(); };
  if (const int bad = tries.start("seats", any_cpu, all, &made); bad != 0) {
    return error{errc::io, bad, std::string("a thread to try seats with: ") + std::strerror(bad)};
  }
  tries.join();
  return made;
}

int launcher::cpu_of(std::string_view name) const noexcept {
  const int cpu = plan_.cpu_of(name);
  return cpu >= 0 && granted_.contains(static_cast<unsigned>(cpu)) ? cpu : any_cpu;
}

result<void> launcher::pin_this_thread(std::string_view name) const {
  for (const auto& each : plan_.seats) {
    if (each.name != name) continue;
    if (each.cpu < 0) return {};
    return bind_this_thread(here_, {static_cast<unsigned>(each.cpu)});
  }
  return error{errc::invalid, 0, "the plan has no thread '" + std::string(name) + "'"};
}

std::vector<whereabouts> launcher::verify() const {
  const file_tree root("/");
  std::vector<whereabouts> all;
  for (const auto& each : plan_.seats) {
    if (each.cpu >= 0) all.push_back({each.name, each.cpu, 0, {}, false});
  }
  for (const auto thread : root.numbered("proc/self/task", "")) {
    const auto name = root.text("proc/self/task/" + std::to_string(thread) + "/comm");
    const auto cpus = os::cpus_of(static_cast<pid_t>(thread));
    if (!name || !cpus) continue;
    for (auto& each : all) {
      if (each.name.substr(0, kept_of_a_name) != *name) continue;
      ++each.threads;
      each.allowed.insert(*cpus);
    }
  }
  for (auto& each : all) {
    each.as_planned =
        each.threads > 0 && each.allowed == index_set{static_cast<unsigned>(each.planned)};
  }
  return all;
}

}  // namespace sequencer::place
