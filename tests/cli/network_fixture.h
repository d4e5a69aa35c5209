// Tests of programs in a sandbox with a network policy: the servers that they talk to (network_world.py) and how they
// are run.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "leash_process.h"
#include "nlohmann/json.hpp"

namespace leash::testing {

// For the beginning of a script: programs know of no proxy then.
inline constexpr char kNoProxy[] =
    "unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NODE_USE_ENV_PROXY; ";

// network_world.py, as a child that ends with this object.
class NetworkWorld {
 public:
  // `servers` are those that are not always there: see the script.
  NetworkWorld(const std::string& directory, const std::vector<std::string>& servers);
  ~NetworkWorld();
  NetworkWorld(const NetworkWorld&) = delete;
  NetworkWorld& operator=(const NetworkWorld&) = delete;

  std::string Port(const char* server) const { return std::to_string(ports_.value(server, 0)); }

 private:
  pid_t pid_ = -1;
  int in_ = -1;
  nlohmann::json ports_;
};

class NetworkTest : public LeashTest {
 protected:
  void SetUp() override;

  // Starts the world again, with these servers too.
  void Restart(const std::vector<std::string>& servers);
  // Options for a sandbox that may talk to server.test.
  std::vector<std::string> Options(const std::vector<std::string>& domains = {"server.test"}) const;
  // Runs a script in one.
  RunResult Inside(const std::string& script, std::vector<std::string> options = {},
                   const std::vector<std::string>& domains = {"server.test"}) const;
  std::string Url(const char* scheme, const char* host = "server.test") const;
  static bool Has(const char* program);

  std::optional<NetworkWorld> world_;
  std::vector<std::pair<std::string, std::string>> environment_;  // leash's own
};

}  // namespace leash::testing
