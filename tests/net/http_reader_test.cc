#include "net/http_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "fmt/format.h"

namespace leash::net {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a reader finds in `input`, given in pieces of `step` bytes: "head GET /;body abc;end;".
struct Reading {
  std::string story;
  std::vector<HttpHead> heads;
  HttpError error;
  std::string rest;  // what was not consumed
};

struct Options {
  HttpKind kind = HttpKind::kRequest;
  HttpLimits limits;
  std::string answers_to;
  bool finish = false;
};

void Note(Reading& reading, std::string& body, const HttpReader& reader, const HttpProgress& progress) {
  if (progress.found == HttpFound::kBody) {
    body += progress.body;
    return;
  }
  if (!body.empty()) reading.story += fmt::format("body {};", std::exchange(body, {}));
  switch (progress.found) {
    case HttpFound::kHead:
      reading.heads.push_back(reader.head());
      reading.story += reader.head().request ? fmt::format("head {} {};", reader.head().method, reader.head().target)
                                             : fmt::format("head {};", reader.head().status);
      break;
    case HttpFound::kEnd:
      for (const auto& [name, value] : reader.trailers()) reading.story += fmt::format("trailer {}={};", name, value);
      reading.story += "end;";
      break;
    case HttpFound::kError:
      reading.error = reader.error();
      reading.story += fmt::format("error {};", reader.error().status);
      break;
    default:
      break;
  }
}

Reading ReadIn(std::string_view input, std::size_t step, const Options& options) {
  HttpReader reader(options.kind, options.limits);
  reader.AnswersTo(options.answers_to);
  Reading reading;
  std::string body;
  std::size_t at = 0;
  std::size_t end = 0;
  while (true) {
    const HttpProgress progress = reader.Read(input.substr(at, end - at));
    at += progress.consumed;
    if (progress.found == HttpFound::kNothing) {
      EXPECT_EQ(at, end) << "kNothing, and input left";
      if (end == input.size()) break;
      end = std::min(end + step, input.size());
      continue;
    }
    Note(reading, body, reader, progress);
    if (progress.found == HttpFound::kError) break;
    // Here the connection becomes something else.
    if (progress.found == HttpFound::kEnd && (reader.head().status == 101 || options.answers_to == "CONNECT")) break;
  }
  if (options.finish && reading.error.status == 0) Note(reading, body, reader, reader.Finish());
  if (!body.empty()) reading.story += fmt::format("body {};", body);
  reading.rest = input.substr(at);
  return reading;
}

// However the bytes are split, the same is found.
Reading ReadAll(std::string_view input, const Options& options = {}) {
  Reading whole = ReadIn(input, input.size() + 1, options);
  for (const std::size_t step : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}}) {
    const Reading split = ReadIn(input, step, options);
    EXPECT_EQ(split.story, whole.story) << "in pieces of " << step << ": " << input.substr(0, 200);
    EXPECT_EQ(split.error.reason, whole.error.reason) << "in pieces of " << step << ": " << input.substr(0, 200);
  }
  return whole;
}

Reading ReadResponse(std::string_view input, std::string_view answers_to = "GET", bool finish = false) {
  return ReadAll(input, {.kind = HttpKind::kResponse, .answers_to = std::string(answers_to), .finish = finish});
}

std::string Story(std::string_view input) { return ReadAll(input).story; }

// A request with these fields and this body, and what comes of it.
std::string StoryOf(std::string_view fields, std::string_view body = "") {
  return Story(fmt::format("POST /x HTTP/1.1\r\nHost: h\r\n{}\r\n{}", fields, body));
}

TEST(HttpReader, ReadsRequestsOneAfterAnother) {
  const Reading reading = ReadAll(
      "GET /a?b HTTP/1.1\r\nHost: example.com\r\nX:  two words \r\n\r\n"
      "POST /c HTTP/1.1\r\nHost: example.com\r\nContent-Length: 3\r\n\r\nabc"
      "GET http://example.com/ HTTP/1.0\r\n\r\n");
  EXPECT_EQ(reading.story, "head GET /a?b;end;head POST /c;body abc;end;head GET http://example.com/;end;");
  ASSERT_EQ(reading.heads.size(), 3U);
  EXPECT_EQ(reading.heads[0].fields, (HttpFields{{"Host", "example.com"}, {"X", "two words"}}));
  EXPECT_TRUE(reading.heads[0].keep_alive);
  EXPECT_EQ(reading.heads[0].framing, HttpFraming::kNone);
  EXPECT_EQ(reading.heads[1].framing, HttpFraming::kLength);
  EXPECT_EQ(reading.heads[1].content_length, 3U);
  EXPECT_EQ(reading.heads[2].minor_version, 0);
  EXPECT_FALSE(reading.heads[2].keep_alive);
}

TEST(HttpReader, RemovesTheFramingOfChunks) {
  EXPECT_EQ(StoryOf("Transfer-Encoding: Chunked\r\n",
                    "3\r\nabc\r\n00A;name=value;other=\"a;b\"\r\n0123456789\r\n0\r\nX-Sum: 1\r\n\r\n"
                    "GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
            "head POST /x;body abc0123456789;trailer X-Sum=1;end;head GET /;end;");
  EXPECT_EQ(StoryOf("Transfer-Encoding: chunked\r\n", "0\r\n\r\n"), "head POST /x;end;");
}

TEST(HttpReader, GivesBodiesAsPartsOfTheInput) {
  HttpReader reader(HttpKind::kRequest);
  const std::string input = "PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
  const HttpProgress head = reader.Read(input);
  EXPECT_EQ(head.found, HttpFound::kHead);
  EXPECT_EQ(head.consumed, input.size() - 5);
  const HttpProgress body = reader.Read(std::string_view(input).substr(head.consumed));
  EXPECT_EQ(body.body.data(), input.data() + head.consumed);
  EXPECT_EQ(reader.Read({}).found, HttpFound::kEnd);
  EXPECT_TRUE(reader.idle());
  EXPECT_EQ(reader.Read({}).found, HttpFound::kNothing);
}

TEST(HttpReader, TellsWhatTheConnectionFieldsMean) {
  const Reading reading = ReadAll(
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n"
      "GET / HTTP/1.1\r\nHost: h\r\nConnection: Close\r\nUpgrade: websocket\r\nExpect: 100-Continue\r\n\r\n"
      "GET / HTTP/1.0\r\nConnection: Keep-Alive, upgrade\r\nUpgrade: websocket\r\nExpect: 100-continue\r\n\r\n");
  ASSERT_EQ(reading.heads.size(), 3U);
  EXPECT_EQ(reading.heads[0].upgrade, "websocket");
  EXPECT_FALSE(reading.heads[0].expect_continue);
  EXPECT_EQ(reading.heads[1].upgrade, "");
  EXPECT_FALSE(reading.heads[1].keep_alive);
  EXPECT_TRUE(reading.heads[1].expect_continue);
  EXPECT_TRUE(reading.heads[2].keep_alive);
  EXPECT_EQ(reading.heads[2].upgrade, "");
  EXPECT_FALSE(reading.heads[2].expect_continue);
}

TEST(HttpReader, ReadsResponsesByTheirLength) {
  EXPECT_EQ(
      ReadResponse("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
          .story,
      "head 200;body ab;end;head 404;end;");
  EXPECT_EQ(ReadResponse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n").story,
            "head 200;body a;end;");
  const Reading until_close = ReadResponse("HTTP/1.1 200 OK\r\n\r\neverything", "GET", true);
  EXPECT_EQ(until_close.story, "head 200;body everything;end;");
  EXPECT_FALSE(until_close.heads.at(0).keep_alive);
}

TEST(HttpReader, KnowsWhichResponsesHaveNoBody) {
  const std::string next = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  EXPECT_EQ(ReadResponse("HTTP/1.1 204 No Content\r\n\r\n" + next).story, "head 204;end;head 200;end;");
  EXPECT_EQ(ReadResponse("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n" + next).story,
            "head 304;end;head 200;end;");
  const Reading head =
      ReadResponse("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD");
  EXPECT_EQ(head.story, "head 103;end;head 200;end;");
  EXPECT_EQ(head.heads.at(1).content_length, 9U);
  // Of one response alone.
  EXPECT_EQ(
      ReadResponse("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "HEAD")
          .story,
      "head 200;end;head 200;body a;end;");
}

TEST(HttpReader, LeavesWhatFollowsATunnelAlone) {
  const Reading connect = ReadResponse("HTTP/1.1 200 Go\r\nContent-Length: 5\r\n\r\nhello", "CONNECT");
  EXPECT_EQ(connect.story, "head 200;end;");
  EXPECT_EQ(connect.rest, "hello");
  EXPECT_EQ(ReadResponse("HTTP/1.1 403 No\r\nContent-Length: 5\r\n\r\nhello", "CONNECT").story,
            "head 403;body hello;end;");
  const Reading upgrade = ReadResponse("HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n\x81\x05hello");
  EXPECT_EQ(upgrade.story, "head 101;end;");
  EXPECT_EQ(upgrade.rest, "\x81\x05hello");
  EXPECT_EQ(upgrade.heads.at(0).upgrade, "x");
}

TEST(HttpReader, ForgivesWhatServersDo) {
  const Reading reading = ReadResponse("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(reading.story, "head 200;end;");
  EXPECT_EQ(reading.heads.at(0).reason, "");
  EXPECT_EQ(Story("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), "head GET /;end;");
  EXPECT_EQ(Story("\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n"), "error 400;");
  EXPECT_EQ(ReadResponse("\r\nHTTP/1.1 200 OK\r\n\r\n").story, "error 502;");
}

TEST(HttpReader, RefusesTwoWaysToTellALength) {
  EXPECT_EQ(StoryOf("Content-Length: 3\r\n", "abc"), "head POST /x;body abc;end;");
  for (const char* fields :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n", "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3, 3\r\n", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"}) {
    EXPECT_EQ(StoryOf(fields, "abc"), "error 400;") << fields;
  }
}

TEST(HttpReader, RefusesLengthsThatAreNoDigits) {
  for (const char* value : {"+5", "-5", "0x5", "5 5", "5,", ",5", "5;", "five", "", "5.0", "99999999999999999999999"}) {
    EXPECT_EQ(StoryOf(fmt::format("Content-Length: {}\r\n", value), "abcde"), "error 400;") << value;
  }
}

TEST(HttpReader, RefusesTransferEncodingsOtherThanChunked) {
  for (const char* value : {"identity", "chunked, gzip", "chunked, chunked", "xchunked", "chunked;q=1", "\"chunked\"",
                            "chunked,", "", "\vchunked"}) {
    EXPECT_EQ(StoryOf(fmt::format("Transfer-Encoding: {}\r\n", value), "0\r\n\r\n"), "error 400;") << value;
  }
  EXPECT_EQ(StoryOf("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), "error 501;");
  EXPECT_EQ(Story("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "error 400;");
  EXPECT_EQ(ReadResponse("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n").story, "error 502;");
}

TEST(HttpReader, RefusesLinesThatOthersReadDifferently) {
  for (const char* input :
       {"GET / HTTP/1.1\nHost: h\n\n", "GET / HTTP/1.1\r\nHost: h\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n\n",
        "GET / HTTP/1.1\rHost: h\r\r", "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n b\r\n\r\n", "GET / HTTP/1.1\r\n Host: h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\r\n\tb\r\n\r\n", "GET / HTTP/1.1\r\nHost : h\r\n\r\n",
        "GET / HTTP/1.1\r\nHost\t: h\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nX: a\x7f\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\nX: a\x01\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\nno colon\r\n\r\n", "GET / HTTP/1.1\r\nHost: h\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: h\r\n(x): y\r\n\r\n"}) {
    EXPECT_EQ(Story(input), "error 400;") << input;
  }
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(Story("GET / HTTP/1.1\r\nHost: h\r\nX: a\0b\r\n\r\n"sv), "error 400;");
  EXPECT_EQ(Story("GET /\0 HTTP/1.1\r\nHost: h\r\n\r\n"sv), "error 400;");
}

TEST(HttpReader, RefusesOtherStartLines) {
  for (const char* line : {"GET  / HTTP/1.1", "GET /  HTTP/1.1", "GET / HTTP/1.1 ", " GET / HTTP/1.1", "GET / http/1.1",
                           "GET / HTTP/11", "GET /", "GET", "G\tT / HTTP/1.1", "GET /a b HTTP/1.1", "GET\t/ HTTP/1.1",
                           "GET /\xc3\xa9 HTTP/1.1", "(GET) / HTTP/1.1"}) {
    EXPECT_EQ(Story(fmt::format("{}\r\nHost: h\r\n\r\n", line)), "error 400;") << line;
  }
  for (const char* version : {"HTTP/2.0", "HTTP/1.2", "HTTP/0.9", "HTTP/3.1"}) {
    EXPECT_EQ(Story(fmt::format("GET / {}\r\nHost: h\r\n\r\n", version)), "error 505;") << version;
  }
  for (const char* line : {"HTTP/1.1 20 OK", "HTTP/1.1 2000 OK", "HTTP/1.1 099 OK", "HTTP/1.1  200 OK",
                           "HTTP/2.0 200 OK", "HTTP/1.1 2x0 OK", "ICY 200 OK"}) {
    EXPECT_EQ(ReadResponse(fmt::format("{}\r\n\r\n", line)).story, "error 502;") << line;
  }
}

TEST(HttpReader, RefusesTLSAtItsFirstByte) {
  HttpReader reader(HttpKind::kRequest);
  EXPECT_EQ(reader.Read("\x16").found, HttpFound::kError);
  EXPECT_EQ(reader.Read("GET").found, HttpFound::kError);
}

TEST(HttpReader, WantsOneHost) {
  EXPECT_EQ(Story("GET / HTTP/1.1\r\n\r\n"), "error 400;");
  EXPECT_EQ(Story("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n"), "error 400;");
  EXPECT_EQ(Story("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"), "error 400;");
  EXPECT_EQ(Story("GET / HTTP/1.1\r\nHost: a:80\r\n\r\n"), "head GET /;end;");
  EXPECT_EQ(Story("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), "head GET /;end;");
  for (const char* host : {"a b", "a/b", "user@a", "a:80:80", "a:x", "a:0", "a:65536", "[::1", "[a]", "a?b", "a#b"}) {
    EXPECT_EQ(Story(fmt::format("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", host)), "error 400;") << host;
  }
}

TEST(HttpReader, RefusesABodyOfConnect) {
  EXPECT_EQ(Story("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"), "head CONNECT h:1;end;");
  EXPECT_EQ(Story("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 0\r\n\r\n"), "head CONNECT h:1;end;");
  EXPECT_EQ(Story("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nContent-Length: 1\r\n\r\n"), "error 400;");
  EXPECT_EQ(Story("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\nTransfer-Encoding: chunked\r\n\r\n"), "error 400;");
}

TEST(HttpReader, RefusesChunksThatAreNone) {
  const std::string fields = "Transfer-Encoding: chunked\r\n";
  for (const char* body :
       {"x\r\n", "\r\n", "-1\r\n", "+1\r\na\r\n", "0x1\r\na\r\n", " 1\r\na\r\n", "1 \r\na\r\n", "1\na\r\n", "1\r\r\n",
        "10000000000000000\r\n", "fffffffffffffffff\r\n", "1;\r\na\r\n", "1;=b\r\na\r\n", "1 a\r\na\r\n",
        "1;a=\"b\r\na\r\n", "1;a=\x01\r\na\r\n", ";a\r\n", "0;a=\"b\r\n\"\r\n\r\n"}) {
    EXPECT_EQ(StoryOf(fields, body), "head POST /x;error 400;") << body;
  }
  for (const char* body : {"1\r\nab", "1\r\nab\r\n0\r\n\r\n", "1\r\na0\r\n\r\n", "1\r\na\n0\r\n\r\n", "1\r\na\r\r\n"}) {
    EXPECT_EQ(StoryOf(fields, body), "head POST /x;body a;error 400;") << body;
  }
  // Nearly 2^63 twice: the sum is what is limited, too.
  EXPECT_EQ(StoryOf(fields, "ffffffffffffffff\r\n"), "head POST /x;error 413;");
}

TEST(HttpReader, RefusesTrailersThatBelongInTheHead) {
  const std::string fields = "Transfer-Encoding: chunked\r\n";
  EXPECT_EQ(StoryOf(fields, "0\r\na: b\r\nc: d\r\n\r\n"), "head POST /x;trailer a=b;trailer c=d;end;");
  for (const char* trailer : {"Content-Length: 1", "Transfer-Encoding: chunked", "host: h", "Connection: close",
                              "a : b", "a", " a: b", "a: b\r\n c", "a: \x01"}) {
    EXPECT_EQ(StoryOf(fields, fmt::format("0\r\n{}\r\n\r\n", trailer)), "head POST /x;error 400;") << trailer;
  }
}

TEST(HttpReader, HoldsToItsLimits) {
  const HttpLimits limits{.start_line = 40, .head = 200, .fields = 5, .body = 10, .chunk_line = 20, .trailers = 30};
  const auto story = [&](std::string_view input) { return ReadAll(input, {.limits = limits}).story; };
  const std::string host = " HTTP/1.1\r\nHost: h\r\n";
  EXPECT_EQ(story("GET /" + std::string(26, 'a') + host + "\r\n"), "head GET /" + std::string(26, 'a') + ";end;");
  EXPECT_EQ(story("GET /" + std::string(27, 'a') + host + "\r\n"), "error 414;");
  EXPECT_EQ(story("GET /" + std::string(1000, 'a')), "error 414;");
  EXPECT_EQ(story("GET /" + host + "X: " + std::string(168, 'a') + "\r\n\r\n"), "head GET /;end;");
  EXPECT_EQ(story("GET /" + host + "X: " + std::string(169, 'a') + "\r\n\r\n"), "error 431;");
  EXPECT_EQ(story("GET /" + host + "a:b\r\na:b\r\na:b\r\na:b\r\n\r\n"), "head GET /;end;");
  EXPECT_EQ(story("GET /" + host + "a:b\r\na:b\r\na:b\r\na:b\r\na:b\r\n\r\n"), "error 431;");
  EXPECT_EQ(story("POST /" + host + "Content-Length: 10\r\n\r\n0123456789"), "head POST /;body 0123456789;end;");
  EXPECT_EQ(story("POST /" + host + "Content-Length: 11\r\n\r\n"), "error 413;");
  const std::string chunked = "POST /" + host + "Transfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(story(chunked + "9\r\n012345678\r\n1\r\n9\r\n0\r\n\r\n"), "head POST /;body 0123456789;end;");
  EXPECT_EQ(story(chunked + "9\r\n012345678\r\n2\r\n"), "head POST /;body 012345678;error 413;");
  EXPECT_EQ(story(chunked + "1;" + std::string(30, 'a')), "head POST /;error 400;");
  EXPECT_EQ(story(chunked + std::string(30, '0')), "head POST /;error 400;");
  EXPECT_EQ(story(chunked + "0\r\na: " + std::string(100, 'a')), "head POST /;error 431;");
  const Options response{.kind = HttpKind::kResponse, .limits = limits};
  EXPECT_EQ(ReadAll("HTTP/1.1 200 OK\r\n\r\n01234567890", response).story, "head 200;body 0123456789;error 502;");
}

TEST(HttpReader, KnowsWhetherAMessageWasCutOff) {
  const auto finished = [](HttpKind kind, std::string_view input) {
    return ReadAll(input, {.kind = kind, .finish = true}).story;
  };
  EXPECT_EQ(finished(HttpKind::kRequest, ""), "");
  EXPECT_EQ(finished(HttpKind::kRequest, "GET / HTTP/1.1\r\nHost: h\r\n\r\n"), "head GET /;end;");
  EXPECT_EQ(finished(HttpKind::kRequest, "GET / HTTP/1.1\r\nHost: h\r\n"), "error 400;");
  EXPECT_EQ(finished(HttpKind::kResponse, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"),
            "head 200;body ab;error 502;");
  EXPECT_EQ(finished(HttpKind::kResponse, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n"),
            "head 200;body a;error 502;");
}

TEST(HttpReader, SaysWhatIsWrongWithoutQuotingIt) {
  const Reading reading =
      ReadAll("GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nSecret: s3cret\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(reading.error.reason, HasSubstr("Content-Length"));
  EXPECT_THAT(ReadAll("GET /s3cret HTTP/9.9\r\n\r\n").error.reason, StartsWith("another version"));
}

}  // namespace
}  // namespace leash::net
