// Diagnostics for whoever debugs leash itself. Off by default, always on stderr, never on stdout: the streams belong
// to the program that runs inside.
//
// Debian 12 packages Abseil without absl/log, so this is the little that is needed of it.
#pragma once

#include <string_view>
#include <utility>

#include "fmt/format.h"

namespace leash::base {

enum class LogLevel : int { kOff = 0, kInfo = 1, kDebug = 2 };

// Takes effect at once, for all threads. The initial level comes from LEASH_LOG ("off", "info", "debug", or 0 to 2).
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);
// One write(2) a line, prefixed "leash[info]: ".
void LogLine(LogLevel level, std::string_view message);

template <typename... Args>
void Log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) {
  if (LogEnabled(level)) LogLine(level, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace leash::base
