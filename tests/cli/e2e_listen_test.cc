// leash run --listen: servers inside a sandbox, reached from outside.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "leash_process.h"

namespace leash::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// Serves on the ports that it is given, of one family after the other; says what it was sent, and that it is inside.
constexpr char kServer[] = R"(
import socket, sys, threading
def serve(s):
    while True:
        c, _ = s.accept()
        c.sendall(b"inside: " + c.recv(1000))
        c.close()
for port in sys.argv[1:]:
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        try: s = socket.create_server((address, int(port)), family=family)
        except OSError as e:
            if family == socket.AF_INET: raise
            continue
        threading.Thread(target=serve, args=(s,), daemon=True).start()
print("ready", flush=True)
threading.Event().wait()
)";

// Tries to connect to each ADDRESS PORT that it is given: "connected", or the name of the error.
constexpr char kClient[] = R"(
import errno, socket, sys
for address, port in zip(sys.argv[1::2], sys.argv[2::2]):
    try:
        socket.create_connection((address, int(port)), 20).close()
        print("connected")
    except OSError as e: print(errno.errorcode.get(e.errno, e))
)";

// A socket on the host, on 127.0.0.1 and a port that was free.
int HostSocket(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  port = ntohs(address.sin_port);
  return fd;
}

// Nobody's, and below those that the kernel gives to connections (ip_local_port_range), which are at any moment another
// test's. Every process looks in a place of its own.
std::string FreePort() {
  constexpr int kFirst = 10000;
  constexpr int kCount = 20000;
  static int next = static_cast<int>(::getpid()) * 16 % kCount;
  for (int tried = 0; tried < kCount; ++tried) {
    next = (next + 1) % kCount;
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(kFirst + next));
    const bool free = ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    ::close(fd);
    if (free) return std::to_string(kFirst + next);
  }
  ADD_FAILURE() << "no port is free";
  return "0";
}

// From the host: what comes back for `said`, or the name of the error.
std::string Ask(const std::string& address, const std::string& port, const std::string& said = "hello") {
  const bool four = address.find(':') == std::string::npos;
  const int fd = ::socket(four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience = {20, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in in = {};
  sockaddr_in6 in6 = {};
  in.sin_family = AF_INET;
  in6.sin6_family = AF_INET6;
  in.sin_port = in6.sin6_port = htons(static_cast<std::uint16_t>(std::stoi(port)));
  ::inet_pton(AF_INET, address.c_str(), &in.sin_addr);
  ::inet_pton(AF_INET6, address.c_str(), &in6.sin6_addr);
  const auto* to = four ? reinterpret_cast<const sockaddr*>(&in) : reinterpret_cast<const sockaddr*>(&in6);
  std::string result;
  int error = 0;
  if (::connect(fd, to, four ? sizeof(in) : sizeof(in6)) != 0) error = errno;
  if (error == 0 && ::send(fd, said.data(), said.size(), MSG_NOSIGNAL) < 0) error = errno;
  char bytes[65536];
  ssize_t got = 0;
  while (error == 0 && (got = ::recv(fd, bytes, sizeof(bytes), 0)) > 0) {
    result.append(bytes, static_cast<std::size_t>(got));
  }
  if (error == 0 && got < 0) error = errno;
  ::close(fd);
  switch (error) {
    case 0:
      return result;
    case ECONNREFUSED:
      return "refused";
    case ECONNRESET:
      return "reset";
    default:
      return "error " + std::to_string(error);
  }
}

bool HasIpv6() {
  const std::string answer = Ask("::1", FreePort());
  return answer == "refused";
}

// An address of one of this machine's interfaces other than loopback; empty when there is none.
std::string OutsideAddress() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "";
  std::string found;
  for (const ifaddrs* one = all; one != nullptr && found.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    if ((one->ifa_flags & IFF_LOOPBACK) != 0 || (one->ifa_flags & IFF_UP) == 0) continue;
    char text[INET_ADDRSTRLEN];
    found = ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr, text, sizeof(text));
  }
  ::freeifaddrs(all);
  return found;
}

class ListenTest : public LeashTest {
 protected:
  void SetUp() override {
    LeashTest::SetUp();
    const RunResult control = Leash(Words({"--listen", "0:8080", "true"}));
    if (control.code != 0) GTEST_SKIP() << (WithoutNamespaces() ? "supervisor: " : "namespaces: ") << control.err;
  }

  static std::vector<std::string> Words(std::vector<std::string> words) {
    words.insert(words.begin(), {"run", "--namespaces", WithoutNamespaces() ? "off" : "require"});
    return words;
  }

  // leash run OPTIONS python3 -c SERVER PORTS, until it serves.
  std::unique_ptr<LeashProcess> Serve(std::vector<std::string> options, const std::vector<std::string>& ports) const {
    options.insert(options.end(), {"/usr/bin/python3", "-c", kServer});
    options.insert(options.end(), ports.begin(), ports.end());
    auto process = std::make_unique<LeashProcess>(binary(), StartOf(Words(options)));
    if (!process->WaitForOutput("ready")) ADD_FAILURE() << ::testing::PrintToString(process->Finish());
    return process;
  }
  RunResult Inside(std::vector<std::string> options, const std::string& script,
                   const std::vector<std::string>& arguments) const {
    options.insert(options.end(), {"/usr/bin/python3", "-c", script});
    options.insert(options.end(), arguments.begin(), arguments.end());
    return Leash(Words(options));
  }
};
INSTANTIATE_TEST_SUITE_P(Users, ListenTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(ListenTest, AServerInsideIsReachedOnThatPortAlone) {
  for (const char* network : {"deny", "allow"}) {
    const std::string published = FreePort();
    const std::string other = FreePort();
    const auto leash = Serve({"--network", network, "--listen", published}, {published, other});
    EXPECT_EQ(Ask("127.0.0.1", published), "inside: hello") << network;
    EXPECT_EQ(Ask("127.0.0.1", other), "refused") << network;
    if (HasIpv6()) {
      EXPECT_EQ(Ask("::1", published), "inside: hello") << network;
      EXPECT_EQ(Ask("::1", other), "refused") << network;
    }
    EXPECT_EQ(Ask("127.0.0.1", published, std::string(900, 'x')), "inside: " + std::string(900, 'x'));
    leash->Signal(SIGTERM);
    EXPECT_EQ(leash->Finish().err, "") << network;
    EXPECT_EQ(Ask("127.0.0.1", published), "refused") << "it ends with the sandbox";
  }
}

TEST_P(ListenTest, OnlyLoopbackOfTheHostIsListenedOn) {
  const std::string outside = OutsideAddress();
  const std::string port = FreePort();
  const std::string everywhere = FreePort();
  const std::string second = FreePort();
  const auto leash = Serve({"--listen", port, "--listen", "0.0.0.0:" + everywhere + ":" + port, "--listen",
                            "127.0.0.2:" + second + ":" + port},
                           {port});
  EXPECT_EQ(Ask("127.0.0.1", port), "inside: hello");
  EXPECT_EQ(Ask("127.0.0.2", port), "refused");
  EXPECT_EQ(Ask("127.0.0.1", second), "refused");
  EXPECT_EQ(Ask("127.0.0.2", second), "inside: hello");
  EXPECT_EQ(Ask("127.0.0.2", everywhere), "inside: hello");
  if (outside.empty()) return;
  EXPECT_EQ(Ask(outside, port), "refused");
  EXPECT_EQ(Ask(outside, everywhere), "inside: hello");
}

TEST_P(ListenTest, ItIsNoWayOut) {
  std::uint16_t number = 0;
  const int host = HostSocket(number);
  ASSERT_EQ(::listen(host, 8), 0);
  const std::string outside = std::to_string(number);
  const std::string port = FreePort();
  // The control: from outside it is there.
  EXPECT_EQ(Leash({"run", "true"}).code, 0);
  const int control = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(number);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(control, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ::close(control);
  // Inside, neither it nor leash's own listener nor anything else is; and without the option there is no socket at all.
  EXPECT_EQ(Inside({"--listen", port}, kClient, {"127.0.0.1", outside, "127.0.0.1", port, "192.0.2.1", "80"}).out,
            "ECONNREFUSED\nECONNREFUSED\nENETUNREACH\n");
  EXPECT_EQ(Inside({}, kClient, {"127.0.0.1", outside}).out, "EPERM\n");
  const char unix_socket[] = "import socket; socket.socket(socket.AF_UNIX).connect('/nonexistent')";
  // Without namespaces such sockets are for programs of one sandbox, and lead nowhere else.
  EXPECT_THAT(Inside({"--listen", port}, unix_socket, {}).err,
              HasSubstr(WithoutNamespaces() ? "FileNotFoundError" : "PermissionError"));
  ::close(host);
}

TEST_P(ListenTest, ProgramsInsideTalkOverLoopback) {
  constexpr char kBoth[] = R"(
import socket
for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
    try: server = socket.create_server((address, 0), family=family)
    except OSError:
        if family == socket.AF_INET: raise
        print("talked"); continue
    client = socket.create_connection(server.getsockname()[:2])
    server.accept()[0].sendall(b"talked\n")
    print(client.recv(100).decode(), end="")
)";
  EXPECT_EQ(Inside({"--listen", FreePort()}, kBoth, {}).out, "talked\ntalked\n");
}

// Also where a supervisor accepts for the program.
TEST_P(ListenTest, AcceptIsWhatProgramsKnow) {
  constexpr char kAccepts[] = R"(
import os, signal, socket, struct, time
class Interrupted(Exception): pass
def interrupt(*_): raise Interrupted
def result(act):
    try: return act()
    except Exception as e: return type(e).__name__
server = socket.create_server(("127.0.0.1", 8000))
signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.1)
print("a signal:", result(server.accept))
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 100000))
print("its own timeout:", result(server.accept))
server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, 0))
server.setblocking(False)
print("not to wait:", result(server.accept))
server.setblocking(True)
child = os.fork()
if child == 0:
    server.accept()
time.sleep(0.3)
server.close()
print("taken:", result(lambda: socket.create_server(("127.0.0.1", 8000))))
os.kill(child, signal.SIGKILL)
os.waitpid(child, 0)
server = socket.create_server(("127.0.0.1", 8000))
client = socket.create_connection(("127.0.0.1", 8000))
accepted, address = server.accept()
print("free:", address == client.getsockname(), accepted.get_inheritable(), accepted.getsockname())
print("no listener:", result(client.accept))
)";
  EXPECT_EQ(Inside({"--listen", FreePort()}, kAccepts, {}).out,
            "a signal: Interrupted\nits own timeout: BlockingIOError\nnot to wait: BlockingIOError\n"
            "taken: OSError\nfree: True False ('127.0.0.1', 8000)\nno listener: OSError\n");
}

TEST_P(ListenTest, WhereNobodyListensInsideTheClientIsReset) {
  const std::string port = FreePort();
  const auto leash = Serve({"--listen", port}, {});
  EXPECT_EQ(Ask("127.0.0.1", port), "reset");
  leash->Signal(SIGTERM);
  leash->Finish();
}

TEST_P(ListenTest, APortIsPublishedOnce) {
  const std::string port = FreePort();
  const auto leash = Serve({"--listen", port + ":8080"}, {"8080"});
  const RunResult second = Leash(Words({"--listen", port + ":8081", "touch", Project("started")}));
  EXPECT_TRUE(FailsWith(second, 125, "127.0.0.1:" + port));
  EXPECT_THAT(second.err, HasSubstr("0:8081"));
  EXPECT_NE(::access(Project("started").c_str(), F_OK), 0);
  EXPECT_EQ(Ask("127.0.0.1", port), "inside: hello");
  // Killed without a chance to clear up, it leaves nothing behind either.
  leash->Signal(SIGKILL);
  leash->Finish();
  EXPECT_EQ(Leash(Words({"--listen", port + ":8081", "true"})).code, 0);
}

TEST_P(ListenTest, AnyFreePortIsTold) {
  const RunResult result = Leash(Words({"--listen", "0:8080", "--listen", "[::1]:0:8081", "echo", "done"}));
  if (!HasIpv6()) {
    EXPECT_EQ(result.code, 125);
    return;
  }
  EXPECT_EQ(result.out, "done\n");
  EXPECT_THAT(result.err,
              AllOf(HasSubstr("leash: listening on 127.0.0.1:"), HasSubstr(" for port 8080 of the sandbox\n"),
                    HasSubstr("leash: listening on [::1]:"), HasSubstr(" for port 8081 of the sandbox\n")));
  EXPECT_THAT(result.err, Not(HasSubstr(":0 ")));
}

TEST_P(ListenTest, LastWordsReachTheClient) {
  const std::string port = FreePort();
  constexpr char kOnce[] = R"(
import os, socket, sys
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
print("ready", flush=True)
client = server.accept()[0]
client.recv(100)
client.sendall(b"x" * 1000000)
os._exit(0)
)";
  LeashProcess leash(binary(), StartOf(Words({"--listen", port, "/usr/bin/python3", "-c", kOnce, port})));
  ASSERT_TRUE(leash.WaitForOutput("ready"));
  EXPECT_EQ(Ask("127.0.0.1", port).size(), 1000000U);
  EXPECT_EQ(leash.Finish().code, 0);
}

TEST_P(ListenTest, PythonsOwnServerServes) {
  root().MakeFile("project/index.html", "from inside\n");
  HandOver();
  const std::string port = FreePort();
  LeashProcess server(
      binary(),
      StartOf(Words({"--listen", port + ":8123", "--", "/usr/bin/python3", "-u", "-m", "http.server", "8123"})));
  ASSERT_TRUE(server.WaitForOutput("Serving HTTP"));
  EXPECT_THAT(Ask("127.0.0.1", port, "GET / HTTP/1.0\r\n\r\n"),
              AllOf(StartsWith("HTTP/1.0 200 "), HasSubstr("from inside\n")));
  server.Signal(SIGTERM);
  server.Finish();
}

TEST_P(ListenTest, WhatCannotBeIsSaidBeforeAnythingRuns) {
  const auto with = [&](std::vector<std::string> options) {
    options.insert(options.end(), {"touch", Project("started")});
    return Leash(Words(options));
  };
  EXPECT_TRUE(FailsWith(with({"--listen", "8080/udp"}), 125, "character 6"));
  EXPECT_TRUE(FailsWith(with({"--listen", "80"}), 125, "1024"));
  EXPECT_TRUE(FailsWith(with({"--listen", "0:3128", "--network", "allow"}), 125, "3128"));
  EXPECT_TRUE(FailsWith(with({"--listen", "192.0.2.1:0:8080"}), 125, "192.0.2.1"));
  EXPECT_NE(::access(Project("started").c_str(), F_OK), 0);
  EXPECT_EQ(Leash(Words({"--listen", "0:3128", "true"})).code, 0);
}

}  // namespace
}  // namespace leash::testing
