// The name service on sockets that are each one program's: where datagrams of a network of its own do not exist.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>

#include "base/unique_fd.h"
#include "net/dns_service.h"
#include "net/egress_context.h"
#include "net/loop_handles.h"

namespace leash::net {

class DnsSockets {
 public:
  // `source` is a socket that keeps messages apart; each of its messages brings one of those. One that ends goes;
  // beyond kMost of them the next is closed at once.
  DnsSockets(EgressContext& context, DnsService& service, base::UniqueFd source);
  ~DnsSockets();
  DnsSockets(const DnsSockets&) = delete;
  DnsSockets& operator=(const DnsSockets&) = delete;

  bool ok() const { return watch_.ok(); }

 private:
  class Conversation;
  static constexpr std::size_t kMost = 512;

  void Take();
  void Ended(std::uint64_t key);

  EgressContext& context_;
  DnsService& service_;
  const base::UniqueFd source_;
  std::unordered_map<std::uint64_t, std::unique_ptr<Conversation>> conversations_;
  std::uint64_t next_ = 0;
  SocketWatch watch_;
};

}  // namespace leash::net
