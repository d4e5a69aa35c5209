#include "platform/linux/netlink_message.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "platform/linux/egress_network.h"

namespace leash::platform {
namespace {

using ::testing::ElementsAre;

// The messages in `bytes`; empty when their lengths do not add up.
std::vector<nlmsghdr> Heads(const std::vector<std::uint8_t>& bytes) {
  std::vector<nlmsghdr> heads;
  std::size_t at = 0;
  while (at + sizeof(nlmsghdr) <= bytes.size()) {
    nlmsghdr head;
    std::memcpy(&head, bytes.data() + at, sizeof(head));
    if (head.nlmsg_len < sizeof(head) || head.nlmsg_len % NLMSG_ALIGNTO != 0) return {};
    heads.push_back(head);
    at += head.nlmsg_len;
  }
  return at == bytes.size() ? heads : std::vector<nlmsghdr>();
}

TEST(NetlinkMessages, AreHeaderAndPaddedAttributes) {
  NetlinkMessages messages;
  messages.Begin(RTM_NEWROUTE, NLM_F_ACK, std::uint32_t{0x01020304});
  messages.Text(7, "leash");
  messages.Nest(8, [&] { messages.NetworkNumber(9, 3128); });
  EXPECT_EQ(messages.acknowledgements(), 1U);
  EXPECT_THAT(messages.bytes(), ElementsAre(44, 0, 0, 0, RTM_NEWROUTE, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // header
                                            4, 3, 2, 1,                                                  // its own
                                            10, 0, 7, 0, 'l', 'e', 'a', 's', 'h', 0, 0, 0,               // text
                                            12, 0, 8, 0x80, 8, 0, 9, 0, 0, 0, 0x0c, 0x38));              // nested
}

TEST(NetlinkMessages, FollowEachOther) {
  NetlinkMessages messages;
  messages.Begin(RTM_NEWLINK, NLM_F_ACK, ifinfomsg{});
  messages.Begin(RTM_NEWROUTE, 0, rtmsg{});
  messages.Number(RTA_OIF, 1);
  const std::vector<nlmsghdr> heads = Heads(messages.bytes());
  ASSERT_EQ(heads.size(), 2U);
  EXPECT_EQ(heads[0].nlmsg_len, 32U);
  EXPECT_EQ(heads[1].nlmsg_len, 36U);
  EXPECT_EQ(heads[1].nlmsg_flags, NLM_F_REQUEST);
  EXPECT_EQ(messages.acknowledgements(), 1U) << "of the first alone";
}

TEST(EgressNetwork, IsOneBatchOfRulesBehindTheRoutes) {
  for (const bool ipv6 : {true, false}) {
    const std::vector<NetlinkExchange> exchanges = EgressNetwork(ipv6);
    EXPECT_EQ(exchanges.size(), ipv6 ? 4U : 3U);
    for (const NetlinkExchange& exchange : exchanges) {
      EXPECT_FALSE(Heads(exchange.messages.bytes()).empty());
      EXPECT_GT(exchange.messages.acknowledgements(), 0U);
    }
    EXPECT_EQ(exchanges.back().stage, wire::SetUpStage::kRedirection);
    const std::vector<nlmsghdr> batch = Heads(exchanges.back().messages.bytes());
    ASSERT_EQ(batch.size(), ipv6 ? 8U : 7U) << "a table, a chain and the rules, between begin and end";
    EXPECT_EQ(batch.front().nlmsg_type, NFNL_MSG_BATCH_BEGIN);
    EXPECT_EQ(batch.back().nlmsg_type, NFNL_MSG_BATCH_END);
    EXPECT_EQ(exchanges.back().messages.acknowledgements(), batch.size() - 2);
  }
}

}  // namespace
}  // namespace leash::platform
