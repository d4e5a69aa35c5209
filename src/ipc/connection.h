// The loop's side of a connection: reads calls and has them handled.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "base/loop_handles.h"
#include "base/unique_fd.h"
#include "base/unix_socket.h"
#include "ipc/frame.h"
#include "ipc/link.h"
#include "ipc/worker_pool.h"
#include "leash/ipc_router.h"

namespace leash::ipc {

// What the connections of a sandbox share. Lives as long as they.
struct Host {
  uv_loop_s* loop = nullptr;
  std::uint64_t sandbox_id = 0;
  std::shared_ptr<const IpcRouter> router;
  std::shared_ptr<Usage> usage;
  WorkerPool* pool = nullptr;
  std::span<char> buffer;   // to read into
  std::string description;  // the answer to kDescribe
};

// For use on the loop's thread alone.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `done` is called once, when it is over, and may let go of it. Not from Start.
  Connection(const Host& host, base::UniqueFd socket, base::UnixPeer peer, std::function<void()> done);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False: the system has no room to watch the socket.
  bool Start();

 private:
  // Everything that can be done now.
  void Work();
  void Feed(std::string_view bytes);
  void Read();
  bool Take(const Frame& frame);
  void BeginCall(const Frame& frame);
  void Handle(const IpcRouter::Entry& entry, const Frame& frame, const CallBody& body);
  void Refuse(std::uint32_t id, std::string_view code, std::string_view message);
  void Account();
  void WatchTimes();
  void WatchDeadline(absl::Time deadline);
  void Over();

  const Host& host_;
  const IpcLimits& limits_;
  const base::UnixPeer peer_;
  base::UniqueFd socket_;  // until Start
  std::function<void()> done_;
  std::function<void()> wake_;  // soon, Work
  std::shared_ptr<Link> link_;
  FrameReader reader_;
  std::size_t held_ = 0;  // of the reader, as the usage knows it
  bool stopped_ = false;  // frames may be complete in the reader
  bool took_ = false;     // a frame, this time
  bool ended_ = false;    // the caller has closed its side
  bool over_ = false;
  std::string fault_;       // after which nothing can be understood
  std::uint64_t sent_ = 0;  // when its watching began
  bool times_sending_ = false;
  bool times_frame_ = false;
  absl::Time next_deadline_ = absl::InfiniteFuture();
  base::Timer deadlines_;
  base::Timer frame_time_;
  base::Timer sending_time_;
  base::SocketWatch watch_;
};

}  // namespace leash::ipc
