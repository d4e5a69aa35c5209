// Runs one program in a sandbox and prints what it said.
#include <cstdio>

#include "leash/leash.h"

int main() {
  auto sandbox = leash::Sandbox<>::Create();  // the default tier, no network
  if (!sandbox.ok()) {
    std::fprintf(stderr, "%s\n", std::string(sandbox.status().message()).c_str());
    return 1;
  }
  auto output = sandbox->Command("echo").Arg("Hello from the sandbox!").Output();
  if (!output.ok()) {
    std::fprintf(stderr, "%s\n", std::string(output.status().message()).c_str());
    return 1;
  }
  std::fputs(output->stdout_bytes.c_str(), stdout);
  return output->status.ShellCode();
}
