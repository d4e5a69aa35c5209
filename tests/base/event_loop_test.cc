#include "base/event_loop.h"

#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <future>
#include <thread>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "leash/error.h"

namespace leash::base {
namespace {

TEST(EventLoop, RunsTasksInOrderOnOneThread) {
  std::thread::id first;
  std::thread::id second;
  EventLoop::Shared().RunSync([&] { first = std::this_thread::get_id(); });
  EventLoop::Shared().RunSync([&] {
    second = std::this_thread::get_id();
    EventLoop::Shared().RunSync([&] { EXPECT_EQ(std::this_thread::get_id(), second); });  // no deadlock with itself
  });
  EXPECT_EQ(first, second);
  EXPECT_NE(first, std::this_thread::get_id());
}

// In a process of its own, where it does not run yet.
[[noreturn]] void StartWithoutAndWithADescriptor() {
  rlimit before = {};
  ::getrlimit(RLIMIT_NOFILE, &before);
  const rlimit none = {0, before.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &none);
  const bool refused = GetErrorCode(EventLoop::Start()) == ErrorCode::kIo;
  ::setrlimit(RLIMIT_NOFILE, &before);
  bool ran = false;
  if (EventLoop::Start().ok()) EventLoop::Shared().RunSync([&] { ran = true; });
  ::_exit(refused && ran ? 0 : 1);
}

TEST(EventLoopDeathTest, WithoutADescriptorThereIsAnErrorAndLaterALoop) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(StartWithoutAndWithADescriptor(), ::testing::ExitedWithCode(0), "");
}

TEST(EventLoop, TwoMayWaitForOneDescriptor) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::promise<bool> first;
  std::promise<bool> second;
  EventLoop::Shared().WhenReadable(ends[0], absl::InfiniteFuture(), [&](bool readable) { first.set_value(readable); });
  EventLoop::Shared().WhenReadable(ends[0], absl::Now() + absl::Minutes(1),
                                   [&](bool readable) { second.set_value(readable); });
  ::close(ends[0]);  // each wait has its own
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  EXPECT_TRUE(first.get_future().get());
  EXPECT_TRUE(second.get_future().get());
  ::close(ends[1]);
}

TEST(EventLoop, TellsReadableFromTimedOut) {
  std::array<int, 2> ends;
  ASSERT_EQ(::pipe(ends.data()), 0);
  std::promise<bool> timed_out;
  EventLoop::Shared().WhenReadable(ends[0], absl::Now() + absl::Milliseconds(20),
                                   [&](bool readable) { timed_out.set_value(!readable); });
  EXPECT_TRUE(timed_out.get_future().get());
  std::promise<bool> arrived;
  EventLoop::Shared().WhenReadable(ends[0], absl::InfiniteFuture(),
                                   [&](bool readable) { arrived.set_value(readable); });
  ASSERT_EQ(::write(ends[1], "x", 1), 1);
  EXPECT_TRUE(arrived.get_future().get());
  EventLoop::Shared().RunSync([] {});
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace
}  // namespace leash::base
