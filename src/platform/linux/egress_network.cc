#include "platform/linux/egress_network.h"

#include <arpa/inet.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

#include "base/unique_fd.h"
#include "core/plan.h"

namespace leash::platform {
namespace {

constexpr int kLoopback = 1;  // its number in every network namespace

// The C library counts a family as usable only when some interface has an address of it that is not loopback's, and
// asks for no name without one (getaddrinfo(3), AI_ADDRCONFIG). So loopback gets one of each: the dummy address of RFC
// 7600, and one of the prefix of RFC 6666 that is discarded everywhere. Nothing outside has either.
constexpr std::uint8_t kDummy4[] = {192, 0, 0, 8};
constexpr std::uint8_t kDummy6[] = {0x01, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8};

void AddAddress(NetlinkMessages& messages, std::uint8_t family, std::span<const std::uint8_t> address) {
  ifaddrmsg head = {};
  head.ifa_family = family;
  head.ifa_prefixlen = static_cast<std::uint8_t>(address.size() * 8);
  head.ifa_flags = IFA_F_NODAD;
  head.ifa_scope = RT_SCOPE_UNIVERSE;
  head.ifa_index = kLoopback;
  messages.Begin(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, head);
  messages.Attribute(IFA_LOCAL, address);
  messages.Attribute(IFA_ADDRESS, address);
}

NetlinkMessages LoopbackUp(bool ipv6) {
  ifinfomsg link = {};
  link.ifi_family = AF_UNSPEC;
  link.ifi_index = kLoopback;
  link.ifi_flags = IFF_UP;
  link.ifi_change = IFF_UP;
  NetlinkMessages messages;
  messages.Begin(RTM_NEWLINK, NLM_F_ACK, link);
  AddAddress(messages, AF_INET, kDummy4);
  if (ipv6) AddAddress(messages, AF_INET6, kDummy6);
  return messages;
}

// ip route add local default dev lo
NetlinkMessages EveryAddressIsLocal(std::uint8_t family) {
  rtmsg route = {};
  route.rtm_family = family;
  route.rtm_table = RT_TABLE_LOCAL;
  route.rtm_protocol = RTPROT_STATIC;
  route.rtm_scope = RT_SCOPE_HOST;
  route.rtm_type = RTN_LOCAL;
  NetlinkMessages messages;
  messages.Begin(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, route);
  messages.Number(RTA_OIF, kLoopback);
  return messages;
}

// The redirection, as nft(8) would show it:
//
//   table inet leash {
//     chain output {
//       type nat hook output priority dstnat; policy accept;
//       tcp dport 53 redirect to :3128
//       ip daddr 127.0.0.0/8 accept
//       ip6 daddr ::1 accept
//       meta l4proto tcp redirect to :3128
//     }
//   }
//
// Port 53 comes first: a resolver of the host's may have a loopback address, and no program inside may have that port.
class Redirection {
 public:
  // Tables for both families came with IPv6: a kernel without it may have none.
  explicit Redirection(bool ipv6) : family_(ipv6 ? NFPROTO_INET : NFPROTO_IPV4) {
    Batch(NFNL_MSG_BATCH_BEGIN);
    Begin(NFT_MSG_NEWTABLE, 0);
    messages_.Text(NFTA_TABLE_NAME, kTable);
    Chain();
    Rule([this] {
      IsTcp();
      Load(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
      IsBytes({0, 53});
      Redirect();
    });
    Rule([this] {
      IsOf(NFPROTO_IPV4);
      Load(NFT_PAYLOAD_NETWORK_HEADER, 16, 1);  // the first byte of the destination
      IsBytes({127});
      Accept();
    });
    if (ipv6) {
      Rule([this] {
        IsOf(NFPROTO_IPV6);
        Load(NFT_PAYLOAD_NETWORK_HEADER, 24, 16);  // the destination
        IsBytes({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1});
        Accept();
      });
    }
    Rule([this] {
      IsTcp();
      Redirect();
    });
    Batch(NFNL_MSG_BATCH_END);
  }
  NetlinkMessages Take() { return std::move(messages_); }

 private:
  static constexpr std::string_view kTable = "leash";
  static constexpr std::string_view kChain = "output";

  nfgenmsg Head(std::uint8_t family, std::uint16_t resource) const {
    nfgenmsg head = {};
    head.nfgen_family = family;
    head.version = NFNETLINK_V0;
    head.res_id = htons(resource);
    return head;
  }
  void Batch(std::uint16_t type) { messages_.Begin(type, 0, Head(AF_UNSPEC, NFNL_SUBSYS_NFTABLES)); }
  void Begin(std::uint16_t type, std::uint16_t flags) {
    messages_.Begin(static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8 | type),
                    static_cast<std::uint16_t>(NLM_F_ACK | NLM_F_CREATE | flags), Head(family_, 0));
  }

  void Chain() {
    constexpr std::int32_t kDestinationNat = -100;  // NF_IP_PRI_NAT_DST
    Begin(NFT_MSG_NEWCHAIN, 0);
    messages_.Text(NFTA_CHAIN_TABLE, kTable);
    messages_.Text(NFTA_CHAIN_NAME, kChain);
    messages_.Nest(NFTA_CHAIN_HOOK, [&] {
      messages_.NetworkNumber(NFTA_HOOK_HOOKNUM, NF_INET_LOCAL_OUT);
      messages_.NetworkNumber(NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(kDestinationNat));
    });
    messages_.Text(NFTA_CHAIN_TYPE, "nat");
  }

  template <typename Expressions>
  void Rule(const Expressions& expressions) {
    Begin(NFT_MSG_NEWRULE, NLM_F_APPEND);
    messages_.Text(NFTA_RULE_TABLE, kTable);
    messages_.Text(NFTA_RULE_CHAIN, kChain);
    messages_.Nest(NFTA_RULE_EXPRESSIONS, expressions);
  }

  template <typename Data>
  void Expression(std::string_view name, const Data& data) {
    messages_.Nest(NFTA_LIST_ELEM, [&] {
      messages_.Text(NFTA_EXPR_NAME, name);
      messages_.Nest(NFTA_EXPR_DATA, data);
    });
  }

  // Each of these works on one register.
  void LoadMeta(std::uint32_t key) {
    Expression("meta", [&] {
      messages_.NetworkNumber(NFTA_META_DREG, NFT_REG_1);
      messages_.NetworkNumber(NFTA_META_KEY, key);
    });
  }
  void Load(std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
    Expression("payload", [&] {
      messages_.NetworkNumber(NFTA_PAYLOAD_DREG, NFT_REG_1);
      messages_.NetworkNumber(NFTA_PAYLOAD_BASE, base);
      messages_.NetworkNumber(NFTA_PAYLOAD_OFFSET, offset);
      messages_.NetworkNumber(NFTA_PAYLOAD_LEN, size);
    });
  }
  void IsBytes(std::initializer_list<std::uint8_t> value) {
    Expression("cmp", [&] {
      messages_.NetworkNumber(NFTA_CMP_SREG, NFT_REG_1);
      messages_.NetworkNumber(NFTA_CMP_OP, NFT_CMP_EQ);
      messages_.Nest(NFTA_CMP_DATA, [&] { messages_.Attribute(NFTA_DATA_VALUE, {value.begin(), value.size()}); });
    });
  }
  void IsTcp() {
    LoadMeta(NFT_META_L4PROTO);
    IsBytes({IPPROTO_TCP});
  }
  void IsOf(std::uint8_t family) {
    LoadMeta(NFT_META_NFPROTO);
    IsBytes({family});
  }
  void Accept() {
    Expression("immediate", [&] {
      messages_.NetworkNumber(NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
      messages_.Nest(NFTA_IMMEDIATE_DATA, [&] {
        messages_.Nest(NFTA_DATA_VERDICT, [&] { messages_.NetworkNumber(NFTA_VERDICT_CODE, NF_ACCEPT); });
      });
    });
  }
  // To the same port of the loopback address of the connection's family.
  void Redirect() {
    constexpr std::uint8_t kPort[] = {core::kEgressPort >> 8, core::kEgressPort & 0xff};
    Expression("immediate", [&] {
      messages_.NetworkNumber(NFTA_IMMEDIATE_DREG, NFT_REG_1);
      messages_.Nest(NFTA_IMMEDIATE_DATA, [&] { messages_.Attribute(NFTA_DATA_VALUE, kPort); });
    });
    Expression("redir", [&] { messages_.NetworkNumber(NFTA_REDIR_REG_PROTO_MIN, NFT_REG_1); });
  }

  const std::uint8_t family_;
  NetlinkMessages messages_;
};

}  // namespace

std::vector<NetlinkExchange> LoopbackNetwork(bool ipv6) {
  std::vector<NetlinkExchange> exchanges;
  exchanges.push_back({NETLINK_ROUTE, wire::SetUpStage::kLoopback, LoopbackUp(ipv6)});
  return exchanges;
}

std::vector<NetlinkExchange> EgressNetwork(bool ipv6) {
  std::vector<NetlinkExchange> exchanges = LoopbackNetwork(ipv6);
  exchanges.push_back({NETLINK_ROUTE, wire::SetUpStage::kRoute, EveryAddressIsLocal(AF_INET)});
  if (ipv6) exchanges.push_back({NETLINK_ROUTE, wire::SetUpStage::kRoute, EveryAddressIsLocal(AF_INET6)});
  exchanges.push_back({NETLINK_NETFILTER, wire::SetUpStage::kRedirection, Redirection(ipv6).Take()});
  return exchanges;
}

bool HasIpv6() {
  const base::UniqueFd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe || errno != EAFNOSUPPORT;
}

}  // namespace leash::platform
