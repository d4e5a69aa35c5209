// The operations of sandbox profiles as a tree, and which kinds of filters each takes.
//
// From the tables in the sandbox compiler of macOS 10.14 and the profiles that macOS 26 ships. Where names suggest more
// than the tables say, the tables win: file-link, file-clone, file-map-executable and file-test-existence are not below
// file*, nor is process-info* below process*; and (deny default) does not cover those. Operations that later systems
// added (syscall*, mach-bootstrap, ...) and that no profile of ours names are left out, so naming one is an error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace leash::testing::sbpl {

// What a filter looks at. An operation takes several.
enum Argument : std::uint32_t {
  kNothing = 0,
  kPath = 1 << 0,
  kVnode = 1 << 1,
  kMachName = 1 << 2,
  kIokit = 1 << 3,
  kSysctl = 1 << 4,
  kPosixIpc = 1 << 5,
  kNetwork = 1 << 6,
  kSocket = 1 << 7,
  kTarget = 1 << 8,
  kControlName = 1 << 9,
  kPreference = 1 << 10,
  kNotification = 1 << 11,
  kInfoType = 1 << 12,
  kAnything = 1 << 13,  // of every operation: who asks, and which extensions it holds
};

// What holds when no rule is about an operation.
enum class Otherwise {
  kAsDefault,
  kAllowed,  // even under (deny default)
  kDenied,   // even under (allow default)
};

struct Operation {
  std::string_view name;
  std::string_view parent;  // empty: none
  std::uint32_t arguments = kNothing;
  Otherwise otherwise = Otherwise::kAsDefault;

  // file-read* stands for what is below it and is never what the kernel asks.
  bool IsWildcard() const { return name.ends_with('*'); }
};

const std::vector<Operation>& Operations();

// nullptr: unknown. Old names (ipc-posix-shm) give the wildcard that they stand for.
const Operation* FindOperation(std::string_view name);

const Operation* Parent(const Operation& operation);

// Whether `operation` is `ancestor` or below it.
bool IsCovered(const Operation& operation, const Operation& ancestor);

}  // namespace leash::testing::sbpl
