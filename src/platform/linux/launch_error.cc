#include "platform/linux/launch_error.h"

#include <cerrno>

#include "base/status.h"
#include "fmt/format.h"

namespace leash::platform {

absl::Status LaunchError(LaunchStage stage, int error, const std::string& program) {
  const auto because = [&](ErrorCode code, std::string_view what) { return base::ErrnoError(code, error, what); };
  switch (stage) {
    case LaunchStage::kNone:
      return because(ErrorCode::kSpawnFailed, "cannot start the command");
    case LaunchStage::kDeathSignal:
      return because(ErrorCode::kNotEnforced, "cannot let the command end with leash (PR_SET_PDEATHSIG)");
    case LaunchStage::kParentDied:
      return base::Error(ErrorCode::kSpawnFailed, "leash ended while starting a command");
    case LaunchStage::kControlGroup:
      return because(ErrorCode::kNotEnforced, "cannot put the command into the sandbox's control group");
    case LaunchStage::kSession:
      return because(ErrorCode::kSpawnFailed, "cannot make a session for the command");
    case LaunchStage::kTerminal:
      return because(ErrorCode::kSpawnFailed, "cannot make a terminal for the command");
    case LaunchStage::kStdio:
      return because(ErrorCode::kSpawnFailed, "cannot connect the command's streams");
    case LaunchStage::kCurrentDir:
      return because(ErrorCode::kSpawnFailed, "cannot enter the command's directory");
    case LaunchStage::kLimits:
      return because(ErrorCode::kNotEnforced, "cannot set the command's limits");
    case LaunchStage::kCapabilities:
      return because(ErrorCode::kNotEnforced, "cannot drop capabilities");
    case LaunchStage::kNoNewPrivs:
      return because(ErrorCode::kNotEnforced, "cannot set no_new_privs");
    case LaunchStage::kLandlock:
      return because(ErrorCode::kNotEnforced, "cannot enforce Landlock rules");
    case LaunchStage::kCloseDescriptors:
      return because(ErrorCode::kNotEnforced, "cannot close inherited descriptors (close_range)");
    case LaunchStage::kSeccomp:
      return because(ErrorCode::kNotEnforced, "cannot install the system call filter");
    case LaunchStage::kSupervisor:
      return base::Error(ErrorCode::kNotEnforced, "the supervisor cannot take over the command's system calls");
    case LaunchStage::kSelfTest:
      return base::Error(ErrorCode::kNotEnforced,
                         fmt::format("the sandbox's self-test failed ({}): something that must be refused was not, so "
                                     "nothing was run; see: leash doctor",
                                     error == 0 ? "the act succeeded" : base::ErrnoText(error)));
    case LaunchStage::kExec:
      switch (error) {
        case ENOENT:
          return because(ErrorCode::kProgramNotFound, fmt::format("cannot run {} or its interpreter", program));
        case ENOEXEC:
          return base::Error(
              ErrorCode::kProgramNotExecutable,
              fmt::format("cannot run {}: not a program, and no '#!' line names an interpreter", program));
        case EACCES:
        case EPERM:
        case ELOOP:
        case ETXTBSY:
          return because(ErrorCode::kProgramNotExecutable, fmt::format("cannot run {}", program));
        default:
          return because(ErrorCode::kSpawnFailed, fmt::format("cannot run {}", program));
      }
  }
  return base::Error(ErrorCode::kSpawnFailed, "cannot start the command");
}

}  // namespace leash::platform
