// Copyright the sequencer authors. SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <sequencer/detail/cpu_block.hpp>

#if defined(__x86_64__) && defined(__LP64__) && __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#endif

namespace sequencer::detail {

// Restartable sequences (rseq(2), Linux 4.18, registered for every thread by glibc 2.35): a few
// instructions that end in one store, and that the kernel starts again when the thread was
// preempted, moved or interrupted by a signal before that store. Two threads are therefore never
// inside sections on one CPU at the same time, and no instruction has to lock anything.
class cpu_section {
 public:
#if defined(__SANITIZE_THREAD__)
  static constexpr bool hidden = true;  // the thread sanitizer sees nothing of assembly
#elif defined(__has_feature)
  static constexpr bool hidden = __has_feature(thread_sanitizer);
#else
  static constexpr bool hidden = false;
#endif

#if defined(__x86_64__) && defined(__LP64__) && __has_include(<sys/rseq.h>)
  // Whether sections can be used: they are built in, the threads of this process are registered,
  // and the kernel can interrupt the sections of others (membarrier(2), Linux 5.10).
  [[nodiscard]] static bool enroll() noexcept {
    return !hidden && __rseq_size != 0 && call(register_interrupts);
  }

  // Takes the next number of the block that this CPU has; above `top` where there is none. Linked:
  // by the word that the block is linked to. `lines` are those of the CPUs [0, cpus).
  // Threads: any, only after enroll().
  //
  // Why no number comes twice. The section runs from 1 to 2, and only its last instruction stores.
  // The kernel looks at the word that is armed just before 1 whenever it takes the CPU away: when
  // it finds the thread inside, the thread goes on at 4, and so from the start. So whoever reaches
  // 2 has had this CPU without a break from the load of its number, to the store: the line is that
  // of the CPU it is on, and no other section there stored in between. That number belongs to this
  // CPU alone: a block is `current` on one line, and is rewritten only when no section can hold it
  // any more (see cpu_cache).
  //
  // The CPU is asked for inside, as `cpu_id`: of a thread that is not registered it is negative,
  // and so beyond all CPUs. (`cpu_id_start` would say 0, and some allocators keep a mark in it.)
  // The armed word is cleared behind: it must not outlive the code that it names, which may be in
  // a library that is unloaded.
  template <bool Linked>
  static sequence take(const cpu_line* lines, std::uint32_t cpus) noexcept {
    sequence number;
    std::uintptr_t at;
    std::uintptr_t word;
    std::uintptr_t after;
    asm volatile inline(
        ".pushsection __rseq_cs, \"aw?\", @progbits\n\t"
        ".balign 32\n"
        "3:\n\t"
        ".long 0, 0\n\t"
        ".quad 1f, 2f - 1f, 4f\n\t"
        ".popsection\n\t"
        ".pushsection __rseq_failure, \"ax?\", @progbits\n\t"
        ".byte 0x0f, 0xb9, 0x3d\n\t"  // makes one undefined instruction of the signature
        ".long %c[signature]\n"
        "4:\n\t"
        "jmp 0f\n"
        "5:\n\t"
        "movq $-1, %[number]\n\t"
        "jmp 6f\n\t"
        ".popsection\n"
        "0:\n\t"
        "leaq 3b(%%rip), %[at]\n\t"
        "movq %[at], %%fs:8(%[rseq])\n"  // rseq_cs
        "1:\n\t"
        "movl %%fs:4(%[rseq]), %k[at]\n\t"  // cpu_id
        "cmpl %[cpus], %k[at]\n\t"
        "jae 5b\n\t"
        "shlq %[shift], %[at]\n\t"
        "movq (%[lines], %[at]), %[at]\n\t"  // current
        "testq %[at], %[at]\n\t"
        "jz 5b\n\t"
        ".if %c[linked]\n\t"
        "movq 16(%[at]), %[word]\n\t"  // linked
        "movq (%[word]), %[number]\n\t"
        ".else\n\t"
        "movq 8(%[at]), %[number]\n\t"  // next
        ".endif\n\t"
        "cmpq (%[at]), %[number]\n\t"  // last
        "jae 5b\n\t"
        "leaq 1(%[number]), %[after]\n\t"
        ".if %c[linked]\n\t"
        "movq %[after], (%[word])\n\t"
        ".else\n\t"
        "movq %[after], 8(%[at])\n\t"
        ".endif\n"
        "2:\n"
        "6:\n\t"
        "movq $0, %%fs:8(%[rseq])"
        : [number] "=&r"(number), [at] "=&r"(at), [word] "=&r"(word), [after] "=&r"(after)
        : [rseq] "r"(__rseq_offset), [lines] "r"(lines), [cpus] "r"(cpus),
          [signature] "i"(RSEQ_SIG), [shift] "i"(line_shift), [linked] "i"(Linked ? 1 : 0)
        : "memory", "cc");
    return number;
  }

  // Where this thread runs, or did a moment ago; beyond all CPUs where it is not registered.
  static std::uint32_t cpu() noexcept {
    std::uint32_t here;
    asm volatile("movl %%fs:4(%[rseq]), %[here]" : [here] "=r"(here) : [rseq] "r"(__rseq_offset));
    return here;
  }
#else
  [[nodiscard]] static bool enroll() noexcept { return false; }
  template <bool>
  static sequence take(const cpu_line*, std::uint32_t) noexcept {
    return ~sequence{0};
  }
  static std::uint32_t cpu() noexcept { return ~std::uint32_t{0}; }
#endif

  // Returns when every section that had begun before has ended or begun again; all that this thread
  // stored before is seen by them. False where the kernel, which had promised it, refuses.
  [[nodiscard]] static bool interrupt_all() noexcept { return call(interrupt); }

 private:
  // Named by hand: the kernel's headers of before 5.10 lack them.
  static constexpr int interrupt = 1 << 7;            // MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ
  static constexpr int register_interrupts = 1 << 8;  // MEMBARRIER_CMD_REGISTER_... of the same
  static constexpr int line_shift = 7;

  static bool call(int command) noexcept {
    const int kept = errno;
    const bool done = ::syscall(SYS_membarrier, command, 0, 0) == 0;
    errno = kept;
    return done;
  }

  static_assert(sizeof(cpu_line) == std::size_t{1} << line_shift);
  static_assert(offsetof(cpu_line, current) == 0);
  static_assert(offsetof(cpu_block, last) == 0 && offsetof(cpu_block, next) == 8);
  static_assert(offsetof(cpu_block, linked) == 16);
  static_assert(sizeof(atomic<cpu_block*>) == 8 && sizeof(atomic<sequence>) == 8);
};

}  // namespace sequencer::detail
