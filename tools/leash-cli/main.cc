#include "entry.h"

int main(int argc, char** argv) { return leash::cli::Main(argc, argv); }
