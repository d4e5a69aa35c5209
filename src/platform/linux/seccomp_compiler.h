// The system call table -> a BPF program (seccomp(2)), by libseccomp. Runs when leash is built, not when it runs:
// compiling takes half a millisecond, longer than starting a program.
#pragma once

#include <linux/filter.h>

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "platform/linux/seccomp_filter.h"

namespace leash::platform {

// Compiled as a balanced tree (a load costs the kernel one emulated run a system call number, which a linear list makes
// three times as dear), preceded by our own check of architecture, x32 and newest number. Errors: kNotEnforced.
absl::StatusOr<std::vector<sock_filter>> CompileSeccompFilter(const SyscallProfile& profile);

// Of the calls in the table, as far as this architecture has them.
std::map<int, std::string> SystemCallNames();

}  // namespace leash::platform
