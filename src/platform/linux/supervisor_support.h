// Whether this machine lets a supervisor work.
#pragma once

#include <string>

namespace leash::platform {

struct SupervisorSupport {
  std::string why_not;  // empty: it works
  bool available() const { return why_not.empty(); }
};

// Tries it: a process calls, a thread without capabilities takes the call, looks into the process, and answers. Needs
// SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (Linux 5.19), pidfd_getfd, process_vm_readv, openat2 and a /proc of this pid
// namespace. Not available under a supervisor (a filter may have one listener above it), to a user whom Yama forbids
// tracing, or where another sandbox refuses one of these calls. About 200 microseconds.
SupervisorSupport TrySupervisor();

// Where it is not available: what a report then lacks, for ViolationSink::NotSeen.
std::string NotObserved(const SupervisorSupport& support);

// The same, tried once a process.
const SupervisorSupport& SupervisorSupportOfProcess();

}  // namespace leash::platform
