// Ways to other processes of the same machine that stay closed: sockets, shared memory, queues, keys.
#include <sys/socket.h>
#include <unistd.h>

#include "guarantees.h"

namespace leash::guarantees {
namespace {

class LocalSockets : public Guarantees {};
class SharedObjects : public Guarantees {};

const std::vector<Row> kLocalSockets = {
    {.promise = "no unix socket is made", .probe = "unix-socket", .mechanisms = kWithNamespaces},
    {.promise = "no server is reached by its path",
     .probe = "unix-stream-connect",
     .args = {"{stream}"},
     .effect = Effect::kVictim},
    {.promise = "nor through a grant on its directory",
     .probe = "unix-stream-connect",
     .args = {"{stream}"},
     .effect = Effect::kVictim,
     .flags = {"--writable", "{victim}"}},
    {.promise = "nor by one who changes the address while it is read",
     .probe = "swap-connect",
     .args = {"{stream}"},
     .effect = Effect::kVictim},
    {.promise = "nor by one who swaps a link",
     .probe = "swap-link-connect",
     .args = {"{stream}"},
     .effect = Effect::kVictim},
    {.promise = "nor by an abstract name",
     .probe = "unix-stream-connect",
     .args = {"{abstract}"},
     .effect = Effect::kVictim},
    {.promise = "no server takes an abstract name", .probe = "unix-abstract-bind", .args = {"@leash-guarantee-name"}},
    {.promise = "no datagram by connect",
     .probe = "unix-dgram-connect",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
    {.promise = "nor to an abstract name",
     .probe = "unix-dgram-connect",
     .args = {"{abstract_dgram}"},
     .effect = Effect::kVictim},
    {.promise = "no datagram by sendto", .probe = "unix-dgram-sendto", .args = {"{dgram}"}, .effect = Effect::kVictim},
    {.promise = "nor to an abstract name",
     .probe = "unix-dgram-sendto",
     .args = {"{abstract_dgram}"},
     .effect = Effect::kVictim},
    {.promise = "no datagram by sendmsg",
     .probe = "unix-dgram-sendmsg",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
    {.promise = "no datagram by sendmmsg",
     .probe = "unix-dgram-sendmmsg",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
    {.promise = "none from a pair by sendto",
     .probe = "unix-pair-sendto",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
    {.promise = "none from a pair by sendmsg",
     .probe = "unix-pair-sendmsg",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
    {.promise = "nor to an abstract name",
     .probe = "unix-pair-sendmsg",
     .args = {"{abstract_dgram}"},
     .effect = Effect::kVictim},
    {.promise = "none from a pair by sendmmsg",
     .probe = "unix-pair-sendmmsg",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
    {.promise = "none from a pair that is connected elsewhere",
     .probe = "unix-pair-connect",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
    {.promise = "none from a pair of type SOCK_RAW",
     .probe = "unix-pair-raw",
     .args = {"{dgram}"},
     .effect = Effect::kVictim},
};

const std::vector<Row> kSharedObjects = {
    {.promise = "POSIX memory of others is closed",
     .probe = "posix-shm",
     .args = {"{posix}"},
     .tiers = kClosedTiers,
     .effect = Effect::kVictim},
    {.promise = "POSIX queues of others are closed", .probe = "posix-mq", .args = {"{mq}"}, .effect = Effect::kVictim},
    {.promise = "none is made", .probe = "posix-mq-create", .args = {"/leash-guarantee"}},
    {.promise = "System V memory is closed by its key",
     .probe = "sysv-shm",
     .args = {"{shm_key}"},
     .effect = Effect::kVictim},
    {.promise = "and by its identifier", .probe = "sysv-shm-id", .args = {"{shm_id}"}},
    {.promise = "its state is not told", .probe = "sysv-shmctl", .args = {"{shm_id}"}},
    {.promise = "System V queues are not sent to",
     .probe = "sysv-msg",
     .args = {"{msg_key}"},
     .effect = Effect::kVictim},
    {.promise = "nor taken from", .probe = "sysv-msgrcv", .args = {"{msg_id}"}, .effect = Effect::kVictim},
    {.promise = "System V semaphores are not changed by their key",
     .probe = "sysv-sem",
     .args = {"{sem_key}"},
     .effect = Effect::kVictim},
    {.promise = "nor by their identifier", .probe = "sysv-semtimedop", .args = {"{sem_id}"}, .effect = Effect::kVictim},
    {.promise = "keys of the user are not read", .probe = "keyring-read", .args = {"{key}"}},
    {.promise = "POSIX queues of others are not removed", .probe = "posix-mq-unlink", .args = {"{mq}-spare"}},
};

TEST_P(LocalSockets, ReachNobody) { CheckRows(kLocalSockets); }

TEST_P(LocalSockets, ReachTheServerThatAGrantNames) {
  if (with_namespaces()) return;  // none is made there
  ExpectReached({"--writable", "{stream}"}, {"unix-stream-connect", "{stream}"});
}
TEST_P(SharedObjects, AreNotShared) { CheckRows(kSharedObjects); }

LEASH_EVERY_SETTING(LocalSockets);
LEASH_EVERY_SETTING(SharedObjects);

// A datagram socket as a standard stream would be a network of its own: sendmsg(2) keeps its address in memory, where
// no filter of system calls looks.
struct StandardStream {
  const char* what;
  int family;
  int type;
  std::vector<std::string> act;
};

TEST_P(LocalSockets, ThatStandardStreamsAreAreOfNoUse) {
  World& w = world();
  const std::vector<StandardStream> streams = {
      {"unix datagrams by sendmsg", AF_UNIX, SOCK_DGRAM, {"fd-sendmsg", "0", "{dgram}"}},
      {"unix datagrams by sendto", AF_UNIX, SOCK_DGRAM, {"fd-sendto", "0", "{dgram}"}},
      {"UDP by sendmsg", AF_INET, SOCK_DGRAM, {"fd-inet-sendmsg", "0", "127.0.0.1", "{udp}"}},
      {"TCP by connect", AF_INET, SOCK_STREAM, {"fd-inet-connect", "0", "127.0.0.1", "{port}"}},
  };
  for (const StandardStream& stream : streams) {
    SCOPED_TRACE(stream.what);
    std::vector<std::string> act = {w.probe()};
    for (const std::string& word : stream.act) act.push_back(w.Expand(word));
    Extra extra;
    const int control = socket(stream.family, stream.type | SOCK_CLOEXEC, 0);
    extra.descriptors = {{control, 0}};
    std::string before = w.VictimReport();
    const Result outside = w.Outside(act, extra);
    EXPECT_EQ(outside.code, 0) << "control: " << outside.Describe();
    EXPECT_NE(w.VictimReport(), before) << "control: the victim saw nothing";
    close(control);

    const int fd = socket(stream.family, stream.type | SOCK_CLOEXEC, 0);
    extra.descriptors = {{fd, 0}};
    std::vector<std::string> flags = TierFlags();
    flags.insert(flags.end(), {"--executable", w.root() + "/bin"});
    before = w.VictimReport();
    const Result inside = w.Inside(flags, act, extra);
    EXPECT_NE(inside.code, 0) << inside.Describe();
    EXPECT_EQ(w.VictimReport(), before) << "the victim saw something; " << inside.Describe();
    close(fd);
  }
}

}  // namespace
}  // namespace leash::guarantees
