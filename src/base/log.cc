#include "base/log.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

namespace leash::base {
namespace {

LogLevel LevelFromEnvironment() {
  const char* text = std::getenv("LEASH_LOG");
  if (text == nullptr) return LogLevel::kOff;
  const std::string_view value(text);
  if (value == "debug" || value == "2") return LogLevel::kDebug;
  if (value == "info" || value == "1") return LogLevel::kInfo;
  return LogLevel::kOff;
}

std::atomic<int>& Level() {
  static std::atomic<int> level = static_cast<int>(LevelFromEnvironment());
  return level;
}

}  // namespace

void SetLogLevel(LogLevel level) { Level().store(static_cast<int>(level), std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) {
  return level != LogLevel::kOff && Level().load(std::memory_order_relaxed) >= static_cast<int>(level);
}

void LogLine(LogLevel level, std::string_view message) {
  const std::string line = fmt::format("leash[{}]: {}\n", level == LogLevel::kDebug ? "debug" : "info", message);
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace leash::base
