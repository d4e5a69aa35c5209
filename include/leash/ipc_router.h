// The commands of the host that programs in a sandbox may call. Typed commands, which is what one mostly wants, are
// registered with leash/ipc.h; this header needs no MessagePack.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "leash/ipc_context.h"

namespace leash {

// What an argument is, for programs that make one of text.
enum class IpcKind { kAny, kString, kBinary, kInteger, kNumber, kBool, kArray, kMap };

// "any", "string" and so on: as it stands in descriptions that are sent.
std::string_view IpcKindName(IpcKind kind);

// The program that calls commands from inside a sandbox. No command can have this name.
inline constexpr std::string_view kIpcClient = "leash-ipc";

struct IpcParameter {
  std::string name;  // [A-Za-z][A-Za-z0-9_-]*
  IpcKind kind = IpcKind::kAny;
  bool required = false;
  // May also be given by its place among the words of a command line: those that are, in their order. An array takes
  // all words that are left. A flag (kBool) cannot be.
  bool positional = false;
  // Is read from standard input when it is not given and that is not a terminal. One at most.
  bool from_stdin = false;
  std::string help;  // one line

  bool operator==(const IpcParameter&) const = default;
};

// What a command is, as callers are told who ask. The server checks calls against it: an argument that
// is not named here is an error, and so is a required one that is missing.
struct IpcDescription {
  std::string summary;  // one line
  std::vector<IpcParameter> parameters;
  // Arguments that no parameter names are the handler's to judge.
  bool takes_others = false;
  // Answers with items before its response.
  bool streams = false;

  bool operator==(const IpcDescription&) const = default;
};

// What a sandbox's programs may take of the host together. Each is at least 1.
struct IpcLimits {
  std::size_t connections = 64;            // more are accepted and closed
  std::size_t frame_bytes = 4U << 20;      // of one message, either way
  std::size_t total_bytes = 64U << 20;     // of all messages that are begun, wait for their handlers or to be sent
  std::size_t depth = 32;                  // of arrays and maps in a payload
  std::size_t values = 100'000;            // in a payload: each costs its handler some 24 bytes
  std::size_t calls_per_connection = 128;  // under way; what comes after them is not read meanwhile
  std::size_t calls = 512;                 // of all connections; more are refused
  std::size_t threads = 16;                // for handlers that block; more calls of those wait for a thread
  absl::Duration frame_time =
      absl::Seconds(30);                        // from a message's first byte to its last, and without sending progress
  absl::Duration call_time = absl::Minutes(5);  // until a call is answered with an error

  bool operator==(const IpcLimits&) const = default;
};

namespace internal {

// A call that waits for its answer, as the server has it.
class IpcReply {
 public:
  virtual ~IpcReply() = default;
  virtual const IpcContext& context() const = 0;
  virtual std::string_view arguments() const = 0;
  virtual absl::Status Yield(std::string_view item) = 0;
  virtual void Finish(absl::StatusOr<std::string> response) = 0;
};

}  // namespace internal

// A call, in the hands of its handler. Copies are the same call. Every method may be called from any thread. When the
// last copy goes without Finish, the caller gets an error.
class IpcCall {
 public:
  explicit IpcCall(std::shared_ptr<internal::IpcReply> reply) : reply_(std::move(reply)) {}

  const IpcContext& context() const { return reply_->context(); }
  // One MessagePack map, within IpcLimits and as the description says. Lives as long as the call.
  std::string_view arguments() const { return reply_->arguments(); }
  // Sends an item, one MessagePack value, before the response. Waits while the caller is slow to read; on leash's loop
  // thread it does not wait but fails. Errors: kClosed (answered already, cancelled, or the caller has gone: nobody
  // wants more), kInvalidArgument (larger than a message may be), kIo (on the loop thread: too much waits).
  absl::Status Yield(std::string_view item) const { return reply_->Yield(item); }
  // One MessagePack value, or why there is none: the caller is told the status's code and message. The first counts.
  void Finish(absl::StatusOr<std::string> response) const { reply_->Finish(std::move(response)); }

 private:
  std::shared_ptr<internal::IpcReply> reply_;
};

// Called for each call, also for several at once. What it throws ends that call with an error that does not say what
// was thrown: it was not meant for the sandbox.
using IpcHandler = std::function<void(IpcCall)>;

// Where a handler is called.
enum class IpcRun {
  kThread,  // on one of IpcLimits::threads threads of the sandbox: it may block
  kLoop,    // on leash's loop thread, which it must not block. Half the latency
};

// A value: what is registered later with a copy, or after a sandbox was made with it, does not concern that. Handlers
// are shared by copies, and called by all sandboxes that were made with one. They are not called any more once Close()
// of a sandbox returns, and those that block have returned; a handler on the loop thread that has not finished its call
// by then must own what it uses.
class IpcRouter {
 public:
  struct Entry {
    IpcDescription description;
    IpcRun run = IpcRun::kThread;
    IpcHandler handler;
  };

  // Registers a command with typed arguments: see leash/ipc.h, which has to be included. Errors: kInvalidArgument for a
  // name that is taken (that of kIpcClient is), or is not [A-Za-z][A-Za-z0-9_-]* of at most 64 bytes; the same for its
  // parameters.
  template <typename Command>
  absl::Status Register(Command command);

  // Registers a command on bytes: the arguments come as MessagePack and the response goes as that. Errors: as Register,
  // and for a handler that is empty.
  absl::Status RegisterRaw(std::string name, IpcDescription description, IpcRun run, IpcHandler handler);

  // By name. May be read by several threads while none registers.
  const std::map<std::string, Entry, std::less<>>& commands() const { return commands_; }

  IpcLimits limits;

 private:
  std::map<std::string, Entry, std::less<>> commands_;
};

}  // namespace leash
