// The three isolation tiers: what a sandbox may see before any grant is added.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leash {

enum class Isolation {
  // Reads and runs the system's programs and libraries, reads the handful of files in /etc, /proc and /sys that
  // programs need, writes its own working directory. Commands stand in the working directory. Nothing else.
  kStrict,
  // Strict, and reads the rest of the file system except what is protected (SecurityConfig) and what holds other
  // programs' state: home directories, /etc beyond the short list, /run, /tmp, other processes, devices.
  kDefault,
  // Reads, writes and runs everything that the user may, except what is still protected. Network, signals to
  // outside processes and dangerous system calls stay refused.
  kPermissive,
};

// Whether a sandbox is put into namespaces of its own (Linux: user, mount, pid, net, ipc, uts, cgroup), beside the
// confinement of each process. With them, what is closed does not exist inside; see docs/threat-model.md for what is
// given up without.
enum class Namespaces {
  kAuto,     // where the machine allows it
  kRequire,  // or Create() fails with ErrorCode::kNotEnforced
  kOff,
};
// "auto", "require" or "off".
std::string_view NamespacesName(Namespaces namespaces);
std::optional<Namespaces> ParseNamespaces(std::string_view name);

// What holds a sandbox; see Sandbox::Isolation().
struct IsolationState {
  Isolation tier = Isolation::kDefault;
  bool namespaces = false;
  // Without namespaces: leash makes the system calls that name a file or a server, but do not open it, on behalf of the
  // commands, where the rules let it (chmod, utimes, connect to a unix socket, ...). Without this either, some of them
  // are refused and others are not judged: docs/threat-model.md. A network policy that does not deny everything is held
  // by a network of the sandbox's own (`namespaces`) or by this: each connection is made on behalf, to leash's proxy.
  bool supervisor = false;
  // In words, for people; empty where it is used.
  std::string why_no_namespaces;
  std::string why_no_supervisor;
  // Not empty where a network policy reaches the egress proxy by its variables and on a few well-known ports alone,
  // other connections being refused: docs/network.md.
  std::string why_not_all_connections;
};

// "strict", "default" or "permissive".
std::string_view IsolationName(Isolation isolation);
std::optional<Isolation> ParseIsolation(std::string_view name);

}  // namespace leash
