#include "platform/linux/profile.h"

#include <vector>

#include "core/home_paths.h"

namespace leash::platform {
namespace {

using core::DevicePath;
using core::ProtectedPath;
using core::TierPath;

constexpr Access kR = Access::kRead;
constexpr Access kRw = Access::kReadWrite;
constexpr Access kRx = Access::kReadExecute;
constexpr Access kNone = Access::kNone;

// What programs need to start and run, and nothing that says who the user is.
constexpr TierPath kStrict[] = {
    {"/usr", kRx, "system programs and libraries"},
    {"/bin", kRx, "system programs and libraries"},
    {"/sbin", kRx, "system programs and libraries"},
    {"/lib*", kRx, "system programs and libraries"},
    {"/opt", kRx, "added software"},
    {"/nix/store", kRx, "Nix"},
    {"/gnu/store", kRx, "Guix"},
    {"/snap", kRx, "snaps"},

    // /etc holds secrets beside settings: file by file.
    {"/etc/ld.so.cache", kR, "loader"},
    {"/etc/ld.so.conf", kR, "loader"},
    {"/etc/ld.so.conf.d", kR, "loader"},
    {"/etc/ld.so.preload", kR, "loader"},
    {"/etc/alternatives", kRx, "links to system programs"},
    {"/etc/passwd", kR, "names of users"},
    {"/etc/group", kR, "names of groups"},
    {"/etc/nsswitch.conf", kR, "name lookup"},
    {"/etc/hosts", kR, "name lookup"},
    {"/etc/host.conf", kR, "name lookup"},
    {"/etc/resolv.conf", kR, "name lookup"},
    {"/etc/gai.conf", kR, "name lookup"},
    {"/etc/services", kR, "name lookup"},
    {"/etc/protocols", kR, "name lookup"},
    {"/etc/hostname", kR, "name lookup"},
    {"/etc/localtime", kR, "time zone"},
    {"/etc/timezone", kR, "time zone"},
    {"/etc/locale.alias", kR, "language"},
    {"/etc/locale.conf", kR, "language"},
    {"/etc/os-release", kR, "name of the system"},
    {"/etc/debian_version", kR, "name of the system"},
    {"/etc/lsb-release", kR, "name of the system"},
    {"/etc/ssl/certs", kR, "certificate authorities"},
    {"/etc/ssl/cert.pem", kR, "certificate authorities"},
    {"/etc/ssl/openssl.cnf", kR, "TLS settings"},
    {"/etc/ca-certificates", kR, "certificate authorities"},
    {"/etc/pki/tls/certs", kR, "certificate authorities"},
    {"/etc/pki/ca-trust/extracted", kR, "certificate authorities"},
    {"/etc/crypto-policies", kR, "TLS settings"},
    {"/etc/bash.bashrc", kR, "shell settings"},
    {"/etc/profile", kR, "shell settings"},
    {"/etc/inputrc", kR, "shell settings"},
    {"/etc/magic", kR, "file types"},
    {"/etc/mime.types", kR, "file types"},
    {"/etc/terminfo", kR, "terminals"},
    {"/etc/fonts", kR, "fonts"},
    {"/etc/python3*", kR, "language runtimes"},
    {"/etc/perl", kR, "language runtimes"},
    {"/etc/java*", kR, "language runtimes"},
    {"/etc/gitconfig", kR, "git's system settings"},

    // Of /proc, what describes the machine. No process directory: not even one's own can be named by a rule that
    // outlives the process, and other processes' are other users' business.
    {"/proc/cpuinfo", kR, "the machine"},
    {"/proc/meminfo", kR, "the machine"},
    {"/proc/stat", kR, "the machine"},
    {"/proc/loadavg", kR, "the machine"},
    {"/proc/uptime", kR, "the machine"},
    {"/proc/version", kR, "the machine"},
    {"/proc/filesystems", kR, "the machine"},
    {"/proc/sys/kernel/osrelease", kR, "the machine"},
    {"/proc/sys/kernel/ostype", kR, "the machine"},
    {"/proc/sys/kernel/version", kR, "the machine"},
    {"/proc/sys/kernel/cap_last_cap", kR, "the machine"},
    {"/proc/sys/kernel/ngroups_max", kR, "the machine"},
    {"/proc/sys/kernel/pid_max", kR, "the machine"},
    {"/proc/sys/kernel/threads-max", kR, "the machine"},
    {"/proc/sys/kernel/random/uuid", kR, "random numbers"},
    {"/proc/sys/vm/overcommit_memory", kR, "allocators"},
    {"/proc/sys/vm/max_map_count", kR, "allocators"},
    {"/proc/sys/fs/pipe-max-size", kR, "the machine"},
    {"/sys/devices/system/cpu", kR, "processors"},
    {"/sys/devices/system/node", kR, "processors"},
    {"/sys/kernel/mm/transparent_hugepage", kR, "allocators"},

    {"/dev/null", kRw, "device"},
    {"/dev/zero", kRw, "device"},
    {"/dev/full", kRw, "device"},
    {"/dev/random", kRw, "device"},
    {"/dev/urandom", kRw, "device"},
};

// The rest of the file system for reading, but for what holds state of other programs. Home directories are
// protected below, by a flag.
constexpr TierPath kOpen[] = {
    {"/", kR, "the rest of the file system"},
    {"/boot", kNone, "the kernel's image"},
    {"/dev", kNone, "devices"},
    {"/etc", kNone, "settings and secrets of the system"},
    {"/lost+found", kNone, "people's files"},
    {"/media", kNone, "other disks"},
    {"/mnt", kNone, "other disks"},
    {"/proc", kNone, "processes"},
    {"/run", kNone, "sockets and state of services"},
    {"/sys", kNone, "the kernel's state"},
    {"/tmp", kNone, "other programs' temporary files"},
    {"/var/backups", kNone, "state of services"},
    {"/var/cache", kNone, "state of services"},
    {"/var/crash", kNone, "memory of crashed programs"},
    {"/var/lib", kNone, "state of services"},
    {"/var/lock", kNone, "state of services"},
    {"/var/log", kNone, "logs"},
    {"/var/mail", kNone, "mail"},
    {"/var/run", kNone, "sockets and state of services"},
    {"/var/snap", kNone, "state of services"},
    {"/var/spool", kNone, "mail and jobs"},
    {"/var/tmp", kNone, "other programs' temporary files"},
};

constexpr TierPath kPermissive[] = {{"/", Access::kReadWriteExecute, "everything that the user may", true}};

#define HOME &SecurityConfig::protect_user_home, "protect_user_home"
#define CREDENTIALS &SecurityConfig::protect_credentials, "protect_credentials"
#define BROWSER &SecurityConfig::protect_browser_data, "protect_browser_data"
#define KEYCHAIN &SecurityConfig::protect_keychain, "protect_keychain"

// Beside those of every system: core/home_paths.h.
constexpr ProtectedPath kProtections[] = {
    {HOME, "/home"},
    {HOME, "/home/*"},
    {HOME, "/root"},

    {CREDENTIALS, "/etc/shadow"},
    {CREDENTIALS, "/etc/shadow-"},
    {CREDENTIALS, "/etc/gshadow"},
    {CREDENTIALS, "/etc/gshadow-"},
    {CREDENTIALS, "/etc/sudoers"},
    {CREDENTIALS, "/etc/sudoers.d"},
    {CREDENTIALS, "/etc/ssh"},
    {CREDENTIALS, "/etc/ssl/private"},
    {CREDENTIALS, "/etc/pki/tls/private"},
    {CREDENTIALS, "/etc/krb5.keytab"},
    {CREDENTIALS, "/etc/wireguard"},
    {CREDENTIALS, "/run/secrets"},
    {CREDENTIALS, "/var/run/secrets"},

    {BROWSER, "~/.config/google-chrome"},
    {BROWSER, "~/.config/chromium"},
    {BROWSER, "~/.config/BraveSoftware"},
    {BROWSER, "~/.config/microsoft-edge"},
    {BROWSER, "~/.config/opera"},
    {BROWSER, "~/.config/vivaldi"},
    {BROWSER, "~/.cache/mozilla"},
    {BROWSER, "~/.cache/google-chrome"},
    {BROWSER, "~/.cache/chromium"},
    {BROWSER, "~/snap/firefox"},
    {BROWSER, "~/snap/chromium"},
    {BROWSER, "~/.var/app"},

    {KEYCHAIN, "~/.local/share/keyrings"},
    {KEYCHAIN, "~/.local/share/kwalletd"},
    {KEYCHAIN, "~/.kde/share/apps/kwallet"},
};

#undef HOME
#undef CREDENTIALS
#undef BROWSER
#undef KEYCHAIN

#define GPU &SecurityConfig::allow_gpu, "allow_gpu"
#define NPU &SecurityConfig::allow_npu, "allow_npu"
#define HARDWARE &SecurityConfig::allow_hardware, "allow_hardware"

// Render nodes, not cards: a card node sets modes and reads other clients' screens.
constexpr DevicePath kDevices[] = {
    {GPU, "/dev/nvidia*"},
    {GPU, "/dev/nvidia-caps"},
    {GPU, "/dev/dri/render*"},
    {GPU, "/dev/kfd"},
    {GPU, "/dev/dxg"},
    {GPU, "/sys/class/drm", kR, false},
    {GPU, "/sys/class/kfd", kR, false},
    {GPU, "/sys/devices/pci*", kR, false},
    {GPU, "/proc/driver/nvidia", kR, false},
    {NPU, "/dev/accel/*"},
    {NPU, "/sys/class/accel", kR, false},
    {HARDWARE, "/dev/bus/usb"},
    {HARDWARE, "/dev/hidraw*"},
    {HARDWARE, "/dev/input"},
    {HARDWARE, "/dev/media*"},
    {HARDWARE, "/dev/snd"},
    {HARDWARE, "/dev/ttyACM*"},
    {HARDWARE, "/dev/ttyUSB*"},
    {HARDWARE, "/dev/video*"},
    {HARDWARE, "/sys/bus/usb/devices", kR, false},
    {&SecurityConfig::allow_tty_write, "allow_tty_write", "/dev/tty"},
};

#undef GPU
#undef NPU
#undef HARDWARE

constexpr std::string_view kLimitControls[] = {"/sys/fs/cgroup"};

constexpr std::string_view kEnvironmentNames[] = {
    "COLORTERM", "LANG", "LANGUAGE", "LC_*", "LOGNAME", "NO_COLOR", "TERM", "TZ", "USER",
};

}  // namespace

const core::PlatformProfile& LinuxProfile() {
  static const std::vector<ProtectedPath> protections = core::WithHomeProtections(kProtections);
  static const core::PlatformProfile profile = {
      .strict = kStrict,
      .open = kOpen,
      .permissive = kPermissive,
      .protections = protections,
      .devices = kDevices,
      .guarded = core::GuardedNames(),
      .limit_controls = kLimitControls,
      .search_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      .environment_names = kEnvironmentNames,
      .has_consent_prompts = false,
  };
  return profile;
}

}  // namespace leash::platform
