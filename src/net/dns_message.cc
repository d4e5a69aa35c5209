#include "net/dns_message.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "net/wire.h"

namespace leash::net {
namespace {

constexpr std::size_t kHeaderBytes = 12;
constexpr std::size_t kMostNameBytes = 255;  // on the wire, RFC 1035 2.3.4
constexpr std::size_t kMostLabelBytes = 63;
constexpr std::size_t kLeastUdpBytes = 512;
// What we send at most over UDP and say so: no path that matters fragments it (DNS flag day 2020).
constexpr std::size_t kMostUdpBytes = 1232;
constexpr std::size_t kMostTcpBytes = 65535;

// The second word of the header.
constexpr std::uint16_t kResponse = 0x8000;
constexpr std::uint16_t kOpcode = 0x7800;
constexpr std::uint16_t kTruncated = 0x0200;
constexpr std::uint16_t kRecursionDesired = 0x0100;
constexpr std::uint16_t kRecursionAvailable = 0x0080;
constexpr std::uint16_t kCheckingDisabled = 0x0010;

// RFC 1035 4.1.1, RFC 6891 9. The upper bits of what does not fit into four stand in the OPT record.
enum class ResponseCode : std::uint16_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNameError = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,
};

// A name in an answer that is the question's.
constexpr std::uint16_t kPointerToQuestion = 0xc000 | kHeaderBytes;

std::string_view AsText(std::span<const std::uint8_t> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// A name written out: a question has nothing in front of it that it could point to.
std::string ReadName(WireReader& reader) {
  std::string name;
  for (std::size_t wire = 1;;) {
    const std::size_t length = reader.Number(1);
    if (length == 0) return name;
    wire += length + 1;
    if (length > kMostLabelBytes || wire > kMostNameBytes) reader.Fail();
    if (!name.empty()) name += '.';
    for (const char c : reader.Take(length)) {
      if (!IsLabelCharacter(c)) reader.Fail();
      name += absl::ascii_tolower(static_cast<unsigned char>(c));
    }
    if (!reader.ok()) return {};
  }
}

// The owner of a record behind the question. Only the root's is of interest, and a pointer ends a name: none is
// followed.
bool SkipNameIsRoot(WireReader& reader) {
  for (bool root = true;; root = false) {
    const std::size_t length = reader.Number(1);
    if (length == 0) return root;
    if (length >= 0xc0) {
      reader.Number(1);
      return false;
    }
    if (length > kMostLabelBytes) reader.Fail();
    reader.Take(length);
    if (!reader.ok()) return false;
  }
}

// Looks for OPT among the additional records; signatures (TSIG, SIG(0)) are passed over: nobody's is asked for.
void ReadAdditional(WireReader& reader, std::size_t records, DnsQuestion& question) {
  for (std::size_t i = 0; i < records && reader.ok(); ++i) {
    const bool root = SkipNameIsRoot(reader);
    const auto type = static_cast<DnsType>(reader.Number(2));
    const auto udp_size = static_cast<std::uint16_t>(reader.Number(2));
    reader.Number(1);  // upper bits of a response code
    const auto version = static_cast<std::uint8_t>(reader.Number(1));
    reader.Number(2);  // flags
    reader.Vector(2, 0);
    if (type != DnsType::kOpt) continue;
    if (!root || question.edns.has_value()) reader.Fail();
    question.edns = DnsEdns{udp_size, version};
  }
}

void Put16(DnsBytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8 & 0xff));
  out.push_back(static_cast<std::uint8_t>(value & 0xff));
}

void Put32(DnsBytes& out, std::uint32_t value) {
  Put16(out, value >> 16);
  Put16(out, value & 0xffff);
}

void Append(DnsBytes& out, std::span<const std::uint8_t> bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

std::optional<DnsBytes> WireName(std::string_view name) {
  DnsBytes wire;
  if (!name.empty() && name.back() == '.') name.remove_suffix(1);
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    if (label.empty() || label.size() > kMostLabelBytes) return std::nullopt;
    wire.push_back(static_cast<std::uint8_t>(label.size()));
    for (const char c : label) {
      if (!IsLabelCharacter(c)) return std::nullopt;
      wire.push_back(static_cast<std::uint8_t>(c));
    }
    name.remove_prefix(label.size());
    if (name == ".") return std::nullopt;
    if (!name.empty()) name.remove_prefix(1);
  }
  wire.push_back(0);
  if (wire.size() > kMostNameBytes) return std::nullopt;
  return wire;
}

DnsBytes Header(std::uint16_t id, std::uint16_t query_flags, ResponseCode code, std::array<std::size_t, 4> counts) {
  DnsBytes out;
  const auto kept = static_cast<std::uint16_t>(query_flags & (kOpcode | kRecursionDesired | kCheckingDisabled));
  Put16(out, id);
  Put16(out, kept | kResponse | kRecursionAvailable | (static_cast<std::uint16_t>(code) & 0xf));
  for (const std::size_t count : counts) Put16(out, count);
  return out;
}

// `record` is a whole record or empty.
DnsBytes Build(const DnsQuestion& question, ResponseCode code, std::span<const std::uint8_t> record = {}) {
  if (question.edns.has_value() && question.edns->version != 0) {
    code = ResponseCode::kBadVersion;
    record = {};
  }
  DnsBytes out =
      Header(question.id, question.flags, code, {1, record.empty() ? 0U : 1U, 0, question.edns.has_value() ? 1U : 0U});
  Append(out, question.section);
  constexpr std::size_t kOptBytes = 11;
  if (!record.empty() && out.size() + record.size() + (question.edns ? kOptBytes : 0) > question.most) {
    out[2] |= kTruncated >> 8;
    out[7] = 0;  // no answers
  } else {
    Append(out, record);
  }
  if (question.edns.has_value()) {
    out.push_back(0);  // the root
    Put16(out, static_cast<std::size_t>(DnsType::kOpt));
    Put16(out, kMostUdpBytes);
    Put32(out, static_cast<std::uint32_t>(code) >> 4 << 24);  // no flags: DNSSEC is not ours to offer
    Put16(out, 0);
  }
  return out;
}

DnsBytes Record(DnsType type, std::uint32_t ttl, std::span<const std::uint8_t> data) {
  DnsBytes out;
  Put16(out, kPointerToQuestion);
  Put16(out, static_cast<std::size_t>(type));
  Put16(out, kDnsClassInternet);
  Put32(out, ttl);
  Put16(out, data.size());
  Append(out, data);
  return out;
}

bool TakeSuffix(std::string_view& name, std::string_view suffix) {
  if (name.size() < suffix.size() || name.substr(name.size() - suffix.size()) != suffix) return false;
  name.remove_suffix(suffix.size());
  return true;
}

// "4.3.2.1": one form a number.
std::optional<IpAddress> ReverseV4(std::string_view digits) {
  std::array<std::uint8_t, 4> bytes = {};
  for (std::size_t i = bytes.size(); i-- > 0;) {
    const std::string_view label = digits.substr(0, digits.find('.'));
    const auto parsed = std::from_chars(label.data(), label.data() + label.size(), bytes[i]);
    if (label.empty() || parsed.ec != std::errc() || parsed.ptr != label.data() + label.size()) return std::nullopt;
    if (label.size() > 1 && label[0] == '0') return std::nullopt;
    digits.remove_prefix(label.size());
    if (digits.empty() != (i == 0)) return std::nullopt;
    if (i > 0) digits.remove_prefix(1);
  }
  return IpAddress::V4(bytes);
}

std::optional<IpAddress> ReverseV6(std::string_view digits) {
  std::array<std::uint8_t, 16> bytes = {};
  constexpr std::size_t kDigits = 32;
  if (digits.size() != 2 * kDigits - 1) return std::nullopt;
  for (std::size_t i = 0; i < kDigits; ++i) {
    unsigned value = 0;
    const char* const digit = digits.data() + 2 * i;
    if (std::from_chars(digit, digit + 1, value, 16).ec != std::errc()) return std::nullopt;
    if (i > 0 && digit[-1] != '.') return std::nullopt;
    bytes[15 - i / 2] = static_cast<std::uint8_t>(bytes[15 - i / 2] | value << (i % 2 * 4));
  }
  return IpAddress::V6(bytes);
}

}  // namespace

std::optional<DnsQuestion> ParseQuestion(std::span<const std::uint8_t> message, DnsTransport transport) {
  WireReader reader(AsText(message));
  DnsQuestion question;
  question.id = static_cast<std::uint16_t>(reader.Number(2));
  question.flags = static_cast<std::uint16_t>(reader.Number(2));
  const std::size_t questions = reader.Number(2);
  const std::size_t answers = reader.Number(2);
  const std::size_t authorities = reader.Number(2);
  const std::size_t additional = reader.Number(2);
  if ((question.flags & (kResponse | kOpcode | kTruncated)) != 0) return std::nullopt;
  if (questions != 1 || answers != 0 || authorities != 0) return std::nullopt;
  question.name = ReadName(reader);
  question.type = static_cast<DnsType>(reader.Number(2));
  question.query_class = static_cast<std::uint16_t>(reader.Number(2));
  if (!reader.ok()) return std::nullopt;
  const auto section = message.subspan(kHeaderBytes, message.size() - reader.left() - kHeaderBytes);
  question.section.assign(section.begin(), section.end());
  ReadAdditional(reader, additional, question);
  if (!reader.done()) return std::nullopt;
  if (transport == DnsTransport::kTcp) {
    question.most = kMostTcpBytes;
  } else if (question.edns.has_value()) {
    question.most = std::clamp<std::size_t>(question.edns->udp_size, kLeastUdpBytes, kMostUdpBytes);
  }
  return question;
}

std::optional<DnsBytes> AnswerToUnreadable(std::span<const std::uint8_t> message) {
  WireReader reader(AsText(message));
  const auto id = static_cast<std::uint16_t>(reader.Number(2));
  const auto flags = static_cast<std::uint16_t>(reader.Number(2));
  reader.Take(kHeaderBytes - 4);
  if (!reader.ok() || (flags & kResponse) != 0) return std::nullopt;
  const auto code = (flags & kOpcode) != 0 ? ResponseCode::kNotImplemented : ResponseCode::kFormatError;
  return Header(id, flags, code, {0, 0, 0, 0});
}

DnsBytes AddressAnswer(const DnsQuestion& question, const IpAddress& address, std::uint32_t ttl) {
  const DnsType type = address.is_v4() ? DnsType::kA : DnsType::kAaaa;
  if (question.type != type && question.type != DnsType::kAny) return NoData(question);
  return Build(question, ResponseCode::kNoError, Record(type, ttl, address.bytes()));
}

DnsBytes PointerAnswer(const DnsQuestion& question, std::string_view name, std::uint32_t ttl) {
  const auto wire = WireName(name);
  if (!wire.has_value()) return ServerFailure(question);
  return Build(question, ResponseCode::kNoError, Record(DnsType::kPtr, ttl, *wire));
}

DnsBytes NoData(const DnsQuestion& question) { return Build(question, ResponseCode::kNoError); }
DnsBytes NameError(const DnsQuestion& question) { return Build(question, ResponseCode::kNameError); }
DnsBytes Refused(const DnsQuestion& question) { return Build(question, ResponseCode::kRefused); }
DnsBytes ServerFailure(const DnsQuestion& question) { return Build(question, ResponseCode::kServerFailure); }
DnsBytes NotImplemented(const DnsQuestion& question) { return Build(question, ResponseCode::kNotImplemented); }

std::optional<std::span<const std::uint8_t>> FirstTcpMessage(std::span<const std::uint8_t> stream) {
  WireReader reader(AsText(stream));
  const std::size_t size = reader.Vector(2, 0).size();
  if (!reader.ok()) return std::nullopt;
  return stream.subspan(2, size);
}

DnsBytes WithTcpLength(std::span<const std::uint8_t> message) {
  DnsBytes out;
  const auto kept = message.first(std::min(message.size(), kMostTcpBytes));
  Put16(out, kept.size());
  Append(out, kept);
  return out;
}

std::optional<IpAddress> AddressOfReverseName(std::string_view name) {
  if (TakeSuffix(name, ".in-addr.arpa")) return ReverseV4(name);
  if (TakeSuffix(name, ".ip6.arpa")) return ReverseV6(name);
  return std::nullopt;
}

}  // namespace leash::net
