// A block of environment variables: NAME=value, names unique.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leash::base {

class Environment {
 public:
  // The calling process's own. Not safe against another thread that calls setenv(3) meanwhile.
  static Environment OfProcess();

  void Set(std::string_view name, std::string_view value) { variables_[std::string(name)] = value; }
  void Remove(std::string_view name) { variables_.erase(std::string(name)); }
  std::optional<std::string> Get(std::string_view name) const;
  const std::map<std::string, std::string, std::less<>>& variables() const { return variables_; }

  // "NAME=value" entries, sorted by name.
  std::vector<std::string> Entries() const;

 private:
  std::map<std::string, std::string, std::less<>> variables_;
};

// True for a name that can stand in an environment: not empty, no '=' and no NUL.
bool IsEnvironmentName(std::string_view name);

}  // namespace leash::base
