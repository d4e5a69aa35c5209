// Prints seccomp_programs.inc. Run by the build.
#include <cstdio>

#include "platform/linux/seccomp_compiler.h"

namespace {

bool Print(const char* name, bool network_denied) {
  const auto program = leash::platform::CompileSeccompFilter({network_denied});
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

int main() { return Print("kWithoutNetwork", true) && Print("kWithNetwork", false) ? 0 : 1; }
