// What leash and the init process of a sandbox say to each other.
//
// They are connected by a socket pair of sequenced packets (unix(7)). leash sends a Request, with descriptors attached
// and its body in a memfd, the first of them: an arena of structs that name strings and arrays by their offset in it.
// The init process maps it and trusts it, since nobody but leash can write it.
//
// First comes one kSetUp, answered on the same socket. After that, any number of kSpawn, each with a socket of its own
// for its answers, so that commands are independent of each other; kSignal, which has none; and kSockets.
#pragma once

#include <cstdint>

#include "platform/linux/launch_child.h"

namespace leash::platform::wire {

// Descriptors that the init process starts with.
inline constexpr int kControl = 3;  // the socket pair
inline constexpr int kHost = 4;     // a pidfd of leash: when it ends, the sandbox ends
inline constexpr int kImage = 5;    // the program itself, closed on execution

enum class RequestKind : std::uint32_t {
  kSetUp,   // [arena: SetUpOrder, then the control groups of commands, open for entering]
  kSpawn,   // [arena: SpawnOrder, answers, stdin, stdout, stderr]; with a terminal: those streams that have their own
  kSignal,  // none
  // [answers]: for TCP sockets of the sandbox's network, by which leash connects to what listens there
  kSockets,
};

struct Request {
  RequestKind kind;
  std::uint32_t arena_size;
  std::uint64_t command;  // a number of leash's choosing, for kSpawn and kSignal
  std::int32_t signal;
  std::uint32_t streams;  // kSpawn: bit i is set when stream i has a descriptor; the others are the terminal
  std::int32_t family;    // kSockets
};
inline constexpr int kMostDescriptors = 5;  // of a request
inline constexpr int kMostAnswerDescriptors = 16;

using Offset = std::uint32_t;  // in the arena; 0: none

enum class MountKind : std::uint16_t {
  kDirectory,      // makes `target`
  kSymlink,        // makes `target`, which leads to `source`
  kBind,           // attaches the host's `source` and what is mounted below it
  kPrivate,        // makes a directory that may be written
  kTmpfs,          // covers `target` with a new file system of its `mode`, for later steps to fill
  kProc,           // the process-id namespace's own
  kDevpts,         // a set of terminals of its own
  kMaskDirectory,  // covers `target` with an empty directory
  kMaskFile,       // covers `target` with an empty file
};

enum MountFlags : std::uint16_t {
  kMakeDirectory = 1,  // `target` does not exist yet
  kMakeFile = 2,
  kMayBeMissing = 4,  // no error when `source` does not exist
  kOwnTarget = 8,     // the way to `target` is the sandbox's own all along, so nobody can have put a link on it
};

struct MountStep {
  MountKind kind;
  std::uint16_t flags;
  std::uint32_t mode;
  Offset source;             // absolute, canonical
  Offset target;             // relative to the new root
  std::uint64_t attributes;  // MOUNT_ATTR_*
  std::uint64_t rights;      // of a Landlock rule on what was mounted; 0: none
};

// Where setting up failed.
enum class SetUpStage : std::int32_t {
  kNone,
  kUnshare,
  kRoot,
  kStep,
  kPivot,
  kRuleset,
  kPrivileges,
  kRequest,
  kSignals,
  kIpv6,         // the machine has it after all
  kLoopback,     // bringing it up, and its addresses
  kRoute,        // every address is local
  kRedirection,  // of connections to the listeners
  kIntake,       // the listeners and resolvers themselves
};

struct NetlinkStep {
  std::int32_t protocol;  // NETLINK_*
  SetUpStage stage;       // when it fails
  Offset messages;
  std::uint32_t size;
  std::uint32_t acknowledgements;
};

// The network of a sandbox whose programs have one; see egress_network.h.
struct EgressOrder {
  Offset steps;
  std::uint32_t step_count;
  std::uint16_t spare_ports[8];  // to listen on as well, should the redirection fail
  std::uint16_t spare_port_count;
  std::uint16_t port;  // of the listeners
  bool wanted;
  bool intake;  // a network policy wants the listeners and resolvers; else there is loopback alone
  bool ipv6;
  bool diagnostics;  // a socket of NETLINK_SOCK_DIAG as well
};

struct SetUpOrder {
  std::uint64_t landlock_fs;
  std::uint64_t landlock_net;
  std::uint64_t landlock_scoped;
  std::uint64_t root_rights;  // of a Landlock rule on the root itself
  std::uint32_t restrict_flags;
  std::uint32_t step_count;
  Offset steps;
  Offset root_options;  // of the tmpfs that becomes the root; 0: the first step is the root
  Offset filter;        // the system call filter
  std::uint32_t filter_length;
  bool masks;  // some step is a mask
  bool sockets_refused;
  bool keep_session;  // commands stay in leash's session
  bool supervised;    // the last descriptor is the socket for their filters' listeners
  EgressOrder egress;
};

// The kernel's own struct termios, as ioctl(TCSETS) takes it (asm-generic/termbits.h); libc's is another.
struct TerminalModes {
  std::uint32_t input;
  std::uint32_t output;
  std::uint32_t control;
  std::uint32_t local;
  std::uint8_t line;
  std::uint8_t keys[19];
};
static_assert(sizeof(TerminalModes) == 36);

struct Terminal {
  bool wanted;  // make one, and give its master to leash
  std::uint16_t rows;
  std::uint16_t columns;
  TerminalModes modes;
};

// A LaunchOrder in which every pointer is an offset, and the tables that it points to are tables of offsets, 64 bits
// wide, that end with a 0.
struct SpawnOrder {
  Offset program;
  Offset argv;
  Offset environment;
  Offset current_dir;  // a path
  LimitValue limits[8];
  std::uint32_t limit_count;
  Terminal terminal;
};

enum class AnswerKind : std::uint32_t {
  kReady,    // of kSetUp: [with an egress order: listeners, then resolvers], listeners, error
  kRefused,  // of kSetUp: stage, error, step
  kStarted,  // of kSpawn: [a pidfd of the command, with a terminal its master]
  kFailed,   // of kSpawn: stage, error
  kEnded,    // of kSpawn, the last: how
  kSockets,  // of kSockets: [sockets, none or as many as there is room for], family, error when there are none
};

struct Answer {
  AnswerKind kind;
  std::int32_t stage;  // SetUpStage or LaunchStage
  std::int32_t error;  // errno; of kReady: why there is no redirection, 0 if there is or needs to be none
  std::uint32_t step;
  std::int32_t wait_status;  // as wait(2) gives it
  std::uint32_t listeners;   // how many of the descriptors
  std::int32_t family;       // kSockets: as it was asked for
  std::uint64_t user_microseconds;
  std::uint64_t system_microseconds;
  std::uint64_t peak_memory_kib;
};

}  // namespace leash::platform::wire
