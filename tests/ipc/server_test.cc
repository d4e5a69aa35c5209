#include "ipc/server.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <coroutine>
#include <functional>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ipc/caller.h"
#include "leash/error.h"
#include "leash/ipc.h"

namespace leash::ipc {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

bool Eventually(const std::function<bool()>& holds) {
  for (int i = 0; i < 3000; ++i) {
    if (holds()) return true;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return false;
}

struct Echo {
  struct Args {
    std::string text;
    MSGPACK_DEFINE_MAP(text)
  };
  using Response = std::string;
  static constexpr std::string_view kName = "echo";
  absl::StatusOr<Response> Handle(Args args, const IpcContext&) const { return std::move(args.text); }
};

// As leash/ipc.h shows it.
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

struct Count {
  struct Args {
    int by = 1;
    MSGPACK_DEFINE_MAP(by)
  };
  using Response = int;
  static constexpr std::string_view kName = "count";
  std::shared_ptr<std::atomic<int>> total = std::make_shared<std::atomic<int>>(0);
  absl::StatusOr<Response> Handle(const Args& args, const IpcContext&) { return *total += args.by; }
};

struct Stream {
  struct Args {
    int items = 0;
    MSGPACK_DEFINE_MAP(items)
  };
  using Item = std::string;
  using Response = msgpack::type::nil_t;
  static constexpr std::string_view kName = "stream";
  absl::StatusOr<Response> Handle(const Args& args, const IpcContext&, IpcItems<Item>& items) {
    for (int i = 0; i < args.items; ++i) {
      if (absl::Status status = items.Yield(std::string(100, 'x') + std::to_string(i)); !status.ok()) {
        *stopped = i;
        return status;
      }
    }
    return Response();
  }
  std::shared_ptr<std::atomic<int>> stopped = std::make_shared<std::atomic<int>>(-1);
};

// Resumes on another thread, some time later.
struct Later {
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) const {
    std::thread([handle] {
      absl::SleepFor(absl::Milliseconds(20));
      handle.resume();
    }).detach();
  }
  void await_resume() const {}
};

struct Patient {
  struct Args {
    std::string text;
    bool fails = false;
    MSGPACK_DEFINE_MAP(text, fails)
  };
  using Response = std::string;
  static constexpr std::string_view kName = "patient";
  IpcTask<absl::StatusOr<Response>> Handle(Args args, const IpcContext& context) const {
    const bool on_loop = base::EventLoop::Shared().IsCurrentThread();
    co_await Later();
    if (args.fails) throw std::runtime_error("secret");
    co_return (on_loop ? "" : "not on the loop: ") + context.command + " " + args.text;
  }
};

// Handlers that wait until the test lets them go.
class Gate {
 public:
  IpcHandler Handler() {
    return [this](const IpcCall& call) {
      ++inside_;
      std::unique_lock lock(mutex_);
      changed_.wait(lock, call.context().cancelled, [&] { return open_; });
      if (call.context().cancelled.stop_requested()) ++cancelled_;
      call.Finish(leash::internal::PackIpc("through"));
    };
  }
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  int inside() const { return inside_; }
  int cancelled() const { return cancelled_; }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  bool open_ = false;
  std::atomic<int> inside_ = 0;
  std::atomic<int> cancelled_ = 0;
};

class ServerTest : public ::testing::Test {
 protected:
  void Start() {
    ServerOptions options;
    options.sandbox_id = 42;
    options.router = std::make_shared<const IpcRouter>(router_);
    auto server = Server::Start(std::move(options));
    ASSERT_TRUE(server.ok()) << server.status().message();
    server_ = *std::move(server);
  }
  Caller Connect() {
    std::array<int, 2> ends = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    server_->Adopt(base::UniqueFd(ends[0]));
    return Caller(base::UniqueFd(ends[1]));
  }
  void Raw(std::string name, IpcRun run, IpcHandler handler) {
    ASSERT_TRUE(router_.RegisterRaw(std::move(name), {.takes_others = true}, run, std::move(handler)).ok());
  }

  IpcRouter router_;
  Gate gate_;  // outlives the server
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersTypedCallsAndKeepsStateBetweenThem) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  ASSERT_TRUE(router_.Register(Count()).ok());
  Start();
  Caller one = Connect();
  EXPECT_EQ(one.Ask("echo", Arguments("text", "hello")), "\"hello\"");
  EXPECT_EQ(one.Ask("count"), "1");
  Caller two = Connect();
  EXPECT_EQ(two.Ask("count", leash::internal::PackIpc(std::map<std::string, int>{{"by", 5}})), "6");
}

TEST_F(ServerTest, AnswersTheHeadersExample) {
  ASSERT_TRUE(router_.Register(WebSearch()).ok());
  Start();
  EXPECT_EQ(Connect().Ask("web_search", Arguments("query", "cats")), R"({"items":["result for cats"]})");
}

TEST_F(ServerTest, RefusesWhatACallMayNotSayAndGoesOn) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  Start();
  Caller caller = Connect();
  EXPECT_THAT(caller.Ask("nothing"), StartsWith("unknown_command: "));
  EXPECT_EQ(caller.Ask("echo"), "invalid_argument: argument \"text\" is missing");
  EXPECT_EQ(caller.Ask("echo", Arguments("txet", "x")), "invalid_argument: there is no argument \"txet\"");
  EXPECT_THAT(caller.Ask("echo", "\x81\xa4text\x01"), HasSubstr("is not of the type"));
  EXPECT_THAT(caller.Ask("echo", "\x81"), StartsWith("invalid_argument: "));
  std::string odd;
  AppendFrame(static_cast<FrameKind>(77), 5, "", odd);
  AppendFrame(FrameKind::kCall, 6, "\0\0", odd);
  caller.Send(odd);
  EXPECT_THAT(caller.Next().Text(), StartsWith("unimplemented: "));
  EXPECT_THAT(caller.Next().Text(), StartsWith("invalid_argument: "));
  EXPECT_EQ(caller.Ask("echo", Arguments("text", "still")), "\"still\"");
}

TEST_F(ServerTest, TellsWhyAndClosesWhenNothingCanBeUnderstood) {
  Start();
  std::string id_zero;
  AppendFrame(FrameKind::kCall, 0, MakeCall({0, "x", "\x80"}), id_zero);
  for (const std::string& bytes :
       {std::string(4, '\0'), std::string(4, '\xff'), std::string("\0\0\0\x08\x02", 5), id_zero}) {
    Caller caller = Connect();
    caller.Send(bytes);
    const Caller::Answer answer = caller.Next();
    EXPECT_EQ(answer.id, 0U);
    EXPECT_THAT(answer.Text(), StartsWith("protocol: "));
    EXPECT_TRUE(caller.Next().end);
  }
}

TEST_F(ServerTest, AnswersInAnyOrderWhatIsAskedAtOnce) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  Raw("gate", IpcRun::kThread, gate_.Handler());
  Start();
  Caller caller = Connect();
  caller.Call(1, "gate");
  caller.Call(2, "echo", Arguments("text", "first"));
  const Caller::Answer first = caller.Next();
  EXPECT_EQ(first.id, 2U);
  EXPECT_EQ(first.Text(), "\"first\"");
  gate_.Open();
  const Caller::Answer second = caller.Next();
  EXPECT_EQ(second.id, 1U);
  EXPECT_EQ(second.Text(), "\"through\"");
}

TEST_F(ServerTest, AnswersAllOfManyCallsThatAreSentAtOnce) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  Raw("quick", IpcRun::kLoop, [](const IpcCall& call) { call.Finish(std::string(call.arguments())); });
  Start();
  Caller caller = Connect();
  constexpr std::uint32_t kCalls = 4000;
  std::thread sender([&] {
    for (std::uint32_t i = 1; i <= kCalls; ++i) caller.Call(i, i % 2 == 0 ? "echo" : "quick", Arguments("text", "x"));
  });
  std::set<std::uint32_t> answered;
  for (std::uint32_t i = 0; i < kCalls; ++i) {
    const Caller::Answer answer = caller.Next();
    if (answer.end) break;
    EXPECT_EQ(answer.kind, FrameKind::kResult);
    answered.insert(answer.id);
  }
  sender.join();
  EXPECT_EQ(answered.size(), kCalls);
  EXPECT_TRUE(Eventually([&] { return server_->calls() == 0; }));
  EXPECT_TRUE(Eventually([&] { return server_->bytes() == 0; }));
}

TEST_F(ServerTest, WaitsWithoutAThreadForHandlersThatAwait) {
  ASSERT_TRUE(router_.Register(Patient()).ok());
  router_.limits.threads = 1;
  Start();
  Caller caller = Connect();
  for (std::uint32_t i = 1; i <= 50; ++i) caller.Call(i, "patient", Arguments("text", "x"));
  for (int i = 0; i < 50; ++i) EXPECT_EQ(caller.Next().Text(), "\"patient x\"");
}

TEST_F(ServerTest, AHandlerThatThrowsHurtsItsOwnCallAlone) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  ASSERT_TRUE(router_.Register(Patient()).ok());
  Raw("throws", IpcRun::kThread, [](const IpcCall&) { throw std::runtime_error("secret"); });
  Raw("throws_here", IpcRun::kLoop, [](const IpcCall&) { throw 1; });
  Raw("forgets", IpcRun::kLoop, [](const IpcCall&) {});
  Raw("fails", IpcRun::kThread, [](const IpcCall& call) { call.Finish(absl::NotFoundError("no such thing")); });
  Raw("garbage", IpcRun::kThread, [](const IpcCall& call) { call.Finish(std::string("\xc1")); });
  Start();
  Caller caller = Connect();
  EXPECT_EQ(caller.Ask("throws"), "internal: the handler failed");
  EXPECT_EQ(caller.Ask("throws_here"), "internal: the handler failed");
  EXPECT_EQ(caller.Ask("forgets"), "internal: the handler gave no answer");
  EXPECT_EQ(caller.Ask("fails"), "not_found: no such thing");
  EXPECT_THAT(caller.Ask("garbage"), StartsWith("internal: "));
  const std::string fails =
      "\x82\xa4text\xa1x\xa5"
      "fails\xc3";
  EXPECT_EQ(caller.Ask("patient", fails), "internal: the handler gave no answer");
  EXPECT_EQ(caller.Ask("echo", Arguments("text", "fine")), "\"fine\"");
}

TEST_F(ServerTest, AHandlerThatBlocksHurtsItsOwnCallAlone) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  Raw("gate", IpcRun::kThread, gate_.Handler());
  Start();
  Caller stuck = Connect();
  for (std::uint32_t i = 1; i <= 10; ++i) stuck.Call(i, "gate");
  ASSERT_TRUE(Eventually([&] { return gate_.inside() == 10; }));
  EXPECT_EQ(stuck.Ask("echo", Arguments("text", "same connection")), "\"same connection\"");
  EXPECT_EQ(Connect().Ask("echo", Arguments("text", "another")), "\"another\"");
  gate_.Open();
}

TEST_F(ServerTest, ADeadlineEndsACallAndTellsItsHandler) {
  Raw("gate", IpcRun::kThread, gate_.Handler());
  Start();
  Caller caller = Connect();
  EXPECT_THAT(caller.Ask("gate", "\x80", 50), StartsWith("deadline_exceeded: "));
  EXPECT_TRUE(Eventually([&] { return gate_.cancelled() == 1 && server_->calls() == 0; }));
}

TEST_F(ServerTest, TheHostsOwnDeadlineHoldsForCallersThatNameNone) {
  Raw("gate", IpcRun::kThread, gate_.Handler());
  router_.limits.call_time = absl::Milliseconds(50);
  Start();
  Caller caller = Connect();
  EXPECT_THAT(caller.Ask("gate"), StartsWith("deadline_exceeded: "));
  EXPECT_THAT(caller.Ask("gate", "\x80", 3'600'000), StartsWith("deadline_exceeded: "));
}

TEST_F(ServerTest, ACallersCancellationEndsItsCall) {
  Raw("gate", IpcRun::kThread, gate_.Handler());
  Start();
  Caller caller = Connect();
  caller.Call(1, "gate");
  ASSERT_TRUE(Eventually([&] { return gate_.inside() == 1; }));
  caller.Cancel(1);
  EXPECT_THAT(caller.Next().Text(), StartsWith("cancelled: "));
  EXPECT_TRUE(Eventually([&] { return gate_.cancelled() == 1; }));
  caller.Cancel(1);  // too late: nothing comes of it
  gate_.Open();
  EXPECT_EQ(caller.Ask("gate"), "\"through\"");
}

TEST_F(ServerTest, AnAnswerAfterTheEndOfItsCallIsNotThatOfALaterOneWithItsId) {
  std::promise<IpcCall> first;
  std::promise<IpcCall> second;
  std::atomic<int> calls = 0;
  Raw("keep", IpcRun::kLoop, [&](const IpcCall& call) { (calls++ == 0 ? first : second).set_value(call); });
  Start();
  Caller caller = Connect();
  caller.Call(7, "keep");
  const IpcCall late = first.get_future().get();
  caller.Cancel(7);
  EXPECT_THAT(caller.Next().Text(), StartsWith("cancelled: "));
  caller.Call(7, "keep");
  const IpcCall now = second.get_future().get();
  late.Finish(leash::internal::PackIpc("late"));
  EXPECT_EQ(GetErrorCode(late.Yield(leash::internal::PackIpc("late"))), ErrorCode::kClosed);
  now.Finish(leash::internal::PackIpc("now"));
  EXPECT_EQ(caller.Next().Text(), "\"now\"");
}

TEST_F(ServerTest, ACallerThatGoesCancelsItsCalls) {
  Raw("gate", IpcRun::kThread, gate_.Handler());
  Start();
  Caller caller = Connect();
  caller.Call(1, "gate");
  ASSERT_TRUE(Eventually([&] { return gate_.inside() == 1; }));
  caller.Close();
  EXPECT_TRUE(Eventually([&] { return gate_.cancelled() == 1 && server_->connections() == 0; }));
}

TEST_F(ServerTest, SendsItemsInOrderBeforeTheResponse) {
  ASSERT_TRUE(router_.Register(Stream()).ok());
  Start();
  Caller caller = Connect();
  caller.Call(1, "stream", leash::internal::PackIpc(std::map<std::string, int>{{"items", 3}}));
  for (int i = 0; i < 3; ++i) {
    const Caller::Answer item = caller.Next();
    EXPECT_EQ(item.kind, FrameKind::kItem);
    EXPECT_EQ(item.Text(), "\"" + std::string(100, 'x') + std::to_string(i) + "\"");
  }
  const Caller::Answer end = caller.Next();
  EXPECT_EQ(end.kind, FrameKind::kResult);
  EXPECT_EQ(end.Text(), "null");
}

TEST_F(ServerTest, ASlowReaderHoldsUpItsStreamRatherThanTheHostsMemory) {
  Stream stream;
  const auto stopped = stream.stopped;
  ASSERT_TRUE(router_.Register(std::move(stream)).ok());
  router_.limits.frame_bytes = 64U << 10;
  Start();
  Caller caller = Connect();
  caller.Call(1, "stream", leash::internal::PackIpc(std::map<std::string, int>{{"items", 100'000'000}}));
  ASSERT_EQ(caller.Next().kind, FrameKind::kItem);
  std::size_t most = 0;
  for (int i = 0; i < 50; ++i) {
    absl::SleepFor(absl::Milliseconds(10));
    most = std::max(most, server_->bytes());
  }
  EXPECT_LT(most, 512U << 10);
  caller.Close();
  EXPECT_TRUE(Eventually([&] { return *stopped > 0; }));
  EXPECT_TRUE(Eventually([&] { return server_->bytes() == 0; }));
}

TEST_F(ServerTest, ManyConnectionsThatAnnounceMuchCostLittle) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  router_.limits.connections = 250;
  Start();
  std::vector<Caller> callers;
  for (int i = 0; i < 200; ++i) {
    callers.push_back(Connect());
    callers.back().Send(std::string("\x00\x3f\xff\xff\x01\x01\0\0\0\0\0\x01", 12));
  }
  EXPECT_TRUE(Eventually([&] { return server_->bytes() == 200 * 12; }));
  EXPECT_EQ(server_->connections(), 200U);
  EXPECT_EQ(Connect().Ask("echo", Arguments("text", "me too")), "\"me too\"");
}

TEST_F(ServerTest, AFrameThatDoesNotEndClosesItsConnection) {
  router_.limits.frame_time = absl::Milliseconds(100);
  Start();
  Caller caller = Connect();
  caller.Send(std::string("\0\0\0\x10\x01", 5));
  EXPECT_THAT(caller.Next().Text(), StartsWith("protocol: a frame was begun"));
  EXPECT_TRUE(caller.Next().end);
}

TEST_F(ServerTest, AConnectionThatIsStillIsLeftAlone) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  router_.limits.frame_time = absl::Milliseconds(50);
  Start();
  Caller caller = Connect();
  EXPECT_EQ(caller.Ask("echo", Arguments("text", "before")), "\"before\"");
  absl::SleepFor(absl::Milliseconds(300));
  EXPECT_EQ(caller.Ask("echo", Arguments("text", "after")), "\"after\"");
}

TEST_F(ServerTest, TakesNoMoreConnectionsThanItMay) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  router_.limits.connections = 2;
  Start();
  Caller one = Connect();
  Caller two = Connect();
  Caller three = Connect();
  EXPECT_TRUE(three.Next().end);
  EXPECT_EQ(two.Ask("echo", Arguments("text", "x")), "\"x\"");
  one.Close();
  ASSERT_TRUE(Eventually([&] { return server_->connections() == 1; }));
  EXPECT_EQ(Connect().Ask("echo", Arguments("text", "x")), "\"x\"");
}

TEST_F(ServerTest, ReadsNoMoreCallsThanMayBeUnderWay) {
  Raw("gate", IpcRun::kThread, gate_.Handler());
  router_.limits.calls_per_connection = 4;
  Start();
  Caller caller = Connect();
  for (std::uint32_t i = 1; i <= 20; ++i) caller.Call(i, "gate");
  ASSERT_TRUE(Eventually([&] { return gate_.inside() == 4; }));
  absl::SleepFor(absl::Milliseconds(100));
  EXPECT_EQ(server_->calls(), 4U);
  gate_.Open();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(caller.Next().Text(), "\"through\"");
}

TEST_F(ServerTest, CallsThatAreOverForTheirCallerStillCountWhileTheirHandlersRun) {
  std::atomic<bool> open = false;
  Raw("deaf", IpcRun::kThread, [&](const IpcCall&) {
    while (!open) absl::SleepFor(absl::Milliseconds(5));
  });
  router_.limits.calls = 3;
  Start();
  Caller caller = Connect();
  for (int i = 0; i < 3; ++i) EXPECT_THAT(caller.Ask("deaf", "\x80", 20), StartsWith("deadline_exceeded: "));
  EXPECT_THAT(caller.Ask("deaf", "\x80", 20), StartsWith("resource_exhausted: "));
  open = true;
  ASSERT_TRUE(Eventually([&] { return server_->calls() == 0; }));
  EXPECT_THAT(caller.Ask("deaf"), StartsWith("internal: "));
}

TEST_F(ServerTest, SaysWhoCalls) {
  Raw("who", IpcRun::kLoop, [](const IpcCall& call) {
    const IpcContext& context = call.context();
    call.Finish(leash::internal::PackIpc(std::to_string(context.sandbox_id) + " " + std::to_string(context.pid) + " " +
                                         std::to_string(context.uid) + " " + context.command));
  });
  Start();
  EXPECT_EQ(Connect().Ask("who"), "\"42 " + std::to_string(::getpid()) + " " + std::to_string(::getuid()) + " who\"");
}

TEST_F(ServerTest, DescribesItsCommands) {
  ASSERT_TRUE(router_.Register(Echo()).ok());
  Start();
  Caller caller = Connect();
  std::string frame;
  AppendFrame(FrameKind::kDescribe, 9, {}, frame);
  caller.Send(frame);
  EXPECT_THAT(caller.Next().Text(), StartsWith("{\"echo\":{"));
}

TEST_F(ServerTest, TakesFunctionsOnObjectsAndBinary) {
  ASSERT_TRUE(
      RegisterDynamicIpc(router_, "reverse", {.takes_others = true},
                         [](const msgpack::object& args, const IpcContext&) -> absl::StatusOr<msgpack::object_handle> {
                           auto bytes = args.as<std::map<std::string, std::vector<char>>>().at("data");
                           std::reverse(bytes.begin(), bytes.end());
                           auto zone = std::make_unique<msgpack::zone>();
                           msgpack::object answer(bytes, *zone);
                           return msgpack::object_handle(answer, std::move(zone));
                         })
          .ok());
  Start();
  Caller caller = Connect();
  caller.Call(1, "reverse", leash::internal::PackIpc(std::map<std::string, std::vector<char>>{{"data", {1, 0, 2}}}));
  EXPECT_EQ(caller.Next().body, std::string("\xc4\x03\x02\x00\x01", 5));
  EXPECT_EQ(caller.Ask("reverse", Arguments("other", "x")), "internal: the handler failed");
}

TEST_F(ServerTest, AResponseThatIsTooLargeIsAnError) {
  Raw("large", IpcRun::kThread,
      [](const IpcCall& call) { call.Finish(leash::internal::PackIpc(std::string(100'000, 'x'))); });
  router_.limits.frame_bytes = 50'000;
  Start();
  EXPECT_THAT(Connect().Ask("large"), StartsWith("out_of_range: "));
}

TEST_F(ServerTest, EndsWithCallsUnderWay) {
  Raw("gate", IpcRun::kThread, gate_.Handler());
  Raw("never", IpcRun::kLoop,
      [kept = std::make_shared<std::vector<IpcCall>>()](const IpcCall& call) { kept->push_back(call); });
  Start();
  Caller caller = Connect();
  caller.Call(1, "gate");
  caller.Call(2, "never");
  ASSERT_TRUE(Eventually([&] { return gate_.inside() == 1; }));
  server_.reset();
  EXPECT_EQ(gate_.cancelled(), 1);
  EXPECT_TRUE(caller.Next().end);
}

class ListeningServerTest : public ServerTest {
 protected:
  void SetUp() override { ASSERT_NE(::mkdtemp(directory_.data()), nullptr); }
  void TearDown() override {
    ::unlink(Path().c_str());
    ::rmdir(directory_.c_str());
  }
  std::string Path() const { return directory_ + "/socket"; }

 private:
  std::string directory_ = ::testing::TempDir() + "leash-ipc-XXXXXX";
};

struct ShellRun {
  int status = -1;
  std::string output;  // of both streams
};

ShellRun RunShell(const std::string& command) {
  ShellRun run;
  FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (const std::size_t got = std::fread(buffer, 1, sizeof(buffer), pipe)) run.output.append(buffer, got);
  run.status = ::pclose(pipe);
  return run;
}

TEST_F(ListeningServerTest, ServesAClientThatWasWrittenFromTheDocument) {
  auto listener = base::ListenUnix(Path());
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  ASSERT_TRUE(router_.Register(Echo()).ok());
  ASSERT_TRUE(router_.Register(Stream()).ok());
  auto server = Server::Start({.router = std::make_shared<const IpcRouter>(router_), .listener = *std::move(listener)});
  ASSERT_TRUE(server.ok());
  const std::string client = "LEASH_IPC=" + Path() + " " + LEASH_PYTHON_CLIENT;
  EXPECT_EQ(RunShell(client + R"( echo '{"text": "hello \u00e4"}')").output, "\"hello \\u00e4\"\n");
  const ShellRun items = RunShell(client + R"( stream '{"items": 2}')");
  EXPECT_EQ(items.status, 0);
  EXPECT_THAT(items.output, testing::EndsWith("x1\"\nnull\n"));
  const ShellRun fails = RunShell(client + R"( echo '{"text": 1}')");
  EXPECT_NE(fails.status, 0);
  EXPECT_THAT(fails.output, StartsWith("invalid_argument: "));
}

TEST_F(ListeningServerTest, IsReachedByItsPathAloneWhichIsItsOwners) {
  const std::string path = Path();
  auto listener = base::ListenUnix(path);
  ASSERT_TRUE(listener.ok()) << listener.status().message();
  struct stat status = {};
  ASSERT_EQ(::lstat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode, static_cast<mode_t>(S_IFSOCK | 0600));
  ASSERT_TRUE(router_.Register(Echo()).ok());
  std::atomic<bool> admits = true;
  auto server = Server::Start({.router = std::make_shared<const IpcRouter>(router_),
                               .listener = *std::move(listener),
                               .admits = [&](const base::UnixPeer& peer) { return admits && peer.uid == ::getuid(); }});
  ASSERT_TRUE(server.ok());
  const auto connect = [&] {
    base::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = {}};
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    return Caller(std::move(socket));
  };
  EXPECT_EQ(connect().Ask("echo", Arguments("text", "x")), "\"x\"");
  admits = false;
  EXPECT_TRUE(connect().Next().end);
}

}  // namespace
}  // namespace leash::ipc
