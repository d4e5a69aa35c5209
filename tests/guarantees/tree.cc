#include "tree.h"

#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <vector>

namespace leash::guarantees {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void Fail(const std::string& what, const std::string& path) {
  fprintf(stderr, "guarantees: %s %s: %s\n", what.c_str(), path.c_str(), std::strerror(errno));
  std::exit(1);
}

void SetOwner(const std::string& path, mode_t mode, Who who) {
  if (chmod(path.c_str(), mode) == -1) Fail("chmod", path);
  if (geteuid() == 0 && lchown(path.c_str(), UidOf(who), GidOf(who)) == -1) Fail("chown", path);
}

struct File {
  const char* path;
  mode_t mode;
};

// Directories end in a slash. Each file holds its own path, so that none is empty and none is like another.
constexpr std::array kFiles = {
    File{"home/", 0755},
    File{"home/notes.txt", 0644},
    File{"home/.netrc", 0600},
    File{"home/.npmrc", 0600},
    File{"home/.bash_history", 0600},
    File{"home/.bashrc", 0644},
    File{"home/.ssh/", 0700},
    File{"home/.ssh/id_x", 0600},
    File{"home/.ssh/config", 0600},
    File{"home/.ssh/authorized_keys", 0600},
    File{"home/.aws/", 0700},
    File{"home/.aws/credentials", 0600},
    File{"home/.gnupg/", 0700},
    File{"home/.gnupg/secring.gpg", 0600},
    File{"home/.config/", 0755},
    File{"home/.config/gh/", 0755},
    File{"home/.config/gh/hosts.yml", 0600},
    File{"home/.config/editor.ini", 0644},
    File{"home/.mozilla/", 0700},
    File{"home/.mozilla/logins.json", 0600},
    File{"home/.local/", 0755},
    File{"home/.local/share/", 0755},
    File{"home/.local/share/keyrings/", 0700},
    File{"home/.local/share/keyrings/login.keyring", 0600},
    File{"home/project/", 0755},
    File{"home/project/main.c", 0644},
    File{"bare/", 0755},
    File{"bare/notes.txt", 0644},
    File{"linked/", 0755},
    File{"elsewhere/", 0755},
    File{"elsewhere/credentials", 0600},
    File{"outside/", 0755},
    File{"outside/public.txt", 0644},
    File{"outside/private.txt", 0600},
    File{"outside/other.txt", 0644},
    File{"outside/empty/", 0755},
    File{"outside/dir/", 0755},
    File{"outside/dir/inner.txt", 0644},
};

// What tests write is short; the time of change tells of the rest.
constexpr off_t kShownText = 4096;

void DescribeAttributes(const std::string& path, std::ostringstream& out) {
  std::array<char, 1024> names;
  const ssize_t length = llistxattr(path.c_str(), names.data(), names.size());
  for (ssize_t i = 0; i < length; ++i)
    out << (names[static_cast<std::size_t>(i)] == '\0' ? ' ' : names[static_cast<std::size_t>(i)]);
}

void Describe(const std::string& path, std::ostringstream& out) {
  struct stat st;
  if (lstat(path.c_str(), &st) == -1) return;
  out << path << " mode " << std::oct << st.st_mode << std::dec << " owner " << st.st_uid << ':' << st.st_gid
      << " links " << st.st_nlink << " size " << st.st_size << " changed " << st.st_mtim.tv_sec << '.'
      << st.st_mtim.tv_nsec << ' ' << st.st_ctim.tv_sec << '.' << st.st_ctim.tv_nsec << " attributes ";
  DescribeAttributes(path, out);
  if (S_ISREG(st.st_mode) && st.st_size <= kShownText) out << " text " << ReadWholeFile(path);
  out << '\n';
}

}  // namespace

void MakeDirectory(const std::string& path, mode_t mode, Who who) {
  if (mkdir(path.c_str(), mode) == -1 && errno != EEXIST) Fail("mkdir", path);
  SetOwner(path, mode, who);
}

void WriteFile(const std::string& path, const std::string& text, mode_t mode, Who who) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) Fail("write", path);
  SetOwner(path, mode, who);
}

void RemoveTree(const std::string& path) {
  std::error_code ignored;
  fs::remove_all(path, ignored);
}

void PlaceProgram(const std::string& from, const std::string& to) {
  struct stat st;
  std::error_code error;
  const bool anyone_runs_it = stat(from.c_str(), &st) == 0 && (st.st_mode & 0555) == 0555;
  if (anyone_runs_it) fs::create_hard_link(from, to, error);
  if (!anyone_runs_it || error) CopyProgram(from, to);
}

void CopyProgram(const std::string& from, const std::string& to) {
  std::error_code error;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, error);
  if (error) Fail("copy " + from + " to", to);
  if (chmod(to.c_str(), 0755) == -1) Fail("chmod", to);
}

std::string ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void MakeTree(const std::string& root, Who who) {
  RemoveTree(root);
  MakeDirectory(root, 0755, who);
  for (const File& file : kFiles) {
    const std::string path = root + "/" + file.path;
    if (path.back() == '/') {
      MakeDirectory(path.substr(0, path.size() - 1), file.mode, who);
    } else {
      WriteFile(path, std::string(file.path) + "\n", file.mode, who);
    }
  }
  const std::string link = root + "/linked/.aws";
  if (symlink("../elsewhere", link.c_str()) == -1) Fail("symlink", link);
  if (geteuid() == 0 && lchown(link.c_str(), UidOf(who), GidOf(who)) == -1) Fail("chown", link);
  setxattr((root + "/outside/public.txt").c_str(), "user.present", "x", 1, 0);
}

std::string Snapshot(const std::string& root) {
  std::ostringstream out;
  std::vector<std::string> paths = {root};
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored)) paths.push_back(entry.path().string());
  for (const std::string& path : paths) Describe(path, out);
  return out.str();
}

}  // namespace leash::guarantees
