// leash python: scripts, modules and the interactive interpreter, and packages from an index of this machine.
#include <unistd.h>

#include <cstdlib>

#include "gmock/gmock.h"
#include "leash_terminal.h"
#include "network_fixture.h"
#include "nlohmann/json.hpp"

namespace leash::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr char kPython[] = "/usr/bin/python3";

class PythonTest : public LeashTest {
 protected:
  void SetUp() override {
    LeashTest::SetUp();
    if (::access(kPython, X_OK) != 0) GTEST_SKIP() << "no " << kPython;
  }

  // leash python in project/, with the interpreter that every machine has where every user sees it.
  RunResult Python(std::vector<std::string> arguments) const { return Run(StartOfPython(std::move(arguments))); }
  Start StartOfPython(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {"python", "--python", kPython});
    return StartOf(std::move(arguments));
  }
  bool HasVenv() const { return std::system("/usr/bin/python3 -c 'import ensurepip' 2>/dev/null") == 0; }
};
INSTANTIATE_TEST_SUITE_P(Users, PythonTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(PythonTest, RunsCodeWithArgumentsOfItsOwn) {
  const RunResult result = Python({"-c", "import sys; print(sys.argv)", "--verbose", "-v", "--help", "--", "x"});
  EXPECT_EQ(result.out, "['-c', '--verbose', '-v', '--help', '--', 'x']\n") << result.err;
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(Python({"-e", "A=b", "-cimport os; print(os.environ['A'])"}).out, "b\n");
}

TEST_P(PythonTest, TakesPythonsOwnOptions) {
  EXPECT_EQ(Python({"-O", "-c", "print(__debug__)"}).out, "False\n");
  EXPECT_EQ(Python({"--", "-X", "utf8=0", "-c", "import sys; print(sys.flags.utf8_mode)"}).out, "0\n");
  EXPECT_THAT(Python({"-m", "platform", "--terse"}).out, StartsWith("Linux"));
  EXPECT_TRUE(FailsWith(Python({"--no-such-option", "-c", "1"}), 125, "--no-such-option"));
}

TEST_P(PythonTest, FindsScriptsFromAnyDirectory) {
  root().MakeFile("project/here.py", "import beside, sys; print(beside.WORD, sys.argv)\n");
  root().MakeFile("project/beside.py", "WORD = 'here'\n");
  root().MakeFile("elsewhere/there.py", "import beside, sys; print(beside.WORD, sys.argv[1:])\n");
  root().MakeFile("elsewhere/beside.py", "WORD = 'there'\n");
  const std::string there = root().Path("elsewhere/there.py");
  EXPECT_EQ(Python({"here.py", "-v"}).out, "here ['here.py', '-v']\n");
  EXPECT_EQ(Python({"./here.py"}).out, "here ['./here.py']\n");
  EXPECT_EQ(Python({"../elsewhere/there.py", "a"}).out, "there ['a']\n");
  EXPECT_EQ(Python({there, "a"}).out, "there ['a']\n");
  Start start = StartOfPython({"../elsewhere/there.py"});
  start.directory = root().MakeDirectory("project/deep");
  start.arguments.back() = "../../elsewhere/there.py";
  EXPECT_EQ(Run(start).out, "there []\n");
  // The control: without being named, it is closed, as everything of other people's temporary files is.
  EXPECT_THAT(Python({"-c", "open('" + there + "')"}).err, HasSubstr("Error"));
  // Where the sandbox starts elsewhere, the script is still the user's.
  root().MakeFile("project/alone.py", "import os; print(os.getcwd() == os.environ['HOME'])\n");
  EXPECT_EQ(Python({"--strict", "alone.py"}).out, "True\n");
  EXPECT_EQ(Python({"--workdir", root().MakeDirectory("work"), "here.py"}).code, 0);
}

// A link in a cloned repository may lead anywhere.
TEST_P(PythonTest, OpensNothingProtectedForAScript) {
  const std::string secret = root().MakeFile("home/.ssh/key.py", "print('opened')\n");
  ASSERT_EQ(::symlink("../home/.ssh/key.py", Project("link.py").c_str()), 0);
  ASSERT_EQ(::symlink("../home/.ssh", Project("links").c_str()), 0);
  HandOver();
  for (const std::string& word : {std::string("link.py"), std::string("links/key.py"), secret}) {
    EXPECT_TRUE(FailsWith(Python({word}), 125, "is closed (protect_credentials); --readable opens it")) << word;
    EXPECT_TRUE(FailsWith(Python({"--strict", word}), 125, "protect_credentials")) << word;
  }
  EXPECT_EQ(Python({"--readable", secret, "link.py"}).out, "opened\n") << "the control";
  root().MakeFile("elsewhere/script.py", "print('opened')\n");
  const std::string elsewhere = root().Path("elsewhere");
  EXPECT_TRUE(FailsWith(Python({"--deny", elsewhere, "../elsewhere/script.py"}), 125, "is closed (denied)"));
  EXPECT_EQ(Python({"../elsewhere/script.py"}).out, "opened\n") << "the control";
}

TEST_P(PythonTest, OpensNoMoreThanAScriptThatALinkLeadsTo) {
  root().MakeFile("elsewhere/script.py", "print('ran')\nimport beside\n");
  root().MakeFile("elsewhere/beside.py", "print('beside')\n");
  ASSERT_EQ(::symlink("../elsewhere/script.py", Project("link.py").c_str()), 0);
  const RunResult result = Python({"link.py"});
  EXPECT_EQ(result.out, "ran\n");
  EXPECT_THAT(result.err, HasSubstr("No module named 'beside'"));
  EXPECT_EQ(Python({"../elsewhere/script.py"}).out, "ran\nbeside\n") << "the control";
}

TEST_P(PythonTest, LeavesAScriptsDirectoryAsItWasOpened) {
  root().MakeFile("work/sub/script.py", "open(__file__ + '.made', 'w')\nprint('wrote')\n");
  HandOver();
  const std::string work = root().Path("work");
  EXPECT_EQ(Python({"--workdir", work, "../work/sub/script.py"}).out, "wrote\n");
  EXPECT_EQ(Python({"--writable", work, "../work/sub/script.py"}).out, "wrote\n");
  EXPECT_EQ(Python({"../work/sub/script.py"}).code, 1) << "the control";
}

TEST_P(PythonTest, IsExplained) {
  EXPECT_THAT(Leash({"explain"}).out, Not(HasSubstr("python:")));
  const RunResult text = Leash({"explain", "--python", kPython, "-p", "six", "--allow-sdist"});
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("python: what 'leash python' has"), HasSubstr("interpreter  /usr/bin/python3\n"),
                    HasSubstr("packages     six\n"), HasSubstr("come from    PyPI\n"),
                    HasSubstr("weakened     code of packages runs"), HasSubstr("it is made first")))
      << text.err;
  root().MakeFile("project/leash.toml", "[python]\nvenv = 'env'\nrequirements = ['r.txt']\n");
  const auto json = nlohmann::json::parse(Leash({"explain", "--json", "--python", kPython}).out, nullptr, false);
  ASSERT_TRUE(json.is_object());
  EXPECT_EQ(json["isolation"], "default");
  const nlohmann::json& python = json["python"];
  EXPECT_EQ(python["interpreter"], kPython);
  EXPECT_EQ(python["environment"]["path"], Project("env"));
  EXPECT_EQ(python["environment"]["made"], false);
  EXPECT_EQ(python["environment"]["writable"], false);
  EXPECT_EQ(python["requirements"], nlohmann::json::array({Project("r.txt")}));
  EXPECT_EQ(python["allow_sdist"], false);
  const auto missing = nlohmann::json::parse(Leash({"explain", "--json", "--python", "python9.9"}).out, nullptr, false);
  EXPECT_THAT(missing["python"]["error"].get<std::string>(), HasSubstr("python9.9"));
}

TEST_P(PythonTest, ReadsAScriptFromStdin) {
  Start start = StartOfPython({});
  start.input = "print('from stdin')\n";
  EXPECT_EQ(Run(start).out, "from stdin\n");
  start = StartOfPython({"-", "a"});
  start.input = "import sys; print(sys.argv)\n";
  EXPECT_EQ(Run(start).out, "['-', 'a']\n");
}

TEST_P(PythonTest, ErrorsAreItsOwn) {
  root().MakeFile("project/broken.py", "def (:\n");
  for (const std::vector<std::string>& words : {std::vector<std::string>{"broken.py"},
                                                {"missing.py"},
                                                {"-c", "raise SystemExit(7)"},
                                                {"-c", "import missing_module"},
                                                {"-m", "missing_module"}}) {
    std::string line = "cd " + root().Path("project") + " && exec " + kPython;
    for (const std::string& word : words) line += " '" + word + "'";
    const Start outside = [&] {
      Start start = StartOf({"run", "--permissive", "sh", "-c", line});
      return start;
    }();
    const RunResult expected = Run(outside);
    const RunResult result = Python(words);
    EXPECT_EQ(result.code, expected.code) << words.back();
    EXPECT_EQ(result.err, expected.err) << words.back();
    EXPECT_NE(result.code, 0);
  }
  EXPECT_EQ(Python({"broken.py"}).code, 1);
  EXPECT_EQ(Python({"missing.py"}).code, 2);
  EXPECT_EQ(Python({"-c", "import os; os.kill(os.getpid(), 15)"}).code, 128 + 15);
}

TEST_P(PythonTest, WritesNothingButItsOwn) {
  root().MakeFile("project/module.py", "");
  const RunResult result = Python({"-c", "import module\nfor path in ('planted', '/tmp/../" + root().Path("home/x") +
                                             "'):\n  try: open(path, 'w')\n  except OSError as e: print(e.errno > 0)"});
  EXPECT_EQ(result.out, "True\nTrue\n") << result.err;
  EXPECT_FALSE(Exists(Project("planted")));
  EXPECT_FALSE(Exists(Project("__pycache__")));
}

// What programs use every day, in the default tier.
TEST_P(PythonTest, HasItsStandardLibrary) {
  root().MakeFile("project/all.py", R"py(
import asyncio, concurrent.futures, multiprocessing, os, sqlite3, ssl, subprocess, sys, tempfile, threading

def double(x):
    return 2 * x

async def main():
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "print(3)", stdout=subprocess.PIPE)
    out, _ = await process.communicate()
    return int(out) + await asyncio.to_thread(double, 2)

if __name__ == "__main__":
    if sys.argv[1:] != ["alone"]:
        with multiprocessing.Pool(2) as pool:
            assert pool.map(double, [1, 2]) == [2, 4]
        context = multiprocessing.get_context("spawn")
        queue = context.Queue()
        process = context.Process(target=queue.put, args=(5,))
        process.start()
        assert queue.get(timeout=60) == 5
        process.join()
        with concurrent.futures.ProcessPoolExecutor(1) as pool:
            assert pool.submit(double, 4).result() == 8
    ran = []
    thread = threading.Thread(target=lambda: ran.append(1))
    thread.start()
    thread.join()
    assert ran == [1]
    assert subprocess.run(["sh", "-c", "exit 3"]).returncode == 3
    assert asyncio.run(main()) == 7
    assert len(ssl.create_default_context().get_ca_certs()) > 0 or not os.path.exists("/etc/ssl/certs/ca-certificates.crt")
    with tempfile.NamedTemporaryFile(suffix=".db") as file:
        database = sqlite3.connect(file.name)
        database.execute("create table t (x)")
        database.execute("insert into t values (1)")
        database.commit()
        assert database.execute("select x from t").fetchall() == [(1,)]
    print("all")
)py");
  // Without namespaces /dev/shm, where semaphores are, is everybody's: closed unless it is granted.
  const RunResult without = Python({"--namespaces", "off", "all.py", "alone"});
  EXPECT_EQ(without.out, "all\n") << without.err;
  const RunResult granted = Python({"--namespaces", "off", "--writable", "/dev/shm", "all.py"});
  EXPECT_EQ(granted.out, "all\n") << granted.err;
  const RunResult possible = Leash({"run", "--namespaces", "require", "true"});
  if (possible.code == 125) GTEST_SKIP() << "with namespaces only: " << possible.err;
  const RunResult result = Python({"all.py"});
  EXPECT_EQ(result.out, "all\n") << result.err;
}

// Without namespaces, /dev/shm is everybody's. What cannot be had there is named.
TEST_P(PythonTest, SaysWhatOpensSharedMemory) {
  const RunResult result =
      Python({"--namespaces", "off", "--report", "-c", "import multiprocessing; multiprocessing.Lock()"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, AllOf(HasSubstr("PermissionError"), HasSubstr("--writable /dev/shm")));
}

TEST_P(PythonTest, RunsNumpy) {
  if (std::system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") != 0) GTEST_SKIP() << "no python3-numpy";
  // Large enough for its libraries to use threads of their own.
  const std::string code =
      "import numpy as n\na = n.ones((600, 600))\nassert (a @ a == 600).all()\n"
      "print(n.linalg.inv(n.eye(200) * 2)[0, 0], n.random.default_rng(1).random() < 1)";
  for (const std::vector<std::string>& options : {std::vector<std::string>(), {"--strict"}, {"--namespaces", "off"}}) {
    std::vector<std::string> words = options;
    words.insert(words.end(), {"-c", code});
    const RunResult result = Python(words);
    EXPECT_EQ(result.out, "0.5 True\n") << result.err;
    EXPECT_EQ(result.err, "");
  }
}

TEST_P(PythonTest, IsInteractiveOnATerminal) {
  HandOver();
  LeashTerminal terminal(binary(), StartOfPython({}));
  ASSERT_TRUE(terminal.Shows(">>> ")) << terminal.screen();
  terminal.Type("print(6 * 7)\r");
  EXPECT_TRUE(terminal.Shows("42")) << terminal.screen();
  ASSERT_TRUE(terminal.Shows(">>> ")) << terminal.screen();
  terminal.Type("\x04");
  EXPECT_EQ(terminal.Finish(), 0);
}

TEST_P(PythonTest, SaysWhatItCannotFind) {
  EXPECT_TRUE(FailsWith(Leash({"python", "--python", "python9.9", "-c", "1"}), 127, "python9.9"));
  EXPECT_TRUE(FailsWith(Leash({"python", "--venv", "missing/env", "-c", "1"}), 125, "missing/env"));
  root().MakeFile("project/file", "");
  EXPECT_TRUE(FailsWith(Leash({"python", "--venv", "file", "-c", "1"}), 125, "file"));
  EXPECT_TRUE(FailsWith(Leash({"python", "-p", "--index-url=http://x", "-c", "1"}), 125, "looks like an option"));
}

TEST_P(PythonTest, UsesAnEnvironmentOfVenv) {
  if (!HasVenv()) GTEST_SKIP() << "no ensurepip here";
  HandOver();
  // Made by leash when it is missing, and as good as one that `python3 -m venv` has made.
  const std::vector<std::string> words = {"--no-use-uv", "--venv", "env", "-c",
                                          "import sys, os; print(sys.prefix, os.environ['VIRTUAL_ENV'])"};
  const std::string expected = Project("env") + " " + Project("env") + "\n";
  const RunResult made = Python(words);
  EXPECT_EQ(made.out, expected) << made.err;
  const RunResult again = Python(words);
  EXPECT_EQ(again.out, expected) << again.err;
  ASSERT_EQ(std::system(("/usr/bin/python3 -m venv " + Project("own")).c_str()), 0);
  HandOver();
  EXPECT_EQ(Leash({"python", "--venv", "own", "-c", "import sys; print(sys.prefix)"}).out, Project("own") + "\n");
  // An active one needs no option.
  Start start = StartOf({"python", "-c", "import sys; print(sys.prefix)"});
  start.environment.front().second = Project("own/bin") + ":/usr/bin:/bin";
  EXPECT_EQ(Run(start).out, Project("own") + "\n");
  // Its programs are at hand; it is not theirs to change.
  const RunResult inside = Leash({"python", "--venv", "own", "-c",
                                  "import subprocess, sys; print(subprocess.run(['python', '-c', 'import sys; "
                                  "print(sys.prefix)'], capture_output=True, text=True).stdout, end='')\n"
                                  "open(sys.prefix + '/planted', 'w')"});
  EXPECT_EQ(inside.out, Project("own") + "\n");
  EXPECT_EQ(inside.code, 1);
  EXPECT_FALSE(Exists(Project("own/planted")));
  EXPECT_EQ(Leash({"python", "--venv", "own", "--allow-pip-install", "--no-allow-pip-install", "-c",
                   "import sys; open(sys.prefix + '/planted', 'w')"})
                .code,
            1);
  EXPECT_EQ(
      Leash({"python", "--venv", "own", "--allow-pip-install", "-c", "import sys; open(sys.prefix + '/planted', 'w')"})
          .code,
      0);
  EXPECT_TRUE(Exists(Project("own/planted")));
}

TEST_P(PythonTest, TakesItsSettingsFromTheFile) {
  if (!HasVenv()) GTEST_SKIP() << "no ensurepip here";
  root().MakeFile("project/leash.toml", "[python]\nvenv = 'env'\ninterpreter = '/usr/bin/python3'\nuse-uv = false\n");
  const RunResult outside = Leash({"python", "-c", "1"});
  EXPECT_TRUE(FailsWith(outside, 125, "python.interpreter is a path"));
  root().MakeFile("project/leash.toml", "[python]\nvenv = 'env'\ninterpreter = 'python3'\nuse-uv = false\n");
  Start start = StartOf({"python", "-c", "import sys; print(sys.prefix)"});
  start.directory = root().MakeDirectory("project/deep");
  const RunResult result = Run(start);
  EXPECT_EQ(result.out, Project("env") + "\n") << result.err;
  for (const char* line : {"allow-sdist = true", "allow-pip-install = true", "index-urls = ['http://x/']",
                           "package-hosts = ['x']", "venv = '/tmp/x'", "find-links = ['/tmp']"}) {
    root().MakeFile("project/leash.toml", std::string("[python]\n") + line + "\n");
    EXPECT_TRUE(FailsWith(Leash({"python", "-c", "1"}), 125, "leash.toml:2: python.")) << line;
  }
}

class PythonIndexTest : public NetworkTest {
 protected:
  void SetUp() override {
    NetworkTest::SetUp();
    if (IsSkipped()) return;
    if (std::system("/usr/bin/python3 -c 'import ensurepip' 2>/dev/null") != 0) GTEST_SKIP() << "no ensurepip here";
  }
  RunResult Python(std::vector<std::string> options, const std::string& index, const std::string& code) const {
    std::vector<std::string> words = {
        "python",          "--python",  kPython,         "--no-use-uv",
        "--venv",          "env",       "--name-server", "127.0.0.1:" + world_->Port("dns"),
        "--allow-address", "127.0.0.1", "--index-url",   index};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), {"-c", code});
    Start start = StartOf(std::move(words));
    start.environment.insert(start.environment.end(), environment_.begin(), environment_.end());
    return Run(start);
  }
};
INSTANTIATE_TEST_SUITE_P(Users, PythonIndexTest, ::testing::ValuesIn(Users()), UserName);

TEST_P(PythonIndexTest, PackagesComeFromTheIndex) {
  const std::string index = "http://server.test:" + world_->Port("registry") + "/simple";
  const RunResult result = Python({"-p", "leash-tiny"}, index, "import leash_tiny");
  EXPECT_EQ(result.out, "tiny, by pip\n") << result.err;
  EXPECT_THAT(Python({"-p", "leash-other"}, index, "1").err, HasSubstr("No matching distribution"));
  // The program itself has no network for it.
  EXPECT_EQ(Python({"-p", "leash-tiny"}, index,
                   "import socket\ntry: socket.create_connection(('server.test', " + world_->Port("registry") +
                       "))\nexcept OSError: print('refused')")
                .out,
            "refused\n");
}

// Its build tries to write, to read a secret and to phone home: tests/python/make_packages.py.
TEST_P(PythonIndexTest, HostileSourcesAreContained) {
  const std::string target = root().Path("home/written");
  const std::string secret = root().MakeFile("home/secret", "s3cret");
  const std::string listening = world_->Port("echo");
  const std::string script = std::string(LEASH_SOURCE_DIR) + "/tests/python/make_packages.py";
  const std::string acts = target + " " + secret + " " + listening;
  ASSERT_EQ(std::system((std::string(kPython) + " -B " + script + " --act " + acts +
                         " | grep -q \"{'write': 'done', 'read': 'done', 'phone': 'done'}\"")
                            .c_str()),
            0)
      << "the control";
  ASSERT_TRUE(Exists(target));
  ASSERT_EQ(::unlink(target.c_str()), 0);
  const std::string simple = root().MakeDirectory("world/www/simple/leash-evil");
  ASSERT_EQ(std::system((std::string(kPython) + " -B " + script + " " + simple + " " + acts).c_str()), 0);
  root().MakeFile("world/www/simple/leash-evil/index.html",
                  "<a href=\"leash_evil-1.0.tar.gz\">leash_evil-1.0.tar.gz</a>");
  environment_ = {{"LEASH_TEST_SECRET", "s3cret"}, {"PIP_INDEX_URL", "http://user:s3cret@other.test/"}};
  const std::string code = "import leash_evil; print(leash_evil.CAME)";
  const RunResult refused = Python({"-p", "leash-evil"}, Url("http") + "simple", code);
  EXPECT_THAT(refused.err, HasSubstr("No matching distribution")) << "it has no wheel";
  const RunResult built = Python({"-p", "leash-evil", "--allow-sdist"}, Url("http") + "simple", code);
  EXPECT_THAT(built.out, AllOf(HasSubstr("'write': "), Not(HasSubstr("'read': 'done'")),
                               Not(HasSubstr("'phone': 'done'")), HasSubstr("'variable': 'unset'")))
      << built.err;
  EXPECT_FALSE(Exists(target));
}

}  // namespace
}  // namespace leash::testing
