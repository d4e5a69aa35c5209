// What every probe shares. A probe performs one act and says how it went by its exit code; it knows nothing of leash.
#pragma once

#include <stdbool.h>
#include <stddef.h>

// Exit codes. REACHED: the act succeeded, or the kernel looked at its arguments (the interface is open).
// REFUSED: the act failed; one line "refused: <what>: <reason>" says where. CANNOT: the act does not apply here.
enum { REACHED = 0, REFUSED = 10, CANNOT = 20 };

struct probe {
  const char* name;
  const char* args;  // the arguments' names, for --list
  const char* what;  // one line: the act
  int argc;          // how many arguments must be given
  int (*run)(char** argv);
};

// One table a theme, each ended by a row without a name.
extern const struct probe fs_probes[];
extern const struct probe mode_probes[];
extern const struct probe process_probes[];
extern const struct probe schedule_probes[];
extern const struct probe hide_probes[];
extern const struct probe ipc_probes[];
extern const struct probe network_probes[];
extern const struct probe uring_probes[];
extern const struct probe kernel_probes[];
extern const struct probe namespace_probes[];
extern const struct probe terminal_exec_probes[];
extern const struct probe race_probes[];

// Prints "refused: <what>: <strerror(errno)>" and returns REFUSED.
int refused(const char* what);
// Prints why and returns CANNOT.
int cannot(const char* why);
// REFUSED with the reason in errno if `result` is -1, else REACHED.
int verdict(long result, const char* what);
// For acts whose arguments are wrong on purpose, so that the kernel changes nothing even when it lets us in: success
// and an error in the list (ended by 0) show that the arguments were looked at; any other error is a refusal.
int verdict_reached(long result, const char* what, const int* reached_errors);

// A number given as an argument; exits with CANNOT if it is not one.
long number(const char* text);
// Seven characters that the last run of a probe did not write: so that a change shows.
const char* fresh_text(void);
// A process given by its number, or as "parent": the launcher, inside a sandbox the sandbox's own process.
int process_id(const char* text);
// "<directory>/<name>" with the directory of --scratch, else TMPDIR: a place that the program may write. Static
// storage, one at a time.
const char* scratch(const char* name);
// Makes a file in the scratch directory with a line of text. Exits with CANNOT when that fails.
const char* scratch_file(const char* name);
// The path by which this program was started.
const char* own_path(void);
// The argument vector that makes a copy of this program at `path` perform an act. Static storage, one at a time.
char** own_arguments(const char* path, const char* act);
// Waits for a child: its exit code; REFUSED if SIGSYS ended it (printed as such), CANNOT for another signal.
int wait_child(int pid, const char* what);
