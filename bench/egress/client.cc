#include "egress/client.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>
#include <thread>
#include <vector>

#include "fmt/format.h"
#include "net/upstream_proxy.h"

namespace leash::bench {
namespace {

using Clock = std::chrono::steady_clock;

double OwnCpuSeconds() {
  rusage usage;
  ::getrusage(RUSAGE_SELF, &usage);
  return CpuSeconds(usage);
}

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

Address Resolve(const std::string& place) {
  Address address;
  const std::size_t colon = place.rfind(':');
  addrinfo hints = {};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(place.substr(0, colon).c_str(), place.substr(colon + 1).c_str(), &hints, &found) != 0)
    return address;
  std::memcpy(&address.storage, found->ai_addr, found->ai_addrlen);
  address.size = found->ai_addrlen;
  ::freeaddrinfo(found);
  return address;
}

struct Way {
  std::string to;          // "127.0.0.1:3128"
  std::string credential;  // a field with its line's end, or nothing
};

Way WayOf(const ClientOptions& options) {
  if (options.proxy.empty()) return {options.server, ""};
  if (options.proxy != "environment") return {options.proxy, ""};
  const char* const url = std::getenv("HTTP_PROXY");
  const auto proxy = net::ParseUpstreamProxy(url == nullptr ? "" : url);
  if (!proxy.ok()) return {};
  const std::string credential = proxy->Authorization();
  return {fmt::format("{}:{}", proxy->host, proxy->port),
          credential.empty() ? "" : fmt::format("Proxy-Authorization: {}\r\n", credential)};
}

class Connection {
 public:
  explicit Connection(const std::string& credential) : credential_(credential) {}
  ~Connection() {
    if (fd_ >= 0) ::close(fd_);
  }
  bool Open(const Address& address, const ClientOptions& options) {
    fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0) return false;
    if (options.proxy.empty() || options.load == Load::kForwarded) return true;
    const std::string connect =
        fmt::format("CONNECT {0} HTTP/1.1\r\nHost: {0}\r\n{1}\r\n", options.server, credential_);
    return Write(connect) && ReadHead().find(" 200 ") != std::string::npos;
  }
  // One request and its answer; the bytes of its body, or -1.
  long long Ask(const ClientOptions& options, std::string_view path) {
    const bool asked = options.load == Load::kForwarded;
    if (!Write(fmt::format("GET {}{} HTTP/1.1\r\nHost: {}\r\n{}\r\n", asked ? "http://" + options.server : "", path,
                           options.server, asked ? credential_ : ""))) {
      return -1;
    }
    const std::string head = ReadHead();
    const std::size_t at = head.find("Content-Length: ");
    if (at == std::string::npos) return -1;
    long long size = 0;
    std::from_chars(head.data() + at + 16, head.data() + head.size(), size);
    for (long long left = size - static_cast<long long>(rest_); left > 0;) {
      const ssize_t got = ::recv(fd_, buffer_.get(), kBuffer, 0);
      if (got <= 0) return -1;
      left -= got;
    }
    rest_ = 0;
    return size;
  }

 private:
  static constexpr std::size_t kBuffer = std::size_t{256} * 1024;

  bool Write(const std::string& text) {
    return ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size());
  }
  // `rest_` is how much came behind it.
  std::string ReadHead() {
    std::string head;
    while (true) {
      const ssize_t got = ::recv(fd_, buffer_.get(), kBuffer, 0);
      if (got <= 0) return "";
      head.append(buffer_.get(), static_cast<std::size_t>(got));
      const std::size_t end = head.find("\r\n\r\n");
      if (end == std::string::npos) continue;
      rest_ = head.size() - end - 4;
      head.resize(end);
      return head;
    }
  }

  const std::string& credential_;
  int fd_ = -1;
  std::size_t rest_ = 0;
  std::unique_ptr<char[]> buffer_{new char[kBuffer]};
};

struct Work {
  const ClientOptions& options;
  const Way way;
  const Address address;
  std::atomic<int> left;
  std::atomic<std::uint64_t> done = 0;
  std::atomic<std::uint64_t> failed = 0;

  void Run(std::vector<double>& times) {
    const std::string bulk = fmt::format("/bulk/{}", options.count / options.threads);
    std::unique_ptr<Connection> kept;
    while (left.fetch_sub(1) > 0) {
      const auto begin = Clock::now();
      const bool fresh = options.load == Load::kConnections || kept == nullptr;
      if (fresh) kept = std::make_unique<Connection>(way.credential);
      const bool ok = (!fresh || kept->Open(address, options)) &&
                      kept->Ask(options, options.load == Load::kBulk ? bulk : "/small") >= 0;
      if (!ok) {
        ++failed;
        kept.reset();
        continue;
      }
      done += options.load == Load::kBulk ? static_cast<std::uint64_t>(options.count / options.threads) : 1;
      times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
    }
  }
};

constexpr std::string_view kLoadNames[] = {"connections", "requests", "forwarded", "bulk"};

double Percentile(std::vector<double>& times, double part) {
  if (times.empty()) return 0;
  const auto at = static_cast<std::ptrdiff_t>(static_cast<double>(times.size() - 1) * part);
  std::nth_element(times.begin(), times.begin() + at, times.end());
  return times[static_cast<std::size_t>(at)];
}

}  // namespace

std::string_view LoadName(Load load) { return kLoadNames[static_cast<std::size_t>(load)]; }

std::optional<Load> LoadNamed(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kLoadNames); ++i) {
    if (kLoadNames[i] == name) return static_cast<Load>(i);
  }
  return std::nullopt;
}

double CpuSeconds(const rusage& usage) {
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

ClientResult RunClient(const ClientOptions& options) {
  const Way way = WayOf(options);
  Work work{options, way, Resolve(way.to), options.load == Load::kBulk ? options.threads : options.count};
  std::vector<std::vector<double>> times(static_cast<std::size_t>(options.threads));
  const double cpu = OwnCpuSeconds();
  const auto begin = Clock::now();
  std::vector<std::thread> threads;
  for (auto& own : times) threads.emplace_back([&] { work.Run(own); });
  for (std::thread& thread : threads) thread.join();
  ClientResult result;
  result.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  result.cpu_seconds = OwnCpuSeconds() - cpu;
  result.done = work.done;
  result.failed = work.failed;
  std::vector<double> all;
  for (const auto& own : times) all.insert(all.end(), own.begin(), own.end());
  result.p50_us = Percentile(all, 0.5);
  result.p99_us = Percentile(all, 0.99);
  return result;
}

std::string ToJson(const ClientResult& result) {
  return fmt::format(R"({{"seconds":{},"cpu_seconds":{},"done":{},"failed":{},"p50_us":{:.0f},"p99_us":{:.0f}}})",
                     result.seconds, result.cpu_seconds, result.done, result.failed, result.p50_us, result.p99_us);
}

}  // namespace leash::bench
