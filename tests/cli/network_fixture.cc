#include "network_fixture.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

namespace leash::testing {

NetworkWorld::NetworkWorld(const std::string& directory, const std::vector<std::string>& servers) {
  int in[2];
  int out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], 1);
  std::vector<std::string> words = {"python3", std::string(LEASH_SOURCE_DIR) + "/tests/cli/network_world.py",
                                    directory};
  words.insert(words.end(), servers.begin(), servers.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  EXPECT_EQ(::posix_spawnp(&pid_, argv[0], &actions, nullptr, argv.data(), environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  in_ = in[1];
  std::string line;
  for (char c; ::read(out[0], &c, 1) == 1 && c != '\n';) line += c;
  ::close(out[0]);
  ports_ = nlohmann::json::parse(line, nullptr, false);
  EXPECT_TRUE(ports_.is_object()) << line;
}

NetworkWorld::~NetworkWorld() {
  if (in_ >= 0) ::close(in_);
  if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
}

void NetworkTest::SetUp() {
  LeashTest::SetUp();
  const RunResult control = Leash({"run", "--namespaces", WithoutNamespaces() ? "off" : "require", "--network",
                                   "allow-list", "--allow-domain", "server.test", "true"});
  if (control.code != 0) GTEST_SKIP() << (WithoutNamespaces() ? "supervisor: " : "namespaces: ") << control.err;
  root().MakeFile("world/www/index.html", "from the web\n");
  const std::string world = root().Path("world");
  ASSERT_EQ(
      std::system(("cd '" + world +
                   "' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout key.pem "
                   "-out cert.pem -days 2 "
                   "-subj /CN=server.test -addext 'subjectAltName=DNS:server.test,DNS:*.server.test' 2>/dev/null && "
                   "cp cert.pem ../project/ca.pem && chmod 644 ../project/ca.pem && "
                   "git init -q --bare www/repo.git && git init -q clone && cd clone && echo one > file && "
                   "git add file && git -c user.name=x -c user.email=x@x commit -qm one && "
                   "git push -q ../www/repo.git HEAD:refs/heads/main && cd ../www/repo.git && "
                   "git symbolic-ref HEAD refs/heads/main && git update-server-info")
                      .c_str()),
      0);
  Restart({});
}

void NetworkTest::Restart(const std::vector<std::string>& servers) {
  world_.reset();
  world_.emplace(root().Path("world"), servers);
}

std::vector<std::string> NetworkTest::Options(const std::vector<std::string>& domains) const {
  std::vector<std::string> words = {
      "--network",       "allow-list", "--name-server", "127.0.0.1:" + world_->Port("dns"),
      "--allow-address", "127.0.0.1",  "--env",         "SSL_CERT_FILE=" + Project("ca.pem")};
  for (const std::string& domain : domains) words.insert(words.end(), {"--allow-domain", domain});
  if (WithoutNamespaces()) words.insert(words.end(), {"--namespaces", "off"});
  return words;
}

RunResult NetworkTest::Inside(const std::string& script, std::vector<std::string> options,
                              const std::vector<std::string>& domains) const {
  std::vector<std::string> words = {"run"};
  const std::vector<std::string> network = Options(domains);
  words.insert(words.end(), network.begin(), network.end());
  words.insert(words.end(), options.begin(), options.end());
  words.insert(words.end(), {"sh", "-c", script});
  Start start = StartOf(std::move(words));
  start.environment.insert(start.environment.end(), environment_.begin(), environment_.end());
  return Run(start);
}

std::string NetworkTest::Url(const char* scheme, const char* host) const {
  return std::string(scheme) + "://" + host + ":" + world_->Port(scheme) + "/";
}

bool NetworkTest::Has(const char* program) {
  return std::system((std::string("command -v ") + program + " >/dev/null 2>&1").c_str()) == 0;
}

}  // namespace leash::testing
