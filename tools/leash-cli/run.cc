// leash run: one program in one sandbox, with leash's own streams or on a terminal of its own.
#include <string>
#include <vector>

#include "base/status.h"
#include "commands.h"
#include "in_sandbox.h"
#include "messages.h"
#include "signal_relay.h"
#include "terminal_relay.h"

namespace leash::cli {

int Run(const CommandLine& line) {
  if (line.words.empty()) {
    return Fail(base::Error(ErrorCode::kInvalidArgument, "run: no program was given; see 'leash help run'"));
  }
  const bool on_terminal = line.Has(OptionId::kTty);
  SignalRelay signals(on_terminal ? SignalRelay::For::kTerminal : SignalRelay::For::kStreams);
  return InSandbox(line, [&](const Settings&, const MakeCommand& make) -> absl::StatusOr<Ended> {
    Command command = make(line.words.front());
    command.Args({line.words.begin() + 1, line.words.end()});
    if (on_terminal) return RunOnTerminal(command, signals, RequestToEnd::kIsHandedOn);
    LEASH_ASSIGN_OR_RETURN(Child child, command.Spawn());
    return signals.WaitFor(child);
  });
}

}  // namespace leash::cli
