#include "python/requirement.h"

#include "cli/temporary_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace leash::python {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(Requirement, NamesAreComparedAsIndexesDo) {
  EXPECT_EQ(NormalizedName("Foo.-_Bar"), "foo-bar");
  EXPECT_EQ(NormalizedName("zope.interface"), "zope-interface");
}

TEST(Requirement, IsANameOfAnIndex) {
  for (const char* text : {"requests", "numpy>=2,<3", "a[b,c]==1.0; python_version > '3'", " x "}) {
    EXPECT_TRUE(CheckRequirement(text, false).ok()) << text;
  }
  for (const char* text : {"", " ", "-e .", "--index-url=http://x", " -r x", "a\nb", "a\n--index-url=x"}) {
    EXPECT_FALSE(CheckRequirement(text, true).ok()) << text;
  }
  for (const char* text : {"git+https://x/y", "a @ https://x/y", "a@https://x", "https://x/a-1.0.tar.gz"}) {
    EXPECT_FALSE(CheckRequirement(text, false).ok()) << text;
    EXPECT_TRUE(CheckRequirement(text, true).ok()) << text;
  }
  for (const char* text : {".", "./dir", "/dir", "dir/sub", "a @ file:///x", "a @ ./x", "file:x"}) {
    EXPECT_FALSE(CheckRequirement(text, true).ok()) << text;
  }
}

TEST(Requirement, FilesHoldNothingElse) {
  const auto found =
      RequirementsIn("# c\nrequests  # why\n\nnumpy==1 \\\n  --hash=sha256:ab\r\n--pre\na#b\n", "f", false);
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_THAT(*found, ElementsAre("requests", "numpy==1   --hash=sha256:ab", "--pre", "a#b"));
  for (const char* text : {"-r other", "-c other", "--index-url http://x", "-i x", "--extra-index-url=x", "-f x",
                           "a --config-settings=x", "--trusted-host x", "a\\\n\n-r x", "a\t--index-url=x", "a -i x",
                           "-e .", "./dir", "a --hash=sha256:ab --index-url=x"}) {
    EXPECT_FALSE(RequirementsIn(text, "f", true).ok()) << text;
  }
  // pip begins a new line at each of these.
  for (const char* end : {"\r", "\v", "\f", "\x1c", "\x1e", "\xc2\x85", "\xe2\x80\xa8"}) {
    EXPECT_FALSE(RequirementsIn(std::string("a --hash=sha256:ab") + end + "--no-binary=:all:", "f", true).ok()) << end;
  }
  EXPECT_FALSE(RequirementsIn("\xff\xfe"
                              "a\n",
                              "f", true)
                   .ok());
  for (const char* text : {"--no-binary :all:", "a @ https://x/y"}) {
    EXPECT_FALSE(RequirementsIn(text, "f", false).ok()) << text;
    EXPECT_TRUE(RequirementsIn(text, "f", true).ok()) << text;
  }
  EXPECT_THAT(std::string(RequirementsIn("a\n-r x", "dir/f.txt", false).status().message()),
              HasSubstr("dir/f.txt:2: -r"));
}

TEST(Requirement, IsThereByNameAndVersion) {
  const testing::TemporaryDirectory site;
  site.MakeDirectory("Foo_Bar-1.2.dist-info");
  site.MakeDirectory("baz-2.0");
  for (const char* text : {"foo-bar", "foo.bar==1.2", " FOO_BAR == 1.2 "})
    EXPECT_TRUE(IsInstalled(text, site.path())) << text;
  for (const char* text : {"foo-bar==1.3", "foo-bar>=1", "foo-bar[x]", "foo", "baz", "", "==1", "foo-bar==1.*"}) {
    EXPECT_FALSE(IsInstalled(text, site.path())) << text;
  }
}

TEST(Requirement, IndexesHaveHostsAndPorts) {
  EXPECT_EQ(*HostOfIndex("https://pypi.org/simple"), "pypi.org:443");
  EXPECT_EQ(*HostOfIndex("http://user:p@ss@index.test:3141/root/"), "index.test:3141");
  EXPECT_EQ(*HostOfIndex("http://[::1]/"), "[::1]:80");
  EXPECT_EQ(*HostOfIndex("http://[::1]:8080"), "[::1]:8080");
  for (const char* url : {"", "pypi.org", "ftp://x", "https://", "https://x:/", "https://:1", "https://a b/"}) {
    EXPECT_FALSE(HostOfIndex(url).ok()) << url;
  }
  EXPECT_THAT(std::string(HostOfIndex("ftp://u:s3cret@x").status().message()), ::testing::Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace leash::python
