#include "net/http_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "fmt/format.h"
#include "net/http_reader.h"

namespace leash::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Described(std::string_view method, std::string_view text) {
  const auto target = ParseTarget(method, text);
  if (!target.has_value()) return "none";
  constexpr std::string_view kForms[] = {"origin", "absolute", "authority", "asterisk"};
  return fmt::format("{} {}|{}|{}|{}", kForms[static_cast<int>(target->form)], target->scheme, target->authority.host,
                     target->authority.port.value_or(0), target->ToOriginForm());
}

TEST(HttpTarget, HasFourForms) {
  EXPECT_EQ(Described("GET", "/a/../b?c=d?e"), "origin ||0|/a/../b?c=d?e");
  EXPECT_EQ(Described("GET", "//a/b"), "origin ||0|//a/b");
  EXPECT_EQ(Described("GET", "HTTP://Example.com:8080/a?b"), "absolute http|Example.com|8080|/a?b");
  EXPECT_EQ(Described("GET", "http://example.com"), "absolute http|example.com|0|/");
  EXPECT_EQ(Described("GET", "http://example.com:/"), "absolute http|example.com|0|/");
  EXPECT_EQ(Described("GET", "http://h?q"), "absolute http|h|0|/?q");
  EXPECT_EQ(Described("GET", "https://[2001:db8::1]:443/"), "absolute https|2001:db8::1|443|/");
  EXPECT_EQ(Described("CONNECT", "example.com:443"), "authority |example.com|443|");
  EXPECT_EQ(Described("CONNECT", "[::1]:443"), "authority |::1|443|");
  EXPECT_EQ(Described("OPTIONS", "*"), "asterisk ||0|*");
}

TEST(HttpTarget, IsNothingElse) {
  for (const char* text : {"",
                           "*",
                           "a",
                           "a/b",
                           "http:/a",
                           "http://",
                           "http:///a",
                           "://a/",
                           "1http://a/",
                           "http://u@a/",
                           "http://u:p@a/",
                           "http://a/#b",
                           "/a#b",
                           "/a b",
                           "/\xc3\xa9",
                           "http://a:b/",
                           "http://a:0/",
                           "http://a:65536/",
                           "http://a:+80/",
                           "http://[::1/",
                           "http://[::1]a/",
                           "http://[1.2.3.4]/",
                           "http://[fe80::1%25eth0]/",
                           "http://a\\@b/",
                           "http://a\"b/"}) {
    EXPECT_EQ(Described("GET", text), "none") << text;
  }
  for (const char* text : {"example.com", "example.com:", ":443", "/", "http://a:443/", "a:443/b", "u@a:443", "[::1]",
                           "*", "a:00443x", "a:99999", "::1:443"}) {
    EXPECT_EQ(Described("CONNECT", text), "none") << text;
  }
}

TEST(HttpFields, AreFoundWhateverTheirCase) {
  HttpFields fields = {{"A", "1"}, {"b", "2"}, {"a", "3"}};
  EXPECT_EQ(FindField(fields, "a"), "1");
  EXPECT_EQ(FindField(fields, "c"), std::nullopt);
  SetField(fields, "a", fields[2].second);
  EXPECT_EQ(fields, (HttpFields{{"a", "3"}, {"b", "2"}}));
  SetField(fields, "c", "4");
  RemoveField(fields, "B");
  EXPECT_EQ(fields, (HttpFields{{"a", "3"}, {"c", "4"}}));
  EXPECT_TRUE(ListsToken({{"X", "a, ,B ,"}, {"x", "c"}}, "x", "b"));
  EXPECT_TRUE(ListsToken({{"X", "a, ,B ,"}, {"x", "c"}}, "x", "C"));
  EXPECT_FALSE(ListsToken({{"X", "ab"}}, "x", "a"));
}

TEST(HttpFields, OfOneConnectionAreNotForwarded) {
  HttpFields fields = {{"Host", "h"},
                       {"Connection", "close, X-Mine"},
                       {"connection", "Host, Content-Length"},
                       {"x-mine", "1"},
                       {"Proxy-Authorization", "s"},
                       {"Proxy-Connection", "close"},
                       {"Keep-Alive", "1"},
                       {"TE", "trailers"},
                       {"Trailer", "a"},
                       {"Upgrade", "h2c"},
                       {"Transfer-Encoding", "chunked"},
                       {"Content-Length", "1"},
                       {"Authorization", "ok"},
                       {"Proxying", "ok"}};
  RemoveHopByHop(fields);
  EXPECT_EQ(fields, (HttpFields{{"Host", "h"}, {"Content-Length", "1"}, {"Authorization", "ok"}, {"Proxying", "ok"}}));
}

HttpHead ReadHead(HttpKind kind, std::string_view text, std::string_view answers_to = "GET") {
  HttpReader reader(kind);
  reader.AnswersTo(answers_to);
  EXPECT_EQ(reader.Read(text).found, HttpFound::kHead) << reader.error().reason;
  return reader.head();
}

TEST(HttpWriter, WritesWhatWasRead) {
  HttpHead request =
      ReadHead(HttpKind::kRequest,
               "POST http://h/x HTTP/1.0\r\nHost: h\r\nA: b\r\nConnection: keep-alive\r\nContent-Length: 007\r\n\r\n");
  request.target = "/x";
  EXPECT_EQ(WriteRequestHead(request), "POST /x HTTP/1.1\r\nHost: h\r\nA: b\r\nContent-Length: 7\r\n\r\n");
  const HttpHead upgrade =
      ReadHead(HttpKind::kRequest, "GET / HTTP/1.1\r\nHost: h\r\nConnection: x, upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_EQ(WriteRequestHead(upgrade),
            "GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
}

TEST(HttpWriter, GoesByTheFramingNotByTheFields) {
  HttpHead response = ReadHead(HttpKind::kResponse, "HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
  EXPECT_EQ(WriteResponseHead(response), "HTTP/1.1 200 OK\r\nA: b\r\nConnection: close\r\n\r\n");
  response.framing = HttpFraming::kChunked;
  response.keep_alive = true;
  response.fields.emplace_back("content-length", "99");
  EXPECT_EQ(WriteResponseHead(response), "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n");
  const HttpHead to_head = ReadHead(HttpKind::kResponse, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD");
  EXPECT_EQ(WriteResponseHead(to_head), "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  const HttpHead no_content = ReadHead(HttpKind::kResponse, "HTTP/1.1 204 No\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(WriteResponseHead(no_content), "HTTP/1.1 204 No\r\n\r\n");
}

TEST(HttpWriter, TellsMachinesWhyAndPeopleWhat) {
  const std::string response = ErrorResponse(403, "host_denied", "no rule \"allows\"\r\n\xff", {{"X", "y"}});
  const HttpHead head = ReadHead(HttpKind::kResponse, response);
  EXPECT_EQ(head.status, 403);
  EXPECT_EQ(head.reason, "Forbidden");
  EXPECT_EQ(FindField(head.fields, "x-leash-reason"), "host_denied");
  EXPECT_EQ(FindField(head.fields, "x"), "y");
  EXPECT_FALSE(head.keep_alive);
  const std::string body = response.substr(response.find("\r\n\r\n") + 4);
  EXPECT_EQ(head.content_length, body.size());
  EXPECT_EQ(body, "{\"error\":\"host_denied\",\"message\":\"no rule \\\"allows\\\"\\r\\n\\ufffd\"}\n");
}

TEST(HttpWriter, WritesChunksThatAreReadBack) {
  std::string bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  AppendChunk(bytes, "hello");
  AppendChunk(bytes, "");
  bytes += ChunkHeader(26);
  bytes += std::string(26, 'x');
  bytes += kChunkEnd;
  bytes += LastChunk({{"Sum", "1"}});
  EXPECT_THAT(bytes, HasSubstr("\r\n1a\r\n"));
  HttpReader reader(HttpKind::kResponse);
  std::string_view rest = bytes;
  std::string body;
  while (true) {
    const HttpProgress progress = reader.Read(rest);
    rest.remove_prefix(progress.consumed);
    body += progress.body;
    ASSERT_THAT(progress.found, Not(HttpFound::kError)) << reader.error().reason;
    if (progress.found == HttpFound::kEnd) break;
    ASSERT_THAT(progress.found, Not(HttpFound::kNothing));
  }
  EXPECT_EQ(body, "hello" + std::string(26, 'x'));
  EXPECT_EQ(reader.trailers(), (HttpFields{{"Sum", "1"}}));
  EXPECT_EQ(rest, "");
}

}  // namespace
}  // namespace leash::net
