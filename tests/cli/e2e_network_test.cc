// leash run --network: real programs, which know of no proxy or speak to one, against servers of the host's loopback.
#include <sstream>

#include "gmock/gmock.h"
#include "network_fixture.h"
#include "nlohmann/json.hpp"

namespace leash::testing {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

INSTANTIATE_TEST_SUITE_P(Users, NetworkTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(NetworkTest, ProgramsThatKnowNoProxyReachAllowedHosts) {
  EXPECT_EQ(Inside(std::string(kNoProxy) + "curl -sS " + Url("http")).out, "from the web\n");
  EXPECT_EQ(Inside(std::string(kNoProxy) + "curl -sS --cacert ca.pem " + Url("https")).out, "from the web\n");
  EXPECT_EQ(Inside(std::string(kNoProxy) + "curl -sS -d posted " + Url("http")).out, "posted");
}

TEST_P(NetworkTest, ProgramsThatSpeakToAProxyReachThemToo) {
  EXPECT_EQ(Inside("curl -sS " + Url("http")).out, "from the web\n");
  EXPECT_EQ(Inside("curl -sS --cacert ca.pem " + Url("https")).out, "from the web\n");
  EXPECT_EQ(Inside("curl -sS --proxy socks5h://127.0.0.1:3128 " + Url("http")).out, "from the web\n");
  EXPECT_EQ(Inside("curl -sS --proxytunnel " + Url("http")).out, "from the web\n");
}

TEST_P(NetworkTest, GitClones) {
  const std::string clone = "cd && git clone -q " + Url("http") + "repo.git here && cat here/file";
  EXPECT_EQ(Inside(clone).out, "one\n");
  EXPECT_EQ(Inside(kNoProxy + clone).out, "one\n");
  EXPECT_EQ(Inside("cd && git -c http.sslCAInfo=" + Project("ca.pem") + " clone -q " + Url("https") +
                   "repo.git here && cat here/file")
                .out,
            "one\n");
}

TEST_P(NetworkTest, PythonReachesAllowedHosts) {
  EXPECT_EQ(Inside(std::string(kNoProxy) + "/usr/bin/python3 -c 'import urllib.request as r; print(r.urlopen(\"" +
                   Url("http") + "\").read().decode(), end=\"\")'")
                .out,
            "from the web\n");
  EXPECT_EQ(Inside("/usr/bin/python3 -c 'import asyncio\nasync def main():\n r, w = await "
                   "asyncio.open_connection(\"server.test\", " +
                   world_->Port("echo") +
                   ")\n print((await r.readline()).decode().strip())\n w.write(b\"hello\\n\"); print((await "
                   "r.readline()).decode().strip())\nasyncio.run(main())'")
                .out,
            "220 speaks first\nhello\n");
}

TEST_P(NetworkTest, NodeFetchesWithoutProxySupport) {
  if (!Has("node")) GTEST_SKIP() << "no node here";
  if (Leash({"run", "node", "--version"}).code != 0) GTEST_SKIP() << "node is where no sandbox sees it";
  EXPECT_EQ(Inside(std::string(kNoProxy) + "node -e 'fetch(\"" + Url("http") +
                   "\").then(r => r.text()).then(t => process.stdout.write(t))'")
                .out,
            "from the web\n");
}

TEST_P(NetworkTest, NothingElseIsReached) {
  const std::string http = world_->Port("http");
  // The control: the same program, the same port.
  EXPECT_EQ(Inside("curl -sS " + Url("http")).out, "from the web\n");
  for (const std::string& act : {
           "curl -sS -m 20 " + Url("http", "other.test"),                 // denied in words
           kNoProxy + ("curl -sS -m 20 " + Url("http", "other.test")),    // has no address
           kNoProxy + ("curl -sS -m 20 http://127.0.0.1:" + http + "/"),  // the sandbox's own
           kNoProxy + ("curl -sS -m 20 http://192.0.2.1:" + http + "/"),  // reset
           kNoProxy + ("curl -sS -m 20 'http://[2001:db8::1]:" + http + "/'"),
           "curl -sS -m 20 --proxy socks5h://127.0.0.1:3128 " + Url("http", "other.test"),
           "curl -sS -m 20 --proxy socks5://127.0.0.1:3128 http://127.0.0.1:" + http + "/",
           "curl -sS -m 20 -H 'Host: other.test' " + Url("http"),
           kNoProxy + ("curl -sS -m 20 -H 'Host: other.test' " + Url("http")),
           "curl -sS -m 20 -k --connect-to other.test:443:server.test:" + world_->Port("https") +
               " https://other.test/",
       }) {
    EXPECT_THAT(Inside(act).out, Not(HasSubstr("from the web"))) << act;
  }
  const std::string udp =
      "/usr/bin/python3 -c 'import socket; s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
      "s.connect((\"127.0.0.1\", " +
      world_->Port("dns") + ")); s.send(b\"x\"); s.settimeout(20); s.recv(1)' 2>&1";
  EXPECT_THAT(Inside(udp).out, HasSubstr("ConnectionRefusedError"));
}

TEST_P(NetworkTest, AnAllowedNameIsNoWayToPrivateAddresses) {
  RunResult result = Leash({"run", "--network", "allow-list", "--name-server", "127.0.0.1:" + world_->Port("dns"),
                            "--allow-domain", "server.test", "curl", "-sS", Url("http")});
  EXPECT_THAT(result.out, AllOf(HasSubstr("address_refused"), HasSubstr("--allow-address")));
  result = Leash(
      {"run", "--network", "allow", "--name-server", "127.0.0.1:" + world_->Port("dns"), "curl", "-sS", Url("http")});
  EXPECT_THAT(result.out, HasSubstr("address_refused"));
}

TEST_P(NetworkTest, MethodsAndPathsAreJudgedWithoutAProxyToo) {
  const std::vector<std::string> domains = {"GET http://server.test:" + world_->Port("http") + "/index.html"};
  for (const std::string& how : {std::string(), std::string(kNoProxy)}) {
    EXPECT_EQ(Inside(how + "curl -sS " + Url("http") + "index.html", {}, domains).out, "from the web\n");
    EXPECT_THAT(Inside(how + "curl -sS -d x " + Url("http") + "index.html", {}, domains).out, HasSubstr("denied"));
    EXPECT_THAT(Inside(how + "curl -sS " + Url("http"), {}, domains).out, HasSubstr("denied"));
  }
}

TEST_P(NetworkTest, ProgramsOfOneSandboxTalkOverLoopback) {
  EXPECT_EQ(Inside("cd && echo inside > f && /usr/bin/python3 -m http.server 8123 >/dev/null 2>&1 & "
                   "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do "
                   "curl -sf http://127.0.0.1:8123/f && break; sleep 0.2; done")
                .out,
            "inside\n");
}

// leash takes more descriptors for its connections; the program has what it would have had.
TEST_P(NetworkTest, ProgramsKeepTheLimitOnDescriptors) {
  EXPECT_EQ(Inside("ulimit -Sn; ulimit -Hn").out, Leash({"run", "sh", "-c", "ulimit -Sn; ulimit -Hn"}).out);
  EXPECT_EQ(Inside("ulimit -n", {"--max-open-files", "100"}).out, "100\n");
}

TEST_P(NetworkTest, EveryDecisionIsInTheAuditLogAndTheReport) {
  const std::string log = root().Path("audit.jsonl");
  HandOver();
  const RunResult result =
      Inside("curl -sS " + Url("http") + " " + Url("http", "other.test"), {"--audit-log", log, "--report"});
  EXPECT_THAT(result.err, AllOf(HasSubstr("server.test:" + world_->Port("http")),
                                HasSubstr("--allow-domain other.test:" + world_->Port("http"))));
  std::istringstream lines(ReadFile(log));
  int allowed = 0;
  int denied = 0;
  for (std::string line; std::getline(lines, line);) {
    const nlohmann::json event = nlohmann::json::parse(line, nullptr, false);
    ASSERT_TRUE(event.is_object()) << line;
    EXPECT_GT(event.value("pid", 0), 1) << line;
    EXPECT_THAT(event.value("executable", ""), EndsWith("/curl")) << line;
    if (event["protocol"] != "http") continue;
    if (event["host"] == "server.test") {
      ++allowed;
      EXPECT_EQ(event["verdict"], "allow");
      EXPECT_EQ(event["rule"], "server.test");
      EXPECT_EQ(event["status"], 200);
      EXPECT_EQ(event["bytes_received"], 13);
    } else {
      ++denied;
      EXPECT_EQ(event["verdict"], "deny");
      EXPECT_EQ(event["outcome"], "denied");
    }
  }
  EXPECT_EQ(allowed, 1);
  EXPECT_EQ(denied, 1);
}

// The hosts below .hidden are known to the proxy alone.
TEST_P(NetworkTest, LeashItselfGoesThroughTheProxyOfItsEnvironment) {
  const std::string proxy = "http://user:s3cret@127.0.0.1:" + world_->Port("proxy");
  const std::string http = Url("http", "web.hidden");
  const std::string asked = root().Path("world/proxied");
  const std::vector<std::string> domains = {"web.hidden", "server.test"};
  const std::vector<std::string> options = {"--audit-log", root().Path("audit.jsonl"), "--report"};
  HandOver();
  const auto inside = [&](const std::string& script) { return Inside(script, options, domains); };
  EXPECT_THAT(inside("curl -sS " + http).out, HasSubstr("unresolved"));  // the control
  environment_ = {{"HTTPS_PROXY", proxy}, {"http_proxy", proxy}, {"NO_PROXY", "server.test"}};
  EXPECT_EQ(inside("curl -sS " + http).out, "from the web\n");
  EXPECT_EQ(ReadFile(asked), "GET " + http + " HTTP/1.1\n");
  for (const std::string& how : {std::string(), std::string(kNoProxy)}) {
    EXPECT_EQ(inside(how + "curl -sSk " + Url("https", "web.hidden")).out, "from the web\n");
    EXPECT_THAT(ReadFile(asked), HasSubstr("CONNECT web.hidden:" + world_->Port("https")));
  }
  EXPECT_EQ(inside("curl -sS " + Url("http") + "; curl -sSk " + Url("https")).out, "from the web\nfrom the web\n");
  EXPECT_THAT(ReadFile(asked), Not(HasSubstr("server.test"))) << "exempt";
  EXPECT_THAT(inside("curl -sS " + Url("http", "other.hidden")).out, HasSubstr("denied"));
  EXPECT_THAT(ReadFile(asked), Not(HasSubstr("other.hidden")));
  // Inside, nothing is seen of it.
  EXPECT_THAT(inside("env; cat /proc/*/environ /proc/*/cmdline | tr '\\0' '\\n'").out,
              AllOf(HasSubstr("HTTPS_PROXY=http://127.0.0.1:"), Not(HasSubstr("s3cret"))));
  environment_ = {{"ALL_PROXY", "http://user:wr0ng@127.0.0.1:" + world_->Port("proxy")}};
  const RunResult refused = inside("curl -sS " + http);
  EXPECT_THAT(refused.out, HasSubstr("answered 407"));
  EXPECT_THAT(refused.out + refused.err + ReadFile(root().Path("audit.jsonl")),
              AllOf(Not(HasSubstr("s3cret")), Not(HasSubstr("wr0ng"))));
}

TEST_P(NetworkTest, TheUpstreamProxyCanBeNamedAndDeclined) {
  const std::string proxy = "http://user:s3cret@127.0.0.1:" + world_->Port("proxy");
  const std::string get = "curl -sS " + Url("http", "web.hidden");
  EXPECT_EQ(Inside(get, {"--upstream-proxy", proxy}, {"web.hidden"}).out, "from the web\n");
  EXPECT_THAT(Inside(get, {"--upstream-proxy", proxy, "--resolve-locally"}, {"web.hidden"}).out,
              HasSubstr("unresolved"));
  environment_ = {{"HTTP_PROXY", proxy}};
  EXPECT_EQ(Inside(get, {}, {"web.hidden"}).out, "from the web\n");
  EXPECT_THAT(Inside(get, {"--upstream-proxy", "none"}, {"web.hidden"}).out, HasSubstr("unresolved"));
}

TEST_P(NetworkTest, WhatIsMalformedIsSaidBeforeAnythingRuns) {
  const std::string touch = "touch " + Project("started");
  EXPECT_TRUE(FailsWith(Inside(touch, {}, {"a b"}), 125, "a b"));
  EXPECT_TRUE(FailsWith(Inside(touch, {}, {"*.com"}), 125, "*.com"));
  EXPECT_TRUE(FailsWith(Inside(touch, {"--allow-address", "10.0.0.1/8"}), 125, "10.0.0.1/8"));
  EXPECT_TRUE(FailsWith(Inside(touch, {"--name-server", "dns.example"}), 125, "dns.example"));
  EXPECT_TRUE(FailsWith(Inside(touch, {"--upstream-proxy", "https://u:s3cret@proxy.test:1"}), 125, "upstream proxy: "));
  EXPECT_TRUE(FailsWith(Leash({"run", "--upstream-proxy", "none", "true"}), 125, "--upstream-proxy needs --network"));
  EXPECT_TRUE(FailsWith(Inside(touch, {"--audit-log", root().Path("missing/log")}), 125, "audit log"));
  environment_ = {{"HTTPS_PROXY", "socks4://u:s3cret@proxy.test:1"}};
  const RunResult result = Inside(touch);
  EXPECT_TRUE(FailsWith(result, 125, "HTTPS_PROXY: "));
  EXPECT_THAT(result.err, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace leash::testing
