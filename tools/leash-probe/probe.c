// Finds the probe that is asked for and runs it; what the probes share.
#define _GNU_SOURCE
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "program.h"

static const struct probe* const tables[] = {
    fs_probes,   mode_probes,    process_probes, schedule_probes, hide_probes,      ipc_probes,
    race_probes, network_probes, uring_probes,   kernel_probes,   namespace_probes, terminal_exec_probes,
};

static const char* program;
static const char* word;  // the argument before the probe's name; null: there is none
static const char* scratch_directory;

int refused(const char* what) {
  printf("refused: %s: %s\n", what, strerror(errno));
  return REFUSED;
}

int cannot(const char* why) {
  printf("cannot: %s\n", why);
  return CANNOT;
}

int verdict(long result, const char* what) { return result == -1 ? refused(what) : REACHED; }

int verdict_reached(long result, const char* what, const int* reached_errors) {
  if (result != -1) return REACHED;
  for (const int* error = reached_errors; *error != 0; ++error) {
    if (errno == *error) return REACHED;
  }
  return refused(what);
}

long number(const char* text) {
  char* end = NULL;
  errno = 0;
  long value = strtol(text, &end, 0);
  if (errno != 0 || end == text || *end != '\0') {
    printf("cannot: not a number: %s\n", text);
    exit(CANNOT);
  }
  return value;
}

const char* fresh_text(void) {
  static char text[8] = "p000000";
  unsigned left = (unsigned)getpid();
  for (int i = 6; i > 0; --i, left /= 10) text[i] = (char)('0' + left % 10);
  return text;
}

int process_id(const char* text) { return strcmp(text, "parent") == 0 ? (int)getppid() : (int)number(text); }

const char* scratch(const char* name) {
  static char path[4096];
  const char* dir = scratch_directory != NULL ? scratch_directory : getenv("TMPDIR");
  snprintf(path, sizeof path, "%s/%s", dir != NULL && *dir != '\0' ? dir : "/tmp", name);
  return path;
}

const char* scratch_file(const char* name) {
  const char* path = scratch(name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd == -1 || write(fd, "scratch\n", 8) != 8) {
    printf("cannot: write %s: %s\n", path, strerror(errno));
    exit(CANNOT);
  }
  close(fd);
  return path;
}

const char* own_path(void) { return program; }

char** own_arguments(const char* path, const char* act) {
  static char* arguments[4];
  size_t n = 0;
  arguments[n++] = (char*)(uintptr_t)path;
  if (word != NULL) arguments[n++] = (char*)(uintptr_t)word;
  arguments[n++] = (char*)(uintptr_t)act;
  arguments[n] = NULL;
  return arguments;
}

int wait_child(int pid, const char* what) {
  int status = 0;
  if (pid == -1) return cannot("fork");
  if (waitpid(pid, &status, 0) != pid) return cannot("waitpid");
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  if (WTERMSIG(status) == SIGSYS) {
    printf("refused: %s: killed by SIGSYS\n", what);
    return REFUSED;
  }
  printf("cannot: %s: killed by signal %d\n", what, WTERMSIG(status));
  return CANNOT;
}

// Runs another program as a plain launcher would: the parent that a probe has when there is no sandbox.
static int launch(char** argv) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    execvp(argv[0], argv);
    printf("cannot: exec %s: %s\n", argv[0], strerror(errno));
    fflush(stdout);
    _exit(CANNOT);
  }
  return wait_child(pid, argv[0]);
}

static void list(void) {
  for (size_t t = 0; t < sizeof tables / sizeof tables[0]; ++t) {
    for (const struct probe* p = tables[t]; p->name != NULL; ++p) {
      printf("%s %s%s%s\n", p->name, p->args, *p->args != '\0' ? " - " : "- ", p->what);
    }
  }
}

static int perform(int argc, char** argv) {
  for (size_t t = 0; t < sizeof tables / sizeof tables[0]; ++t) {
    for (const struct probe* p = tables[t]; p->name != NULL; ++p) {
      if (strcmp(p->name, argv[0]) != 0) continue;
      if (argc - 1 < p->argc) return cannot("too few arguments; see --list");
      return p->run(argv + 1);
    }
  }
  return cannot("no such probe; see --list");
}

int leash_probe_main(const char* own_program, const char* own_word, int argc, char** argv) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);  // hanging a terminal up must not end who tells of it
  program = own_program;
  word = own_word;
  if (argc == 1 && strcmp(argv[0], "--list") == 0) return list(), 0;
  if (argc >= 2 && strcmp(argv[0], "launch") == 0) return launch(argv + 1);
  if (argc >= 3 && strcmp(argv[0], "--scratch") == 0) {
    scratch_directory = argv[1];
    argc -= 2;
    argv += 2;
  }
  if (argc < 1) return cannot("usage: [--scratch DIR] NAME [ARGS...] | --list | launch PROGRAM [ARGS...]");
  const int code = perform(argc, argv);
  // Exit code 0 is also that of a launcher that ran nothing.
  if (code == REACHED) printf("reached\n");
  return code;
}
