#include "ipc/connection.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/time/clock.h"
#include "base/event_loop.h"
#include "base/status.h"
#include "ipc/call.h"
#include "ipc/payload.h"

namespace leash::ipc {
namespace {

// Reads in a row, so that one busy connection leaves the loop to the others.
constexpr int kReads = 4;

}  // namespace

Connection::Connection(const Host& host, base::UniqueFd socket, base::UnixPeer peer, std::function<void()> done)
    : host_(host),
      limits_(host.router->limits),
      peer_(peer),
      socket_(std::move(socket)),
      done_(std::move(done)),
      reader_(limits_.frame_bytes),
      deadlines_(host.loop,
                 [this] {
                   next_deadline_ = absl::InfiniteFuture();
                   link_->Expire(absl::Now());
                   WatchDeadline(link_->NextDeadline());
                 }),
      frame_time_(host.loop,
                  [this] {
                    fault_ = "a frame was begun and not finished in time";
                    Work();
                  }),
      sending_time_(host.loop, [this] {
        times_sending_ = false;
        if (link_->sent() == sent_) return Over();
        WatchTimes();
      }) {}

Connection::~Connection() {
  done_ = nullptr;
  Over();
}

bool Connection::Start() {
  wake_ = [weak = weak_from_this()] {
    base::EventLoop::Shared().Post([weak] {
      if (const std::shared_ptr<Connection> self = weak.lock()) self->Work();
    });
  };
  link_ = std::make_shared<Link>(std::move(socket_), limits_, host_.usage, wake_);
  watch_ = base::SocketWatch(host_.loop, link_->fd());
  watch_.OnReady([this](int) { Work(); });
  watch_.Watch(base::SocketWatch::kReadable);
  return watch_.ok();
}

void Connection::Work() {
  if (over_) return;
  const std::shared_ptr<Connection> self = shared_from_this();
  if (!link_->Flush()) return Over();
  took_ = false;
  link_->Cork();
  if (stopped_ && fault_.empty() && !link_->IsFull()) Feed({});
  if (!stopped_ && fault_.empty() && !link_->IsFull()) Read();
  Account();
  const bool alive = link_->Uncork();
  if (alive && !fault_.empty()) link_->Send(FrameKind::kError, 0, MakeError("protocol", fault_));
  if (!alive || ended_ || !fault_.empty()) return Over();
  const bool full = link_->IsFull();
  if (stopped_ && !full) wake_();
  using Watch = base::SocketWatch;
  watch_.Watch((stopped_ || full ? Watch::kNothing : Watch::kReadable) |
               (link_->Waits() ? Watch::kWritable : Watch::kNothing));
  WatchTimes();
}

void Connection::Read() {
  for (int i = 0; i < kReads && !stopped_ && fault_.empty(); ++i) {
    const ssize_t got = ::recv(link_->fd(), host_.buffer.data(), host_.buffer.size(), MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (got <= 0) {
      ended_ = true;
      return;
    }
    Feed({host_.buffer.data(), static_cast<std::size_t>(got)});
    if (static_cast<std::size_t>(got) < host_.buffer.size()) return;
  }
}

void Connection::Feed(std::string_view bytes) {
  stopped_ = false;
  const FrameFault fault = reader_.Feed(bytes, [this](const Frame& frame) {
    took_ = true;
    const bool goes_on = Take(frame) && !link_->IsFull();
    if (!goes_on) stopped_ = true;
    return goes_on;
  });
  if (fault != FrameFault::kNone && fault_.empty()) fault_ = FrameFaultText(fault);
}

// Memory for frames that are begun is the sandbox's, not a connection's: many connections get no more than one.
void Connection::Account() {
  const std::size_t holds = reader_.held();
  host_.usage->bytes += holds;
  host_.usage->bytes -= held_;
  const bool grew = holds > held_;
  held_ = holds;
  if (grew && fault_.empty() && host_.usage->bytes > limits_.total_bytes) {
    fault_ = "the host has no more memory for messages of this sandbox";
  }
}

bool Connection::Take(const Frame& frame) {
  if (frame.id == 0) {
    fault_ = "request id 0 is the host's";
    return false;
  }
  switch (frame.kind) {
    case FrameKind::kCall:
      BeginCall(frame);
      break;
    case FrameKind::kCancel:
      link_->Cancel(frame.id);
      break;
    case FrameKind::kDescribe:
      link_->Send(FrameKind::kResult, frame.id, host_.description);
      break;
    default:
      Refuse(frame.id, "unimplemented", "the host knows no such kind of frame");
  }
  return fault_.empty();
}

void Connection::Refuse(std::uint32_t id, std::string_view code, std::string_view message) {
  link_->Send(FrameKind::kError, id, MakeError(code, message));
}

void Connection::BeginCall(const Frame& frame) {
  if (link_->Has(frame.id)) {
    fault_ = "a request id is used again before its call has ended";
    return;
  }
  const std::optional<CallBody> body = ParseCall(frame.body);
  if (!body.has_value()) return Refuse(frame.id, "invalid_argument", "the call is cut short");
  const auto& commands = host_.router->commands();
  const auto found = commands.find(body->command);
  if (found == commands.end()) return Refuse(frame.id, "unknown_command", "the host has no such command");
  const absl::Status valid = CheckArguments(body->arguments, limits_, found->second.description);
  if (!valid.ok()) return Refuse(frame.id, "invalid_argument", std::string(valid.message()));
  if (host_.usage->calls >= limits_.calls || host_.usage->bytes + body->arguments.size() > limits_.total_bytes) {
    return Refuse(frame.id, "resource_exhausted", "the host has too many calls of this sandbox under way");
  }
  Handle(found->second, frame, *body);
}

void Connection::Handle(const IpcRouter::Entry& entry, const Frame& frame, const CallBody& body) {
  IpcContext context;
  context.sandbox_id = host_.sandbox_id;
  context.command = body.command;
  context.pid = peer_.pid;
  context.uid = peer_.uid;
  context.gid = peer_.gid;
  absl::Duration time = limits_.call_time;
  if (body.timeout_ms != 0) time = std::min(time, absl::Milliseconds(body.timeout_ms));
  context.deadline = absl::Now() + time;
  WatchDeadline(context.deadline);
  const auto call = std::make_shared<Call>(link_, frame.id, std::move(context), body.arguments);
  link_->Begin(frame.id, call);
  if (entry.run == IpcRun::kLoop) return RunHandler(entry.handler, call);
  // The router is kept with the work: the server may go before the handler returns.
  const bool runs = host_.pool->Run([call, router = host_.router, &entry]() mutable {
    if (!call->context().cancelled.stop_requested()) RunHandler(entry.handler, std::move(call));
  });
  if (!runs) call->Fail("resource_exhausted", "the host has no thread for the call");
}

void Connection::WatchDeadline(absl::Time deadline) {
  if (deadline >= next_deadline_) return;
  next_deadline_ = deadline;
  deadlines_.Start(std::max(absl::ZeroDuration(), deadline - absl::Now()) + absl::Milliseconds(1));
}

void Connection::WatchTimes() {
  const bool begun = !stopped_ && reader_.held() > 0;
  if (!begun) frame_time_.Stop();
  if (begun && (took_ || !times_frame_)) frame_time_.Start(limits_.frame_time);
  times_frame_ = begun;
  const bool sends = link_->Waits();
  if (!sends) sending_time_.Stop();
  if (sends && !times_sending_) {
    sent_ = link_->sent();
    sending_time_.Start(limits_.frame_time);
  }
  times_sending_ = sends;
}

void Connection::Over() {
  if (over_) return;
  over_ = true;
  deadlines_.Stop();
  frame_time_.Stop();
  sending_time_.Stop();
  watch_ = {};
  if (link_ != nullptr) link_->Close();
  host_.usage->bytes -= held_;
  held_ = 0;
  if (const auto done = std::exchange(done_, nullptr)) done();
}

}  // namespace leash::ipc
