// Audit messages: their text, as the kernel writes it and as nobody does; and whose they are.
#include <linux/netlink.h>
#include <sys/socket.h>

#include <cstring>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/linux/audit_record.h"
#include "platform/linux/audit_watch.h"

namespace leash::platform {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// As Linux 6.18 sent them.
constexpr char kRead[] =
    R"(audit(1795285516.095:1357): domain=1cc9616ec blockers=fs.read_file path="/srv/closed/f" dev="vda" ino=10979186)";
constexpr char kAllocated[] =
    R"(audit(1795285516.095:1357): domain=1cc9616ec status=allocated mode=enforcing pid=22466 uid=65534 exe="/bin/leash" comm="leash")";
constexpr char kEnded[] = "audit(1795285353.959:1336): domain=1cc9616ec status=deallocated denials=4";
constexpr char kCall[] =
    R"(audit(1795285516.095:1357): arch=c000003e syscall=257 success=no exit=-13 a0=ffffff9c a1=7fe3 a2=80000 a3=0 items=0 ppid=21682 pid=22470 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm="cat" exe="/usr/bin/cat" key=(null))";

Violation Refusal(const std::string& fields) {
  const auto record = ParseAuditRecord(kAuditLandlockAccess, "audit(1.2:3): domain=a " + fields);
  EXPECT_TRUE(record.has_value()) << fields;
  return record.has_value() ? record->refused : Violation();
}

TEST(AuditRecord, ReadsARefusal) {
  const auto record = ParseAuditRecord(kAuditLandlockAccess, kRead);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->serial, 1357U);
  EXPECT_EQ(record->domain, 0x1cc9616ecU);
  EXPECT_EQ(record->refused.kind, ViolationKind::kFile);
  EXPECT_EQ(record->refused.operation, "read");
  EXPECT_EQ(record->refused.object, "/srv/closed/f");
}

TEST(AuditRecord, ReadsADomainsBeginningAndEnd) {
  const auto begin = ParseAuditRecord(kAuditLandlockDomain, kAllocated);
  ASSERT_TRUE(begin.has_value());
  EXPECT_EQ(begin->pid, 22466);
  EXPECT_FALSE(begin->ended);
  const auto end = ParseAuditRecord(kAuditLandlockDomain, kEnded);
  ASSERT_TRUE(end.has_value());
  EXPECT_TRUE(end->ended);
  EXPECT_EQ(end->denials, 4U);
}

TEST(AuditRecord, ReadsWhoMadeTheCall) {
  const auto record = ParseAuditRecord(kAuditSystemCall, kCall);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->pid, 22470) << "not its parent";
  EXPECT_EQ(record->program, "/usr/bin/cat");
  EXPECT_EQ(ParseAuditRecord(kAuditSystemCall, R"(audit(1.2:3): pid=4 comm="sh" exe=(null))")->program, "sh");
}

TEST(AuditRecord, NamesEveryKindOfObject) {
  EXPECT_EQ(Refusal("blockers=net.connect_tcp daddr=127.0.0.1 dest=58571").object, "127.0.0.1:58571");
  EXPECT_EQ(Refusal("blockers=net.connect_tcp daddr=::1 dest=80").object, "[::1]:80");
  EXPECT_EQ(Refusal("blockers=net.bind_tcp src=80").operation, "bind");
  EXPECT_EQ(Refusal(R"(blockers=scope.signal opid=21684 ocomm="zsh")").object, "zsh");
  EXPECT_EQ(Refusal(R"(blockers=ptrace opid=1 ocomm=61200A)").object, "a \n");
  EXPECT_EQ(Refusal("blockers=scope.abstract_unix_socket path=00406162").object, std::string("\0@ab", 4));
  EXPECT_EQ(Refusal(R"(blockers=fs.ioctl_dev path="/dev/ptmx" ioctlcmd=0x5430)").operation, "device command");
  EXPECT_EQ(Refusal(R"(blockers=fs.refer path="/a" dev="vda" ino=1)").operation, "move");
}

TEST(AuditRecord, OfSeveralBlockersTheOneThatNeedsMostCounts) {
  EXPECT_EQ(Refusal(R"(blockers=fs.read_file,fs.write_file path="/a")").operation, "write");
  EXPECT_EQ(Refusal(R"(blockers=fs.truncate,fs.execute path="/a")").operation, "execute");
  const Violation unknown = Refusal(R"(blockers=fs.newer_than_this path="/a")");
  EXPECT_EQ(unknown.operation, "fs.newer_than_this");
  EXPECT_EQ(unknown.kind, ViolationKind::kOther);
}

TEST(AuditRecord, AProgramsNamesForgeNothing) {
  // A name with a quote or a space comes as digits.
  EXPECT_EQ(Refusal("blockers=fs.read_file path=2F612062").object, "/a b");
  EXPECT_EQ(Refusal("blockers=fs.read_file path=2F1B5B33316D2220626C6F636B6572733D70747261636522").object,
            "/\x1b[31m\" blockers=ptrace\"");
  // What is in quotes is one value.
  const Violation quoted = Refusal(R"(blockers=fs.read_file path="/a blockers=ptrace")");
  EXPECT_EQ(quoted.operation, "read");
  EXPECT_EQ(quoted.object, "/a blockers=ptrace");
  EXPECT_EQ(Refusal("blockers=fs.read_file path=(null)").object, "");
  EXPECT_EQ(Refusal("blockers=fs.read_file path=2F6").object, "");
}

TEST(AuditRecord, WhatIsIncompleteIsNoRecord) {
  for (const char* text :
       {"", "audit(", "audit(1.2:3)", "audit(1.2:): domain=1 blockers=ptrace", "audit(1.2:3): domain=0 blockers=ptrace",
        "audit(1.2:3): domain=x blockers=ptrace", "audit(1.2:3): blockers=ptrace", "audit(1.2:3): domain=1",
        "audit(1.2:3): domain=1 blockers=", "domain=1 blockers=ptrace",
        "audit(1.2:99999999999999999999): domain=1 blockers=ptrace", "audit)1.2:3(: domain=1 blockers=ptrace",
        "audit(1.2):3: domain=1 blockers=ptrace"}) {
    EXPECT_FALSE(ParseAuditRecord(kAuditLandlockAccess, text).has_value()) << text;
  }
  EXPECT_FALSE(ParseAuditRecord(kAuditLandlockDomain, "audit(1.2:3): domain=1 status=allocated").has_value());
  EXPECT_FALSE(ParseAuditRecord(kAuditLandlockDomain, "audit(1.2:3): domain=1 status=allocated pid=-1").has_value());
  EXPECT_FALSE(ParseAuditRecord(kAuditSystemCall, "audit(1.2:3): pid=99999999999").has_value());
  EXPECT_FALSE(ParseAuditRecord(1307, "audit(1.2:3): domain=1 blockers=ptrace pid=1").has_value());
}

// Valid messages with bytes changed, removed and doubled: whatever comes, the parser ends and stays in its text.
TEST(AuditRecord, TakesAnyBytes) {
  std::mt19937 random(4711);
  const std::vector<std::string> seeds = {kRead, kAllocated, kEnded, kCall};
  for (int round = 0; round < 20000; ++round) {
    std::string text = seeds[random() % seeds.size()];
    for (unsigned changes = random() % 8; changes > 0 && !text.empty(); --changes) {
      const std::size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, random() % 16);
          break;
        case 2:
          text.insert(at, text.substr(random() % text.size(), random() % 32));
          break;
        default:
          text[at] = "=\" ,:()\0"[random() % 8];
      }
    }
    // In memory of just its size, so that a sanitizer sees a step beyond it.
    const std::vector<char> exact(text.begin(), text.end());
    for (const std::uint16_t type : {kAuditLandlockAccess, kAuditLandlockDomain, kAuditSystemCall}) {
      const auto record = ParseAuditRecord(type, std::string_view(exact.data(), exact.size()));
      if (record.has_value()) {
        EXPECT_LE(record->refused.object.size(), exact.size() + 3);
      }
    }
  }
}

class FakeSink final : public core::ViolationSink {
 public:
  void Report(Violation violation) override {
    const std::lock_guard lock(mutex_);
    told_.push_back(violation.operation + " " + violation.object + " by " + violation.program);
  }
  void NotSeen(std::string what) override {
    const std::lock_guard lock(mutex_);
    notes_.push_back(std::move(what));
  }
  std::vector<std::string> told() const { return told_; }
  std::vector<std::string> notes() const { return notes_; }

 private:
  std::mutex mutex_;
  std::vector<std::string> told_;
  std::vector<std::string> notes_;
};

class AuditWatchTest : public ::testing::Test {
 protected:
  AuditWatchTest() : sink_(std::make_shared<FakeSink>()) {
    int ends[2] = {-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    kernel_.reset(ends[0]);
    watch_ = std::make_shared<AuditWatch>(base::UniqueFd(ends[1]), sink_);
  }
  void Send(std::uint16_t type, const std::string& text) {
    nlmsghdr header = {};
    header.nlmsg_len = static_cast<std::uint32_t>(text.size());
    header.nlmsg_type = type;
    std::string message(sizeof(header), '\0');
    std::memcpy(message.data(), &header, sizeof(header));
    message += text;
    ASSERT_EQ(::send(kernel_.get(), message.data(), message.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(message.size()));
  }
  void SendRefusal(int serial, const std::string& domain, const std::string& path) {
    Send(kAuditLandlockAccess, "audit(1.2:" + std::to_string(serial) + "): domain=" + domain +
                                   " blockers=fs.read_file path=\"" + path + "\"");
  }
  void SendDomain(int serial, const std::string& domain, int pid) {
    Send(kAuditLandlockDomain, "audit(1.2:" + std::to_string(serial) + "): domain=" + domain +
                                   " status=allocated mode=enforcing pid=" + std::to_string(pid) + " uid=0");
  }
  void SendEnd(const std::string& domain, int denials) {
    Send(kAuditLandlockDomain,
         "audit(1.2:99): domain=" + domain + " status=deallocated denials=" + std::to_string(denials));
  }

  const std::shared_ptr<FakeSink> sink_;
  base::UniqueFd kernel_;
  std::shared_ptr<AuditWatch> watch_;
};

TEST_F(AuditWatchTest, TellsOfItsOwnCommandsAlone) {
  watch_->AddCommand(100, 1);
  SendRefusal(1, "a", "/ours");
  SendDomain(1, "a", 100);
  SendRefusal(2, "b", "/theirs");
  SendDomain(2, "b", 200);
  SendRefusal(3, "c", "/older-than-we");
  SendRefusal(4, "a", "/ours-too");
  watch_->Settle();
  EXPECT_THAT(sink_->told(), ElementsAre("read /ours by ", "read /ours-too by "));
  EXPECT_THAT(sink_->notes(), IsEmpty());
}

TEST_F(AuditWatchTest, AddsTheProgramsName) {
  watch_->AddCommand(100, 1);
  SendRefusal(1, "a", "/x");
  SendDomain(1, "a", 100);
  Send(kAuditSystemCall, R"(audit(1.2:7): pid=300 comm="other" exe="/bin/other")");
  Send(kAuditSystemCall, R"(audit(1.2:1): pid=101 comm="cat" exe="/bin/cat")");
  watch_->Settle();
  EXPECT_THAT(sink_->told(), ElementsAre("read /x by /bin/cat"));
}

TEST_F(AuditWatchTest, KnowsACommandThatWasRefusedBeforeItWasAdded) {
  SendRefusal(1, "a", "/early");
  SendDomain(1, "a", 100);
  watch_->Settle();
  EXPECT_THAT(sink_->told(), IsEmpty());
  watch_->AddCommand(100, 0);
  watch_->Settle();
  EXPECT_THAT(sink_->told(), ElementsAre("read /early by "));
}

TEST_F(AuditWatchTest, ASecondDomainOfAProcessIsNotOurs) {
  watch_->AddCommand(100, 0);
  SendRefusal(1, "a", "/ours");
  SendDomain(1, "a", 100);
  SendRefusal(2, "b", "/its-own");
  SendDomain(2, "b", 100);
  watch_->Settle();
  EXPECT_THAT(sink_->told(), ElementsAre("read /ours by "));
}

TEST_F(AuditWatchTest, SaysWhenMoreWasRefusedThanWasTold) {
  watch_->AddCommand(100, 2);
  SendRefusal(1, "a", "/x");
  SendDomain(1, "a", 100);
  SendEnd("a", 3);  // two self-tests, and the one that was seen
  watch_->AllEnded();
  watch_->Settle();
  EXPECT_THAT(sink_->notes(), IsEmpty());
  watch_->AddCommand(101, 2);
  SendRefusal(2, "b", "/x");
  SendDomain(2, "b", 101);
  SendEnd("b", 4);
  watch_->Settle();
  EXPECT_THAT(sink_->notes(), ElementsAre(HasSubstr("counted more")));
}

TEST_F(AuditWatchTest, OutlivesNoise) {
  watch_->AddCommand(100, 0);
  std::mt19937 random(99);
  for (int i = 0; i < 100; ++i) {
    std::string noise(random() % 64, '\0');
    for (char& c : noise) c = static_cast<char>(random());
    Send(static_cast<std::uint16_t>(1423 + random() % 3), noise);
    SendDomain(i, std::to_string(1000 + i), 5000 + i);
    watch_->Settle();
  }
  SendRefusal(1, "a", "/x");
  SendDomain(1, "a", 100);
  watch_->Settle();
  EXPECT_THAT(sink_->told(), ElementsAre("read /x by "));
}

TEST(WhyNoAudit, IsOneReasonOrNone) { EXPECT_EQ(WhyNoAudit().find('\n'), std::string::npos); }

}  // namespace
}  // namespace leash::platform
