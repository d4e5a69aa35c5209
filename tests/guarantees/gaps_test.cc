// What this version does not hold, asserted: the list in README.md stays true, and a gap that closes is noticed.
#include "guarantees.h"

namespace leash::guarantees {
namespace {

class KnownGaps : public Guarantees {};

// Landlock has no right for it, and to ask the supervisor each time would make every program slower by far.
TEST_P(KnownGaps, MetadataOfAnyPathIsSeen) {
  if (with_namespaces()) return;  // closed there: files_test.cc
  ExpectReached({}, {"stat", "{home}/.ssh/id_x"});
}

// kill(2) answers ESRCH for a process that does not exist and EPERM for one that does.
TEST_P(KnownGaps, ProcessesAreKnownToExist) {
  if (with_namespaces()) return;  // closed there: processes_test.cc
  ExpectReached({}, {"process-exists", "{pid}"});
}

// A lease or an advisory lock needs no more than the right to read, and holds up the file's other users.
TEST_P(KnownGaps, LocksAreTakenOnWhatMayBeRead) {
  ExpectReached({"--readable", "{outside}"}, {"lease", "{outside}/public.txt"});
}

// What may be read can be given to an interpreter.
TEST_P(KnownGaps, InterpretersRunWhatTheyRead) {
  const Result result =
      world().Inside(TierFlags(), {"/bin/sh", "-c", "cd && echo 'echo ran' > script && /bin/sh script"});
  EXPECT_EQ(result.output, "ran\n") << result.Describe();
}

LEASH_EVERY_CLOSED_SETTING(KnownGaps);

}  // namespace
}  // namespace leash::guarantees
