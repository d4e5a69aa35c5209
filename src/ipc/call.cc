#include "ipc/call.h"

#include <exception>

#include "base/log.h"
#include "base/status.h"
#include "ipc/payload.h"

namespace leash::ipc {

Call::Call(std::shared_ptr<Link> link, std::uint32_t id, IpcContext context, std::string_view arguments)
    : link_(std::move(link)), id_(id), context_(std::move(context)), arguments_(arguments) {
  context_.cancelled = source_.get_token();
  link_->usage().bytes += arguments_.size();
  ++link_->usage().calls;
}

Call::~Call() {
  Fail("internal", "the handler gave no answer");
  link_->usage().bytes -= arguments_.size();
  --link_->usage().calls;
  link_->CallGone();
}

void Call::Fail(std::string_view code, std::string_view message) {
  if (!finished_.exchange(true)) link_->End(id_, this, FrameKind::kError, MakeError(code, message));
}

absl::Status Call::Yield(std::string_view item) {
  if (finished_) return base::Error(ErrorCode::kClosed, "the call is answered already");
  if (item.size() + kHeaderBytes > link_->limits().frame_bytes) {
    return base::Error(ErrorCode::kInvalidArgument, "the item is larger than a message may be");
  }
  if (!IsOneValue(item)) return base::Error(ErrorCode::kInvalidArgument, "the item is not one MessagePack value");
  return link_->Yield(id_, this, item);
}

void Call::Finish(absl::StatusOr<std::string> response) {
  if (!response.ok()) {
    constexpr std::size_t kLongestMessage = 4096;
    const std::string message(response.status().message().substr(0, kLongestMessage));
    return Fail(ErrorCodeOf(response.status()), message);
  }
  if (response->size() + kHeaderBytes > link_->limits().frame_bytes) {
    return Fail("out_of_range", "the response is larger than a message may be");
  }
  if (!IsOneValue(*response)) return Fail("internal", "the handler's response is not one MessagePack value");
  if (!finished_.exchange(true)) link_->End(id_, this, FrameKind::kResult, *response);
}

void RunHandler(const IpcHandler& handler, std::shared_ptr<Call> call) {
  try {
    handler(IpcCall(call));
  } catch (const std::exception& thrown) {
    base::Log(base::LogLevel::kInfo, "the handler of \"{}\" threw: {}", call->context().command, thrown.what());
    call->Fail("internal", "the handler failed");
  } catch (...) {
    base::Log(base::LogLevel::kInfo, "the handler of \"{}\" threw", call->context().command);
    call->Fail("internal", "the handler failed");
  }
}

}  // namespace leash::ipc
