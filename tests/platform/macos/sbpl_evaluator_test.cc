// What sandbox profiles mean.
#include "sbpl_evaluator.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest-spi.h"
#include "gtest/gtest.h"
#include "sbpl_parsed.h"

namespace leash::testing::sbpl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

bool Reads(const Profile& profile, std::string path, FileKind kind = FileKind::kRegular) {
  return profile.Ask({.operation = "file-read-data", .path = std::move(path), .kind = kind}).allowed;
}

bool Connects(const Profile& profile, Endpoint remote) {
  return profile.Ask({.operation = "network-outbound", .remote = std::move(remote)}).allowed;
}

bool Binds(const Profile& profile, Endpoint local) {
  return profile.Ask({.operation = "network-bind", .local = std::move(local)}).allowed;
}

bool Asks(const Profile& profile, std::string operation, std::string name) {
  return profile.Ask({.operation = std::move(operation), .name = std::move(name)}).allowed;
}

TEST(Sbpl, FallsBackToTheDefault) {
  const Answer denied = Parsed("").Ask({.operation = "file-read-data", .path = "/a"});
  EXPECT_FALSE(denied.allowed);
  EXPECT_EQ(denied.line, 0);
  EXPECT_EQ(denied.rule, "(deny default)");
  EXPECT_TRUE(Reads(Parsed("", "(version 1)(allow default)"), "/a"));
}

TEST(Sbpl, NamesTheRuleThatDecides) {
  const Profile profile = Parsed("(allow file-read*\n  (subpath \"/a\"))\n(deny file-read* (subpath \"/a/b\"))");
  const Answer answer = profile.Ask({.operation = "file-read-data", .path = "/a/b"});
  EXPECT_EQ(answer.rule, "(deny file-read* (subpath \"/a/b\"))");
  EXPECT_EQ(answer.line, 4);
  EXPECT_EQ(profile.Ask({.operation = "file-read-data", .path = "/a"}).rule, "(allow file-read* (subpath \"/a\"))");
}

TEST(Sbpl, MatchesPaths) {
  const Profile profile = Parsed("(allow file-read* (literal \"/l\" \"/m\") (subpath \"/a/b\") (prefix \"/p/q\"))");
  EXPECT_TRUE(Reads(profile, "/l"));
  EXPECT_TRUE(Reads(profile, "/m"));
  EXPECT_FALSE(Reads(profile, "/l/x"));
  EXPECT_TRUE(Reads(profile, "/a/b"));
  EXPECT_TRUE(Reads(profile, "/a/b/c/d"));
  EXPECT_FALSE(Reads(profile, "/a/bc"));
  EXPECT_FALSE(Reads(profile, "/a"));
  EXPECT_FALSE(Reads(profile, "/A/b"));
  EXPECT_TRUE(Reads(profile, "/p/qr"));
  EXPECT_FALSE(Reads(profile, "/p/r"));
  EXPECT_TRUE(Reads(Parsed("(allow file-read* (subpath \"/\"))"), "/x/y"));
  EXPECT_TRUE(Reads(Parsed("(allow file-read* (literal \"/a\\\"\\\\\\x0a\"))"), "/a\"\\\n")) << "escapes are read";
}

TEST(Sbpl, AnchorsNoExpression) {
  const Profile profile = Parsed("(allow file-read* (regex #\"^/dev/tty[0-9]+$\" \"/\\\\.git/\"))");
  EXPECT_TRUE(Reads(profile, "/dev/tty12"));
  EXPECT_FALSE(Reads(profile, "/dev/tty12x"));
  EXPECT_FALSE(Reads(profile, "/x/dev/tty12"));
  EXPECT_TRUE(Reads(profile, "/work/.git/config"));
  EXPECT_FALSE(Reads(profile, "/work/xgit/config"));
}

TEST(Sbpl, SubstitutesParametersAsTheyAre) {
  const Profile profile = Parsed("(allow file-read* (subpath (param \"WORK\")))", "(version 1)(deny default)",
                                 {{"WORK", "/a \") (allow default"}});
  EXPECT_TRUE(Reads(profile, "/a \") (allow default/x"));
  EXPECT_FALSE(Reads(profile, "/a"));
}

TEST(Sbpl, LetsTheLastMatchWin) {
  const Profile profile = Parsed(
      "(allow file-read* (subpath \"/a\"))\n(deny file-read* (subpath \"/a/b\"))\n"
      "(allow file-read* (literal \"/a/b/c\"))");
  EXPECT_TRUE(Reads(profile, "/a/x"));
  EXPECT_FALSE(Reads(profile, "/a/b/x"));
  EXPECT_TRUE(Reads(profile, "/a/b/c"));
}

TEST(Sbpl, CoversWhatIsBelowAWildcard) {
  const Profile profile =
      Parsed("(allow file-read* process-exec* (subpath \"/a\"))(allow ipc-posix-shm)(allow network*)");
  const auto allows = [&](std::string operation) {
    return profile.Ask({.operation = std::move(operation), .path = "/a/x"}).allowed;
  };
  EXPECT_TRUE(allows("file-read-data"));
  EXPECT_TRUE(allows("file-read-metadata"));
  EXPECT_TRUE(allows("process-exec"));
  EXPECT_TRUE(allows("process-exec-interpreter"));
  EXPECT_FALSE(allows("file-write-data"));
  EXPECT_FALSE(allows("file-ioctl"));
  EXPECT_TRUE(Asks(profile, "ipc-posix-shm-write-create", "a")) << "an old name for a wildcard";
  EXPECT_FALSE(Asks(profile, "ipc-posix-sem-open", "a"));
  EXPECT_TRUE(Binds(profile, {.host = "127.0.0.1", .port = 1}));
  EXPECT_TRUE(Binds(Parsed("(allow network-inbound)"), {.host = "127.0.0.1", .port = 1})) << "below network-inbound";
}

TEST(Sbpl, HasATreeOfOperations) {
  for (const Operation& operation : Operations()) {
    EXPECT_EQ(FindOperation(operation.name), &operation) << operation.name << " is there twice";
    if (operation.parent.empty()) continue;
    const Operation* parent = FindOperation(operation.parent);
    ASSERT_NE(parent, nullptr) << operation.name;
    EXPECT_TRUE(IsCovered(operation, *parent));
    EXPECT_FALSE(IsCovered(*parent, operation));
    EXPECT_EQ(operation.otherwise, Otherwise::kAsDefault) << "said once, at the top: " << operation.name;
    EXPECT_EQ(parent->arguments & ~operation.arguments, 0U) << operation.name << " takes less than what is above it";
  }
}

TEST(Sbpl, KnowsWhatTheDefaultDoesNotCover) {
  const Answer answer = Parsed("").Ask({.operation = "process-info-pidinfo", .target = Target::kOther});
  EXPECT_TRUE(answer.allowed);
  EXPECT_EQ(answer.line, 0);
  EXPECT_EQ(answer.rule, "(deny default), which does not cover process-info-pidinfo");
  const Profile own = Parsed("(deny process-info*)(allow process-info* (target self))");
  EXPECT_FALSE(own.Ask({.operation = "process-info-pidinfo", .target = Target::kOther}).allowed);
  EXPECT_TRUE(own.Ask({.operation = "process-info-pidinfo", .target = Target::kSelf}).allowed);
  EXPECT_TRUE(Parsed("(deny process*)").Ask({.operation = "process-info-pidinfo"}).allowed) << "not below process*";
  EXPECT_TRUE(Parsed("(deny file*)").Ask({.operation = "file-link", .path = "/a"}).allowed) << "not below file*";
  EXPECT_FALSE(Parsed("(deny file-link)").Ask({.operation = "file-link", .path = "/a"}).allowed);
  EXPECT_FALSE(Parsed("", "(version 1)(allow default)").Ask({.operation = "job-creation"}).allowed);
}

TEST(Sbpl, TakesRulesWithoutFiltersForDefaults) {
  const Profile profile = Parsed("(allow network-outbound (remote tcp \"localhost:80\"))\n(deny network*)");
  const Answer answer = profile.Ask({.operation = "network-outbound", .remote = Endpoint{.host = "::1", .port = 80}});
  EXPECT_TRUE(answer.allowed) << "it stands last and overrules nothing";
  EXPECT_THAT(answer.doubt, HasSubstr("by the order of the rules alone, line 3 decides: (deny network*)"));
  EXPECT_THAT(profile.Warnings(),
              Contains(HasSubstr("3: (deny network*): has no filter, so it does not overrule line 2")));

  const Profile specific = Parsed("(allow file-read-metadata)\n(deny file-read*)");
  const Answer metadata = specific.Ask({.operation = "file-read-metadata", .path = "/a"});
  EXPECT_TRUE(metadata.allowed);
  EXPECT_NE(metadata.doubt, "");
}

TEST(Sbpl, DoubtsWhatHangsOnTheReading) {
  const Profile profile = Parsed(
      "(allow file-write-create (subpath \"/a\"))\n(deny file-write* (subpath \"/a/b\"))\n"
      "(allow file-write-data (literal \"/a/b/c\"))");
  const Answer wildcard_last = profile.Ask({.operation = "file-write-create", .path = "/a/b/x"});
  EXPECT_FALSE(wildcard_last.allowed);
  EXPECT_THAT(wildcard_last.doubt, HasSubstr("with the most specific operation first, line 2 decides"));
  EXPECT_EQ(profile.Ask({.operation = "file-write-create", .path = "/a/x"}).doubt, "");
  EXPECT_EQ(profile.Ask({.operation = "file-write-data", .path = "/a/b/c"}).doubt, "") << "the specific one is last";
}

TEST(Sbpl, CombinesFilters) {
  const Profile profile = Parsed(
      "(allow file-read* (require-all (subpath \"/a\") (require-not (subpath \"/a/b\"))"
      " (require-any (vnode-type DIRECTORY) (regex #\"\\.h$\"))))");
  EXPECT_TRUE(Reads(profile, "/a/x.h"));
  EXPECT_TRUE(Reads(profile, "/a/x", FileKind::kDirectory));
  EXPECT_FALSE(Reads(profile, "/a/x"));
  EXPECT_FALSE(Reads(profile, "/a/b/x.h"));
  EXPECT_FALSE(Reads(profile, "/x.h"));
}

TEST(Sbpl, TellsKindsOfFilesApart) {
  const std::vector<std::pair<std::string, FileKind>> kinds = {{"REGULAR-FILE", FileKind::kRegular},
                                                               {"DIRECTORY", FileKind::kDirectory},
                                                               {"SYMLINK", FileKind::kSymlink},
                                                               {"CHARACTER-DEVICE", FileKind::kCharacterDevice},
                                                               {"BLOCK-DEVICE", FileKind::kBlockDevice},
                                                               {"FIFO", FileKind::kFifo},
                                                               {"SOCKET", FileKind::kSocket},
                                                               {"TTY", FileKind::kTerminal}};
  for (const auto& [name, kind] : kinds) {
    const Profile profile = Parsed("(allow file-read* (vnode-type " + name + "))");
    for (const auto& [other_name, other] : kinds) {
      const bool same = kind == other || (name == "CHARACTER-DEVICE" && other == FileKind::kTerminal);
      EXPECT_EQ(Reads(profile, "/a", other), same) << name << " " << other_name;
    }
  }
}

TEST(Sbpl, MatchesNames) {
  const Profile profile = Parsed(
      "(allow mach-lookup (global-name \"a.b\" \"a.c\") (global-name-prefix \"p.\") (global-name-regex #\"^r[0-9]$\")"
      " (local-name \"l\"))"
      "(allow sysctl-read (sysctl-name \"hw.ncpu\") (sysctl-name-prefix \"kern.\"))"
      "(allow ipc-posix-shm-read* (ipc-posix-name-regex #\"^apple\\.\"))"
      "(allow iokit-open-user-client (iokit-user-client-class \"U\") (iokit-connection \"C\"))"
      "(allow user-preference-read (preference-domain \"d\"))");
  EXPECT_TRUE(Asks(profile, "mach-lookup", "a.b"));
  EXPECT_TRUE(Asks(profile, "mach-lookup", "a.c"));
  EXPECT_FALSE(Asks(profile, "mach-lookup", "a.b.c"));
  EXPECT_TRUE(Asks(profile, "mach-lookup", "p.q"));
  EXPECT_TRUE(Asks(profile, "mach-lookup", "r1"));
  EXPECT_FALSE(Asks(profile, "mach-lookup", "l"));
  EXPECT_TRUE(profile.Ask({.operation = "mach-lookup", .name = "l", .is_local_name = true}).allowed);
  EXPECT_FALSE(profile.Ask({.operation = "mach-lookup", .name = "a.b", .is_local_name = true}).allowed);
  EXPECT_FALSE(Asks(profile, "mach-register", "a.b"));
  EXPECT_TRUE(Asks(profile, "sysctl-read", "hw.ncpu"));
  EXPECT_TRUE(Asks(profile, "sysctl-read", "kern.osversion"));
  EXPECT_FALSE(Asks(profile, "sysctl-write", "kern.osversion"));
  EXPECT_TRUE(Asks(profile, "ipc-posix-shm-read-data", "apple.shm"));
  EXPECT_TRUE(Asks(profile, "iokit-open-user-client", "U"));
  EXPECT_FALSE(Asks(profile, "iokit-open-service", "U"));
  EXPECT_TRUE(profile.Ask({.operation = "iokit-open-user-client", .name = "X", .connection = "C"}).allowed);
  EXPECT_TRUE(Asks(profile, "user-preference-read", "d"));
}

TEST(Sbpl, KnowsTheTerminalsOfTheSandbox) {
  const Profile profile =
      Parsed("(allow file-read* (require-all (prefix \"/dev/ttys\") (extension \"com.apple.sandbox.pty\")))");
  Question question = {.operation = "file-read-data", .path = "/dev/ttys001", .kind = FileKind::kTerminal};
  EXPECT_FALSE(profile.Ask(question).allowed);
  question.extension = "com.apple.sandbox.pty";
  EXPECT_TRUE(profile.Ask(question).allowed);
  EXPECT_THAT(profile.Warnings(), IsEmpty());
}

TEST(Sbpl, TellsTargetsApart) {
  const auto allowed = [](std::string_view filter) {
    const Profile profile = Parsed("(allow signal (target " + std::string(filter) + "))");
    std::string answer;
    for (const Target target :
         {Target::kSelf, Target::kSameSandbox, Target::kChild, Target::kProcessGroup, Target::kOther}) {
      answer += profile.Ask({.operation = "signal", .target = target}).allowed ? 'x' : '-';
    }
    return answer;
  };
  EXPECT_EQ(allowed("self"), "x----");
  EXPECT_EQ(allowed("same-sandbox"), "xxx--");
  EXPECT_EQ(allowed("children"), "--x--");
  EXPECT_EQ(allowed("pgrp"), "x--x-");
  EXPECT_EQ(allowed("others"), "-xxxx");
}

TEST(Sbpl, MatchesSocketsAndSigners) {
  const Profile profile = Parsed(
      "(allow system-socket (require-all (socket-domain AF_SYSTEM) (socket-protocol 2)) (socket-domain AF_LOCAL)"
      " (socket-type SOCK_RAW))(allow process-fork (signing-identifier \"com.apple.git\"))");
  const auto makes = [&](std::string domain, std::string type, std::uint64_t protocol) {
    return profile
        .Ask({.operation = "system-socket",
              .socket_domain = std::move(domain),
              .socket_type = std::move(type),
              .socket_protocol = protocol})
        .allowed;
  };
  EXPECT_TRUE(makes("AF_SYSTEM", "SOCK_DGRAM", 2));
  EXPECT_FALSE(makes("AF_SYSTEM", "SOCK_DGRAM", 1));
  EXPECT_TRUE(makes("AF_UNIX", "SOCK_STREAM", 0)) << "AF_LOCAL by another name";
  EXPECT_TRUE(makes("AF_INET", "SOCK_RAW", 0));
  EXPECT_FALSE(makes("AF_INET", "SOCK_STREAM", 0));
  EXPECT_TRUE(profile.Ask({.operation = "process-fork", .signing_identifier = "com.apple.git"}).allowed);
  EXPECT_FALSE(profile.Ask({.operation = "process-fork"}).allowed);
}

TEST(Sbpl, MatchesRemoteEnds) {
  const Profile profile = Parsed("(allow network-outbound (remote tcp \"localhost:8080\") (remote udp \"*:53\"))");
  for (const auto* host : {"localhost", "127.0.0.1", "::1", "0.0.0.0"}) {
    EXPECT_TRUE(Connects(profile, {.host = host, .port = 8080})) << host;
    EXPECT_FALSE(Connects(profile, {.host = host, .port = 8081})) << host;
    EXPECT_FALSE(Connects(profile, {.protocol = Protocol::kUdp, .host = host, .port = 8080})) << host;
  }
  EXPECT_FALSE(Connects(profile, {.host = "127.0.0.2", .port = 8080}));
  EXPECT_FALSE(Connects(profile, {.host = "192.0.2.1", .port = 8080}));
  EXPECT_TRUE(Connects(profile, {.protocol = Protocol::kUdp, .host = "192.0.2.1", .port = 53}));
  EXPECT_FALSE(Connects(profile, {.host = "192.0.2.1", .port = 53}));
  EXPECT_FALSE(Connects(profile, {.protocol = Protocol::kUnix, .path = "/a"}));

  const Profile ip = Parsed("(allow network-outbound (remote ip \"*:*\"))");
  EXPECT_TRUE(Connects(ip, {.protocol = Protocol::kUdp, .host = "192.0.2.1", .port = 1}));
  EXPECT_TRUE(Connects(ip, {.host = "192.0.2.1", .port = 1}));
  EXPECT_FALSE(Connects(ip, {.protocol = Protocol::kUnix, .path = "/a"}));
}

TEST(Sbpl, MatchesUnixSockets) {
  const Endpoint resolver = {.protocol = Protocol::kUnix, .path = "/private/var/run/mDNSResponder"};
  const Endpoint other = {.protocol = Protocol::kUnix, .path = "/private/var/run/other"};
  for (const auto* filter :
       {"(remote unix-socket (path-literal \"/private/var/run/mDNSResponder\"))",
        "(remote unix-socket (path-prefix \"/private/var/run/m\"))", "(remote unix-socket (path-regex #\"DNS\"))",
        "(remote unix-socket (subpath \"/private/var/run/mDNSResponder\"))",
        "(literal \"/private/var/run/mDNSResponder\")"}) {
    const Profile profile = Parsed(std::string("(allow network-outbound ") + filter + ")");
    EXPECT_TRUE(Connects(profile, resolver)) << filter;
    EXPECT_FALSE(Connects(profile, other)) << filter;
    EXPECT_FALSE(Connects(profile, {.host = "::1", .port = 1})) << filter;
    EXPECT_FALSE(Binds(profile, resolver)) << filter;
  }
  EXPECT_TRUE(Connects(Parsed("(allow network-outbound (remote unix-socket))"), other));
  const Profile bind = Parsed("(allow network-bind (local unix-socket (subpath \"/private/tmp/x\")))");
  EXPECT_TRUE(Binds(bind, {.protocol = Protocol::kUnix, .path = "/private/tmp/x/s"}));
  EXPECT_FALSE(Binds(bind, other));
}

TEST(Sbpl, MatchesLocalEnds) {
  const Profile profile = Parsed("(allow network-bind network-inbound (local ip \"localhost:*\"))");
  EXPECT_TRUE(Binds(profile, {.host = "127.0.0.1", .port = 0}));
  EXPECT_FALSE(Binds(profile, {.host = "192.0.2.1", .port = 80}));
  EXPECT_FALSE(Connects(profile, {.host = "::1", .port = 80}));
  const Profile all = Parsed("(allow network* (local ip \"localhost:*\"))");
  EXPECT_TRUE(Connects(all, {.host = "192.0.2.1", .port = 80})) << "it has no local end yet";
  EXPECT_FALSE(Connects(all, {.protocol = Protocol::kUnix, .path = "/a"}));
  EXPECT_THAT(all.Warnings(), ElementsAre(HasSubstr("keeps no connection in")));
}

TEST(Sbpl, FailsTestsThatAskWhatNoKernelAsks) {
  static const Profile profile = Parsed("");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "file-reed"}), "the operation is unknown");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "file-read*", .path = "/a"}), "no wildcard");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "file-read-data"}), "an empty path");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "file-read-data", .path = "/a/"}), "ends in a slash");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "file-read-data", .path = "/tmp/a"}), "as links to what");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "file-read-data", .path = "/tmp"}), "as links to what");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "signal", .path = "/a"}), "about no path");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "mach-lookup"}), "the name is missing");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "network-outbound"}), "the remote end is missing");
  EXPECT_NONFATAL_FAILURE(profile.Ask({.operation = "network-bind"}), "the local end is missing");
}

}  // namespace
}  // namespace leash::testing::sbpl
