// One canonical form of a URL's path, or none where servers disagree about what it means.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace leash::net {

// Decodes what needs no encoding (RFC 3986, 6.2.2.2), writes other escapes in upper case, encodes what must not stand
// bare, and resolves "." and "..". An empty path is "/".
//
// None for a path that two servers may read as two resources: one that does not start with a slash; empty segments;
// escaped slashes, backslashes, NUL and other control bytes; backslashes; ".." above the root; escapes that are
// malformed or escaped themselves (%252e); dot segments with parameters (/..;/); '?' and '#'.
std::optional<std::string> NormalizePath(std::string_view path);

}  // namespace leash::net
