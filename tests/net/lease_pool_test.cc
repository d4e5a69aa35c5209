#include "net/lease_pool.h"

#include <gtest/gtest.h>

#include <set>

#include "fmt/format.h"

namespace leash::net {
namespace {

const absl::Time kStart = absl::UnixEpoch() + absl::Hours(1000);
const absl::Duration kLife = LeaseSettings().ttl + LeaseSettings().margin;

LeaseSettings Small(std::size_t most) {
  LeaseSettings settings;
  settings.most = most;
  return settings;
}

std::string NameOf(const LeasePool& pool, std::string_view address) {
  return pool.NameOf(*IpAddress::Parse(address)).value_or("none");
}

TEST(LeasePool, GivesANameAnAddressOfEachFamily) {
  LeasePool pool;
  const auto lease = pool.Take("a.example", kStart);
  ASSERT_TRUE(lease.has_value());
  EXPECT_EQ(lease->v4.ToString(), "198.18.0.1");
  EXPECT_EQ(lease->v6.ToString(), "fd6c:6561:7368::1");
  EXPECT_EQ(pool.Take("b.example", kStart)->v4.ToString(), "198.18.0.2");
  EXPECT_EQ(NameOf(pool, "198.18.0.1"), "a.example");
  EXPECT_EQ(NameOf(pool, "fd6c:6561:7368::2"), "b.example");
}

TEST(LeasePool, KnowsNoAddressThatItDidNotGive) {
  LeasePool pool;
  pool.Take("a.example", kStart);
  for (const char* text : {"198.18.0.0", "198.18.0.2", "198.19.255.255", "198.20.0.1", "0.0.0.1",
                           "fd6c:6561:7368::", "fd6c:6561:7368::2", "fd6c:6561:7368:0:0:1::1", "::1"}) {
    EXPECT_EQ(NameOf(pool, text), "none") << text;
    EXPECT_FALSE(pool.Hold(*IpAddress::Parse(text))) << text;
  }
}

TEST(LeasePool, KeepsTheAddressOfANameThatIsAskedForAgain) {
  LeasePool pool(Small(1));
  const auto first = pool.Take("a.example", kStart);
  EXPECT_EQ(pool.Take("a.example", kStart + kLife - absl::Seconds(1)), first);
  // Renewed: it lives another lifetime from there.
  EXPECT_EQ(pool.Take("b.example", kStart + kLife), std::nullopt);
  EXPECT_EQ(pool.Take("a.example", kStart + 5 * kLife), first);
}

TEST(LeasePool, NeverGivesALivingLeaseToAnotherName) {
  LeasePool pool(Small(2));
  const auto a = pool.Take("a.example", kStart);
  pool.Take("b.example", kStart + absl::Seconds(1));
  EXPECT_EQ(pool.Take("c.example", kStart + kLife - absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(pool.Take("c.example", kStart + kLife), a);
  EXPECT_EQ(NameOf(pool, a->v4.ToString()), "c.example");
  EXPECT_EQ(pool.Take("a.example", kStart + kLife), std::nullopt);
  EXPECT_EQ(pool.size(), 2U);
}

TEST(LeasePool, OutlivesWhatClientsAreTold) { EXPECT_GT(kLife, LeasePool().ttl() + absl::Minutes(1)); }

TEST(LeasePool, NamesAnExpiredLeaseUntilItIsGivenAway) {
  LeasePool pool(Small(1));
  pool.Take("a.example", kStart);
  EXPECT_EQ(NameOf(pool, "198.18.0.1"), "a.example");
  pool.Take("b.example", kStart + 2 * kLife);
  EXPECT_EQ(NameOf(pool, "198.18.0.1"), "b.example");
}

TEST(LeasePool, ReusesTheLeastRecentlyUsedFirst) {
  LeasePool pool(Small(3));
  const auto a = pool.Take("a", kStart);
  const auto b = pool.Take("b", kStart);
  const auto c = pool.Take("c", kStart);
  pool.Take("a", kStart + absl::Seconds(1));
  const absl::Time late = kStart + 2 * kLife;
  EXPECT_EQ(pool.Take("d", late), b);
  EXPECT_EQ(pool.Take("e", late), c);
  EXPECT_EQ(pool.Take("f", late), a);
}

TEST(LeasePool, HoldsWhatAConnectionUses) {
  LeasePool pool(Small(2));
  const auto a = pool.Take("a", kStart);
  const auto b = pool.Take("b", kStart);
  EXPECT_TRUE(pool.Hold(a->v4));
  EXPECT_TRUE(pool.Hold(a->v6));
  const absl::Time late = kStart + 10 * kLife;
  pool.Release(a->v6, late);
  EXPECT_EQ(pool.Take("c", late), b);
  EXPECT_EQ(pool.Take("d", late), std::nullopt);
  pool.Release(a->v4, late);
  // The last release renews it.
  EXPECT_EQ(pool.Take("d", late + kLife - absl::Seconds(1)), std::nullopt);
  EXPECT_EQ(pool.Take("a", late + kLife - absl::Seconds(1)), a);
  EXPECT_EQ(pool.Take("d", late + kLife), b);
}

TEST(LeasePool, SurvivesOneReleaseTooMany) {
  LeasePool pool(Small(1));
  const auto a = pool.Take("a", kStart);
  pool.Release(a->v4, kStart);
  pool.Release(*IpAddress::Parse("192.0.2.1"), kStart);
  EXPECT_TRUE(pool.Hold(a->v4));
  pool.Release(a->v4, kStart);
  pool.Release(a->v4, kStart);
  EXPECT_EQ(pool.Take("b", kStart + kLife), a);
}

TEST(LeasePool, HoldsNoMoreThanItsPrefixes) {
  LeaseSettings settings;
  settings.v4 = *IpPrefix::Parse("10.0.0.0/29");
  LeasePool pool(settings);
  std::set<std::string> given;
  for (int i = 0; i < 6; ++i) given.insert(pool.Take(fmt::format("n{}", i), kStart)->v4.ToString());
  EXPECT_EQ(given.size(), 6U);
  EXPECT_FALSE(given.contains("10.0.0.0"));
  EXPECT_FALSE(given.contains("10.0.0.7"));
  EXPECT_EQ(pool.Take("one more", kStart), std::nullopt);
  settings.v4 = *IpPrefix::Parse("10.0.0.1");
  EXPECT_EQ(LeasePool(settings).Take("a", kStart), std::nullopt);
}

TEST(LeasePool, CountsAcrossBytes) {
  LeasePool pool;
  std::set<std::string> given;
  for (int i = 0; i < 4096; ++i) {
    const auto lease = pool.Take(fmt::format("n{}", i), kStart);
    ASSERT_TRUE(lease.has_value());
    given.insert(lease->v4.ToString());
    EXPECT_EQ(pool.NameOf(lease->v6), fmt::format("n{}", i));
    EXPECT_EQ(pool.NameOf(lease->v4), fmt::format("n{}", i));
  }
  EXPECT_EQ(given.size(), 4096U);
  EXPECT_EQ(pool.Take("n4096", kStart), std::nullopt);
}

}  // namespace
}  // namespace leash::net
