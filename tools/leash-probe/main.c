// leash-probe NAME [ARGS...]: performs one act that a sandbox should refuse, and reports by exit code (see probe.h).
#include "program.h"

int main(int argc, char** argv) { return leash_probe_main(argv[0], 0, argc - 1, argv + 1); }
