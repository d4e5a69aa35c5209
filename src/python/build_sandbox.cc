#include "python/build_sandbox.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "base/file_system.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "base/write_all.h"
#include "fmt/format.h"
#include "leash/sandbox.h"
#include "python/installation.h"
#include "python/requirement.h"

namespace leash::python {
namespace {

// Where files of packages come from that PyPI lists.
constexpr std::string_view kPyPi[] = {"pypi.org:443", "files.pythonhosted.org:443"};
constexpr std::size_t kLinesInError = 6;

// "; " between the last lines that say something.
std::string LastLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty() && lines.size() < kLinesInError) {
    const std::size_t end = text.rfind('\n');
    const std::string_view line = text.substr(end == std::string_view::npos ? 0 : end + 1);
    text = text.substr(0, end == std::string_view::npos ? 0 : end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
  }
  std::string joined;
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    joined += fmt::format("{}{}", joined.empty() ? "" : "; ", base::Printable(*line));
  }
  return joined;
}

std::string Replaced(std::string text, const std::string& scratch) {
  constexpr std::string_view kScratch = "{scratch}";
  if (text.starts_with(kScratch)) text.replace(0, kScratch.size(), scratch);
  return text;
}

absl::Status WriteFiles(const std::vector<std::string>& files, const std::string& scratch) {
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string path = base::JoinPath(scratch, std::to_string(i));
    const base::UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd) return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot write {}", path));
    if (!base::WriteAll(fd.get(), files[i])) {
      return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot write {}", path));
    }
  }
  return absl::OkStatus();
}

template <NetworkPolicy N>
absl::Status RunWith(const BuildTask& task, N network) {
  absl::StatusOr<Sandbox<N>> sandbox = Sandbox<N>::Create({BuildSandboxConfig(task), std::move(network)});
  if (!sandbox.ok()) return sandbox.status();
  const std::string scratch = sandbox->ScratchDir();
  LEASH_RETURN_IF_ERROR(WriteFiles(task.files, scratch));
  Command command = sandbox->Command(task.programs.front());
  for (auto arg = task.programs.begin() + 1; arg != task.programs.end(); ++arg) command.Arg(Replaced(*arg, scratch));
  if (const int fd = task.config->progress_fd; fd >= 0) {
    command.Stdout(Stdio::Descriptor(fd)).Stderr(Stdio::Descriptor(fd));
  }
  LEASH_ASSIGN_OR_RETURN(const Output output, command.Output());
  LEASH_RETURN_IF_ERROR(sandbox->Close());
  if (output.status.Success()) return absl::OkStatus();
  const std::string said = LastLines(output.stderr_bytes.empty() ? output.stdout_bytes : output.stderr_bytes);
  return base::Error(ErrorCode::kIo, fmt::format("cannot {} (exit status {}){}{}", task.what, output.status.ShellCode(),
                                                 said.empty() ? "" : ": ", said));
}

bool IsLocalhost(std::string_view host) { return host == "localhost" || host.starts_with("localhost:"); }

}  // namespace

absl::StatusOr<std::vector<std::string>> IndexHosts(const VenvConfig& config) {
  std::vector<std::string> hosts;
  if (config.index_urls.empty()) hosts.assign(std::begin(kPyPi), std::end(kPyPi));
  for (const std::string& url : config.index_urls) {
    LEASH_ASSIGN_OR_RETURN(std::string host, HostOfIndex(url));
    // PyPI by its name is PyPI with what belongs to it.
    if (host == kPyPi[0]) hosts.emplace_back(kPyPi[1]);
    hosts.push_back(std::move(host));
  }
  hosts.insert(hosts.end(), config.package_hosts.begin(), config.package_hosts.end());
  return hosts;
}

SandboxConfig BuildSandboxConfig(const BuildTask& task) {
  const VenvConfig& config = *task.config;
  SandboxConfig sandbox;
  sandbox.isolation = Isolation::kStrict;
  sandbox.namespaces = config.namespaces;
  sandbox.accept_degraded_kernel = config.accept_degraded_kernel;
  sandbox.limits.wall_time = config.timeout;
  sandbox = WithPython(std::move(sandbox), *task.interpreter);
  std::erase_if(sandbox.grants, [&](const Grant& grant) { return base::IsAtOrBelow(grant.path, config.path); });
  // Only builds execute what they have brought along.
  const bool builds = config.allow_sdist.has_value() || base::IsAtOrBelow(task.interpreter->base, config.path);
  sandbox.grants.push_back({config.path, builds ? Access::kReadWriteExecute : Access::kReadWrite});
  if (task.uv.has_value() && !IsOpenInEveryTier(*task.uv, Access::kReadExecute))
    sandbox.grants.push_back({*task.uv, Access::kReadExecute});
  for (const std::string& directory : config.find_links) sandbox.grants.push_back({directory, Access::kRead});
  for (const auto& [name, value] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{{"PYTHONNOUSERSITE", "1"},
                                                                            {"PIP_CONFIG_FILE", "/dev/null"},
                                                                            {"PIP_DISABLE_PIP_VERSION_CHECK", "1"},
                                                                            {"PIP_NO_INPUT", "1"},
                                                                            {"PIP_NO_CACHE_DIR", "1"},
                                                                            {"UV_NO_CONFIG", "1"},
                                                                            {"UV_PYTHON_DOWNLOADS", "never"},
                                                                            {"UV_LINK_MODE", "copy"}}) {
    sandbox.env.emplace_back(name, value);
  }
  if (!task.network) return sandbox;
  sandbox.allow_addresses = config.allow_addresses;
  sandbox.name_servers = config.name_servers;
  sandbox.upstream_proxy = config.upstream_proxy;
  // An index on this machine's loopback is not the sandbox's own: it is reached through leash's proxy, or not at all.
  sandbox.env.emplace_back("NO_PROXY", "");
  for (const std::string& url : config.index_urls) {
    const absl::StatusOr<std::string> host = HostOfIndex(url);
    if (host.ok() && IsLocalhost(*host))
      sandbox.allow_addresses.insert(sandbox.allow_addresses.end(), {"127.0.0.1", "::1"});
  }
  return sandbox;
}

absl::Status RunBuild(const BuildTask& task) {
  if (!task.network) return RunWith(task, DenyAll());
  LEASH_ASSIGN_OR_RETURN(const std::vector<std::string> hosts, IndexHosts(*task.config));
  return RunWith(task, AllowList(hosts));
}

}  // namespace leash::python
