#include "option_table.h"

#include <array>
#include <vector>

namespace leash::cli {
namespace {

constexpr unsigned kSandbox = kOnRun | kOnShell | kOnPython | kOnExplain;
constexpr unsigned kPythonOptions = kOnPython | kOnExplain;
constexpr unsigned kEverywhere =
    kOnTop | kOnRun | kOnShell | kOnPython | kOnExplain | kOnDoctor | kOnSelftest | kOnOthers;

constexpr std::array kCommands = {
    CommandInfo{CommandId::kRun, "run", "[OPTIONS] PROGRAM [ARGS...]", "run a program in a sandbox",
                "Options end at PROGRAM: what follows belongs to it. Without options the program\n"
                "reads the system and the current directory, writes only a private directory that\n"
                "is removed at the end, and has no network.",
                "  leash run echo hello\n"
                "  leash run --workdir . make test            # may write the current directory\n"
                "  leash run --strict --executable tool \"$PWD/tool\"\n"
                "  leash run --timeout 30 --max-memory 512M -e LANG=C python3 script.py\n"
                "  leash run --listen 8080 python3 -m http.server 8080\n"},
    CommandInfo{CommandId::kShell, "shell", "[OPTIONS] [-- ARGS...]",
                "run a shell in a sandbox, on a terminal of its own",
                "The shell is $SHELL if the sandbox can run it, else /bin/bash, else /bin/sh.\n"
                "ARGS are the shell's. It may do what a program of 'leash run' may, and stands\n"
                "where that stands. If stdin is not a terminal, it is typed into the shell's.",
                "  leash shell\n"
                "  leash shell --workdir .                    # may write the current directory\n"
                "  leash shell --strict -- -c 'ls -l /'\n"
                "  printf 'make test\\n' | leash shell --workdir .\n"},
    CommandInfo{CommandId::kPython, "python", "[OPTIONS] [-c CODE | -m MODULE | SCRIPT | -] [ARGS...]",
                "run Python in a sandbox",
                "The interpreter is that of --venv or --python, else the python3 of your PATH:\n"
                "the system's, pyenv's, uv's or an active environment's. It may do what a program\n"
                "of 'leash run' may, and reads SCRIPT and, except in the strict tier, what is\n"
                "beside it. Without arguments: interactive on a terminal, else a script on stdin.\n"
                "Options end at the first word that is none, and at -c, -m and what else is\n"
                "Python's. Packages are installed in a sandbox of their own, which reaches the\n"
                "index alone.",
                "  leash python script.py --its-option\n"
                "  leash python -c 'print(1)'\n"
                "  leash python -p requests -p 'numpy>=2' -- -X dev script.py\n"
                "  leash python --venv .venv -m pytest\n"},
    CommandInfo{CommandId::kExplain, "explain", "[OPTIONS] [PATH]", "show what a sandbox would allow, without running",
                "With PATH: the access that a sandbox has to it, and the rule that decides.",
                "  leash explain\n"
                "  leash explain --strict --json\n"
                "  leash explain --readable ~/data ~/.ssh/id_ed25519\n"
                "  leash explain --platform macos             # the profile for sandbox-exec\n"},
    CommandInfo{CommandId::kDoctor, "doctor", "[OPTIONS]", "show what this machine can enforce",
                "Exit status 0 when every required mechanism is available, 1 otherwise.",
                "  leash doctor\n"
                "  leash doctor --json\n"},
    CommandInfo{CommandId::kSelftest, "selftest", "[OPTIONS] [-- LAUNCHER [ARGS...]]",
                "try the ways out of a sandbox, and show which are stopped",
                "Tries more than a hundred acts: first without a sandbox, to see that they work,\n"
                "then in one of each mechanism that this machine has. With LAUNCHER, in the\n"
                "sandbox that its command line makes: the probe's command is appended to it, and\n"
                "{workdir}, {home}, {root} and {probe} in it are replaced. Exit status 0 when all\n"
                "that applies is stopped, 1 otherwise, 125 when nothing could be tried.",
                "  leash selftest\n"
                "  leash selftest --only Network --verbose    # with what each probe says\n"
                "  leash selftest -- bwrap --ro-bind / / --dev /dev --proc /proc --unshare-all \\\n"
                "      --bind {workdir} {workdir}\n"},
    CommandInfo{CommandId::kCompletion, "completion", "bash|zsh|fish", "print a completion script for a shell", "",
                "  leash completion bash > ~/.local/share/bash-completion/completions/leash\n"
                "  leash completion zsh > ~/.zfunc/_leash\n"
                "  leash completion fish > ~/.config/fish/completions/leash.fish\n"},
    CommandInfo{CommandId::kHelp, "help", "[COMMAND]", "show help about a command", "", "  leash help run\n"},
};

constexpr std::array kOptions = {
    Option{OptionId::kIsolation, "isolation", 0, "", Takes::kValue, "TIER", Offer::kWords, "strict default permissive",
           "Isolation", "strict, default or permissive", kSandbox | kOnSelftest},
    Option{OptionId::kStrict, "strict", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Isolation",
           "short for --isolation strict", kSandbox},
    Option{OptionId::kPermissive, "permissive", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Isolation",
           "short for --isolation permissive", kSandbox},
    Option{OptionId::kNamespaces, "namespaces", 0, "", Takes::kValue, "USE", Offer::kWords, "auto require off",
           "Isolation", "auto (the default: where the machine allows them), require or off", kSandbox | kOnSelftest},
    Option{OptionId::kAcceptDegraded, "unsafe-accept-degraded-kernel", 0, "", Takes::kNothing, "", Offer::kNothing, "",
           "Isolation", "run on a kernel that cannot refuse signals to outside processes", kSandbox},

    Option{OptionId::kNetwork, "network", 0, "", Takes::kValue, "MODE", Offer::kWords, "deny allow allow-list",
           "Network", "deny (the default), allow or allow-list", kSandbox},
    Option{OptionId::kAllowDomain, "allow-domain", 0, "", Takes::kValue, "DOMAIN", Offer::kNothing, "", "Network",
           "with allow-list: a host, *.host, an address, with an optional :port; repeatable", kSandbox},
    Option{OptionId::kAllowAddress, "allow-address", 0, "", Takes::kValue, "ADDRESS", Offer::kNothing, "", "Network",
           "a private address, or a network of them, that an allowed host may lead to; repeatable", kSandbox},
    Option{OptionId::kNameServer, "name-server", 0, "", Takes::kValue, "ADDRESS", Offer::kNothing, "", "Network",
           "asked for the addresses of allowed hosts, in place of the machine's; repeatable", kSandbox},
    Option{OptionId::kUpstreamProxy, "upstream-proxy", 0, "", Takes::kValue, "URL", Offer::kWords, "environment none",
           "Network", "the proxy that leash itself uses: a URL, none or environment (the default: HTTPS_PROXY, ...)",
           kSandbox},
    Option{OptionId::kResolveLocally, "resolve-locally", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Network",
           "give an upstream proxy only names that resolve here too", kSandbox},
    Option{OptionId::kListen, "listen", 0, "", Takes::kValue, "PORT[:INSIDE]", Offer::kNothing, "", "Network",
           "lead a port of this machine's loopback to a server inside; repeatable", kSandbox},

    Option{OptionId::kReadable, "readable", 0, "", Takes::kValue, "PATH", Offer::kFile, "", "Files",
           "may be read; repeatable, as all of this group", kSandbox},
    Option{OptionId::kWritable, "writable", 0, "", Takes::kValue, "PATH", Offer::kFile, "", "Files",
           "may be read and written", kSandbox},
    Option{OptionId::kExecutable, "executable", 0, "", Takes::kValue, "PATH", Offer::kFile, "", "Files",
           "may be read and executed", kSandbox},
    Option{OptionId::kGrant, "grant", 0, "", Takes::kValue, "MODE:PATH", Offer::kNothing, "", "Files",
           "MODE is r, rw, rx or rwx", kSandbox},
    Option{OptionId::kDeny, "deny", 0, "", Takes::kValue, "PATH", Offer::kFile, "", "Files",
           "closed, whatever is granted above it", kSandbox},

    Option{OptionId::kWorkdir, "workdir", 0, "working-dir", Takes::kValue, "DIR", Offer::kDirectory, "",
           "Working directory", "start in DIR, which may be written", kSandbox},
    Option{OptionId::kKeep, "keep", 0, "keep-working-dir", Takes::kNothing, "", Offer::kNothing, "",
           "Working directory", "keep the private directory and print its path at the end", kSandbox},

    Option{OptionId::kTty, "tty", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Terminal",
           "give the program a terminal of its own", kOnRun | kOnPython},

    Option{OptionId::kVenv, "venv", 0, "", Takes::kValue, "DIR", Offer::kDirectory, "", "Python",
           "use the virtual environment DIR, and make it if it is not there", kPythonOptions},
    Option{OptionId::kPython, "python", 0, "", Takes::kValue, "INTERPRETER", Offer::kFile, "", "Python",
           "a name in PATH or a path; what a new environment is made with", kPythonOptions},
    Option{OptionId::kPackage, "package", 'p', "", Takes::kValue, "SPEC", Offer::kNothing, "", "Python",
           "install it if it is missing; without --venv into .leash-venv; repeatable", kPythonOptions},
    Option{OptionId::kRequirements, "requirements", 'r', "", Takes::kValue, "FILE", Offer::kFile, "", "Python",
           "install what is missing of a file of requirements; repeatable", kPythonOptions},
    Option{OptionId::kSystemSitePackages, "system-site-packages", 0, "", Takes::kMaybeBool, "BOOL", Offer::kWords,
           "true false", "Python", "a new environment sees the interpreter's own packages", kPythonOptions},
    Option{OptionId::kNoSystemSitePackages, "no-system-site-packages", 0, "", Takes::kNothing, "", Offer::kNothing, "",
           "", "it does not (the default)", kPythonOptions},
    Option{OptionId::kUseUv, "use-uv", 0, "", Takes::kMaybeBool, "BOOL", Offer::kWords, "true false", "Python",
           "insist on uv, or with =false on venv and pip (default: uv if it is in PATH)", kPythonOptions},
    Option{OptionId::kNoUseUv, "no-use-uv", 0, "", Takes::kNothing, "", Offer::kNothing, "", "",
           "use venv and pip even if uv is there", kPythonOptions},
    Option{OptionId::kAllowPipInstall, "allow-pip-install", 0, "", Takes::kMaybeBool, "BOOL", Offer::kWords,
           "true false", "Python", "programs may write the environment, so that pip works inside", kPythonOptions},
    Option{OptionId::kNoAllowPipInstall, "no-allow-pip-install", 0, "", Takes::kNothing, "", Offer::kNothing, "", "",
           "they may not (the default)", kPythonOptions},
    Option{OptionId::kAllowSdist, "allow-sdist", 0, "", Takes::kMaybeBool, "BOOL", Offer::kWords, "true false",
           "Python", "build packages that have no wheel: their code runs while installing", kPythonOptions},
    Option{OptionId::kNoAllowSdist, "no-allow-sdist", 0, "", Takes::kNothing, "", Offer::kNothing, "", "",
           "install wheels only (the default)", kPythonOptions},
    Option{OptionId::kIndexUrl, "index-url", 0, "", Takes::kValue, "URL", Offer::kNothing, "", "Python",
           "a package index; the first is in place of PyPI; repeatable", kPythonOptions},
    Option{OptionId::kPackageHost, "package-host", 0, "", Takes::kValue, "DOMAIN", Offer::kNothing, "", "Python",
           "a host that an index has its files on; repeatable", kPythonOptions},
    Option{OptionId::kFindLinks, "find-links", 0, "", Takes::kValue, "DIR", Offer::kDirectory, "", "Python",
           "a directory with files of packages; repeatable", kPythonOptions},
    Option{OptionId::kNoIndex, "no-index", 0, "", Takes::kMaybeBool, "BOOL", Offer::kWords, "true false", "Python",
           "ask no index, and have no network to install", kPythonOptions},

    Option{OptionId::kEnv, "env", 'e', "", Takes::kValue, "KEY=VALUE", Offer::kNothing, "", "Environment",
           "set a variable; repeatable", kSandbox},
    Option{OptionId::kEnvPassthrough, "env-passthrough", 0, "", Takes::kValue, "NAME", Offer::kVariable, "",
           "Environment", "hand on a variable, if it is set; repeatable", kSandbox},

    Option{OptionId::kTimeout, "timeout", 0, "", Takes::kValue, "DURATION", Offer::kNothing, "", "Limits",
           "end the program and its descendants after this time (exit status 124)", kSandbox},
    Option{OptionId::kMaxCpuTime, "max-cpu-time", 0, "", Takes::kValue, "DURATION", Offer::kNothing, "", "Limits",
           "processor time of each process", kSandbox},
    Option{OptionId::kMaxMemory, "max-memory", 0, "", Takes::kValue, "SIZE", Offer::kNothing, "", "Limits",
           "memory of the whole sandbox; without a control group, of each process", kSandbox},
    Option{OptionId::kMaxFileSize, "max-file-size", 0, "", Takes::kValue, "SIZE", Offer::kNothing, "", "Limits",
           "largest file that may be written", kSandbox},
    Option{OptionId::kMaxProcesses, "max-processes", 0, "", Takes::kValue, "N", Offer::kNothing, "", "Limits",
           "processes and threads of the whole sandbox", kSandbox},
    Option{OptionId::kMaxOpenFiles, "max-open-files", 0, "", Takes::kValue, "N", Offer::kNothing, "", "Limits",
           "open descriptors of each process", kSandbox},
    Option{OptionId::kBestEffortLimits, "best-effort-limits", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Limits",
           "leave out limits that this machine cannot hold, instead of not running", kSandbox},

    Option{OptionId::kConfig, "config", 'c', "", Takes::kValue, "FILE", Offer::kFile, "", "Configuration",
           "read FILE instead of the nearest leash.toml", kSandbox & ~kOnPython},
    // There -c is Python's.
    Option{OptionId::kConfig, "config", 0, "", Takes::kValue, "FILE", Offer::kFile, "", "Configuration",
           "read FILE instead of the nearest leash.toml", kOnPython},
    Option{OptionId::kNoConfig, "no-config", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Configuration",
           "read no configuration file", kSandbox},

    Option{OptionId::kOnly, "only", 0, "", Takes::kValue, "PATTERN", Offer::kNothing, "", "Probes",
           "try the probes whose name, theme or words hold PATTERN; repeatable", kOnSelftest},
    Option{OptionId::kList, "list", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Probes",
           "list the probes and try none", kOnSelftest},
    Option{OptionId::kDirectory, "directory", 0, "", Takes::kValue, "DIR", Offer::kDirectory, "", "Probes",
           "where the files to be protected are made (default: /var/tmp)", kOnSelftest},

    Option{OptionId::kReport, "report", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Output",
           "say on stderr at the end what was refused, and what would allow it", kOnRun | kOnShell | kOnPython},
    Option{OptionId::kAuditLog, "audit-log", 0, "", Takes::kValue, "FILE", Offer::kFile, "", "Output",
           "append each decision about the network to FILE, as a line of JSON", kSandbox},
    Option{OptionId::kReportFile, "report-file", 0, "", Takes::kValue, "FILE", Offer::kFile, "", "Output",
           "write that to FILE, as JSON", kOnRun | kOnShell | kOnPython},
    Option{OptionId::kPlatform, "platform", 0, "", Takes::kValue, "SYSTEM", Offer::kWords, "macos", "Output",
           "show what another system's sandbox would be told; macos", kOnExplain},
    Option{OptionId::kJson, "json", 0, "", Takes::kNothing, "", Offer::kNothing, "", "Output", "print JSON",
           kOnExplain | kOnDoctor | kOnSelftest},
    Option{OptionId::kVerbose, "verbose", 'v', "", Takes::kNothing, "", Offer::kNothing, "", "General",
           "say on stderr what leash does; -vv for more", kEverywhere},
    Option{OptionId::kHelp, "help", 'h', "", Takes::kNothing, "", Offer::kNothing, "", "General", "show this help",
           kEverywhere},
    Option{OptionId::kVersion, "version", 0, "", Takes::kNothing, "", Offer::kNothing, "", "General",
           "show the version", kOnTop},
};

// The toggles' options stand after the group "Files".
std::vector<Option> WithToggles() {
  std::vector<Option> options;
  for (const Option& option : kOptions) {
    if (option.id == OptionId::kWorkdir) {
      for (const Toggle& toggle : Toggles()) {
        const std::string_view group = toggle.protects ? "Protections" : "Hardware and terminal";
        options.push_back({OptionId::kToggle, toggle.name, 0, "", Takes::kMaybeBool, "BOOL", Offer::kWords,
                           "true false", group, toggle.help, kSandbox, &toggle});
        options.push_back({OptionId::kNoToggle, toggle.negative, 0, "", Takes::kNothing, "", Offer::kNothing, "", "",
                           toggle.help, kSandbox, &toggle});
      }
    }
    options.push_back(option);
  }
  return options;
}

}  // namespace

std::span<const CommandInfo> Commands() { return kCommands; }

const CommandInfo* FindCommand(std::string_view name) {
  for (const CommandInfo& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

unsigned WhereOf(CommandId command) {
  switch (command) {
    case CommandId::kRun:
      return kOnRun;
    case CommandId::kShell:
      return kOnShell;
    case CommandId::kPython:
      return kOnPython;
    case CommandId::kExplain:
      return kOnExplain;
    case CommandId::kDoctor:
      return kOnDoctor;
    case CommandId::kSelftest:
      return kOnSelftest;
    case CommandId::kCompletion:
    case CommandId::kHelp:
      break;
  }
  return kOnOthers;
}

bool EndsAtWord(CommandId command) {
  return command == CommandId::kRun || command == CommandId::kShell || command == CommandId::kPython ||
         command == CommandId::kSelftest;
}

std::span<const Option> Options() {
  static const std::vector<Option> options = WithToggles();
  return options;
}

}  // namespace leash::cli
