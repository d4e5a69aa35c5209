// leash python: an interpreter in a sandbox, with the virtual environment that was asked for.
#include "leash/python.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "commands.h"
#include "fmt/format.h"
#include "in_sandbox.h"
#include "messages.h"
#include "options.h"
#include "python_arguments.h"
#include "python_settings.h"
#include "ruling.h"
#include "signal_relay.h"
#include "terminal_relay.h"

namespace leash::cli {
namespace {

// In a process of its own, which ends with this one's terminal: installing takes a while, and a SignalRelay, which
// must stand before any thread does, would keep SIGINT from ending it. Gives leash's exit status.
int MakeVenvApart(const VenvConfig& venv) {
  const pid_t child = ::fork();
  if (child < 0) return Fail(base::ErrnoError(ErrorCode::kIo, errno, "cannot start a process"));
  if (child == 0) {
    const absl::StatusOr<VenvManager> made = VenvManager::Create(venv);
    // Nothing of the parent's is to be tidied up here.
    ::_exit(made.ok() ? 0 : Fail(made.status()));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return Fail(base::ErrnoError(ErrorCode::kIo, errno, "cannot wait for a process"));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// Makes what is asked for unless it is there; gives the interpreter to use. A failed installation has been reported
// already: then the status is only for leash to end with.
absl::StatusOr<PythonInterpreter> Interpreter(const Settings& settings, int& code) {
  const PythonLayer& python = settings.python;
  if (!WantsVenv(python)) return FindPython({.interpreter = python.interpreter, .venv = std::nullopt});
  VenvConfig venv = VenvOf(settings);
  if (::isatty(STDERR_FILENO) != 0) venv.progress_fd = STDERR_FILENO;
  const bool complete = python.packages.empty() && python.requirements.empty() && VenvManager::Open(venv.path).ok();
  if (!complete) code = MakeVenvApart(venv);
  if (code != 0) return base::Error(ErrorCode::kIo, "");
  return FindPython(
      {.interpreter = std::nullopt, .venv = venv.path, .allow_pip_install = python.allow_pip_install.value_or(false)});
}

// Not where the directory holds other people's things or all of one's own.
bool MayGrantDirectory(const std::string& directory) {
  struct stat status = {};
  if (::stat(directory.c_str(), &status) != 0 || (status.st_mode & (S_IWOTH | S_ISVTX)) != 0) return false;
  const char* home = std::getenv("HOME");
  if (home == nullptr || home[0] != '/') return false;
  const std::optional<std::string> canonical = base::HostFileSystem().Canonical(home);
  return canonical.has_value() && !base::IsAtOrBelow(*canonical, directory);
}

// Opens `path`, which leads to `canonical`, for reading where no rule opens that yet. That of home directories gives
// way: a script is named by who runs it. Nothing else that closes something does, since a link in a cloned repository
// may lead anywhere. Gives the rule in the way.
absl::StatusOr<std::string> Open(const std::string& path, const std::string& canonical, Settings& settings) {
  LEASH_ASSIGN_OR_RETURN(const Ruling ruling, RulingOn(canonical, settings.config, settings.network));
  if (Includes(ruling.access, Access::kRead)) return std::string();
  const bool home = ruling.kind == "protection" && ruling.reason == "protect_user_home";
  if ((ruling.kind == "protection" || ruling.kind == "deny") && !home) return ruling.reason;
  settings.config.grants.push_back({path, Access::kRead});
  return std::string();
}

// The script is found where the user stands, whatever directory the sandbox starts in. Modules beside it are part of
// it, unless it is a link to somewhere else.
absl::Status AddScript(const std::string& current_dir, std::string& word, Settings& settings) {
  const std::string path = word.starts_with('/') ? word : base::JoinPath(current_dir, word);
  const std::optional<std::string> canonical = base::HostFileSystem().Canonical(path);
  // Python says it better.
  if (!canonical.has_value()) return absl::OkStatus();
  // Of a path with "..", not all directories need be there inside.
  const bool plain = base::NormalizePath(path, "/") == path;
  if (settings.config.start_dir != current_dir) word = plain ? path : *canonical;
  // Below the directory that the sandbox starts in, nothing is to be opened.
  if (settings.config.start_dir && base::IsAtOrBelow(*canonical, *settings.config.start_dir)) return absl::OkStatus();
  const bool file = base::HostFileSystem().TypeOf(*canonical) == base::FileType::kRegular;
  if (!file && !MayGrantDirectory(*canonical)) return absl::OkStatus();
  LEASH_ASSIGN_OR_RETURN(const std::string closed_by, Open(path, *canonical, settings));
  if (!closed_by.empty()) {
    return base::Error(ErrorCode::kInvalidArgument, fmt::format("the script {} is closed ({}); --readable opens it",
                                                                base::Printable(*canonical), closed_by));
  }
  const std::string directory(base::ParentOf(*canonical));
  const bool beside = base::HostFileSystem().Canonical(std::string(base::ParentOf(path))) == directory;
  if (!file || !beside || settings.config.isolation == Isolation::kStrict || !MayGrantDirectory(directory)) {
    return absl::OkStatus();
  }
  return Open(directory, directory, settings).status();
}

}  // namespace

int Python(const CommandLine& line) {
  absl::StatusOr<Loaded> loaded = LoadSettings(line);
  if (!loaded.ok()) return Fail(loaded.status());
  if (!loaded->config_path.empty()) base::Log(base::LogLevel::kInfo, "configuration: {}", loaded->config_path);
  Settings& settings = loaded->settings;
  int code = 0;
  const absl::StatusOr<PythonInterpreter> python = Interpreter(settings, code);
  if (code != 0) return code;
  if (!python.ok()) return Fail(python.status());
  base::Log(base::LogLevel::kInfo, "interpreter: {}", python->path);
  std::vector<std::string> words = line.words;
  if (const std::optional<std::size_t> script = ScriptAmong(words)) {
    const absl::StatusOr<std::string> current_dir = CurrentDirectory();
    if (!current_dir.ok()) return Fail(current_dir.status());
    const absl::Status added = AddScript(*current_dir, words[*script], settings);
    if (!added.ok()) return Fail(added);
  }
  settings.config = WithPython(std::move(settings.config), *python);
  const bool repl = words.empty() && ::isatty(STDIN_FILENO) != 0 && ::isatty(STDOUT_FILENO) != 0;
  const bool on_terminal = repl || line.Has(OptionId::kTty);
  SignalRelay signals(on_terminal ? SignalRelay::For::kTerminal : SignalRelay::For::kStreams);
  return InSandboxOf(settings, [&](const Settings&, const MakeCommand& make) -> absl::StatusOr<Ended> {
    Command command = make(python->path);
    command.Args(words);
    if (on_terminal) return RunOnTerminal(command, signals, repl ? RequestToEnd::kHangsUp : RequestToEnd::kIsHandedOn);
    LEASH_ASSIGN_OR_RETURN(Child child, command.Spawn());
    return signals.WaitFor(child);
  });
}

}  // namespace leash::cli
