#include "net/dns_sockets.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <cstring>
#include <string>
#include <utility>

#include "net/egress_proxy.h"
#include "support/open_descriptors.h"

namespace leash::net {
namespace {

using leash::testing::OpenDescriptors;

// example.com, A.
const std::string kQuestion("\x12\x34\x01\0\0\1\0\0\0\0\0\0\7example\3com\0\0\1\0\1", 29);
const std::string kOther("\x12\x35\x01\0\0\1\0\0\0\0\0\0\7another\3com\0\0\1\0\1", 29);

std::pair<base::UniqueFd, base::UniqueFd> Pair(int flags) {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | flags, 0, ends), 0);
  return {base::UniqueFd(ends[0]), base::UniqueFd(ends[1])};
}

void Attach(int socket, int descriptor, const std::string& text) {
  iovec body = {const_cast<char*>(text.data()), text.size()};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control = {};
  msghdr header = {};
  header.msg_iov = &body;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  cmsghdr* rights = CMSG_FIRSTHDR(&header);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof(descriptor));
  EXPECT_EQ(::sendmsg(socket, &header, 0), static_cast<ssize_t>(text.size()));
}

class DnsSocketsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto [inside, outside] = Pair(SOCK_NONBLOCK | SOCK_CLOEXEC);
    EgressOptions options;
    options.policy = EraseNetworkPolicy(AllowList({"example.com"}));
    options.name_sockets = std::move(inside);
    source_ = std::move(outside);
    auto proxy = EgressProxy::Start(std::move(options));
    ASSERT_TRUE(proxy.ok()) << proxy.status();
    proxy_ = *std::move(proxy);
  }

  // A program's socket.
  base::UniqueFd Program() const {
    auto [program, service] = Pair(SOCK_CLOEXEC);
    const timeval patience = {20, 0};
    ::setsockopt(program.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    Attach(source_.get(), service.get(), "x");
    return std::move(program);
  }
  static std::string Hear(const base::UniqueFd& program) {
    std::array<char, 512> answer;
    const ssize_t got = ::recv(program.get(), answer.data(), answer.size(), 0);
    return got < 0 ? "nothing" : std::string(answer.data(), static_cast<std::size_t>(got));
  }
  static int Code(const std::string& answer) { return answer.size() < 12 ? -1 : answer[3] & 0xf; }

  base::UniqueFd source_;
  std::unique_ptr<EgressProxy> proxy_;
};

TEST_F(DnsSocketsTest, EachProgramGetsItsOwnAnswers) {
  const base::UniqueFd one = Program();
  const base::UniqueFd other = Program();
  ASSERT_GT(::send(one.get(), kQuestion.data(), kQuestion.size(), 0), 0);
  ASSERT_GT(::send(other.get(), kOther.data(), kOther.size(), 0), 0);
  const std::string allowed = Hear(one);
  EXPECT_EQ(allowed.substr(0, 2), "\x12\x34");
  EXPECT_EQ(Code(allowed), 0);
  const std::string refused = Hear(other);
  EXPECT_EQ(refused.substr(0, 2), "\x12\x35");
  EXPECT_EQ(Code(refused), 5);
}

TEST_F(DnsSocketsTest, WhatIsNoQuestionEndsNothing) {
  const base::UniqueFd program = Program();
  ASSERT_EQ(::send(program.get(), "QUIC", 4, 0), 4);
  ASSERT_GT(::send(program.get(), kQuestion.data(), kQuestion.size(), 0), 0);
  EXPECT_EQ(Code(Hear(program)), 0);
}

TEST_F(DnsSocketsTest, WhatIsAttachedOrClosedLeavesNothingBehind) {
  ASSERT_EQ(Code([&] {
              const base::UniqueFd program = Program();
              ::send(program.get(), kQuestion.data(), kQuestion.size(), 0);
              return Hear(program);
            }()),
            0);
  const base::UniqueFd last = Program();
  ASSERT_GT(::send(last.get(), kQuestion.data(), kQuestion.size(), 0), 0);
  EXPECT_EQ(Code(Hear(last)), 0);
  const auto before = OpenDescriptors();
  for (int i = 0; i < 100; ++i) {
    const base::UniqueFd program = Program();
    Attach(program.get(), source_.get(), kQuestion);
    EXPECT_EQ(Code(Hear(program)), 0);
  }
  // The last ones may just be closing.
  for (int i = 0; i < 1000 && OpenDescriptors() > before; ++i) ::usleep(10000);
  EXPECT_LE(OpenDescriptors(), before);
}

}  // namespace
}  // namespace leash::net
