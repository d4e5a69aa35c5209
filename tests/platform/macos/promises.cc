#include "platform/macos/promises.h"

#include <initializer_list>
#include <utility>

#include "fmt/format.h"
#include "platform/macos/mac.h"

namespace leash::testing {
namespace {

using sbpl::Endpoint;
using sbpl::FileKind;
using sbpl::Protocol;
using sbpl::Question;
using sbpl::Target;

class Collector {
 public:
  void Files(bool allowed, std::initializer_list<const char*> operations, std::initializer_list<const char*> paths) {
    for (const char* operation : operations) {
      for (const char* path : paths) Add(allowed, {.operation = operation, .path = path}, path);
    }
  }
  // Of the program's own making, or one that was there.
  void Terminal(bool own, const char* operation) {
    Question question = {.operation = operation, .path = "/dev/ttys003", .kind = FileKind::kTerminal};
    if (own) question.extension = "com.apple.sandbox.pty";
    Add(own, std::move(question), own ? "its own terminal" : "another terminal");
  }
  void Names(bool allowed, const char* operation, std::initializer_list<const char*> names) {
    for (const char* name : names) Add(allowed, {.operation = operation, .name = name}, name);
  }
  void Targets(bool allowed, const char* operation, std::initializer_list<Target> targets) {
    for (const Target target : targets) Add(allowed, {.operation = operation, .target = target}, "a process");
  }
  void Remote(bool allowed, const Endpoint& to) {
    Add(allowed, {.operation = "network-outbound", .remote = to}, to.path.empty() ? to.host : to.path);
  }
  void Local(bool allowed, const char* operation, const Endpoint& at) {
    Add(allowed, {.operation = operation, .local = at}, at.path.empty() ? at.host : at.path);
  }
  void Plain(bool allowed, std::initializer_list<const char*> operations) {
    for (const char* operation : operations) Add(allowed, {.operation = operation}, "anything");
  }
  std::vector<Promise> Take() { return std::move(promises_); }

 private:
  void Add(bool allowed, Question question, std::string_view about) {
    promises_.push_back({fmt::format("{} {}", question.operation, about), std::move(question), allowed});
  }
  std::vector<Promise> promises_;
};

void AddFiles(Collector& all) {
  all.Files(true, {"file-read-data", "file-read-metadata", "file-map-executable", "file-test-existence"},
            {"/usr/lib/libc.dylib", "/System/Library/Frameworks/x", "/Users/ann/project/src/main.c",
             "/private/etc/hosts", "/private/tmp/leash-0123/work/x"});
  all.Files(true, {"file-write-data", "file-write-create", "file-write-unlink", "file-write-mode"},
            {"/Users/ann/project/src/main.c", "/Users/ann/project/new", "/private/tmp/leash-0123/work/x"});
  all.Files(true, {"file-read-data", "file-write-data"}, {"/dev/null", "/dev/zero"});
  all.Files(true, {"process-exec"}, {"/usr/bin/true", "/bin/sh", "/opt/homebrew/bin/git"});
  // What it must pass to get there, and no more of it.
  all.Files(true, {"file-read-metadata"}, {"/Users", "/Users/ann", "/private", "/private/tmp"});
  all.Files(false, {"file-read-data", "file-write-data", "file-write-create"},
            {"/Users/ann", "/Users", "/private/tmp", "/Users/ann/notes.txt", "/Users/bob/x", "/private/var/root/x"});

  all.Files(false, {"file-read-data", "file-read-metadata", "file-write-data", "file-map-executable", "file-link"},
            {"/Users/ann/.ssh/id_ed25519", "/Users/ann/.aws/credentials", "/Users/ann/.zsh_history",
             "/Users/ann/.netrc", "/Users/ann/Library/Keychains/login.keychain-db", "/Users/ann/Library/Safari/x",
             "/private/etc/sudoers", "/private/etc/master.passwd", "/private/var/db/dslocal/x", "/Volumes/stick/x",
             "/System/Volumes/Data/Users/ann/.ssh/id_ed25519", "/.vol/1/2", "/private/tmp/theirs",
             "/private/tmp/leash-4567/work/theirs", "/private/var/log/x", "/cores/x"});
  all.Files(false, {"file-write-data", "file-write-create", "file-write-unlink", "file-write-mode", "file-link"},
            {"/usr/bin/true", "/usr/local/bin/x", "/Applications/x", "/private/etc/hosts", "/System/x", "/x",
             "/Users/ann/Library/LaunchAgents/x.plist", "/private/tmp/leash-0123/lock"});
  all.Files(false, {"process-exec"},
            {"/Users/ann/project/src/main.c", "/private/tmp/leash-0123/work/x", "/Users/ann/x", "/private/var/x"});
  all.Files(false, {"file-link", "file-clone", "file-write-setugid"},
            {"/Users/ann/project/src/main.c", "/private/tmp/leash-0123/work/x"});
  // Terminals: its own, and nobody else's.
  for (const char* operation : {"file-read-data", "file-write-data", "file-ioctl"}) {
    all.Terminal(true, operation);
    all.Terminal(false, operation);
  }
  // What the user's own tools run later: neither changed, nor made under another spelling, nor moved out of the way.
  all.Files(true, {"file-read-data"}, {"/Users/ann/project/.git/hooks/pre-commit", "/Users/ann/project/.git/config"});
  all.Files(
      true, {"file-write-create", "file-write-data"},
      {"/Users/ann/project/.git/index", "/Users/ann/project/.git/objects/ab/cd", "/Users/ann/project/.gitignore"});
  all.Files(false, {"file-write-data", "file-write-create", "file-write-unlink", "file-write-mode"},
            {"/Users/ann/project/.git/hooks/pre-commit", "/Users/ann/project/.git/config", "/Users/ann/project/.zshrc",
             "/Users/ann/project/.vscode/tasks.json", "/Users/ann/project/.VSCode/tasks.json",
             "/Users/ann/project/.Git/HOOKS/pre-commit", "/Users/ann/project/.mcp.json"});
  all.Files(false, {"file-write-unlink"}, {"/Users/ann/project/.git", "/Users/ann/project"});
}

void AddOthers(Collector& all) {
  all.Targets(true, "signal", {Target::kSelf, Target::kChild, Target::kSameSandbox});
  all.Targets(true, "process-info-pidinfo", {Target::kSelf, Target::kSameSandbox});
  all.Targets(false, "signal", {Target::kOther, Target::kProcessGroup});
  all.Targets(false, "process-info-pidinfo", {Target::kOther});
  all.Plain(true, {"process-fork", "pseudo-tty"});
  all.Plain(false, {"system-socket", "nvram-set", "system-privilege", "job-creation", "lsopen", "appleevent-send",
                    "hid-control"});
  all.Names(false, "distributed-notification-post", {"org.example.changed"});
  all.Names(false, "iokit-get-properties", {"IOPlatformSerialNumber"});

  all.Names(true, "mach-lookup", {"com.apple.trustd", "com.apple.system.opendirectoryd.libinfo"});
  all.Names(false, "mach-lookup",
            {"com.apple.SecurityServer", "com.apple.secd", "com.apple.pasteboard.1", "com.apple.windowserver.active",
             "com.apple.coreservices.launchservicesd", "com.apple.tccd", "com.apple.cfprefsd.agent",
             "com.apple.distributed_notifications@Uv3", "com.apple.MTLCompilerService", "com.apple.audio.audiohald"});
  all.Names(false, "mach-register", {"org.example.service"});
  all.Names(false, "iokit-open-user-client", {"AGXDeviceUserClient", "IOUSBDeviceUserClientV2"});
  all.Names(true, "sysctl-read", {"hw.ncpu", "kern.osrelease", "machdep.cpu.brand_string"});
  all.Names(false, "sysctl-read", {"kern.procargs2.1", "kern.proc.all", "net.inet.tcp.pcblist"});
  all.Names(false, "sysctl-write", {"kern.hostname", "hw.ncpu"});
  all.Names(true, "ipc-posix-sem-create", {"/mp-abc"});
  all.Names(false, "ipc-posix-sem-open", {"/theirs"});
  all.Names(false, "ipc-posix-shm-write-data", {"/theirs", "apple.shm.notification_center"});
}

void AddNetwork(Collector& all) {
  for (const char* host : {"192.0.2.1", "127.0.0.1", "localhost", "::1"}) {
    for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp}) {
      for (const std::uint16_t port : {std::uint16_t{22}, std::uint16_t{53}, std::uint16_t{443}, std::uint16_t{3128}}) {
        all.Remote(false, {.protocol = protocol, .host = host, .port = port});
        all.Local(false, "network-bind", {.protocol = protocol, .host = host, .port = port});
        all.Local(false, "network-inbound", {.protocol = protocol, .host = host, .port = port});
      }
    }
  }
  const auto socket = [](const char* path) { return Endpoint{.protocol = Protocol::kUnix, .path = path}; };
  all.Remote(true, socket("/private/tmp/leash-0123/work/own"));
  all.Local(true, "network-bind", socket("/private/tmp/leash-0123/work/own"));
  for (const char* path : {"/private/var/run/mDNSResponder", "/private/var/run/docker.sock",
                           "/private/tmp/com.apple.launchd.x/Listeners", "/Users/ann/project/theirs"}) {
    all.Remote(false, socket(path));
  }
}

}  // namespace

std::vector<Promise> Promises() {
  Collector all;
  AddFiles(all);
  AddOthers(all);
  AddNetwork(all);
  return all.Take();
}

std::vector<std::string> Broken(const sbpl::Profile& profile, const std::vector<Promise>& promises) {
  std::vector<std::string> broken;
  for (const Promise& promise : promises) {
    const sbpl::Answer answer = profile.Ask(promise.question);
    if (answer.allowed != promise.allowed) {
      broken.push_back(fmt::format("{}: {} by line {} {}", promise.name, answer.allowed ? "allowed" : "refused",
                                   answer.line, answer.rule));
    } else if (!answer.doubt.empty()) {
      broken.push_back(fmt::format("{}: {}", promise.name, answer.doubt));
    }
  }
  return broken;
}

}  // namespace leash::testing
