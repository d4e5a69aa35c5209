// Calls a command of the host from inside a sandbox: `leash-ipc NAME ...`, or `NAME ...` when it is started by that
// name. Knows nothing of leash but what docs/ipc.md says.
#include <errno.h>
#include <unistd.h>

#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "leash-ipc/arguments.h"
#include "leash-ipc/client.h"
#include "leash-ipc/show.h"

namespace leash_ipc {
namespace {

constexpr std::string_view kOwnName = "leash-ipc";
constexpr char kUsage[] =
    "Usage: leash-ipc NAME [ARGUMENTS...]\n"
    "       leash-ipc --list\n"
    "\n"
    "Calls a command of the host that this sandbox runs on. NAME --help tells what it takes.\n"
    "\n"
    "Options:\n"
    "  --list             the commands that there are\n"
    "  --timeout SECONDS  give up then\n"
    "  --help             this text\n";

bool Write(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

int Tell(std::string_view who, std::string_view what, int code) {
  Write(STDERR_FILENO, std::string(who) + ": " + std::string(what) + "\n");
  return code;
}

int Out(std::string_view text) { return Write(STDOUT_FILENO, text) ? 0 : 1; }

bool ReadStdin(std::string& text) {
  if (::isatty(STDIN_FILENO) != 0) return false;
  char buffer[1U << 16];
  ssize_t got = 0;
  while ((got = ::read(STDIN_FILENO, &buffer[0], sizeof(buffer))) > 0 || (got < 0 && errno == EINTR)) {
    if (got > 0) text.append(&buffer[0], static_cast<std::size_t>(got));
  }
  return got == 0;
}

std::string List(const Json& commands) {
  std::size_t width = 0;
  for (const auto& [name, description] : commands.items()) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, description] : commands.items()) {
    const auto summary = description.find("summary");
    text += name;
    if (summary != description.end() && summary->is_string() && !summary->get_ref<const std::string&>().empty()) {
      text += std::string(width - name.size() + 2, ' ') + summary->get<std::string>();
    }
    text += "\n";
  }
  return text;
}

struct Order {
  std::string name;  // empty: the commands are to be listed
  std::vector<std::string> words;
  std::uint32_t timeout_ms = 0;
};

int Run(const Order& order) {
  const std::string who = order.name.empty() ? std::string(kOwnName) : order.name;
  const char* path = std::getenv("LEASH_IPC");
  if (path == nullptr || *path == '\0') return Tell(who, "there is no host to call: LEASH_IPC is not set", 125);
  Client client(path);
  Json commands;
  Failure failure;
  if (!client.Describe(commands, failure)) return Tell(who, failure.message, ExitCodeOf(failure));
  if (order.name.empty()) return Out(List(commands));
  const auto found = commands.find(order.name);
  if (found == commands.end()) return Tell(who, "the host has no such command; see: leash-ipc --list", 127);
  const Parsed parsed = ParseArguments(*found, order.words, &ReadStdin);
  if (parsed.help) return Out(HelpFor(order.name, *found));
  if (!parsed.error.empty()) return Tell(who, parsed.error + "; see: " + order.name + " --help", 2);
  Json response;
  int written = 0;
  const auto show = [&](const Json& item) { written |= Out(ShowItem(item)); };
  if (!client.Call(order.name, parsed.arguments, order.timeout_ms, show, response, failure)) {
    return Tell(who, failure.message, ExitCodeOf(failure));
  }
  return Out(ShowResponse(response)) | written;
}

// The program's own options, and then the command's name.
int Main(std::vector<std::string> words) {
  const std::string& self = words.front();
  const std::string name = self.substr(self.rfind('/') + 1);
  Order order;
  if (name != kOwnName) {
    order.name = name;
    order.words.assign(words.begin() + 1, words.end());
    return Run(order);
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--help" || word == "-h") return Out(kUsage);
    if (word == "--list") return Run(order);
    if (word == "--timeout" && i + 1 < words.size()) {
      char* end = nullptr;
      const double seconds = std::strtod(words[++i].c_str(), &end);
      if (*end != '\0' || !(seconds > 0 && seconds < 4e6)) return Tell(kOwnName, "--timeout takes seconds", 2);
      order.timeout_ms = static_cast<std::uint32_t>(seconds * 1000 + 0.999);
      continue;
    }
    if (!word.empty() && word[0] == '-') return Tell(kOwnName, "there is no option " + word, 2);
    order.name = word;
    order.words.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
    return Run(order);
  }
  Write(STDERR_FILENO, kUsage);
  return 2;
}

}  // namespace
}  // namespace leash_ipc

int main(int argc, char** argv) {
  if (argc < 1) return 2;
  return leash_ipc::Main(std::vector<std::string>(argv, argv + argc));
}
