// What profiles may say, and where they are wrong.
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"
#include "sbpl_evaluator.h"

namespace leash::testing::sbpl {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::string_view kStart = "(version 1)\n(deny default)\n";

std::string ErrorOf(std::string_view text, const Parameters& parameters = {}) {
  const auto profile = Profile::Parse(text, parameters);
  if (profile.ok()) return "no error";
  EXPECT_EQ(GetErrorCode(profile.status()), ErrorCode::kInvalidArgument) << text;
  return std::string(profile.status().message());
}

// Of what stands in line 3.
std::string ErrorIn(std::string_view rest, const Parameters& parameters = {}) {
  return ErrorOf(std::string(kStart).append(rest), parameters);
}

TEST(SbplParser, ReadsStringsAndTheirEscapes) {
  const auto nodes = Read(R"(a "b\\\"\n\r\t\x41\xff" #"^c\.d$" 42)");
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_EQ(nodes->size(), 4);
  EXPECT_EQ((*nodes)[0].text, "a");
  EXPECT_EQ((*nodes)[1].text, "b\\\"\n\r\tA\xff");
  EXPECT_EQ((*nodes)[2].kind, Node::Kind::kRegex);
  EXPECT_EQ((*nodes)[2].text, "^c\\.d$");
  EXPECT_EQ((*nodes)[3].number, 42U);
}

TEST(SbplParser, KnowsWhereEverythingStands) {
  const auto nodes = Read("; first (\n(a\n  \"two\nlines\" b)");
  ASSERT_TRUE(nodes.ok()) << nodes.status();
  ASSERT_EQ(nodes->size(), 1);
  const Node& list = (*nodes)[0];
  EXPECT_EQ(list.at, (Position{2, 1}));
  ASSERT_EQ(list.children.size(), 3);
  EXPECT_EQ(list.children[1].at, (Position{3, 3}));
  EXPECT_EQ(list.children[2].at, (Position{4, 8}));
  EXPECT_EQ(list.text, "(a \"two lines\" b)");
}

TEST(SbplParser, RefusesWhatIsNoSchemeOfOurs) {
  using namespace std::string_view_literals;
  const std::vector<std::pair<std::string_view, std::string_view>> cases = {
      {"(a", "1:1: this parenthesis is not closed"},
      {"(a (b)\n  (c", "2:3: this parenthesis is not closed"},
      {"(a))", "1:4: this parenthesis closes nothing"},
      {"(a \"b)", "1:4: this string is not closed"},
      {"(a \"b\\", "1:6: this string is not closed"},
      {"(a #\"b)", "1:4: this regular expression is not closed"},
      {"(a #\"b\\\" c\")", "1:8: a backslash in front of a quote"},
      {"(a \"\\q\")", "1:5: known escapes are"},
      {"(a \"\\x4\")", "1:5: behind \\x stand two"},
      {"(a \"\\x00\")", "1:5: a NUL byte"},
      {"(a \"\0\")"sv, "1:5: a NUL byte"},
      {"(a #\"\0\")"sv, "1:6: a NUL byte"},
      {"(a) ; \0"sv, "1:7: a NUL byte"},
      {"(a \"b\"c)", "1:7: a blank is missing"},
      {"(a 'b)", "1:4: ''' starts nothing"},
      {"(a #t)", "1:4: '#' starts nothing"},
      {"(a 1x)", "1:4: '1x' is no number"},
      {"(a 99999999999999999999)", "1:4: '99999999999999999999' is no number"},
  };
  for (const auto& [text, message] : cases) {
    const auto nodes = Read(text);
    ASSERT_FALSE(nodes.ok()) << text;
    EXPECT_THAT(std::string(nodes.status().message()), StartsWith(std::string(message))) << text;
  }
  EXPECT_THAT(ErrorOf(std::string(100'000, '(')), HasSubstr("1:33: too many parentheses"));
}

TEST(SbplParser, WantsVersionAndDefaultFirst) {
  EXPECT_EQ(ErrorOf("(version 1)(allow default)"), "no error");
  EXPECT_EQ(ErrorOf("(version 1)(deny default (with no-log))"), "no error");
  EXPECT_EQ(ErrorOf(""), "1:1: a profile starts with (version 1)");
  EXPECT_EQ(ErrorOf("(deny default)"), "1:1: a profile starts with (version 1)");
  EXPECT_EQ(ErrorOf("(version 2)(deny default)"), "1:1: a profile starts with (version 1)");
  EXPECT_EQ(ErrorOf("(version 1 1)"), "1:1: a profile starts with (version 1)");
  EXPECT_EQ(ErrorOf("version"), "1:1: a profile starts with (version 1)");
  EXPECT_EQ(ErrorOf("(version 1)"), "1:1: neither (deny default) nor (allow default)");
  EXPECT_EQ(ErrorOf("(version 1)(version 1)"), "1:12: the version is said once");
  EXPECT_EQ(ErrorOf("(version 1)(deny default)(allow default)"), "1:26: the default is said once");
  EXPECT_THAT(ErrorOf("(version 1)(allow signal)(deny default)"), StartsWith("1:12: in front of all rules stands"));
  EXPECT_EQ(ErrorOf("(version 1)(deny default signal)"), "1:26: default stands alone");
  EXPECT_EQ(ErrorOf("(version 1)(deny signal default)"), "1:25: unknown operation 'default'");
}

TEST(SbplParser, RefusesUnknownFormsOperationsFiltersAndModifiers) {
  EXPECT_THAT(ErrorIn("(import \"system.sb\")"), StartsWith("3:1: import: "));
  EXPECT_THAT(ErrorIn("(define x 1)"), StartsWith("3:1: neither allow nor deny: (define x 1)"));
  EXPECT_THAT(ErrorIn("()"), StartsWith("3:1: neither allow nor deny"));
  EXPECT_THAT(ErrorIn("allow"), StartsWith("3:1: neither allow nor deny"));
  EXPECT_EQ(ErrorIn("(allow)"), "3:1: a rule names an operation");
  EXPECT_EQ(ErrorIn("(allow file-reed*)"), "3:8: unknown operation 'file-reed*'");
  EXPECT_EQ(ErrorIn("(allow file-read)"), "3:8: unknown operation 'file-read'");
  EXPECT_EQ(ErrorIn("(allow file-read* (subpaht \"/a\"))"), "3:19: unknown filter 'subpaht'");
  EXPECT_EQ(ErrorIn("(allow file-read* (require-some (literal \"/a\")))"), "3:19: unknown filter 'require-some'");
  EXPECT_THAT(ErrorIn("(allow file-read* \"/a\")"), StartsWith("3:19: here stands a filter"));
  EXPECT_EQ(ErrorIn("(allow (literal \"/a\"))"), "3:8: operations stand in front of filters");
  EXPECT_EQ(ErrorIn("(allow file-read* (literal \"/a\") file-link)"), "3:34: operations stand in front of filters");
  EXPECT_EQ(ErrorIn("(deny signal (with no-sandbox))"), "3:14: unknown modifier 'no-sandbox'");
  EXPECT_THAT(ErrorIn("(deny signal (with))"), StartsWith("3:14: with takes a modifier"));
  EXPECT_EQ(ErrorIn("(deny signal (with no-log now))"), "3:14: no-log takes 0 argument");
  EXPECT_EQ(ErrorIn("(deny signal (with send-signal))"), "3:14: send-signal takes 1 argument");
  EXPECT_EQ(ErrorIn("(deny signal (with message 1))"), "3:28: a wrong argument");
  EXPECT_EQ(ErrorIn("(allow signal (with no-log))"), "3:15: no-log belongs to deny");
}

TEST(SbplParser, TakesAllModifiers) {
  EXPECT_EQ(ErrorIn("(allow signal (with report))(deny (with no-log) signal (with message \"a\"))"), "no error");
  EXPECT_EQ(ErrorIn("(deny signal (with send-signal SIGKILL))(deny signal (with errno EACCES))"), "no error");
  EXPECT_EQ(ErrorIn("(deny signal (with no-report))"), "no error");
}

TEST(SbplParser, RefusesFiltersThatAnOperationDoesNotTake) {
  EXPECT_EQ(ErrorIn("(allow mach-lookup (literal \"/a\"))"), "3:20: mach-lookup takes no filter 'literal'");
  EXPECT_EQ(ErrorIn("(allow file-read* (global-name \"a\"))"), "3:19: file-read* takes no filter 'global-name'");
  EXPECT_EQ(ErrorIn("(allow file-read* signal (literal \"/a\"))"), "3:26: signal takes no filter 'literal'");
  EXPECT_EQ(ErrorIn("(allow process-exec (vnode-type REGULAR-FILE))"),
            "3:21: process-exec takes no filter 'vnode-type'");
  EXPECT_EQ(ErrorIn("(allow mach* (global-name \"a\"))"), "3:14: mach* takes no filter 'global-name'");
  EXPECT_EQ(ErrorIn("(allow file-read* (require-not (target self)))"), "3:32: file-read* takes no filter 'target'");
  EXPECT_EQ(ErrorIn("(allow file-read* (remote tcp \"*:*\"))"), "3:19: file-read* takes no filter 'remote'");
  EXPECT_EQ(ErrorIn("(allow process-fork (signing-identifier \"a\"))"), "no error");
}

TEST(SbplParser, RefusesWrongArguments) {
  const auto error = [](std::string_view filter) {
    return ErrorIn(std::string("(allow file-read* ").append(filter).append(")"));
  };
  EXPECT_EQ(error("(subpath)"), "3:19: subpath takes strings");
  EXPECT_THAT(error("(subpath /usr)"), StartsWith("3:28: here stands a string"));
  EXPECT_THAT(error("(subpath #\"/usr\")"), StartsWith("3:28: here stands a string, not"));
  EXPECT_EQ(error("(require-all)"), "3:19: require-all takes filters");
  EXPECT_EQ(error("(require-not)"), "3:19: require-not takes one filter");
  EXPECT_EQ(error("(require-not (literal \"/a\") (literal \"/b\"))"), "3:19: require-not takes one filter");
  EXPECT_THAT(error("(vnode-type FILE)"), StartsWith("3:31: vnode-type takes: REGULAR-FILE"));
  EXPECT_EQ(error("(vnode-type)"), "3:19: vnode-type takes names");
  EXPECT_EQ(error("(extension)"), "3:19: extension takes strings");
  EXPECT_EQ(error("(extension \"\")"), "3:30: extension takes no empty string");
  EXPECT_THAT(ErrorIn("(allow signal (target me))"), StartsWith("3:23: target takes: self"));
  EXPECT_EQ(ErrorIn("(allow signal (target self others))"), "3:15: target takes one name");
  EXPECT_EQ(ErrorIn("(allow system-socket (socket-protocol AF_UNIX))"), "3:22: socket-protocol takes one number");
}

TEST(SbplParser, RefusesPathsThatTheKernelNeverWrites) {
  const auto error = [](std::string_view path) {
    return ErrorIn(std::string("(allow file-read* (subpath \"").append(path).append("\"))"));
  };
  EXPECT_EQ(error("/"), "no error");
  EXPECT_EQ(error("/a/.b/..c"), "no error");
  EXPECT_EQ(error(""), "3:28: subpath takes no empty string");
  EXPECT_EQ(error("a/b"), "3:28: 'a/b' is a relative path");
  EXPECT_THAT(error("/a/"), HasSubstr("it ends in a slash"));
  EXPECT_THAT(error("//"), HasSubstr("it ends in a slash"));
  EXPECT_THAT(error("/a//b"), HasSubstr("it holds //"));
  EXPECT_THAT(error("/a/./b"), HasSubstr("it holds /./"));
  EXPECT_THAT(error("/a/.."), HasSubstr("it holds /../"));
  EXPECT_EQ(ErrorIn("(allow file-read* (prefix \"/a/\"))"), "no error") << "a prefix may end anywhere";
  EXPECT_THAT(ErrorIn("(allow file-read* (prefix \"a\"))"), HasSubstr("relative"));
}

TEST(SbplParser, RefusesExpressionsThatCouldMeanSomethingElse) {
  const auto error = [](std::string_view expression) {
    return ErrorIn(std::string("(allow file-read* (regex #\"").append(expression).append("\"))"));
  };
  EXPECT_EQ(error("^/a(/|$)[^/]+\\.b"), "no error");
  EXPECT_EQ(ErrorIn("(allow file-read* (regex \"^/a\\\\.b\"))"), "no error") << "a plain string does as well";
  EXPECT_THAT(error("(a"), HasSubstr("is no regular expression"));
  EXPECT_THAT(error("a{2}"), HasSubstr("'{' in an expression"));
  EXPECT_THAT(error("\\w"), HasSubstr("a backslash in an expression"));
  EXPECT_THAT(error(""), HasSubstr("no empty string"));
  EXPECT_THAT(error(std::string(1001, 'a')), HasSubstr("too long"));
}

TEST(SbplParser, RefusesAddressesThatAreNeitherAllNorLocal) {
  const auto error = [](std::string_view filter) {
    return ErrorIn(std::string("(allow network-outbound ").append(filter).append(")"));
  };
  for (const auto* good : {"*:*", "*:80", "localhost:*", "localhost:65535"}) {
    EXPECT_EQ(error(std::string("(remote tcp \"") + good + "\")"), "no error") << good;
  }
  EXPECT_EQ(error("(remote tcp)"), "no error");
  EXPECT_EQ(error("(remote unix-socket)"), "no error");
  EXPECT_EQ(error("(remote ip \"127.0.0.1:80\")"), "3:36: host must be * or localhost in network address");
  EXPECT_EQ(error("(remote ip \"::1:80\")"), "3:36: host must be * or localhost in network address");
  EXPECT_EQ(error("(remote ip \"example.com:80\")"), "3:36: host must be * or localhost in network address");
  EXPECT_EQ(error("(remote ip \"localhost\")"), "3:36: port missing in network address");
  for (const auto* bad : {"", "0", "080", "65536", "1-100", "http", "-1", "8 "}) {
    EXPECT_EQ(error(std::string("(remote tcp \"*:") + bad + "\")"), "3:37: invalid port in network address") << bad;
  }
  EXPECT_EQ(error("(remote icmp \"*:*\")"), "3:25: remote takes tcp, udp, ip or unix-socket");
  EXPECT_EQ(error("(remote)"), "3:25: remote takes tcp, udp, ip or unix-socket");
  EXPECT_EQ(error("(remote tcp \"*:1\" \"*:2\")"), "3:43: one address is enough");
  EXPECT_EQ(error("(remote unix-socket \"/a\")"), "3:45: unix-socket takes filters of paths");
  EXPECT_EQ(error("(remote unix-socket (global-name \"a\"))"), "3:45: unix-socket takes filters of paths");
  EXPECT_EQ(error("(path-literal \"/a\")"), "3:25: unknown filter 'path-literal'");
}

TEST(SbplParser, WantsEveryParameterAndChecksIt) {
  const std::string_view rule = "(allow file-read* (subpath (param \"WORK\")))";
  EXPECT_EQ(ErrorIn(rule, {{"WORK", "/work"}}), "no error");
  EXPECT_EQ(ErrorIn(rule), "3:28: no parameter 'WORK' was given");
  EXPECT_EQ(ErrorIn(rule, {{"WORK", "work"}}), "3:28: 'work' is a relative path");
  EXPECT_EQ(ErrorIn(rule, {{"WORK", std::string("/a\0b", 4)}}), "3:28: a NUL byte ends a string early");
  EXPECT_EQ(ErrorIn("(allow file-read* (subpath (param WORK)))"), "3:28: param takes one string");
  EXPECT_EQ(ErrorIn("(allow file-read* (subpath (param)))"), "3:28: param takes one string");
}

// A profile with most of the language, damaged in all sorts of ways.
TEST(SbplParser, SurvivesWhateverIsRead) {
  const std::string whole = std::string(kStart) + R"(
(allow file-read* file-map-executable (subpath "/usr" "/System") (literal "/\x41\\") (regex #"^/dev/tty[^.]*$"))
(deny file-write* (require-all (subpath (param "WORK")) (require-not (vnode-type SYMLINK DIRECTORY))) (with no-log))
(allow network-outbound (remote tcp "localhost:8080") (remote unix-socket (path-literal "/private/var/run/x")))
(allow mach-lookup (global-name "a.b") (local-name-prefix "c") (extension "d")) ; comment
(allow signal process-info* (target same-sandbox))
(allow system-socket (require-any (socket-domain AF_SYSTEM) (socket-protocol 2))))";
  const Parameters parameters = {{"WORK", "/work"}};
  ASSERT_EQ(ErrorOf(whole, parameters), "no error");
  const std::string_view spices[] = {"(",       ")", "\"", "#\"", "\\", ";", "\n", "*", "(param \"WORK\")",
                                     "default", "1", "/"};
  std::mt19937 random(20261122);
  const auto below = [&](std::size_t bound) { return random() % bound; };
  int good = 0;
  for (int round = 0; round < 6000; ++round) {
    std::string text = whole;
    for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
      const std::size_t at = below(text.size());
      const std::size_t size = below(60);
      switch (below(4)) {
        case 0:
          text.erase(at, size);
          break;
        case 1:
          text.insert(at, spices[below(std::size(spices))]);
          break;
        case 2:
          text[at] = static_cast<char>(random());
          break;
        default:
          text.insert(below(text.size()), text.substr(at, size));
      }
    }
    const auto profile = Profile::Parse(text, parameters);
    if (!profile.ok()) continue;
    ++good;
    profile->Warnings();
    profile->Ask({.operation = "file-read-data", .path = "/usr/lib/x"});
    profile->Ask({.operation = "signal", .target = Target::kChild});
  }
  EXPECT_GT(good, 100) << "nothing but errors was seen";
}

}  // namespace
}  // namespace leash::testing::sbpl
