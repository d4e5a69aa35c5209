// The host's commands as programs: a directory in which each has its name, and all are one.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "leash/ipc_router.h"

namespace leash::core {

// Removes what it made when it goes, as far as it can.
class CommandNames {
 public:
  // Makes `directory` (0500), leash-ipc in it, and a symbolic link to that for each command. Errors: kIo; kUnsupported
  // where the directory's file system executes nothing.
  static absl::StatusOr<CommandNames> Make(const std::string& directory, const IpcRouter& router);

  CommandNames() = default;
  CommandNames(CommandNames&&) noexcept = default;
  CommandNames& operator=(CommandNames&& other) noexcept;
  ~CommandNames();

 private:
  std::string directory_;
};

}  // namespace leash::core
