#include "leash/limits.h"

namespace leash {

std::string_view LimitName(Limit limit) {
  switch (limit) {
    case Limit::kMemory:
      return "memory";
    case Limit::kCpuTime:
      return "processor time";
    case Limit::kWallTime:
      return "wall-clock time";
    case Limit::kFileSize:
      return "file size";
    case Limit::kOpenFiles:
      return "open files";
    case Limit::kProcesses:
      return "processes";
  }
  return "";
}

}  // namespace leash
