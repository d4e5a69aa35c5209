#include "net/address_class.h"

#include <array>
#include <random>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"

namespace leash::net {
namespace {

using ::testing::HasSubstr;

IpAddress Address(std::string_view text) { return IpAddress::Parse(text).value(); }

struct Example {
  std::string_view first;
  std::string_view last;  // the same class; empty: one address
  AddressClass address_class;
};

// The edges of each block, and what lies just outside some.
constexpr std::array kExamples = {
    Example{"8.8.8.8", "", AddressClass::kPublic},
    Example{"0.0.0.0", "", AddressClass::kUnspecified},
    Example{"0.0.0.1", "0.255.255.255", AddressClass::kReserved},
    Example{"1.0.0.0", "9.255.255.255", AddressClass::kPublic},
    Example{"10.0.0.0", "10.255.255.255", AddressClass::kPrivate},
    Example{"100.63.255.255", "100.128.0.0", AddressClass::kPublic},
    Example{"100.64.0.0", "100.127.255.255", AddressClass::kPrivate},
    Example{"100.100.100.200", "", AddressClass::kMetadata},
    Example{"127.0.0.0", "127.255.255.255", AddressClass::kLoopback},
    Example{"168.63.129.16", "", AddressClass::kMetadata},
    Example{"168.63.129.15", "168.63.129.17", AddressClass::kPublic},
    Example{"169.254.0.0", "169.254.255.255", AddressClass::kLinkLocal},
    Example{"169.254.169.254", "169.254.170.2", AddressClass::kMetadata},
    Example{"172.15.255.255", "172.32.0.0", AddressClass::kPublic},
    Example{"172.16.0.0", "172.31.255.255", AddressClass::kPrivate},
    Example{"192.0.0.0", "192.0.2.255", AddressClass::kReserved},
    Example{"192.0.0.192", "", AddressClass::kMetadata},
    Example{"192.0.1.0", "192.0.3.0", AddressClass::kPublic},
    Example{"192.168.0.0", "192.168.255.255", AddressClass::kPrivate},
    Example{"198.18.0.0", "198.19.255.255", AddressClass::kReserved},
    Example{"198.51.100.1", "203.0.113.1", AddressClass::kReserved},
    Example{"224.0.0.0", "239.255.255.255", AddressClass::kMulticast},
    Example{"240.0.0.0", "255.255.255.254", AddressClass::kReserved},
    Example{"255.255.255.255", "", AddressClass::kBroadcast},
    Example{"::", "", AddressClass::kUnspecified},
    Example{"::1", "", AddressClass::kLoopback},
    Example{"2606:4700::1111", "2a00::1", AddressClass::kPublic},
    Example{"2001:200::", "", AddressClass::kPublic},
    Example{"2001:2::1", "2001:1ff:ffff::", AddressClass::kReserved},
    Example{"2001:db8::1", "3fff::1", AddressClass::kReserved},
    Example{"100::1", "5f00::1", AddressClass::kReserved},
    Example{"4000::1", "fbff::1", AddressClass::kReserved},
    Example{"fc00::", "fdff:ffff::", AddressClass::kPrivate},
    Example{"fd00:ec2::254", "fd20:ce::254", AddressClass::kMetadata},
    Example{"fe80::", "febf::1", AddressClass::kLinkLocal},
    Example{"fec0::1", "", AddressClass::kPrivate},
    Example{"ff02::1", "ffff::", AddressClass::kMulticast},
};

TEST(Classify, KnowsTheEdgesOfEachBlock) {
  for (const Example& example : kExamples) {
    for (const std::string_view text : {example.first, example.last}) {
      if (text.empty()) continue;
      EXPECT_EQ(Name(Classify(Address(text))), Name(example.address_class)) << text;
    }
  }
}

TEST(Classify, LooksAtTheIPv4AddressInside) {
  EXPECT_EQ(Classify(Address("::ffff:127.0.0.1")), AddressClass::kLoopback);
  EXPECT_EQ(Classify(Address("::127.0.0.1")), AddressClass::kLoopback);
  EXPECT_EQ(Classify(Address("::8.8.8.8")), AddressClass::kReserved);
  EXPECT_EQ(Classify(Address("::ffff:0:10.0.0.1")), AddressClass::kPrivate);
  EXPECT_EQ(Classify(Address("64:ff9b::8.8.8.8")), AddressClass::kPublic);
  EXPECT_EQ(Classify(Address("64:ff9b::169.254.169.254")), AddressClass::kMetadata);
  EXPECT_EQ(Classify(Address("64:ff9b:1::10.0.0.1")), AddressClass::kPrivate);
  EXPECT_EQ(Classify(Address("64:ff9b:1::8.8.8.8")), AddressClass::kReserved);
  EXPECT_EQ(Classify(Address("2002:808:808::1")), AddressClass::kPublic);
  EXPECT_EQ(Classify(Address("2002:7f00:1::1")), AddressClass::kLoopback);
  EXPECT_EQ(Classify(Address("2002:a9fe:a9fe::1")), AddressClass::kMetadata);
  // Teredo: server 8.8.8.8; the client's address is written inverted.
  EXPECT_EQ(Classify(Address("2001:0:808:808:0:0:f7f7:f7f7")), AddressClass::kPublic);
  EXPECT_EQ(Classify(Address("2001:0:808:808:0:0:80ff:fffe")), AddressClass::kLoopback);
  EXPECT_EQ(Classify(Address("2001:0:a00:1:0:0:f7f7:f7f7")), AddressClass::kPrivate);
}

// However an IPv4 address is wrapped, it is not better than it is bare.
TEST(Classify, IsNotMisledByWrapping) {
  std::mt19937 random(6890);
  for (int i = 0; i < 5000; ++i) {
    std::array<std::uint8_t, 4> v4;
    // Half of them near the blocks of the table.
    const IpAddress near = Address(kExamples.at(random() % 24).first);
    for (std::size_t j = 0; j < 4; ++j) {
      v4.at(j) = random() % 2 == 0 ? near.bytes()[j] : static_cast<std::uint8_t>(random());
    }
    if (Classify(IpAddress::V4(v4)) == AddressClass::kPublic) continue;
    const auto in = [&](std::array<std::uint8_t, 16> bytes, std::size_t offset) {
      std::copy(v4.begin(), v4.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
      return IpAddress::V6(bytes);
    };
    for (const IpAddress& wrapped : {in({}, 12), in({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 12),
                                     in({0, 0x64, 0xff, 0x9b}, 12), in({0x20, 0x02}, 2), in({0x20, 0x01}, 4)}) {
      EXPECT_NE(Classify(wrapped), AddressClass::kPublic) << wrapped.ToString();
    }
  }
}

TEST(AddressRules, LetPublicAddressesThroughAndThoseThatAreListed) {
  AddressRules rules;
  EXPECT_TRUE(rules.Check(Address("93.184.216.34")).ok());
  EXPECT_FALSE(rules.Check(Address("10.1.2.3")).ok());
  ASSERT_TRUE(rules.Add("10.0.0.0/8").ok());
  ASSERT_TRUE(rules.Add("::1").ok());
  EXPECT_TRUE(rules.Check(Address("10.1.2.3")).ok());
  EXPECT_TRUE(rules.Check(Address("::1")).ok());
  EXPECT_FALSE(rules.Check(Address("127.0.0.1")).ok());
  EXPECT_FALSE(rules.Check(Address("64:ff9b::10.1.2.3")).ok()) << "another way to the same address is not listed";
}

TEST(AddressRules, SayWhyAndWhatToDo) {
  const absl::Status denied = AddressRules().Check(Address("::ffff:169.254.169.254"));
  EXPECT_EQ(GetErrorCode(denied), ErrorCode::kDenied);
  EXPECT_THAT(std::string(denied.message()),
              HasSubstr("169.254.169.254 is a cloud metadata address; --allow-address 169.254.169.254 allows it"));
  AddressRules rules;
  for (const char* text : {"", "10.0.0.1/8", "10.0.0.0/33", "example.com", "[::1]", "10.0.0.0/8 ", "10.0.0.0/"}) {
    EXPECT_EQ(GetErrorCode(rules.Add(text)), ErrorCode::kInvalidArgument) << text;
  }
}

// A server on a public address of this machine may be one that is meant for this machine alone.
TEST(AddressRules, APublicAddressOfThisMachineIsNotPublic) {
  AddressRules rules;
  const IpAddress address = *IpAddress::Parse("8.8.8.8");
  EXPECT_TRUE(rules.Check(address).ok());
  const absl::Status own = rules.Check(address, true);
  EXPECT_EQ(GetErrorCode(own), ErrorCode::kDenied);
  EXPECT_NE(own.message().find("an address of this machine"), absl::string_view::npos);
  ASSERT_TRUE(rules.Add("8.8.8.8").ok());
  EXPECT_TRUE(rules.Check(address, true).ok());
}

}  // namespace
}  // namespace leash::net
