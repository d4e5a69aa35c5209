// The plan as a profile of macOS's sandbox (Seatbelt).
//
// What it covers and what not: every path rule of the plan, with moves that would take a path out of its rule; what a
// program may execute; signals and information about processes outside; services, drivers and settings of the kernel by
// name; connections. Hard links and clones are refused. Not: how much a program uses (setrlimit(2) does), names of
// shared semaphores that Python makes, and loopback, which is the machine's own: programs of one sandbox cannot talk
// over it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/plan.h"
#include "platform/macos/sbpl.h"

namespace leash::platform::macos {

// Where leash serves a sandbox on this machine's loopback.
struct Endpoints {
  std::optional<std::uint16_t> proxy_port;  // of the egress proxy; needed when the plan has a network policy
};

SandboxProfile PlanSeatbelt(const core::Plan& plan, const Endpoints& endpoints);

}  // namespace leash::platform::macos
