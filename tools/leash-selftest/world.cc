#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>

#include "base/random.h"
#include "base/status.h"
#include "fmt/format.h"

namespace leash::selftest {
namespace {

namespace fs = std::filesystem;

// What the inherited descriptors are, see the rows that name these numbers.
constexpr int kSecretFd = 7;
constexpr int kHomeFd = 8;

struct File {
  std::string_view path;
  mode_t mode;
};

// Directories end in a slash. Each file holds its own path, so that none is empty and none is like another. Those on
// the top level stay when the rest is made anew: descriptors lead to them.
constexpr std::array kFiles = {
    File{"home/", 0755},
    File{"home/.ssh/", 0700},
    File{"home/.ssh/id_x", 0600},
    File{"home/.bashrc", 0644},
    File{"home/notes.txt", 0644},
    File{"outside/", 0755},
    File{"outside/public.txt", 0644},
    File{"outside/other.txt", 0644},
    File{"outside/dir/", 0755},
    File{"work/", 0755},
    File{"work/main.c", 0644},
    File{"work/.git/", 0755},
    File{"work/.git/HEAD", 0644},
    File{"work/.git/config", 0644},
    File{"work/.git/hooks/", 0755},
    File{"tmp/", 0700},
    File{"victim/", 0755},
    File{"victim/secret", 0600},
};

absl::Status Failed(std::string_view what, const std::string& path) {
  return base::ErrnoError(ErrorCode::kIo, errno, fmt::format("cannot {} {}", what, path));
}

absl::Status MakeOne(const std::string& path, mode_t mode) {
  if (path.ends_with('/')) {
    if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return Failed("make", path);
    return ::chmod(path.c_str(), mode) == 0 ? absl::OkStatus() : Failed("set the mode of", path);
  }
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << path << "\n";
  file.close();
  if (!file || ::chmod(path.c_str(), mode) != 0) return Failed("write", path);
  return absl::OkStatus();
}

void Empty(const std::string& directory) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(directory, ignored)) fs::remove_all(entry.path(), ignored);
}

enum class Times { kCount, kDoNotCount };

// Of directories they never count: what was made there and undone shows in them.
void Describe(const std::string& path, std::ostringstream& out, Times times = Times::kCount) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) return;
  out << path << ' ' << info.st_mode << ' ' << info.st_uid << ':' << info.st_gid;
  std::array<char, 1024> names = {};
  const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
  if (length > 0) out << ' ' << std::string_view(names.data(), static_cast<std::size_t>(length));
  if (S_ISREG(info.st_mode)) {
    if (times == Times::kCount) out << ' ' << info.st_mtim.tv_sec << '.' << info.st_mtim.tv_nsec;
    out << ' ' << info.st_size << ' ';
    std::ifstream file(path, std::ios::binary);
    out << file.rdbuf();
  }
  out << '\n';
}

void DescribeTree(const std::string& root, std::ostringstream& out) {
  Describe(root, out);
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored)) Describe(entry.path().string(), out);
}

// A port that nobody listens on now.
std::string FreePort() {
  const base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof(at);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), length) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at), &length) != 0) {
    return "";
  }
  return std::to_string(::ntohs(at.sin_port));
}

}  // namespace

World::World(std::string root, Programs programs, Interruption& interruption)
    : root_(std::move(root)), programs_(std::move(programs)), interruption_(&interruption) {
  facts_ = {{"root", root_},
            {"home", root_ + "/home"},
            {"outside", root_ + "/outside"},
            {"workdir", root_ + "/work"},
            {"victim", root_ + "/victim"},
            {"probe", programs_.probe.front()},
            {"new_in_tmp", "/tmp/selftest-of-leash-" + base::RandomName().value_or("0")},
            {"new_in_shm", "/dev/shm/selftest-of-leash-" + base::RandomName().value_or("0")}};
  if (const std::string port = FreePort(); !port.empty()) facts_["serve_port"] = port;
}

absl::StatusOr<std::unique_ptr<World>> World::Make(const std::string& directory, Programs programs,
                                                   Interruption& interruption) {
  // Not named leash-*: those are the scratch directories of sandboxes, which stay closed by their name.
  std::string root = directory + "/selftest-of-leash-XXXXXX";
  if (::mkdtemp(root.data()) == nullptr) return Failed("make a directory in", directory);
  std::unique_ptr<World> world(new World(std::move(root), std::move(programs), interruption));
  LEASH_RETURN_IF_ERROR(world->MakeFiles());
  LEASH_RETURN_IF_ERROR(world->OpenDescriptors());
  LEASH_RETURN_IF_ERROR(world->StartVictim());
  return world;
}

World::~World() {
  victim_.reset();
  KillChildrenBut({});
  std::error_code ignored;
  for (const char* name : {"new_in_tmp", "new_in_shm"}) fs::remove_all(facts_.at(name), ignored);
  fs::remove_all(root_, ignored);
}

absl::Status World::MakeFiles() {
  for (const char* name : {"home", "outside", "work", "tmp"}) Empty(root_ + "/" + name);
  std::error_code ignored;
  fs::remove(root_ + "/victim/new", ignored);
  for (const char* name : {"new_in_tmp", "new_in_shm"}) fs::remove_all(facts_.at(name), ignored);
  for (const File& file : kFiles) LEASH_RETURN_IF_ERROR(MakeOne(root_ + "/" + std::string(file.path), file.mode));
  pristine_files_ = Everything();
  return absl::OkStatus();
}

absl::Status World::OpenDescriptors() {
  secret_.reset(::open((root_ + "/victim/secret").c_str(), O_RDONLY | O_CLOEXEC));
  home_.reset(::open((root_ + "/home").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return secret_ && home_ ? absl::OkStatus() : Failed("open a file in", root_);
}

absl::Status World::StartVictim() {
  victim_.reset();
  for (const char* name : {"stream", "dgram"}) ::unlink((root_ + "/victim/" + name).c_str());
  Launch launch = LauncherOf(programs_.victim);
  launch.argv.push_back(root_ + "/victim");
  launch.argv.emplace_back("--password=in-the-arguments");
  launch.descriptors.clear();
  absl::StatusOr<Companion> victim = Companion::Start(launch);
  if (!victim.ok()) return victim.status();
  victim_.emplace(*std::move(victim));
  LEASH_ASSIGN_OR_RETURN(const std::string line, victim_->Hear(*interruption_));
  if (!line.starts_with("facts ")) return base::Error(ErrorCode::kIo, "the victim process did not start: " + line);
  for (const char* name : {"mq", "key"}) facts_.erase(name);
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) facts_[word.substr(0, equals)] = word.substr(equals + 1);
  }
  LEASH_ASSIGN_OR_RETURN(pristine_victim_, Victim());
  return absl::OkStatus();
}

std::string World::Expand(std::string text) const {
  for (const auto& [name, value] : facts_) {
    const std::string mark = "{" + name + "}";
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + value.size())) {
      text.replace(at, mark.size(), value);
    }
  }
  return text;
}

bool World::HasUnknown(std::string_view text) const {
  std::string rest = Expand(std::string(text));
  const std::size_t known = rest.find("{launcher}");
  if (known != std::string::npos) rest.erase(known, std::string_view("{launcher}").size());
  return rest.find('{') != std::string::npos;
}

absl::Status World::Reset() {
  if (Everything() != pristine_files_) LEASH_RETURN_IF_ERROR(MakeFiles());
  const absl::StatusOr<std::string> now = Victim();
  if (absl::IsCancelled(now.status())) return now.status();
  return now.ok() && *now == pristine_victim_ ? absl::OkStatus() : StartVictim();
}

std::string World::Files() const {
  std::ostringstream out;
  for (const char* name : {"home", "outside", "victim"}) DescribeTree(root_ + "/" + name, out);
  for (const char* name : {"new_in_tmp", "new_in_shm"}) Describe(facts_.at(name), out);
  return out.str();
}

std::string World::FileAt(const std::string& path) const {
  std::ostringstream out;
  Describe(path, out, Times::kDoNotCount);
  return out.str();
}

std::string World::Everything() const {
  std::ostringstream out;
  for (const char* name : {"work", "tmp"}) DescribeTree(root_ + "/" + name, out);
  return Files() + out.str();
}

absl::StatusOr<std::string> World::Victim() {
  LEASH_RETURN_IF_ERROR(victim_->Say(""));
  LEASH_ASSIGN_OR_RETURN(std::string line, victim_->Hear(*interruption_));
  // SIGURG harms nobody, and somebody else may have sent it to every process of the user.
  const std::size_t urgent = line.find(fmt::format(" signal_{}=", SIGURG));
  if (urgent != std::string::npos) line.erase(urgent, line.find(' ', urgent + 1) - urgent);
  return line;
}

Launch World::LauncherOf(const std::vector<std::string>& command) const {
  Launch launch;
  for (const std::string& word : command) launch.argv.push_back(Expand(word));
  launch.directory = root_ + "/work";
  const char* path = std::getenv("PATH");  // where the launcher is looked for
  launch.environment = {fmt::format("PATH={}", path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin"),
                        "HOME=" + facts_.at("home"),
                        "TMPDIR=" + root_ + "/tmp",
                        "LANG=C.UTF-8",
                        "TERM=dumb",
                        "LEASH_SELFTEST_SECRET=in-the-environment"};
  launch.descriptors = {{secret_.get(), kSecretFd}, {home_.get(), kHomeFd}};
  return launch;
}

std::vector<pid_t> World::Kept() const {
  return victim_.has_value() ? std::vector<pid_t>{victim_->pid()} : std::vector<pid_t>{};
}

}  // namespace leash::selftest
