// Pseudo-terminals of the host's, and what is asked of one in the form that the kernel takes.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "platform/linux/init_wire.h"

namespace leash::platform {

inline constexpr char kControllingTerminal[] = "/dev/tty";

struct Terminal {
  base::UniqueFd master;
  base::UniqueFd slave;  // open, so that nobody sees the terminal without anybody in it
};
// A new one in the host's devpts, set up as asked for. It becomes nobody's controlling terminal.
absl::StatusOr<Terminal> OpenTerminal(const core::TerminalRequest& request);

// "/dev/pts/N"
std::string TerminalName(const base::UniqueFd& master);

// The same set-up, for an init process to do.
wire::Terminal WireTerminal(const core::TerminalRequest& request);

}  // namespace leash::platform
