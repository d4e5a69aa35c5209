#include "ipc/worker_pool.h"

#include <atomic>
#include <condition_variable>
#include <mutex>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace leash::ipc {
namespace {

TEST(WorkerPoolTest, RunsAtOnceUpToItsThreadsAndTheRestLater) {
  std::mutex mutex;
  std::condition_variable changed;
  int inside = 0;
  bool open = false;
  std::atomic<int> done = 0;
  {
    WorkerPool pool(3);
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(pool.Run([&] {
        std::unique_lock lock(mutex);
        ++inside;
        changed.notify_all();
        changed.wait(lock, [&] { return open; });
        ++done;
      }));
    }
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return inside == 3; });
    changed.wait_for(lock, std::chrono::milliseconds(100), [&] { return inside > 3; });
    EXPECT_EQ(inside, 3);
    open = true;
    changed.notify_all();
    changed.wait(lock, [&] { return inside == 10; });
  }
  EXPECT_EQ(done, 10);
}

TEST(WorkerPoolTest, DropsWhatHasNotBegunAndWaitsForWhatHas) {
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  {
    WorkerPool pool(1);
    for (int i = 0; i < 5; ++i) {
      pool.Run([&] {
        ++begun;
        absl::SleepFor(absl::Milliseconds(200));
        ++ended;
      });
    }
    while (begun == 0) absl::SleepFor(absl::Milliseconds(1));
  }
  EXPECT_EQ(begun, ended);
  EXPECT_LT(begun, 5);
}

TEST(WorkerPoolTest, WorkMayEndThePool) {
  auto* pool = new WorkerPool(2);
  std::atomic<bool> ended = false;
  pool->Run([&] {
    delete pool;
    ended = true;
  });
  while (!ended) absl::SleepFor(absl::Milliseconds(1));
}

}  // namespace
}  // namespace leash::ipc
