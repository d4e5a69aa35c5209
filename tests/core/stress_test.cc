// A thousand sandboxes from sixteen threads, while others allocate: what a busy host does.
#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "base/event_loop.h"
#include "base/file_system.h"
#include "base/path.h"
#include "gtest/gtest.h"
#include "leash/leash.h"
#include "support/open_descriptors.h"
#include "support/private_tmpdir.h"

namespace leash {
namespace {

using testing::OpenDescriptors;

std::set<std::string> Children() {
  std::set<std::string> children;
  const std::string self = std::to_string(::getpid());
  const auto processes = base::HostFileSystem().List("/proc");
  for (const auto& [pid, type] : *processes) {
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    FILE* file = std::fopen(("/proc/" + pid + "/stat").c_str(), "re");
    if (file == nullptr) continue;
    int parent = 0;
    char state = 0;
    if (std::fscanf(file, "%*d (%*[^)]) %c %d", &state, &parent) == 2 && parent == ::getpid()) children.insert(pid);
    std::fclose(file);
  }
  return children;
}

TEST(Stress, AThousandSandboxesFromSixteenThreadsLeaveNothing) {
  const testing::PrivateTmpdir tmpdir;
  // What stays for the life of the process, with its descriptors: the loop, the image of the init process.
  base::EventLoop::Shared();
  ASSERT_TRUE(Sandbox<>::Create().ok());
  const std::size_t descriptors = OpenDescriptors();

  std::atomic<int> next = 0;
  std::atomic<int> failures = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> allocators;
  for (int i = 0; i < 4; ++i) {
    allocators.emplace_back([&stop] {
      while (!stop) {
        std::vector<std::unique_ptr<std::string>> blocks;
        for (std::size_t size = 1; size < 100; ++size) blocks.push_back(std::make_unique<std::string>(size * 97, 'x'));
        std::this_thread::yield();
      }
    });
  }
  std::vector<std::thread> workers;
  for (int i = 0; i < 16; ++i) {
    workers.emplace_back([&] {
      for (int number = next++; number < 1000; number = next++) {
        auto sandbox = Sandbox<>::Create();
        if (!sandbox.ok()) {
          ++failures;
          continue;
        }
        const std::string word = std::to_string(number);
        if (number % 4 == 0) {  // left running: the destructor ends it
          if (!sandbox->Command("sleep").Arg("300").Spawn().ok()) ++failures;
          continue;
        }
        const auto output = sandbox->Command("echo").Arg(word).Output();
        if (!output.ok() || output->stdout_bytes != word + "\n") ++failures;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  stop = true;
  for (std::thread& allocator : allocators) allocator.join();

  EXPECT_EQ(failures, 0);
  EXPECT_EQ(OpenDescriptors(), descriptors);
  EXPECT_TRUE(Children().empty());
  EXPECT_TRUE(base::HostFileSystem().List(tmpdir.path())->empty());
}

}  // namespace
}  // namespace leash
