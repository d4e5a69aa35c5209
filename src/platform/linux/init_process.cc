#include "platform/linux/init_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "base/status.h"
#include "base/write_all.h"
#include "fmt/format.h"

// The program itself, as src/CMakeLists.txt builds it.
asm(".pushsection .rodata\n"
    ".balign 16\n"
    ".globl leash_init_image\n"
    "leash_init_image:\n"
    ".incbin \"" LEASH_INIT_IMAGE
    "\"\n"
    ".globl leash_init_image_end\n"
    "leash_init_image_end:\n"
    ".popsection\n");
extern "C" const char leash_init_image[];
extern "C" const char leash_init_image_end[];

namespace leash::platform {
namespace {

// A sealed copy of the program, to be executed by descriptor. Made once.
absl::StatusOr<int> Image() {
  static const absl::StatusOr<base::UniqueFd> image = []() -> absl::StatusOr<base::UniqueFd> {
    constexpr unsigned kExecutable = 0x0010U;  // MFD_EXEC, Linux 6.3; EINVAL before
    base::UniqueFd fd(::memfd_create("leash-init", MFD_CLOEXEC | MFD_ALLOW_SEALING | kExecutable));
    if (!fd && errno == EINVAL) fd.reset(::memfd_create("leash-init", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    const auto size = static_cast<std::size_t>(leash_init_image_end - leash_init_image);
    if (!fd || ::write(fd.get(), leash_init_image, size) != static_cast<ssize_t>(size) ||
        ::fcntl(fd.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
      return base::ErrnoError(ErrorCode::kNotEnforced, errno, "cannot put the init process into memory (memfd_create)");
    }
    return fd;
  }();
  if (!image.ok()) return base::Error(ErrorCode::kNotEnforced, std::string(image.status().message()));
  return image->get();
}

std::string IdMap(unsigned id) { return fmt::format("{} {} 1\n", id, id); }

const char* StageText(InitStage stage) {
  switch (stage) {
    case InitStage::kNone:
      break;
    case InitStage::kDescriptors:
      return "cannot hand descriptors to the init process";
    case InitStage::kIdMaps:
      return "cannot map this user into a user namespace";
    case InitStage::kCapabilities:
      return "cannot keep capabilities in the new user namespace";
    case InitStage::kExec:
      return "cannot execute the init process from memory (vm.memfd_noexec?)";
  }
  return "cannot start the init process";
}

// `descriptors` as SCM_RIGHTS.
struct Attachment {
  Attachment(msghdr& header, std::span<const int> descriptors) {
    if (descriptors.empty()) return;
    header.msg_control = buffer;
    header.msg_controllen = CMSG_SPACE(descriptors.size_bytes());
    cmsghdr* rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(descriptors.size_bytes());
    std::memcpy(CMSG_DATA(rights), descriptors.data(), descriptors.size_bytes());
  }
  alignas(cmsghdr) char buffer[CMSG_SPACE(sizeof(int) * wire::kMostDescriptors)] = {};
};

// sendmsg(2), with what it gives.
ssize_t SendRequest(int control, const wire::Request& request, std::span<const int> descriptors, int flags) {
  iovec body = {const_cast<wire::Request*>(&request), sizeof(request)};
  msghdr header = {};
  header.msg_iov = &body;
  header.msg_iovlen = 1;
  const Attachment attachment(header, descriptors);
  ssize_t sent;
  do {
    sent = ::sendmsg(control, &header, MSG_NOSIGNAL | flags);
  } while (sent < 0 && errno == EINTR);
  return sent;
}

absl::StatusOr<base::UniqueFd> InMemory(std::span<const char> bytes) {
  base::UniqueFd fd(::memfd_create("leash-order", MFD_CLOEXEC | 0x0008U));  // MFD_NOEXEC_SEAL
  if (!fd) fd.reset(::memfd_create("leash-order", MFD_CLOEXEC));
  if (!fd) return base::ErrnoError(ErrorCode::kIo, errno, "cannot make an order for the init process");
  if (!base::WriteAll(fd.get(), {bytes.data(), bytes.size()})) {
    return base::ErrnoError(ErrorCode::kIo, errno, "cannot write an order for the init process");
  }
  return fd;
}

}  // namespace

wire::Offset ArenaBuilder::AddBytes(const void* data, std::size_t size) {
  const std::size_t at = bytes_.size();
  bytes_.resize((at + size + 7) / 8 * 8);
  if (size > 0) std::memcpy(bytes_.data() + at, data, size);
  return static_cast<wire::Offset>(at);
}

wire::Offset ArenaBuilder::Add(std::string_view text) {
  const std::size_t at = bytes_.size();
  bytes_.resize((at + text.size() + 8) / 8 * 8);
  std::memcpy(bytes_.data() + at, text.data(), text.size());
  return static_cast<wire::Offset>(at);
}

absl::StatusOr<std::unique_ptr<InitProcess>> InitProcess::Start() {
  LEASH_ASSIGN_OR_RETURN(const int image, Image());
  LEASH_ASSIGN_OR_RETURN(auto sockets, SocketPair(ErrorCode::kIo, "the init process"));
  const base::UniqueFd host(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (!host) return base::ErrnoError(ErrorCode::kIo, errno, "cannot open a pidfd of leash itself");

  std::unique_ptr<InitProcess> init(new InitProcess(std::move(sockets.first)));
  Launch& launch = init->launch_;
  launch.uid_map = IdMap(::geteuid());
  launch.gid_map = IdMap(::getegid());
  launch.order.control = sockets.second.get();
  launch.order.host = host.get();
  launch.order.image = image;
  launch.order.uid_map = launch.uid_map;
  launch.order.gid_map = launch.gid_map;
  // With a user namespace the sandbox has no power over anything that is not its own, root's or not.
  absl::StatusOr<BorrowedChild> child = launch.start.Clone(&RunInitChild, &launch.order, CLONE_NEWUSER | CLONE_NEWPID);
  if (!child.ok() && ::geteuid() == 0) {
    launch.order.uid_map = launch.order.gid_map = {};
    child = launch.start.Clone(&RunInitChild, &launch.order, CLONE_NEWPID);
  }
  if (!child.ok()) {
    return base::Error(ErrorCode::kNotEnforced,
                       fmt::format("this machine refuses namespaces ({})", std::string(child.status().message())));
  }
  init->pid_ = child->pid;
  init->pidfd_ = std::move(child->pidfd);
  // A new process often waits behind its parent, on the same processor, until that sleeps. Let run, it soon executes
  // its program, and the kernel looks for a free processor then: it works while the caller plans.
  ::sched_yield();
  return init;
}

absl::Status InitProcess::WaitUntilStarted() {
  launch_.start.Wait();
  if (launch_.order.failed_stage == InitStage::kNone) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kNotEnforced, launch_.order.failed_errno, StageText(launch_.order.failed_stage));
}

InitProcess::~InitProcess() { Kill().IgnoreError(); }

absl::Status InitProcess::Send(wire::RequestKind kind, std::uint64_t command, std::span<const char> arena,
                               std::span<const int> descriptors, std::uint32_t streams, int signal) const {
  wire::Request request = {};
  request.kind = kind;
  request.arena_size = static_cast<std::uint32_t>(arena.size());
  request.command = command;
  request.signal = signal;
  request.streams = streams;
  base::UniqueFd order;
  std::array<int, wire::kMostDescriptors> attached = {};
  std::size_t count = 0;
  if (!arena.empty()) {
    LEASH_ASSIGN_OR_RETURN(order, InMemory(arena));
    attached[count++] = order.get();
  }
  for (const int fd : descriptors) attached[count++] = fd;

  if (SendRequest(control_.get(), request, std::span(attached.data(), count), 0) >= 0) return absl::OkStatus();
  return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot reach the sandbox's init process");
}

bool InitProcess::AskForSockets(int family, int answers) const {
  wire::Request request = {};
  request.kind = wire::RequestKind::kSockets;
  request.family = family;
  return SendRequest(control_.get(), request, std::span(&answers, 1), MSG_DONTWAIT) >= 0;
}

absl::StatusOr<Received> InitProcess::ReceiveAnswer() const {
  Received received;
  LEASH_RETURN_IF_ERROR(ReceiveFrom(control_.get(), true, received).status());
  return received;
}

// The kernel ends whatever else is in the namespace before its pid 1 is gone. That ends by itself without its socket.
void InitProcess::BeginKill() const {
  if (!pidfd_) return;
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), SIGKILL, nullptr, 0) != 0) ::shutdown(control_.get(), SHUT_RDWR);
}

absl::Status InitProcess::Kill() {
  if (!pidfd_) return absl::OkStatus();
  BeginKill();
  siginfo_t info = {};
  while (::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | __WALL) != 0) {
    if (errno == EINTR) continue;
    if (errno == ECHILD) break;  // it has ended, and a host that waits for any child has reaped it
    return base::ErrnoError(ErrorCode::kIo, errno, "cannot wait for the sandbox's init process");
  }
  pidfd_.reset();
  return absl::OkStatus();
}

absl::StatusOr<bool> ReceiveFrom(int socket, bool wait, Received& received) {
  iovec body = {&received.answer, sizeof(received.answer)};
  alignas(cmsghdr) char control[CMSG_SPACE(wire::kMostAnswerDescriptors * sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &body;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  ssize_t size;
  do {
    size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC | (wait ? 0 : MSG_DONTWAIT));
  } while (size < 0 && errno == EINTR);
  if (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  // ECONNRESET: it has ended with a message unread.
  if (size < 0 && errno != ECONNRESET)
    return base::ErrnoError(ErrorCode::kIo, errno, "cannot hear from the sandbox's init process");
  if (size != static_cast<ssize_t>(sizeof(received.answer))) {
    return base::Error(ErrorCode::kClosed, "the sandbox's init process has ended");
  }
  const cmsghdr* rights = CMSG_FIRSTHDR(&header);
  if (rights == nullptr || rights->cmsg_type != SCM_RIGHTS) return true;
  std::array<int, wire::kMostAnswerDescriptors> attached = {};
  attached.fill(-1);
  std::memcpy(attached.data(), CMSG_DATA(rights), rights->cmsg_len - CMSG_LEN(0));
  for (std::size_t i = 0; i < attached.size(); ++i) received.fds[i].reset(attached[i]);
  return true;
}

absl::StatusOr<std::pair<base::UniqueFd, base::UniqueFd>> SocketPair(ErrorCode code, std::string_view whom) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0) {
    return base::ErrnoError(code, errno, fmt::format("cannot make a socket for {}", whom));
  }
  return std::pair(base::UniqueFd(pair[0]), base::UniqueFd(pair[1]));
}

}  // namespace leash::platform
