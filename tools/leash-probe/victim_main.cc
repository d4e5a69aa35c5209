// leash-victim DIRECTORY: see victim.cc.
#include "program.h"

int main(int argc, char** argv) { return leash_victim_main(argc - 1, argv + 1); }
