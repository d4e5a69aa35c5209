// Prints seccomp_programs.inc. Run by the build.
#include <cstdio>

#include "platform/linux/seccomp_compiler.h"

namespace {

bool Print(const char* name, const leash::platform::SyscallProfile& profile) {
  const auto program = leash::platform::CompileSeccompFilter(profile);
  if (!program.ok()) {
    std::fprintf(stderr, "%s\n", std::string(program.status().message()).c_str());
    return false;
  }
  std::printf("constexpr sock_filter %s[] = {\n", name);
  for (const sock_filter& in : *program) std::printf("    {%#x, %u, %u, %#x},\n", in.code, in.jt, in.jf, in.k);
  std::printf("};\n");
  return true;
}

}  // namespace

int main() {
  const bool printed = Print("kWithoutNetwork", {.network_denied = true}) &&
                       Print("kWithNetwork", {.network_denied = false}) &&
                       Print("kSupervisedWithoutNetwork", {.network_denied = true, .supervised = true}) &&
                       Print("kSupervisedWithNetwork", {.network_denied = false, .supervised = true}) &&

                       Print("kNestedWithoutNetwork", {.network_denied = true, .nested_allowed = true}) &&
                       Print("kNestedWithNetwork", {.network_denied = false, .nested_allowed = true});
  return printed ? 0 : 1;
}
