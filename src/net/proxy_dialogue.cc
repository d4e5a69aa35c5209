#include "net/proxy_dialogue.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/host_port.h"
#include "fmt/format.h"
#include "net/http_reader.h"
#include "net/ip_address.h"

namespace leash::net {
namespace {

class HttpDialogue : public ProxyDialogue {
 public:
  HttpDialogue(const UpstreamProxy& proxy, const std::string& host, std::uint16_t port)
      : proxy_(proxy), target_(base::HostPort(host, port)) {
    reader_.AnswersTo("CONNECT");
  }

  std::string Opening() const override {
    HttpHead head;
    head.method = "CONNECT";
    head.target = target_;
    head.fields = {{"Host", target_}};
    if (proxy_.credential.has_value()) SetField(head.fields, "Proxy-Authorization", proxy_.Authorization());
    return WriteRequestHead(head);
  }

  DialogueProgress Feed(std::string_view input) override {
    DialogueProgress result;
    while (true) {
      const HttpProgress progress = reader_.Read(input.substr(result.consumed));
      result.consumed += progress.consumed;
      switch (progress.found) {
        case HttpFound::kNothing:
          return result;
        case HttpFound::kError:
          return Refused(result.consumed,
                         fmt::format("{} did not answer in HTTP: {}", proxy_.Description(), reader_.error().reason));
        case HttpFound::kHead:
          break;
        case HttpFound::kBody:  // no head that goes on here has one
        case HttpFound::kEnd:
          continue;
      }
      const int status = reader_.head().status;
      if (status / 100 == 1 && status != 101) continue;  // the answer is still to come
      if (status / 100 != 2) return Refused(result.consumed, RefusalOf(proxy_, status));
      result.state = DialogueState::kOpen;
      return result;
    }
  }

 private:
  static DialogueProgress Refused(std::size_t consumed, std::string detail) {
    return {consumed, DialogueState::kRefused, "", std::move(detail)};
  }

  const UpstreamProxy& proxy_;
  const std::string target_;
  HttpReader reader_{HttpKind::kResponse};
};

// The codes of RFC 1928, 6, and whether another address of the host may fare better.
struct SocksAnswer {
  std::string_view meaning;
  bool elsewhere;
};
SocksAnswer AnswerOf(std::uint8_t code) {
  switch (static_cast<SocksReply>(code)) {
    case SocksReply::kNotAllowed:
      return {"it does not let this host through", false};
    case SocksReply::kNetworkUnreachable:
      return {"the network is unreachable", true};
    case SocksReply::kHostUnreachable:
      return {"the host is unreachable", true};
    case SocksReply::kConnectionRefused:
      return {"the connection was refused", true};
    case SocksReply::kTtlExpired:
      return {"the connection timed out", true};
    case SocksReply::kAddressTypeNotSupported:
      return {"it does not know this kind of address", true};
    default:
      return {"it failed", false};
  }
}

class SocksDialogue : public ProxyDialogue {
 public:
  SocksDialogue(const UpstreamProxy& proxy, std::string host, std::uint16_t port)
      : proxy_(proxy), host_(std::move(host)), port_(port) {}

  std::string Opening() const override {
    return proxy_.credential.has_value() ? std::string("\x05\x02\x00\x02", 4) : std::string("\x05\x01\x00", 3);
  }

  DialogueProgress Feed(std::string_view input) override {
    DialogueProgress result;
    while (result.state == DialogueState::kGoesOn) {
      const std::size_t more = std::min(Missing(), input.size() - result.consumed);
      message_ += input.substr(result.consumed, more);
      result.consumed += more;
      if (Missing() == 0) {
        Take(result);
      } else if (result.consumed == input.size()) {
        break;
      }
    }
    return result;
  }

 private:
  enum class State { kMethod, kPassword, kReply };

  std::uint8_t At(std::size_t i) const { return static_cast<std::uint8_t>(message_[i]); }

  // How many bytes the message has that is being read, as far as that is known.
  std::size_t Length() const {
    if (state_ != State::kReply) return 2;
    if (message_.size() < 5) return 5;  // to the first byte of the address
    constexpr std::size_t kAround = 4 + 2;
    switch (At(3)) {
      case 1:
        return kAround + 4;
      case 4:
        return kAround + 16;
      case 3:
        return kAround + 1 + At(4);
      default:
        return 5;
    }
  }
  std::size_t Missing() const { return Length() - std::min(message_.size(), Length()); }

  void Take(DialogueProgress& result) {
    switch (state_) {
      case State::kMethod:
        TakeMethod(result);
        break;
      case State::kPassword:
        if (At(1) != 0) return Refuse(result, "it does not take the credential");
        result.send += Request();
        state_ = State::kReply;
        break;
      case State::kReply:
        TakeReply(result);
        break;
    }
    message_.clear();
  }

  void TakeMethod(DialogueProgress& result) {
    if (At(0) != 5) return Refuse(result, "it does not speak SOCKS 5");
    if (At(1) == 0) {
      result.send += Request();
      state_ = State::kReply;
    } else if (At(1) == 2 && proxy_.credential.has_value()) {
      const auto& [user, password] = *proxy_.credential;
      result.send += '\x01';
      for (const std::string& text : {user, password}) {
        result.send += static_cast<char>(text.size());
        result.send += text;
      }
      state_ = State::kPassword;
    } else {
      Refuse(result, proxy_.credential.has_value() ? "it takes no user and password" : "it wants a credential");
    }
  }

  void TakeReply(DialogueProgress& result) {
    if (At(0) != 5) return Refuse(result, "it does not speak SOCKS 5");
    if (At(1) == 0) {
      const bool known = At(3) == 1 || At(3) == 3 || At(3) == 4;
      if (!known) return Refuse(result, "it answers with an unknown kind of address");
      result.state = DialogueState::kOpen;
      return;
    }
    const SocksAnswer answer = AnswerOf(At(1));
    Refuse(result, answer.meaning);
    if (answer.elsewhere) result.state = DialogueState::kElsewhere;
  }

  std::string Request() const {
    std::string request("\x05\x01\x00", 3);
    if (const auto address = IpAddress::Parse(host_)) {
      request += address->is_v4() ? '\x01' : '\x04';
      for (const std::uint8_t byte : address->bytes()) request += static_cast<char>(byte);
    } else {  // 253 bytes at most
      request += '\x03';
      request += static_cast<char>(host_.size());
      request += host_;
    }
    request += static_cast<char>(port_ >> 8);
    request += static_cast<char>(port_ & 0xff);
    return request;
  }

  void Refuse(DialogueProgress& result, std::string_view why) const {
    result.state = DialogueState::kRefused;
    result.detail = fmt::format("{}: {}", proxy_.Description(), why);
  }

  const UpstreamProxy& proxy_;
  const std::string host_;
  const std::uint16_t port_;
  State state_ = State::kMethod;
  std::string message_;  // as much of it as has come
};

}  // namespace

std::unique_ptr<ProxyDialogue> NewProxyDialogue(const UpstreamProxy& proxy, std::string host, std::uint16_t port) {
  if (proxy.kind == UpstreamProxy::Kind::kHttp) return std::make_unique<HttpDialogue>(proxy, host, port);
  return std::make_unique<SocksDialogue>(proxy, std::move(host), port);
}

}  // namespace leash::net
