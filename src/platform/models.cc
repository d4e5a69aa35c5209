// The platforms that leash can explain wherever it runs.
#include <array>

#include "core/backend.h"
#include "platform/macos/profile.h"
#include "platform/macos/seatbelt.h"

namespace leash::core {
namespace {

absl::StatusOr<std::string> DescribeMacos(const Plan& plan) {
  // The proxy listens on whatever port is free when the sandbox is made: this one stands for it.
  return platform::macos::PlanSeatbelt(plan, {.proxy_port = kEgressPort}).Text();
}

constexpr std::array kModels = {
    PlatformModel{"macos", &platform::macos::Profile, "/private/tmp", &DescribeMacos},
};

}  // namespace

std::span<const PlatformModel> PlatformModels() { return kModels; }

}  // namespace leash::core
