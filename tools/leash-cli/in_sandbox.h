// What `run` and `shell` have in common: a sandbox as the command line wants it, one command in it, and its end.
#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "command_line.h"
#include "layer.h"
#include "leash/command.h"
#include "leash/process.h"
#include "signal_relay.h"

namespace leash::cli {

using MakeCommand = std::function<Command(std::string program)>;
// Runs a command to its end.
using Body = std::function<absl::StatusOr<Ended>(const Settings& settings, const MakeCommand& make)>;

// Calls `body` once, with the sandbox made. Afterwards the sandbox is closed before anything is reported, so that
// nothing of it is left when leash has spoken its last. Gives leash's exit status. A SignalRelay must exist.
int InSandbox(const CommandLine& line, const Body& body);
// The same, for settings that were read already.
int InSandboxOf(const Settings& settings, const Body& body);

}  // namespace leash::cli
