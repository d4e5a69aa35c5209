#include "python/installation.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/file_system.h"
#include "base/path.h"
#include "base/text.h"
#include "core/backend.h"
#include "python/files.h"
#include "python/shared_libraries.h"

namespace leash::python {
namespace {

constexpr Access kRun = Access::kReadExecute;

// "python3.11" and "pypy3.10" -> "3.11" and "3.10"; empty for other names.
std::string_view VersionIn(std::string_view name) {
  for (const std::string_view kind : {"python", "pypy"}) {
    if (!name.starts_with(kind)) continue;
    name.remove_prefix(kind.size());
    const bool version = name.size() >= 3 && std::isdigit(static_cast<unsigned char>(name[0])) != 0 && name[1] == '.';
    return version ? name : std::string_view();
  }
  return {};
}

int MinorOf(std::string_view version) {
  int minor = 0;
  std::from_chars(version.data() + std::min<std::size_t>(2, version.size()), version.data() + version.size(), minor);
  return minor;
}

// The standard library in PREFIX/lib or PREFIX/lib64: of several, that of `wanted`, else the newest.
std::string StandardLibraryIn(const std::string& prefix, std::string_view wanted) {
  std::string best;
  std::string_view best_version;
  for (const std::string_view lib : {"lib", "lib64"}) {
    const std::string directory = base::JoinPath(prefix, lib);
    const auto entries = base::HostFileSystem().List(directory);
    if (!entries.ok()) continue;
    for (const base::DirectoryEntry& entry : *entries) {
      const std::string_view version = VersionIn(entry.name);
      const std::string path = base::JoinPath(directory, entry.name);
      if (version.empty() || !IsFile(base::JoinPath(path, "os.py"))) continue;
      if (version == wanted) return path;
      if (!best.empty() && MinorOf(version) <= MinorOf(best_version)) continue;
      best = path;
      best_version = VersionIn(std::string_view(best).substr(best.rfind('/') + 1));
    }
  }
  return best;
}

// PREFIX/lib/libpython3.11.so.1.0 and its like.
void AddLibPython(const std::string& prefix, std::vector<Grant>& grants) {
  const std::string directory = base::JoinPath(prefix, "lib");
  const auto entries = base::HostFileSystem().List(directory);
  if (!entries.ok()) return;
  for (const base::DirectoryEntry& entry : *entries) {
    if (!entry.name.starts_with("libpython") || entry.name.find(".so") == std::string::npos) continue;
    const std::string path = base::JoinPath(directory, entry.name);
    if (IsFile(path)) grants.push_back({path, kRun});
  }
}

}  // namespace

Installation InstallationOf(const std::string& program) {
  Installation installation = {.program = program, .prefix = "", .standard_library = "", .version = ""};
  const std::string_view wanted = VersionIn(std::string_view(program).substr(program.rfind('/') + 1));
  for (std::string_view at = base::ParentOf(program);; at = base::ParentOf(at)) {
    installation.standard_library = StandardLibraryIn(std::string(at), wanted);
    if (!installation.standard_library.empty()) {
      installation.prefix = at;
      const std::string& library = installation.standard_library;
      installation.version = VersionIn(std::string_view(library).substr(library.rfind('/') + 1));
      return installation;
    }
    if (at == "/") return installation;
  }
}

std::vector<Grant> GrantsFor(const Installation& installation, const std::string& home) {
  std::vector<Grant> grants;
  if (!IsOpenInEveryTier(installation.program, kRun)) grants.push_back({installation.program, kRun});
  const std::string& prefix = installation.prefix;
  if (!prefix.empty() && !IsOpenInEveryTier(prefix, kRun)) {
    const bool too_wide = HoldsHome(prefix, home);
    grants.push_back({too_wide ? installation.standard_library : prefix, kRun});
    if (too_wide) AddLibPython(prefix, grants);
  }
  for (std::string& library : SharedLibrariesOf(installation.program)) {
    const bool known = IsOpenInEveryTier(library, kRun) ||
                       std::any_of(grants.begin(), grants.end(),
                                   [&](const Grant& grant) { return base::IsAtOrBelow(library, grant.path); });
    if (!known) grants.push_back({std::move(library), kRun});
  }
  return grants;
}

std::optional<std::string> PyvenvValue(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = base::TakePiece(text, "\n");
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || base::Trimmed(line.substr(0, equals)) != key) continue;
    return std::string(base::Trimmed(line.substr(equals + 1)));
  }
  return std::nullopt;
}

std::optional<std::string> VenvOf(const std::string& path) {
  std::string_view at = path;
  for (int up = 0; up < 2; ++up) {
    at = base::ParentOf(at);
    if (IsFile(base::JoinPath(at, "pyvenv.cfg"))) return std::string(at);
  }
  return std::nullopt;
}

std::vector<std::string> LinkChain(const std::string& path) {
  std::vector<std::string> chain;
  std::string at = path;
  // As many as Linux follows (path_resolution(7)).
  for (int hops = 0; hops < 40; ++hops) {
    std::optional<std::string> target = LinkTarget(at);
    if (!target.has_value()) break;
    chain.push_back(std::move(at));
    at = *std::move(target);
  }
  return chain;
}

bool IsOpenInEveryTier(std::string_view path, Access access) {
  const std::span<const core::TierPath> tier = core::HostBackend().Profile().strict;
  return std::any_of(tier.begin(), tier.end(), [&](const core::TierPath& row) {
    // "/lib*" and the like are names in a directory; what they are above is not worth asking the disk.
    return !row.path.ends_with('*') && Includes(row.access, access) && base::IsAtOrBelow(path, row.path);
  });
}

bool HoldsHome(std::string_view path, std::string_view home) {
  return path == "/" || (!home.empty() && base::IsAtOrBelow(home, path));
}

bool IsInterpreterName(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("python") || name.starts_with("pypy") || name.starts_with("graalpy");
}

}  // namespace leash::python
