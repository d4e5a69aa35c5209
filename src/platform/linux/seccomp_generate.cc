// Prints seccomp_programs.inc. Run by the build.
#include <cstdio>
#include <map>
#include <string>

#include "platform/linux/seccomp_compiler.h"

namespace {

using leash::platform::SyscallProfile;

constexpr SyscallProfile ProfileOf(unsigned index) {
  return {(index & 1) != 0, (index & 2) != 0, (index & 4) != 0, (index & 8) != 0, (index & 16) != 0};
}

// Of supervised, nested and with calls of the host, nothing is two.
bool Makes(unsigned index) {
  const SyscallProfile profile = ProfileOf(index);
  return (profile.supervised ? 1 : 0) + (profile.nested_allowed ? 1 : 0) + (profile.host_calls ? 1 : 0) <= 1;
}

bool Print(unsigned index) {
  const auto program = leash::platform::CompileSeccompFilter(ProfileOf(index));
  if (!program.ok()) {
    std::fprintf(stderr, "%s\n", std::string(program.status().message()).c_str());
    return false;
  }
  std::printf("constexpr sock_filter kProgram%u[] = {\n", index);
  for (const sock_filter& in : *program) std::printf("    {%#x, %u, %u, %#x},\n", in.code, in.jt, in.jf, in.k);
  std::printf("};\n");
  return true;
}

}  // namespace

int main() {
  constexpr unsigned kCount = 32;
  for (unsigned index = 0; index < kCount; ++index) {
    static_assert(leash::platform::ProgramIndex(ProfileOf(27)) == 27);
    if (Makes(index) && !Print(index)) return 1;
  }
  std::printf("constexpr std::span<const sock_filter> kPrograms[] = {\n");
  for (unsigned index = 0; index < kCount; ++index) {
    std::printf(Makes(index) ? "    kProgram%u,\n" : "    {},\n", index);
  }
  std::printf("};\nconstexpr SyscallName kNames[] = {\n");
  for (const auto& [number, name] : leash::platform::SystemCallNames()) {
    std::printf("    {%d, \"%s\"},\n", number, name.c_str());
  }
  std::printf("};\n");
  return 0;
}
