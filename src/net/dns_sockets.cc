#include "net/dns_sockets.h"

#include <sys/socket.h>

#include <array>
#include <functional>
#include <span>
#include <utility>

#include "base/descriptor_message.h"
#include "net/sockets.h"

namespace leash::net {
namespace {

constexpr int kMessagesATurn = 64;

}  // namespace

// Reads without room for descriptors: what a program attaches to a question is dropped by the kernel.
class DnsSockets::Conversation {
 public:
  Conversation(EgressContext& context, DnsService& service, base::UniqueFd socket, base::Program program,
               std::function<void()> ended)
      : context_(context),
        service_(service),
        socket_(std::move(socket)),
        program_(std::move(program)),
        ended_(std::move(ended)),
        watch_(context.loop, socket_.get(), [this](int) { Ready(); }) {
    watch_.Watch(SocketWatch::kReadable);
  }
  bool ok() const { return watch_.ok(); }

 private:
  void Ready() {
    std::array<std::uint8_t, 4096> bytes;  // more than clients send with EDNS
    for (int turn = 0; turn < kMessagesATurn; ++turn) {
      const ssize_t got = Receive(socket_.get(), bytes.data(), bytes.size());
      if (got < 0 && WouldBlock()) return;
      if (got <= 0) {
        const auto ended = ended_;  // which destroys this
        return ended();
      }
      Answer(std::span(bytes).first(static_cast<std::size_t>(got)));
    }
  }

  void Answer(std::span<const std::uint8_t> message) {
    if (auto question = ParseQuestion(message, DnsTransport::kUdp)) {
      service_.Answer(*std::move(question), ++context_.connections, program_,
                      [this, here = presence_.handle()](const DnsBytes& answer) {
                        if (!here.expired()) Reply(answer);
                      });
    } else if (auto unreadable = AnswerToUnreadable(message)) {
      Reply(*unreadable);
    }
  }

  // A program that does not read loses its answers.
  void Reply(const DnsBytes& answer) {
    if (!answer.empty()) (void)Send(socket_.get(), answer.data(), answer.size());
  }

  EgressContext& context_;
  DnsService& service_;
  const base::UniqueFd socket_;
  const base::Program program_;
  const std::function<void()> ended_;
  SocketWatch watch_;
  Presence presence_;
};

DnsSockets::DnsSockets(EgressContext& context, DnsService& service, base::UniqueFd source)
    : context_(context),
      service_(service),
      source_(std::move(source)),
      watch_(context.loop, source_.get(), [this](int) { Take(); }) {
  watch_.Watch(SocketWatch::kReadable);
}

DnsSockets::~DnsSockets() = default;

void DnsSockets::Take() {
  for (int turn = 0; turn < kMessagesATurn; ++turn) {
    base::UniqueFd socket;
    std::string told;
    if (!base::ReceiveDescriptor(source_.get(), socket, &told)) {
      if (!WouldBlock()) watch_.Watch(SocketWatch::kNothing);  // the other side has ended
      return;
    }
    if (!socket || conversations_.size() >= kMost) continue;
    const std::uint64_t key = next_++;
    auto conversation = std::make_unique<Conversation>(context_, service_, std::move(socket), base::ProgramFrom(told),
                                                       [this, key] { Ended(key); });
    if (conversation->ok()) conversations_.emplace(key, std::move(conversation));
  }
}

// From within the conversation's own watch, which lets itself be destroyed there.
void DnsSockets::Ended(std::uint64_t key) { conversations_.erase(key); }

}  // namespace leash::net
