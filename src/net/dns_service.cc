#include "net/dns_service.h"

#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/time/clock.h"
#include "fmt/format.h"
#include "net/host_name.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr int kDatagramsATurn = 64;

bool IsAboutNames(DnsType type) {
  return type == DnsType::kA || type == DnsType::kAaaa || type == DnsType::kAny || type == DnsType::kHttps ||
         type == DnsType::kSvcb;
}

NetworkEvent EventOf(const DnsQuestion& question, std::uint64_t connection, const base::Program& program) {
  NetworkEvent event;
  event.time = absl::Now();
  event.connection = connection;
  event.request.host = question.name;
  event.request.protocol = Protocol::kDns;
  event.request.arrival = Arrival::kDns;
  event.request.pid = program.pid;
  event.request.executable = program.executable;
  return event;
}

std::span<const std::uint8_t> Bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

// A datagram with where it came from and, in its ancillary data, the address that it was sent to: the answer is sent
// with the same, and so comes from there.
struct Datagram {
  std::array<char, 4096> bytes;  // more than clients send with EDNS
  std::size_t size = 0;
  sockaddr_storage peer = {};
  socklen_t peer_size = 0;
  alignas(cmsghdr) std::array<char, 128> control = {};
  std::size_t control_size = 0;

  bool Receive(int socket) {
    iovec body = {bytes.data(), bytes.size()};
    msghdr header = {};
    header.msg_name = &peer;
    header.msg_namelen = sizeof(peer);
    header.msg_iov = &body;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    const ssize_t got = ::recvmsg(socket, &header, 0);
    if (got < 0) return false;
    size = (header.msg_flags & MSG_TRUNC) != 0 ? 0 : static_cast<std::size_t>(got);
    peer_size = header.msg_namelen;
    control_size = header.msg_controllen;
    return true;
  }
  std::string_view text() const { return {bytes.data(), size}; }

  // Where it was sent to, if its ancillary data say so.
  sockaddr_storage Destination() {
    sockaddr_storage to = {};
    msghdr header = {};
    header.msg_control = control.data();
    header.msg_controllen = control_size;
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
      if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
        auto& four = reinterpret_cast<sockaddr_in&>(to);
        four.sin_family = AF_INET;
        four.sin_port = htons(kDnsPort);
        four.sin_addr = reinterpret_cast<in_pktinfo*>(CMSG_DATA(one))->ipi_addr;
      } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
        auto& six = reinterpret_cast<sockaddr_in6&>(to);
        six.sin6_family = AF_INET6;
        six.sin6_port = htons(kDnsPort);
        six.sin6_addr = reinterpret_cast<in6_pktinfo*>(CMSG_DATA(one))->ipi6_addr;
      }
    }
    return to;
  }
};

struct ReturnAddress {
  explicit ReturnAddress(const Datagram& datagram)
      : peer(datagram.peer),
        peer_size(datagram.peer_size),
        control(datagram.control),
        control_size(datagram.control_size) {
    msghdr header = {};
    header.msg_control = control.data();
    header.msg_controllen = control_size;
    for (cmsghdr* one = CMSG_FIRSTHDR(&header); one != nullptr; one = CMSG_NXTHDR(&header, one)) {
      if (one->cmsg_level == IPPROTO_IP && one->cmsg_type == IP_PKTINFO) {
        auto& info = *reinterpret_cast<in_pktinfo*>(CMSG_DATA(one));
        info.ipi_spec_dst = info.ipi_addr;
        info.ipi_ifindex = 0;
      } else if (one->cmsg_level == IPPROTO_IPV6 && one->cmsg_type == IPV6_PKTINFO) {
        reinterpret_cast<in6_pktinfo*>(CMSG_DATA(one))->ipi6_ifindex = 0;
      }
    }
  }

  void Send(int socket, DnsBytes answer) {
    if (answer.empty()) return;
    iovec body = {answer.data(), answer.size()};
    msghdr header = {};
    header.msg_name = &peer;
    header.msg_namelen = peer_size;
    header.msg_iov = &body;
    header.msg_iovlen = 1;
    header.msg_control = control_size > 0 ? control.data() : nullptr;
    header.msg_controllen = control_size;
    (void)::sendmsg(socket, &header, MSG_NOSIGNAL);
  }

  sockaddr_storage peer;
  socklen_t peer_size;
  alignas(cmsghdr) std::array<char, 128> control;
  std::size_t control_size;
};

}  // namespace

void DnsService::Answer(DnsQuestion question, std::uint64_t connection, const base::Program& program,
                        std::function<void(DnsBytes)> answer) {
  if (question.query_class != kDnsClassInternet) return answer(NotImplemented(question));
  NetworkEvent event = EventOf(question, connection, program);
  if (IsAboutNames(question.type)) return AnswerName(question, std::move(event), std::move(answer));
  if (question.type == DnsType::kPtr) {
    const auto address = AddressOfReverseName(question.name);
    const auto name = address.has_value() ? context_.leases.NameOf(*address) : std::nullopt;
    if (!name.has_value()) return answer(NameError(question));
    return answer(
        PointerAnswer(question, *name, static_cast<std::uint32_t>(absl::ToInt64Seconds(context_.leases.ttl()))));
  }
  event.outcome = NetworkOutcome::kDenied;
  event.detail = fmt::format("records of type {} are not answered", static_cast<unsigned>(question.type));
  context_.Tell(event);
  answer(Refused(question));
}

void DnsService::AnswerName(const DnsQuestion& question, NetworkEvent event, std::function<void(DnsBytes)> answer) {
  auto name = NormalizeHost(question.name);
  if (!name.ok()) {
    event.outcome = NetworkOutcome::kMalformed;
    event.detail = std::string(name.status().message());
    context_.Tell(event);
    return answer(NameError(question));
  }
  event.request.host = *std::move(name);
  const NetworkRequest request = event.request;
  AskPolicy(context_, request, presence_,
            [this, question, event = std::move(event), answer = std::move(answer)](const Ruling& ruling) mutable {
              event.verdict = ruling.verdict;
              event.rule = ruling.rule;
              event.duration = absl::Now() - event.time;
              if (ruling.verdict == Verdict::kDeny) {
                event.outcome = NetworkOutcome::kDenied;
                event.detail = "not allowed by the network policy";
                context_.Tell(event);
                return answer(Refused(question));
              }
              const auto lease = context_.leases.Take(event.request.host, absl::Now());
              if (!lease.has_value()) {
                event.outcome = NetworkOutcome::kUnresolved;
                event.detail = "more names are in use than there are addresses for";
                context_.Tell(event);
                return answer(ServerFailure(question));
              }
              context_.Tell(event);
              if (question.type == DnsType::kHttps || question.type == DnsType::kSvcb) return answer(NoData(question));
              answer(AddressAnswer(question, question.type == DnsType::kAaaa ? lease->v6 : lease->v4,
                                   static_cast<std::uint32_t>(absl::ToInt64Seconds(context_.leases.ttl()))));
            });
}

DnsDatagrams::DnsDatagrams(EgressContext& context, DnsService& service, base::UniqueFd socket, base::Sender sender)
    : service_(service),
      context_(context),
      socket_(std::move(socket)),
      sender_(std::move(sender)),
      watch_(context.loop, socket_.get(), [this](int) { Ready(); }) {
  watch_.Watch(SocketWatch::kReadable);
}

void DnsDatagrams::Ready() {
  Datagram datagram;
  for (int turn = 0; turn < kDatagramsATurn && datagram.Receive(socket_.get()); ++turn) {
    ReturnAddress back(datagram);
    if (auto question = ParseQuestion(Bytes(datagram.text()), DnsTransport::kUdp)) {
      const base::Program program = sender_ ? sender_(datagram.peer, datagram.Destination()) : base::Program();
      service_.Answer(*std::move(question), ++context_.connections, program,
                      [this, back, here = presence_.handle()](DnsBytes answer) mutable {
                        if (!here.expired()) back.Send(socket_.get(), std::move(answer));
                      });
    } else if (auto unreadable = AnswerToUnreadable(Bytes(datagram.text()))) {
      back.Send(socket_.get(), *std::move(unreadable));
    }
  }
}

DnsStream::DnsStream(EgressContext& context, DnsService& service, std::uint64_t connection, base::Program program,
                     Stream client, std::function<void()> done)
    : context_(context),
      service_(service),
      connection_(connection),
      program_(std::move(program)),
      client_(std::move(client)),
      done_(std::move(done)),
      deadline_(context.loop, [this] { Finish(); }),
      soon_(context.loop, [this] { Ready(); }) {}

void DnsStream::Start() {
  client_.OnReady([this](int) { Ready(); });
  client_.Watch(SocketWatch::kReadable);
  deadline_.Start(context_.settings.handshake);
}

void DnsStream::Ready() {
  if (!ended_ && !asking_ && in_.size() < 65537 && out_.empty()) {
    auto& bytes = context_.buffers.bytes();
    const ssize_t got = Receive(client_.get(), bytes.data(), bytes.size());
    if (got > 0) in_.append(bytes.data(), static_cast<std::size_t>(got));
    if (got == 0) ended_ = true;
    if (got < 0 && !WouldBlock()) return Finish();
  }
  while (Advance()) {
  }
  if (finished_) return;
  if (ended_ && !asking_ && out_.empty()) return Finish();
  client_.Watch(!out_.empty()       ? SocketWatch::kWritable
                : asking_ || ended_ ? SocketWatch::kNothing
                                    : SocketWatch::kReadable);
}

// Sends what there is to send, then begins with the next question. False: there is something to wait for.
bool DnsStream::Advance() {
  if (finished_) return false;
  while (sent_ < out_.size()) {
    const ssize_t sent = Send(client_.get(), out_.data() + sent_, out_.size() - sent_);
    if (sent < 0) {
      if (!WouldBlock()) Finish();
      return false;
    }
    sent_ += static_cast<std::size_t>(sent);
  }
  out_.clear();
  sent_ = 0;
  if (asking_) return false;
  const auto message = FirstTcpMessage(Bytes(in_));
  if (!message.has_value()) return false;
  deadline_.Start(context_.settings.handshake);
  auto question = ParseQuestion(*message, DnsTransport::kTcp);
  auto unreadable = question.has_value() ? std::nullopt : AnswerToUnreadable(*message);
  in_.erase(0, message->size() + 2);
  if (!question.has_value()) {
    if (!unreadable.has_value()) {
      Finish();
      return false;
    }
    out_ = WithTcpLength(*unreadable);
    return true;
  }
  asking_ = true;
  service_.Answer(*std::move(question), connection_, program_,
                  [this, here = presence_.handle()](const DnsBytes& answer) {
                    if (here.expired() || finished_) return;
                    asking_ = false;
                    out_ = WithTcpLength(answer);
                    soon_.Start(absl::ZeroDuration());
                  });
  return !asking_;
}

void DnsStream::Finish() {
  if (std::exchange(finished_, true)) return;
  client_.Watch(SocketWatch::kNothing);
  deadline_.Stop();
  const auto done = done_;
  done();
}

}  // namespace leash::net
