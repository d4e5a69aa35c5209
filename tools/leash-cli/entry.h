// The whole program, behind a function that needs no other header.
#pragma once

namespace leash::cli {

// What main() does: the exit status is the return value.
int Main(int argc, const char* const* argv);

}  // namespace leash::cli
