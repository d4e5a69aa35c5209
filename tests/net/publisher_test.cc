#include "net/publisher.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "leash/error.h"
#include "net/ip_address.h"
#include "net/loopback_server.h"
#include "net/sockets.h"
#include "support/open_descriptors.h"

namespace leash::net {
namespace {

using leash::testing::OpenDescriptors;
using testing::BoundSocket;
using ::testing::HasSubstr;
using testing::LoopbackServer;
using ::testing::Not;
using testing::PortOf;
using testing::Stream;

const IpAddress kLoopback4 = IpAddress::V4({127, 0, 0, 1});
const IpAddress kLoopback6 = *IpAddress::Parse("::1");

// What the init process of a sandbox is to the publisher, for the network that the test is in itself.
struct Supply {
  std::mutex mutex;
  bool asks = true;  // whether requests can be made
  int failures = 0;  // requests that are answered with `error`
  int error = EMFILE;
  bool ipv6 = true;
  bool answers = true;
  int requests = 0;
};

class TestSource final : public base::SocketSource {
 public:
  explicit TestSource(Supply& supply) : supply_(supply), ready_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  bool Request(int family) override {
    const std::lock_guard lock(supply_.mutex);
    if (!supply_.asks) return false;
    ++supply_.requests;
    if (!supply_.answers) return true;
    Delivery delivery;
    delivery.family = family;
    if (supply_.failures > 0) {
      --supply_.failures;
      delivery.error = supply_.error;
    } else if (family == AF_INET6 && !supply_.ipv6) {
      delivery.error = EAFNOSUPPORT;
    } else {
      for (int i = 0; i < 16; ++i) delivery.sockets.push_back(NewSocket(family, SOCK_STREAM));
    }
    deliveries_.push_back(std::move(delivery));
    const std::uint64_t one = 1;
    EXPECT_EQ(::write(ready_.get(), &one, sizeof(one)), static_cast<ssize_t>(sizeof(one)));
    return true;
  }
  int Fd() const override { return ready_.get(); }
  bool Receive(Delivery& delivery) override {
    std::uint64_t count = 0;
    if (deliveries_.empty()) {
      (void)!::read(ready_.get(), &count, sizeof(count));
      return false;
    }
    delivery = std::move(deliveries_.front());
    deliveries_.pop_front();
    return true;
  }
  int Connect(int socket, int family, std::uint16_t port) override {
    sockaddr_storage address;
    const IpAddress loopback = *IpAddress::Parse(family == AF_INET ? "127.0.0.1" : "::1");
    const socklen_t size = Endpoint{loopback, port}.ToSockaddr(address);
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), size);
  }

 private:
  Supply& supply_;
  const base::UniqueFd ready_;
  std::deque<Delivery> deliveries_;
};

// A blocking socket, connected; empty with errno.
base::UniqueFd Connect(const IpAddress& address, std::uint16_t port) {
  base::UniqueFd fd(::socket(address.is_v4() ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_storage to;
  const socklen_t size = Endpoint{address, port}.ToSockaddr(to);
  if (fd && ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&to), size) != 0) {
    const int error = errno;
    fd.reset();
    errno = error;
  }
  return fd;
}

bool HasIpv6() { return Connect(kLoopback6, 1) || (errno != EADDRNOTAVAIL && errno != EAFNOSUPPORT); }

// How it ends for a client that only listens: 0 for the end of what was said, else errno.
int EndOf(const Stream& client) {
  char byte[4096];
  ssize_t got;
  do {
    got = ::recv(client.fd(), byte, sizeof(byte), 0);
  } while (got > 0);
  return got == 0 ? 0 : errno;
}

void Echo(Stream& stream) {
  char bytes[65536];
  ssize_t got;
  while ((got = ::recv(stream.fd(), bytes, sizeof(bytes), 0)) > 0) {
    stream.Write({bytes, static_cast<std::size_t>(got)});
  }
}

std::string Pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

// A port on which nobody listens, for a while at least: that of a socket which is bound alone.
struct SilentPort {
  base::UniqueFd socket = BoundSocket(SOCK_STREAM);
  std::uint16_t port = PortOf(socket.get());
};

class PublisherTest : public ::testing::Test {
 protected:
  absl::Status Publish(const std::vector<PublishedPort>& ports) {
    PublisherOptions options;
    options.ports = ports;
    options.source = std::make_unique<TestSource>(supply_);
    options.settings = settings_;
#ifdef SPLICE_F_MOVE
    options.splice = [](int from, int to, std::size_t most) {
      return ::splice(from, nullptr, to, nullptr, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    };
#endif
    auto publisher = Publisher::Start(std::move(options));
    if (!publisher.ok()) return publisher.status();
    publisher_ = *std::move(publisher);
    port_ = publisher_->ports().front().host_port;
    return absl::OkStatus();
  }
  // Any free port of this machine for one of the inside.
  void Publish(std::uint16_t inside) {
    const absl::Status status = Publish({{"", 0, inside}});
    ASSERT_TRUE(status.ok()) << status;
  }
  Stream Client() const { return Stream::To(port_); }
  void AwaitConnections(std::size_t count) const {
    for (int i = 0; i < 400 && publisher_->connections() != count; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(publisher_->connections(), count);
  }

  Supply supply_;
  EgressSettings settings_;
  std::unique_ptr<Publisher> publisher_;
  std::uint16_t port_ = 0;
};

TEST_F(PublisherTest, CarriesBothWaysUntilBothHaveSaidAll) {
  LoopbackServer server([](Stream& stream) {
    stream.Write("hello ");
    const std::string said = stream.ReadAll();  // to the client's end, which is not the server's
    stream.Write(said + " back");
  });
  Publish(server.port());
  const Stream client = Client();
  EXPECT_EQ(client.ReadUntil(" "), "hello ");
  client.Write("there");
  client.ShutDown();
  EXPECT_EQ(client.ReadAll(), "there back");
  AwaitConnections(0);
}

TEST_F(PublisherTest, CarriesMuch) {
  LoopbackServer server(&Echo);
  Publish(server.port());
  const std::string text = Pattern(std::size_t{32} << 20);
  const Stream client = Client();
  std::thread writer([&] {
    client.Write(text);
    client.ShutDown();
  });
  const std::string back = client.ReadAll();
  writer.join();
  EXPECT_TRUE(back == text) << back.size();
}

TEST_F(PublisherTest, ManyClientsAtOnceAndOneAfterTheOther) {
  LoopbackServer server(&Echo);
  Publish(server.port());
  for (int round = 0; round < 5; ++round) {
    std::vector<Stream> clients;
    for (int i = 0; i < 100; ++i) {
      clients.push_back(Client());
      clients.back().Write(std::to_string(i) + "\n");
    }
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(clients[static_cast<std::size_t>(i)].ReadUntil("\n"), std::to_string(i) + "\n");
    }
  }
  AwaitConnections(0);
}

TEST_F(PublisherTest, WhereNobodyListensTheClientIsReset) {
  std::optional<SilentPort> silent(std::in_place);
  Publish(silent->port);
  EXPECT_EQ(EndOf(Client()), ECONNRESET);
  // The control: the same port, once somebody does.
  ASSERT_EQ(::listen(silent->socket.get(), 8), 0);
  const Stream client = Client();
  const Stream server(base::UniqueFd(::accept(silent->socket.get(), nullptr, nullptr)));
  server.Write("there\n");
  EXPECT_EQ(client.ReadUntil("\n"), "there\n");
}

TEST_F(PublisherTest, FindsServersOfEitherFamilyFromEither) {
  if (!HasIpv6()) GTEST_SKIP() << "no IPv6 here";
  const base::UniqueFd listener = NewSocket(AF_INET6, SOCK_STREAM);
  ::fcntl(listener.get(), F_SETFL, 0);
  sockaddr_storage address;
  const socklen_t size = Endpoint{kLoopback6, 0}.ToSockaddr(address);
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  Publish(PortOf(listener.get()));
  for (const IpAddress& from : {kLoopback4, kLoopback6, kLoopback4}) {
    const Stream client(Connect(from, port_));
    const Stream server(base::UniqueFd(::accept(listener.get(), nullptr, nullptr)));
    server.Write("six\n");
    EXPECT_EQ(client.ReadUntil("\n"), "six\n");
  }
}

TEST_F(PublisherTest, ListensOnLoopbackAlone) {
  LoopbackServer server(&Echo);
  Publish(server.port());
  EXPECT_TRUE(Connect(kLoopback4, port_));
  if (HasIpv6()) {
    EXPECT_TRUE(Connect(kLoopback6, port_));
  }
  // Addresses of this machine too, all of 127.0.0.0/8.
  EXPECT_FALSE(Connect(IpAddress::V4({127, 0, 0, 2}), port_));
  // The control.
  ASSERT_TRUE(Publish({{"127.0.0.2", 0, server.port()}}).ok());
  EXPECT_TRUE(Connect(IpAddress::V4({127, 0, 0, 2}), port_));
  EXPECT_FALSE(Connect(kLoopback4, port_));
  ASSERT_TRUE(Publish({{"0.0.0.0", 0, server.port()}}).ok());
  EXPECT_TRUE(Connect(IpAddress::V4({127, 0, 0, 2}), port_));
}

TEST_F(PublisherTest, AServerThatIsCutShortIsNoEndOfWhatItSaid) {
  LoopbackServer server([](Stream& stream) {
    stream.Write("only the beg");
    EXPECT_EQ(stream.ReadUntil("\n"), "go\n");
    const linger now = {1, 0};
    ::setsockopt(stream.fd(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    stream.Close();
  });
  Publish(server.port());
  const Stream client = Client();
  EXPECT_EQ(client.Read(12), "only the beg");
  client.Write("go\n");
  EXPECT_EQ(EndOf(client), ECONNRESET);
  AwaitConnections(0);
}

TEST_F(PublisherTest, AClientThatVanishesIsMissedByTheServer) {
  std::atomic<int> missed = 0;
  LoopbackServer server([&](Stream& stream) {
    stream.Write("hello\n");
    char byte;
    while (::recv(stream.fd(), &byte, 1, 0) > 0) {
    }
    ++missed;
  });
  Publish(server.port());
  Stream client = Client();
  EXPECT_EQ(client.ReadUntil("\n"), "hello\n");
  client.Close();
  for (int i = 0; i < 400 && missed == 0; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(missed, 1);
  AwaitConnections(0);
}

TEST_F(PublisherTest, WaitsForSocketsThatAreSlowToCome) {
  LoopbackServer server(&Echo);
  supply_.asks = false;
  Publish(server.port());
  std::vector<Stream> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(Client());
  for (const Stream& client : clients) client.Write("x");
  {
    const std::lock_guard lock(supply_.mutex);
    supply_.asks = true;
    supply_.failures = 2;
  }
  for (const Stream& client : clients) EXPECT_EQ(client.Read(1), "x");
}

TEST_F(PublisherTest, WithoutSocketsClientsAreResetInTheEnd) {
  LoopbackServer server(&Echo);
  supply_.answers = false;
  settings_.connect = absl::Milliseconds(200);
  Publish(server.port());
  std::vector<Stream> clients;
  for (int i = 0; i < 100; ++i) clients.push_back(Client());
  for (const Stream& client : clients) EXPECT_EQ(EndOf(client), ECONNRESET);
  EXPECT_EQ(server.accepted(), 0);
  EXPECT_EQ(supply_.requests, 1) << "one at a time";
  AwaitConnections(0);
}

TEST_F(PublisherTest, ANetworkWithoutIpv6IsOneFamilyLess) {
  supply_.ipv6 = false;
  std::optional<SilentPort> silent(std::in_place);
  Publish(silent->port);
  EXPECT_EQ(EndOf(Client()), ECONNRESET);
  EXPECT_EQ(EndOf(Client()), ECONNRESET);
}

TEST_F(PublisherTest, MoreThanTheLimitAreClosed) {
  LoopbackServer server(&Echo);
  settings_.connections = 2;
  Publish(server.port());
  std::vector<Stream> served;
  for (int i = 0; i < 2; ++i) {
    served.push_back(Client());
    served.back().Write("x");
    EXPECT_EQ(served.back().Read(1), "x");
  }
  EXPECT_EQ(Client().Read(1), "");
  served.pop_back();
  AwaitConnections(1);
  const Stream client = Client();
  client.Write("x");
  EXPECT_EQ(client.Read(1), "x");
}

TEST_F(PublisherTest, AClientWhoWaitsForAFullQueueIsServedOrReset) {
  SilentPort slow;
  ASSERT_EQ(::listen(slow.socket.get(), 0), 0);
  const base::UniqueFd first = Connect(kLoopback4, slow.port);
  settings_.connect = absl::Milliseconds(300);
  Publish(slow.port);
  std::vector<Stream> clients;
  for (int i = 0; i < 5; ++i) clients.push_back(Client());
  EXPECT_EQ(EndOf(clients.back()), ECONNRESET);
}

TEST_F(PublisherTest, APortIsPublishedOnce) {
  LoopbackServer server(&Echo);
  Publish(server.port());
  const std::uint16_t taken = port_;
  std::unique_ptr<Publisher> first = std::move(publisher_);
  const absl::Status status = Publish({{"", taken, server.port()}});
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kIo);
  EXPECT_THAT(std::string(status.message()), HasSubstr("127.0.0.1:" + std::to_string(taken)));
  EXPECT_THAT(std::string(status.message()), HasSubstr("0:" + std::to_string(server.port())));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr("\n")));
  // Connections of the first that are not quite over are no hindrance.
  const Stream client = Stream::To(taken);
  client.Write("x");
  EXPECT_EQ(client.Read(1), "x");
  first.reset();
  EXPECT_TRUE(Publish({{"", taken, server.port()}}).ok());
}

TEST_F(PublisherTest, SaysWhatIsWrongWithAnAddress) {
  absl::Status status = Publish({{"192.0.2.1", 0, 8080}});
  EXPECT_THAT(std::string(status.message()), HasSubstr("192.0.2.1"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("no interface"));
  status = Publish({{"", 0, 80}});
  EXPECT_EQ(GetErrorCode(status), ErrorCode::kInvalidArgument);
}

TEST_F(PublisherTest, NothingIsLeftOfIt) {
  LoopbackServer server(&Echo);
  Publish(server.port());  // what the first use of the loop opens stays
  publisher_.reset();
  const std::size_t before = OpenDescriptors();
  Publish(server.port());
  std::vector<Stream> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(Client());
    clients.back().Write("x");
    EXPECT_EQ(clients.back().Read(1), "x");
  }
  EXPECT_EQ(publisher_->connections(), 20U);
  publisher_.reset();
  for (const Stream& client : clients) EXPECT_EQ(EndOf(client), ECONNRESET) << "the server had not said all";
  clients.clear();
  EXPECT_FALSE(Connect(kLoopback4, port_));
  EXPECT_EQ(errno, ECONNREFUSED);
  for (int i = 0; i < 400 && OpenDescriptors() > before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_LE(OpenDescriptors(), before);
}

TEST_F(PublisherTest, LastWordsAreCarriedWhenItEnds) {
  const std::string text = Pattern(std::size_t{4} << 20);
  std::atomic<bool> said = false;
  LoopbackServer server([&](Stream& stream) {
    stream.Write(text);
    stream.Close();
    said = true;
  });
  Publish(server.port());
  const Stream client = Client();
  std::string back;
  std::thread reader([&] { back = client.ReadAll(); });
  for (int i = 0; i < 400 && !said; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  publisher_->StopListening();
  EXPECT_FALSE(Connect(kLoopback4, port_));
  publisher_->Drain(absl::Seconds(20));
  publisher_.reset();
  reader.join();
  EXPECT_TRUE(back == text) << back.size();
}

TEST_F(PublisherTest, ClientsThatDoNotListenAreNotWaitedForLong) {
  LoopbackServer server([](Stream& stream) { stream.Write(Pattern(std::size_t{16} << 20)); });
  Publish(server.port());
  Stream client = Client();
  EXPECT_EQ(client.Read(1).size(), 1U);
  publisher_->Drain(absl::Milliseconds(200));  // returns, that is all
  EXPECT_EQ(publisher_->connections(), 1U);
  publisher_.reset();
}

}  // namespace
}  // namespace leash::net
