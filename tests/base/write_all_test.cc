#include "base/write_all.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <thread>

#include "base/unique_fd.h"
#include "gtest/gtest.h"

namespace leash::base {
namespace {

TEST(WriteAllTest, WritesMoreThanAPipeHolds) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  const UniqueFd in(ends[0]);
  UniqueFd out(ends[1]);
  const std::string sent(1 << 20, 'x');
  std::string received;
  std::thread reader([&] {
    std::array<char, 4096> buffer;
    for (ssize_t size = 1; size > 0;) {
      size = ::read(in.get(), buffer.data(), buffer.size());
      if (size > 0) received.append(buffer.data(), static_cast<std::size_t>(size));
    }
  });
  EXPECT_TRUE(WriteAll(out.get(), sent));
  out.reset();
  reader.join();
  EXPECT_EQ(received, sent);
}

TEST(WriteAllTest, TellsWhyNot) {
  const UniqueFd read_only(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_TRUE(WriteAll(read_only.get(), "")) << "nothing to write";
  EXPECT_FALSE(WriteAll(read_only.get(), "x"));
  EXPECT_EQ(errno, EBADF);
}

}  // namespace
}  // namespace leash::base
