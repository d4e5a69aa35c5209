#include "python/pyenv.h"

#include <charconv>
#include <string_view>

#include "base/file_system.h"
#include "base/path.h"
#include "base/text.h"
#include "python/files.h"

namespace leash::python {
namespace {

// "3.11.7" -> {3, 11, 7}; what is no number counts as 0, so that a pre-release sorts below nothing that matters.
std::vector<int> NumbersOf(std::string_view version) {
  std::vector<int> numbers;
  while (!version.empty()) {
    const std::string_view piece = base::TakePiece(version, ".");
    int number = 0;
    std::from_chars(piece.data(), piece.data() + piece.size(), number);
    numbers.push_back(number);
  }
  return numbers;
}

void AddVersions(std::string_view text, std::string_view separators, std::vector<std::string>& versions) {
  while (!text.empty()) {
    std::string_view version = base::TakePiece(text, separators);
    if (version.starts_with("python-")) version.remove_prefix(7);
    if (version.empty() || version.front() == '.' || version.find('/') != std::string_view::npos) continue;
    versions.emplace_back(version);
  }
}

std::vector<std::string> VersionsInFile(std::string_view text) {
  std::vector<std::string> versions;
  while (!text.empty()) {
    const std::string_view line = base::TakePiece(text, "\n");
    AddVersions(line.substr(0, line.find('#')), " \t\r", versions);
  }
  return versions;
}

// The directory of a version, or of the highest that it is a prefix of.
std::optional<std::string> VersionDirectory(const std::string& root, const std::string& version) {
  const std::string versions = base::JoinPath(root, "versions");
  const std::string exact = base::JoinPath(versions, version);
  if (IsDirectory(exact)) return exact;
  const auto entries = base::HostFileSystem().List(versions);
  if (!entries.ok()) return std::nullopt;
  std::optional<std::string> best;
  for (const base::DirectoryEntry& entry : *entries) {
    if (!entry.name.starts_with(version + ".")) continue;
    if (!best.has_value() || NumbersOf(*best) < NumbersOf(entry.name)) best = entry.name;
  }
  return best.has_value() ? std::optional(base::JoinPath(versions, *best)) : std::nullopt;
}

}  // namespace

std::optional<std::string> PyenvRootOf(const std::string& program) {
  const std::string_view shims = base::ParentOf(program);
  if (!shims.ends_with("/shims")) return std::nullopt;
  std::string root(base::ParentOf(shims));
  return IsDirectory(base::JoinPath(root, "versions")) ? std::optional(std::move(root)) : std::nullopt;
}

std::vector<std::string> ChosenPyenvVersions(const std::string& root, const base::Environment& environment,
                                             const std::string& current_dir) {
  if (const auto named = environment.Get("PYENV_VERSION"); named.has_value() && !named->empty()) {
    std::vector<std::string> versions;
    AddVersions(*named, ":", versions);
    return versions;
  }
  std::vector<std::string> files;
  if (current_dir.starts_with('/')) {
    for (std::string_view at = current_dir;; at = base::ParentOf(at)) {
      files.push_back(base::JoinPath(at, ".python-version"));
      if (at == "/") break;
    }
  }
  files.push_back(base::JoinPath(root, "version"));
  for (const std::string& file : files) {
    const std::optional<std::string> text = ReadSmallFile(file, 1U << 16);
    if (!text.has_value()) continue;
    if (std::vector<std::string> versions = VersionsInFile(*text); !versions.empty()) return versions;
  }
  return {"system"};
}

std::optional<std::string> PyenvProgram(const std::string& root, const std::string& name,
                                        const base::Environment& environment, const std::string& current_dir) {
  for (const std::string& version : ChosenPyenvVersions(root, environment, current_dir)) {
    if (version == "system") return std::nullopt;
    const std::optional<std::string> directory = VersionDirectory(root, version);
    if (!directory.has_value()) continue;
    std::string program = base::JoinPath(*directory, "bin/" + name);
    if (IsProgram(program)) return program;
  }
  return std::nullopt;
}

}  // namespace leash::python
