#include "net/socks.h"

#include <array>

#include "net/secret.h"
#include "net/wire.h"

namespace leash::net {
namespace {

constexpr std::uint8_t kConnect = 1;
constexpr std::size_t kNothing = 0;

// RFC 1928, 3 and 5; RFC 1929.
constexpr std::uint8_t kNoAuthentication = 0;
constexpr std::uint8_t kUserAndPassword = 2;
constexpr char kNoMethod = '\xff';
constexpr char kPasswordVersion = 1;
constexpr std::uint8_t kTypeV4 = 1;
constexpr std::uint8_t kTypeName = 3;
constexpr std::uint8_t kTypeV6 = 4;

// SOCKS 4. The protocol has no limit for the user: ours.
constexpr char kGranted = 90;
constexpr char kRejected = 91;
constexpr char kRejectedUser = 93;
constexpr std::size_t kMostUserBytes = 255;
constexpr std::size_t kMostNameBytes = 255;

std::uint16_t PortAt(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(ByteAt(bytes, at) << 8 | ByteAt(bytes, at + 1));
}

template <std::size_t kSize>
std::array<std::uint8_t, kSize> BytesAt(std::string_view bytes, std::size_t at) {
  std::array<std::uint8_t, kSize> out;
  for (std::size_t i = 0; i < kSize; ++i) out[i] = ByteAt(bytes, at + i);
  return out;
}

void AppendAddress(std::string& out, const IpAddress& address) {
  for (const std::uint8_t byte : address.bytes()) out += static_cast<char>(byte);
}

void AppendPort(std::string& out, std::uint16_t port) {
  out += static_cast<char>(port >> 8);
  out += static_cast<char>(port & 0xff);
}

void SetAddress(SocksRequest& request, const IpAddress& address) {
  request.address = address;
  request.host = address.ToString();
}

// False for a name with odd bytes. A name that is an address in digits becomes one.
bool SetName(SocksRequest& request, std::string_view name) {
  if (const auto address = IpAddress::Parse(name); address.has_value()) {
    SetAddress(request, *address);
    return true;
  }
  request.host = name;
  return IsPlainHost(name);
}

// Four bytes that stand for "the name follows" (SOCKS 4a): 0.0.0.x with x not 0.
bool StandsForName(const std::array<std::uint8_t, 4>& address) {
  return address[0] == 0 && address[1] == 0 && address[2] == 0 && address[3] != 0;
}

std::string Reply4(char code, const Endpoint& bound = {}) {
  std::string out = {'\0', code};
  AppendPort(out, bound.port);
  AppendAddress(out, bound.address.is_v4() ? bound.address : IpAddress());
  return out;
}

std::string Reply5(SocksReply reply, const Endpoint& bound = {}) {
  std::string out = {5, static_cast<char>(reply), 0, static_cast<char>(bound.address.is_v4() ? kTypeV4 : kTypeV6)};
  AppendAddress(out, bound.address);
  AppendPort(out, bound.port);
  return out;
}

}  // namespace

SocksProgress SocksParser::Feed(std::string_view bytes) {
  SocksProgress progress;
  if (state_ == State::kOver) return progress;
  const std::size_t before = buffer_.size();
  buffer_ += bytes;
  std::size_t used = 0;
  while (state_ != State::kOver) {
    const std::size_t step = Step(progress);
    if (step == kNothing) break;
    used += step;
    buffer_.erase(0, step);
  }
  if (state_ != State::kOver) {
    progress.consumed = bytes.size();
  } else {
    // Steps never end before the new bytes: what was there before was too short for one.
    progress.consumed = used - before;
    buffer_.clear();
  }
  return progress;
}

std::size_t SocksParser::Step(SocksProgress& progress) {
  switch (state_) {
    case State::kVersion:
      if (buffer_.empty()) return kNothing;
      if (buffer_[0] == 5) {
        state_ = State::kMethods;
      } else if (buffer_[0] == 4) {
        state_ = State::kRequest4;
      } else {
        Refuse(progress, "");
        return 1;
      }
      return Step(progress);
    case State::kMethods:
      return ReadMethods(progress);
    case State::kPassword:
      return ReadPassword(progress);
    case State::kRequest5:
      return ReadRequest5(progress);
    case State::kRequest4:
      return ReadRequest4(progress);
    case State::kOver:
      break;
  }
  return kNothing;
}

void SocksParser::Refuse(SocksProgress& progress, std::string send) {
  progress.send += send;
  progress.event = SocksEvent::kClose;
  state_ = State::kOver;
}

void SocksParser::Accept(SocksProgress& progress) {
  progress.event = SocksEvent::kRequest;
  state_ = State::kOver;
}

// version, count, methods
std::size_t SocksParser::ReadMethods(SocksProgress& progress) {
  if (buffer_.size() < 2) return kNothing;
  const std::size_t size = 2U + ByteAt(buffer_, 1);
  if (buffer_.size() < size) return kNothing;
  const std::uint8_t wanted = credential_.has_value() ? kUserAndPassword : kNoAuthentication;
  const std::string_view methods = std::string_view(buffer_).substr(2, size - 2);
  if (methods.find(static_cast<char>(wanted)) == std::string_view::npos) {
    Refuse(progress, {5, kNoMethod});
  } else {
    progress.send += {5, static_cast<char>(wanted)};
    state_ = credential_.has_value() ? State::kPassword : State::kRequest5;
  }
  return size;
}

// version, length, user, length, password
std::size_t SocksParser::ReadPassword(SocksProgress& progress) {
  if (buffer_.empty()) return kNothing;
  if (buffer_[0] != kPasswordVersion) {
    Refuse(progress, {kPasswordVersion, 1});
    return 1;
  }
  if (buffer_.size() < 2) return kNothing;
  const std::size_t user_size = ByteAt(buffer_, 1);
  if (buffer_.size() < user_size + 3) return kNothing;
  const std::size_t size = user_size + 3 + ByteAt(buffer_, user_size + 2);
  if (buffer_.size() < size) return kNothing;
  const std::string_view bytes = buffer_;
  const bool right_user = SameSecret(bytes.substr(2, user_size), credential_->user);
  const bool right_password = SameSecret(bytes.substr(user_size + 3, size - user_size - 3), credential_->password);
  if (right_user && right_password) {
    progress.send += {kPasswordVersion, 0};
    state_ = State::kRequest5;
  } else {
    Refuse(progress, {kPasswordVersion, 1});
  }
  return size;
}

// version, command, 0, type, address, port
std::size_t SocksParser::ReadRequest5(SocksProgress& progress) {
  if (buffer_.size() < 4) return kNothing;
  const std::string_view bytes = buffer_;
  if (bytes[0] != 5 || bytes[2] != 0) {
    Refuse(progress, Reply5(SocksReply::kFailure));
    return 4;
  }
  const std::uint8_t type = ByteAt(bytes, 3);
  if (type != kTypeV4 && type != kTypeV6 && type != kTypeName) {
    Refuse(progress, Reply5(SocksReply::kAddressTypeNotSupported));
    return 4;
  }
  if (type == kTypeName && bytes.size() < 5) return kNothing;
  const std::size_t address_size = type == kTypeV4 ? 4U : type == kTypeV6 ? 16U : 1U + ByteAt(bytes, 4);
  const std::size_t size = 4 + address_size + 2;
  if (bytes.size() < size) return kNothing;
  request_.version = 5;
  request_.port = PortAt(bytes, size - 2);
  bool good = request_.port != 0;
  if (type == kTypeV4) {
    SetAddress(request_, IpAddress::V4(BytesAt<4>(bytes, 4)));
  } else if (type == kTypeV6) {
    SetAddress(request_, IpAddress::V6(BytesAt<16>(bytes, 4)));
  } else {
    good = SetName(request_, bytes.substr(5, address_size - 1)) && good;
  }
  if (ByteAt(bytes, 1) != kConnect) {
    Refuse(progress, Reply5(SocksReply::kCommandNotSupported));
  } else if (!good) {
    Refuse(progress, Reply5(SocksReply::kFailure));
  } else {
    Accept(progress);
  }
  return size;
}

// version, command, port, address, user, 0; and name, 0 in SOCKS 4a
std::size_t SocksParser::ReadRequest4(SocksProgress& progress) {
  constexpr std::size_t kFixed = 8;
  if (buffer_.size() < kFixed) return kNothing;
  const std::string_view bytes = buffer_;
  const auto refuse_at = [&](std::size_t size, char code) {
    Refuse(progress, Reply4(code));
    return size;
  };
  const std::size_t user_end = bytes.substr(0, kFixed + kMostUserBytes + 1).find('\0', kFixed);
  if (user_end == std::string_view::npos) {
    if (bytes.size() <= kFixed + kMostUserBytes) return kNothing;
    return refuse_at(kFixed + kMostUserBytes + 1, kRejected);
  }
  const auto address = BytesAt<4>(bytes, 4);
  std::size_t size = user_end + 1;
  std::string_view name;
  if (StandsForName(address)) {
    const std::size_t name_end = bytes.substr(0, size + kMostNameBytes + 1).find('\0', size);
    if (name_end == std::string_view::npos) {
      if (bytes.size() <= size + kMostNameBytes) return kNothing;
      return refuse_at(size + kMostNameBytes + 1, kRejected);
    }
    name = bytes.substr(size, name_end - size);
    size = name_end + 1;
  }
  if (credential_.has_value()) return refuse_at(size, kRejectedUser);
  request_.version = 4;
  request_.port = PortAt(bytes, 2);
  bool good = request_.port != 0 && ByteAt(bytes, 1) == kConnect;
  if (StandsForName(address)) {
    good = SetName(request_, name) && good;
  } else {
    SetAddress(request_, IpAddress::V4(address));
  }
  if (!good) return refuse_at(size, kRejected);
  Accept(progress);
  return size;
}

std::string SocksParser::Reply(SocksReply reply, const Endpoint& bound) const {
  if (request_.version == 5) return Reply5(reply, bound);
  return Reply4(reply == SocksReply::kSucceeded ? kGranted : kRejected, bound);
}

}  // namespace leash::net
