#include "temporary_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "gtest/gtest.h"

namespace leash::testing {

namespace fs = std::filesystem;

TemporaryDirectory::TemporaryDirectory() {
  std::string name = "/tmp/test-of-leash-XXXXXX";
  if (::mkdtemp(name.data()) == nullptr) ADD_FAILURE() << "cannot make a temporary directory";
  path_ = fs::canonical(name);
  ::chmod(path_.c_str(), 0755);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string TemporaryDirectory::Path(std::string_view relative) const { return path_ + "/" + std::string(relative); }

std::string TemporaryDirectory::MakeDirectory(std::string_view relative, mode_t mode) const {
  const std::string path = Path(relative);
  fs::create_directories(path);
  ::chmod(path.c_str(), mode);
  return path;
}

std::string TemporaryDirectory::MakeFile(std::string_view relative, std::string_view text, mode_t mode) const {
  const std::string path = Path(relative);
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
  ::chmod(path.c_str(), mode);
  return path;
}

std::string TemporaryDirectory::CopyFile(const std::string& from, std::string_view relative, mode_t mode) const {
  const std::string path = Path(relative);
  fs::create_directories(fs::path(path).parent_path());
  fs::copy_file(from, path);
  ::chmod(path.c_str(), mode);
  return path;
}

void TemporaryDirectory::GiveTo(uid_t user) const {
  EXPECT_EQ(::lchown(path_.c_str(), user, user), 0);
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path_)) {
    EXPECT_EQ(::lchown(entry.path().c_str(), user, user), 0);
  }
}

std::string ReadFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

bool Exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

}  // namespace leash::testing
