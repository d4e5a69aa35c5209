// A temporary directory of a test's own, so that what is found in it is the test's.
#pragma once

#include <cstdlib>
#include <optional>
#include <string>

#include "leash/working_dir.h"

namespace leash::testing {

// Points TMPDIR at a fresh directory for as long as it lives. Not while other threads read the environment.
class PrivateTmpdir {
 public:
  PrivateTmpdir() : directory_(*WorkingDir::Create()) {
    if (const char* before = std::getenv("TMPDIR"); before != nullptr) before_ = before;
    ::setenv("TMPDIR", path().c_str(), 1);
  }
  ~PrivateTmpdir() {
    if (before_.has_value()) {
      ::setenv("TMPDIR", before_->c_str(), 1);
    } else {
      ::unsetenv("TMPDIR");
    }
  }
  PrivateTmpdir(const PrivateTmpdir&) = delete;
  PrivateTmpdir& operator=(const PrivateTmpdir&) = delete;

  const std::string& path() const { return directory_.path(); }

 private:
  WorkingDir directory_;
  std::optional<std::string> before_;
};

}  // namespace leash::testing
