#include "python/find_python.h"

#include <elf.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cstring>

#include "cli/temporary_directory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "leash/error.h"
#include "leash/sandbox.h"
#include "python/installation.h"
#include "python/shared_libraries.h"

namespace leash::python {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::Pair;
using ::testing::StartsWith;

constexpr Access kRun = Access::kReadExecute;
constexpr char kElf[] = "\177ELF";  // of a program, as much as is looked at

class FindPythonTest : public ::testing::Test {
 protected:
  FindPythonTest() {
    home_ = disk_.MakeDirectory("home");
    around_.home = home_;
    around_.current_dir = disk_.MakeDirectory("home/project");
    around_.environment.Set("PATH", disk_.MakeDirectory("home/bin"));
  }

  // An installation as Python's build system makes them; gives its program.
  std::string Install(const std::string& prefix, const std::string& version) const {
    disk_.MakeFile(prefix + "/lib/python" + version + "/os.py", "");
    const std::string program = disk_.MakeFile(prefix + "/bin/python" + version, kElf, 0755);
    Link("python" + version, prefix + "/bin/python3");
    return program;
  }
  void Link(const std::string& target, const std::string& at) const {
    disk_.MakeDirectory(at.substr(0, at.rfind('/')));
    ASSERT_EQ(::symlink(target.c_str(), disk_.Path(at).c_str()), 0);
  }
  PythonInterpreter Find(const PythonConfig& config = {}) const {
    const auto found = FindPython(config, around_);
    EXPECT_TRUE(found.ok()) << found.status();
    return found.ok() ? *found : PythonInterpreter();
  }
  ErrorCode ErrorOf(const PythonConfig& config) const { return GetErrorCode(FindPython(config, around_).status()); }

  testing::TemporaryDirectory disk_;
  std::string home_;
  Surroundings around_;
};

TEST_F(FindPythonTest, OfPyenv) {
  const std::string program = Install("home/.pyenv/versions/3.11.7", "3.11");
  const std::string shims = disk_.MakeDirectory("home/.pyenv/shims");
  disk_.MakeFile("home/.pyenv/shims/python3", "#!/bin/sh\n", 0755);
  disk_.MakeFile("home/.pyenv/version", "3.11.7\n");
  around_.environment.Set("PATH", shims + ":/usr/bin");
  const PythonInterpreter found = Find();
  const std::string prefix = home_ + "/.pyenv/versions/3.11.7";
  EXPECT_EQ(found.path, prefix + "/bin/python3");
  EXPECT_EQ(found.base, program);
  EXPECT_EQ(found.prefix, prefix);
  EXPECT_EQ(found.version, "3.11");
  EXPECT_EQ(found.venv, std::nullopt);
  EXPECT_THAT(found.grants, Contains(Grant{prefix, kRun}));
  EXPECT_THAT(found.env, Contains(Pair("PATH", StartsWith(prefix + "/bin:"))));
}

// Its shim is a script that needs the whole of pyenv.
TEST_F(FindPythonTest, ProgramsBehindShims) {
  const std::string uv = disk_.MakeFile("home/.pyenv/versions/3.11.7/bin/uv", kElf, 0755);
  const std::string shims = disk_.MakeDirectory("home/.pyenv/shims");
  disk_.MakeFile("home/.pyenv/shims/uv", "#!/bin/sh\n", 0755);
  const std::string other = disk_.MakeFile("home/bin/uv", "", 0755);
  around_.environment.Set("PATH", shims + ":" + disk_.Path("home/bin"));
  EXPECT_EQ(LocateProgram("uv", around_), other) << "no version was chosen";
  around_.environment.Set("PYENV_VERSION", "3.11.7");
  EXPECT_EQ(LocateProgram("uv", around_), uv);
  EXPECT_EQ(LocateProgram("missing", around_), std::nullopt);
}

// uv puts a link to its installation into ~/.local/bin; the directory of the minor version is a link, too.
TEST_F(FindPythonTest, ManagedByUv) {
  const std::string uv = "home/.local/share/uv/python/";
  const std::string program = Install(uv + "cpython-3.12.3-linux-x86_64-gnu", "3.12");
  Link("cpython-3.12.3-linux-x86_64-gnu", uv + "cpython-3.12-linux-x86_64-gnu");
  const std::string minor = disk_.Path(uv + "cpython-3.12-linux-x86_64-gnu/bin/python3.12");
  Link(minor, "home/.local/bin/python3.12");
  around_.environment.Set("PATH", disk_.Path("home/.local/bin"));
  const PythonInterpreter found = Find({.interpreter = "python3.12"});
  EXPECT_EQ(found.path, disk_.Path("home/.local/bin/python3.12"));
  EXPECT_EQ(found.base, program);
  EXPECT_EQ(found.prefix, disk_.Path(uv + "cpython-3.12.3-linux-x86_64-gnu"));
  EXPECT_THAT(found.grants, Contains(Grant{disk_.Path("home/.local/bin/python3.12"), kRun}));
  EXPECT_THAT(found.grants, Contains(Grant{found.prefix, kRun}));

  disk_.MakeFile("home/project/.venv/pyvenv.cfg",
                 "home = " + disk_.Path(uv + "cpython-3.12-linux-x86_64-gnu/bin") + "\nuv = 0.4.0\n");
  Link(minor, "home/project/.venv/bin/python");
  const PythonInterpreter in_venv = Find({.venv = ".venv"});
  EXPECT_EQ(in_venv.path, disk_.Path("home/project/.venv/bin/python"));
  EXPECT_EQ(in_venv.venv, disk_.Path("home/project/.venv"));
  EXPECT_EQ(in_venv.base, program);
  EXPECT_THAT(in_venv.grants, Contains(Grant{*in_venv.venv, kRun}));
  EXPECT_THAT(in_venv.grants, Contains(Grant{minor, kRun})) << "the link that bin/python names";
  EXPECT_THAT(in_venv.grants, Contains(Grant{found.prefix, kRun}));
  EXPECT_THAT(in_venv.env, Contains(Pair("VIRTUAL_ENV", *in_venv.venv)));
  EXPECT_EQ(Find({.venv = ".venv", .allow_pip_install = true}).grants.front().access, Access::kReadWriteExecute);
}

TEST_F(FindPythonTest, OfAnActivatedEnvironment) {
  const std::string program = Install("opt/python", "3.13");
  disk_.MakeFile("home/env/pyvenv.cfg", "home=" + disk_.Path("opt/python/bin") + "\n");
  Link(program, "home/env/bin/python3");
  around_.environment.Set("PATH", disk_.Path("home/env/bin"));
  const PythonInterpreter found = Find();
  EXPECT_EQ(found.venv, disk_.Path("home/env"));
  EXPECT_EQ(found.prefix, disk_.Path("opt/python"));
}

TEST_F(FindPythonTest, OfACopiedEnvironment) {
  const std::string program = Install("opt/python", "3.11");
  disk_.MakeFile("home/env/pyvenv.cfg", "home = " + disk_.Path("opt/python/bin") + "\n");
  disk_.MakeFile("home/env/bin/python", kElf, 0755);
  EXPECT_EQ(Find({.venv = disk_.Path("home/env")}).base, program);
}

TEST_F(FindPythonTest, SaysWhatIsWrongWithAnEnvironment) {
  EXPECT_EQ(ErrorOf({.venv = "missing"}), ErrorCode::kPathNotFound);
  disk_.MakeDirectory("home/project/none");
  EXPECT_EQ(ErrorOf({.venv = "none"}), ErrorCode::kPathNotFound);
  disk_.MakeFile("home/project/stale/pyvenv.cfg", "home = /gone/bin\n");
  Link("/gone/bin/python3", "home/project/stale/bin/python");
  EXPECT_EQ(ErrorOf({.venv = "stale"}), ErrorCode::kPathNotFound);
  EXPECT_EQ(ErrorOf({.interpreter = "python3", .venv = "stale"}), ErrorCode::kInvalidArgument);
}

// A cloned repository may bring an environment along that leads anywhere.
class HostileEnvironmentTest : public FindPythonTest {
 protected:
  // home/project/evil, whose pyvenv.cfg and bin/python say that.
  void MakeEnvironment(const std::string& home, const std::string& program) const {
    disk_.MakeFile("home/project/evil/pyvenv.cfg", "home = " + home + "\n");
    ::unlink(disk_.Path("home/project/evil/bin/python").c_str());
    Link(program, "home/project/evil/bin/python");
  }
};

TEST_F(HostileEnvironmentTest, OpensNoFileOfAnotherKind) {
  const std::string secrets = disk_.MakeDirectory("home/secrets");
  const std::string key = disk_.MakeFile("home/secrets/key", "secret", 0600);
  // Executable, as everything is on some disks.
  const std::string script = disk_.MakeFile("home/secrets/deploy", "#!/bin/sh\nTOKEN=s3cret\n", 0755);
  const std::string python = disk_.MakeFile("home/secrets/python", "TOKEN=s3cret\n", 0755);
  const std::string program = disk_.MakeFile("home/secrets/wallet", kElf, 0755);
  for (const std::string& target : {key, script, python, program}) {
    MakeEnvironment(secrets, target);
    EXPECT_FALSE(FindPython({.venv = "evil"}, around_).ok()) << target;
  }
  // Named as a file of the directory that pyvenv.cfg names, which a copied interpreter is looked for in.
  disk_.MakeFile("home/project/evil/bin/deploy", kElf, 0755);
  MakeEnvironment(secrets, "deploy");
  EXPECT_EQ(ErrorOf({.venv = "evil"}), ErrorCode::kProgramNotExecutable);
  for (const char* home : {"/", "/root/.ssh", ".", ""}) {
    MakeEnvironment(home, program);
    EXPECT_FALSE(FindPython({.venv = "evil"}, around_).ok()) << home;
  }
}

TEST_F(HostileEnvironmentTest, OpensNothingBesideItsInterpreter) {
  const std::string program = Install("opt/python", "3.11");
  const std::string script = disk_.MakeFile("home/secrets/deploy", "#!/bin/sh\nTOKEN=s3cret\n", 0755);
  // What bin/python leads to is an interpreter; what pyvenv.cfg leads to by the same name is not.
  Link(script, "home/project/bait/python3");
  MakeEnvironment(disk_.Path("home/project/bait"), program);
  const PythonInterpreter found = Find({.venv = "evil"});
  EXPECT_EQ(found.base, program);
  for (const Grant& grant : found.grants) {
    if (grant.access == Access::kRead) continue;  // certificates
    EXPECT_TRUE(grant.path.starts_with(disk_.Path("home/project/evil")) ||
                grant.path.starts_with(disk_.Path("opt/python")))
        << grant.path;
  }
}

TEST_F(FindPythonTest, OpensNoHomeDirectoryAsAnEnvironment) {
  const std::string program = Install("opt/python", "3.11");
  disk_.MakeFile("home/pyvenv.cfg", "home = " + disk_.Path("opt/python/bin") + "\n");
  Link(program, "home/bin/python3");
  EXPECT_EQ(ErrorOf({.venv = home_}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(ErrorOf({}), ErrorCode::kInvalidArgument) << "it is first in PATH";
}

TEST_F(FindPythonTest, WritesNoEnvironmentThroughALink) {
  const std::string program = Install("opt/python", "3.11");
  disk_.MakeFile("home/env/pyvenv.cfg", "home = " + disk_.Path("opt/python/bin") + "\n");
  Link(program, "home/env/bin/python");
  Link("../env", "home/project/link");
  EXPECT_EQ(Find({.venv = "link"}).venv, disk_.Path("home/env"));
  for (const char* name : {"link", "link/"}) {
    EXPECT_EQ(ErrorOf({.venv = name, .allow_pip_install = true}), ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(Find({.venv = "../env", .allow_pip_install = true}).grants.front().access, Access::kReadWriteExecute);
}

TEST_F(FindPythonTest, GrantsNoHomeDirectoryAsAPrefix) {
  const std::string program = Install("home", "3.11");
  disk_.MakeFile("home/lib/libpython3.11.so.1.0", "");
  const PythonInterpreter found = Find({.interpreter = program});
  EXPECT_EQ(found.prefix, home_);
  EXPECT_THAT(found.grants, ElementsAre(Grant{program, kRun}, Grant{home_ + "/lib/python3.11", kRun},
                                        Grant{home_ + "/lib/libpython3.11.so.1.0", kRun}));
}

TEST_F(FindPythonTest, NamesWhatItCannotFind) {
  EXPECT_EQ(ErrorOf({}), ErrorCode::kProgramNotFound);
  EXPECT_EQ(ErrorOf({.interpreter = "./missing"}), ErrorCode::kProgramNotFound);
  EXPECT_EQ(ErrorOf({.interpreter = disk_.MakeFile("text", "", 0644)}), ErrorCode::kProgramNotExecutable);
  EXPECT_EQ(ErrorOf({.interpreter = ""}), ErrorCode::kInvalidArgument);
  disk_.MakeFile("home/bin/python3", "#!/bin/sh\nexec other\n", 0755);
  EXPECT_THAT(std::string(FindPython({}, around_).status().message()), HasSubstr("is no interpreter itself"));
}

TEST_F(FindPythonTest, PassesOverRelativeEntriesOfPath) {
  Install("home/project", "3.11");
  around_.environment.Set("PATH", "bin:.:" + disk_.Path("home/bin"));
  EXPECT_EQ(ErrorOf({}), ErrorCode::kProgramNotFound);
}

TEST_F(FindPythonTest, HandsOnWhereCertificatesAre) {
  const std::string program = Install("opt/python", "3.11");
  const std::string bundle = disk_.MakeFile("home/company.pem", "");
  around_.environment.Set("SSL_CERT_FILE", bundle);
  around_.environment.Set("REQUESTS_CA_BUNDLE", disk_.Path("missing.pem"));
  const PythonInterpreter found = Find({.interpreter = program});
  EXPECT_THAT(found.env, Contains(Pair("SSL_CERT_FILE", bundle)));
  EXPECT_THAT(found.env, Not(Contains(Pair("REQUESTS_CA_BUNDLE", ::testing::_))));
  EXPECT_THAT(found.grants, Contains(Grant{bundle, Access::kRead}));
  // What every tier can read is told, and not granted.
  around_.environment.Set("SSL_CERT_DIR", "/etc/ssl/certs");
  if (::access("/etc/ssl/certs", R_OK) != 0) return;
  const PythonInterpreter again = Find({.interpreter = program});
  EXPECT_THAT(again.env, Contains(Pair("SSL_CERT_DIR", "/etc/ssl/certs")));
  EXPECT_THAT(again.grants, Not(Contains(Grant{"/etc/ssl/certs", Access::kRead})));
}

TEST(Installation, TakesTheLibraryOfItsOwnVersion) {
  const testing::TemporaryDirectory disk;
  for (const char* version : {"3.9", "3.10", "3.12"}) {
    disk.MakeFile(std::string("lib/python") + version + "/os.py", "");
    disk.MakeFile(std::string("bin/python") + version, "", 0755);
  }
  disk.MakeDirectory("lib/python3.13");  // without os.py
  disk.MakeFile("bin/python3", "", 0755);
  EXPECT_EQ(InstallationOf(disk.Path("bin/python3.9")).version, "3.9");
  EXPECT_EQ(InstallationOf(disk.Path("bin/python3.10")).standard_library, disk.Path("lib/python3.10"));
  EXPECT_EQ(InstallationOf(disk.Path("bin/python3")).version, "3.12") << "the newest";
}

TEST(Installation, ReadsPyvenvCfg) {
  EXPECT_EQ(PyvenvValue("a = b\nhome = /usr/bin \r\nversion=3", "home"), "/usr/bin");
  EXPECT_EQ(PyvenvValue("a = b\nversion=3", "version"), "3");
  EXPECT_EQ(PyvenvValue("homes = b\nhome", "home"), std::nullopt);
}

TEST(Installation, OfTheSystemNeedsNoGrant) {
  if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  const auto found = leash::FindPython({.interpreter = "/usr/bin/python3"});
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->prefix, "/usr");
  EXPECT_THAT(found->version, StartsWith("3."));
  for (const Grant& grant : found->grants) EXPECT_EQ(grant.access, Access::kRead) << grant.path << ": certificates";
}

TEST(SharedLibraries, OfWhatIsNoProgram) {
  const testing::TemporaryDirectory disk;
  EXPECT_THAT(SharedLibrariesOf(disk.Path("missing")), IsEmpty());
  EXPECT_THAT(SharedLibrariesOf(disk.MakeFile("text", "#!/bin/sh\n")), IsEmpty());
  EXPECT_THAT(SharedLibrariesOf(disk.MakeFile("cut", std::string("\177ELF\2\1\1", 7))), IsEmpty());
}

// An ELF file whose dynamic section needs `name` and looks for it in `directory`.
std::string ProgramThatNeeds(const std::string& name, const std::string& directory) {
  const std::string strings = '\0' + name + '\0' + directory + '\0';
  Elf64_Ehdr header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  std::array<Elf64_Phdr, 2> segments = {};
  std::array<Elf64_Dyn, 4> entries = {};
  const std::size_t dynamic = sizeof(header) + sizeof(segments);
  const std::size_t text = dynamic + sizeof(entries);
  segments[0].p_type = PT_LOAD;
  segments[0].p_filesz = text + strings.size();
  segments[1].p_type = PT_DYNAMIC;
  segments[1].p_offset = dynamic;
  segments[1].p_filesz = sizeof(entries);
  entries[0] = {DT_STRTAB, {text}};
  entries[1] = {DT_STRSZ, {strings.size()}};
  entries[2] = {DT_NEEDED, {1}};
  entries[3] = {DT_RUNPATH, {2 + name.size()}};
  std::string file(text, '\0');
  std::memcpy(file.data(), &header, sizeof(header));
  std::memcpy(file.data() + sizeof(header), segments.data(), sizeof(segments));
  std::memcpy(file.data() + dynamic, entries.data(), sizeof(entries));
  return file + strings;
}

TEST(SharedLibraries, AreLibraries) {
  const testing::TemporaryDirectory disk;
  const std::string library = disk.MakeFile("lib/libx.so.1", kElf);
  disk.MakeFile("lib/secrets.sops.yaml", kElf);
  disk.MakeFile("lib/notes.so", "secret");
  const std::string directory = disk.Path("lib");
  const auto needed = [&](const std::string& name) {
    return SharedLibrariesOf(disk.MakeFile("program", ProgramThatNeeds(name, directory)));
  };
  EXPECT_THAT(needed("libx.so.1"), ElementsAre(library));
  EXPECT_THAT(needed("secrets.sops.yaml"), IsEmpty());
  EXPECT_THAT(needed("notes.so"), IsEmpty());
  EXPECT_THAT(needed("../lib/libx.so.1"), IsEmpty());
}

TEST(SharedLibraries, HasTheLoaderOfARealProgram) {
  if (::access("/usr/bin/python3", X_OK) != 0) GTEST_SKIP() << "no /usr/bin/python3";
  EXPECT_THAT(SharedLibrariesOf("/usr/bin/python3"), Contains(HasSubstr("ld-linux")));
}

}  // namespace
}  // namespace leash::python
