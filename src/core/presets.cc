#include "leash/presets.h"

#include <thread>

#include "fmt/format.h"

namespace leash {

SandboxConfig StrictPreset() {
  SandboxConfig config;
  config.isolation = Isolation::kStrict;
  return config;
}

SandboxConfig PythonDevPreset() {
  SandboxConfig config;
  // Byte code belongs to whoever may write the sources, and output should arrive while the program runs.
  config.env = {{"PYTHONDONTWRITEBYTECODE", "1"}, {"PYTHONUNBUFFERED", "1"}, {"PYTHONNOUSERSITE", "1"}};
  return config;
}

SandboxConfig PythonDataSciencePreset() {
  SandboxConfig config = PythonDevPreset();
  config.security.allow_gpu = true;
  config.security.allow_npu = true;
  // Numeric libraries size their pools by what they find in /sys, which a sandbox shows in part.
  const std::string threads = fmt::format("{}", std::max(1U, std::thread::hardware_concurrency()));
  for (const char* name : {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}) {
    config.env.emplace_back(name, threads);
  }
  return config;
}

}  // namespace leash
