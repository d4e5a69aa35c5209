// Questions to a DNS server and its answers, as bytes (RFC 1035). As much as a resolver needs that answers by itself:
// one question a message, one record an answer, no zones, and so no SOA record in negative answers: they are cached by
// nobody (RFC 2308, 5), which suits a policy that can change.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "net/ip_address.h"

namespace leash::net {

constexpr std::uint16_t kDnsPort = 53;

using DnsBytes = std::vector<std::uint8_t>;

// Types that are treated in some way of their own. Any other number may stand in a question.
enum class DnsType : std::uint16_t {
  kA = 1,
  kPtr = 12,
  kAaaa = 28,
  kOpt = 41,
  kSvcb = 64,   // RFC 9460: answer both with NoData, and clients use addresses alone; no keys for an encrypted
  kHttps = 65,  // ClientHello, no other port, no hints
  kAny = 255,   // RFC 8482: one record is answer enough, see AddressAnswer
};
inline constexpr std::uint16_t kDnsClassInternet = 1;

enum class DnsTransport { kUdp, kTcp };

struct DnsEdns {  // RFC 6891
  std::uint16_t udp_size = 0;
  std::uint8_t version = 0;
};

struct DnsQuestion {
  std::uint16_t id = 0;
  std::uint16_t flags = 0;  // the second word of the header
  // Lower case, without the last dot; empty for the root. Letters, digits, '-' and '_' alone.
  std::string name;
  DnsType type = DnsType::kA;
  std::uint16_t query_class = kDnsClassInternet;
  std::optional<DnsEdns> edns;
  DnsBytes section;        // the question as it was sent: clients compare the case of its letters
  std::size_t most = 512;  // bytes that the answer may have
};

// None: no query with exactly one question (a response, another opcode, records where none belong, bytes left over),
// a name with odd bytes or compressed, or an OPT record that is malformed or second. AnswerToUnreadable says what to
// send then.
std::optional<DnsQuestion> ParseQuestion(std::span<const std::uint8_t> message, DnsTransport transport);

// FORMERR, or NOTIMP for another opcode than QUERY. None, so nothing is to be sent: it has no whole header, or is
// itself a response (else two servers could go on for ever).
std::optional<DnsBytes> AnswerToUnreadable(std::span<const std::uint8_t> message);

// Every answer repeats id, question and, minimally, OPT; is cut, and says so (TC), where it would be longer than
// question.most; and is BADVERS instead where the question's EDNS version is not 0. `ttl` is in seconds.

// A for an IPv4 address, AAAA for an IPv6 one. NoData where the question has neither that type nor ANY.
DnsBytes AddressAnswer(const DnsQuestion& question, const IpAddress& address, std::uint32_t ttl);
// A PTR record. ServerFailure where `name` is no name.
DnsBytes PointerAnswer(const DnsQuestion& question, std::string_view name, std::uint32_t ttl);
DnsBytes NoData(const DnsQuestion& question);          // the name exists, without such a record
DnsBytes NameError(const DnsQuestion& question);       // NXDOMAIN
DnsBytes Refused(const DnsQuestion& question);         // by policy
DnsBytes ServerFailure(const DnsQuestion& question);   // SERVFAIL
DnsBytes NotImplemented(const DnsQuestion& question);  // a class that is not the Internet's, say

// Over TCP a message follows its length in two bytes (RFC 1035, 4.2.2). The message at the front of `stream`, once it
// is whole; it and its length are message.size() + 2 bytes.
std::optional<std::span<const std::uint8_t>> FirstTcpMessage(std::span<const std::uint8_t> stream);
// `message` (up to 65535 bytes, as all of the above are) with its length.
DnsBytes WithTcpLength(std::span<const std::uint8_t> message);

// "1.2.0.192.in-addr.arpa" -> 192.0.2.1, and 32 digits below ip6.arpa (RFC 3596, 2.5). `name` as in a question.
std::optional<IpAddress> AddressOfReverseName(std::string_view name);

}  // namespace leash::net
