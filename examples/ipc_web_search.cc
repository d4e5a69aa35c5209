// A command of the host that a program in a sandbox calls, as the README shows it.
#include <leash/ipc.h>
#include <leash/leash.h>

#include <cstdio>

struct WebSearch {
  struct Args {
    std::string query;
    MSGPACK_DEFINE_MAP(query)
  };
  struct Response {
    std::vector<std::string> items;
    MSGPACK_DEFINE_MAP(items)
  };
  static constexpr std::string_view kName = "web_search";

  absl::StatusOr<Response> Handle(Args args, const leash::IpcContext&) {
    return Response{{"result for " + args.query}};
  }
};

int Report(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

int main() {
  leash::IpcRouter router;
  if (absl::Status added = router.Register(WebSearch()); !added.ok()) return Report(added);
  auto config = leash::SandboxConfig::Builder().Ipc(std::move(router)).Build();
  auto sandbox = leash::Sandbox<>::Create(config);
  if (!sandbox.ok()) return Report(sandbox.status());
  auto output = sandbox->Command("web_search").Arg("query").Output();
  if (!output.ok()) return Report(output.status());
  std::fputs(output->stdout_bytes.c_str(), stdout);
  std::fputs(output->stderr_bytes.c_str(), stderr);
  return output->status.ShellCode();
}
