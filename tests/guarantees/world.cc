#include "world.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pty.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>
#include <sstream>

#include "tree.h"

namespace leash::guarantees {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const std::string& what) {
  perror(("guarantees: " + what).c_str());
  std::exit(1);
}

// Every directory up to the root may be searched by anybody.
bool AnyoneMayEnter(const fs::path& directory) {
  for (fs::path p = directory; !p.empty(); p = p.parent_path()) {
    struct stat st;
    if (stat(p.c_str(), &st) == -1 || (st.st_mode & S_IXOTH) == 0) return false;
    if (p == p.root_path()) return true;
  }
  return false;
}

bool Starts(const std::string& text, const std::string& with) { return text.rfind(with, 0) == 0; }

// What the default tier leaves closed whoever asks; a fixture there would be protected by its place.
bool OpenByDefault(const std::string& directory) {
  for (const char* closed : {"/home/", "/root/", "/tmp/", "/var/tmp/", "/run/", "/dev/", "/mnt/", "/media/"}) {
    if (Starts(directory + "/", closed)) return false;
  }
  const char* home = std::getenv("HOME");
  return home == nullptr || *home == '\0' || !Starts(directory + "/", std::string(home) + "/");
}

// A unix socket's path must fit 107 characters.
constexpr std::size_t kLongestRoot = 70;

std::string MakeRoot(Who who, bool& readable_by_default) {
  const std::string build = LEASH_BUILD_DIRECTORY;
  const bool other_user = UidOf(who) != geteuid();
  const bool usable =
      build.size() < kLongestRoot && (!other_user || AnyoneMayEnter(build)) && access(build.c_str(), W_OK) == 0;
  std::string path = (usable ? build : std::string("/tmp")) + "/guarantees-XXXXXX";
  if (mkdtemp(path.data()) == nullptr) Fail("mkdtemp " + path);
  readable_by_default = usable && OpenByDefault(build);
  return fs::canonical(path).string();
}

std::string RandomName() {
  std::random_device source;
  std::ostringstream name;
  name << "leash-guarantee-" << std::hex << source() << source();
  return name.str();
}

void ReadFacts(const std::string& line, std::map<std::string, std::string>& facts) {
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    const std::size_t equals = word.find('=');
    if (equals != std::string::npos) facts[word.substr(0, equals)] = word.substr(equals + 1);
  }
}

// Of two settings of one variable, programs differ in which they take.
void SetVariable(std::vector<std::string>& environment, const std::string& variable) {
  const std::string name = variable.substr(0, variable.find('=') + 1);
  std::erase_if(environment, [&](const std::string& old) { return Starts(old, name); });
  environment.push_back(variable);
}

// The node of the disk that `path` is on, if there is one.
std::string DiskOf(const std::string& path) {
  struct stat st, node;
  if (stat(path.c_str(), &st) == -1) return "";
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/dev", ignored)) {
    const std::string name = entry.path().string();
    if (stat(name.c_str(), &node) == 0 && S_ISBLK(node.st_mode) && node.st_rdev == st.st_dev) return name;
  }
  return "";
}

// Below 100: where leash and the probes look. 7 is a secret file, 8 a directory, 9 a listening socket.
constexpr int kSecretFd = 7;
constexpr int kDirectoryFd = 8;
constexpr int kListenerFd = 9;

}  // namespace

World& World::Of(Who who) {
  static std::array<std::unique_ptr<World>, 2> worlds;
  std::unique_ptr<World>& world = worlds[who == Who::kRoot ? 0 : 1];
  if (world == nullptr) world.reset(new World(who));
  return *world;
}

World::World(Who who) : who_(who), root_(MakeRoot(who, readable_by_default_)) {
  umask(022);
  MakeDirectory(root_, 0755, who);
  for (const char* name : {"start", "tmp", "control", "victim", "bin", "readonly", "scratch"}) {
    MakeDirectory(root_ + "/" + name, std::strcmp(name, "tmp") == 0 ? 0700 : 0755, who);
  }
  MakePrograms();
  WriteFile(root_ + "/victim/secret", "victim's secret\n", 0600, who);
  WriteFile(root_ + "/start/here.txt", "here\n", 0644, who);
  facts_ = {{"root", root_},
            {"home", home()},
            {"outside", outside()},
            {"bare", root_ + "/tree/bare"},
            {"linked", root_ + "/tree/linked"},
            {"elsewhere", root_ + "/tree/elsewhere"},
            {"victim", root_ + "/victim"},
            {"probe", probe()},
            {"readonly", readonly_program()},
            {"set_user_id", root_ + "/bin/set-user-id-probe"}};
  for (const char* place : {"/tmp", "/var/tmp", "/dev/shm"}) {
    const std::string path = std::string(place) + "/" + RandomName();
    facts_["new_in_" + fs::path(place).filename().string() + (place[1] == 'v' ? "_var" : "")] = path;
    shared_.push_back(path);
  }
  if (const std::string disk = DiskOf(root_); !disk.empty()) facts_["disk"] = disk;
  MakeSharedSecrets();
  Reset();
  OpenDescriptors();
}

void World::MakePrograms() {
  PlaceProgram(LEASH_BINARY, leash());
  PlaceProgram(LEASH_PROBE, probe());
  PlaceProgram(LEASH_VICTIM, root_ + "/bin/leash-victim");
  PlaceProgram(LEASH_PROBE, readonly_program());
  // For the ordinary user: a program that would run as root.
  const std::string raised = root_ + "/bin/set-user-id-probe";
  CopyProgram(LEASH_PROBE, raised);
  if (chmod(raised.c_str(), 04755) == -1) Fail("chmod " + raised);
}

void World::MakeSharedSecrets() {
  for (const char* place : {"/tmp", "/var/tmp", "/dev/shm", "/run"}) {
    const std::string name = fs::path(place).filename().string() + (place[1] == 'v' ? "_var" : "");
    const std::string path = std::string(place) + "/" + RandomName() + "-secret";
    if (access(place, W_OK) == -1) continue;
    WriteFile(path, "a secret of another program\n", 0600, who_);
    facts_["secret_in_" + name] = path;
    kept_open_.push_back(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
}

void World::StartVictim() {
  victim_.reset();
  for (const char* name : {"stream", "dgram"}) RemoveTree(root_ + "/victim/" + name);
  Start start = Base({});
  start.argv = {root_ + "/bin/leash-victim", root_ + "/victim", "--password=in-the-arguments"};
  start.environment.push_back("VICTIM_SECRET=in-the-environment");
  victim_ = std::make_unique<Background>(start);
  const std::string line = ReadLine(victim_->output());
  if (!Starts(line, "facts ")) Fail("the victim did not start: " + line);
  ReadFacts(line, facts_);
}

void World::OpenDescriptors() {
  const int secret = open((root_ + "/victim/secret").c_str(), O_RDONLY | O_CLOEXEC);
  const int directory = open(outside().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at = {};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (secret == -1 || directory == -1 || bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at) == -1 ||
      listen(listener, 4) == -1 || fcntl(listener, F_SETFL, O_NONBLOCK) == -1) {
    Fail("descriptors");
  }
  descriptors_ = {{secret, kSecretFd}, {directory, kDirectoryFd}, {listener, kListenerFd}};
  int master = -1, slave = -1;
  if (openpty(&master, &slave, nullptr, nullptr, nullptr) == -1) Fail("openpty");
  fcntl(master, F_SETFD, FD_CLOEXEC);
  fcntl(slave, F_SETFD, FD_CLOEXEC);
  if (geteuid() == 0 && fchown(slave, UidOf(who_), GidOf(who_)) == -1) Fail("chown of a terminal");
  std::array<char, 64> name;
  if (ttyname_r(slave, name.data(), name.size()) == 0) facts_["terminal"] = name.data();
  kept_open_.insert(kept_open_.end(), {secret, directory, listener, master, slave});
}

World::~World() {
  victim_.reset();
  for (const int fd : kept_open_) close(fd);
  for (const std::string& path : shared_) RemoveTree(path);
  for (const auto& [name, path] : facts_) {
    if (Starts(name, "secret_in_")) RemoveTree(path);
  }
  RemoveTree(root_);
}

std::string World::Expand(std::string text) const {
  for (const auto& [name, value] : facts_) {
    const std::string mark = "{" + name + "}";
    for (std::size_t at; (at = text.find(mark)) != std::string::npos;) text.replace(at, mark.size(), value);
  }
  return text;
}

void World::Reset() {
  RemoveTree(root_ + "/control");
  MakeDirectory(root_ + "/control", 0700, who_);
  if (!pristine_.empty() && TreeReport() == pristine_) return;
  MakeTree(root_ + "/tree", who_);
  for (const std::string& path : shared_) RemoveTree(path);
  RemoveTree(root_ + "/victim/new");
  pristine_ = TreeReport();
  // The directory was made anew: the inherited descriptor must lead to the new one.
  if (!descriptors_.empty()) {
    const int fresh = open(outside().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fresh == -1 || dup3(fresh, descriptors_[1].first, O_CLOEXEC) == -1) Fail("reopen " + outside());
    close(fresh);
  }
}

std::string World::TreeReport() const {
  std::string report = Snapshot(root_ + "/tree") + Snapshot(root_ + "/victim");
  for (const std::string& path : shared_) {
    if (fs::exists(fs::symlink_status(path))) report += "exists " + path + "\n";
  }
  return report;
}

std::string World::VictimReport() {
  if (write(victim_->input(), "\n", 1) != 1) Fail("the victim is gone");
  const std::string line = ReadLine(victim_->output());
  if (!Starts(line, "report ")) Fail("the victim does not answer: " + line);
  if (count_everybody_) return line;
  std::istringstream words(line);
  std::string rest;
  const std::string everybody = "signal_" + std::to_string(SIGURG) + "=";
  for (std::string word; words >> word;) rest += Starts(word, everybody) ? "" : word + " ";
  return rest;
}

std::string World::Report() { return TreeReport() + VictimReport(); }

Start World::Base(const Extra& extra) const {
  Start start;
  start.who = who_;
  start.directory = extra.directory.empty() ? empty_directory() : extra.directory;
  start.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + home(), "LANG=C.UTF-8", "TERM=dumb",
                       "LEASH_GUARANTEE_SECRET=in-the-environment"};
  for (const std::string& variable : extra.environment) SetVariable(start.environment, variable);
  start.terminal = extra.terminal;
  start.descriptors = descriptors_;
  start.descriptors.insert(start.descriptors.end(), extra.descriptors.begin(), extra.descriptors.end());
  start.deadline = extra.deadline;
  return start;
}

Result World::Outside(const std::vector<std::string>& argv, const Extra& extra) const {
  Start start = Base(extra);
  start.argv = argv;
  start.environment.push_back("TMPDIR=" + root_ + "/control");
  return RunProgram(start);
}

Start World::InsideStart(const std::vector<std::string>& flags, const std::vector<std::string>& argv,
                         const Extra& extra) const {
  Start start = Base(extra);
  start.argv = {leash(), "run", "--no-config"};
  start.argv.insert(start.argv.end(), flags.begin(), flags.end());
  start.argv.insert(start.argv.end(), argv.begin(), argv.end());
  start.environment.push_back("TMPDIR=" + temporary());
  return start;
}

Result World::Inside(const std::vector<std::string>& flags, const std::vector<std::string>& argv,
                     const Extra& extra) const {
  return RunProgram(InsideStart(flags, argv, extra));
}

std::vector<std::string> World::Leftovers() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(temporary())) names.push_back(entry.path().filename().string());
  return names;
}

}  // namespace leash::guarantees
