#include "leash/audit_log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "gtest/gtest.h"
#include "leash/error.h"
#include "nlohmann/json.hpp"

namespace leash {
namespace {

class AuditLogTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = "/tmp/leash-audit-XXXXXX";
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    directory_ = name;
  }
  void TearDown() override {
    for (const char* end : {"log", "log.1", "log.2", "log.3"}) ::unlink((directory_ + "/" + end).c_str());
    ::rmdir(directory_.c_str());
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  static std::vector<std::string> LinesOf(const std::string& path) {
    std::ifstream file(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) lines.push_back(line);
    return lines;
  }
  static NetworkEvent EventFor(const std::string& host) {
    NetworkEvent event;
    event.request.host = host;
    event.request.port = 443;
    event.outcome = NetworkOutcome::kDenied;
    return event;
  }

  std::string directory_;
};

TEST_F(AuditLogTest, AppendsOneLineAnEventAndIsItsOwnersAlone) {
  {
    const auto log = AuditLog::Open(Path("log"));
    ASSERT_TRUE(log.ok()) << log.status();
    (*log)->ForSandbox("one")(EventFor("a.example"));
  }
  const auto log = AuditLog::Open(Path("log"));
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Write("two", EventFor("b.example"));
  EXPECT_TRUE((*log)->status().ok());
  const std::vector<std::string> lines = LinesOf(Path("log"));
  ASSERT_EQ(lines.size(), 2U);
  const auto first = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(first["sandbox"], "one");
  EXPECT_EQ(first["host"], "a.example");
  EXPECT_EQ(first["verdict"], "deny");
  EXPECT_EQ(first["outcome"], "denied");
  struct stat info;
  ASSERT_EQ(::stat(Path("log").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
}

// What a program chose cannot make a line of its own, nor a file that is no JSON.
TEST_F(AuditLogTest, EscapesWhatProgramsChoose) {
  const auto log = AuditLog::Open(Path("log"));
  ASSERT_TRUE(log.ok());
  NetworkEvent event = EventFor("a.example");
  event.request.path = "/\n{\"verdict\":\"allow\"}\r\x1b[2J\xff\"";
  (*log)->Write("one", event);
  const std::vector<std::string> lines = LinesOf(Path("log"));
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(nlohmann::json::parse(lines[0])["verdict"], "deny");
  EXPECT_EQ(lines[0].find('\x1b'), std::string::npos);
}

TEST_F(AuditLogTest, GoesOnInANewFileWhenOneIsFull) {
  const auto log = AuditLog::Open(Path("log"), {.max_bytes = 1000, .keep = 2});
  ASSERT_TRUE(log.ok());
  for (int i = 0; i < 40; ++i) (*log)->Write("one", EventFor("host" + std::to_string(i) + ".example"));
  EXPECT_FALSE(LinesOf(Path("log")).empty());
  EXPECT_FALSE(LinesOf(Path("log.1")).empty());
  EXPECT_FALSE(LinesOf(Path("log.2")).empty());
  EXPECT_NE(::access(Path("log.3").c_str(), F_OK), 0);
  EXPECT_EQ(nlohmann::json::parse(LinesOf(Path("log")).back())["host"], "host39.example");
  struct stat info;
  ASSERT_EQ(::stat(Path("log.1").c_str(), &info), 0);
  EXPECT_LE(info.st_size, 1000);
}

TEST_F(AuditLogTest, SaysWhatCannotBeWritten) {
  EXPECT_EQ(GetErrorCode(AuditLog::Open(Path("missing/log")).status()), ErrorCode::kIo);
  const auto full = AuditLog::Open("/dev/full");
  ASSERT_TRUE(full.ok()) << full.status();
  (*full)->Write("one", EventFor("a.example"));
  EXPECT_EQ(GetErrorCode((*full)->status()), ErrorCode::kIo);
}

}  // namespace
}  // namespace leash
