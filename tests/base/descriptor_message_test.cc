#include "base/descriptor_message.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "base/arrived_connection.h"
#include "gtest/gtest.h"

namespace leash::base {
namespace {

class DescriptorMessage : public ::testing::Test {
 protected:
  void SetUp() override {
    int ends[2] = {-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    here_.reset(ends[0]);
    there_.reset(ends[1]);
  }
  UniqueFd here_, there_;
};

TEST_F(DescriptorMessage, BringsTheSameFileAndTheText) {
  for (const std::string& text : {std::string(), std::string("some text"), std::string(kLongestText, 'x')}) {
    const UniqueFd sent(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_TRUE(SendDescriptor(here_.get(), sent.get(), text));
    UniqueFd received;
    std::string told = "before";
    ASSERT_TRUE(ReceiveDescriptor(there_.get(), received, &told));
    EXPECT_EQ(told, text);
    struct stat one = {};
    struct stat other = {};
    ASSERT_EQ(::fstat(sent.get(), &one), 0);
    ASSERT_EQ(::fstat(received.get(), &other), 0);
    EXPECT_EQ(one.st_rdev, other.st_rdev);
    EXPECT_EQ(::fcntl(received.get(), F_GETFD), FD_CLOEXEC);
  }
}

TEST_F(DescriptorMessage, SaysWhatDidNotCome) {
  UniqueFd received;
  EXPECT_FALSE(ReceiveDescriptor(there_.get(), received));
  EXPECT_EQ(errno, EAGAIN) << "nothing yet, and not waited for";
  ASSERT_EQ(::send(here_.get(), "x", 1, 0), 1);
  EXPECT_TRUE(ReceiveDescriptor(there_.get(), received));
  EXPECT_FALSE(received) << "a message without one";
  here_.reset();
  EXPECT_FALSE(ReceiveDescriptor(there_.get(), received));
  EXPECT_EQ(errno, 0) << "the end";
  EXPECT_FALSE(SendDescriptor(there_.get(), STDOUT_FILENO)) << "and no signal";
}

TEST(ProgramText, IsReadAsItWasWritten) {
  for (const Program& program : {Program{}, Program{12, "/usr/bin/curl"}, Program{7, "/with a space (deleted)"}}) {
    const Program read = ProgramFrom(TextOf(program));
    EXPECT_EQ(read.pid, program.pid);
    EXPECT_EQ(read.executable, program.executable);
  }
  for (const char* text : {"", "12", "x /usr/bin/curl", " 12 /usr/bin/curl"}) {
    EXPECT_EQ(ProgramFrom(text).pid, 0) << text;
    EXPECT_EQ(ProgramFrom(text).executable, "") << text;
  }
}

}  // namespace
}  // namespace leash::base
