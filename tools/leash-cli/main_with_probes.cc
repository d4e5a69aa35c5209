// The leash command with the probes of `leash selftest` inside. They are not listed: nobody but the self-test has use
// for them, and they know nothing of leash.
#include <string_view>

#include "entry.h"
#include "leash-probe/program.h"

int main(int argc, char** argv) {
  const std::string_view word = argc > 1 ? argv[1] : "";
  if (word == "__probe") return leash_probe_main(argv[0], argv[1], argc - 2, argv + 2);
  if (word == "__victim") return leash_victim_main(argc - 2, argv + 2);
  return leash::cli::Main(argc, argv);
}
