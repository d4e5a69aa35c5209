#include "platform/linux/socket_owner.h"

#include <dirent.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <array>
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

}  // namespace

base::Program ProgramOf(pid_t process) {
  if (process <= 0) return {};
  return {process, ReadLink(fmt::format("/proc/{}/exe", process))};
}

base::Program SocketOwner::OfConnection(int connection, const sockaddr_storage& destination) {
  sockaddr_storage own = {};
  sockaddr_storage peer = destination;
  socklen_t size = sizeof(own);
  if (::getpeername(connection, reinterpret_cast<sockaddr*>(&own), &size) != 0) return {};
  size = sizeof(peer);
  if (peer.ss_family == AF_UNSPEC && ::getsockname(connection, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    return {};
  }
  return Of(IPPROTO_TCP, own, peer);
}

base::Program SocketOwner::OfDatagram(const sockaddr_storage& from, const sockaddr_storage& to) {
  return Of(IPPROTO_UDP, from, to);
}

base::Program SocketOwner::Of(int protocol, const sockaddr_storage& own, const sockaddr_storage& peer) {
  const std::optional<SocketFacts> facts = diagnostics_.Find(own, peer, protocol);
  const pid_t found = facts.has_value() && facts->inode != 0 ? Find(facts->inode) : 0;
  if (found == 0) return {};
  last_ = found;
  return ProgramOf(found);
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
