// From argv to a subcommand.
#include "entry.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "commands.h"
#include "fmt/format.h"
#include "help.h"
#include "messages.h"

namespace leash::cli {
namespace {

// A caller may have closed a standard stream. The next file to be opened would take its number, and what is written
// to "stderr" would land in that file.
void OpenMissingStreams() {
  int fd = 0;
  while (fd >= 0 && fd <= STDERR_FILENO) fd = ::open("/dev/null", O_RDWR);
  if (fd > STDERR_FILENO) ::close(fd);
}

int Dispatch(const CommandLine& line) {
  switch (line.command->id) {
    case CommandId::kRun:
      return Run(line);
    case CommandId::kShell:
      return Shell(line);
    case CommandId::kPython:
      return Python(line);
    case CommandId::kExplain:
      return Explain(line);
    case CommandId::kDoctor:
      return Doctor(line);
    case CommandId::kSelftest:
      return Selftest(line);
    case CommandId::kCompletion:
      return Completion(line);
    case CommandId::kHelp:
      return Help(line);
  }
  return kExitFailure;
}

}  // namespace

int Help(const CommandLine& line) {
  if (line.words.empty()) return WriteStdout(GeneralHelp());
  const CommandInfo* command = FindCommand(line.words.front());
  if (command != nullptr && line.words.size() == 1) return WriteStdout(HelpOf(*command));
  return Fail(base::Error(ErrorCode::kInvalidArgument,
                          fmt::format("help: there is no command '{}'", base::Printable(line.words.front()))));
}

int Main(int argc, const char* const* argv) {
  OpenMissingStreams();
  const auto count = static_cast<std::size_t>(std::max(argc - 1, 0));
  const absl::StatusOr<CommandLine> line = ParseCommandLine({argc > 0 ? argv + 1 : argv, count});
  if (!line.ok()) return Fail(line.status());
  if (const int verbosity = std::min(line->Count(OptionId::kVerbose), 2); verbosity > 0) {
    base::SetLogLevel(static_cast<base::LogLevel>(verbosity));
  }
  if (line->Has(OptionId::kHelp)) {
    return WriteStdout(line->command == nullptr ? GeneralHelp() : HelpOf(*line->command));
  }
  if (line->Has(OptionId::kVersion)) return WriteStdout("leash " LEASH_VERSION "\n");
  if (line->command == nullptr) {
    return Fail(base::Error(ErrorCode::kInvalidArgument, "no command was given; see 'leash help'"));
  }
  return Dispatch(*line);
}

}  // namespace leash::cli
