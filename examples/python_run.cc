// Runs a piece of Python that somebody else wrote: with your own interpreter, no network, and limits.
#include <cstdio>

#include "absl/time/time.h"
#include "leash/leash.h"

namespace {

constexpr char kCode[] = R"py(
import socket, sys
print("sum", sum(map(int, sys.argv[1:])))
try:
    socket.create_connection(("127.0.0.1", 80))
except OSError:
    print("no network")
)py";

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace

int main() {
  // The first python3 in PATH: the system's, pyenv's, that of an active virtual environment. VenvManager makes others.
  auto config = leash::SandboxConfig::Builder()
                    .Python(leash::PythonConfig{})
                    .Limits({.memory_bytes = 1ULL << 30, .wall_time = absl::Minutes(1)})
                    .Build();
  auto sandbox = leash::CreateSandbox(config);
  if (!sandbox.ok()) return Fail(sandbox.status());
  auto output = sandbox->RunPython(kCode, {"1", "2", "3"});
  if (!output.ok()) return Fail(output.status());
  std::fputs(output->stdout_bytes.c_str(), stdout);
  std::fputs(output->stderr_bytes.c_str(), stderr);  // a traceback, if there was one
  return output->status.ShellCode();
}
