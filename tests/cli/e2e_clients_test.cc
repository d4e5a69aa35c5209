// leash run --network with the programs that people run there, each to a server that it may talk to and to one that it
// may not. What is not installed is skipped. LEASH_SOAK=1 makes the stream of events last five minutes.
#include <pwd.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "gmock/gmock.h"
#include "network_fixture.h"

namespace leash::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ClientsTest : public NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    for (const auto& entry : std::filesystem::directory_iterator(Source(""))) {
      root().CopyFile(entry.path().string(), "project/" + entry.path().filename().string(), 0644);
    }
  }
  // The scripts are in the current directory, which the sandbox may read.
  static std::string Source(const std::string& name) {
    return std::string(LEASH_SOURCE_DIR) + "/tests/cli/clients/" + name;
  }
  static std::string Python(const std::string& script) { return "/usr/bin/python3 -B " + script; }
  // Why a program cannot be used, or nothing.
  std::string Missing(const std::string& program, const std::string& try_it) const {
    if (!Has(program.c_str())) return "no " + program + " here";
    const RunResult tried = Leash({"run", "sh", "-c", try_it});
    return tried.code == 0 ? "" : program + " is where no sandbox sees it: " + tried.err;
  }
};
INSTANTIATE_TEST_SUITE_P(Users, ClientsTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(ClientsTest, CurlSpeaksHttp2AndSocks) {
  if (!Has("nghttpd")) GTEST_SKIP() << "no nghttpd here";
  Restart({"http2"});
  ASSERT_NE(world_->Port("http2"), "0");
  const std::string port = world_->Port("http2");
  const std::string curl = "curl -sS -m 20 --http2 --cacert ca.pem -w '%{http_version}\\n' ";
  const std::string url = " https://server.test:" + port + "/index.html; ";
  EXPECT_EQ(Inside(curl + url + curl + "--socks5-hostname 127.0.0.1:3128" + url + kNoProxy + curl + url).out,
            "from the web\n2\nfrom the web\n2\nfrom the web\n2\n");
  const std::string other = " https://other.test:" + port + "/index.html; ";
  const std::string out =
      Inside(curl + other + curl + "--socks5-hostname 127.0.0.1:3128" + other + kNoProxy + curl + other).out;
  EXPECT_EQ(out, "0\n0\n0\n");
}

TEST_P(ClientsTest, GitClonesOverSsh) {
  Restart({"ssh"});
  if (world_->Port("ssh") == "0") GTEST_SKIP() << "no sshd here";
  const passwd* user = ::getpwuid(::geteuid());
  ASSERT_NE(user, nullptr);
  const std::string options =
      " -F /dev/null -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=$HOME/known -o "
      "ConnectTimeout=20 -o LogLevel=ERROR ";
  const std::string account = std::string(user->pw_name) + "@";
  // Without the sandbox: accounts that nobody logs in to, as a system's own, have no server of theirs.
  const std::string control = "HOME='" + root().Path("world") + "'; ssh" + options + "-i $HOME/id -p " +
                              world_->Port("ssh") + " " + account + "127.0.0.1 true 2>/dev/null";
  if (std::system(control.c_str()) != 0) GTEST_SKIP() << "sshd lets " << user->pw_name << " not in";
  root().CopyFile(root().Path("world/id"), "project/id", 0600);
  const auto clone = [&](const char* host) {
    return "export GIT_SSH_COMMAND=\"ssh -i $PWD/id" + options + "\"; cd; git clone -q ssh://" + account + host + ":" +
           world_->Port("ssh") + root().Path("world/www/repo.git") + " ";
  };
  const RunResult result = Inside(clone("server.test") + "here && cat here/file");
  EXPECT_EQ(result.out, "one\n") << result.err;
  const RunResult denied = Inside(clone("other.test") + "there");
  EXPECT_NE(denied.code, 0);
  EXPECT_THAT(denied.err, HasSubstr("other.test"));
}

TEST_P(ClientsTest, NpmInstallsFromItsRegistry) {
  if (const std::string why = Missing("npm", "npm --version"); !why.empty()) GTEST_SKIP() << why;
  const auto install = [&](const char* host) {
    return "cd && npm install --no-audit --no-fund --no-update-notifier --fetch-retries=0 --registry=http://" +
           std::string(host) + ":" + world_->Port("registry") + "/ leash-tiny >log 2>&1; cat log >&2; ";
  };
  const RunResult result = Inside(install("server.test") + "node node_modules/leash-tiny/index.js");
  EXPECT_EQ(result.out, "tiny, by npm\n") << result.err;
  EXPECT_EQ(Inside(kNoProxy + install("server.test") + "node node_modules/leash-tiny/index.js").out, "tiny, by npm\n");
  const RunResult denied = Inside(install("other.test") + "ls node_modules");
  EXPECT_THAT(denied.out, Not(HasSubstr("leash-tiny")));
  EXPECT_THAT(denied.err, HasSubstr("E403"));
}

TEST_P(ClientsTest, PipInstallsFromItsIndex) {
  if (Leash({"run", "/usr/bin/python3", "-m", "pip", "--version"}).code != 0) GTEST_SKIP() << "no pip here";
  const auto install = [&](const char* host) {
    return "/usr/bin/python3 -m pip install -q --disable-pip-version-check --no-cache-dir --retries 0 --target "
           "$HOME/tiny "
           "--trusted-host " +
           std::string(host) + " --index-url http://" + host + ":" + world_->Port("registry") + "/simple leash-tiny; ";
  };
  const RunResult result = Inside(install("server.test") + "/usr/bin/python3 -B $HOME/tiny/leash_tiny.py");
  EXPECT_EQ(result.out, "tiny, by pip\n") << result.err;
  const RunResult denied = Inside(install("other.test") + "ls $HOME/tiny");
  EXPECT_THAT(denied.out, Not(HasSubstr("leash_tiny")));
  EXPECT_THAT(denied.err, HasSubstr("No matching distribution"));
}

TEST_P(ClientsTest, PythonKeepsItsConnection) {
  EXPECT_EQ(Inside(Python("session.py server.test " + world_->Port("http") + " other.test")).out,
            "from the web on a new one\nfrom the web on the same connection\ngaierror\n");
}

TEST_P(ClientsTest, GoGets) {
  if (!Has("go")) GTEST_SKIP() << "no go here";
  const std::string build =
      "cd '" + root().Path("world") + "' && cp '" + Source("client.go") +
      "' . && GO111MODULE=off GOCACHE=\"$PWD/cache\" GOFLAGS= go build -o ../project/client client.go";
  ASSERT_EQ(std::system(build.c_str()), 0);
  const std::string get = "./client " + Url("http") + " " + Url("https") + " " + Url("http", "other.test");
  const std::vector<std::string> executable = {"--executable", Project("client")};
  EXPECT_THAT(Inside(get, executable).out,
              AllOf(StartsWith("200 from the web\n200 from the web\n403 "), HasSubstr("denied")));
  EXPECT_EQ(Inside(kNoProxy + get, executable).out, "200 from the web\n200 from the web\nerror\n");
}

TEST_P(ClientsTest, JavaGets) {
  if (const std::string why = Missing("javac", "java --version"); !why.empty()) GTEST_SKIP() << why;
  EXPECT_EQ(
      Inside("java -Xmx256m -XX:TieredStopAtLevel=1 Client.java " + Url("http") + " " + Url("http", "other.test")).out,
      "200 from the web\nerror\n");
}

TEST_P(ClientsTest, PsqlAsksItsServer) {
  if (const std::string why = Missing("psql", "psql --version"); !why.empty()) GTEST_SKIP() << why;
  Restart({"postgres"});
  if (world_->Port("postgres") == "0") GTEST_SKIP() << "no PostgreSQL here";
  const std::string psql = "PGCONNECT_TIMEOUT=20 psql -U tester -d postgres -p " + world_->Port("postgres") + " ";
  const RunResult result = Inside(psql + "-h server.test -Atc 'SELECT sum(n) FROM generate_series(1, 1000) n'; " +
                                  psql + "-h other.test -Atc 'SELECT 1'; " + psql + "-h 192.0.2.1 -Atc 'SELECT 2'");
  EXPECT_EQ(result.out, "500500\n") << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("other.test"), HasSubstr("192.0.2.1")));
}

TEST_P(ClientsTest, WebSocketsTalk) {
  const std::string port = world_->Port("http");
  std::string script;
  for (const char* way : {"direct", "connect", "proxy"}) {
    script += Python("websocket.py server.test " + port + " " + way) + "; ";
    script += Python("websocket.py other.test " + port + " " + way) + "; ";
  }
  const RunResult result = Inside(script);
  EXPECT_EQ(result.out, "direct said and heard\nconnect said and heard\nproxy said and heard\n") << result.err;
  EXPECT_THAT(result.err, AllOf(HasSubstr("gaierror"), HasSubstr("403")));
}

// Events that come one by one, and a long silence.
TEST_P(ClientsTest, EventsKeepComing) {
  const bool soak = std::getenv("LEASH_SOAK") != nullptr;
  const std::string events = soak ? "events/300/1/30" : "events/4/0.5/8";
  std::vector<std::string> words = {"run"};
  for (const std::string& option : Options()) words.push_back(option);
  const std::string read = Python("events.py " + Url("http") + events) + " & ";
  words.insert(words.end(), {"sh", "-c", read + kNoProxy + read + "wait"});
  HandOver();
  const RunResult result = LeashProcess(binary(), StartOf(words)).Finish(std::chrono::seconds(soak ? 400 : 60));
  const std::string line = soak ? "300 events, one by one\n" : "4 events, one by one\n";
  EXPECT_EQ(result.out, line + line) << result.err;
}

}  // namespace
}  // namespace leash::testing
