#include "platform/linux/bpf_interpreter.h"

#include <cstring>

namespace leash::platform {

std::uint32_t RunFilter(std::span<const sock_filter> program, const seccomp_data& data) {
  std::uint32_t accumulator = 0;
  for (std::size_t pc = 0; pc < program.size(); ++pc) {
    const sock_filter& in = program[pc];
    const auto jump = [&](bool taken) { pc += taken ? in.jt : in.jf; };
    switch (in.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        if (in.k % 4 != 0 || in.k + 4 > sizeof(data)) return SECCOMP_RET_KILL_PROCESS;
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&data) + in.k, 4);
        break;
      case BPF_JMP | BPF_JA:
        pc += in.k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump(accumulator == in.k);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump(accumulator > in.k);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump(accumulator >= in.k);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump((accumulator & in.k) != 0);
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        accumulator &= in.k;
        break;
      case BPF_RET | BPF_K:
        return in.k;
      default:
        return SECCOMP_RET_KILL_PROCESS;
    }
  }
  return SECCOMP_RET_KILL_PROCESS;
}

}  // namespace leash::platform
