// What can be said of a profile without a question.
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "sbpl_parsed.h"

namespace leash::testing::sbpl {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(SbplWarnings, ListsWhatIsOpen) {
  const auto operations = [](const Profile& profile) {
    std::vector<std::string> names;
    for (const OpenOperation& open : profile.OpenOperations()) names.push_back(open.operation);
    return names;
  };
  EXPECT_THAT(operations(Parsed("")),
              ElementsAre("darwin-notification-post", "dynamic-code-generation", "file-clone", "file-link",
                          "file-map-executable", "file-test-existence", "iokit-get-properties",
                          "mach-cross-domain-lookup", "nvram-delete", "nvram-get", "nvram-set",
                          "process-info-dirtycontrol", "process-info-listpids", "process-info-pidfdinfo",
                          "process-info-pidfileportinfo", "process-info-pidinfo", "process-info-rusage",
                          "process-info-setcontrol", "process-info-codesignature", "socket-ioctl", "system-privilege"));
  const Profile profile = Parsed(
      "(deny nvram*)\n(allow file-read*)\n(deny file-read-xattr)\n(allow mach-lookup (global-name \"a\"))\n"
      "(deny file-read* (subpath \"/a\"))");
  EXPECT_THAT(operations(profile), Not(Contains("nvram-get")));
  EXPECT_THAT(operations(profile), Not(Contains("file-read-xattr")));
  EXPECT_THAT(operations(profile), Not(Contains("mach-lookup")));
  EXPECT_THAT(profile.OpenOperations(), Contains(OpenOperation{"file-read-data", kPath | kVnode, 3}));
}

TEST(SbplWarnings, WarnsOfWhatNeverMatches) {
  const Profile profile = Parsed(
      "(allow file-read* (subpath \"/tmp\"))\n(allow file-read* (literal \"/etc/hosts\"))\n"
      "(allow file-read* (require-any (prefix \"/var/db/\") (regex #\"^/tmp/a\")))\n"
      "(allow file-read* (literal \"/private/etc/hosts\" \"/tmp\") (extension \"e\"))\n"
      "(allow network-outbound (remote unix-socket (path-literal \"/var/run/mDNSResponder\")))");
  EXPECT_THAT(
      profile.Warnings(),
      ElementsAre(HasSubstr("2: (subpath \"/tmp\") never matches"), HasSubstr("3: (literal \"/etc/hosts\") never"),
                  HasSubstr("4: (prefix \"/var/db/\") never"), HasSubstr("4: (regex #\"^/tmp/a\") never"),
                  HasSubstr("5: (extension \"e\") never"), HasSubstr("6: (path-literal \"/var/run/mDNS")));
  EXPECT_TRUE(profile.Ask({.operation = "file-read-metadata", .path = "/tmp", .kind = FileKind::kSymlink}).allowed);
}

TEST(SbplWarnings, WarnsOfWhatDecidesNothing) {
  const auto warnings = [](std::string_view rules) { return Parsed(rules).Warnings(); };
  EXPECT_THAT(warnings("(deny file-read*)"), ElementsAre(HasSubstr("decides nothing")));
  EXPECT_THAT(warnings("(deny file-link)"), IsEmpty()) << "the default does not cover it";
  EXPECT_THAT(warnings("(deny file-read* (subpath \"/a\"))"), ElementsAre(HasSubstr("decides nothing: so it is")));
  EXPECT_THAT(warnings("(allow file-read* (subpath \"/a\"))\n(deny file-read* (subpath \"/a/b\"))"), IsEmpty());
  EXPECT_THAT(warnings("(allow file-read*)\n(deny file-read* (subpath \"/a/b\"))"), IsEmpty());
  EXPECT_THAT(warnings("(allow file-read*)\n(deny file-read-data (subpath \"/a/b\"))\n(allow file* (subpath \"/a\"))"),
              ElementsAre(HasSubstr("3: (deny file-read-data (subpath \"/a/b\")): decides nothing: line 4 overrules")));
  EXPECT_THAT(warnings("(allow file-read* (subpath \"/a\"))\n(allow file-read* (literal \"/b\") (subpath \"/a\"))"),
              ElementsAre(HasSubstr("2: (allow file-read* (subpath \"/a\")): decides nothing: line 3 overrules")));
  EXPECT_THAT(warnings("(allow file-read* (require-all (literal \"/a\") (vnode-type FIFO)))\n"
                       "(allow file-read* (subpath \"/a\"))"),
              ElementsAre(HasSubstr("line 3 overrules")));
  EXPECT_THAT(warnings("(allow file-read* (subpath \"/a/bc\"))\n(allow file-read* (subpath \"/a/b\"))"), IsEmpty());
}

}  // namespace
}  // namespace leash::testing::sbpl
