// A sandbox with a network policy, made through the backend alone, and a plain stand-in for the egress proxy: it tells
// whoever connects where they wanted to go, and answers every question for an address.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "core/backend.h"
#include "core/plan.h"
#include "leash/config.h"
#include "leash/working_dir.h"

namespace leash::platform {

// A directory for everybody with the probe in it.
class ProbeDirectory {
 public:
  ProbeDirectory();
  ~ProbeDirectory();
  ProbeDirectory(const ProbeDirectory&) = delete;
  ProbeDirectory& operator=(const ProbeDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string probe() const { return path_ + "/probe"; }

 private:
  std::string path_;
};

class EgressWorld {
 public:
  // With namespaces, unless the configuration says that there are to be none. `directory` has a copy of the probe in
  // it, which whoever calls this can execute.
  static absl::StatusOr<std::unique_ptr<EgressWorld>> Make(const std::string& directory, SandboxConfig config = {},
                                                           std::shared_ptr<core::ViolationSink> sink = nullptr);
  ~EgressWorld();

  // Runs a program in the sandbox; what it printed, without the last newline. With "exit N" behind when it failed.
  std::string Run(const std::vector<std::string>& argv);
  // The same for the probe.
  std::string Probe(std::vector<std::string> arguments);
  // Returns when the sink knows of what has been refused.
  void SettleReports() { sandbox_->SettleReports(); }
  // Ends the stand-in and closes its sockets.
  void StopServing();

  const core::Plan& plan() const { return plan_; }
  std::size_t listeners() const { return listeners_; }
  std::size_t resolvers() const { return resolvers_; }
  // Connections that were not of the sandbox's.
  int strangers() const { return strangers_; }
  // The address of a listener.
  std::string ListenerPort() const;
  const std::string& why_not_all() const { return intake_.why_not_all; }

  // What the stand-in answers with.
  static constexpr char kAnswer4[] = "192.0.2.99";
  static constexpr char kAnswer6[] = "2001:db8::99";

 private:
  EgressWorld(WorkingDir scratch, std::string probe) : scratch_(std::move(scratch)), probe_(std::move(probe)) {}
  void Serve();
  void Accept(int listener);
  void AcceptNames();

  WorkingDir scratch_;
  const std::string probe_;
  core::Plan plan_;
  std::unique_ptr<core::PreparedSandbox> sandbox_;
  core::EgressIntake intake_;
  std::size_t listeners_ = 0;
  std::size_t resolvers_ = 0;
  std::vector<base::UniqueFd> name_sockets_;  // the server's thread's
  std::atomic<int> strangers_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread server_;
};

// The plan of a sandbox with a network policy that is not to deny everything.
absl::StatusOr<core::Plan> NetworkPlan(const SandboxConfig& config, const std::string& scratch_dir);

}  // namespace leash::platform
