#include "net/dns_message.h"

#include <gtest/gtest.h>

#include "fmt/format.h"

namespace leash::net {
namespace {

DnsBytes Bytes(std::string_view text) { return {text.begin(), text.end()}; }

std::string Hex(std::span<const std::uint8_t> bytes) {
  std::string text;
  for (const std::uint8_t byte : bytes) text += fmt::format("{:02x}", byte);
  return text;
}

void Put16(DnsBytes& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

struct Query {
  std::string name = "Www.Example.com";
  unsigned type = 1;
  unsigned flags = 0x0100;
  unsigned counts[4] = {1, 0, 0, 0};
  std::string additional;  // on the wire
};

using std::string_literals::operator""s;

const std::string kOpt = "\0\0\x29\x10\0\0\0\0\0\0\0"s;  // 4096 bytes

DnsBytes Wire(const Query& query) {
  DnsBytes out = {0x12, 0x34};
  Put16(out, query.flags);
  for (const unsigned count : query.counts) Put16(out, count);
  for (std::string_view rest = query.name; !rest.empty();) {
    const std::string_view label = rest.substr(0, rest.find('.'));
    out.push_back(static_cast<std::uint8_t>(label.size()));
    out.insert(out.end(), label.begin(), label.end());
    rest.remove_prefix(std::min(label.size() + 1, rest.size()));
  }
  out.push_back(0);
  Put16(out, query.type);
  Put16(out, 1);
  out.insert(out.end(), query.additional.begin(), query.additional.end());
  return out;
}

std::optional<DnsQuestion> Parse(const DnsBytes& bytes, DnsTransport transport = DnsTransport::kUdp) {
  return ParseQuestion(bytes, transport);
}

DnsQuestion Question(const Query& query = {}) { return Parse(Wire(query)).value_or(DnsQuestion()); }

unsigned Word(const DnsBytes& bytes, std::size_t at) {
  return static_cast<unsigned>(bytes.at(at) << 8 | bytes.at(at + 1));
}

TEST(DnsMessage, ReadsAQuestion) {
  const auto question = Parse(Wire({}));
  ASSERT_TRUE(question.has_value());
  EXPECT_EQ(question->id, 0x1234);
  EXPECT_EQ(question->name, "www.example.com");
  EXPECT_EQ(question->type, DnsType::kA);
  EXPECT_EQ(question->query_class, kDnsClassInternet);
  EXPECT_FALSE(question->edns.has_value());
  EXPECT_EQ(question->most, 512U);
  EXPECT_EQ(Question({.name = ""}).name, "");
  EXPECT_EQ(static_cast<int>(Question({.type = 4711}).type), 4711);
}

TEST(DnsMessage, ReadsEdns) {
  Query query{.counts = {1, 0, 0, 1}, .additional = kOpt};
  EXPECT_EQ(Question(query).edns->udp_size, 4096);
  EXPECT_EQ(Question(query).most, 1232U);
  EXPECT_EQ(Parse(Wire(query), DnsTransport::kTcp)->most, 65535U);
  query.additional = "\0\0\x29\0\x10\0\0\0\0\0\0"s;  // fewer than RFC 1035 has
  EXPECT_EQ(Question(query).most, 512U);
  query.additional = "\0\0\x29\x10\0\0\0\0\0\0\4\0\x0a\0\0"s;  // with an empty cookie
  EXPECT_TRUE(Question(query).edns.has_value());
  // A signature in front of it, its owner compressed.
  query.counts[3] = 2;
  query.additional = "\xc0\x0c\0\xfa\0\xff\0\0\0\0\0\3abc"s + kOpt;
  EXPECT_TRUE(Question(query).edns.has_value());
}

TEST(DnsMessage, RefusesWhatIsNoQuestion) {
  Query query;
  ASSERT_TRUE(Parse(Wire(query)).has_value());
  for (const unsigned flags : {0x8100U, 0x2800U, 0x0800U, 0x0300U}) {
    query.flags = flags;
    EXPECT_FALSE(Parse(Wire(query)).has_value()) << flags;
  }
  query.flags = 0x0100;
  const unsigned counts[][4] = {{0, 0, 0, 0}, {2, 0, 0, 0}, {1, 1, 0, 0}, {1, 0, 1, 0}, {1, 0, 0, 1}};
  for (const auto& some : counts) {
    std::copy(std::begin(some), std::end(some), std::begin(query.counts));
    EXPECT_FALSE(Parse(Wire(query)).has_value()) << some[0] << some[1] << some[2] << some[3];
  }
  EXPECT_FALSE(Parse(Wire({.additional = "x"})).has_value());
  EXPECT_FALSE(Parse(Wire({.counts = {1, 0, 0, 2}, .additional = kOpt + kOpt})).has_value());
  EXPECT_FALSE(Parse(Wire({.counts = {1, 0, 0, 1}, .additional = "\1a" + kOpt})).has_value());
  const DnsBytes whole = Wire({.counts = {1, 0, 0, 1}, .additional = kOpt});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(ParseQuestion(std::span(whole).first(size), DnsTransport::kUdp).has_value()) << size;
  }
}

TEST(DnsMessage, RefusesNamesWithOddBytes) {
  for (const std::string& name : {"a b.c"s, "a\\.b"s, "a\0b"s, "*.a"s, "\xc3\xa9.a"s, "a/b"s, "a@b"s}) {
    EXPECT_FALSE(Parse(Wire({.name = name})).has_value()) << name;
  }
  EXPECT_EQ(Question({.name = "_a-1.B_"}).name, "_a-1.b_");
}

TEST(DnsMessage, BoundsNames) {
  const std::string label(63, 'a');
  const std::string longest = fmt::format("{0}.{0}.{0}.{1}", label, std::string(61, 'a'));
  EXPECT_EQ(Question({.name = longest}).name, longest);
  EXPECT_FALSE(Parse(Wire({.name = longest + "a"})).has_value());
  EXPECT_FALSE(Parse(Wire({.name = std::string(64, 'a')})).has_value());
  // A pointer, to itself even.
  const std::string head = "\x12\x34\1\0\0\1\0\0\0\0\0\0"s;
  EXPECT_FALSE(Parse(Bytes(head + "\xc0\x0c\0\1\0\1"s)).has_value());
  EXPECT_FALSE(Parse(Bytes(head + "\1a\xc0\x0c\0\1\0\1"s)).has_value());
}

TEST(DnsMessage, AnswersWithAnAddress) {
  const DnsQuestion question = Question({.name = "Ab"});
  EXPECT_EQ(Hex(AddressAnswer(question, IpAddress::V4({192, 0, 2, 1}), 60)),
            "12348180"
            "0001000100000000"
            "0241620000010001"
            "c00c000100010000003c0004c0000201");
  const DnsQuestion aaaa = Question({.name = "ab", .type = 28});
  EXPECT_EQ(Hex(AddressAnswer(aaaa, *IpAddress::Parse("2001:db8::1"), 1)),
            "12348180"
            "0001000100000000"
            "02616200001c0001"
            "c00c001c000100000001001020010db8000000000000000000000001");
  // Of the other family there is none.
  EXPECT_EQ(AddressAnswer(aaaa, IpAddress::V4({192, 0, 2, 1}), 60), NoData(aaaa));
  // Any one record will do.
  const DnsQuestion any = Question({.name = "ab", .type = 255});
  EXPECT_EQ(Word(AddressAnswer(any, IpAddress::V4({192, 0, 2, 1}), 60), 6), 1U);
}

TEST(DnsMessage, AnswersWithoutOne) {
  const DnsQuestion question = Question();
  EXPECT_EQ(Word(NoData(question), 2), 0x8180U);
  EXPECT_EQ(Word(NameError(question), 2), 0x8183U);
  EXPECT_EQ(Word(Refused(question), 2), 0x8185U);
  EXPECT_EQ(Word(ServerFailure(question), 2), 0x8182U);
  EXPECT_EQ(Word(NotImplemented(question), 2), 0x8184U);
  const DnsBytes wire = Wire({});
  const DnsBytes answer = NoData(question);
  EXPECT_EQ(Hex(std::span(answer).subspan(12)), Hex(std::span(wire).subspan(12)));
  // Recursion was not desired, checking disabled.
  EXPECT_EQ(Word(NoData(Question({.flags = 0x0010})), 2), 0x8090U);
}

TEST(DnsMessage, RepeatsEdns) {
  const Query query{.name = "ab", .counts = {1, 0, 0, 1}, .additional = kOpt};
  EXPECT_EQ(Hex(NameError(Question(query))),
            "12348183"
            "0001000000000001"
            "0261620000010001"
            "00002904d0000000000000");
  DnsQuestion later = Question(query);
  later.edns->version = 1;
  EXPECT_EQ(Hex(AddressAnswer(later, IpAddress::V4({192, 0, 2, 1}), 60)),
            "12348180"
            "0001000000000001"
            "0261620000010001"
            "00002904d0010000000000");
}

TEST(DnsMessage, NamesAnAddress) {
  const DnsQuestion question = Question({.name = "1.2.0.192.in-addr.arpa", .type = 12});
  const DnsBytes answer = PointerAnswer(question, "Ab.c", 60);
  EXPECT_EQ(Hex(std::span(answer).last(18)), "c00c000c00010000003c0006024162016300");
  EXPECT_EQ(PointerAnswer(question, "Ab.c.", 60), answer);
  for (const std::string& name : {"a..b"s, ".a"s, "a.."s, "a b"s, std::string(64, 'a')}) {
    EXPECT_EQ(PointerAnswer(question, name, 60), ServerFailure(question)) << name;
  }
}

TEST(DnsMessage, SaysWhenItWasCut) {
  const std::string label(63, 'a');
  const std::string name = fmt::format("{0}.{0}.{0}.{1}", label, std::string(61, 'a'));
  const Query query{.name = name, .type = 12};
  const DnsBytes cut = PointerAnswer(Question(query), name, 60);
  EXPECT_LE(cut.size(), 512U);
  EXPECT_EQ(Word(cut, 2), 0x8380U);
  EXPECT_EQ(Word(cut, 6), 0U);
  const DnsBytes whole = PointerAnswer(*Parse(Wire(query), DnsTransport::kTcp), name, 60);
  EXPECT_GT(whole.size(), 512U);
  EXPECT_EQ(Word(whole, 2), 0x8180U);
  EXPECT_EQ(Word(whole, 6), 1U);
}

TEST(DnsMessage, AnswersWhatItCannotRead) {
  EXPECT_EQ(Hex(*AnswerToUnreadable(Wire({.additional = "x"}))), "123481810000000000000000");
  EXPECT_EQ(Hex(*AnswerToUnreadable(Wire({.flags = 0x2800}))), "1234a8840000000000000000");
  EXPECT_EQ(AnswerToUnreadable(Wire({.flags = 0x8180})), std::nullopt);
  EXPECT_EQ(AnswerToUnreadable(DnsBytes(11)), std::nullopt);
  EXPECT_EQ(AnswerToUnreadable({}), std::nullopt);
}

TEST(DnsMessage, IsFramedOverTcp) {
  const DnsBytes framed = WithTcpLength(Bytes("abc"));
  EXPECT_EQ(Hex(framed), "0003616263");
  for (std::size_t size = 0; size < framed.size(); ++size) {
    EXPECT_FALSE(FirstTcpMessage(std::span(framed).first(size)).has_value()) << size;
  }
  EXPECT_EQ(Hex(*FirstTcpMessage(Bytes("\0\3abcd"s))), "616263");
  EXPECT_EQ(FirstTcpMessage(Bytes("\0\0"s))->size(), 0U);
  EXPECT_EQ(WithTcpLength(DnsBytes(70000)).size(), 65537U);
}

TEST(ReverseName, IsAnAddress) {
  const auto address = [](std::string_view name) {
    const auto found = AddressOfReverseName(name);
    return found.has_value() ? found->ToString() : "none";
  };
  EXPECT_EQ(address("1.2.0.192.in-addr.arpa"), "192.0.2.1");
  EXPECT_EQ(address("255.0.10.1.in-addr.arpa"), "1.10.0.255");
  EXPECT_EQ(address("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"), "2001:db8::1");
  for (const char* name : {"", "in-addr.arpa", ".in-addr.arpa", "1.2.3.in-addr.arpa", "1.2.3.4.5.in-addr.arpa",
                           "01.2.0.192.in-addr.arpa", "256.2.0.192.in-addr.arpa", "a.2.0.192.in-addr.arpa",
                           "1..0.192.in-addr.arpa", "1.2.0.192.in-addr.arpa.", "1.2.0.192in-addr.arpa", "1.ip6.arpa",
                           "1.2.0.192.", "x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                           "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.012.ip6.arpa"}) {
    EXPECT_EQ(address(name), "none") << name;
  }
}

}  // namespace
}  // namespace leash::net
