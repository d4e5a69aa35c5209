// The few questions about the disk that finding an interpreter asks, beside base/file_system.h.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace leash::python {

// A regular file, at the end of any symbolic links, that this process may execute.
bool IsProgram(const std::string& path);
bool IsDirectory(const std::string& path);
bool IsFile(const std::string& path);

// The whole of a regular file; nullopt when it cannot be read or is larger than `most`.
std::optional<std::string> ReadSmallFile(const std::string& path, std::size_t most = 1U << 20);

// Where a symbolic link points, made absolute against its directory, as text. nullopt: it is none.
std::optional<std::string> LinkTarget(const std::string& path);

}  // namespace leash::python
