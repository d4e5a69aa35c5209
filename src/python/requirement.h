// Requirements, as pip and uv take them: what may be asked for, and what is there already.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace leash::python {

// A package's name as indexes compare it (PEP 503): "Foo._Bar" -> "foo-bar".
std::string NormalizedName(std::string_view name);

// Whether `text` can stand as one requirement: no option, one line, no path. Unless `elsewhere`, it names a package of
// an index: a URL and "NAME @ URL" could be something that has to be built.
absl::Status CheckRequirement(std::string_view text, bool elsewhere);

// The requirements in the text of a requirements file, comments left out and continued lines joined. Its options could
// undo what is promised about indexes and builds, so those that do are errors, which name `path` and the line: only
// hashes and pre-releases may be spoken of, and with `elsewhere` which to build.
absl::StatusOr<std::vector<std::string>> RequirementsIn(std::string_view text, std::string_view path, bool elsewhere);

// True when it is certain that nothing needs installing: `text` is a name alone or with "==", and there is a package of
// that name (and version) in the directory. Everything else is for pip and uv to tell.
bool IsInstalled(std::string_view text, const std::string& site_packages);

// The host and port of an index, "pypi.org:443". Errors: kInvalidArgument for what is no http or https URL.
absl::StatusOr<std::string> HostOfIndex(std::string_view url);

}  // namespace leash::python
