// Linked into programs that are built with LEASH_SANITIZE=thread: what TSAN_OPTIONS would say, but for programs that are started with an
// environment of their own, too.

// A program that ends while it has threads waits for races of theirs: a second if nothing is said, thousands of times.
extern "C" const char* __tsan_default_options() { return "atexit_sleep_ms=20"; }
