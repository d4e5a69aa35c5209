#include "platform/macos/profile.h"

#include <vector>

#include "core/home_paths.h"

namespace leash::platform::macos {
namespace {

using core::DevicePath;
using core::ProtectedPath;
using core::TierPath;

constexpr Access kR = Access::kRead;
constexpr Access kRw = Access::kReadWrite;
constexpr Access kRx = Access::kReadExecute;
constexpr Access kNone = Access::kNone;

// What programs need to start and run, and nothing that says who the user is. /etc, /tmp and /var are links into
// /private, and the sandbox sees where they lead.
constexpr TierPath kStrict[] = {
    {"/usr", kRx, "system programs and libraries"},
    {"/bin", kRx, "system programs and libraries"},
    {"/sbin", kRx, "system programs and libraries"},
    {"/System", kRx, "system programs and libraries"},
    // Data is the whole disk once more, under another name.
    {"/System/Volumes", kNone, "the disk by another name"},
    {"/System/Volumes/Preboot/Cryptexes", kRx, "system programs and libraries"},
    {"/Library/Apple", kRx, "system programs and libraries"},
    {"/Library/Developer", kRx, "compilers and git"},
    {"/Library/Frameworks", kRx, "added software"},
    {"/Library/Java", kRx, "added software"},
    {"/Applications", kRx, "added software"},
    {"/opt", kRx, "added software"},
    {"/nix/store", kRx, "Nix"},

    // /private/etc holds secrets beside settings: file by file.
    {"/private/etc/passwd", kR, "names of users"},
    {"/private/etc/group", kR, "names of groups"},
    {"/private/etc/hosts", kR, "name lookup"},
    {"/private/etc/services", kR, "name lookup"},
    {"/private/etc/protocols", kR, "name lookup"},
    {"/private/etc/resolv.conf", kR, "name lookup"},
    {"/private/var/run/resolv.conf", kR, "name lookup"},
    {"/private/etc/localtime", kR, "time zone"},
    {"/private/var/db/timezone", kR, "time zone"},
    {"/private/etc/ssl/cert.pem", kR, "certificate authorities"},
    {"/private/etc/ssl/certs", kR, "certificate authorities"},
    {"/private/etc/ssl/openssl.cnf", kR, "TLS settings"},
    {"/private/etc/bashrc", kR, "shell settings"},
    {"/private/etc/profile", kR, "shell settings"},
    {"/private/etc/zshenv", kR, "shell settings"},
    {"/private/etc/zprofile", kR, "shell settings"},
    {"/private/etc/zshrc", kR, "shell settings"},
    {"/private/etc/shells", kR, "shell settings"},
    {"/private/etc/paths", kR, "shell settings"},
    {"/private/etc/paths.d", kR, "shell settings"},
    {"/private/etc/manpaths", kR, "shell settings"},
    {"/private/etc/gitconfig", kR, "git's system settings"},
    {"/private/var/select", kR, "links to system programs"},
    {"/private/var/db/xcode_select_link", kR, "links to system programs"},
    {"/private/var/db/dyld", kR, "loader"},

    {"/dev/null", kRw, "device"},
    {"/dev/zero", kRw, "device"},
    {"/dev/random", kRw, "device"},
    {"/dev/urandom", kRw, "device"},
    {"/dev/dtracehelper", kRw, "device", true},
    {"/dev/ptmx", kRw, "terminals of its own", true},
    {"/dev/fd", kR, "its own descriptors"},
};

// The rest of the file system for reading, but for what holds state of other programs. Home directories are
// protected below, by a flag.
constexpr TierPath kOpen[] = {
    {"/", kR, "the rest of the file system"},
    {"/.vol", kNone, "files by number"},
    {"/.fseventsd", kNone, "names of everybody's files"},
    {"/.Spotlight-V100", kNone, "contents of everybody's files"},
    {"/.DocumentRevisions-V100", kNone, "earlier contents of everybody's files"},
    {"/.Trashes", kNone, "people's files"},
    {"/Library/Caches", kNone, "state of services"},
    {"/Library/Logs", kNone, "logs"},
    {"/Network", kNone, "other disks"},
    {"/Volumes", kNone, "other disks"},
    {"/cores", kNone, "memory of crashed programs"},
    {"/dev", kNone, "devices"},
    {"/private/etc", kNone, "settings and secrets of the system"},
    {"/private/tmp", kNone, "other programs' temporary files"},
    {"/private/var", kNone, "state of services"},
};

constexpr TierPath kPermissive[] = {{"/", Access::kReadWriteExecute, "everything that the user may", true}};

#define HOME &SecurityConfig::protect_user_home, "protect_user_home"
#define CREDENTIALS &SecurityConfig::protect_credentials, "protect_credentials"
#define BROWSER &SecurityConfig::protect_browser_data, "protect_browser_data"
#define KEYCHAIN &SecurityConfig::protect_keychain, "protect_keychain"

// Beside those of every system: core/home_paths.h.
constexpr ProtectedPath kProtections[] = {
    {HOME, "/Users"},
    {HOME, "/Users/*"},
    {HOME, "/private/var/root"},

    {CREDENTIALS, "/private/etc/master.passwd"},
    {CREDENTIALS, "/private/etc/sudoers"},
    {CREDENTIALS, "/private/etc/sudoers.d"},
    {CREDENTIALS, "/private/etc/ssh"},
    {CREDENTIALS, "/private/etc/ssl/private"},
    {CREDENTIALS, "/private/etc/krb5.keytab"},
    {CREDENTIALS, "/private/var/db/dslocal"},
    {CREDENTIALS, "~/Library/Application Support/gcloud"},
    {CREDENTIALS, "~/Library/Application Support/1Password"},
    {CREDENTIALS, "~/Library/Group Containers"},

    {BROWSER, "~/Library/Application Support/Google/Chrome"},
    {BROWSER, "~/Library/Application Support/Chromium"},
    {BROWSER, "~/Library/Application Support/BraveSoftware"},
    {BROWSER, "~/Library/Application Support/Microsoft Edge"},
    {BROWSER, "~/Library/Application Support/Firefox"},
    {BROWSER, "~/Library/Application Support/Vivaldi"},
    {BROWSER, "~/Library/Application Support/com.operasoftware.Opera"},
    {BROWSER, "~/Library/Application Support/Arc"},
    {BROWSER, "~/Library/Caches/Google/Chrome"},
    {BROWSER, "~/Library/Caches/Firefox"},
    {BROWSER, "~/Library/Safari"},
    {BROWSER, "~/Library/Cookies"},
    {BROWSER, "~/Library/HTTPStorages"},
    {BROWSER, "~/Library/WebKit"},
    {BROWSER, "~/Library/Containers/com.apple.Safari"},

    {KEYCHAIN, "~/Library/Keychains"},
    {KEYCHAIN, "/Library/Keychains"},
    {KEYCHAIN, "/private/var/db/SystemKey"},
};

#undef HOME
#undef CREDENTIALS
#undef BROWSER
#undef KEYCHAIN

#define PROMPTS &SecurityConfig::allow_tcc_prompts, "allow_tcc_prompts"

// GPU, NPU and other hardware are drivers with names, not nodes: services.h. What opens here is what the system asks
// the user about.
constexpr DevicePath kDevices[] = {
    {PROMPTS, "~/Desktop", kR, false},
    {PROMPTS, "~/Documents", kR, false},
    {PROMPTS, "~/Downloads", kR, false},
    {&SecurityConfig::allow_hardware, "allow_hardware", "/dev/cu.*"},
    {&SecurityConfig::allow_hardware, "allow_hardware", "/dev/tty.*"},
    {&SecurityConfig::allow_tty_write, "allow_tty_write", "/dev/tty"},
};

#undef PROMPTS

constexpr std::string_view kEnvironmentNames[] = {
    "COLORTERM", "LANG", "LC_*", "LOGNAME", "NO_COLOR", "TERM", "TZ", "USER", "__CF_USER_TEXT_ENCODING",
};

}  // namespace

const core::PlatformProfile& Profile() {
  static const std::vector<ProtectedPath> protections = core::WithHomeProtections(kProtections);
  static const core::PlatformProfile profile = {
      .strict = kStrict,
      .open = kOpen,
      .permissive = kPermissive,
      .protections = protections,
      .devices = kDevices,
      .guarded = core::GuardedNames(),
      .limit_controls = {},
      .search_path = "/opt/homebrew/bin:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
      .environment_names = kEnvironmentNames,
      .has_consent_prompts = true,
  };
  return profile;
}

}  // namespace leash::platform::macos
