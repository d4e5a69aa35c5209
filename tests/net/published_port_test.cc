#include "net/published_port.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "leash/error.h"

namespace leash::net {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<PublishedPort> Read(std::string_view text) {
  const auto ports = PublishedPort::Parse(text);
  EXPECT_TRUE(ports.ok()) << ports.status();
  return ports.ok() ? *ports : std::vector<PublishedPort>();
}

std::string ErrorOf(std::string_view text) {
  const auto ports = PublishedPort::Parse(text);
  EXPECT_FALSE(ports.ok()) << text;
  EXPECT_EQ(GetErrorCode(ports.status()), ErrorCode::kInvalidArgument);
  return std::string(ports.status().message());
}

TEST(PublishedPort, IsReadAsItIsWritten) {
  EXPECT_THAT(Read("8080"), ElementsAre(PublishedPort{"", 8080, 8080}));
  EXPECT_THAT(Read("80:8080"), ElementsAre(PublishedPort{"", 80, 8080}));
  EXPECT_THAT(Read("0:8080"), ElementsAre(PublishedPort{"", 0, 8080}));
  EXPECT_THAT(Read("8080/tcp"), ElementsAre(PublishedPort{"", 8080, 8080}));
  EXPECT_THAT(Read("localhost:8080"), ElementsAre(PublishedPort{"", 8080, 8080}));
  EXPECT_THAT(Read("0.0.0.0:8080"), ElementsAre(PublishedPort{"0.0.0.0", 8080, 8080}));
  EXPECT_THAT(Read("192.0.2.1:80:65535/tcp"), ElementsAre(PublishedPort{"192.0.2.1", 80, 65535}));
  EXPECT_THAT(Read("[::1]:8080"), ElementsAre(PublishedPort{"::1", 8080, 8080}));
  EXPECT_THAT(Read("[2001:DB8::0]:1:2000"), ElementsAre(PublishedPort{"2001:db8::", 1, 2000}));
}

TEST(PublishedPort, RangesAreAsManyPorts) {
  EXPECT_THAT(Read("8000-8002"),
              ElementsAre(PublishedPort{"", 8000, 8000}, PublishedPort{"", 8001, 8001}, PublishedPort{"", 8002, 8002}));
  EXPECT_THAT(Read("127.0.0.1:80-81:9080-9081"),
              ElementsAre(PublishedPort{"127.0.0.1", 80, 9080}, PublishedPort{"127.0.0.1", 81, 9081}));
  EXPECT_THAT(Read("65535-65535"), ElementsAre(PublishedPort{"", 65535, 65535}));
  EXPECT_EQ(Read("2000-3023").size(), 1024U);
}

TEST(PublishedPort, IsRefusedWithThePosition) {
  for (const auto& [text, at, why] : {
           std::tuple{"", 1, "a port is missing"},
           {"8080:", 6, "a port is missing"},
           {":8080", 1, "a port is missing"},
           {"127.0.0.1::8080", 11, "a port is missing"},
           {"127.0.0.1:", 11, "a port is missing"},
           {"8080:http", 6, "up to 65535"},
           {"65536", 1, "up to 65535"},
           {"+8080", 1, "up to 65535"},
           {"99999999999999999999", 1, "up to 65535"},
           {"8080:70000", 6, "up to 65535"},
           {"8080/udp", 6, "UDP"},
           {"8080/", 6, "only be tcp"},
           {"8080/TCP", 6, "only be tcp"},
           {"example.com:8080", 1, "not an address"},
           {"127.1:8080", 1, "not an address"},
           {"[fe80::1%lo]:8080", 2, "not an address"},
           {"[::1:8080", 1, "without ']'"},
           {"[::1]", 6, "a colon and a port"},
           {"[::1]8080", 6, "a colon and a port"},
           {"::1:8080", 1, "in [brackets]"},
           {"0", 1, "which port inside"},
           {"80", 1, "below 1024"},
           {"8080:80", 6, "below 1024"},
           {"8080:0", 6, "below 1024"},
           {"8000-8001:9000", 11, "differ in length"},
           {"8001-8000", 1, "before it begins"},
           {"0-1:9000-9001", 1, "begins with 1"},
           {"2000-3024", 1, "1024 ports at most"},
           {"8000-", 6, "a port is missing"},
       }) {
    const std::string error = ErrorOf(text);
    EXPECT_THAT(error, HasSubstr(why)) << text;
    EXPECT_THAT(error, HasSubstr("at character " + std::to_string(at) + ":")) << text;
  }
}

TEST(PublishedPort, IsWrittenAsItIsRead) {
  for (const char* text : {"8080:8081", "0:8080", "127.0.0.1:80:8080", "[::1]:80:8080"}) {
    EXPECT_THAT(Read(text), ElementsAre(Read(Read(text).front().ToString()).front()));
    EXPECT_EQ(Read(text).front().ToString(), text);
  }
}

TEST(PublishedPort, IsCheckedWhenItWasNotRead) {
  EXPECT_TRUE(CheckPublishedPort({"", 0, 1024}).ok());
  EXPECT_TRUE(CheckPublishedPort({"::", 1, 65535}).ok());
  EXPECT_FALSE(CheckPublishedPort({"", 8080, 0}).ok());
  EXPECT_FALSE(CheckPublishedPort({"", 8080, 1023}).ok());
  EXPECT_FALSE(CheckPublishedPort({"[::1]", 8080, 8080}).ok());
  EXPECT_FALSE(CheckPublishedPort({"localhost", 8080, 8080}).ok());
}

}  // namespace
}  // namespace leash::net
