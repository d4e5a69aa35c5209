// Every command and every option, once. Parsing, help texts and completion scripts are made from this table.
#pragma once

#include <span>
#include <string_view>

#include "layer.h"

namespace leash::cli {

enum class CommandId { kRun, kShell, kPython, kExplain, kDoctor, kSelftest, kCompletion, kHelp };

struct CommandInfo {
  CommandId id;
  std::string_view name;
  std::string_view usage;     // after "leash NAME"
  std::string_view summary;   // one line
  std::string_view notes;     // what the options do not say; may be empty
  std::string_view examples;  // indented lines
};
std::span<const CommandInfo> Commands();
const CommandInfo* FindCommand(std::string_view name);

// Which commands take an option.
enum Where : unsigned {
  kOnTop = 1,
  kOnRun = 2,
  kOnExplain = 4,
  kOnDoctor = 8,
  kOnOthers = 16,
  kOnShell = 32,
  kOnSelftest = 64,
  kOnPython = 128,
};
unsigned WhereOf(CommandId command);
// Whether options end at the first word that is none, because that word and what follows are for another program.
bool EndsAtWord(CommandId command);

enum class OptionId {
  kIsolation,
  kStrict,
  kPermissive,
  kNetwork,
  kAllowDomain,
  kAllowAddress,
  kNameServer,
  kUpstreamProxy,
  kResolveLocally,
  kListen,
  kReadable,
  kWritable,
  kExecutable,
  kGrant,
  kDeny,
  kToggle,
  kNoToggle,
  kMaxMemory,
  kMaxCpuTime,
  kMaxFileSize,
  kMaxProcesses,
  kMaxOpenFiles,
  kTimeout,
  kBestEffortLimits,
  kWorkdir,
  kKeep,
  kEnv,
  kEnvPassthrough,
  kConfig,
  kNoConfig,
  kNamespaces,
  kTty,
  kVenv,
  kPython,
  kPackage,
  kRequirements,
  kSystemSitePackages,
  kNoSystemSitePackages,
  kUseUv,
  kNoUseUv,
  kAllowPipInstall,
  kNoAllowPipInstall,
  kAllowSdist,
  kNoAllowSdist,
  kIndexUrl,
  kPackageHost,
  kFindLinks,
  kNoIndex,
  kReport,
  kReportFile,
  kAuditLog,
  kAcceptDegraded,
  kOnly,
  kList,
  kDirectory,
  kPlatform,
  kJson,
  kVerbose,
  kHelp,
  kVersion,
};

enum class Takes {
  kNothing,
  kValue,     // --name VALUE or --name=VALUE
  kMaybeBool  // --name or --name=BOOL
};

// What a shell may offer as the value.
enum class Offer { kNothing, kFile, kDirectory, kVariable, kWords };

struct Option {
  OptionId id;
  std::string_view name;   // without dashes
  char letter;             // its short form; 0: none
  std::string_view alias;  // a second name, accepted and not advertised; may be empty
  Takes takes;
  std::string_view value;  // placeholder in help
  Offer offer;
  std::string_view words;  // for Offer::kWords, separated by spaces
  std::string_view group;  // heading in help; empty: not listed
  std::string_view help;
  unsigned where;
  const Toggle* toggle = nullptr;
};

// In the order of the help text.
std::span<const Option> Options();

}  // namespace leash::cli
