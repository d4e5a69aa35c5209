// The few questions about the disk that finding an interpreter asks, beside base/file_system.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace leash::python {

// A regular file, at the end of any symbolic links, that this process may execute.
bool IsProgram(const std::string& path);
bool IsDirectory(const std::string& path);
bool IsFile(const std::string& path);
// A program or library that the kernel or the loader takes, by its first bytes: no script, no text, no key.
bool IsElf(const std::string& path);

// The whole of a regular file; nullopt when it cannot be read or is larger than `most`.
std::optional<std::string> ReadSmallFile(const std::string& path, std::size_t most = 1U << 20);

// Where a symbolic link points, made absolute against its directory, as text. nullopt: it is none.
std::optional<std::string> LinkTarget(const std::string& path);

// An environment that is to be written must be named itself: a repository may bring a link along that leads to another.
// Error: kInvalidArgument when the last component of `path` is a symbolic link.
absl::Status CheckNoLink(std::string path);

}  // namespace leash::python
