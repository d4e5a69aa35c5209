// The way out of a sandbox to the host's commands leads to its own host and nowhere else. Through the library, because
// `leash run` has no commands.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string>

#include "guarantees.h"
#include "leash/leash.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

using UserAndMechanism = std::tuple<Who, Namespaces>;

class HostCalls : public testing::TestWithParam<UserAndMechanism> {
 protected:
  World& world() const { return World::Of(std::get<0>(GetParam())); }
  void SetUp() override {
    if (const std::string why = WhyNot(std::get<0>(GetParam())); !why.empty()) GTEST_SKIP() << why;
    if (namespaces() == Namespaces::kRequire && !HasNamespaces(world())) GTEST_SKIP() << "namespaces: refused here";
  }
  static Namespaces namespaces() { return std::get<1>(GetParam()); }

  // Runs `act` as the user, in a process of its own.
  template <typename F>
  int As(F act) {
    return RunAs(world().who(), [&] {
      setenv("HOME", world().home().c_str(), 1);
      setenv("TMPDIR", world().temporary().c_str(), 1);
      if (chdir(world().empty_directory().c_str()) == -1) return 100;
      return act();
    });
  }
};

std::string ClientSource() {
  std::ifstream file(LEASH_IPC_CLIENT);
  std::stringstream text;
  text << file.rdbuf();
  std::string source = text.str();
  return source.substr(0, source.find("if __name__"));
}

// What the scripts below have in common: "ok" or the name of the error.
constexpr char kActs[] = R"(
import ctypes, errno
def told(act):
    try:
        act()
        return "ok"
    except OSError as e:
        return errno.errorcode[e.errno]
def unix(path, kind=socket.SOCK_STREAM):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(10)
    s.connect(path)
    return s
libc = ctypes.CDLL(None, use_errno=True)
def raw_connect(s, address, size):
    if libc.connect(s.fileno(), address, size) != 0:
        raise OSError(ctypes.get_errno(), "")
ipc = os.environ.get("LEASH_IPC", "")
)";

// A host whose one command counts how often it is called, and remembers by whom.
struct Host {
  std::atomic<int> calls = 0;
  std::atomic<pid_t> pid = 0;
  std::atomic<uid_t> uid = 0;

  IpcRouter Router() {
    IpcRouter router;
    const absl::Status added = router.RegisterRaw("touch", {}, IpcRun::kThread, [this](const IpcCall& call) {
      pid = call.context().pid;
      uid = call.context().uid;
      ++calls;
      call.Finish(std::string("\xc3"));
    });
    if (!added.ok()) abort();
    return router;
  }
};

template <NetworkPolicy N>
std::string Said(Sandbox<N>& sandbox, const std::string& script) {
  auto child = sandbox.Command(LEASH_PYTHON3)
                   .Arg("-c")
                   .Arg(ClientSource() + kActs + script)
                   .Stdout(Stdio::Pipe())
                   .Stderr(Stdio::Pipe())
                   .Spawn();
  if (!child.ok()) return std::string(child.status().message());
  auto output = child->WaitWithOutput();
  return output.ok() ? output->stdout_bytes + output->stderr_bytes : std::string(output.status().message());
}

int Differs(const std::string& what, const std::string& got, const std::string& wanted) {
  if (got == wanted) return 0;
  fprintf(stderr, "%s: %s instead of %s\n", what.c_str(), got.c_str(), wanted.c_str());
  return 1;
}

// Somebody else's server, in a directory that the sandbox is granted. Counts who connects.
class Stranger {
 public:
  explicit Stranger(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ::unlink(path.c_str());
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) abort();
    if (::listen(socket_, 64) != 0) abort();
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  ~Stranger() { ::close(socket_); }
  int Connections() const {
    int count = 0;
    for (int client = -1; (client = ::accept(socket_, nullptr, nullptr)) >= 0; ++count) ::close(client);
    return count;
  }

 private:
  const int socket_;
};

TEST_P(HostCalls, ComeWithWhoAsks) {
  EXPECT_EQ(
      As([] {
        Host host;
        auto sandbox = Sandbox<>::Create(SandboxConfig::Builder().Namespaces(namespaces()).Ipc(host.Router()).Build());
        if (!sandbox.ok()) return Differs("create", std::string(sandbox.status().message()), "");
        auto child = sandbox->Command(LEASH_PYTHON3).Arg("-c").Arg(ClientSource() + "list(call('touch', {}))").Spawn();
        if (!child.ok()) return 1;
        const pid_t pid = child->Pid();
        const auto status = child->Wait();
        if (!status.ok() || !status->Success()) return 2;
        if (host.calls != 1 || host.uid != ::geteuid()) return 3;
        return host.pid == pid ? 0 : 4;
      }),
      0);
}

TEST_P(HostCalls, LeadNowhereElse) {
  const std::string directory = world().root() + "/scratch/calls";
  RemoveTree(directory);
  MakeDirectory(directory, 0755, world().who());
  EXPECT_EQ(As([&] {
              const std::string path = directory + "/server";
              Stranger stranger(path);
              Host host;
              auto sandbox = Sandbox<>::Create(
                  SandboxConfig::Builder().Namespaces(namespaces()).Writable(directory).Ipc(host.Router()).Build());
              if (!sandbox.ok()) return Differs("create", std::string(sandbox.status().message()), "");
              const std::string script = R"(
import struct
out = []
def act(name, f):
    out.append(name + "=" + ("ok" if told(f) == "ok" else "refused"))
act("straight", lambda: unix(PATH))
act("packets", lambda: unix(PATH, socket.SOCK_SEQPACKET))
act("datagrams", lambda: unix(PATH, socket.SOCK_DGRAM))
act("abstract", lambda: unix("\0leash-guarantee"))
s = unix(ipc)
act("again", lambda: s.connect(PATH))
act("unspecified", lambda: raw_connect(s, struct.pack("H", 0) + bytes(60), 62))
act("after it", lambda: s.connect(PATH))
act("sendto", lambda: s.sendto(b"x", PATH))
act("sendmsg", lambda: s.sendmsg([b"x"], [], 0, PATH))
s.shutdown(socket.SHUT_RDWR)
act("after shutdown", lambda: s.connect(PATH))
act("listen", lambda: s.listen(1))
act("inet", lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
act("inet6", lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
act("udp", lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
act("vsock", lambda: socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM))
act("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
print(*[x for x in out if not x.endswith("refused")])
print(list(call("touch", {})))
)";
              const std::string said = Said(*sandbox, "PATH = '" + path + "'\n" + script);
              // sendto(2) on a connected stream ignores no name: EISCONN. What it may do is talk to the host.
              int wrong = Differs("acts", said, "\n[True]\n");
              wrong += Differs("strangers", std::to_string(stranger.Connections()), "0");
              // The same acts reach it from outside.
              const std::string outside = std::string(LEASH_PYTHON3) +
                                          " -c 'import socket; socket.socket(socket.AF_UNIX)." + "connect(\"" + path +
                                          "\")'";
              wrong += Differs("control", std::to_string(system(outside.c_str())), "0");
              wrong += Differs("control", std::to_string(stranger.Connections()), "1");
              return wrong;
            }),
            0);
}

// Neither another sandbox, with commands of its own or with none, nor somebody outside, of whichever user.
TEST_P(HostCalls, AreNobodyElses) {
  EXPECT_EQ(As([] {
              Host host;
              Host other;
              const auto config = SandboxConfig::Builder().Namespaces(namespaces());
              auto mine = Sandbox<>::Create(SandboxConfigBuilder<DenyAll>(config).Ipc(host.Router()).Build());
              auto neighbour = Sandbox<>::Create(SandboxConfigBuilder<DenyAll>(config).Ipc(other.Router()).Build());
              auto mute = Sandbox<>::Create(config.Build());
              if (!mine.ok() || !neighbour.ok() || !mute.ok()) return 1;
              std::string path = Said(*mine, "list(call('touch', {})); print(ipc, end='')");
              if (host.calls != 1) return Differs("control", path, "");
              const std::string touch = "PATH = '" + path + "'\n" + R"(
os.environ["LEASH_IPC"] = PATH
try:
    print(list(call("touch", {})))
except OSError as e:
    print("refused")
)";
              int wrong = Differs("neighbour", Said(*neighbour, touch), "refused\n");
              wrong += Differs("mute", Said(*mute, touch), "refused\n");
              sockaddr_un address = {};
              address.sun_family = AF_UNIX;
              path.copy(address.sun_path, sizeof(address.sun_path) - 1);
              const int outside = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
              const bool reached =
                  ::connect(outside, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
              wrong += Differs("outside", reached ? "reached" : std::to_string(errno), std::to_string(ENOENT));
              wrong += Differs("calls", std::to_string(host.calls), "1");
              wrong += Differs("calls of the other", std::to_string(other.calls), "0");
              // What it tried reaches a host when it is its own.
              wrong += Differs("control", Said(*neighbour, "list(call('touch', {}))"), "");
              wrong += Differs("control", std::to_string(other.calls), "1");
              return wrong;
            }),
            0);
}

// With a network policy, connections of TCP go to the egress proxy as before, whatever the length of their address.
TEST_P(HostCalls, LeaveTheNetworkToItsPolicy) {
  EXPECT_EQ(As([] {
              Host host;
              std::atomic<int> asked = 0;
              auto policy = CustomPolicy([&](const NetworkRequest&) {
                ++asked;
                return Verdict::kDeny;
              });
              auto sandbox = Sandbox<decltype(policy)>::Create(
                  SandboxConfig::Builder().Namespaces(namespaces()).Ipc(host.Router()).Network(policy).Build());
              if (!sandbox.ok()) return Differs("create", std::string(sandbox.status().message()), "");
              const std::string said = Said(*sandbox, R"(
import struct
def inet(size):
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    s.settimeout(10)
    address = struct.pack("=H", socket.AF_INET) + struct.pack("!H", 80) + socket.inet_aton("192.0.2.1") + bytes(size - 8)
    s.setblocking(True)
    raw_connect(s, address, size)
    s.sendall(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n")
    s.recv(10)
told(lambda: inet(16))
told(lambda: inet(128))
print(told(lambda: unix("/nowhere/that/is/long/enough/to/be/seen")), list(call("touch", {})))
)");
              int wrong = 0;
              if (said != "ECONNREFUSED [True]\n" && said != "EPERM [True]\n" && said != "ENOENT [True]\n") {
                wrong += Differs("acts", said, "ECONNREFUSED [True]");
              }
              if (asked < 2) wrong += Differs("asked", std::to_string(asked), "2");
              return wrong;
            }),
            0);
}

// A host that has no command for it leaves no way out at all.
TEST_P(HostCalls, AreAWayThatIsNotThereUnlessAskedFor) {
  EXPECT_EQ(As([] {
              auto sandbox = Sandbox<>::Create(SandboxConfig::Builder().Namespaces(namespaces()).Build());
              if (!sandbox.ok()) return 1;
              return Differs("variable", Said(*sandbox, "print([ipc])"), "['']\n");
            }),
            0);
}

std::string ParameterName(const testing::TestParamInfo<UserAndMechanism>& info) {
  return std::string(WhoName(std::get<0>(info.param))) +
         (std::get<1>(info.param) == Namespaces::kRequire ? "WithNamespaces" : "WithoutNamespaces");
}
INSTANTIATE_TEST_SUITE_P(Promise, HostCalls,
                         testing::Combine(testing::Values(Who::kRoot, Who::kOrdinary),
                                          testing::Values(Namespaces::kRequire, Namespaces::kOff)),
                         ParameterName);

}  // namespace
}  // namespace leash::guarantees
