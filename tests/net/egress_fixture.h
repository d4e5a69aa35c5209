// The egress proxy of a test, with clients that speak to it, and servers for it to reach.
#pragma once

#include <gtest/gtest.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/egress_proxy.h"
#include "net/loopback_server.h"

namespace leash::net::testing {

class EgressProxyTest : public ::testing::Test {
 protected:
  // With `options_`. A policy that is not set allows everything.
  void Start();
  void TearDown() override { proxy_.reset(); }  // it tells of what ends with it

  void Allow(std::vector<std::string> patterns) { options_.policy = EraseNetworkPolicy(AllowList(patterns)); }

  Stream Client() const { return Stream::To(port_); }
  // As if the program had connected to `destination`.
  Stream TransparentClient(const Endpoint& destination) const;
  // An address for a name, as the sandbox's resolver gives it; none when it is refused.
  std::optional<IpAddress> Lookup(const std::string& name) const;

  NetworkEvent NextEvent();
  // Passes over questions for names.
  NetworkEvent NextConnection();

  EgressOptions options_;
  bool loopback_allowed_ = true;
  std::unique_ptr<EgressProxy> proxy_;
  std::uint16_t port_ = 0;
  std::uint16_t dns_port_ = 0;

 private:
  std::mutex mutex_;
  std::condition_variable told_;
  std::vector<NetworkEvent> events_;
  std::size_t next_ = 0;
};

// Servers: what came comes back at its end; each request is answered with its own head, on a connection that is kept.
void Echo(Stream& stream);
void Mirror(Stream& stream);

std::string ConnectTo(std::string_view host, std::uint16_t port);

}  // namespace leash::net::testing
