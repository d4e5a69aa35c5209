// The name server of a sandbox: gives out synthetic addresses for the names that the policy allows, and asks nobody.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/arrived_connection.h"
#include "base/unique_fd.h"
#include "net/dns_message.h"
#include "net/egress_context.h"
#include "net/loop_handles.h"
#include "net/stream.h"

namespace leash::net {

// A question about names becomes one to the policy. An allowed name gets its lease (A, AAAA, ANY), other types that
// clients ask for beside it get "no such record" (HTTPS, SVCB: no keys, no other port). An address that was leased has
// its name (PTR). Everything else is refused: what could carry data out has to be allowed as a connection.
//
// Whether a name exists is not looked up here: that question would leave the machine before anything is connected to.
class DnsService {
 public:
  explicit DnsService(EgressContext& context) : context_(context) {}

  // `answer` is called once, perhaps before this returns, and not after this object has gone. No bytes: no answer.
  void Answer(DnsQuestion question, std::uint64_t connection, const base::Program& program,
              std::function<void(DnsBytes)> answer);

 private:
  void AnswerName(const DnsQuestion& question, NetworkEvent event, std::function<void(DnsBytes)> answer);

  EgressContext& context_;
  Presence presence_;
};

// Over UDP, on one socket. A question that the policy takes long to answer is dropped: its client asks again.
class DnsDatagrams {
 public:
  // `sender` may be null.
  DnsDatagrams(EgressContext& context, DnsService& service, base::UniqueFd socket, base::Sender sender);

 private:
  void Ready();

  DnsService& service_;
  EgressContext& context_;
  const base::UniqueFd socket_;
  const base::Sender sender_;
  SocketWatch watch_;
  Presence presence_;
};

// Over TCP: one connection, any number of questions, one after the other.
class DnsStream {
 public:
  DnsStream(EgressContext& context, DnsService& service, std::uint64_t connection, base::Program program, Stream client,
            std::function<void()> done);

  void Start();

 private:
  void Ready();
  bool Advance();
  void Finish();

  EgressContext& context_;
  DnsService& service_;
  const std::uint64_t connection_;
  const base::Program program_;
  Stream client_;
  const std::function<void()> done_;
  std::string in_;
  DnsBytes out_;
  std::size_t sent_ = 0;
  bool asking_ = false;
  bool ended_ = false;
  bool finished_ = false;
  Timer deadline_;
  Timer soon_;
  Presence presence_;
};

}  // namespace leash::net
