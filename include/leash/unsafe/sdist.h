// Weakening: run code of a package while it is being installed. See leash/unsafe/degraded.h for what these tokens are.
#pragma once

namespace leash::unsafe {

// Install packages that have no wheel: their build scripts run. They do so in the sandbox that installs, which writes
// the virtual environment and nothing else, sees no secrets and reaches the package index alone. What that gives up: a
// build script can change every package of that environment, and can send to the index's hosts what the sandbox reads.
struct AllowSdist {};

}  // namespace leash::unsafe
