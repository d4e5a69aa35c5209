// Where `leash selftest` finds the programs of tools/leash-probe.
#pragma once

#include "absl/status/statusor.h"
#include "leash-selftest/world.h"

namespace leash::cli {

// Errors: kPathNotFound, where they are programs of their own and this machine does not have them.
absl::StatusOr<selftest::Programs> SelftestPrograms();

}  // namespace leash::cli
