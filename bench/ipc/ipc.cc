// What a call of the host costs, beside a byte that goes to another thread and back over the same kind of socket.
#include <sys/socket.h>

#include <array>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "base/unique_fd.h"
#include "benchmark/benchmark.h"
#include "ipc/frame.h"
#include "ipc/server.h"
#include "leash/leash.h"

namespace leash::ipc {
namespace {

using base::UniqueFd;

std::pair<UniqueFd, UniqueFd> SocketPair() {
  std::array<int, 2> ends = {-1, -1};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) std::abort();
  return {UniqueFd(ends[0]), UniqueFd(ends[1])};
}

bool SendAll(int fd, std::string_view bytes) {
  return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

// As many bytes as a small call and its answer have.
void BarePingPong(benchmark::State& state) {
  auto [here, there] = SocketPair();
  std::thread other([fd = there.get()] {
    char buffer[256];
    ssize_t got = 0;
    while ((got = ::recv(fd, buffer, sizeof(buffer), 0)) > 0) SendAll(fd, {buffer, static_cast<std::size_t>(got)});
  });
  const std::string message(40, 'x');
  char buffer[256];
  for (auto _ : state) {
    if (!SendAll(here.get(), message) || ::recv(here.get(), buffer, sizeof(buffer), 0) <= 0) std::abort();
  }
  here.reset();
  other.join();
}

std::unique_ptr<Server> MakeServer(IpcRun run) {
  IpcRouter router;
  const absl::Status added = router.RegisterRaw(
      "echo", {.takes_others = true}, run, [](const IpcCall& call) { call.Finish(std::string(call.arguments())); });
  if (!added.ok()) std::abort();
  auto server = Server::Start({.router = std::make_shared<const IpcRouter>(std::move(router))});
  if (!server.ok()) std::abort();
  return *std::move(server);
}

std::string CallFrame(std::uint32_t id) {
  std::string frame;
  AppendFrame(FrameKind::kCall, id, MakeCall({0, "echo", "\x81\xa4text\xa5hello"}), frame);
  return frame;
}

void RoundTrip(benchmark::State& state, IpcRun run) {
  const auto server = MakeServer(run);
  auto [here, there] = SocketPair();
  server->Adopt(std::move(there));
  const std::string frame = CallFrame(1);
  char buffer[256];
  for (auto _ : state) {
    if (!SendAll(here.get(), frame) || ::recv(here.get(), buffer, sizeof(buffer), 0) <= 0) std::abort();
  }
}
void SmallCallOnLoop(benchmark::State& state) { RoundTrip(state, IpcRun::kLoop); }
void SmallCallOnThread(benchmark::State& state) { RoundTrip(state, IpcRun::kThread); }

// Sixty-four calls under way on one connection.
void Pipelined(benchmark::State& state, IpcRun run) {
  constexpr std::uint32_t kCalls = 64;
  const auto server = MakeServer(run);
  auto [here, there] = SocketPair();
  server->Adopt(std::move(there));
  std::string batch;
  for (std::uint32_t id = 1; id <= kCalls; ++id) batch += CallFrame(id);
  char buffer[1U << 16];
  FrameReader reader(1U << 20);
  for (auto _ : state) {
    if (!SendAll(here.get(), batch)) std::abort();
    for (std::uint32_t answers = 0; answers < kCalls;) {
      const ssize_t got = ::recv(here.get(), buffer, sizeof(buffer), 0);
      if (got <= 0) std::abort();
      reader.Feed({buffer, static_cast<std::size_t>(got)}, [&](const Frame&) { return ++answers != 0; });
    }
  }
  state.SetItemsProcessed(state.iterations() * kCalls);
}
void PipelinedOnLoop(benchmark::State& state) { Pipelined(state, IpcRun::kLoop); }
void PipelinedOnThreads(benchmark::State& state) { Pipelined(state, IpcRun::kThread); }

// A command line in a sandbox that stands: the start of a program that does nothing, and of one that calls the host.
void Cold(benchmark::State& state, Namespaces namespaces, const std::string& program) {
  IpcRouter router;
  const absl::Status added =
      router.RegisterRaw("touch", {}, IpcRun::kThread, [](const IpcCall& call) { call.Finish(std::string("\xc0")); });
  if (!added.ok()) std::abort();
  auto sandbox = Sandbox<>::Create(SandboxConfig::Builder().Namespaces(namespaces).Ipc(std::move(router)).Build());
  if (!sandbox.ok()) return state.SkipWithError(std::string(sandbox.status().message()).c_str());
  for (auto _ : state) {
    const auto ended = sandbox->Command(program).Status();
    if (!ended.ok() || !ended->Success()) std::abort();
  }
}
void TrueWithNamespaces(benchmark::State& state) { Cold(state, Namespaces::kRequire, "/bin/true"); }
void CallWithNamespaces(benchmark::State& state) { Cold(state, Namespaces::kRequire, "touch"); }
void TrueWithoutNamespaces(benchmark::State& state) { Cold(state, Namespaces::kOff, "/bin/true"); }
void CallWithoutNamespaces(benchmark::State& state) { Cold(state, Namespaces::kOff, "touch"); }

BENCHMARK(BarePingPong)->UseRealTime();
BENCHMARK(SmallCallOnLoop)->UseRealTime();
BENCHMARK(SmallCallOnThread)->UseRealTime();
BENCHMARK(PipelinedOnLoop)->UseRealTime();
BENCHMARK(PipelinedOnThreads)->UseRealTime();
BENCHMARK(TrueWithNamespaces)->UseRealTime();
BENCHMARK(CallWithNamespaces)->UseRealTime();
BENCHMARK(TrueWithoutNamespaces)->UseRealTime();
BENCHMARK(CallWithoutNamespaces)->UseRealTime();

}  // namespace
}  // namespace leash::ipc

BENCHMARK_MAIN();
