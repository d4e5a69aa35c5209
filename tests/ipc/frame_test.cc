#include "ipc/frame.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace leash::ipc {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string FrameOf(FrameKind kind, std::uint32_t id, std::string_view body) {
  std::string frame;
  AppendFrame(kind, id, body, frame);
  return frame;
}

struct Read {
  FrameFault fault = FrameFault::kNone;
  std::vector<std::string> frames;  // "kind id body"
};

Read ReadAll(FrameReader& reader, std::string_view bytes, std::size_t step) {
  Read read;
  for (std::size_t at = 0; at < bytes.size() && read.fault == FrameFault::kNone; at += step) {
    read.fault = reader.Feed(bytes.substr(at, step), [&](const Frame& frame) {
      read.frames.push_back(std::to_string(static_cast<int>(frame.kind)) + " " + std::to_string(frame.id) + " " +
                            std::string(frame.body));
      return true;
    });
  }
  return read;
}

TEST(FrameTest, IsWrittenAsTheDocumentSays) {
  EXPECT_EQ(FrameOf(FrameKind::kCall, 0x01020304, "ab"), std::string("\0\0\0\x0a\x01\x01\0\0\x01\x02\x03\x04"
                                                                     "ab",
                                                                     14));
}

TEST(FrameReaderTest, FindsTheSameFramesHoweverTheBytesAreSplit) {
  const std::string bytes = FrameOf(FrameKind::kCall, 1, "one") + FrameOf(FrameKind::kCancel, 4000000000, "") +
                            FrameOf(FrameKind::kDescribe, 7, std::string(300, 'x'));
  for (const std::size_t step : {1, 2, 3, 5, 11, 12, 13, 100, 1000}) {
    FrameReader reader(1000);
    const Read read = ReadAll(reader, bytes, step);
    EXPECT_EQ(read.fault, FrameFault::kNone);
    EXPECT_THAT(read.frames, ElementsAre("1 1 one", "2 4000000000 ", "3 7 " + std::string(300, 'x'))) << step;
    EXPECT_EQ(reader.held(), 0U);
  }
}

TEST(FrameReaderTest, HoldsWhatHasComeNotWhatIsAnnounced) {
  FrameReader reader(16U << 20);
  EXPECT_THAT(ReadAll(reader, std::string("\x00\xff\xff\xff", 4), 4).frames, IsEmpty());
  EXPECT_EQ(reader.held(), 4U);
}

TEST(FrameReaderTest, TakesFramesUpToItsLimitAndRefusesLongerOnesAtTheirLength) {
  FrameReader exact(kHeaderBytes + 5);
  EXPECT_THAT(ReadAll(exact, FrameOf(FrameKind::kCall, 1, "12345"), 100).frames, ElementsAre("1 1 12345"));
  FrameReader longer(kHeaderBytes + 5);
  EXPECT_EQ(ReadAll(longer, FrameOf(FrameKind::kCall, 1, "123456").substr(0, 4), 1).fault, FrameFault::kTooLong);
}

TEST(FrameReaderTest, SaysWhatIsWrongAsSoonAsItIsThere) {
  struct Row {
    std::string bytes;
    FrameFault fault;
  };
  for (const Row& row : {Row{std::string("\0\0\0\x07", 4), FrameFault::kTooShort},
                         Row{std::string("\0\0\0\x08\x02", 5), FrameFault::kVersion},
                         Row{std::string("\0\0\0\x08\x01\x01\x01", 7), FrameFault::kReserved},
                         Row{std::string("\0\0\0\x08\x01\x01\x00\x01", 8), FrameFault::kReserved},
                         Row{"GET / HTTP/1.1\r\n", FrameFault::kTooLong}}) {
    FrameReader reader(1U << 20);
    EXPECT_EQ(ReadAll(reader, row.bytes, 1).fault, row.fault) << FrameFaultText(row.fault);
  }
}

TEST(FrameReaderTest, ReadsNothingAfterAFault) {
  FrameReader reader(100);
  ReadAll(reader, std::string(4, '\xff'), 4);
  const Read read = ReadAll(reader, FrameOf(FrameKind::kCall, 1, ""), 100);
  EXPECT_EQ(read.fault, FrameFault::kTooLong);
  EXPECT_THAT(read.frames, IsEmpty());
}

TEST(FrameReaderTest, StopsWhereItIsStoppedAndGoesOnFromThere) {
  FrameReader reader(100);
  std::vector<std::uint32_t> ids;
  const auto take_one = [&](const Frame& frame) {
    ids.push_back(frame.id);
    return false;
  };
  reader.Feed(FrameOf(FrameKind::kCall, 1, "") + FrameOf(FrameKind::kCall, 2, "x") + FrameOf(FrameKind::kCall, 3, ""),
              take_one);
  EXPECT_THAT(ids, ElementsAre(1U));
  reader.Feed({}, take_one);
  reader.Feed({}, take_one);
  reader.Feed({}, take_one);
  EXPECT_THAT(ids, ElementsAre(1U, 2U, 3U));
}

TEST(CallBodyTest, IsReadAsItWasWritten) {
  const std::string body = MakeCall({1500, "web_search", "\x80"});
  const auto call = ParseCall(body);
  ASSERT_TRUE(call.has_value());
  EXPECT_EQ(call->timeout_ms, 1500U);
  EXPECT_EQ(call->command, "web_search");
  EXPECT_EQ(call->arguments, "\x80");
}

TEST(CallBodyTest, IsNotReadWhenItIsCutShort) {
  const std::string body = MakeCall({0, "name", ""});
  for (std::size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(ParseCall(std::string_view(body).substr(0, size)).has_value()) << size;
  }
}

TEST(ErrorTest, NamesTheCodesOfStatuses) {
  EXPECT_EQ(ErrorCodeOf(absl::NotFoundError("")), "not_found");
  EXPECT_EQ(ErrorCodeOf(absl::UnauthenticatedError("")), "unauthenticated");
  EXPECT_EQ(ErrorCodeOf(absl::Status(static_cast<absl::StatusCode>(99), "")), "unknown");
}

}  // namespace
}  // namespace leash::ipc
