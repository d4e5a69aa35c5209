// Runs leash with system calls that fail: one call of one thread (seccomp_unotify(2)), or all calls of a name.
#pragma once

#include <string>
#include <vector>

#include "leash_process.h"

namespace leash::testing {

// A system call of leash's or of what it starts, but for the command: which, by which of the threads that make this
// call (numbered as they first make it), and how many times that thread has made it before.
struct SystemCall {
  int thread = -1;
  int index = -1;
  int number = -1;
};
// Its name and place.
std::string Describe(const SystemCall& call);
std::string NameOfCall(int number);

struct FaultyRun {
  RunResult result;
  std::vector<SystemCall> calls;
  bool ended = true;          // in time
  bool failed = false;        // the call was reached, and failed
  bool left_process = false;  // something that leash started lived on after its end
};

// Whether this machine lets a process stand between another and the kernel.
bool CanInjectFaults();

// Calls that do not fail, or give back what is held: they are left alone.
const std::vector<int>& NeverFailing();
bool MakesDescriptor(int number);

// Runs leash to its end, with the call at `at` failing with `error`. Without an `at`: records the calls.
// `command_name`: the name (proc_pid_comm(5)) of the command, which is left alone. The caller must be the reaper of its
// orphans (PR_SET_CHILD_SUBREAPER) and have no other child.
FaultyRun RunWithFault(const std::string& binary, Start start, const std::string& command_name, const SystemCall& at,
                       int error);

// Runs leash with all calls of a number failing, the command's too.
FaultyRun RunWithout(const std::string& binary, Start start, int number, int error);

}  // namespace leash::testing
