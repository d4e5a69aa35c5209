#include "network_rows.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <sstream>

#include "fmt/format.h"
#include "tree.h"

namespace leash::guarantees {
namespace {

constexpr char kPython[] = "/usr/bin/python3";
constexpr char kNameServer[] = "127.0.0.1:53";

}  // namespace

void NetworkRows::SetUp() {
  ForEachUser::SetUp();
  if (IsSkipped()) return;
  if (access(kPython, X_OK) == -1) GTEST_SKIP() << kPython << " is missing";
  if (!HasNamespaces(world())) GTEST_SKIP() << "namespaces: refused to this user here";
  outside_.emplace();
  if (!outside_->problem().empty()) GTEST_SKIP() << outside_->problem();
  unlink(log().c_str());
  unlink(result().c_str());
}

std::vector<std::string> NetworkRows::Listed(const std::vector<std::string>& patterns) const {
  std::vector<std::string> flags = {"--network", "allow-list"};
  for (const std::string& pattern : patterns) flags.insert(flags.end(), {"--allow-domain", pattern});
  return flags;
}

std::vector<std::string> NetworkRows::Everything() const { return {"--network", "allow"}; }

std::string NetworkRows::Program(const std::string& acts) {
  return ReadWholeFile(std::string(LEASH_GUARANTEES_DIRECTORY) + "/network_acts.py") + "\n" + acts;
}

Outcomes NetworkRows::Parse(const std::string& text) {
  Outcomes outcomes;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    outcomes[line.substr(0, colon)] = colon == std::string::npos ? "" : line.substr(colon + 2);
  }
  return outcomes;
}

Outcomes NetworkRows::Control(const std::string& acts) const {
  Start start;
  start.argv = {kPython, "-c", Program(acts)};
  start.who = world().who();
  start.directory = world().empty_directory();
  start.environment = {"PATH=/usr/bin:/bin"};
  start.namespaces = outside_->namespaces();
  const Result ran = RunProgram(start);
  EXPECT_EQ(ran.code, 0) << "control: " << ran.Describe();
  return Parse(ran.output);
}

Start NetworkRows::InsideStart(const std::vector<std::string>& flags, const std::string& acts) const {
  std::vector<std::string> all = {"--namespaces", "require", "--name-server", kNameServer, "--audit-log", log()};
  all.insert(all.end(), flags.begin(), flags.end());
  Start start = world().InsideStart(all, {kPython, "-c", Program(acts)});
  start.namespaces = outside_->namespaces();
  start.deadline = std::chrono::seconds(60);
  return start;
}

Outcomes NetworkRows::Inside(const std::vector<std::string>& flags, const std::string& acts) const {
  const Result ran = RunProgram(InsideStart(flags, acts));
  EXPECT_EQ(ran.code, 0) << ran.Describe();
  return Parse(ran.output);
}

int NetworkRows::ControlProbe(const std::vector<std::string>& act) const {
  Start start;
  start.argv = {world().probe()};
  for (const std::string& word : act) start.argv.push_back(world().Expand(word));
  start.who = world().who();
  start.namespaces = outside_->namespaces();
  return RunProgram(start).code;
}

int NetworkRows::InsideProbe(const std::vector<std::string>& flags, const std::vector<std::string>& act) const {
  std::vector<std::string> all = {"--namespaces", "require",      "--audit-log",
                                  log(),          "--executable", world().root() + "/bin"};
  all.insert(all.end(), flags.begin(), flags.end());
  std::vector<std::string> argv = {world().probe()};
  for (const std::string& word : act) argv.push_back(world().Expand(word));
  Start start = world().InsideStart(all, argv);
  start.namespaces = outside_->namespaces();
  return RunProgram(start).code;
}

bool NetworkRows::Logged(const std::string& host, int port, const std::string& verdict,
                         const std::string& outcome) const {
  std::istringstream lines(ReadWholeFile(log()));
  const auto has = [](const std::string& line, const std::string& member, const std::string& value) {
    return value.empty() || line.find(fmt::format("\"{}\":\"{}\"", member, value)) != std::string::npos;
  };
  for (std::string line; std::getline(lines, line);) {
    if (has(line, "host", host) && line.find(fmt::format("\"port\":{},", port)) != std::string::npos &&
        has(line, "verdict", verdict) && has(line, "outcome", outcome)) {
      return true;
    }
  }
  return false;
}

bool NetworkRows::HasIpv6() { return access("/proc/net/if_inet6", F_OK) == 0; }

SandboxConfig NetworkRows::LibraryConfig() const {
  SandboxConfig config;
  config.namespaces = Namespaces::kRequire;
  config.name_servers = {kNameServer};
  return config;
}

void NetworkRows::PrepareUser() const {
  setenv("HOME", world().home().c_str(), 1);
  setenv("TMPDIR", world().temporary().c_str(), 1);
  if (chdir(world().empty_directory().c_str()) == -1) perror("chdir");
}

int NetworkRows::WriteResult(const std::string& path, const absl::StatusOr<Output>& output) {
  if (!output.ok() || !output->status.Success()) {
    const std::string why = output.ok() ? output->stderr_bytes : std::string(output.status().message());
    fprintf(stderr, "sandbox of the library: %s\n", why.c_str());
    return 1;
  }
  FILE* file = fopen(path.c_str(), "w");
  if (file == nullptr) return 1;
  const bool written = fputs(output->stdout_bytes.c_str(), file) >= 0;
  return fclose(file) == 0 && written ? 0 : 1;
}

Outcomes NetworkRows::ReadResult() const { return Parse(ReadWholeFile(result())); }

}  // namespace leash::guarantees
