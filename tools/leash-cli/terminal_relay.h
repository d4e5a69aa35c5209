// Between the user's terminal, or whatever leash's stdin and stdout are, and the terminal of a command.
#pragma once

#include "absl/status/statusor.h"
#include "leash/command.h"
#include "leash/process.h"
#include "signal_relay.h"

namespace leash::cli {

// What SIGINT, SIGTERM or SIGHUP to leash means for the command.
enum class RequestToEnd {
  kIsHandedOn,  // as SignalRelay says; but SIGHUP hangs the command's terminal up
  kHangsUp,     // each hangs it up: interactive shells do not care for SIGTERM
};

// Starts `command` on a terminal of its own and waits for its end, on the calling thread. Bytes go both ways through
// buffers that do not grow; whoever does not read holds up only what is for him.
//
// If stdin is a terminal, it is raw meanwhile, the command's has the same settings to begin with, and the sizes follow.
// It is given back on every way out, and while leash is stopped. When it is hung up, so is the command's.
//
// If stdin is something else, it is typed into the terminal without echo, and at its end the terminal's end-of-file
// character, until the command ends. When stdout cannot be written any more, the command's terminal is hung up.
//
// After a hang-up the command has some seconds to end; then it is killed with all its descendants.
absl::StatusOr<Ended> RunOnTerminal(Command& command, SignalRelay& signals, RequestToEnd means);

}  // namespace leash::cli
