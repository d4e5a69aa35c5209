#include "platform/linux/egress_world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "base/descriptor_message.h"
#include "base/status.h"
#include "core/planner.h"
#include "fmt/format.h"

namespace leash::platform {
namespace {

std::string TextOf(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    ::inet_ntop(AF_INET, &four.sin_addr, text.data(), text.size());
    return fmt::format("{}:{}", text.data(), ntohs(four.sin_port));
  }
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  ::inet_ntop(AF_INET6, &six.sin6_addr, text.data(), text.size());
  return fmt::format("[{}]:{}", text.data(), ntohs(six.sin6_port));
}

// A DNS answer (RFC 1035): the question again, and for A and AAAA one address. `message` has room behind its `size`
// bytes. The size of the answer; what is no DNS is sent back as it came.
std::size_t Answer(std::array<std::uint8_t, 1500>& message, std::size_t size) {
  std::size_t at = 12;  // behind the header: the labels of the name
  while (at < size && message[at] != 0) at += message[at] + std::size_t{1};
  if (at + 5 > size) return size;
  const int type = message[at + 1] << 8 | message[at + 2];
  at += 5;
  message[2] = 0x81;  // an answer, recursion desired
  message[3] = 0x80;  // and available
  const bool known = type == 1 || type == 28;
  for (const std::size_t count : {6, 8, 10}) message[count] = message[count + 1] = 0;
  message[7] = known ? 1 : 0;
  if (!known) return at;
  const int family = type == 1 ? AF_INET : AF_INET6;
  const std::uint8_t length = type == 1 ? 4 : 16;
  const std::uint8_t record[] = {0xc0, 12, 0, static_cast<std::uint8_t>(type), 0, 1, 0, 0, 0, 60, 0, length};
  std::memcpy(message.data() + at, &record[0], sizeof(record));
  ::inet_pton(family, type == 1 ? EgressWorld::kAnswer4 : EgressWorld::kAnswer6, message.data() + at + sizeof(record));
  return at + sizeof(record) + length;
}

// Of one program's own socket. False: it has ended.
bool AnswerOnSocket(int socket) {
  std::array<std::uint8_t, 1500> bytes = {};
  const ssize_t size = ::recv(socket, bytes.data(), 512, MSG_DONTWAIT);
  if (size <= 0) return size < 0 && errno == EAGAIN;
  (void)::send(socket, bytes.data(), Answer(bytes, static_cast<std::size_t>(size)), MSG_NOSIGNAL | MSG_DONTWAIT);
  return true;
}

// From the address that was asked: the control message goes back as it came, but for the interface, which the kernel
// chooses by the address.
void AnswerDatagram(int resolver) {
  std::array<std::uint8_t, 1500> bytes = {};
  sockaddr_storage peer = {};
  iovec body = {bytes.data(), 512};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(in6_pktinfo))] = {};
  msghdr message = {};
  message.msg_name = &peer;
  message.msg_namelen = sizeof(peer);
  message.msg_iov = &body;
  message.msg_iovlen = 1;
  message.msg_control = &control[0];
  message.msg_controllen = sizeof(control);
  const ssize_t size = ::recvmsg(resolver, &message, 0);
  if (size < 0) return;
  const cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head != nullptr && head->cmsg_type == IP_PKTINFO && head->cmsg_level == IPPROTO_IP) {
    auto* information = reinterpret_cast<in_pktinfo*>(CMSG_DATA(const_cast<cmsghdr*>(head)));
    information->ipi_spec_dst = information->ipi_addr;
    information->ipi_ifindex = 0;
  }
  body.iov_len = Answer(bytes, static_cast<std::size_t>(size));
  (void)::sendmsg(resolver, &message, 0);
}

}  // namespace

ProbeDirectory::ProbeDirectory() {
  char name[] = "/tmp/leash-egress-test-XXXXXX";
  path_ = ::mkdtemp(&name[0]);
  std::filesystem::copy_file(LEASH_EGRESS_PROBE, probe());
  ::chmod(path_.c_str(), 0755);
  ::chmod(probe().c_str(), 0755);
}

ProbeDirectory::~ProbeDirectory() { std::filesystem::remove_all(path_); }

absl::StatusOr<core::Plan> NetworkPlan(const SandboxConfig& config, const std::string& scratch_dir) {
  core::HostFacts host = core::HostFactsOfProcess(core::HostBackend().Profile());
  host.scratch_dir = scratch_dir;
  return core::MakePlan(config, false, host);
}

absl::StatusOr<std::unique_ptr<EgressWorld>> EgressWorld::Make(const std::string& directory, SandboxConfig config,
                                                               std::shared_ptr<core::ViolationSink> sink) {
  LEASH_ASSIGN_OR_RETURN(WorkingDir scratch, WorkingDir::Create());
  std::unique_ptr<EgressWorld> world(new EgressWorld(std::move(scratch), directory + "/probe"));
  if (config.namespaces != Namespaces::kOff) config.namespaces = Namespaces::kRequire;
  config.grants.push_back({directory, Access::kReadExecute});
  LEASH_ASSIGN_OR_RETURN(world->plan_, NetworkPlan(config, world->scratch_.path()));
  core::Backend& backend = core::HostBackend();
  LEASH_ASSIGN_OR_RETURN(world->sandbox_, backend.Prepare(world->plan_, world->scratch_.id(), "",
                                                          backend.Begin(config.namespaces), std::move(sink)));
  world->intake_ = world->sandbox_->TakeEgress();
  world->listeners_ = world->intake_.listeners.size();
  world->resolvers_ = world->intake_.resolvers.size();
  world->server_ = std::thread([&world = *world] { world.Serve(); });
  return world;
}

EgressWorld::~EgressWorld() { StopServing(); }

void EgressWorld::StopServing() {
  stop_ = true;
  if (server_.joinable()) server_.join();
  intake_ = {};
  name_sockets_.clear();
}

std::string EgressWorld::ListenerPort() const {
  sockaddr_in address = {};
  socklen_t size = sizeof(address);
  (void)::getsockname(intake_.listeners.front().get(), reinterpret_cast<sockaddr*>(&address), &size);
  return std::to_string(ntohs(address.sin_port));
}

void EgressWorld::Serve() {
  while (!stop_) {
    std::vector<pollfd> polled;
    for (const base::UniqueFd& fd : intake_.listeners) polled.push_back({fd.get(), POLLIN, 0});
    for (const base::UniqueFd& fd : intake_.resolvers) polled.push_back({fd.get(), POLLIN, 0});
    polled.push_back({intake_.name_sockets.get(), POLLIN, 0});
    for (const base::UniqueFd& fd : name_sockets_) polled.push_back({fd.get(), POLLIN, 0});
    if (::poll(polled.data(), polled.size(), 50) <= 0) continue;
    const std::size_t listeners = intake_.listeners.size();
    const std::size_t names = listeners + intake_.resolvers.size();
    for (std::size_t i = 0; i < polled.size(); ++i) {
      if (polled[i].revents == 0) continue;
      if (i < listeners) {
        Accept(polled[i].fd);
      } else if (i < names) {
        AnswerDatagram(polled[i].fd);
      } else if (i == names) {
        AcceptNames();
      } else if (!AnswerOnSocket(polled[i].fd)) {
        std::erase_if(name_sockets_, [&](const base::UniqueFd& fd) { return fd.get() == polled[i].fd; });
      }
    }
  }
}

void EgressWorld::AcceptNames() {
  base::UniqueFd socket;
  if (base::ReceiveDescriptor(intake_.name_sockets.get(), socket) && socket) name_sockets_.push_back(std::move(socket));
}

void EgressWorld::Accept(int listener) {
  const base::UniqueFd connection(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return;
  const auto arrived = intake_.arrive(connection.get());
  if (!arrived.has_value()) {
    ++strangers_;
    return;
  }
  const bool redirected = arrived->destination.ss_family != AF_UNSPEC;
  const std::string told = redirected ? TextOf(arrived->destination) : "to the proxy itself";
  (void)::send(connection.get(), told.data(), told.size(), MSG_NOSIGNAL);
}

std::string EgressWorld::Probe(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), probe_);
  return Run(arguments);
}

std::string EgressWorld::Run(const std::vector<std::string>& argv) {
  std::array<int, 2> ends = {-1, -1};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return "no pipe";
  const base::UniqueFd reading(ends[0]);
  base::UniqueFd writing(ends[1]);
  const base::UniqueFd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  core::SpawnRequest request;
  request.program = argv.front();
  request.argv = argv;
  for (const auto& [name, value] : plan_.environment) request.environment.push_back(fmt::format("{}={}", name, value));
  request.stdio = {null.get(), writing.get(), writing.get()};
  const auto process = sandbox_->Spawn(request);
  if (!process.ok()) return std::string(process.status().message());
  writing.reset();
  std::string output;
  std::array<char, 4096> buffer;
  ssize_t size;
  while ((size = ::read(reading.get(), buffer.data(), buffer.size())) > 0) {
    output.append(buffer.data(), static_cast<std::size_t>(size));
  }
  pollfd ended = {(*process)->EndFd(), POLLIN, 0};
  while (::poll(&ended, 1, -1) < 0 && errno == EINTR) {
  }
  const auto end = (*process)->TryWait();
  if (output.ends_with('\n')) output.pop_back();
  if (!end.ok() || !end->has_value()) return output + " (not waited for)";
  return (*end)->status.Success() ? output : fmt::format("{} exit {}", output, (*end)->status.ShellCode());
}

}  // namespace leash::platform
