// How long a command takes to start and end: alone, and under leash and its neighbours.
//
// Rounds are interleaved: every round runs each launcher once, each time beginning with another one, so that what
// drifts (clock speed, other load) falls on all alike. Differences are taken within a round.
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "fmt/format.h"

extern char** environ;

namespace {

struct Launcher {
  std::string name;
  std::vector<std::string> argv;
  std::string skipped;  // why it is not measured; empty: it is
  std::vector<double> microseconds;
  long peak_rss_kb = 0;
};

struct Options {
  int rounds = 200;
  bool json = false;
  std::string leash = LEASH_BENCH_LEASH;
  std::string minimal = LEASH_BENCH_MINIMAL;
};

struct Run {
  double microseconds;
  int wait_status;
  long rss_kb;
};

[[noreturn]] void Die(const std::string& message) {
  fmt::print(stderr, "bench_startup: {}\n", message);
  std::exit(1);
}

// From before the spawn to after the wait. nullopt: there is no such program.
std::optional<Run> RunOnce(const Launcher& launcher, const posix_spawn_file_actions_t* actions) {
  std::vector<char*> argv;
  for (const std::string& arg : launcher.argv) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  pid_t pid = 0;
  rusage usage = {};
  int status = 0;
  const auto start = std::chrono::steady_clock::now();
  if (const int error = posix_spawnp(&pid, argv[0], actions, nullptr, argv.data(), environ); error != 0) {
    if (error == ENOENT) return std::nullopt;
    Die(fmt::format("cannot start {}: {}", launcher.argv[0], std::strerror(error)));
  }
  while (wait4(pid, &status, 0, &usage) < 0) {
    if (errno != EINTR) Die(fmt::format("wait4: {}", std::strerror(errno)));
  }
  const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - start;
  return Run{elapsed.count(), status, usage.ru_maxrss};
}

// Runs it a few times to fill the caches, and finds out whether it works here at all.
void WarmUp(Launcher& launcher, const posix_spawn_file_actions_t* quiet) {
  for (int i = 0; i < 5; ++i) {
    const std::optional<Run> run = RunOnce(launcher, quiet);
    if (!run) {
      launcher.skipped = "not installed";
      return;
    }
    if (run->wait_status != 0) {
      launcher.skipped = WIFEXITED(run->wait_status)
                             ? fmt::format("does not work here: exit status {}", WEXITSTATUS(run->wait_status))
                             : fmt::format("does not work here: signal {}", WTERMSIG(run->wait_status));
      return;
    }
  }
}

// Nearest rank; `percent` of 0 is the least.
double Percentile(std::vector<double> values, int percent) {
  std::sort(values.begin(), values.end());
  const std::size_t rank = (values.size() * static_cast<std::size_t>(percent) + 99) / 100;
  return values[rank == 0 ? 0 : rank - 1];
}

// The median of what `launcher` took longer than `raw` in the same round.
double Overhead(const Launcher& launcher, const Launcher& raw) {
  std::vector<double> differences;
  for (std::size_t i = 0; i < raw.microseconds.size(); ++i) {
    differences.push_back(launcher.microseconds[i] - raw.microseconds[i]);
  }
  return Percentile(std::move(differences), 50);
}

void Measure(std::vector<Launcher>& launchers, int rounds, const posix_spawn_file_actions_t* actions) {
  const std::size_t count = launchers.size();
  for (int round = 0; round < rounds; ++round) {
    for (std::size_t i = 0; i < count; ++i) {
      Launcher& launcher = launchers[(static_cast<std::size_t>(round) + i) % count];
      if (!launcher.skipped.empty()) continue;
      const std::optional<Run> run = RunOnce(launcher, actions);
      if (!run || run->wait_status != 0) Die(fmt::format("{} failed in round {}", launcher.name, round + 1));
      launcher.microseconds.push_back(run->microseconds);
      launcher.peak_rss_kb = std::max(launcher.peak_rss_kb, run->rss_kb);
    }
  }
}

// A child starts in the memory of the process that spawns it, so ru_maxrss is never below this. Not getrusage(2): that
// number is inherited in turn.
// Read with plain calls: a stream would grow what it measures.
long OwnPeakRss() {
  char text[4096] = {};
  const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
  const ssize_t size = read(fd, text, sizeof(text) - 1);
  close(fd);
  const char* line = size > 0 ? std::strstr(text, "VmHWM:") : nullptr;
  return line == nullptr ? 0 : std::strtol(line + std::strlen("VmHWM:"), nullptr, 10);
}

const Launcher* Find(const std::vector<Launcher>& launchers, std::string_view name) {
  for (const Launcher& launcher : launchers) {
    if (launcher.name == name && launcher.skipped.empty()) return &launcher;
  }
  return nullptr;
}

// leash's overhead as a multiple of another launcher's; nullopt when one of them was not measured.
// Two launchers that give comparable confinement.
struct Pair {
  const char* ours;
  const char* rival;
};
constexpr Pair kPairs[] = {
    {"leash-off", "minimal"}, {"leash", "bwrap"}, {"leash-py", "python"}, {"leash-py", "run-py"}};

struct Ratios {
  double overhead;  // of the medians of the differences to raw
  double time;      // the median of the ratios within a round
};

std::optional<Ratios> Compare(const std::vector<Launcher>& launchers, const Pair& pair) {
  const Launcher* ours = Find(launchers, pair.ours);
  const Launcher* rival = Find(launchers, pair.rival);
  if (ours == nullptr || rival == nullptr) return std::nullopt;
  std::vector<double> ratios;
  for (std::size_t i = 0; i < ours->microseconds.size(); ++i) {
    ratios.push_back(ours->microseconds[i] / rival->microseconds[i]);
  }
  return Ratios{Overhead(*ours, launchers[0]) / Overhead(*rival, launchers[0]), Percentile(std::move(ratios), 50)};
}

void PrintText(const std::vector<Launcher>& launchers, const Options& options, long own_rss) {
  fmt::print("/bin/true and Python, {} rounds, uid {}; microseconds\n\n", options.rounds, getuid());
  fmt::print("{:<10}{:>10}{:>10}{:>10}{:>14}{:>14}\n", "", "min", "p50", "p90", "over raw", "peak RSS KiB");
  for (const Launcher& launcher : launchers) {
    if (!launcher.skipped.empty()) {
      fmt::print("{:<10}  {} ({})\n", launcher.name, launcher.skipped, launcher.argv[0]);
      continue;
    }
    fmt::print("{:<10}{:>10.0f}{:>10.0f}{:>10.0f}{:>14.0f}{:>14}\n", launcher.name,
               Percentile(launcher.microseconds, 0), Percentile(launcher.microseconds, 50),
               Percentile(launcher.microseconds, 90), Overhead(launcher, launchers[0]), launcher.peak_rss_kb);
  }
  fmt::print("\n");
  for (const Pair& pair : kPairs) {
    const auto ratios = Compare(launchers, pair);
    if (!ratios) continue;
    fmt::print("{} / {}: {:.2f} of the overhead, {:.2f} of the time\n", pair.ours, pair.rival, ratios->overhead,
               ratios->time);
  }
  fmt::print("peak RSS cannot be measured below that of the benchmark itself, {} KiB\n", own_rss);
}

// Names and messages are plain words; paths are not printed, so nothing needs escaping.
void PrintJson(const std::vector<Launcher>& launchers, const Options& options, long own_rss) {
  fmt::print("{{\"program\":\"/bin/true\",\"rounds\":{},\"uid\":{},\"rss_floor_kb\":{},\"launchers\":[", options.rounds,
             getuid(), own_rss);
  const char* separator = "";
  for (const Launcher& launcher : launchers) {
    fmt::print("{}{{\"name\":\"{}\",", separator, launcher.name);
    separator = ",";
    if (!launcher.skipped.empty()) {
      fmt::print("\"skipped\":\"{}\"}}", launcher.skipped);
      continue;
    }
    fmt::print("\"min_us\":{:.1f},\"p50_us\":{:.1f},\"p90_us\":{:.1f},\"overhead_us\":{:.1f},\"peak_rss_kb\":{}}}",
               Percentile(launcher.microseconds, 0), Percentile(launcher.microseconds, 50),
               Percentile(launcher.microseconds, 90), Overhead(launcher, launchers[0]), launcher.peak_rss_kb);
  }
  fmt::print("]");
  for (const Pair& pair : kPairs) {
    const auto ratios = Compare(launchers, pair);
    const std::string key = fmt::format("{}_by_{}", pair.ours, pair.rival);
    fmt::print(",\"{}\":", key);
    if (ratios) {
      fmt::print("{{\"overhead\":{:.3f},\"time\":{:.3f}}}", ratios->overhead, ratios->time);
    } else {
      fmt::print("null");
    }
  }
  fmt::print("}}\n");
}

Options ParseArguments(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&] {
      if (i + 1 == argc) Die(fmt::format("{} needs a value", arg));
      return std::string_view(argv[++i]);
    };
    if (arg == "--json") {
      options.json = true;
    } else if (arg == "--rounds") {
      const std::string_view text = value();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), options.rounds);
      if (error != std::errc() || end != text.data() + text.size() || options.rounds < 1) {
        Die(fmt::format("--rounds: not a positive number: {}", text));
      }
    } else if (arg == "--leash") {
      options.leash = value();
    } else if (arg == "--minimal") {
      options.minimal = value();
    } else {
      fmt::print(stderr, "usage: bench_startup [--rounds N] [--json] [--leash PATH] [--minimal PATH]\n");
      std::exit(arg == "--help" ? 0 : 1);
    }
  }
  return options;
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseArguments(argc, argv);
  std::vector<Launcher> launchers = {
      {.name = "raw", .argv = {"/bin/true"}},
      {.name = "minimal", .argv = {options.minimal, "/bin/true"}},
      {.name = "leash-off", .argv = {options.leash, "run", "--namespaces", "off", "/bin/true"}},
      {.name = "leash", .argv = {options.leash, "run", "/bin/true"}},
      {.name = "bwrap",
       .argv = {"bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--unshare-all",
                "--die-with-parent", "/bin/true"}},
      {.name = "python", .argv = {"/usr/bin/python3", "-c", "print(1)"}},
      {.name = "run-py", .argv = {options.leash, "run", "/usr/bin/python3", "-c", "print(1)"}},
      {.name = "leash-py", .argv = {options.leash, "python", "--python", "/usr/bin/python3", "-c", "print(1)"}},
  };

  posix_spawn_file_actions_t loud, quiet;
  posix_spawn_file_actions_init(&loud);
  posix_spawn_file_actions_init(&quiet);
  for (posix_spawn_file_actions_t* actions : {&loud, &quiet}) {
    posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  }
  posix_spawn_file_actions_addopen(&quiet, STDERR_FILENO, "/dev/null", O_WRONLY, 0);

  for (Launcher& launcher : launchers) WarmUp(launcher, &quiet);
  if (!launchers[0].skipped.empty()) Die("/bin/true " + launchers[0].skipped);
  Measure(launchers, options.rounds, &loud);
  const long own_rss = OwnPeakRss();
  posix_spawn_file_actions_destroy(&loud);
  posix_spawn_file_actions_destroy(&quiet);
  (options.json ? PrintJson : PrintText)(launchers, options, own_rss);
  return 0;
}
