// The smallest host application: runs `echo hello` in a sandbox and prints what it printed.
#include <leash/leash.h>

#include <iostream>

int main() {
  auto sandbox = leash::Sandbox<>::Create();
  if (!sandbox.ok()) {
    std::cerr << sandbox.status() << "\n";
    return 1;
  }
  auto output = sandbox->Command("echo").Arg("hello").Output();
  if (!output.ok()) {
    std::cerr << output.status() << "\n";
    return 1;
  }
  std::cout << output->stdout_bytes;
  return output->status.ShellCode();
}
