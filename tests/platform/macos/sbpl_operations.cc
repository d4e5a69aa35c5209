#include "sbpl_operations.h"

#include <algorithm>
#include <array>
#include <utility>

namespace leash::testing::sbpl {
namespace {

constexpr std::uint32_t kFile = kPath | kVnode;
constexpr std::uint32_t kConnection = kNetwork | kSocket | kPath | kVnode;
constexpr Otherwise kAllowed = Otherwise::kAllowed;
constexpr Otherwise kDenied = Otherwise::kDenied;

// Names that mean a wildcard without saying so.
constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kOldNames = {{
    {"ipc-posix-sem", "ipc-posix-sem*"},
    {"ipc-posix-shm", "ipc-posix-shm*"},
}};

}  // namespace

const std::vector<Operation>& Operations() {
  static const std::vector<Operation> operations = {
      {"appleevent-send", ""},
      {"authorization-right-obtain", ""},
      {"boot-arg-set", ""},
      {"darwin-notification-post", "", kNotification, kAllowed},
      {"device*", ""},
      {"device-camera", "device*"},
      {"device-microphone", "device*"},
      {"distributed-notification-post", "", kNotification},
      {"dynamic-code-generation", "", kNothing, kAllowed},

      {"file*", "", kFile},
      {"file-chroot", "file*", kFile},
      {"file-ioctl", "file*", kFile},
      {"file-issue-extension*", "file*", kFile},
      {"file-issue-extension", "file-issue-extension*", kFile},
      {"file-mknod", "file*", kFile},
      {"file-mount", "file*", kFile},
      {"file-mount-update", "file-mount", kFile},
      {"file-read*", "file*", kFile},
      {"file-read-data", "file-read*", kFile},
      {"file-read-metadata", "file-read*", kFile},
      {"file-read-xattr", "file-read*", kFile},
      {"file-revoke", "file*", kFile},
      {"file-search", "file*", kFile},
      {"file-unmount", "file*", kFile},
      {"file-write*", "file*", kFile},
      {"file-write-acl", "file-write*", kFile},
      {"file-write-create", "file-write*", kFile},
      {"file-write-data", "file-write*", kFile},
      {"file-write-flags", "file-write*", kFile},
      {"file-write-mode", "file-write*", kFile},
      {"file-write-owner", "file-write*", kFile},
      {"file-write-times", "file-write*", kFile},
      {"file-write-unlink", "file-write*", kFile},
      {"file-write-xattr", "file-write*", kFile},
      {"file-clone", "", kFile, kAllowed},
      {"file-link", "", kFile, kAllowed},
      {"file-map-executable", "", kFile, kAllowed},
      {"file-test-existence", "", kFile, kAllowed},
      {"file-write-setugid", "", kFile, kDenied},

      {"fs-rename", "", kFile},
      {"fs-snapshot*", "", kPath},
      {"fs-snapshot-create", "fs-snapshot*", kPath},
      {"fs-snapshot-delete", "fs-snapshot*", kPath},
      {"fs-snapshot-revert", "fs-snapshot*", kPath},
      {"generic-issue-extension", ""},
      {"hid-control", ""},

      {"iokit*", ""},
      {"iokit-issue-extension", "iokit*"},
      {"iokit-open*", "iokit*", kIokit},
      {"iokit-open", "iokit-open*", kIokit},
      {"iokit-open-service", "iokit-open*", kIokit},
      {"iokit-open-user-client", "iokit-open*", kIokit},
      {"iokit-set-properties", "iokit*", kIokit},
      {"iokit-get-properties", "", kIokit, kAllowed},

      {"ipc*", ""},
      {"ipc-posix*", "ipc*", kPosixIpc},
      {"ipc-posix-issue-extension", "ipc-posix*", kPosixIpc},
      {"ipc-posix-sem*", "ipc-posix*", kPosixIpc},
      {"ipc-posix-sem-create", "ipc-posix-sem*", kPosixIpc},
      {"ipc-posix-sem-open", "ipc-posix-sem*", kPosixIpc},
      {"ipc-posix-sem-post", "ipc-posix-sem*", kPosixIpc},
      {"ipc-posix-sem-unlink", "ipc-posix-sem*", kPosixIpc},
      {"ipc-posix-sem-wait", "ipc-posix-sem*", kPosixIpc},
      {"ipc-posix-shm*", "ipc-posix*", kPosixIpc},
      {"ipc-posix-shm-read*", "ipc-posix-shm*", kPosixIpc},
      {"ipc-posix-shm-read-data", "ipc-posix-shm-read*", kPosixIpc},
      {"ipc-posix-shm-read-metadata", "ipc-posix-shm-read*", kPosixIpc},
      {"ipc-posix-shm-write*", "ipc-posix-shm*", kPosixIpc},
      {"ipc-posix-shm-write-create", "ipc-posix-shm-write*", kPosixIpc},
      {"ipc-posix-shm-write-data", "ipc-posix-shm-write*", kPosixIpc},
      {"ipc-posix-shm-write-unlink", "ipc-posix-shm-write*", kPosixIpc},
      {"ipc-sysv*", "ipc*"},
      {"ipc-sysv-msg", "ipc-sysv*"},
      {"ipc-sysv-sem", "ipc-sysv*"},
      {"ipc-sysv-shm", "ipc-sysv*"},

      {"job-creation", "", kNothing, kDenied},
      {"load-unsigned-code", "", kPath},
      {"lsopen", ""},

      {"mach*", ""},
      {"mach-host*", "mach*"},
      {"mach-host-exception-port-set", "mach-host*"},
      {"mach-host-special-port-set", "mach-host*"},
      {"mach-issue-extension", "mach*", kMachName},
      {"mach-lookup", "mach*", kMachName},
      {"mach-per-user-lookup", "mach*"},
      {"mach-priv*", "mach*"},
      {"mach-priv-host-port", "mach-priv*"},
      {"mach-priv-task-port", "mach-priv*", kTarget},
      {"mach-register", "mach*", kMachName},
      {"mach-task-name", "mach*", kTarget},
      {"mach-cross-domain-lookup", "", kMachName, kAllowed},

      {"network*", "", kConnection},
      {"network-inbound", "network*", kConnection},
      {"network-bind", "network-inbound", kConnection},
      {"network-outbound", "network*", kConnection | kControlName},

      {"nvram*", "", kNothing, kAllowed},
      {"nvram-delete", "nvram*"},
      {"nvram-get", "nvram*"},
      {"nvram-set", "nvram*"},

      {"process*", ""},
      {"process-codesigning-status*", "process*", kTarget},
      {"process-codesigning-status-get", "process-codesigning-status*", kTarget},
      {"process-codesigning-status-set", "process-codesigning-status*", kTarget},
      {"process-exec*", "process*", kPath},
      {"process-exec", "process-exec*", kPath},
      {"process-exec-interpreter", "process-exec*", kPath},
      {"process-fork", "process*"},
      {"process-info*", "", kTarget, kAllowed},
      {"process-info-dirtycontrol", "process-info*", kTarget},
      {"process-info-listpids", "process-info*", kTarget},
      {"process-info-pidfdinfo", "process-info*", kTarget},
      {"process-info-pidfileportinfo", "process-info*", kTarget},
      {"process-info-pidinfo", "process-info*", kTarget},
      {"process-info-rusage", "process-info*", kTarget},
      {"process-info-setcontrol", "process-info*", kTarget},
      // By the table beside process-info*, by its name below it: denied is only what names both.
      {"process-info-codesignature", "", kTarget, kAllowed},

      {"pseudo-tty", ""},
      {"qtn-user", ""},
      {"signal", "", kTarget},
      {"socket-ioctl", "", kSocket, kAllowed},
      {"sysctl*", "", kSysctl},
      {"sysctl-read", "sysctl*", kSysctl},
      {"sysctl-write", "sysctl*", kSysctl},

      {"system*", ""},
      {"system-acct", "system*"},
      {"system-audit", "system*"},
      {"system-automount", "system*"},
      {"system-debug", "system*"},
      {"system-fsctl", "system*"},
      {"system-info", "system*", kInfoType},
      {"system-kext*", "system*"},
      {"system-kext-load", "system-kext*"},
      {"system-kext-query", "system-kext*"},
      {"system-kext-unload", "system-kext*"},
      {"system-mac-label", "system*"},
      {"system-nfssvc", "system*"},
      {"system-package-check", "system*"},
      {"system-reboot", "system*"},
      {"system-sched", "system*", kTarget},
      {"system-set-time", "system*"},
      {"system-socket", "system*", kSocket | kControlName},
      {"system-suspend-resume", "system*"},
      {"system-swap", "system*"},
      {"system-privilege", "", kNothing, kAllowed},

      {"user-preference*", "", kPreference},
      {"user-preference-read", "user-preference*", kPreference},
      {"managed-preference-read", "user-preference-read", kPreference},
      {"user-preference-write", "user-preference*", kPreference},
  };
  return operations;
}

const Operation* FindOperation(std::string_view name) {
  for (const auto& [old_name, wildcard] : kOldNames) {
    if (name == old_name) name = wildcard;
  }
  const auto found = std::find_if(Operations().begin(), Operations().end(),
                                  [&](const Operation& operation) { return operation.name == name; });
  return found == Operations().end() ? nullptr : &*found;
}

const Operation* Parent(const Operation& operation) {
  return operation.parent.empty() ? nullptr : FindOperation(operation.parent);
}

bool IsCovered(const Operation& operation, const Operation& ancestor) {
  for (const Operation* step = &operation; step != nullptr; step = Parent(*step)) {
    if (step == &ancestor) return true;
  }
  return false;
}

}  // namespace leash::testing::sbpl
