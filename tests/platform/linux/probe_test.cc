#include "platform/linux/probe.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>

#include "leash/leash.h"
#include "platform/linux/without_system_call.h"

namespace leash::platform {
namespace {

const Mechanism* Find(const std::vector<Mechanism>& all, std::string_view name) {
  const auto found = std::find_if(all.begin(), all.end(), [&](const Mechanism& m) { return m.name == name; });
  return found == all.end() ? nullptr : &*found;
}

TEST(Probe, EveryRequiredMechanismProvesItself) {
  const auto all = ProbeLinux();
  EXPECT_GE(all.size(), 13U);
  for (const Mechanism& mechanism : all) {
    EXPECT_FALSE(mechanism.detail.empty()) << mechanism.name;
    EXPECT_FALSE(mechanism.purpose.empty()) << mechanism.name;
    if (mechanism.required) {
      EXPECT_TRUE(mechanism.available) << mechanism.name << ": " << mechanism.detail;
    }
  }
}

TEST(Probe, SaysWhatAKernelLacks) {
  EXPECT_EQ(WithoutSystemCall(444,
                              [] {
                                const auto all = ProbeLinux();
                                const Mechanism* fs = Find(all, "landlock.fs");
                                const Mechanism* seccomp = Find(all, "seccomp.filter");
                                return fs != nullptr && !fs->available && seccomp != nullptr && seccomp->available ? 0
                                                                                                                   : 1;
                              }),
            0);
  EXPECT_EQ(WithoutSystemCall(SYS_close_range, [] { return Find(ProbeLinux(), "close_range")->available ? 1 : 0; }), 0);
}

// Whatever the kernel lacks, nothing runs.
TEST(Sandbox, FailsClosedWithoutAMechanism) {
  for (const unsigned number :
       {444U, 445U, 446U, static_cast<unsigned>(SYS_close_range), static_cast<unsigned>(SYS_seccomp)}) {
    EXPECT_EQ(WithoutSystemCall(number,
                                [] {
                                  auto sandbox = leash::Sandbox<>::Create();
                                  const absl::Status status =
                                      sandbox.ok() ? sandbox->Command("true").Output().status() : sandbox.status();
                                  return GetErrorCode(status) == ErrorCode::kNotEnforced ? 0 : 1;
                                }),
              0)
        << number;
  }
  EXPECT_EQ(WithoutSystemCall(SYS_openat2,
                              [] {
                                auto sandbox = leash::Sandbox<>::Create();
                                return sandbox.ok() && sandbox->Command("true").Output().ok() ? 0 : 1;
                              }),
            0)
      << "only openat2 has a substitute";
}

}  // namespace
}  // namespace leash::platform
