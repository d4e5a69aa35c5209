// The words of a command line as arguments of a command, by its description (docs/ipc.md).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "leash-ipc/client.h"

namespace leash_ipc {

struct Parsed {
  Json arguments = Json::object();
  bool help = false;
  std::string error;  // not empty: the words do not fit, and why
};

// `read_stdin` gives what there is on standard input, or false when that is a terminal; it is asked at most once, and
// not when help is wanted.
Parsed ParseArguments(const Json& description, const std::vector<std::string>& words,
                      const std::function<bool(std::string&)>& read_stdin);

// How a command is used, from its description.
std::string HelpFor(std::string_view name, const Json& description);

}  // namespace leash_ipc
