#include "outside_network.h"

#include <fcntl.h>
#include <unistd.h>

namespace leash::guarantees {
namespace {

// With namespaces of users where the test has no right to make one of networks.
Start StartOf() {
  Start start;
  start.argv = {"/usr/bin/unshare", "--net"};
  if (geteuid() != 0) start.argv.insert(start.argv.end(), {"--user", "--map-current-user", "--keep-caps"});
  start.argv.insert(start.argv.end(),
                    {"/usr/bin/python3", std::string(LEASH_GUARANTEES_DIRECTORY) + "/outside_network.py"});
  start.who = geteuid() == 0 ? Who::kRoot : Who::kOrdinary;
  start.environment = {"PATH=/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE=1"};
  return start;
}

}  // namespace

OutsideNetwork::OutsideNetwork() : program_(std::make_unique<Background>(StartOf())) {
  const std::string line = ReadLine(program_->output());
  if (line != "ready") {
    problem_ = "namespaces: none of networks can be made here: " + program_->Wait(std::chrono::seconds(1)).Describe();
    return;
  }
  const std::string from = "/proc/" + std::to_string(program_->pid()) + "/ns/";
  if (geteuid() != 0) namespaces_.push_back(open((from + "user").c_str(), O_RDONLY | O_CLOEXEC));
  namespaces_.push_back(open((from + "net").c_str(), O_RDONLY | O_CLOEXEC));
}

OutsideNetwork::~OutsideNetwork() {
  for (const int fd : namespaces_) close(fd);
}

std::string OutsideNetwork::Ask(const std::string& command) {
  const std::string line = command + "\n";
  if (write(program_->input(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) return "";
  return ReadLine(program_->output());
}

void OutsideNetwork::Name(const std::string& name, const std::string& address) { Ask("name " + name + " " + address); }

std::string OutsideNetwork::Seen() { return seen_ += Ask("report") + "; "; }

void OutsideNetwork::Forget() {
  Ask("report");
  seen_.clear();
}

bool OutsideNetwork::Saw(const std::string& part, int times) {
  for (int i = 0; i < 200; ++i) {
    int found = 0;
    const std::string seen = Seen();
    for (std::size_t at = 0; (at = seen.find(part, at)) != std::string::npos; at += part.size()) ++found;
    if (found >= times) return true;
    usleep(50000);
  }
  return false;
}

bool OutsideNetwork::NeverSaw(const std::string& part) {
  usleep(50000);
  return Seen().find(part) == std::string::npos;
}

}  // namespace leash::guarantees
