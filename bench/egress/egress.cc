// What the egress proxy costs: beside other proxies, and from inside a sandbox. Proxies run one after the other with
// the same load in each round; their processor time is read from their processes, the client's own is taken off.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "egress/client.h"
#include "egress/origin.h"
#include "fmt/format.h"
#include "net/egress_proxy.h"
#include "net/sockets.h"
#include "nlohmann/json.hpp"
#include "platform/linux/egress_intake.h"

extern char** environ;

namespace leash::bench {
namespace {

[[noreturn]] void Die(const std::string& message) {
  fmt::print(stderr, "bench_egress: {}\n", message);
  std::exit(1);
}

struct Row {
  double per_cpu_second = 0, per_second = 0, p50_us = 0, p99_us = 0;
  std::uint64_t failed = 0;
};

pid_t Spawn(const std::vector<std::string>& words, int out = -1) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  if (out >= 0) ::posix_spawn_file_actions_adddup2(&actions, out, 1);
  pid_t pid = -1;
  if (::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0) pid = -1;
  ::posix_spawn_file_actions_destroy(&actions);
  return pid;
}

double CpuOf(pid_t pid) {
  clockid_t clock;
  timespec time = {};
  if (::clock_getcpuclockid(pid, &clock) == 0) ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// A client in a process of its own, with `before` in front of its command line.
struct Ran {
  ClientResult client;
  double children_cpu = 0;  // of all that was waited for
};
Ran RunApart(const std::string& self, const std::vector<std::string>& before, const ClientOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) Die("no pipe");
  std::vector<std::string> words = before;
  words.insert(words.end(),
               {self, "--client", std::string(LoadName(options.load)), options.proxy.empty() ? "-" : options.proxy,
                options.server, std::to_string(options.threads), std::to_string(options.count)});
  const pid_t pid = Spawn(words, ends[1]);
  ::close(ends[1]);
  if (pid < 0) Die("cannot start " + words[0]);
  std::string text;
  char bytes[4096];
  for (ssize_t got; (got = ::read(ends[0], bytes, sizeof(bytes))) > 0;)
    text.append(bytes, static_cast<std::size_t>(got));
  ::close(ends[0]);
  int status = 0;
  rusage usage = {};
  ::wait4(pid, &status, 0, &usage);
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) Die(fmt::format("the client said: {} (status {})", text, status));
  Ran ran;
  ran.client = {json["seconds"], json["cpu_seconds"], json["done"], json["failed"], json["p50_us"], json["p99_us"]};
  ran.children_cpu = CpuSeconds(usage);
  return ran;
}

Row RowOf(const ClientResult& client, double proxy_cpu) {
  const auto done = static_cast<double>(client.done);
  return {proxy_cpu > 0 ? done / proxy_cpu : 0, done / client.seconds, client.p50_us, client.p99_us, client.failed};
}

// ---- proxies -------------------------------------------------------------------------------------------------------

std::uint16_t FreePort() {
  std::uint16_t port = 0;
  (void)Bound(SOCK_STREAM, port);
  return port;
}

int ServeLeash(std::uint16_t port, const std::string& name_server) {
  base::UniqueFd listener = net::NewSocket(AF_INET, SOCK_STREAM);
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  sockaddr_storage address;
  const socklen_t size = net::Endpoint{net::IpAddress::V4({127, 0, 0, 1}), port}.ToSockaddr(address);
  if (::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener.get(), 4096) != 0) {
    Die("cannot listen");
  }
  net::EgressOptions options;
  options.listeners.push_back(std::move(listener));
  options.policy = EraseNetworkPolicy(AllowList({"origin.bench", "*.example.com", "127.0.0.1"}));
  (void)options.addresses.Add("127.0.0.0/8");
  options.name_servers = {name_server};
  options.splice = &platform::Splice;
  const auto proxy = net::EgressProxy::Start(std::move(options));
  if (!proxy.ok()) Die(std::string(proxy.status().message()));
  ::pause();
  return 0;
}

struct Proxy {
  std::string name;
  std::string server;  // "origin.bench:PORT", or by address where it cannot be told of our name server
  std::vector<std::string> words;
};

std::vector<Proxy> Proxies(const std::string& self, const Origin& origin, std::uint16_t port,
                           const std::string& directory) {
  const std::string named = fmt::format("origin.bench:{}", origin.port);
  const std::string direct = fmt::format("127.0.0.1:{}", origin.port);
  std::ofstream(directory + "/squid.conf") << fmt::format(
      "http_port 127.0.0.1:{}\nhttp_access allow all\ncache deny all\naccess_log none\ncache_log /dev/null\n"
      "pid_filename none\nshutdown_lifetime 0 seconds\ndns_nameservers 127.0.0.1\nnetdb_filename none\n"
      "coredump_dir {}\n",
      port, directory);
  std::ofstream(directory + "/tinyproxy.conf") << fmt::format(
      "Port {}\nListen 127.0.0.1\nMaxClients 500\nLogLevel Critical\nLogFile \"{}/log\"\n", port, directory);
  return {{"leash", named, {self, "--serve", std::to_string(port), fmt::format("127.0.0.1:{}", origin.dns_port)}},
          {"squid", direct, {"squid", "-N", "-f", directory + "/squid.conf"}},
          {"tinyproxy", direct, {"tinyproxy", "-d", "-c", directory + "/tinyproxy.conf"}}};
}

bool Answers(std::uint16_t port) {
  for (int i = 0; i < 100; ++i) {
    const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address;
    const socklen_t size = net::Endpoint{net::IpAddress::V4({127, 0, 0, 1}), port}.ToSockaddr(address);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0) return true;
    ::usleep(50'000);
  }
  return false;
}

// ---- the run -------------------------------------------------------------------------------------------------------

struct Kind {
  const char* name;
  Load load;
  int threads;
  int count;
};
constexpr Kind kKinds[] = {{"connections, 1 at a time", Load::kConnections, 1, 3000},
                           {"connections, 16 at a time", Load::kConnections, 16, 12000},
                           {"requests kept alive, 16", Load::kRequests, 16, 60000},
                           {"requests kept alive, asked of the proxy, 16", Load::kForwarded, 16, 60000},
                           {"bulk, MiB", Load::kBulk, 1, 2048}};

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[values.size() / 2];
}

constexpr char kDirect[] = "direct";

double MedianOf(const std::vector<Row>& rows, double Row::*field) {
  std::vector<double> values;
  for (const Row& row : rows) values.push_back(row.*field);
  return Median(values);
}

class Table {
 public:
  void Add(const std::string& kind, const std::string& path, const Row& row) { rows_[kind][path].push_back(row); }
  void Print() const {
    for (const auto& [kind, paths] : rows_) {
      fmt::print("\n{}\n{:<28} {:>10} {:>14} {:>9} {:>9} {:>9} {:>7}\n", kind, "", "per s", "per CPU s", "p50 us",
                 "added us", "p99 us", "failed");
      const auto direct = paths.find(kDirect);
      for (const auto& [path, rows] : paths) {
        const auto median = [&rows = rows](double Row::*field) { return MedianOf(rows, field); };
        std::uint64_t failed = 0;
        for (const Row& row : rows) failed += row.failed;
        const std::string added =
            direct == paths.end()
                ? "-"
                : fmt::format("{:.0f}", median(&Row::p50_us) - MedianOf(direct->second, &Row::p50_us));
        fmt::print("{:<28} {:>10.0f} {:>14.0f} {:>9.0f} {:>9} {:>9.0f} {:>7}\n", path, median(&Row::per_second),
                   median(&Row::per_cpu_second), median(&Row::p50_us), added, median(&Row::p99_us), failed);
      }
    }
  }

 private:
  std::map<std::string, std::map<std::string, std::vector<Row>>> rows_;
};

// Keeps every processor from sleeping, by threads that run when nobody else wants to (SCHED_IDLE, sched(7)). To wake
// one that sleeps takes longer than all that a proxy does with a connection, most of all in a virtual machine.
class Wakefulness {
 public:
  Wakefulness() {
    for (unsigned i = 0; i < std::thread::hardware_concurrency(); ++i) {
      threads_.emplace_back([](const std::stop_token& stop) {
        const sched_param none = {};
        if (::sched_setscheduler(0, SCHED_IDLE, &none) != 0) Die("cannot become an idle thread");
        while (!stop.stop_requested()) {
        }
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

// The sandbox of Claude Code, where it is installed: a Node proxy outside, a relay inside. A tenth of the load, since
// it takes its time.
void RoundOfSrt(const std::string& self, const Origin& origin, const std::string& directory, Table& table) {
  if (std::system("command -v srt >/dev/null 2>&1") != 0) return;
  const std::string settings = directory + "/srt.json";
  std::ofstream(settings) << R"({"network": {"allowedDomains": ["127.0.0.1"], "deniedDomains": []},)"
                          << R"( "filesystem": {"denyRead": [], "allowWrite": [], "denyWrite": []}})";
  for (const Kind& kind : kKinds) {
    const Ran ran = RunApart(self, {"srt", "--settings", settings},
                             {kind.load, "environment", fmt::format("127.0.0.1:{}", origin.port), kind.threads,
                              kind.load == Load::kBulk ? kind.count : kind.count / 10});
    table.Add(kind.name, "srt, inside, CONNECT", RowOf(ran.client, ran.children_cpu - ran.client.cpu_seconds));
  }
}

void Round(const std::string& self, const std::string& leash, const Origin& origin, const std::string& directory,
           Table& table) {
  for (const Kind& kind : kKinds) {
    if (kind.load == Load::kForwarded) continue;
    const ClientOptions direct{kind.load, "", fmt::format("127.0.0.1:{}", origin.port), kind.threads, kind.count};
    table.Add(kind.name, kDirect, RowOf(RunApart(self, {}, direct).client, 0));
  }
  const std::uint16_t port = FreePort();
  for (const Proxy& proxy : Proxies(self, origin, port, directory)) {
    const pid_t pid = Spawn(proxy.words);
    if (pid < 0) continue;
    if (Answers(port)) {
      for (const Kind& kind : kKinds) {
        const double before = CpuOf(pid);
        const Ran ran =
            RunApart(self, {}, {kind.load, fmt::format("127.0.0.1:{}", port), proxy.server, kind.threads, kind.count});
        table.Add(kind.name, proxy.name + ", proxy alone", RowOf(ran.client, CpuOf(pid) - before));
      }
    }
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  for (const bool transparent : {true, false}) {
    const std::vector<std::string> before = {leash,
                                             "run",
                                             "--network",
                                             "allow-list",
                                             "--allow-domain",
                                             "origin.bench",
                                             "--allow-address",
                                             "127.0.0.1",
                                             "--name-server",
                                             fmt::format("127.0.0.1:{}", origin.dns_port),
                                             "--executable",
                                             self};
    for (const Kind& kind : kKinds) {
      if (transparent && kind.load == Load::kForwarded) continue;
      const Ran ran = RunApart(self, before,
                               {kind.load, transparent ? "" : "127.0.0.1:3128",
                                fmt::format("origin.bench:{}", origin.port), kind.threads, kind.count});
      table.Add(kind.name, transparent ? "leash, inside, no proxy" : "leash, inside, CONNECT",
                RowOf(ran.client, ran.children_cpu - ran.client.cpu_seconds));
    }
  }
  RoundOfSrt(self, origin, directory, table);
}

int Main(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  char* const resolved = ::realpath("/proc/self/exe", nullptr);
  if (resolved == nullptr) Die("cannot find this program");
  const std::string self = resolved;
  std::free(resolved);
  if (words.size() == 6 && words[0] == "--client") {
    const Load load = LoadNamed(words[1]).value();
    std::puts(ToJson(RunClient({load, words[2] == "-" ? "" : words[2], words[3], std::atoi(words[4].c_str()),
                                std::atoi(words[5].c_str())}))
                  .c_str());
    return 0;
  }
  if (words.size() == 3 && words[0] == "--serve") {
    return ServeLeash(static_cast<std::uint16_t>(std::atoi(words[1].c_str())), words[2]);
  }
  int rounds = 5;
  std::string leash = LEASH_BENCH_LEASH;
  std::optional<Wakefulness> awake;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (words[i] == "--awake") {
      awake.emplace();
    } else if (words[i] == "--rounds" && i + 1 < words.size()) {
      rounds = std::max(1, std::atoi(words[++i].c_str()));
    } else if (words[i] == "--leash" && i + 1 < words.size()) {
      leash = words[++i];
    } else {
      fmt::print(stderr, "usage: bench_egress [--rounds N] [--leash PATH] [--awake]\n");
      return words[i] == "--help" ? 0 : 1;
    }
  }
  std::string directory = "/tmp/leash-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) Die("no temporary directory");
  const Origin origin = StartOrigin();
  Table table;
  for (int i = 0; i < rounds; ++i) Round(self, leash, origin, directory, table);
  table.Print();
  for (const char* name : {"squid.conf", "tinyproxy.conf", "srt.json", "log"})
    ::unlink((directory + "/" + name).c_str());
  ::rmdir(directory.c_str());
  return 0;
}

}  // namespace
}  // namespace leash::bench

int main(int argc, char** argv) { return leash::bench::Main(argc, argv); }
