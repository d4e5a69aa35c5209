#include "net/resolver.h"

#include <ares.h>
#include <netdb.h>
#include <uv.h>

#include <algorithm>
#include <map>
#include <unordered_map>
#include <utility>

#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "net/http_message.h"
#include "net/loop_handles.h"

namespace leash::net {
namespace {

constexpr std::size_t kMostRemembered = 4096;

absl::Status Failed(std::string_view name, int error) {
  return base::Error(ErrorCode::kIo, fmt::format("cannot resolve {}: {}", name, ares_strerror(error)));
}

// Families take turns, as RFC 8305, section 4, has it; c-ares has sorted each by RFC 6724.
std::vector<IpAddress> InOrder(const ares_addrinfo& found) {
  std::vector<IpAddress> families[2];
  for (const ares_addrinfo_node* node = found.nodes; node != nullptr; node = node->ai_next) {
    const auto address = IpAddress::FromSockaddr(*node->ai_addr);
    if (!address.has_value()) continue;
    auto& family = families[address->is_v4() ? 1 : 0];
    if (std::find(family.begin(), family.end(), *address) == family.end()) family.push_back(*address);
  }
  std::vector<IpAddress> result;
  for (std::size_t i = 0; i < std::max(families[0].size(), families[1].size()); ++i) {
    for (const auto& family : families) {
      if (i < family.size()) result.push_back(family[i]);
    }
  }
  return result;
}

// "192.0.2.53", "192.0.2.53:5353", "2001:db8::53", "[2001:db8::53]:5353".
bool IsServer(std::string_view text) {
  if (IpAddress::Parse(text).has_value()) return true;
  const auto place = ParseAuthority(text);
  return place.has_value() && place->port.has_value() && IpAddress::Parse(place->host).has_value();
}

int ShortestLife(const ares_addrinfo& found) {
  int shortest = 1 << 30;
  for (const ares_addrinfo_node* node = found.nodes; node != nullptr; node = node->ai_next) {
    shortest = std::min(shortest, node->ai_ttl);
  }
  return shortest;
}

}  // namespace

struct Resolver::Rep {
  // Those who wait for one name.
  struct Question {
    Rep* rep;
    std::string name;
    std::vector<Callback> waiting;
  };
  struct Remembered {
    std::vector<IpAddress> addresses;
    std::uint64_t until;
  };

  uv_loop_t* loop = nullptr;
  Settings settings;
  ares_channel channel = nullptr;
  std::unique_ptr<Timer> timer;
  std::map<ares_socket_t, std::unique_ptr<SocketWatch>> watches;
  std::unordered_map<std::string, Question*> asked;
  std::unordered_map<std::string, Remembered> known;

  void SocketChanged(ares_socket_t socket, bool read, bool write) {
    if (!read && !write) {
      watches.erase(socket);
      return;
    }
    auto& watch = watches[socket];
    if (watch == nullptr) {
      watch = std::make_unique<SocketWatch>(loop, socket, [this, socket](int events) {
        ares_process_fd(channel, (events & SocketWatch::kReadable) != 0 ? socket : ARES_SOCKET_BAD,
                        (events & SocketWatch::kWritable) != 0 ? socket : ARES_SOCKET_BAD);
      });
    }
    watch->Watch((read ? SocketWatch::kReadable : 0) | (write ? SocketWatch::kWritable : 0));
  }

  // c-ares has timeouts of its own, and is to be asked now and then whether one has passed.
  void Tick() {
    ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (!asked.empty()) timer->Start(absl::Milliseconds(200));
  }

  static void Answered(void* argument, int status, int /*timeouts*/, ares_addrinfo* found) {
    const std::unique_ptr<Question> question(static_cast<Question*>(argument));
    Rep& rep = *question->rep;
    rep.asked.erase(question->name);
    absl::StatusOr<std::vector<IpAddress>> result = Failed(question->name, status);
    if (status == ARES_SUCCESS) {
      result = InOrder(*found);
      if (result->empty())
        result = Failed(question->name, ARES_ENODATA);
      else
        rep.Remember(question->name, *result, ShortestLife(*found));
    }
    if (found != nullptr) ares_freeaddrinfo(found);
    for (const Callback& callback : question->waiting) callback(result);
  }

  void Remember(const std::string& name, const std::vector<IpAddress>& addresses, int seconds) {
    if (known.size() >= kMostRemembered) {
      const std::uint64_t now = LoopNow(loop);
      std::erase_if(known, [&](const auto& entry) { return entry.second.until <= now; });
      if (known.size() >= kMostRemembered) known.clear();
    }
    const absl::Duration life = std::clamp(absl::Seconds(seconds), absl::Seconds(1), settings.remember);
    known[name] = {addresses, LoopNow(loop) + static_cast<std::uint64_t>(absl::ToInt64Milliseconds(life))};
  }
};

Resolver::Resolver(std::unique_ptr<Rep> rep) : rep_(std::move(rep)) {}

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Make(uv_loop_t* loop, Settings settings) {
  static const int initialised = ares_library_init(ARES_LIB_INIT_ALL);
  auto rep = std::make_unique<Rep>();
  rep->loop = loop;
  rep->settings = std::move(settings);
  ares_options options = {};
  options.tries = 3;
  options.timeout = std::max(1, static_cast<int>(absl::ToInt64Milliseconds(rep->settings.deadline) / 7));
  options.sock_state_cb = [](void* data, ares_socket_t socket, int read, int write) {
    static_cast<Rep*>(data)->SocketChanged(socket, read != 0, write != 0);
  };
  options.sock_state_cb_data = rep.get();
  constexpr int kMask = ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_SOCK_STATE_CB;
  int error = initialised;
  if (error == ARES_SUCCESS) error = ares_init_options(&rep->channel, &options, kMask);
  if (error != ARES_SUCCESS) {
    return base::Error(ErrorCode::kIo, fmt::format("cannot set up the resolver: {}", ares_strerror(error)));
  }
  std::unique_ptr<Resolver> resolver(new Resolver(std::move(rep)));
  Rep& made = *resolver->rep_;
  made.timer = std::make_unique<Timer>(loop, [&made] { made.Tick(); });
  std::string servers;
  for (const std::string& server : made.settings.servers) {
    if (!IsServer(server)) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("name server '{}' is no address, nor one with a port", base::Printable(server)));
    }
    servers += (servers.empty() ? "" : ",") + server;
  }
  if (!servers.empty() && ares_set_servers_ports_csv(made.channel, servers.c_str()) != ARES_SUCCESS) {
    return base::Error(ErrorCode::kInvalidArgument,
                       fmt::format("the resolver does not take these name servers: {}", servers));
  }
  return resolver;
}

Resolver::~Resolver() {
  if (rep_->channel != nullptr) ares_destroy(rep_->channel);
}

void Resolver::Resolve(const std::string& name, Callback callback) {
  if (const auto known = rep_->known.find(name); known != rep_->known.end()) {
    if (known->second.until > LoopNow(rep_->loop)) return callback(known->second.addresses);
    rep_->known.erase(known);
  }
  if (const auto asked = rep_->asked.find(name); asked != rep_->asked.end()) {
    asked->second->waiting.push_back(std::move(callback));
    return;
  }
  auto* question = new Rep::Question{rep_.get(), name, {}};
  question->waiting.push_back(std::move(callback));
  rep_->asked[name] = question;
  rep_->timer->Start(absl::Milliseconds(200));
  ares_addrinfo_hints hints = {};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(rep_->channel, name.c_str(), nullptr, &hints, &Rep::Answered, question);
}

}  // namespace leash::net
