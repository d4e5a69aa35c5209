// Commands of the host, called by their names in a sandbox: the whole way, through the public API.
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/ipc.h"
#include "leash/leash.h"

namespace leash {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

struct Search {
  struct Args {
    std::string query;
    int limit = 3;
    bool loud = false;
    MSGPACK_DEFINE_MAP(query, limit, loud)
  };
  struct Response {
    std::vector<std::string> items;
    MSGPACK_DEFINE_MAP(items)
  };
  static constexpr std::string_view kName = "web_search";
  absl::StatusOr<Response> Handle(Args args, const IpcContext&) {
    if (args.query == "nothing") return absl::NotFoundError("nothing was found");
    if (args.query == "slow") absl::SleepFor(absl::Milliseconds(200));
    return Response{{args.query + (args.loud ? "!" : ""), std::to_string(args.limit)}};
  }
};

// Takes its text from standard input; keeps state.
struct Count {
  struct Args {
    std::string text;
    MSGPACK_DEFINE_MAP(text)
  };
  using Response = std::string;
  static constexpr std::string_view kName = "count";
  static IpcDescription Describe() {
    return {"Counts bytes, over all calls",
            {{.name = "text", .kind = IpcKind::kString, .required = true, .from_stdin = true}}};
  }
  absl::StatusOr<std::string> Handle(Args args, const IpcContext&) {
    return std::to_string(*total += args.text.size());
  }
  std::shared_ptr<std::atomic<std::size_t>> total = std::make_shared<std::atomic<std::size_t>>(0);
};

struct Lines {
  struct Args {
    int count = 0;
    MSGPACK_DEFINE_MAP(count)
  };
  using Response = msgpack::type::nil_t;
  using Item = std::string;
  static constexpr std::string_view kName = "lines";
  absl::StatusOr<Response> Handle(Args args, const IpcContext&, IpcItems<Item>& items) {
    for (int i = 0; i < args.count; ++i) {
      if (const absl::Status sent = items.Yield("line " + std::to_string(i)); !sent.ok()) return sent;
    }
    return Response();
  }
};

class InSandbox : public ::testing::TestWithParam<std::tuple<Namespaces, Isolation>> {
 protected:
  void SetUp() override {
    if (Config().Build().namespaces != Namespaces::kRequire) return;
    if (!Sandbox<>::Create(Config().Build()).ok()) GTEST_SKIP() << "namespaces: refused to this user here";
  }
  static SandboxConfigBuilder<DenyAll> Config() {
    return SandboxConfig::Builder().Namespaces(std::get<0>(GetParam())).Isolation(std::get<1>(GetParam()));
  }
  static IpcRouter Router() {
    IpcRouter router;
    EXPECT_TRUE(router.Register(Search()).ok());
    EXPECT_TRUE(router.Register(Count()).ok());
    EXPECT_TRUE(router.Register(Lines()).ok());
    return router;
  }
  void Make() {
    auto made = Sandbox<>::Create(Config().Ipc(Router()).Build());
    ASSERT_TRUE(made.ok()) << made.status();
    sandbox_.emplace(*std::move(made));
  }
  // "exit code: what it printed | its errors".
  std::string Run(const std::string& script) {
    auto output = sandbox_->Command("/bin/sh").Arg("-c").Arg(script).Output();
    if (!output.ok()) return std::string(output.status().message());
    return std::to_string(output->status.ShellCode()) + ": " + output->stdout_bytes + "| " + output->stderr_bytes;
  }
  std::optional<Sandbox<>> sandbox_;
};

TEST_P(InSandbox, ACommandIsAProgram) {
  ASSERT_NO_FATAL_FAILURE(Make());
  EXPECT_EQ(Run("web_search cats"), "0: {\n  \"items\": [\n    \"cats\",\n    \"3\"\n  ]\n}\n| ");
  EXPECT_EQ(Run("web_search 'two words' 5 --loud | tr -d ' \\n'"), "0: {\"items\":[\"twowords!\",\"5\"]}| ");
  EXPECT_EQ(Run("web_search --query=x --limit 7 | tr -d ' \\n'"), "0: {\"items\":[\"x\",\"7\"]}| ");
  EXPECT_EQ(Run("leash-ipc web_search --json '{\"query\": \"j\"}' | tr -d ' \\n'"), "0: {\"items\":[\"j\",\"3\"]}| ");
  EXPECT_EQ(Run("lines 3"), "0: line 0\nline 1\nline 2\n| ");
  EXPECT_EQ(Run("printf hello | count; printf you | count; count --text ''"), "0: 5\n8\n8\n| ");
  auto direct = sandbox_->Command("web_search").Arg("found by its name").Output();
  ASSERT_TRUE(direct.ok()) << direct.status();
  EXPECT_THAT(direct->stdout_bytes, HasSubstr("found by its name"));
}

TEST_P(InSandbox, ItsExitCodeTellsWhatWentWrong) {
  ASSERT_NO_FATAL_FAILURE(Make());
  EXPECT_EQ(Run("web_search nothing"), "1: | web_search: nothing was found\n");
  EXPECT_EQ(Run("web_search"), "2: | web_search: --query is missing; see: web_search --help\n");
  EXPECT_EQ(Run("web_search x --colour red"), "2: | web_search: there is no option --colour; see: web_search --help\n");
  EXPECT_EQ(Run("leash-ipc --timeout 0.02 web_search slow"), "124: | web_search: there was no answer in time\n");
  EXPECT_EQ(Run("leash-ipc nonsense"), "127: | nonsense: the host has no such command; see: leash-ipc --list\n");
  EXPECT_EQ(Run("LEASH_IPC= web_search x"), "125: | web_search: there is no host to call: LEASH_IPC is not set\n");
  EXPECT_EQ(Run("LEASH_IPC=/a/path/that/no/host/of/ours/answers/to web_search x").substr(0, 4), "125:");
}

TEST_P(InSandbox, HelpAndListComeFromTheHost) {
  ASSERT_NO_FATAL_FAILURE(Make());
  EXPECT_EQ(Run("leash-ipc --list"), "0: count       Counts bytes, over all calls\nlines\nweb_search\n| ");
  EXPECT_THAT(Run("web_search --help"), AllOf(HasSubstr("QUERY [LIMIT]"), HasSubstr("--loud")));
  // The pipe stays open: help does not wait for it.
  auto child = sandbox_->Command("count").Arg("--help").Stdin(Stdio::Pipe()).Stdout(Stdio::Null()).Spawn();
  ASSERT_TRUE(child.ok()) << child.status();
  const auto ended = child->WaitFor(absl::Seconds(30));
  ASSERT_TRUE(ended.ok() && ended->has_value());
  EXPECT_TRUE((*ended)->Success());
}

TEST_P(InSandbox, ALargeInputComesWhole) {
  ASSERT_NO_FATAL_FAILURE(Make());
  EXPECT_EQ(Run("yes x | tr -d '\\n' | head -c 1048576 | count"), "0: 1048576\n| ");
}

// Of the permissive tier, everything of the user's may be written.
TEST_P(InSandbox, NobodyInsideChangesWhatACommandIs) {
  ASSERT_NO_FATAL_FAILURE(Make());
  if (std::get<1>(GetParam()) == Isolation::kPermissive) {
    // Neither are names closed elsewhere for it.
    EXPECT_EQ(Run("f=$(TMPDIR=/tmp mktemp) && rm $f"), "0: | ");
    return;
  }
  EXPECT_EQ(Run("d=$(dirname $(command -v web_search)); (chmod 700 $d; echo x > $d/leash-ipc; rm -f $d/web_search; "
                "ln -s /bin/true $d/more; mv $d $d.old) 2>/dev/null; web_search x >/dev/null"),
            "0: | ");
}

TEST_P(InSandbox, NothingIsLeftBehind) {
  ASSERT_NO_FATAL_FAILURE(Make());
  const std::string scratch = sandbox_->ScratchDir();
  const std::string outer = std::filesystem::path(scratch).parent_path();
  EXPECT_TRUE(std::filesystem::exists(outer + "/commands/web_search"));
  EXPECT_TRUE(sandbox_->Close().ok());
  EXPECT_FALSE(std::filesystem::exists(outer));
}

// What a handler does belongs to the sandbox that it serves: closing waits for it, and nobody is called after.
TEST_P(InSandbox, ClosingWaitsForHandlers) {
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  IpcRouter router;
  ASSERT_TRUE(router
                  .RegisterRaw("wait", {}, IpcRun::kThread,
                               [&](const IpcCall& call) {
                                 ++begun;
                                 while (!call.context().cancelled.stop_requested())
                                   absl::SleepFor(absl::Milliseconds(1));
                                 absl::SleepFor(absl::Milliseconds(50));
                                 ++ended;
                               })
                  .ok());
  auto made = Sandbox<>::Create(Config().Ipc(std::move(router)).Build());
  ASSERT_TRUE(made.ok()) << made.status();
  auto child = made->Command("wait").Spawn();
  ASSERT_TRUE(child.ok()) << child.status();
  while (begun == 0) absl::SleepFor(absl::Milliseconds(1));
  EXPECT_TRUE(made->Close().ok());
  EXPECT_EQ(ended, 1);
}

// A report and calls have one supervisor: each does what it does alone.
TEST_P(InSandbox, AReportTellsOfTheRest) {
  auto made = Sandbox<>::Create(Config().ReportViolations().Ipc(Router()).Build());
  ASSERT_TRUE(made.ok()) << made.status();
  sandbox_.emplace(*std::move(made));
  EXPECT_EQ(Run("web_search x | tr -d ' \\n'"), "0: {\"items\":[\"x\",\"3\"]}| ");
  Run("/usr/bin/python3 -c 'import socket; socket.socket(socket.AF_INET)'");
  bool told = false;
  for (const Violation& one : sandbox_->Violations().violations) {
    EXPECT_NE(one.object, "AF_UNIX");
    told = told || one.object == "AF_INET";
  }
  EXPECT_TRUE(told);
}

// A program that opens sockets without end gets no more of its host than the limits say.
TEST_P(InSandbox, ManyConnectionsAreBounded) {
  IpcRouter router = Router();
  router.limits.connections = 4;
  auto made = Sandbox<>::Create(Config().Ipc(std::move(router)).Build());
  ASSERT_TRUE(made.ok()) << made.status();
  sandbox_.emplace(*std::move(made));
  EXPECT_EQ(Run("/usr/bin/python3 -c '\n"
                "import os, socket\n"
                "held = []\n"
                "for i in range(200):\n"
                "  s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)\n"
                "  s.connect(os.environ[\"LEASH_IPC\"])\n"
                "  held.append(s)\n"
                "closed = sum(1 for s in held[4:] if s.recv(1) == b\"\")\n"
                "print(closed)\n"
                "del held, s\n'\n"
                // That the others are closed is heard a moment later.
                "for i in $(seq 100); do web_search x 2>/dev/null && break; sleep 0.02; done | tr -d ' \\n'"),
            "0: 196\n{\"items\":[\"x\",\"3\"]}| ");
}

std::string Name(const ::testing::TestParamInfo<std::tuple<Namespaces, Isolation>>& info) {
  const auto [namespaces, tier] = info.param;
  return std::string(namespaces == Namespaces::kRequire ? "WithNamespaces" : "WithoutNamespaces") +
         (tier == Isolation::kStrict    ? "Strict"
          : tier == Isolation::kDefault ? "Default"
                                        : "Permissive");
}
INSTANTIATE_TEST_SUITE_P(Ipc, InSandbox,
                         ::testing::Combine(::testing::Values(Namespaces::kRequire, Namespaces::kOff),
                                            ::testing::Values(Isolation::kStrict, Isolation::kDefault,
                                                              Isolation::kPermissive)),
                         Name);

// What cannot be together is refused, and said.
TEST(IpcConfig, ExcludesSandboxesInside) {
  SecurityConfig security;
  security.allow_nested = true;
  const auto made = Sandbox<>::Create(SandboxConfig::Builder().Security(security).Ipc(IpcRouter()).Build());
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(GetErrorCode(made.status()), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace leash
