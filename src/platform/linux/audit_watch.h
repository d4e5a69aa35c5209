// Watches the kernel's audit messages for what Landlock refuses the commands of one sandbox.
//
// It listens where anybody with CAP_AUDIT_READ may listen, beside whatever audit daemon there is. It does not become
// that daemon, does not switch auditing on or off, and writes no message. Sources: audit(7) is not in man-pages; the
// kernel's kernel/audit.c and Documentation/userspace-api/landlock.rst.
//
// A refusal names a domain; the domain's first message names the process that made it, which is a command of ours or
// not. Not covered: a process id that is used again, by another program that confines itself with Landlock, while this
// sandbox lives and before the command of that id was refused anything.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "platform/linux/audit_record.h"

namespace leash::platform {

// Whether this process can see the messages and whether there are any: in words why not, or empty.
std::string WhyNoAudit();

class AuditWatch : public std::enable_shared_from_this<AuditWatch> {
 public:
  // Null, after the sink has been told why, when nothing can be seen.
  static std::shared_ptr<AuditWatch> Open(std::shared_ptr<core::ViolationSink> sink);

  // On any socket that gives messages as the kernel frames them: for tests. Not watched from the loop thread.
  AuditWatch(base::UniqueFd socket, std::shared_ptr<core::ViolationSink> sink)
      : socket_(std::move(socket)), sink_(std::move(sink)) {}

  // From here on, the Landlock domain that `pid` made is ours. `self_tests` refusals of it were provoked by leash, and
  // not logged. Any thread.
  void AddCommand(pid_t pid, std::uint64_t self_tests);
  // Every command has ended: what is still to come is at most the ends of their domains.
  void AllEnded();
  // Reads what there is, and waits for what is on its way, two seconds at most.
  void Settle();

 private:
  struct Pending {
    AuditRecord access;
    absl::Time arrived;
    bool named = false;  // the message with the program's name has come
  };
  struct Command {
    std::uint64_t domain = 0;  // 0: none is known
    std::uint64_t self_tests = 0;
  };
  struct Domain {
    pid_t pid = 0;
    std::uint64_t seen = 0;
  };
  struct Unclaimed {
    pid_t pid = 0;
    absl::Time arrived;
  };

  // All with the lock held.
  void Read();
  void Take(const AuditRecord& record);
  void TakeDomain(const AuditRecord& record);
  void EndDomain(const AuditRecord& record);
  void Deliver(const AuditRecord& access);
  void DeliverPending(absl::Time before);

  void WatchOnLoop();

  const base::UniqueFd socket_;
  const std::shared_ptr<core::ViolationSink> sink_;
  std::mutex mutex_;
  std::map<pid_t, Command> commands_;             // guarded by mutex_
  std::map<std::uint64_t, Domain> domains_;       // guarded by mutex_; of our commands, not yet ended
  std::map<std::uint64_t, Unclaimed> unclaimed_;  // guarded by mutex_; of others, or of a command that is being started
  std::deque<Pending> pending_;                   // guarded by mutex_; for their domain, or the program's name
  bool all_ended_ = false;                        // guarded by mutex_
};

}  // namespace leash::platform
