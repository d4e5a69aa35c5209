// The two programs of this folder as functions, for a program that is all of them: the leash command.
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

// [--scratch DIR] NAME [ARGS...]: performs one act and gives the exit code, see probe.h. `launch PROGRAM [ARGS...]`
// runs a program as a plain launcher does, `--list` prints the acts. `program` is the path by which this program was
// started; `word` is what must stand before NAME for it to be the probe program, null for nothing.
int leash_probe_main(const char* program, const char* word, int argc, char** argv);

// DIRECTORY [WORDS...]: a process of the same user with everything that a sandboxed program might be after, see
// victim.cc. Gives the exit code.
int leash_victim_main(int argc, char** argv);

#ifdef __cplusplus
}
#endif
