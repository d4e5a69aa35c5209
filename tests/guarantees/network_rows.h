// Rows about a sandbox that has a network policy: what a program does inside, beside the same outside, and what the
// network outside saw of it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guarantees.h"
#include "leash/leash.h"
#include "outside_network.h"

namespace leash::guarantees {

// What became of each act (network_acts.py), by its label.
using Outcomes = std::map<std::string, std::string>;

class NetworkRows : public ForEachUser {
 protected:
  // Public, as far as leash can tell: the allowed one is what every name leads to for which nothing else is said.
  static constexpr char kAllowed[] = "93.184.216.34";
  static constexpr char kOther[] = "93.184.216.66";

  void SetUp() override;

  // Options of leash run for a sandbox that may talk to these.
  std::vector<std::string> Listed(const std::vector<std::string>& patterns) const;
  std::vector<std::string> Everything() const;

  // Acts are calls of do(), as text. Without leash, in the outside network:
  Outcomes Control(const std::string& acts) const;
  Outcomes Inside(const std::vector<std::string>& flags, const std::string& acts) const;
  Start InsideStart(const std::vector<std::string>& flags, const std::string& acts) const;
  // The same with acts of leash-probe; the result is its exit code.
  int ControlProbe(const std::vector<std::string>& act) const;
  int InsideProbe(const std::vector<std::string>& flags, const std::vector<std::string>& act) const;
  // By the library, for policies that the command line cannot say.
  template <NetworkPolicy P>
  Outcomes InLibrary(const P& policy, const std::string& acts);

  // Whether the audit log has such a line. An empty text stands for any.
  bool Logged(const std::string& host, int port, const std::string& verdict, const std::string& outcome = "") const;
  static bool HasIpv6();

  std::optional<OutsideNetwork> outside_;

 private:
  static std::string Program(const std::string& acts);
  std::string log() const { return world().root() + "/scratch/audit.jsonl"; }
  std::string result() const { return world().root() + "/scratch/result"; }
  static Outcomes Parse(const std::string& text);
  SandboxConfig LibraryConfig() const;
  void PrepareUser() const;
  Outcomes ReadResult() const;
  // Writes to result() what the program said; the code of the process that this runs in.
  static int WriteResult(const std::string& path, const absl::StatusOr<Output>& output);
};

template <NetworkPolicy P>
Outcomes NetworkRows::InLibrary(const P& policy, const std::string& acts) {
  const int code = RunAs(
      world().who(),
      [&] {
        PrepareUser();
        auto sandbox = Sandbox<P>::Create({LibraryConfig(), policy});
        if (!sandbox.ok()) return WriteResult(result(), sandbox.status());
        return WriteResult(result(), sandbox->Command("/usr/bin/python3").Arg("-c").Arg(Program(acts)).Output());
      },
      outside_->namespaces());
  EXPECT_EQ(code, 0);
  return ReadResult();
}

}  // namespace leash::guarantees
