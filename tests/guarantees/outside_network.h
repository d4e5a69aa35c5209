// The network outside of the sandboxes of a test: a network namespace in which every address of the internet is a
// server of the test's own (outside_network.py).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "launch.h"

namespace leash::guarantees {

class OutsideNetwork {
 public:
  OutsideNetwork();
  OutsideNetwork(const OutsideNetwork&) = delete;
  OutsideNetwork& operator=(const OutsideNetwork&) = delete;
  ~OutsideNetwork();

  // Why there is none; empty if there is.
  const std::string& problem() const { return problem_; }
  // For Start: what a program joins that is to be in it.
  const std::vector<int>& namespaces() const { return namespaces_; }

  // What a name leads to from now on.
  void Name(const std::string& name, const std::string& address);
  // What the servers have seen since the last Forget(), as text.
  std::string Seen();
  void Forget();
  // Waits for up to ten seconds: a server may notice after its client has gone.
  bool Saw(const std::string& part, int times = 1);
  // Gives it a moment to come.
  bool NeverSaw(const std::string& part);

 private:
  std::string Ask(const std::string& command);

  std::unique_ptr<Background> program_;
  std::vector<int> namespaces_;
  std::string problem_;
  std::string seen_;
};

}  // namespace leash::guarantees
