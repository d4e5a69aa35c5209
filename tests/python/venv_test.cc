// Virtual environments with real interpreters, and packages from a local directory.
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/unique_fd.h"
#include "cli/temporary_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/leash.h"
#include "python/build_sandbox.h"
#include "python/interpreter_search.h"

namespace leash::python {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

// Listens on loopback and tells whether anybody came.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(fd_.get(), 8), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(::getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  std::string Port() const { return std::to_string(port_); }
  bool SomebodyCame() const {
    const base::UniqueFd peer(::accept(fd_.get(), nullptr, nullptr));
    return static_cast<bool>(peer);
  }

 private:
  base::UniqueFd fd_;
  int port_ = 0;
};

class VenvTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
    if (std::system("/usr/bin/python3 -c 'import ensurepip' 2>/dev/null") != 0) GTEST_SKIP() << "no ensurepip here";
    disk_.MakeDirectory("packages");
    Pack("");
  }

  void Pack(const std::string& rest) const {
    const std::string script = std::string(LEASH_SOURCE_DIR) + "/tests/python/make_packages.py";
    ASSERT_EQ(std::system(("/usr/bin/python3 -B " + script + " " + disk_.Path("packages") + rest).c_str()), 0);
  }
  VenvConfig Config(const std::string& name) const {
    return {.path = disk_.Path(name),
            .interpreter = "/usr/bin/python3",
            .backend = VenvBackend::kVenv,
            .find_links = {disk_.Path("packages")},
            .no_index = true};
  }
  // What `code` prints in a sandbox that has the environment.
  static std::string Printed(const VenvManager& venv, const std::string& code) {
    const auto sandbox = CreateSandbox(SandboxConfig::Builder().Python(venv.Python()).Build());
    EXPECT_TRUE(sandbox.ok()) << sandbox.status();
    if (!sandbox.ok()) return "";
    const auto output = sandbox->RunPython(code);
    EXPECT_TRUE(output.ok()) << output.status();
    return output.ok() ? output->stdout_bytes + output->stderr_bytes : "";
  }

  testing::TemporaryDirectory disk_;
};

TEST_F(VenvTest, IsMadeFilledAndRun) {
  VenvConfig config = Config("env");
  config.packages = {"leash-tiny"};
  const auto venv = VenvManager::Create(config);
  ASSERT_TRUE(venv.ok()) << venv.status();
  EXPECT_EQ(venv->path(), disk_.Path("env"));
  EXPECT_THAT(venv->site_packages_path(), HasSubstr(disk_.Path("env/lib/python3.")));
  EXPECT_EQ(Printed(*venv, "import leash_tiny, sys; print(leash_tiny.WORD, sys.prefix)"),
            "tiny " + disk_.Path("env") + "\n");
  // It is for reading only, unless that is lifted.
  EXPECT_THAT(Printed(*venv, "import sys; open(sys.prefix + '/planted', 'w')"), HasSubstr("Error"));
  EXPECT_FALSE(testing::Exists(disk_.Path("env/planted")));
  PythonConfig open = venv->Python();
  open.allow_pip_install = true;
  const auto sandbox = CreateSandbox(SandboxConfig::Builder().Python(open).Build());
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_TRUE(sandbox->RunPython("import sys; open(sys.prefix + '/planted', 'w')")->status.Success());
  EXPECT_TRUE(testing::Exists(disk_.Path("env/planted")));
}

TEST_F(VenvTest, ThatIsThereIsUsedAndWhatIsMissingInstalled) {
  const auto first = VenvManager::Create(Config("env"));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(Printed(*first, "import leash_tiny"), HasSubstr("ModuleNotFoundError"));
  VenvConfig config = Config("env");
  config.interpreter = "/nowhere/python3";  // not asked for: the environment is there
  config.requirements = {disk_.MakeFile("requirements.txt", "# ours\nleash_tiny==1.0\n")};
  const auto again = VenvManager::Create(config);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Printed(*again, "import leash_tiny; print(leash_tiny.WORD)"), "tiny\n");
  // Everything is there now: nothing is asked, not even the directory that held it.
  config.find_links = {"/nowhere"};
  EXPECT_TRUE(VenvManager::Create(config).ok());
  EXPECT_TRUE(VenvManager::Open(disk_.Path("env")).ok());
}

// A comment that names UTF-7 as the encoding: to pip, a line end and an option follow in it.
TEST_F(VenvTest, FilesOfRequirementsMeanWhatLeashReads) {
  VenvConfig config = Config("env");
  config.requirements = {
      disk_.MakeFile("requirements.txt", "# coding: utf-7\n# +AAo---no-binary :all:\nleash-tiny # why\n")};
  const auto venv = VenvManager::Create(config);
  EXPECT_TRUE(venv.ok()) << venv.status() << "\nit is a wheel, and would not be taken";
}

TEST_F(VenvTest, DirectoriesOfPackagesMayBeRelative) {
  VenvConfig config = Config("env");
  config.packages = {"leash-tiny"};
  config.find_links = {std::filesystem::relative(disk_.Path("packages")).string()};
  const auto venv = VenvManager::Create(config);
  EXPECT_TRUE(venv.ok()) << venv.status();
}

TEST_F(VenvTest, IsNotWrittenThroughALink) {
  const std::string target = disk_.MakeDirectory("elsewhere");
  ASSERT_EQ(::symlink(target.c_str(), disk_.Path("env").c_str()), 0);
  EXPECT_EQ(GetErrorCode(VenvManager::Create(Config("env")).status()), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(std::filesystem::is_empty(target));
}

TEST_F(VenvTest, ThatWasLeftHalfMadeIsCompleted) {
  disk_.MakeFile("env/pyvenv.cfg", "home = /usr/bin\n");
  disk_.MakeDirectory("env/bin");
  EXPECT_FALSE(VenvManager::Open(disk_.Path("env")).ok());
  const auto venv = VenvManager::Create(Config("env"));
  ASSERT_TRUE(venv.ok()) << venv.status();
  EXPECT_EQ(Printed(*venv, "import sys; print(sys.prefix)"), disk_.Path("env") + "\n");
}

// Where there is no uv, a stand-in that takes its command line shows that it is found, granted and run inside. What uv
// itself makes of those options is only seen by IsMadeWithARealUv, where one is installed.
TEST_F(VenvTest, UvIsUsedWhereItIsThere) {
  disk_.MakeFile("bin/uv", R"(#!/bin/sh
case "$1 $2 $3" in
  "venv --offline --python") exec "$4" -m venv "$5" ;;
  "pip install --python")
    python=$4
    shift 4
    touch "$(dirname "$python")/../by-uv"
    exec "$python" -m pip install "$@" ;;
esac
exit 3
)",
                 0755);
  const std::string path = std::getenv("PATH");
  ASSERT_EQ(::setenv("PATH", (disk_.Path("bin") + ":" + path).c_str(), 1), 0);
  VenvConfig config = Config("env");
  config.backend = VenvBackend::kUv;
  config.packages = {"leash-tiny"};
  const auto venv = VenvManager::Create(config);
  ::setenv("PATH", "/nowhere", 1);
  const auto without = VenvManager::Create({.path = disk_.Path("other"), .backend = VenvBackend::kUv});
  ::setenv("PATH", path.c_str(), 1);
  ASSERT_TRUE(venv.ok()) << venv.status();
  EXPECT_TRUE(testing::Exists(disk_.Path("env/by-uv")));
  EXPECT_EQ(Printed(*venv, "import leash_tiny; print(leash_tiny.WORD)"), "tiny\n");
  EXPECT_EQ(GetErrorCode(without.status()), ErrorCode::kProgramNotFound);
  EXPECT_FALSE(testing::Exists(disk_.Path("other")));
}

TEST_F(VenvTest, IsMadeWithARealUv) {
  const auto uv = LocateProgram("uv", Surroundings::OfProcess());
  if (!uv.has_value()) GTEST_SKIP() << "no uv in PATH";
  VenvConfig config = Config("env");
  config.backend = VenvBackend::kUv;
  config.packages = {"leash-tiny"};
  const auto venv = VenvManager::Create(config);
  ASSERT_TRUE(venv.ok()) << venv.status();
  EXPECT_EQ(Printed(*venv, "import leash_tiny; print(leash_tiny.WORD)"), "tiny\n");
}

TEST_F(VenvTest, ThatCannotBeMadeLeavesNothing) {
  VenvConfig config = Config("env");
  config.interpreter = "/usr/bin/env";  // runs, and is no Python
  EXPECT_EQ(GetErrorCode(VenvManager::Create(config).status()), ErrorCode::kIo);
  EXPECT_FALSE(testing::Exists(disk_.Path("env")));
  config = Config("missing/env");
  EXPECT_EQ(GetErrorCode(VenvManager::Create(config).status()), ErrorCode::kPathNotFound);
  disk_.MakeFile("full/file", "mine");
  EXPECT_EQ(GetErrorCode(VenvManager::Create(Config("full")).status()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(testing::ReadFile(disk_.Path("full/file")), "mine");
  EXPECT_EQ(GetErrorCode(VenvManager::Open(disk_.Path("full")).status()), ErrorCode::kPathNotFound);
}

TEST_F(VenvTest, SaysWhatPipSaid) {
  VenvConfig config = Config("env");
  config.packages = {"leash-missing"};
  const auto venv = VenvManager::Create(config);
  EXPECT_EQ(GetErrorCode(venv.status()), ErrorCode::kIo);
  EXPECT_THAT(std::string(venv.status().message()), HasSubstr("No matching distribution found for leash-missing"));
}

TEST_F(VenvTest, HoldsAHostileBuild) {
  const Listener listener;
  const std::string target = disk_.Path("written");
  const std::string secret = disk_.MakeFile("secret", "s3cret");
  // The control: what the build does works outside.
  const std::string acts = " " + target + " " + secret + " " + listener.Port();
  const std::string script = std::string(LEASH_SOURCE_DIR) + "/tests/python/make_packages.py";
  ASSERT_EQ(std::system(("/usr/bin/python3 -B " + script + " --act" + acts +
                         " | grep -q \"'write': 'done', 'read': "
                         "'done', 'phone': 'done'\"")
                            .c_str()),
            0);
  ASSERT_TRUE(testing::Exists(target));
  ASSERT_TRUE(listener.SomebodyCame());
  ASSERT_EQ(::unlink(target.c_str()), 0);

  Pack(acts);
  VenvConfig config = Config("env");
  config.packages = {"leash-evil"};
  const auto refused = VenvManager::Create(config);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("No matching distribution")) << "it has no wheel";
  config.allow_sdist = unsafe::AllowSdist();
  ASSERT_EQ(::setenv("LEASH_TEST_SECRET", "s3cret", 1), 0);
  const auto venv = VenvManager::Create(config);
  ::unsetenv("LEASH_TEST_SECRET");
  ASSERT_TRUE(venv.ok()) << venv.status();
  const std::string came = Printed(*venv, "import leash_evil; print(leash_evil.CAME)");
  // What it writes may be in a private directory of that name; what counts is what is there outside.
  EXPECT_THAT(came, HasSubstr("'write': '"));
  EXPECT_THAT(came, Not(HasSubstr("'read': 'done'")));
  EXPECT_THAT(came, Not(HasSubstr("'phone': 'done'")));
  EXPECT_THAT(came, HasSubstr("'variable': 'unset'"));
  EXPECT_FALSE(testing::Exists(target));
  EXPECT_FALSE(listener.SomebodyCame());
  for (const auto& entry : std::filesystem::directory_iterator(disk_.Path("env"))) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("build"))) << "the builds' own directory";
  }
}

TEST(BuildSandbox, ReachesTheIndexAlone) {
  VenvConfig config;
  EXPECT_THAT(*IndexHosts(config), ::testing::ElementsAre("pypi.org:443", "files.pythonhosted.org:443"));
  config.index_urls = {"http://index.test:3141/simple", "https://pypi.org/simple"};
  config.package_hosts = {"files.test"};
  EXPECT_THAT(*IndexHosts(config), ::testing::UnorderedElementsAre("index.test:3141", "pypi.org:443",
                                                                   "files.pythonhosted.org:443", "files.test"));
  config.index_urls = {"file:///tmp"};
  EXPECT_FALSE(IndexHosts(config).ok());
}

TEST(RunPython, RunsCodeAndFiles) {
  if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  const testing::TemporaryDirectory disk;
  const std::string script = disk.MakeFile("script.py", "import sys; print(sys.argv[1:])\n");
  const auto sandbox =
      CreateSandbox(SandboxConfig::Builder().Python({.interpreter = "/usr/bin/python3"}).Readable(script).Build());
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  EXPECT_EQ(sandbox->RunPython("import sys; print(sys.argv[1:])", {"a", "b"})->stdout_bytes, "['a', 'b']\n");
  EXPECT_EQ(sandbox->RunPythonFile(script, {"c"})->stdout_bytes, "['c']\n");
  EXPECT_EQ(GetErrorCode(sandbox->RunPythonFile(disk.Path("missing")).status()), ErrorCode::kPathNotFound);
  const std::string closed = disk.MakeFile("closed.py", "");
  EXPECT_EQ(GetErrorCode(sandbox->RunPythonFile(closed).status()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(GetErrorCode(sandbox->RunPython(std::string(200000, ' ')).status()), ErrorCode::kInvalidArgument);
  EXPECT_EQ(GetErrorCode(sandbox->RunPython(std::string("a\0b", 3)).status()), ErrorCode::kInvalidArgument);
}

// Whatever interpreter this machine's user has in PATH: of pyenv, of uv, the system's.
TEST(RunPython, RunsTheUsersOwnInterpreter) {
  const auto found = leash::FindPython({});
  if (!found.ok()) GTEST_SKIP() << found.status();
  const auto sandbox = CreateSandbox(SandboxConfig::Builder().Python({}).Build());
  ASSERT_TRUE(sandbox.ok()) << sandbox.status();
  const auto output = sandbox->RunPython("import sys, ssl, sqlite3; print(sys.base_prefix)");
  ASSERT_TRUE(output.ok()) << output.status();
  EXPECT_EQ(output->stdout_bytes + output->stderr_bytes, found->prefix + "\n");
}

}  // namespace
}  // namespace leash::python
