// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dlfcn.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>
#include <ostream>

// What publishing and consuming must never do: allocate, throw, call the system. One source of a
// program includes this: it replaces operator new, and stands before what every throw calls.
namespace sequencer::costs {

struct spent {
  std::uint64_t allocations = 0;
  std::uint64_t exceptions = 0;
  bool operator==(const spent&) const = default;
};
inline std::ostream& operator<<(std::ostream& to, const spent& what) {
  return to << what.allocations << " allocations, " << what.exceptions << " exceptions";
}

// By the calling thread.
inline constinit thread_local spent so_far{};

// ---- system calls

// From here on any call of this thread but the end of the process ends the process. Not strict
// mode, which takes the clock away too.
inline bool forbid_system_calls() {
  sock_filter rules[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
  };
  const sock_fprog filter{static_cast<unsigned short>(std::size(rules)), rules};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

inline constexpr int cannot_forbid = 2;

// In a child: work.prepare(), then work.run() without a call. 0 where that was so and run() said
// true; cannot_forbid; -SIGSYS after a call.
template <class Work>
int without_system_calls(Work& work) {
  const auto child = ::fork();
  if (child == 0) {
    work.prepare();
    if (!forbid_system_calls()) ::_exit(cannot_forbid);
    ::_exit(work.run() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// The same of a new Work, which may point at itself.
template <class Work>
int without_system_calls() {
  const auto work = std::make_unique<Work>();
  return without_system_calls(*work);
}

}  // namespace sequencer::costs

// ---- allocations

[[gnu::noinline]] void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  ++sequencer::costs::so_far.allocations;
  return std::malloc(bytes);
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t to,
                                     const std::nothrow_t&) noexcept {
  ++sequencer::costs::so_far.allocations;
  const auto unit = static_cast<std::size_t>(to);
  return std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (void* at = operator new(bytes, std::nothrow)) return at;
  std::abort();
}
[[gnu::noinline]] void* operator new(std::size_t bytes, std::align_val_t to) {
  if (void* at = operator new(bytes, to, std::nothrow)) return at;
  std::abort();
}
[[gnu::noinline]] void operator delete(void* at) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::align_val_t) noexcept { std::free(at); }
[[gnu::noinline]] void operator delete(void* at, std::size_t, std::align_val_t) noexcept {
  std::free(at);
}

// ---- exceptions

#ifdef __cpp_exceptions
// Every throw calls __cxa_throw, those of the standard library too, and the loader prefers the
// program's own. Under a name of ours, since compilers declare it in ways of their own.
extern "C" [[noreturn]] void counted_throw(void* what, void* type, void (*destroy)(void*)) __asm__(
    "__cxa_throw");
extern "C" void counted_throw(void* what, void* type, void (*destroy)(void*)) {
  using real_throw = void (*)(void*, void*, void (*)(void*));
  static const auto real = reinterpret_cast<real_throw>(::dlsym(RTLD_NEXT, "__cxa_throw"));
  ++sequencer::costs::so_far.exceptions;
  real(what, type, destroy);
  std::abort();
}
#endif
