#include "platform/macos/mac.h"

#include "core/planner.h"
#include "platform/macos/profile.h"

namespace leash::testing {

Mac::Mac() {
  for (const core::TierPath& row : platform::macos::Profile().strict) disk_.AddDirectory(std::string(row.path));
  for (const core::TierPath& row : platform::macos::Profile().open) disk_.AddDirectory(std::string(row.path));
  disk_.AddLink("/etc", "/private/etc");
  disk_.AddLink("/tmp", "/private/tmp");
  disk_.AddLink("/var", "/private/var");
  for (const char* directory :
       {"/usr/bin", "/usr/lib", "/System/Library/Frameworks", "/Users/bob", "/Users/ann/.ssh", "/Users/ann/.aws",
        "/Users/ann/.config/gh", "/Users/ann/Documents", "/Users/ann/Desktop", "/Users/ann/Library/Keychains",
        "/Users/ann/Library/Safari", "/Users/ann/project/src", "/Users/ann/project/.git/hooks", "/Users/ann/data/deep",
        "/opt/homebrew/bin", "/private/tmp/leash-0123/work", "/private/tmp/leash-4567/work", "/private/var/root",
        "/Volumes/stick"}) {
    disk_.AddDirectory(directory);
  }
  for (const char* file :
       {"/usr/bin/true", "/Users/ann/.ssh/id_ed25519", "/Users/ann/.aws/credentials", "/Users/ann/.zsh_history",
        "/Users/ann/.netrc", "/Users/ann/notes.txt", "/Users/ann/project/src/main.c", "/Users/ann/project/.git/config",
        "/Users/ann/project/.git/hooks/pre-commit", "/Users/ann/project/.zshrc", "/Users/ann/data/deep/file",
        "/private/etc/hosts", "/private/etc/sudoers", "/private/etc/master.passwd",
        "/Users/ann/Library/Keychains/login.keychain-db", "/private/tmp/leash-4567/work/theirs"}) {
    disk_.AddFile(file);
  }
  disk_.AddDevice("/dev/tty");
}

absl::StatusOr<core::Plan> Mac::Plan(const SandboxConfig& config, bool network_denied) const {
  core::HostFacts host;
  host.files = &disk_;
  host.profile = &platform::macos::Profile();
  host.home = kHome;
  host.current_dir = kProject;
  host.scratch_dir = kScratch;
  return core::MakePlan(config, network_denied, host);
}

SandboxConfig InProject() {
  SandboxConfig config;
  config.working_dir = kProject;
  return config;
}

}  // namespace leash::testing
