#include "platform/linux/audit_watch.h"

#include <arpa/inet.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "base/log.h"
#include "base/status.h"
#include "fmt/format.h"
#include "platform/linux/landlock.h"

namespace leash::platform {
namespace {

// What nobody but the kernel tells of: calls by name are seen by the observer too.
constexpr char kWhat[] = "signals to other processes, and files that Landlock refuses otherwise than by name";

// The message with the program's name comes when its system call ends, at once; or never, by the administrator's rules.
constexpr absl::Duration kNamePatience = absl::Milliseconds(100);
constexpr absl::Duration kSettlePatience = absl::Seconds(2);
// The ends of domains follow those of processes after a grace period of the kernel (RCU): some hundredths of a second.
constexpr absl::Duration kEndPatience = absl::Milliseconds(500);
constexpr absl::Duration kQuiet = absl::Milliseconds(20);
// A look whether the sandbox is still there.
constexpr absl::Duration kLoopPatience = absl::Seconds(1);
constexpr int kReceiveBuffer = 4 << 20;
constexpr int kMostAtOnce = 4096;
constexpr std::size_t kMostPending = 4096;
constexpr std::size_t kMostUnclaimed = 1024;
// PROC_PID_INIT_INO of the kernel's include/linux/proc_ns.h.
constexpr ino_t kFirstPidNamespace = 0xEFFFFFFC;

base::UniqueFd AuditSocket() { return base::UniqueFd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT)); }

// The kernel's answer to AUDIT_GET, which takes CAP_AUDIT_CONTROL. It may end before the newest fields.
std::optional<audit_status> AskStatus() {
  const base::UniqueFd socket = AuditSocket();
  if (!socket) return std::nullopt;
  nlmsghdr ask = {};
  ask.nlmsg_len = NLMSG_HDRLEN;
  ask.nlmsg_type = AUDIT_GET;
  ask.nlmsg_flags = NLM_F_REQUEST;
  if (::send(socket.get(), &ask, sizeof(ask), 0) != static_cast<ssize_t>(sizeof(ask))) return std::nullopt;
  pollfd readable = {socket.get(), POLLIN, 0};
  if (::poll(&readable, 1, 1000) != 1) return std::nullopt;
  alignas(nlmsghdr) std::array<char, 1024> buffer = {};
  const ssize_t size = ::recv(socket.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  constexpr auto kNeeded = static_cast<ssize_t>(NLMSG_HDRLEN + offsetof(audit_status, backlog) + sizeof(__u32));
  nlmsghdr header;
  std::memcpy(&header, buffer.data(), sizeof(header));
  if (size < kNeeded || header.nlmsg_type != AUDIT_GET) return std::nullopt;
  audit_status status = {};
  std::memcpy(&status, buffer.data() + NLMSG_HDRLEN,
              std::min(sizeof(status), static_cast<std::size_t>(size) - NLMSG_HDRLEN));
  return status;
}

// Other people's messages are none of our business: the kernel keeps all but three types from us.
bool FilterTypes(int socket) {
  // A load of half a word converts from the network's byte order, and the header is in the machine's.
  const auto type = [](std::uint16_t value) { return static_cast<std::uint32_t>(htons(value)); };
  std::array<sock_filter, 6> program = {{
      BPF_STMT(BPF_LD | BPF_H | BPF_ABS, offsetof(nlmsghdr, nlmsg_type)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type(kAuditLandlockAccess), 3, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type(kAuditLandlockDomain), 2, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, type(kAuditSystemCall), 1, 0),
      BPF_STMT(BPF_RET | BPF_K, 0),
      BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
  }};
  const sock_fprog filter = {static_cast<unsigned short>(program.size()), program.data()};
  return ::setsockopt(socket, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) == 0;
}

bool SharesFirstPidNamespace() {
  struct stat own = {};
  return ::stat("/proc/self/ns/pid", &own) == 0 && own.st_ino == kFirstPidNamespace;
}

// Invalid, with `error` set to errno, when we may not.
base::UniqueFd Join(int& error) {
  base::UniqueFd socket = AuditSocket();
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  address.nl_groups = 1U << (AUDIT_NLGRP_READLOG - 1);
  if (!socket || !FilterTypes(socket.get()) ||
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    error = errno;
    return {};
  }
  // As much as we are given.
  (void)::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof(kReceiveBuffer));
  return socket;
}

// Joined, or why not, in words.
base::UniqueFd JoinIfUseful(std::string& why_not) {
  const LandlockFeatures features = DetectLandlock();
  if (features.report_flags == 0) {
    why_not = fmt::format("this kernel does not tell (Landlock ABI {}; Linux 6.15, ABI 7, does)", features.abi);
    return {};
  }
  int error = 0;
  base::UniqueFd socket = Join(error);
  if (error == EPERM || error == EACCES) {
    why_not = "reading the kernel's audit messages takes root";
  } else if (error != 0) {
    why_not = fmt::format("the kernel has no audit messages ({})", base::ErrnoText(error));
  } else if (!SharesFirstPidNamespace()) {
    why_not = "in a container, process ids in audit messages mean something else";
  } else if (const auto status = AskStatus(); status.has_value() && status->enabled == 0) {
    why_not = "the kernel's auditing is off (an administrator can turn it on: auditctl -e 1)";
  }
  if (!why_not.empty()) socket.reset();
  return socket;
}

}  // namespace

std::string WhyNoAudit() {
  std::string why_not;
  JoinIfUseful(why_not);
  return why_not;
}

std::shared_ptr<AuditWatch> AuditWatch::Open(std::shared_ptr<core::ViolationSink> sink) {
  std::string why_not;
  base::UniqueFd socket = JoinIfUseful(why_not);
  if (!socket) {
    sink->NotSeen(fmt::format("{}: {}", kWhat, why_not));
    return nullptr;
  }
  auto watch = std::make_shared<AuditWatch>(std::move(socket), std::move(sink));
  watch->WatchOnLoop();
  return watch;
}

void AuditWatch::WatchOnLoop() {
  base::EventLoop::Shared().WhenReadable(socket_.get(), absl::Now() + kLoopPatience, [self = weak_from_this()](bool) {
    const auto watch = self.lock();
    if (watch == nullptr) return;
    {
      const std::lock_guard lock(watch->mutex_);
      watch->Read();
      watch->DeliverPending(absl::Now() - kNamePatience);
    }
    watch->WatchOnLoop();
  });
}

void AuditWatch::AddCommand(pid_t pid, std::uint64_t self_tests) {
  const std::lock_guard lock(mutex_);
  commands_[pid] = {0, self_tests};
  // Its first message may have come before. One that came long ago is of somebody whose process id was used again.
  const auto known = std::find_if(unclaimed_.begin(), unclaimed_.end(), [&](const auto& one) {
    return one.second.pid == pid && absl::Now() - one.second.arrived < kSettlePatience;
  });
  if (known == unclaimed_.end()) return;
  commands_[pid].domain = known->first;
  domains_[known->first] = {pid, 0};
  unclaimed_.erase(known);
}

void AuditWatch::AllEnded() {
  const std::lock_guard lock(mutex_);
  all_ended_ = true;
}

// The kernel hands messages out one after the other, from a queue.
void AuditWatch::Settle() {
  const absl::Time begin = absl::Now();
  while (true) {
    const auto status = AskStatus();
    const absl::Duration waited = absl::Now() - begin;
    bool expecting = status.has_value() && status->backlog > 0 && waited < kSettlePatience;
    {
      const std::lock_guard lock(mutex_);
      Read();
      expecting = expecting || (all_ended_ && !domains_.empty() && waited < kEndPatience);
    }
    pollfd readable = {socket_.get(), POLLIN, 0};
    const int more = ::poll(&readable, 1, static_cast<int>(absl::ToInt64Milliseconds(kQuiet)));
    if (waited >= kSettlePatience || (more <= 0 && !expecting)) break;
  }
  const std::lock_guard lock(mutex_);
  DeliverPending(absl::InfiniteFuture());
}

void AuditWatch::Read() {
  alignas(nlmsghdr) std::array<char, 9216> buffer;  // MAX_AUDIT_MESSAGE_LENGTH (8970), with its header
  for (int i = 0; i < kMostAtOnce; ++i) {           // somebody else may be waiting for the lock
    sockaddr_nl sender = {};
    socklen_t sender_size = sizeof(sender);
    const ssize_t size = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT,
                                    reinterpret_cast<sockaddr*>(&sender), &sender_size);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0 && errno == ENOBUFS) {  // told once; what was lost shows at the ends of the domains
      sink_->NotSeen(fmt::format("some {}: there were too many at once", kWhat));
      continue;
    }
    if (size <= 0) return;
    // Nobody but the kernel is believed.
    if (sender_size >= sizeof(sender) && sender.nl_family == AF_NETLINK && sender.nl_pid != 0) continue;
    if (static_cast<std::size_t>(size) < sizeof(nlmsghdr)) continue;
    nlmsghdr header;
    std::memcpy(&header, buffer.data(), sizeof(header));
    // The length in the header leaves the header itself out in some messages: what was received counts.
    const std::string_view text(buffer.data() + NLMSG_HDRLEN, static_cast<std::size_t>(size) - NLMSG_HDRLEN);
    if (const auto record = ParseAuditRecord(header.nlmsg_type, text.substr(0, text.find('\0')))) Take(*record);
  }
}

void AuditWatch::Take(const AuditRecord& record) {
  if (record.type == kAuditLandlockDomain) return record.ended ? EndDomain(record) : TakeDomain(record);
  if (record.type == kAuditLandlockAccess) {
    if (pending_.size() == kMostPending) pending_.pop_front();
    pending_.push_back({record, absl::Now()});
    return;
  }
  bool any = false;
  for (Pending& one : pending_) {
    if (one.access.serial != record.serial) continue;
    one.access.refused.pid = record.pid;
    one.access.refused.program = record.program;
    one.named = any = true;
  }
  if (any) DeliverPending(absl::InfinitePast());
}

void AuditWatch::TakeDomain(const AuditRecord& record) {
  const auto command = commands_.find(record.pid);
  if (command == commands_.end()) {
    if (unclaimed_.size() == kMostUnclaimed) unclaimed_.erase(unclaimed_.begin());  // the oldest: numbers only grow
    unclaimed_[record.domain] = {record.pid, absl::Now()};
  } else if (command->second.domain == 0) {  // a second domain of one process is not the one that leash made
    command->second.domain = record.domain;
    domains_[record.domain] = {record.pid, 0};
  }
}

void AuditWatch::EndDomain(const AuditRecord& record) {
  unclaimed_.erase(record.domain);
  const auto domain = domains_.find(record.domain);
  if (domain == domains_.end()) return;
  DeliverPending(absl::InfiniteFuture());
  const std::uint64_t known = domain->second.seen + commands_[domain->second.pid].self_tests;
  if (record.denials > known) {
    sink_->NotSeen(fmt::format("some {}: the kernel counted more than it told of", kWhat));
  }
  domains_.erase(domain);
}

// What is complete, or has been waited for since before `before`. What belongs to nobody yet stays.
void AuditWatch::DeliverPending(absl::Time before) {
  std::deque<Pending> rest;
  for (Pending& one : pending_) {
    const bool complete = one.named || one.arrived <= before;
    const bool may_become_ours = unclaimed_.contains(one.access.domain) && absl::Now() - one.arrived < kSettlePatience;
    if (complete && domains_.contains(one.access.domain)) {
      Deliver(one.access);
    } else if (!complete || may_become_ours) {
      rest.push_back(std::move(one));
    }
  }
  pending_ = std::move(rest);
}

void AuditWatch::Deliver(const AuditRecord& access) {
  ++domains_[access.domain].seen;
  sink_->Report(access.refused);
}

}  // namespace leash::platform
