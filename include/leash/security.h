// What stays closed whatever is granted around it, and which hardware is open.
#pragma once

namespace leash {

// A plain value: set the fields, or chain the methods of the same names on a preset:
//
//   SecurityConfig::Strict().AllowGpu(true).ProtectCloudConfig(false)
//
// A protection closes its paths for reading, writing and executing. A grant on a directory *above* a protected path
// leaves it closed; a grant at or below it opens just that. Paths are looked for under the user's home directory,
// through symbolic links, whether or not they exist yet.
struct SecurityConfig {
  // The user's home directory and every other one (/home/*, /root).
  bool protect_user_home = true;
  // ~/.ssh, ~/.gnupg, password stores, git and agent credentials; private keys and password hashes in /etc.
  bool protect_credentials = true;
  // ~/.aws, ~/.kube, ~/.docker, gcloud, azure, terraform and similar.
  bool protect_cloud_config = true;
  // Profiles of Firefox, Chromium and their relatives.
  bool protect_browser_data = true;
  // The desktop's secret stores (GNOME keyring, KWallet, NSS databases).
  bool protect_keychain = true;
  // History files of shells, interpreters and database clients.
  bool protect_shell_history = true;
  // ~/.netrc, ~/.npmrc, ~/.pypirc, cargo, gem, maven, gradle, pip credentials.
  bool protect_package_credentials = true;
  // Inside directories that are granted for writing: what the user's own tools run or trust later. Git hooks and
  // configuration, start-up files of shells and editors, configuration of agents and of leash. They can be read, and
  // with namespaces not be written; one that is made or changed nevertheless is moved away when the command has ended,
  // see Sandbox::Quarantined. A grant on such a path itself opens it.
  bool protect_project_files = true;

  // GPU nodes: /dev/nvidia*, /dev/dri/render*, /dev/kfd, /dev/dxg. Off by default: a driver is a large kernel surface.
  bool allow_gpu = false;
  // NPU nodes: /dev/accel/*.
  bool allow_npu = false;
  // USB, input, video and sound devices. io_uring and every other system call rule stay as they are.
  bool allow_hardware = false;
  // The controlling terminal: the command stays in the caller's session and may open /dev/tty. Injecting input
  // (TIOCSTI, TIOCLINUX) stays refused. Off: the command runs in a session of its own without a terminal; the
  // descriptors it was given still work.
  bool allow_tty_write = false;
  // Sandboxes inside: bwrap, an agent's own, leash itself. User namespaces and mounts are let through, and as the
  // kernel refuses mounts to whatever Landlock confines, Landlock's file rules are left out: the mount tree alone holds
  // the files, and what may be read may be executed. Files in memory can be executed, nothing in /proc is
  // masked, and the kernel's surface is larger. Needs namespaces and an ordinary user: otherwise Create() fails with
  // ErrorCode::kNotEnforced.
  bool allow_nested = false;
  // macOS: leave the folders that TCC guards to TCC's own consent dialog. Linux has no such dialog to defer to: the
  // flag opens nothing there, and `leash explain` says so.
  bool allow_tcc_prompts = false;

  static constexpr SecurityConfig Strict() { return {}; }
  // Strict, for a person at the keyboard: allow_tcc_prompts.
  static constexpr SecurityConfig Interactive() {
    SecurityConfig config;
    config.allow_tcc_prompts = true;
    return config;
  }
  // No protection, all hardware. Nesting stays refused, since that takes a mechanism away.
  static constexpr SecurityConfig Permissive() {
    return {.protect_user_home = false,
            .protect_credentials = false,
            .protect_cloud_config = false,
            .protect_browser_data = false,
            .protect_keychain = false,
            .protect_shell_history = false,
            .protect_package_credentials = false,
            .protect_project_files = false,
            .allow_gpu = true,
            .allow_npu = true,
            .allow_hardware = true,
            .allow_tty_write = true,
            .allow_nested = false,
            .allow_tcc_prompts = true};
  }

  constexpr SecurityConfig& ProtectUserHome(bool on) { return protect_user_home = on, *this; }
  constexpr SecurityConfig& ProtectCredentials(bool on) { return protect_credentials = on, *this; }
  constexpr SecurityConfig& ProtectCloudConfig(bool on) { return protect_cloud_config = on, *this; }
  constexpr SecurityConfig& ProtectBrowserData(bool on) { return protect_browser_data = on, *this; }
  constexpr SecurityConfig& ProtectKeychain(bool on) { return protect_keychain = on, *this; }
  constexpr SecurityConfig& ProtectShellHistory(bool on) { return protect_shell_history = on, *this; }
  constexpr SecurityConfig& ProtectPackageCredentials(bool on) { return protect_package_credentials = on, *this; }
  constexpr SecurityConfig& ProtectProjectFiles(bool on) { return protect_project_files = on, *this; }
  constexpr SecurityConfig& AllowGpu(bool on) { return allow_gpu = on, *this; }
  constexpr SecurityConfig& AllowNpu(bool on) { return allow_npu = on, *this; }
  constexpr SecurityConfig& AllowHardware(bool on) { return allow_hardware = on, *this; }
  constexpr SecurityConfig& AllowTtyWrite(bool on) { return allow_tty_write = on, *this; }
  constexpr SecurityConfig& AllowNested(bool on) { return allow_nested = on, *this; }
  constexpr SecurityConfig& AllowTccPrompts(bool on) { return allow_tcc_prompts = on, *this; }

  bool operator==(const SecurityConfig&) const = default;
};

}  // namespace leash
