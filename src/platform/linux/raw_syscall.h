// System calls without libc: for code that runs on borrowed memory between clone(2) and execve(2), and for the init
// process of a sandbox, which has no libc. The answer is the kernel's own: a negative errno on failure.
#pragma once

#include <type_traits>

namespace leash::platform {

inline long RawSyscall(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  long result;
  register long r10 asm("r10") = d;
  register long r8 asm("r8") = e;
  register long r9 asm("r9") = f;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 asm("x8") = number;
  register long x0 asm("x0") = a;
  register long x1 asm("x1") = b;
  register long x2 asm("x2") = c;
  register long x3 asm("x3") = d;
  register long x4 asm("x4") = e;
  register long x5 asm("x5") = f;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
#else
#error "leash knows the system call convention of x86-64 and of AArch64"
#endif
}

template <typename Argument>
long SyscallWord(Argument argument) {
  if constexpr (std::is_pointer_v<Argument>) {
    return reinterpret_cast<long>(argument);
  } else {
    return static_cast<long>(argument);
  }
}

// Sys(SYS_openat, AT_FDCWD, "/", O_PATH): each argument is a number or a pointer.
template <typename... Args>
long Sys(long number, Args... args) {
  static_assert(sizeof...(args) <= 6);
  const long words[7] = {SyscallWord(args)..., 0};
  constexpr auto at = [](const long* list, unsigned i) { return i < sizeof...(args) ? list[i] : 0; };
  return RawSyscall(number, at(words, 0), at(words, 1), at(words, 2), at(words, 3), at(words, 4), at(words, 5));
}

}  // namespace leash::platform
