#include "platform/linux/socket_owner.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <unordered_set>
#include <utility>

#include "fmt/format.h"

namespace leash::platform {
namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};
using Directory = std::unique_ptr<DIR, DirectoryCloser>;

// Calls `see` with each name, until it says false.
template <typename See>
void ForEachEntry(const std::string& path, See see) {
  const Directory directory(::opendir(path.c_str()));
  if (directory == nullptr) return;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.' && !see(entry->d_name)) return;
  }
}

std::string ReadLink(const std::string& path) {
  std::array<char, 4096> target;
  const ssize_t size = ::readlink(path.c_str(), target.data(), target.size());
  return size > 0 ? std::string(target.data(), static_cast<std::size_t>(size)) : std::string();
}

bool HasSocket(pid_t process, const std::string& socket, int& looks) {
  bool has = false;
  const std::string descriptors = fmt::format("/proc/{}/fd", process);
  ForEachEntry(descriptors, [&](const char* number) {
    has = ReadLink(fmt::format("{}/{}", descriptors, number)) == socket;
    return !has && --looks > 0;
  });
  return has;
}

std::vector<pid_t> ChildrenOf(pid_t process, int& looks) {
  std::vector<pid_t> children;
  const std::string tasks = fmt::format("/proc/{}/task", process);
  ForEachEntry(tasks, [&](const char* task) {
    std::ifstream file(fmt::format("{}/{}/children", tasks, task));
    for (pid_t child; file >> child;) children.push_back(child);
    return --looks > 0;
  });
  return children;
}

void SetAddress(const sockaddr_storage& address, __be16& port, __be32 (&bytes)[4]) {
  if (address.ss_family == AF_INET) {
    const auto& four = reinterpret_cast<const sockaddr_in&>(address);
    port = four.sin_port;
    bytes[0] = four.sin_addr.s_addr;
  } else {
    const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
    port = six.sin6_port;
    std::memcpy(&bytes, &six.sin6_addr, sizeof(six.sin6_addr));
  }
}

}  // namespace

std::string ExecutableOf(pid_t process) { return ReadLink(fmt::format("/proc/{}/exe", process)); }

void SocketOwner::Identify(int connection, base::ArrivedConnection& arrived) {
  sockaddr_storage own = {};
  sockaddr_storage peer = arrived.destination;
  socklen_t size = sizeof(own);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&own), &size) != 0) return;
  size = sizeof(peer);
  if (peer.ss_family == AF_UNSPEC && ::getsockname(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    return;
  }
  const std::optional<std::uint32_t> inode = InodeOf(own, peer);
  if (!inode.has_value()) return;
  const pid_t found = Find(*inode);
  if (found == 0) return;
  last_ = found;
  arrived.pid = found;
  arrived.executable = ExecutableOf(found);
}

std::optional<std::uint32_t> SocketOwner::InodeOf(const sockaddr_storage& own, const sockaddr_storage& peer) {
  struct {
    nlmsghdr head;
    inet_diag_req_v2 request;
  } question = {};
  question.head.nlmsg_len = sizeof(question);
  question.head.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.head.nlmsg_flags = NLM_F_REQUEST;
  question.head.nlmsg_seq = ++sequence_;
  question.request.sdiag_family = static_cast<__u8>(own.ss_family);
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0U;
  SetAddress(own, question.request.id.idiag_sport, question.request.id.idiag_src);
  SetAddress(peer, question.request.id.idiag_dport, question.request.id.idiag_dst);
  question.request.id.idiag_cookie[0] = question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  if (::sendto(diagnostics_.get(), &question, sizeof(question), 0, reinterpret_cast<const sockaddr*>(&kernel),
               sizeof(kernel)) != static_cast<ssize_t>(sizeof(question))) {
    return std::nullopt;
  }
  // The answer is there when sendto(2) comes back. Older ones, which nobody took, are passed over.
  alignas(nlmsghdr) std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::recv(diagnostics_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < static_cast<ssize_t>(sizeof(nlmsghdr))) return std::nullopt;
    const auto* head = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (head->nlmsg_seq != sequence_) continue;
    if (head->nlmsg_type != SOCK_DIAG_BY_FAMILY || head->nlmsg_len < NLMSG_LENGTH(sizeof(inet_diag_msg)) ||
        head->nlmsg_len > static_cast<std::size_t>(got)) {
      return std::nullopt;
    }
    const std::uint32_t inode = reinterpret_cast<const inet_diag_msg*>(NLMSG_DATA(head))->idiag_inode;
    return inode == 0 ? std::nullopt : std::optional(inode);  // 0: it has been closed
  }
}

pid_t SocketOwner::Find(std::uint32_t inode) {
  const std::string socket = fmt::format("socket:[{}]", inode);
  int looks = kMostLooks;
  if (last_ != 0 && HasSocket(last_, socket, looks)) return last_;
  std::vector<pid_t> waiting = {root_};
  std::unordered_set<pid_t> seen;
  while (!waiting.empty() && --looks > 0) {
    const pid_t process = waiting.back();
    waiting.pop_back();
    if (!seen.insert(process).second) continue;
    if (HasSocket(process, socket, looks)) return process;
    const std::vector<pid_t> children = ChildrenOf(process, looks);
    waiting.insert(waiting.end(), children.begin(), children.end());
  }
  return 0;
}

}  // namespace leash::platform
