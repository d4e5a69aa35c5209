// Paths as text: no disk is touched here.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leash::base {

// `path` made absolute against `base` (absolute itself), with ".", ".." and double slashes resolved as text and no
// trailing slash. Text only: where a component may be a symbolic link, resolve on the disk first.
std::string NormalizePath(std::string_view path, std::string_view base);

// `a/b` for ("a", "b") and ("a/", "b"); `name` must be relative.
std::string JoinPath(std::string_view directory, std::string_view name);

// True when `path` is `directory` or below it. Both normalised and absolute; "/" holds everything.
bool IsAtOrBelow(std::string_view path, std::string_view directory);

// "/a/b" -> "/a"; "/a" -> "/"; "/" -> "/".
std::string_view ParentOf(std::string_view path);

// "/a/b" -> {"a", "b"}; "/" -> {}.
std::vector<std::string_view> Components(std::string_view path);

}  // namespace leash::base
