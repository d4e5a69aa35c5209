// The smallest host application with a command: a program in the sandbox calls it, and prints what it says.
#include <leash/ipc.h>
#include <leash/leash.h>

#include <iostream>
#include <string>
#include <string_view>
#include <utility>

struct Greet {
  struct Args {
    std::string whom;
    MSGPACK_DEFINE_MAP(whom)
  };
  using Response = std::string;
  static constexpr std::string_view kName = "greet";

  absl::StatusOr<Response> Handle(Args args, const leash::IpcContext&) { return args.whom == "host" ? "hello" : "?"; }
};

int main() {
  leash::IpcRouter router;
  const absl::Status added = router.Register(Greet());
  if (!added.ok()) {
    std::cerr << added << "\n";
    return 1;
  }
  auto sandbox = leash::Sandbox<>::Create(leash::SandboxConfig::Builder().Ipc(std::move(router)).Build());
  if (!sandbox.ok()) {
    std::cerr << sandbox.status() << "\n";
    return 1;
  }
  auto output = sandbox->Command("greet").Arg("host").Output();
  if (!output.ok()) {
    std::cerr << output.status() << "\n";
    return 1;
  }
  std::cout << output->stdout_bytes;
  std::cerr << output->stderr_bytes;
  return output->status.ShellCode();
}
