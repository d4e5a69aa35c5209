#include "platform/linux/seccomp_table.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>

namespace leash::platform {
namespace {

constexpr std::uint64_t kInt = 0xffffffffULL;  // an argument that the kernel reads as 32 bits

constexpr ArgCondition IntIs(unsigned index, std::uint64_t value) {
  return {ArgTest::kMaskedEqual, index, kInt, value & kInt};
}
// All bits of `bits` set.
constexpr ArgCondition HasBits(unsigned index, std::uint64_t bits) {
  return {ArgTest::kMaskedEqual, index, bits, bits};
}
// As 64 bits: what has anything in its upper half is more than any int.
constexpr ArgCondition AtLeast(unsigned index, std::uint64_t value) { return {ArgTest::kAtLeast, index, 0, value}; }
constexpr ArgCondition NotZero(unsigned index) { return {ArgTest::kNotEqual, index, 0, 0}; }

// -- sockets ---------------------------------------------------------------------------------------------------------

// socketpair(2) has no address and reaches nobody; but a datagram pair can be sent from to any path, so only the
// connected kinds remain. Written as what is refused: every type but 1 and 5, by its low bits.
constexpr std::uint64_t kTypeMask = 0xf;
constexpr SyscallRule kSockets[] = {
    {"socketpair", EPERM, {ArgTest::kNotEqual, 0, 0, AF_UNIX}},
    {"socketpair", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, 0}},
    {"socketpair", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_DGRAM}},
    {"socketpair", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RAW}},
    {"socketpair", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RDM}},
    {"socketpair", EPERM, {ArgTest::kMaskedEqual, 1, 0x8, 0x8}},
    {"socketpair", EPERM, {ArgTest::kMaskedEqual, 1, 0x6, 0x6}},
    {"sendto", EPERM, HasBits(3, MSG_FASTOPEN)},
    {"sendmsg", EPERM, HasBits(2, MSG_FASTOPEN)},
    {"sendmmsg", EPERM, HasBits(3, MSG_FASTOPEN)},
};

// With a network: AF_INET and AF_INET6, streams of TCP and datagrams of UDP, and NETLINK_ROUTE, by which libc asks for
// addresses; without capabilities that only reads. Families 2, 10 and 16, written as what is refused: more, and by its
// bits what is below. Family 1 has rows of its own further down. Types and protocols likewise. So no MPTCP (262), SCTP,
// ICMP, raw, packet or vsock socket.
//
// To bind, listen and accept is free: the network is the sandbox's own. Connections are not judged here but taken by
// the redirection, however they are made. So TCP_FASTOPEN_CONNECT may stay: connect(2) still says where to. Nor is
// SO_MARK refused here: the kernel asks for a capability.
static_assert(AF_INET == 2 && AF_INET6 == 10 && AF_NETLINK == 16);
static_assert(SOCK_STREAM == 1 && SOCK_DGRAM == 2 && SOCK_RAW == 3);
constexpr ArgCondition IsStream = {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_STREAM};
constexpr ArgCondition IsDatagram = {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_DGRAM};
constexpr ArgCondition IsInternet = HasBits(0, 0x2);  // of the families that are left
constexpr ArgCondition IsNetlink = {ArgTest::kEqual, 0, 0, AF_NETLINK};
constexpr std::uint64_t kTcpUlp = 31;  // TCP_ULP
constexpr SyscallRule kNetworkSockets[] = {
    {"socket", EPERM, AtLeast(0, AF_NETLINK + 1)},
    {"socket", EPERM, HasBits(0, 0x4)},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 0}},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 3}},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 8}},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 9}},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 11}},
    // Types: no more than those that have a name, 1 and 2.
    {"socket", EPERM, IsInternet, {ArgTest::kMaskedEqual, 1, kTypeMask, 0}},
    {"socket", EPERM, IsInternet, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RAW}},
    {"socket", EPERM, IsInternet, HasBits(1, 0x4)},
    {"socket", EPERM, IsInternet, HasBits(1, 0x8)},
    // Protocols: 0 or 6, 0 or 17, 0.
    {"socket", EPERM, AtLeast(2, IPPROTO_UDP + 1)},
    {"socket", EPERM, IsStream, HasBits(2, 0x1)},
    {"socket", EPERM, IsStream, HasBits(2, 0x8)},
    {"socket", EPERM, IsStream, HasBits(2, 0x10)},
    {"socket", EPERM, IsStream, {ArgTest::kMaskedEqual, 2, 0x6, 0x2}},
    {"socket", EPERM, IsStream, {ArgTest::kMaskedEqual, 2, 0x6, 0x4}},
    {"socket", EPERM, IsDatagram, HasBits(2, 0x2)},
    {"socket", EPERM, IsDatagram, HasBits(2, 0x4)},
    {"socket", EPERM, IsDatagram, HasBits(2, 0x8)},
    {"socket", EPERM, IsDatagram, {ArgTest::kMaskedEqual, 2, 0x11, 0x1}},
    {"socket", EPERM, IsDatagram, {ArgTest::kMaskedEqual, 2, 0x11, 0x10}},
    {"socket", EPERM, IsNetlink, NotZero(2)},
    // Modules of the kernel, loaded by name on top of a connection.
    {"setsockopt", EPERM, IntIs(1, IPPROTO_TCP), IntIs(2, kTcpUlp)},
};

// No unix socket: its name is a path or an abstract name, which the network has no say in.
constexpr ArgCondition IsUnix = {ArgTest::kEqual, 0, 0, AF_UNIX};
constexpr SyscallRule kNoUnixSockets[] = {{"socket", EPERM, IsUnix}};

// Calls of the host: a unix socket of type SOCK_STREAM is made by the supervisor, and connected for good. So
// connect(2) leads none of them anywhere; it is asked for what it shall say. With a network, that costs connections of
// TCP nothing: their addresses are shorter than the path that programs are told. What gets past this by its length is
// the kernel's to answer, which is harmless too.
constexpr std::uint64_t kLongestInternetAddress = sizeof(sockaddr_in6);
constexpr SyscallRule kNetworkCalls[] = {
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, kTypeMask, 0}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_DGRAM}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RAW}},
    {"socket", EPERM, IsUnix, HasBits(1, 0x4)},
    {"socket", EPERM, IsUnix, HasBits(1, 0x8)},
    {"socket", kAskSupervisor, IsUnix, IsStream},
    {"connect", kAskSupervisor, AtLeast(2, kLongestInternetAddress + 1)},
};
constexpr SyscallRule kCallsAlone[] = {
    {"socket", EPERM, {ArgTest::kNotEqual, 0, 0, AF_UNIX}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, 0}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_DGRAM}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RAW}},
    {"socket", EPERM, HasBits(1, 0x4)},
    {"socket", EPERM, HasBits(1, 0x8)},
    {"socket", kAskSupervisor, IsUnix, IsStream},
    {"connect", kAskSupervisor},
    {"bind", EPERM},
    {"listen", EPERM},
    {"accept", EPERM},
    {"accept4", EPERM},
    {"sendto", EPERM, NotZero(4)},
};
// The other end is leash's: a descriptor of its process would be one of a process outside the namespace. ENOPROTOOPT:
// as on an older kernel.
constexpr std::uint64_t kPassPidfd = 76;  // SO_PASSPIDFD, Linux 6.5
constexpr std::uint64_t kPeerPidfd = 77;  // SO_PEERPIDFD, Linux 6.5
constexpr SyscallRule kCallPeer[] = {
    {"setsockopt", ENOPROTOOPT, IntIs(1, SOL_SOCKET), IntIs(2, kPassPidfd)},
    {"getsockopt", ENOPROTOOPT, IntIs(1, SOL_SOCKET), IntIs(2, kPeerPidfd)},
};

// A socket that was inherited as a standard stream stays the stream that it was.
constexpr SyscallRule kNoSockets[] = {
    {"socket", EPERM},
    {"connect", EPERM},
    {"bind", EPERM},
    {"listen", EPERM},
    {"accept", EPERM},
    {"accept4", EPERM},
    {"sendto", EPERM, NotZero(4)},
};

// A sandbox made inside brings its own loopback up: by a NETLINK_ROUTE socket (protocol 0), and by one of AF_INET to
// learn the number of the interface. Neither leads anywhere from namespaces that have no network. Every family but 2
// and 16, written as what is refused: by its bits.
static_assert(AF_INET == 0x2 && AF_NETLINK == 0x10);
constexpr std::uint64_t kFamilyMask = 0x3f;
constexpr SyscallRule kLoopbackSockets[] = {
    {"socket", EPERM, HasBits(0, 0x1)},
    {"socket", EPERM, HasBits(0, 0x4)},
    {"socket", EPERM, HasBits(0, 0x8)},
    {"socket", EPERM, HasBits(0, 0x20)},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 0, kFamilyMask, 0}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 0, kFamilyMask, AF_INET | AF_NETLINK}},
    {"socket", EPERM, {ArgTest::kNotEqual, 2, 0, 0}},
    {"connect", EPERM},
    {"listen", EPERM},
    {"accept", EPERM},
    {"accept4", EPERM},
};

// With a supervisor, programs of one sandbox may talk to each other by unix sockets. Only of the connected types: for
// those the kernel itself refuses or ignores a name in sendmsg(2), which stands in memory where no filter looks. Not
// supervised, because harmless on such a socket: accept(2), which needs listen(2) first, and asking for names.
constexpr SyscallRule kUnixSockets[] = {
    {"socket", EPERM, {ArgTest::kNotEqual, 0, 0, AF_UNIX}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, 0}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_DGRAM}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RAW}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RDM}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, 0x8, 0x8}},
    {"socket", EPERM, {ArgTest::kMaskedEqual, 1, 0x6, 0x6}},
    {"sendto", EPERM, NotZero(4)},
    {"connect", kAskSupervisor},
    {"bind", kAskSupervisor},
    {"listen", kAskSupervisor},
};

// A network policy without a network of the sandbox's own. TCP sockets are the program's, datagram sockets are made by
// the supervisor and are none of the network's (supervisor_internet.h). So a name in sendmsg(2), which no filter sees,
// leads nowhere: TCP ignores it without MSG_FASTOPEN, and unix sockets of the connected types do too.
//
// Servers listen where the supervisor lets them, and are told another name; it accepts for them (inside_loopback.h).
//
// What could lead a connection past the address that the supervisor connects it to is refused: interfaces, and by the
// supervisor all options of IP but a few (source routes). And a connection that is made later, by a first message.
// Families: 1, 2 and 10 are left. No NETLINK_ROUTE: it would tell of the host's network, and libc does without.
constexpr std::uint64_t kTcpFastOpenConnect = 30;  // TCP_FASTOPEN_CONNECT
constexpr std::uint64_t kBindToInterface = 62;     // SO_BINDTOIFINDEX
constexpr SyscallRule kHostSockets[] = {
    {"socket", EPERM, AtLeast(0, AF_INET6 + 1)},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 0}},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 3}},
    {"socket", EPERM, HasBits(0, 0x4)},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 8}},
    {"socket", EPERM, {ArgTest::kEqual, 0, 0, 9}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, kTypeMask, 0}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_DGRAM}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RAW}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RDM}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, 0x8, 0x8}},
    {"socket", EPERM, IsUnix, {ArgTest::kMaskedEqual, 1, 0x6, 0x6}},
    {"socket", EPERM, IsInternet, {ArgTest::kMaskedEqual, 1, kTypeMask, 0}},
    {"socket", EPERM, IsInternet, {ArgTest::kMaskedEqual, 1, kTypeMask, SOCK_RAW}},
    {"socket", EPERM, IsInternet, HasBits(1, 0x4)},
    {"socket", EPERM, IsInternet, HasBits(1, 0x8)},
    // Protocols of streams: 0 or 6. Those of datagrams are the supervisor's to read.
    {"socket", EPERM, IsStream, AtLeast(2, IPPROTO_TCP + 1)},
    {"socket", EPERM, IsStream, HasBits(2, 0x1)},
    {"socket", EPERM, IsStream, {ArgTest::kMaskedEqual, 2, 0x6, 0x2}},
    {"socket", EPERM, IsStream, {ArgTest::kMaskedEqual, 2, 0x6, 0x4}},
    {"socket", kAskSupervisor, {ArgTest::kEqual, 0, 0, AF_INET}, IsDatagram},
    {"socket", kAskSupervisor, {ArgTest::kEqual, 0, 0, AF_INET6}, IsDatagram},
    {"connect", kAskSupervisor},
    {"bind", kAskSupervisor},
    {"listen", kAskSupervisor},
    {"accept", kAskSupervisor},
    {"accept4", kAskSupervisor},
    {"getsockname", kAskSupervisor},
    {"sendto", kAskSupervisor, NotZero(4), {ArgTest::kMaskedEqual, 3, MSG_FASTOPEN, 0}},
    {"recvfrom", kAskSupervisor, NotZero(4)},
    {"setsockopt", kAskSupervisor, IntIs(1, IPPROTO_IP)},
    {"setsockopt", kAskSupervisor, IntIs(1, IPPROTO_IPV6)},
    {"setsockopt", EPERM, IntIs(1, SOL_SOCKET), IntIs(2, SO_BINDTODEVICE)},
    {"setsockopt", EPERM, IntIs(1, SOL_SOCKET), IntIs(2, kBindToInterface)},
    {"setsockopt", EPERM, IntIs(1, IPPROTO_TCP), IntIs(2, kTcpFastOpenConnect)},
    {"setsockopt", EPERM, IntIs(1, IPPROTO_TCP), IntIs(2, kTcpUlp)},
};

// -- ways around this filter -----------------------------------------------------------------------------------------

constexpr SyscallRule kRings[] = {
    // ENOSYS: programs that can use them fall back.
    {"io_uring_setup", ENOSYS},
    {"io_uring_enter", ENOSYS},
    {"io_uring_register", ENOSYS},
};

// clone3 hides its flags behind a pointer, which a filter cannot follow: libc falls back to clone.
constexpr SyscallRule kNamespaces[] = {
    {"clone3", ENOSYS},
    {"clone", EPERM, HasBits(0, CLONE_NEWUSER)},
    {"clone", EPERM, HasBits(0, CLONE_NEWNS)},
    {"clone", EPERM, HasBits(0, CLONE_NEWPID)},
    {"clone", EPERM, HasBits(0, CLONE_NEWNET)},
    {"clone", EPERM, HasBits(0, CLONE_NEWIPC)},
    {"clone", EPERM, HasBits(0, CLONE_NEWUTS)},
    {"clone", EPERM, HasBits(0, CLONE_NEWCGROUP)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWUSER)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWNS)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWPID)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWNET)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWIPC)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWUTS)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWCGROUP)},
    {"unshare", EPERM, HasBits(0, CLONE_NEWTIME)},
    {"setns", EPERM},
};

constexpr SyscallRule kMounts[] = {
    {"mount", EPERM},  {"umount", EPERM},    {"umount2", EPERM},    {"pivot_root", EPERM},
    {"chroot", EPERM}, {"fsopen", EPERM},    {"fsconfig", EPERM},   {"fsmount", EPERM},
    {"fspick", EPERM}, {"open_tree", EPERM}, {"move_mount", EPERM}, {"mount_setattr", EPERM},
};

constexpr SyscallRule kHandles[] = {
    {"quotactl", EPERM},          {"quotactl_fd", EPERM},   {"statmount", EPERM},     {"listmount", EPERM},
    {"open_by_handle_at", EPERM}, {"fanotify_init", EPERM}, {"fanotify_mark", EPERM}, {"open_tree_attr", EPERM},
};

// -- other processes -------------------------------------------------------------------------------------------------

constexpr SyscallRule kProcesses[] = {
    {"ptrace", EPERM},
    {"process_vm_readv", EPERM},
    {"process_vm_writev", EPERM},
    {"process_madvise", EPERM},
    {"process_mrelease", EPERM},
    {"pidfd_getfd", EPERM},
    {"kcmp", EPERM},
    {"get_robust_list", EPERM, NotZero(0)},
    {"move_pages", EPERM, NotZero(0)},
    {"migrate_pages", EPERM, NotZero(0)},
    // Landlock scopes signals but not these. Zero is the caller itself.
    {"prlimit64", EPERM, NotZero(0)},
    {"setpriority", EPERM, NotZero(0)},
    {"setpriority", EPERM, NotZero(1)},
    {"ioprio_set", EPERM, NotZero(1)},
    {"ioprio_set", EPERM, {ArgTest::kNotEqual, 0, 0, 1}},
    {"sched_setaffinity", EPERM, NotZero(0)},
    {"sched_setscheduler", EPERM, NotZero(0)},
    {"sched_setparam", EPERM, NotZero(0)},
    {"sched_setattr", EPERM, NotZero(0)},
};

// The mark by which leash finds what descends from a command (membership.h): nobody else sets this limit.
constexpr SyscallRule kMark[] = {
    {"setrlimit", EPERM, IntIs(0, RLIMIT_RTTIME)},
    {"prlimit64", EPERM, IntIs(1, RLIMIT_RTTIME), NotZero(2)},
};

constexpr SyscallRule kSharedIpc[] = {
    {"shmget", EPERM}, {"shmat", EPERM},      {"shmctl", EPERM}, {"shmdt", EPERM},   {"msgget", EPERM},
    {"msgsnd", EPERM}, {"msgrcv", EPERM},     {"msgctl", EPERM}, {"semget", EPERM},  {"semop", EPERM},
    {"semctl", EPERM}, {"semtimedop", EPERM}, {"ipc", EPERM},    {"mq_open", EPERM}, {"mq_unlink", EPERM},
};

constexpr SyscallRule kKeys[] = {{"add_key", EPERM}, {"request_key", EPERM}, {"keyctl", EPERM}};

// -- the kernel's own surface ----------------------------------------------------------------------------------------

constexpr SyscallRule kKernel[] = {
    {"bpf", EPERM},           {"perf_event_open", EPERM}, {"userfaultfd", EPERM},
    {"init_module", EPERM},   {"finit_module", EPERM},    {"delete_module", EPERM},
    {"create_module", EPERM}, {"kexec_load", EPERM},      {"kexec_file_load", EPERM},
    {"reboot", EPERM},        {"swapon", EPERM},          {"swapoff", EPERM},
    {"acct", EPERM},          {"syslog", EPERM},          {"settimeofday", EPERM},
    {"clock_settime", EPERM}, {"clock_adjtime", EPERM},   {"adjtimex", EPERM},
    {"sethostname", EPERM},   {"setdomainname", EPERM},   {"iopl", EPERM},
    {"ioperm", EPERM},        {"modify_ldt", EPERM},      {"vm86", EPERM},
    {"vm86old", EPERM},       {"uselib", EPERM},          {"vhangup", EPERM},
    {"nfsservctl", EPERM},    {"lookup_dcookie", EPERM},  {"_sysctl", EPERM},
    {"sysfs", EPERM},         {"ustat", EPERM},           {"lsm_set_self_attr", EPERM},
};

// -- terminal, files, execution --------------------------------------------------------------------------------------

constexpr std::uint64_t kTiocsetd = 0x5423;
constexpr SyscallRule kTerminal[] = {
    {"ioctl", EPERM, IntIs(1, TIOCSTI)},
    {"ioctl", EPERM, IntIs(1, TIOCLINUX)},
    {"ioctl", EPERM, IntIs(1, TIOCCONS)},
    {"ioctl", EPERM, IntIs(1, kTiocsetd)},
};

constexpr std::uint64_t kTmpfile = 020000000;  // __O_TMPFILE, which creates without O_CREAT
constexpr ArgCondition HasNone(unsigned index, std::uint64_t bits) { return {ArgTest::kMaskedEqual, index, bits, 0}; }
constexpr SyscallRule kModes[] = {
    {"chmod", EPERM, HasBits(1, S_ISUID)},
    {"chmod", EPERM, HasBits(1, S_ISGID)},
    {"fchmod", EPERM, HasBits(1, S_ISUID)},
    {"fchmod", EPERM, HasBits(1, S_ISGID)},
    {"fchmodat", EPERM, HasBits(2, S_ISUID)},
    {"fchmodat", EPERM, HasBits(2, S_ISGID)},
    {"fchmodat2", EPERM, HasBits(2, S_ISUID)},
    {"fchmodat2", EPERM, HasBits(2, S_ISGID)},
    {"creat", EPERM, HasBits(1, S_ISUID)},
    {"creat", EPERM, HasBits(1, S_ISGID)},
    {"open", EPERM, HasBits(1, O_CREAT), HasBits(2, S_ISUID)},
    {"open", EPERM, HasBits(1, O_CREAT), HasBits(2, S_ISGID)},
    {"open", EPERM, HasBits(1, kTmpfile), HasBits(2, S_ISUID)},
    {"open", EPERM, HasBits(1, kTmpfile), HasBits(2, S_ISGID)},
    {"openat", EPERM, HasBits(2, kTmpfile), HasBits(3, S_ISUID)},
    {"openat", EPERM, HasBits(2, kTmpfile), HasBits(3, S_ISGID)},
    {"openat", EPERM, HasBits(2, O_CREAT), HasBits(3, S_ISUID)},
    {"openat", EPERM, HasBits(2, O_CREAT), HasBits(3, S_ISGID)},
    {"mknod", EPERM, HasBits(1, S_ISUID)},
    {"mknod", EPERM, HasBits(1, S_ISGID)},
    {"mknodat", EPERM, HasBits(2, S_ISUID)},
    {"mknodat", EPERM, HasBits(2, S_ISGID)},
};

// What Landlock has no right for. Modes with a set-ID bit are refused above and reach no supervisor; fchmodat2 stands
// with the calls that libseccomp does not know.
constexpr std::uint64_t kSetId = S_ISUID | S_ISGID;
constexpr SyscallRule kMetadata[] = {
    {"chmod", kAskSupervisor, HasNone(1, kSetId)},
    {"fchmod", kAskSupervisor, HasNone(1, kSetId)},
    {"fchmodat", kAskSupervisor, HasNone(2, kSetId)},
    {"fchmodat2", kAskSupervisor, HasNone(2, kSetId)},
    {"chown", kAskSupervisor},
    {"lchown", kAskSupervisor},
    {"fchown", kAskSupervisor},
    {"fchownat", kAskSupervisor},
    {"utime", kAskSupervisor},
    {"utimes", kAskSupervisor},
    {"futimesat", kAskSupervisor},
    {"utimensat", kAskSupervisor},
    {"inotify_add_watch", kAskSupervisor},
};

// The supervisor may look at a process's memory as a tracer may, which a process can refuse.
constexpr SyscallRule kUndumpable[] = {{"prctl", EPERM, IntIs(0, PR_SET_DUMPABLE), IntIs(1, 0)}};

// openat2 hides its mode behind a pointer: programs that try it fall back to openat.
constexpr SyscallRule kHiddenModes[] = {{"openat2", ENOSYS}};

// EOPNOTSUPP: copying programs take it for a file system without attributes and go on.
constexpr SyscallRule kAttributes[] = {
    {"setxattr", EOPNOTSUPP},     {"lsetxattr", EOPNOTSUPP},     {"fsetxattr", EOPNOTSUPP},
    {"setxattrat", EOPNOTSUPP},   {"removexattr", EOPNOTSUPP},   {"lremovexattr", EOPNOTSUPP},
    {"fremovexattr", EOPNOTSUPP}, {"removexattrat", EOPNOTSUPP}, {"file_setattr", EOPNOTSUPP},
};

// The same by ioctl(2): inode flags (immutable, append only), quota project, encryption and verity.
constexpr SyscallRule kInodeFlags[] = {
    {"ioctl", EOPNOTSUPP, IntIs(1, FS_IOC_SETFLAGS)},
    {"ioctl", EOPNOTSUPP, IntIs(1, FS_IOC32_SETFLAGS)},
    {"ioctl", EOPNOTSUPP, IntIs(1, FS_IOC_FSSETXATTR)},
    {"ioctl", EOPNOTSUPP, IntIs(1, FS_IOC_ENABLE_VERITY)},
    {"ioctl", EOPNOTSUPP, IntIs(1, FS_IOC_SET_ENCRYPTION_POLICY)},
};

// A file in memory is executed through its name in /proc, which Landlock lets happen since it is on no mounted file
// system. ENOSYS: programs fall back to a temporary file; those that seal theirs against execution keep it.
constexpr std::uint64_t kNoExecSeal = 0x8;  // MFD_NOEXEC_SEAL, Linux 6.3
constexpr SyscallRule kExecution[] = {
    {"execveat", EPERM, HasBits(4, AT_EMPTY_PATH)},
    {"memfd_create", ENOSYS, {ArgTest::kMaskedEqual, 1, kNoExecSeal, 0}},
};

// Refused or not by other means, and by them alone.
constexpr SyscallRule kPaths[] = {
    {"open", kLookAt},   {"openat", kLookAt},   {"creat", kLookAt},     {"execve", kLookAt},   {"truncate", kLookAt},
    {"unlink", kLookAt}, {"rmdir", kLookAt},    {"mkdir", kLookAt},     {"unlinkat", kLookAt}, {"mkdirat", kLookAt},
    {"rename", kLookAt}, {"renameat", kLookAt}, {"renameat2", kLookAt},
};

constexpr SyscallGroup kTable[] = {
    {"socket addresses", "no pair that can be pointed elsewhere, no connection made by a message", kSockets},
    {"sockets", "TCP, UDP and reading NETLINK_ROUTE in the sandbox's own network; no other family, type or protocol",
     kNetworkSockets, Scope::kNetworkAllowed},
    {"unix sockets", "a path or an abstract name, which the network has no say in", kNoUnixSockets,
     Scope::kNetworkAllowedPlain},
    {"unix sockets", "each leads to the host's commands, and nowhere else", kNetworkCalls, Scope::kNetworkAllowedCalls},
    {"sockets",
     "connections of TCP lead to the egress proxy, datagrams to its name service, unix sockets to programs of the same "
     "sandbox and where a grant says so; servers are reached by programs of the same sandbox, and where published",
     kHostSockets, Scope::kNetworkAllowedSupervised},
    {"sockets", "no network: sockets of every family, and addresses on those that were inherited", kNoSockets,
     Scope::kNetworkDeniedPlain},
    {"sockets", "no network; each unix socket leads to the host's commands, and nowhere else", kCallsAlone,
     Scope::kNetworkDeniedCalls},
    {"who serves the host's commands", "is a process outside", kCallPeer, Scope::kHostCalls},
    {"sockets", "no network: sockets of every family but AF_INET and NETLINK_ROUTE, which reach nothing",
     kLoopbackSockets, Scope::kNetworkDeniedNested},
    {"sockets", "no network; unix sockets lead to programs of the same sandbox, and where a grant says so",
     kUnixSockets, Scope::kNetworkDeniedSupervised},
    {"asynchronous rings", "io_uring makes system calls that no filter sees", kRings},
    {"namespaces", "a new user namespace gives capabilities and with them kernel surface", kNamespaces,
     Scope::kNotNested},
    {"mounts", "a changed mount tree is a path that Landlock did not judge", kMounts, Scope::kNotNested},
    {"handles", "so is a handle, and what tells of the whole tree", kHandles},
    {"other processes", "memory, descriptors, limits and priorities of processes outside", kProcesses},
    {"membership mark", "descendants are found by a limit that they cannot change", kMark},
    {"shared IPC", "System V and POSIX queues, semaphores and memory are shared with the host", kSharedIpc},
    {"kernel keyrings", "keys of the user's session", kKeys},
    {"kernel surface", "administration, tracing and interfaces that programs do not need", kKernel},
    {"terminal injection", "typing into the terminal of whoever started leash", kTerminal},
    {"set-ID modes", "a set-user-ID file made inside would act outside", kModes},
    {"metadata", "modes, owners, times and watches, which Landlock does not judge, follow the rules on paths",
     kMetadata, Scope::kSupervised},
    {"undumpable", "a process that cannot be looked at cannot be supervised", kUndumpable, Scope::kSupervised},
    {"hidden modes", "a file made with a mode that no filter sees", kHiddenModes},
    {"file attributes", "attributes change on files that Landlock only lets be read", kAttributes},
    {"inode flags", "the same by another call", kInodeFlags},
    {"execution by descriptor", "running a file that has no path, or was never on a disk", kExecution,
     Scope::kNotNested},
    {"paths", "looked at for the report, and let through", kPaths, Scope::kReported},
};

}  // namespace

std::span<const SyscallGroup> SyscallTable() { return kTable; }

bool AppliesTo(Scope scope, const SyscallProfile& profile) {
  switch (scope) {
    case Scope::kAlways:
      return true;
    case Scope::kNetworkAllowed:
      return !profile.network_denied && !profile.supervised;
    case Scope::kNetworkAllowedPlain:
      return !profile.network_denied && !profile.supervised && !profile.host_calls;
    case Scope::kNetworkAllowedCalls:
      return !profile.network_denied && profile.host_calls;
    case Scope::kNetworkAllowedSupervised:
      return !profile.network_denied && profile.supervised;
    case Scope::kNetworkDeniedPlain:
      return profile.network_denied && !profile.supervised && !profile.nested_allowed && !profile.host_calls;
    case Scope::kNetworkDeniedCalls:
      return profile.network_denied && profile.host_calls;
    case Scope::kNetworkDeniedNested:
      return profile.network_denied && profile.nested_allowed;
    case Scope::kNetworkDeniedSupervised:
      return profile.network_denied && profile.supervised;
    case Scope::kSupervised:
      return profile.supervised;
    case Scope::kHostCalls:
      return profile.host_calls;
    case Scope::kNotNested:
      return !profile.nested_allowed;
    case Scope::kReported:
      return profile.reported;
  }
  return true;
}

}  // namespace leash::platform
