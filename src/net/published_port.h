// What the text of a published port cannot say, and structs can.
#pragma once

#include <vector>

#include "absl/status/status.h"
#include "leash/published_port.h"
#include "net/ip_address.h"

namespace leash::net {

// kInvalidArgument for an address that is none, and for a port inside that no program can listen on.
absl::Status CheckPublishedPort(const PublishedPort& port);

// Where `port`, which has been checked, is listened on.
std::vector<IpAddress> AddressesOf(const PublishedPort& port);

}  // namespace leash::net
