#include "net/client_hello.h"

#include <gtest/gtest.h>

#include "fmt/format.h"

namespace leash::net {
namespace {

using std::string_literals::operator""s;

std::string Number(std::size_t value, std::size_t bytes) {
  std::string out;
  for (std::size_t i = bytes; i-- > 0;) out += static_cast<char>(value >> (8 * i) & 0xff);
  return out;
}
std::string Vector(std::size_t length_bytes, std::string_view content) {
  return Number(content.size(), length_bytes) + std::string(content);
}
std::string Extension(std::size_t type, std::string_view content) { return Number(type, 2) + Vector(2, content); }
std::string ServerName(std::string_view name) { return Extension(0, Vector(2, "\0"s + Vector(2, name))); }
std::string Alpn(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += Vector(1, name);
  return Extension(16, Vector(2, list));
}

const std::string kStart = "\x03\x03"s + std::string(32, 'r') + Vector(1, std::string(32, 's')) +
                           Vector(2, "\x13\x01\x13\x02") + Vector(1, "\0"s);

std::string Message(std::string_view body) { return "\x01"s + Vector(3, body); }
std::string Record(std::string_view content) { return "\x16\x03\x01"s + Vector(2, content); }
// The message over records of `size` bytes.
std::string Records(std::string_view message, std::size_t size) {
  std::string out;
  for (; !message.empty(); message.remove_prefix(std::min(size, message.size())))
    out += Record(message.substr(0, size));
  return out;
}
std::string Hello(std::string_view extensions) { return Record(Message(kStart + Vector(2, extensions))); }

std::string Name(ClientHelloStatus status) {
  constexpr std::string_view kNames[] = {"more", "not tls", "malformed", "done"};
  return std::string(kNames[static_cast<int>(status)]);
}

// What it ends in when bytes come one by one; no answer may be taken back.
std::string Status(std::string_view bytes) {
  std::string status = "more";
  for (std::size_t size = 0; size <= bytes.size(); ++size) {
    const std::string now = Name(InspectClientHello(bytes.substr(0, size)).status);
    EXPECT_TRUE(status == "more" || status == now) << status << ", then " << now << " after " << size << " bytes";
    status = now;
  }
  return status;
}

TEST(ClientHello, TellsWhomTheClientWants) {
  const std::string bytes = Hello(Extension(43, "\2\3\4") + ServerName("Example.com") + Alpn({"h2", "http/1.1"}));
  const ClientHello hello = InspectClientHello(bytes);
  EXPECT_EQ(hello.status, ClientHelloStatus::kDone);
  EXPECT_EQ(hello.server_name, "Example.com");
  EXPECT_FALSE(hello.encrypted_client_hello);
  EXPECT_EQ(Status(bytes), "done");
  EXPECT_EQ(Status(bytes + "early data"), "done");
}

TEST(ClientHello, MayTellNothing) {
  for (const std::string& bytes : {Hello(""), Record(Message(kStart)), Hello(Extension(43, ""))}) {
    const ClientHello hello = InspectClientHello(bytes);
    EXPECT_EQ(hello.status, ClientHelloStatus::kDone);
    EXPECT_EQ(hello.server_name, std::nullopt);
  }
}

TEST(ClientHello, MayBeEncryptedInside) {
  const ClientHello hello = InspectClientHello(Hello(ServerName("front.example") + Extension(0xfe0d, "anything")));
  EXPECT_TRUE(hello.encrypted_client_hello);
  EXPECT_EQ(hello.server_name, "front.example");
}

TEST(ClientHello, MayBeSpreadOverRecords) {
  const std::string message = Message(kStart + Vector(2, ServerName("example.com") + Alpn({"h2"})));
  for (std::size_t size = 1; size <= message.size(); ++size) {
    const std::string bytes = Records(message, size);
    const ClientHello hello = InspectClientHello(bytes);
    EXPECT_EQ(hello.status, ClientHelloStatus::kDone) << size;
    EXPECT_EQ(hello.server_name, "example.com") << size;
    EXPECT_EQ(InspectClientHello(std::string_view(bytes).substr(0, bytes.size() - 1)).status,
              ClientHelloStatus::kNeedMore);
  }
  EXPECT_EQ(Status(Records(message, 3)), "done");
}

TEST(ClientHello, MayBeLongButNotTooLong) {
  const auto padded = [](std::size_t padding) {
    return Records(Message(kStart + Vector(2, ServerName("a") + Extension(21, std::string(padding, '\0')))), 16384);
  };
  EXPECT_EQ(InspectClientHello(padded(60000)).server_name, "a");
  EXPECT_EQ(InspectClientHello(padded(65500)).status, ClientHelloStatus::kMalformed);
  // A length that cannot be fulfilled is known from its header.
  EXPECT_EQ(InspectClientHello("\x16\x03\x01\x10\x00\x01\x01\x00\x00"s).status, ClientHelloStatus::kMalformed);
  // Nor is there an end to short records.
  std::string slow;
  while (slow.size() < kMostClientHelloBytes) slow += Record(slow.empty() ? "\x01\x00\xff\x00"s : "x"s);
  EXPECT_EQ(InspectClientHello(slow).status, ClientHelloStatus::kMalformed);
}

TEST(ClientHello, IsTls) {
  EXPECT_EQ(Status("GET / HTTP/1.1\r\n"), "not tls");
  EXPECT_EQ(Status("SSH-2.0-x\r\n"), "not tls");
  EXPECT_EQ(Status("\x80\x2e\x01\x03\x01"s), "not tls");  // SSL 2
  EXPECT_EQ(Status("\x16\xfe\xfd"s), "not tls");          // DTLS
  EXPECT_EQ(Status("\x15\x03\x01\0\x02\x01\0"s), "not tls");
  EXPECT_EQ(Status(""), "more");
}

TEST(ClientHello, HasRecordsByTheRules) {
  const std::string message = Message(kStart);
  EXPECT_EQ(Status(Record("") + Record(message)), "malformed");
  EXPECT_EQ(Status("\x16\x03\x01\x40\x01"s), "malformed");  // longer than a record may be
  EXPECT_EQ(Status(Record(message.substr(0, 9)) + "\x15\x03\x01\0\x02\x01\0"s), "malformed");
  EXPECT_EQ(Status(Record(message.substr(0, 9)) + "\x16\x02"s), "malformed");
  EXPECT_EQ(Status(Record("\x02"s + message.substr(1))), "malformed");
  EXPECT_EQ(Status(Record(message + "x")), "malformed");
  EXPECT_EQ(Status(Record(message + message)), "malformed");
}

TEST(ClientHello, HasABodyByTheRules) {
  const std::string random(32, 'r');
  const auto status = [](const std::string& body) { return Status(Record(Message(body))); };
  EXPECT_EQ(status("\x03\x03" + random + Vector(1, "") + Vector(2, "ab") + Vector(1, "\0"s)), "done");
  EXPECT_EQ(status("\x02\x03" + random + Vector(1, "") + Vector(2, "ab") + Vector(1, "\0"s)), "malformed");
  EXPECT_EQ(status("\x03\x03" + random + Vector(1, std::string(33, 's')) + Vector(2, "ab") + Vector(1, "\0"s)),
            "malformed");
  EXPECT_EQ(status("\x03\x03" + random + Vector(1, "") + Vector(2, "abc") + Vector(1, "\0"s)), "malformed");
  EXPECT_EQ(status("\x03\x03" + random + Vector(1, "") + Vector(2, "") + Vector(1, "\0"s)), "malformed");
  EXPECT_EQ(status("\x03\x03" + random + Vector(1, "") + Vector(2, "ab") + Vector(1, "")), "malformed");
  EXPECT_EQ(status(kStart + "x"), "malformed");
  EXPECT_EQ(status(kStart + Vector(2, "") + "x"), "malformed");
  EXPECT_EQ(status(""), "malformed");
  for (std::size_t size = 0; size < kStart.size(); ++size)
    EXPECT_EQ(status(kStart.substr(0, size)), "malformed") << size;
}

TEST(ClientHello, HasExtensionsByTheRules) {
  EXPECT_EQ(Status(Hello(ServerName("a"))), "done");
  const std::string name = "\0"s + Vector(2, "a");
  for (const std::string& extensions : {ServerName("a") + ServerName("a"),
                                        Extension(43, "x") + Extension(43, "x"),
                                        ServerName(""),
                                        ServerName("a\0b"s),
                                        ServerName("a b"),
                                        ServerName("\xc3\xa9"),
                                        ServerName("a/b"),
                                        Extension(0, ""),
                                        Extension(0, Vector(2, "")),
                                        Extension(0, Vector(2, name + name)),
                                        Extension(0, Vector(2, name) + "x"),
                                        Extension(0, Vector(2, name + "x")),
                                        Extension(0, Vector(2, "\1"s + Vector(2, "a"))),
                                        Extension(0, "\0\5"s + name),
                                        Alpn({}),
                                        Alpn({""}),
                                        Alpn({"h2", ""}),
                                        Extension(16, Vector(2, "\3h2")),
                                        Extension(16, Vector(2, "\2h2") + "x"),
                                        "x"s,
                                        "\0\0\0"s,
                                        "\0\x2b\0\5abc"s}) {
    EXPECT_EQ(Status(Hello(extensions)), "malformed") << ::testing::PrintToString(extensions);
    EXPECT_EQ(InspectClientHello(Hello(extensions)).server_name, std::nullopt);
  }
}

}  // namespace
}  // namespace leash::net
