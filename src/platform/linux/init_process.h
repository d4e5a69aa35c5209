// leash's side of a sandbox's init process: starting it, and talking to it (init_wire.h).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "leash/error.h"
#include "platform/linux/borrowed_clone.h"
#include "platform/linux/init_launch.h"
#include "platform/linux/init_wire.h"

namespace leash::platform {

// The body of a request, under construction.
class ArenaBuilder {
 public:
  // Room for a T at the beginning, to be filled in with Set.
  explicit ArenaBuilder(std::size_t head) : bytes_((head + 7) / 8 * 8) {}

  wire::Offset Add(std::string_view text);  // with a NUL behind it
  template <typename T>
  wire::Offset AddArray(std::span<const T> items) {
    return AddBytes(items.data(), items.size_bytes());
  }
  template <typename T>
  void SetHead(const T& head) {
    std::memcpy(bytes_.data(), &head, sizeof(head));
  }
  std::span<const char> bytes() const { return bytes_; }

 private:
  wire::Offset AddBytes(const void* data, std::size_t size);
  std::vector<char> bytes_;
};

// What came from the init process.
struct Received {
  wire::Answer answer = {};
  // kReady: an egress order's listeners, its resolvers, its socket of diagnostics. kStarted: a pidfd, and a terminal's
  // master if one was asked for.
  std::array<base::UniqueFd, wire::kMostAnswerDescriptors> fds = {};
};

class InitProcess {
 public:
  // A new process in namespaces of its own, which begins to make the others. Does not wait for it. Errors: kNotEnforced
  // with the reason when this machine does not let us.
  static absl::StatusOr<std::unique_ptr<InitProcess>> Start();
  // To be called before anything is sent. Errors: as Start.
  absl::Status WaitUntilStarted();

  // Ends the sandbox and everything in it.
  ~InitProcess();

  pid_t pid() const { return pid_; }

  // One request. `descriptors` are borrowed. Safe from any thread.
  absl::Status Send(wire::RequestKind kind, std::uint64_t command, std::span<const char> arena,
                    std::span<const int> descriptors, std::uint32_t streams = 0, int signal = 0) const;
  // Asks for sockets of the sandbox's network, as an answer on the other end of `answers`. Never waits. False: not now.
  bool AskForSockets(int family, int answers) const;
  // The answer to kSetUp. Blocks.
  absl::StatusOr<Received> ReceiveAnswer() const;

  // SIGKILL; Kill() also waits until all is gone.
  void BeginKill() const;
  absl::Status Kill();

 private:
  // What the new process uses until it executes its program.
  struct Launch {
    std::string uid_map;
    std::string gid_map;
    InitOrder order;
    BorrowedStart start;
  };

  explicit InitProcess(base::UniqueFd control) : control_(std::move(control)) {}

  Launch launch_;
  pid_t pid_ = 0;
  base::UniqueFd pidfd_;  // until it has been waited for
  const base::UniqueFd control_;
};

// The next answer on a command's own socket. False: none yet, which cannot be with `wait`. Error: the init process has
// ended.
absl::StatusOr<bool> ReceiveFrom(int socket, bool wait, Received& received);

// Two connected sockets of sequenced packets: ours, and the one to hand on. `code` and `whom` are for the error.
absl::StatusOr<std::pair<base::UniqueFd, base::UniqueFd>> SocketPair(ErrorCode code, std::string_view whom);

}  // namespace leash::platform
