#include "leash/command.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/time/clock.h"
#include "base/environment.h"
#include "base/file_system.h"
#include "base/path.h"
#include "base/status.h"
#include "base/text.h"
#include "core/output_collector.h"
#include "core/program_lookup.h"
#include "core/sandbox_state.h"
#include "core/terminal_modes.h"
#include "fmt/format.h"

namespace leash {
namespace {

// One standard stream: the command's end, and for a pipe our own.
struct Stream {
  base::UniqueFd owned;  // the command's end when it was opened here
  int fd = -1;           // the command's end
  base::UniqueFd ours;
};

absl::StatusOr<Stream> OpenStream(const Stdio& stdio, int number) {
  Stream stream;
  switch (stdio.kind()) {
    case Stdio::Kind::kInherit:
      stream.fd = number;
      // A caller without this stream: the command gets an empty one rather than whatever opens next.
      if (::fcntl(number, F_GETFD) >= 0) return stream;
      if (errno != EBADF) {
        return base::ErrnoError(ErrorCode::kSpawnFailed, errno, fmt::format("cannot use descriptor {}", number));
      }
      [[fallthrough]];
    case Stdio::Kind::kNull:
      stream.owned.reset(::open("/dev/null", (number == STDIN_FILENO ? O_RDONLY : O_WRONLY) | O_CLOEXEC));
      if (!stream.owned) return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot open /dev/null");
      stream.fd = stream.owned.get();
      return stream;
    case Stdio::Kind::kDescriptor:
      stream.fd = stdio.fd();
      return stream;
    case Stdio::Kind::kPipe: {
      std::array<int, 2> ends;
      if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        return base::ErrnoError(ErrorCode::kSpawnFailed, errno, "cannot make a pipe for the command");
      }
      const bool in = number == STDIN_FILENO;
      stream.owned.reset(ends[in ? 0 : 1]);
      stream.ours.reset(ends[in ? 1 : 0]);
      stream.fd = stream.owned.get();
      return stream;
    }
  }
  return base::Error(ErrorCode::kInvalidArgument, "unknown kind of stream");
}

// Whether a stream socket stays the stream that it is although its holder may connect(2): one of the internet families
// can be pointed elsewhere at any time, through the network that it was made in, and a unix socket that is not
// connected can be connected.
bool StaysAsItIs(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof(address);
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0 && address.ss_family == AF_UNIX;
}

// A datagram socket can send anywhere and a listening one is an open door: neither is a mere stream.
absl::Status CheckStream(int fd, bool no_sockets) {
  int type = 0;
  socklen_t size = sizeof(type);
  const auto unknown = [fd] {
    return base::ErrnoError(ErrorCode::kSpawnFailed, errno,
                            fmt::format("cannot tell what kind of socket descriptor {} is", fd));
  };
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0) {
    return errno == ENOTSOCK || errno == EBADF ? absl::OkStatus() : unknown();
  }
  int listening = 0;
  size = sizeof(listening);
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0) return unknown();
  const bool stream = (type == SOCK_STREAM || type == SOCK_SEQPACKET) && listening == 0;
  if (stream && (no_sockets || StaysAsItIs(fd))) return absl::OkStatus();
  return base::Error(ErrorCode::kInvalidArgument,
                     fmt::format("descriptor {} is a {} socket: it would give the command a network that its policy "
                                 "denies; connect the stream to a pipe or a file",
                                 fd,
                                 listening != 0 ? "listening"
                                 : stream       ? "network"
                                                : "datagram"));
}

}  // namespace

Command::Command(std::shared_ptr<core::SandboxState> sandbox, std::string program)
    : sandbox_(std::move(sandbox)), program_(std::move(program)) {}

Command& Command::Arg(std::string_view arg) { return args_.emplace_back(arg), *this; }
Command& Command::Args(std::initializer_list<std::string_view> args) {
  return args_.insert(args_.end(), args.begin(), args.end()), *this;
}
Command& Command::Args(const std::vector<std::string>& args) {
  return args_.insert(args_.end(), args.begin(), args.end()), *this;
}
Command& Command::Env(std::string_view name, std::string_view value) {
  return env_.emplace_back(name, std::string(value)), *this;
}
Command& Command::EnvRemove(std::string_view name) { return env_.emplace_back(name, std::nullopt), *this; }
Command& Command::CurrentDir(std::string_view path) { return current_dir_ = path, *this; }
Command& Command::Stdin(leash::Stdio stdio) { return stdin_ = stdio, *this; }
Command& Command::Stdout(leash::Stdio stdio) { return stdout_ = stdio, *this; }
Command& Command::Stderr(leash::Stdio stdio) { return stderr_ = stdio, *this; }
Command& Command::Timeout(absl::Duration timeout) { return timeout_ = timeout, *this; }

absl::StatusOr<Child> Command::Start(const std::optional<Stdio>& in, const std::optional<Stdio>& out,
                                     const std::optional<Stdio>& err, core::TerminalRequest* terminal) {
  if (sandbox_ == nullptr) return base::Error(ErrorCode::kClosed, "the sandbox has been moved away");
  const core::Plan& plan = sandbox_->plan();
  core::SpawnRequest request;
  request.terminal = terminal;

  base::Environment environment;
  for (const auto& [name, value] : plan.environment) environment.Set(name, value);
  for (const auto& [name, value] : env_) {
    if (!base::IsEnvironmentName(name) || (value.has_value() && value->find('\0') != std::string::npos)) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("'{}' cannot be set as an environment variable", base::Printable(name)));
    }
    if (value.has_value()) {
      environment.Set(name, *value);
    } else {
      environment.Remove(name);
    }
  }
  request.environment = environment.Entries();

  std::string start = plan.start_dir;
  if (current_dir_.has_value()) {
    const std::string wanted =
        current_dir_->starts_with('/') ? *current_dir_ : base::JoinPath(plan.start_dir, *current_dir_);
    const auto canonical = base::HostFileSystem().Canonical(wanted);
    if (!canonical.has_value() || wanted.find('\0') != std::string::npos) {
      return base::Error(ErrorCode::kPathNotFound,
                         fmt::format("current directory {} does not exist", base::Printable(wanted)));
    }
    if (core::Decide(plan, *canonical) == Access::kNone) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("current directory {} is closed to the sandbox; grant it with --readable",
                                     base::Printable(*canonical)));
    }
    request.current_dir = start = *canonical;
  }

  request.argv.push_back(program_);
  request.argv.insert(request.argv.end(), args_.begin(), args_.end());
  for (const std::string& arg : request.argv) {
    if (arg.find('\0') != std::string::npos) {
      return base::Error(ErrorCode::kInvalidArgument,
                         fmt::format("argument '{}' has a NUL byte in it", base::Printable(arg)));
    }
  }
  // An unset PATH is searched as libc does it.
  LEASH_ASSIGN_OR_RETURN(request.program,
                         core::FindProgram(plan, program_, environment.Get("PATH").value_or("/bin:/usr/bin"), start));

  std::array<Stream, 3> streams;
  const std::array<const std::optional<Stdio>*, 3> wanted = {&in, &out, &err};
  for (int i = 0; i < 3; ++i) {
    const auto n = static_cast<std::size_t>(i);
    if (!wanted[n]->has_value()) continue;
    LEASH_ASSIGN_OR_RETURN(streams[n], OpenStream(**wanted[n], i));
    LEASH_RETURN_IF_ERROR(CheckStream(streams[n].fd, !core::HasSockets(plan)));
    request.stdio[n] = streams[n].fd;
  }

  absl::Duration limit =
      std::min(timeout_.value_or(absl::InfiniteDuration()), plan.limits.wall_time.value_or(absl::InfiniteDuration()));
  LEASH_ASSIGN_OR_RETURN(std::shared_ptr<core::ChildState> child, sandbox_->Spawn(request, absl::Now() + limit));
  child->stdin_pipe = std::move(streams[0].ours);
  child->stdout_pipe = std::move(streams[1].ours);
  child->stderr_pipe = std::move(streams[2].ours);
  return Child(std::move(child));
}

absl::StatusOr<leash::Output> Command::Output() {
  LEASH_ASSIGN_OR_RETURN(Child child, Start(stdin_.value_or(Stdio::Null()), stdout_.value_or(Stdio::Pipe()),
                                            stderr_.value_or(Stdio::Pipe())));
  return child.WaitWithOutput();
}

absl::StatusOr<ExitStatus> Command::Status() {
  LEASH_ASSIGN_OR_RETURN(Child child, Spawn());
  return child.Wait();
}

absl::StatusOr<Child> Command::Spawn() {
  return Start(stdin_.value_or(Stdio::Inherit()), stdout_.value_or(Stdio::Inherit()),
               stderr_.value_or(Stdio::Inherit()));
}

absl::StatusOr<Pty> Command::SpawnPty(const PtyOptions& options) {
  core::TerminalRequest terminal;
  terminal.size = options.size;
  LEASH_ASSIGN_OR_RETURN(terminal.modes, core::TerminalModesFor(options));
  LEASH_ASSIGN_OR_RETURN(Child child, Start(stdin_, stdout_, stderr_, &terminal));
  return Pty(std::move(child), terminal.master.release());
}

}  // namespace leash
