// What is kept of refusals: merged, bounded, told once.
#include "core/violation_log.h"

#include <atomic>
#include <thread>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace leash::core {
namespace {

using ::testing::ElementsAre;

Violation Refused(std::string operation, std::string object, std::uint64_t count = 1) {
  Violation violation;
  violation.kind = ViolationKind::kFile;
  violation.operation = std::move(operation);
  violation.object = std::move(object);
  violation.count = count;
  return violation;
}

std::shared_ptr<ViolationLog> Log() {
  return std::make_shared<ViolationLog>([](const Violation& violation) {
    Hint hint;
    hint.text = "about " + violation.object;
    return hint;
  });
}

// Everything that was posted to the loop thread before has run.
void WaitForLoop() {
  base::EventLoop::Shared().RunSync([] {});
}

TEST(ViolationLog, MergesByKindOperationAndObject) {
  const auto log = Log();
  log->Report(Refused("read", "/a"));
  log->Report(Refused("write", "/a"));
  Violation named = Refused("read", "/a", 3);
  named.program = "cat";
  named.pid = 7;
  log->Report(named);
  Violation other = Refused("read", "/a");
  other.kind = ViolationKind::kOther;
  log->Report(other);
  const ViolationReport report = log->Snapshot();
  ASSERT_EQ(report.violations.size(), 3U);
  EXPECT_EQ(report.violations[0].count, 4U);
  EXPECT_EQ(report.violations[0].program, "cat") << "known later than the first";
  EXPECT_EQ(report.violations[0].hint.text, "about /a");
  EXPECT_NE(report.violations[0].first, absl::Time());
  EXPECT_EQ(report.violations[1].operation, "write");
  EXPECT_EQ(report.violations[2].kind, ViolationKind::kOther);
  EXPECT_EQ(report.others, 0U);
}

TEST(ViolationLog, KeepsNoMoreThanItSays) {
  const auto log = Log();
  for (std::size_t i = 0; i < ViolationLog::kMostEntries + 5; ++i) {
    log->Report(Refused("read", std::to_string(i) + std::string(ViolationLog::kMostBytes, 'x'), 2));
  }
  log->Report(Refused("read", "0" + std::string(ViolationLog::kMostBytes, 'x')));
  const ViolationReport report = log->Snapshot();
  EXPECT_EQ(report.violations.size(), ViolationLog::kMostEntries);
  EXPECT_EQ(report.others, 10U);
  EXPECT_EQ(report.violations[0].count, 3U) << "what is known is still counted";
  EXPECT_EQ(report.violations[0].object.size(), ViolationLog::kMostBytes);
}

TEST(ViolationLog, SaysOnceWhatIsNotSeen) {
  const auto log = Log();
  for (int i = 0; i < 100; ++i) log->NotSeen("one");
  EXPECT_THAT(log->Snapshot().not_seen, ElementsAre("one"));
  for (int i = 0; i < 100; ++i) log->NotSeen(std::to_string(i));
  EXPECT_EQ(log->Snapshot().not_seen.size(), ViolationLog::kMostNotes);
}

TEST(ViolationLog, TellsOfEachEntryOnce) {
  const auto log = Log();
  log->Report(Refused("read", "/before"));
  std::vector<std::string> told;  // by the loop thread alone
  log->Listen([&](const Violation& violation) { told.push_back(violation.object); });
  log->Report(Refused("read", "/after"));
  log->Report(Refused("read", "/after"));
  WaitForLoop();
  EXPECT_THAT(told, ElementsAre("/before", "/after"));
  log->StopListening();
  log->Report(Refused("read", "/later"));
  WaitForLoop();
  EXPECT_EQ(told.size(), 2U);
}

TEST(ViolationLog, ASecondListenerTakesThePlaceOfTheFirst) {
  const auto log = Log();
  std::vector<std::string> first;
  std::vector<std::string> second;
  base::EventLoop::Shared().RunSync([&] {  // nothing is told in between
    log->Listen([&](const Violation& violation) { first.push_back(violation.object); });
    log->Report(Refused("read", "/a"));
    log->Listen([&](const Violation& violation) { second.push_back(violation.object); });
  });
  WaitForLoop();
  EXPECT_THAT(first, ::testing::IsEmpty());
  EXPECT_THAT(second, ElementsAre("/a"));
}

TEST(ViolationLog, NoCallComesAfterItWasStopped) {
  const auto log = Log();
  std::atomic<bool> stopped = false;
  std::atomic<bool> late = false;
  log->Listen([&](const Violation&) {
    absl::SleepFor(absl::Milliseconds(1));
    if (stopped) late = true;
  });
  std::thread reporter([&] {
    for (int i = 0; i < 200; ++i) log->Report(Refused("read", std::to_string(i)));
  });
  log->StopListening();
  stopped = true;
  reporter.join();
  WaitForLoop();
  EXPECT_FALSE(late);
}

TEST(ViolationLog, WhatWasReportedBeforeIsToldBeforeItStops) {
  const auto log = Log();
  std::atomic<int> told = 0;
  log->Listen([&](const Violation&) { ++told; });
  for (int i = 0; i < 100; ++i) log->Report(Refused("read", std::to_string(i)));
  log->StopListening();
  EXPECT_EQ(told, 100);
}

TEST(ViolationLog, AListenerMayStopItself) {
  const auto log = Log();
  std::atomic<int> calls = 0;
  log->Listen([&](const Violation&) {
    ++calls;
    log->StopListening();
  });
  log->Report(Refused("read", "/a"));
  log->Report(Refused("read", "/b"));
  WaitForLoop();
  EXPECT_EQ(calls, 1);
}

TEST(ViolationLog, TakesReportsFromManyThreads) {
  const auto log = Log();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) log->Report(Refused("read", std::to_string(i % 10)));
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::uint64_t total = 0;
  for (const Violation& violation : log->Snapshot().violations) total += violation.count;
  EXPECT_EQ(total, 4000U);
}

}  // namespace
}  // namespace leash::core
