// The subcommands. Each gives leash's exit status.
#pragma once

#include "command_line.h"

namespace leash::cli {

int Run(const CommandLine& line);
int Shell(const CommandLine& line);
int Python(const CommandLine& line);
int Explain(const CommandLine& line);
int Doctor(const CommandLine& line);
int Selftest(const CommandLine& line);
int Completion(const CommandLine& line);
int Help(const CommandLine& line);

}  // namespace leash::cli
