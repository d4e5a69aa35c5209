#include "net/socks.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "fmt/format.h"

namespace leash::net {
namespace {

using std::string_literals::operator""s;

struct Dialogue {
  SocksEvent event = SocksEvent::kNeedMore;
  std::string sent;
  std::string rest;
  SocksRequest request;

  bool operator==(const Dialogue& other) const {
    return event == other.event && sent == other.sent && rest == other.rest && request.host == other.request.host &&
           request.port == other.request.port;
  }
};

Dialogue FeedIn(std::string_view bytes, std::size_t step, const std::optional<SocksCredential>& credential) {
  SocksParser parser(credential);
  Dialogue dialogue;
  std::size_t at = 0;
  while (at < bytes.size()) {
    const std::string_view piece = bytes.substr(at, step);
    const SocksProgress progress = parser.Feed(piece);
    dialogue.sent += progress.send;
    dialogue.event = progress.event;
    at += progress.consumed;
    if (progress.event != SocksEvent::kNeedMore) break;
    EXPECT_EQ(progress.consumed, piece.size());
  }
  EXPECT_EQ(dialogue.event == SocksEvent::kNeedMore ? 0U : parser.Feed("more").consumed, 0U);
  dialogue.rest = bytes.substr(at);
  dialogue.request = parser.request();
  return dialogue;
}

// However the bytes are split, the same comes of them.
Dialogue Feed(std::string_view bytes, const std::optional<SocksCredential>& credential = std::nullopt) {
  Dialogue whole = FeedIn(bytes, bytes.size() + 1, credential);
  for (const std::size_t step : {1, 2, 3, 5}) EXPECT_EQ(FeedIn(bytes, step, credential), whole) << step;
  return whole;
}

const SocksCredential kCredential{"user", "secret"};
const std::string kGreeting = "\5\1\0"s;
const std::string kAccepted = "\5\0"s;

std::string Name5(std::string_view name, const std::string& port = "\x01\xbb"s, char command = 1) {
  return "\5"s + command + "\0\3"s + static_cast<char>(name.size()) + std::string(name) + port;
}
std::string Failed5(char code) { return "\5"s + code + "\0\1\0\0\0\0\0\0"s; }
const std::string kRefused4 = "\0\x5b\0\0\0\0\0\0"s;

TEST(Socks, FiveAsksForANameOrAnAddress) {
  const Dialogue name = Feed(kGreeting + Name5("Example.com") + "tunnel");
  EXPECT_EQ(name.event, SocksEvent::kRequest);
  EXPECT_EQ(name.sent, kAccepted);
  EXPECT_EQ(name.request.host, "Example.com");
  EXPECT_EQ(name.request.address, std::nullopt);
  EXPECT_EQ(name.request.port, 443);
  EXPECT_EQ(name.rest, "tunnel");
  EXPECT_EQ(Feed(kGreeting + "\5\1\0\1\xc0\0\2\1\0\x50"s).request.host, "192.0.2.1");
  const Dialogue v6 = Feed(kGreeting + "\5\1\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50"s);
  EXPECT_EQ(v6.event, SocksEvent::kRequest);
  EXPECT_EQ(v6.request.host, "2001:db8::1");
  EXPECT_EQ(v6.request.port, 80);
  // An address written as a name is one.
  EXPECT_EQ(Feed(kGreeting + Name5("192.0.2.1")).request.address, IpAddress::V4({192, 0, 2, 1}));
  EXPECT_EQ(Feed(kGreeting + Name5("2001:DB8::1")).request.host, "2001:db8::1");
}

TEST(Socks, FiveIsAnsweredByItsRequest) {
  SocksParser parser;
  parser.Feed(kGreeting + Name5("a"));
  EXPECT_EQ(parser.Reply(SocksReply::kSucceeded), Failed5(0));
  EXPECT_EQ(parser.Reply(SocksReply::kConnectionRefused, {IpAddress::V4({192, 0, 2, 1}), 80}),
            "\5\5\0\1\xc0\0\2\1\0\x50"s);
  EXPECT_EQ(parser.Reply(SocksReply::kSucceeded, {*IpAddress::Parse("2001:db8::1"), 80}),
            "\5\0\0\4\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1\0\x50"s);
}

TEST(Socks, FiveWantsTheCredential) {
  const std::string password = "\1\4user\6secret"s;
  const Dialogue right = Feed("\5\2\0\2"s + password + Name5("a"), kCredential);
  EXPECT_EQ(right.event, SocksEvent::kRequest);
  EXPECT_EQ(right.sent, "\5\2\1\0"s);
  for (const std::string& wrong : {"\1\4user\6Secret"s, "\1\4uses\6secret"s, "\1\4user\5secre"s, "\1\0\0"s,
                                   "\1\4user\0"s, "\1\0\6secret"s, "\5\4user\6secret"s}) {
    const Dialogue dialogue = Feed("\5\1\2"s + wrong + Name5("a"), kCredential);
    EXPECT_EQ(dialogue.event, SocksEvent::kClose);
    EXPECT_EQ(dialogue.sent, "\5\2\1\1"s);
  }
  const Dialogue without = Feed(kGreeting + Name5("a"), kCredential);
  EXPECT_EQ(without.event, SocksEvent::kClose);
  EXPECT_EQ(without.sent, "\5\xff");
}

TEST(Socks, FiveRefusesOtherMethodsAndCommands) {
  for (const std::string& greeting : {"\5\0"s, "\5\1\2"s, "\5\2\1\x80"s}) {
    EXPECT_EQ(Feed(greeting + "x").sent, "\5\xff");
    EXPECT_EQ(Feed(greeting).event, SocksEvent::kClose);
  }
  EXPECT_EQ(Feed("\5\3\1\2\0"s).sent, kAccepted);
  EXPECT_EQ(Feed(kGreeting + Name5("a", "\0\1"s, 2)).sent, kAccepted + Failed5(7));  // BIND
  EXPECT_EQ(Feed(kGreeting + Name5("a", "\0\1"s, 3)).sent, kAccepted + Failed5(7));  // UDP ASSOCIATE
  EXPECT_EQ(Feed(kGreeting + Name5("a", "\0\0"s, 3)).sent, kAccepted + Failed5(7));
  EXPECT_EQ(Feed(kGreeting + Name5("a", "\0\1"s, 0)).sent, kAccepted + Failed5(7));
  EXPECT_EQ(Feed(kGreeting + "\5\1\0\2\1\1\1\1"s).sent, kAccepted + Failed5(8));
  EXPECT_EQ(Feed(kGreeting + "\4\1\0\1\1\1\1\1\0\1"s).sent, kAccepted + Failed5(1));
  EXPECT_EQ(Feed(kGreeting + "\5\1\1\1\1\1\1\1\0\1"s).sent, kAccepted + Failed5(1));
}

TEST(Socks, RefusesOddNamesAndNoPort) {
  for (const std::string& name : {""s, "a b"s, "a\0b"s, "a/b"s, "user@a"s, "a:80"s, "[::1]"s, "\xc3\xa9"s, "a%b"s}) {
    const Dialogue five = Feed(kGreeting + Name5(name));
    EXPECT_EQ(five.event, SocksEvent::kClose) << name;
    EXPECT_EQ(five.sent, kAccepted + Failed5(1)) << name;
  }
  for (const std::string& name : {""s, "a b"s, "a/b"s, "\xc3\xa9"s}) {
    EXPECT_EQ(Feed("\4\1\0\x50\0\0\0\1u\0"s + name + "\0"s).sent, kRefused4) << name;
  }
  EXPECT_EQ(Feed(kGreeting + Name5("a", "\0\0"s)).sent, kAccepted + Failed5(1));
  EXPECT_EQ(Feed("\4\1\0\0\xc0\0\2\1\0"s).sent, kRefused4);
  EXPECT_EQ(Feed(kGreeting + Name5(std::string(255, 'a'))).request.host.size(), 255U);
}

TEST(Socks, FourAsksForAnAddressOrAName) {
  const Dialogue address = Feed("\4\1\0\x50\xc0\0\2\1user\0tunnel"s);
  EXPECT_EQ(address.event, SocksEvent::kRequest);
  EXPECT_EQ(address.request.host, "192.0.2.1");
  EXPECT_EQ(address.request.port, 80);
  EXPECT_EQ(address.rest, "tunnel");
  EXPECT_EQ(address.sent, "");
  const Dialogue name = Feed("\4\1\x01\xbb\0\0\0\1\0Example.com\0tunnel"s);
  EXPECT_EQ(name.event, SocksEvent::kRequest);
  EXPECT_EQ(name.request.host, "Example.com");
  EXPECT_EQ(name.request.port, 443);
  EXPECT_EQ(name.rest, "tunnel");
  // 0.0.0.0 is an address.
  EXPECT_EQ(Feed("\4\1\0\x50\0\0\0\0\0"s).request.host, "0.0.0.0");
}

TEST(Socks, FourIsAnsweredByItsRequest) {
  SocksParser parser;
  parser.Feed("\4\1\0\x50\xc0\0\2\1\0"s);
  EXPECT_EQ(parser.Reply(SocksReply::kSucceeded), "\0\x5a\0\0\0\0\0\0"s);
  EXPECT_EQ(parser.Reply(SocksReply::kHostUnreachable), kRefused4);
  EXPECT_EQ(parser.Reply(SocksReply::kSucceeded, {IpAddress::V4({192, 0, 2, 9}), 80}), "\0\x5a\0\x50\xc0\0\2\x09"s);
}

TEST(Socks, FourRefusesWhatItCannotDo) {
  EXPECT_EQ(Feed("\4\2\0\x50\xc0\0\2\1\0"s).sent, kRefused4);  // BIND
  EXPECT_EQ(Feed("\4\1\0\x50\xc0\0\2\1user\0"s, kCredential).sent, "\0\x5d\0\0\0\0\0\0"s);
  const std::string front = "\4\1\0\x50\0\0\0\1"s;
  EXPECT_EQ(Feed(front + std::string(255, 'u')).event, SocksEvent::kNeedMore);
  EXPECT_EQ(Feed(front + std::string(256, 'u')).sent, kRefused4);
  EXPECT_EQ(Feed(front + std::string(255, 'u') + "\0"s + std::string(255, 'n')).event, SocksEvent::kNeedMore);
  EXPECT_EQ(Feed(front + std::string(255, 'u') + "\0"s + std::string(255, 'n') + "\0"s).event, SocksEvent::kRequest);
  EXPECT_EQ(Feed(front + "\0"s + std::string(256, 'n')).sent, kRefused4);
}

TEST(Socks, ClosesOnAnythingElse) {
  for (const char* bytes : {"GET / HTTP/1.1\r\n", "\x16\x03\x01", "\6", "\1"}) {
    const Dialogue dialogue = Feed(bytes);
    EXPECT_EQ(dialogue.event, SocksEvent::kClose);
    EXPECT_EQ(dialogue.sent, "");
  }
  EXPECT_EQ(Feed("\0"s).event, SocksEvent::kClose);
}

}  // namespace
}  // namespace leash::net
