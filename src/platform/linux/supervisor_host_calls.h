// The way from the programs of a sandbox to the host's commands (ipc_router.h).
//
// With namespaces, no program has a unix socket that it could lead somewhere. socket(2) for one is answered with an end
// of a new pair, whose other end is given to the server: family and type are numbers, so only this call waits for the
// supervisor. Such a socket stays what it is. On a connected stream the kernel refuses connect(2) and names in
// sendmsg(2) (EISCONN), and listen(2) and an address of family AF_UNSPEC (EINVAL), also when the other end is closed.
// connect(2) has nothing left to do; it is answered by the path that it names, so that programs which know nothing of
// this take it for success, or for a server that is not there.
//
// Without namespaces programs have unix sockets, and the supervisor connects those that name the path of the calls to a
// listener. That has no name: it is made in leash's own directory, and unlinked before it listens.
//
// In both, the path that programs are told (Plan::call_socket) leads to no file. Nobody else can connect, by whatever
// name, and who asks is known from the notification: SO_PEERCRED would name leash's process.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "base/unique_fd.h"
#include "core/backend.h"
#include "core/plan.h"
#include "platform/linux/supervisor_caller.h"
#include "platform/linux/supervisor_support.h"

namespace leash::platform {

// Where connections are put: core::PreparedSandbox::ServeCalls. Any thread.
class CallDoor {
 public:
  // When this returns, an earlier sink is not called any more.
  void Set(core::CallSink sink);
  void Pass(base::UniqueFd connection, const base::UnixPeer& peer);

 private:
  std::mutex mutex_;
  core::CallSink sink_;  // guarded by mutex_
};

// Whether a supervisor can work, which calls of the host need in either kind of sandbox. Errors: kUnsupported.
absl::Status CheckCalls(const core::Plan& plan, const SupervisorSupport& support);

// Of one sandbox; used by its supervisor's thread alone.
class HostCalls {
 public:
  // With namespaces. `network`: programs have other sockets as well, of the sandbox's own network.
  static HostCalls OfPairs(std::string path, bool network, std::shared_ptr<CallDoor> door);
  // Without. Errors: kIo, kInvalidArgument for a path that is too long.
  static absl::StatusOr<HostCalls> OfListener(std::string path, std::shared_ptr<CallDoor> door);

  // Makes the caller's call on behalf, or gives an errno. None: it is not about calls of the host.
  std::optional<Answer> Perform(Caller& caller);

 private:
  HostCalls(std::string path, bool network, std::shared_ptr<CallDoor> door);

  // Whether connect(2) names the path.
  Answer ReadsPath(const Caller& caller, bool& named) const;
  Answer MakePair(Caller& caller);
  Answer AnswerConnect(Caller& caller) const;
  std::optional<Answer> ConnectToListener(Caller& caller);

  std::string path_;
  bool network_;
  std::shared_ptr<CallDoor> door_;
  base::UniqueFd listener_;  // none with namespaces
  base::UniqueFd file_;      // what it is bound to, O_PATH
};

}  // namespace leash::platform
