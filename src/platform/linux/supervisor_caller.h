// The process whose system call waits for the supervisor, as far as the supervisor looks into it.
#pragma once

#include <linux/seccomp.h>
#include <sys/types.h>

#include <cstddef>
#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "platform/linux/supervisor_notification.h"

namespace leash::platform {

// Everything is taken once, by value or as a descriptor, and then judged and used: what the program changes meanwhile
// changes nothing. Each take may be of a stranger that got the process id of a caller that died; Waits(), asked after
// the last take and before anything is done, tells that it was not.
//
// Needs what a tracer needs (ptrace(2), PTRACE_MODE_ATTACH): the same user, a process that can be dumped, and from
// Yama, where it is switched on, descent.
class Caller {
 public:
  // `notification` is borrowed.
  Caller(int listener, const seccomp_notif& notification) : listener_(listener), notification_(notification) {}

  int Listener() const { return listener_; }
  std::uint64_t Id() const { return notification_.id; }
  const seccomp_data& Data() const { return notification_.data; }
  // Its id; a thread's own.
  pid_t Thread() const { return static_cast<pid_t>(notification_.pid); }
  int Number() const { return notification_.data.nr; }
  std::uint64_t Argument(unsigned index) const { return notification_.data.args[index]; }
  // As the kernel reads an `int`.
  int IntArgument(unsigned index) const { return static_cast<int>(notification_.data.args[index]); }

  // Copies `size` bytes from the caller's memory. 0, or -EFAULT as the kernel says of bad memory, -EPERM.
  Answer Read(std::uint64_t address, void* into, std::size_t size) const;
  // A path: up to its NUL. -ENAMETOOLONG.
  Answer ReadPath(std::uint64_t address, std::string& path) const;
  // A duplicate of one of its descriptors: the same open file. -EBADF, -EPERM.
  Answer Take(int fd, base::UniqueFd& taken);
  // Its memory, to be written to once Waits() has said that it is the caller's (WriteTo).
  Answer OpenMemory(base::UniqueFd& memory) const;
  // 0 or -EFAULT.
  static Answer WriteTo(const base::UniqueFd& memory, std::uint64_t address, const void* bytes, std::size_t size);
  // Its current directory, O_PATH.
  Answer OpenCurrentDirectory(base::UniqueFd& directory) const;
  // The id of its process, which /proc/self means in a path of its own; -1.
  pid_t Process() const;
  // Its real user and group, as this process's namespace has them; -1 when they cannot be learnt.
  long User() const { return StatusLine("\nUid:", 10).value_or(-1); }
  long Group() const { return StatusLine("\nGid:", 10).value_or(-1); }
  // Its umask; -1 when it cannot be learnt.
  int Umask() const;

  bool Waits() const;
  // Whether a signal that it handles has come while it waits, which the kernel holds back until the call is answered
  // (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV). Of those that a program without a handler would not notice, which often
  // have handlers that restart the call, none counts.
  bool HasSignal() const;

 private:
  std::optional<long long> StatusLine(const char* name, int base) const;

  const int listener_;
  const seccomp_notif& notification_;
  base::UniqueFd pidfd_;
};

}  // namespace leash::platform
