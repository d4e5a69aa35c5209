// Commands of the host that programs in a sandbox may call, with types. A command is a type:
//
//   struct WebSearch {
//     struct Args {
//       std::string query;
//       MSGPACK_DEFINE_MAP(query)
//     };
//     struct Response {
//       std::vector<std::string> items;
//       MSGPACK_DEFINE_MAP(items)
//     };
//     static constexpr std::string_view kName = "web_search";
//
//     absl::StatusOr<Response> Handle(Args args, const leash::IpcContext&) {
//       return Response{{"result for " + args.query}};
//     }
//   };
//
//   leash::IpcRouter router;
//   if (absl::Status status = router.Register(WebSearch()); !status.ok()) return Report(status);
//
// What it has:
//   Args        default-constructible. What is not given keeps the value that a new Args has.
//   Response    anything that MessagePack can pack; msgpack::type::nil_t for nothing. std::vector<char> is binary
//   kName       or, with Register(name, command), none
//   Handle      gives an absl::StatusOr<Response>, in one of three ways:
//                 StatusOr Handle(Args, const IpcContext&)                      may block: is called on a thread of its
//                 own awaitable Handle(Args, const IpcContext&)                     yields one, as IpcTask<StatusOr>
//                 does; is
//                                                                               called on leash's loop, must not block
//                 StatusOr Handle(Args, const IpcContext&, IpcItems<Item>&)     may block, and sends items before
//               `const` or not: one command serves all calls, also several at once, so it locks what it changes.
//               Its status is the sandbox's to read. What it throws is not: the caller gets an error without it.
//   Describe()  if it likes, static: an IpcDescription. Parameters that it does not name are added to it.
//
// A parameter that Describe does not name is described from a new Args: its kind; required, if it is a string or a
// number and is empty or 0; positional, if it is a string or a number; and a last array takes the words that are left,
// so that `web_search "to search for"` works. A std::optional is never required.
//
// MessagePack is msgpack-c's C++ half, with Boost's headers where they are and without them (MSGPACK_NO_BOOST)
// elsewhere.
#pragma once

#if !defined(MSGPACK_NO_BOOST) && !__has_include(<boost/predef.h>)
#define MSGPACK_NO_BOOST
#endif
#include <algorithm>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <msgpack.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "leash/ipc_context.h"
#include "leash/ipc_router.h"
#include "leash/ipc_task.h"
#include "leash/network_policy.h"

namespace leash {

// Where a handler puts the items that it sends before its response.
template <typename Item>
class IpcItems {
 public:
  explicit IpcItems(IpcCall call) : call_(std::move(call)) {}
  // See IpcCall::Yield.
  absl::Status Yield(const Item& item);

 private:
  IpcCall call_;
};

namespace internal {

// What msgpack::packer writes to.
struct IpcBytes {
  std::string bytes;
  void write(const char* data, std::size_t size) { bytes.append(data, size); }
};

template <typename T>
std::string PackIpc(const T& value) {
  IpcBytes packed;
  msgpack::pack(packed, value);
  return std::move(packed.bytes);
}

template <typename R, typename C>
concept IpcAnswers = std::same_as<std::remove_cvref_t<R>, absl::StatusOr<typename C::Response>>;

template <typename C>
concept IpcBlocking = requires(C& command, typename C::Args args, const IpcContext& context) {
  { command.Handle(std::move(args), context) } -> IpcAnswers<C>;
};

template <typename R, typename C>
concept IpcAwaitsAnswer = requires(R&& awaitable) {
  { internal::AwaiterOf(std::forward<R>(awaitable)).await_resume() } -> IpcAnswers<C>;
};

template <typename C>
concept IpcAwaitable = requires(C& command, typename C::Args args, const IpcContext& context) {
  { command.Handle(std::move(args), context) } -> IpcAwaitsAnswer<C>;
};

template <typename C>
concept IpcStreaming = requires(C& command, typename C::Args args, const IpcContext& context,
                                IpcItems<typename C::Item>& items) {
  { command.Handle(std::move(args), context, items) } -> IpcAnswers<C>;
};

}  // namespace internal

// See above.
template <typename C>
concept IpcHandles = std::default_initializable<typename C::Args> && requires {
  typename C::Response;
} &&(internal::IpcBlocking<C> || internal::IpcAwaitable<C> || internal::IpcStreaming<C>);

template <typename C>
concept IpcCommand = IpcHandles<C> && requires {
  { C::kName } -> std::convertible_to<std::string_view>;
};

namespace internal {

inline IpcKind KindOfIpcObject(const msgpack::object& value) {
  switch (value.type) {
    case msgpack::type::BOOLEAN:
      return IpcKind::kBool;
    case msgpack::type::POSITIVE_INTEGER:
    case msgpack::type::NEGATIVE_INTEGER:
      return IpcKind::kInteger;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return IpcKind::kNumber;
    case msgpack::type::STR:
      return IpcKind::kString;
    case msgpack::type::BIN:
      return IpcKind::kBinary;
    case msgpack::type::ARRAY:
      return IpcKind::kArray;
    case msgpack::type::MAP:
      return IpcKind::kMap;
    default:
      return IpcKind::kAny;
  }
}

inline bool IsEmptyIpcObject(const msgpack::object& value) {
  switch (value.type) {
    case msgpack::type::POSITIVE_INTEGER:
      return value.via.u64 == 0;
    case msgpack::type::FLOAT32:
    case msgpack::type::FLOAT64:
      return value.via.f64 == 0;
    case msgpack::type::STR:
      return value.via.str.size == 0;
    default:
      return false;
  }
}

// What a new Args says of its members.
inline void DescribeIpcMembers(const msgpack::object& args, IpcDescription& description) {
  if (args.type != msgpack::type::MAP) return;
  for (std::uint32_t i = 0; i < args.via.map.size; ++i) {
    const msgpack::object_kv& member = args.via.map.ptr[i];
    if (member.key.type != msgpack::type::STR) continue;
    IpcParameter parameter{std::string(member.key.via.str.ptr, member.key.via.str.size), KindOfIpcObject(member.val)};
    const bool known = std::any_of(description.parameters.begin(), description.parameters.end(),
                                   [&](const IpcParameter& one) { return one.name == parameter.name; });
    if (known) continue;
    parameter.required = IsEmptyIpcObject(member.val);
    parameter.positional = parameter.kind == IpcKind::kString || parameter.kind == IpcKind::kInteger ||
                           parameter.kind == IpcKind::kNumber ||
                           (parameter.kind == IpcKind::kArray && i + 1 == args.via.map.size);
    description.parameters.push_back(std::move(parameter));
  }
}

template <typename C>
IpcDescription DescribeIpc() {
  IpcDescription description;
  if constexpr (requires {
                  { C::Describe() } -> std::convertible_to<IpcDescription>;
                }) {
    description = C::Describe();
  }
  description.streams = IpcStreaming<C>;
  const std::string packed = PackIpc(typename C::Args{});
  const msgpack::object_handle args = msgpack::unpack(packed.data(), packed.size());
  DescribeIpcMembers(args.get(), description);
  return description;
}

// Arguments of another type than the command's are the caller's mistake.
template <typename T>
absl::StatusOr<T> UnpackIpc(std::string_view bytes) {
  try {
    const msgpack::object_handle handle = msgpack::unpack(bytes.data(), bytes.size());
    T value{};
    handle.get().convert(value);
    return value;
  } catch (const std::exception&) {
    return absl::InvalidArgumentError("an argument is not of the type that the command takes");
  }
}

template <typename Response>
void FinishIpc(const IpcCall& call, const absl::StatusOr<Response>& answer) {
  if (answer.ok()) {
    call.Finish(PackIpc(*answer));
  } else {
    call.Finish(answer.status());
  }
}

// A coroutine of its own keeps command and call alive while it waits. What is thrown destroys it, and with it the last
// copy of the call, which then fails.
template <typename C>
Detached AwaitIpc(std::shared_ptr<C> command, IpcCall call, typename C::Args args) {
  FinishIpc<typename C::Response>(call, co_await command->Handle(std::move(args), call.context()));
}

template <typename C>
void RunIpc(const std::shared_ptr<C>& command, const IpcCall& call) {
  absl::StatusOr<typename C::Args> args = UnpackIpc<typename C::Args>(call.arguments());
  if (!args.ok()) return call.Finish(args.status());
  if constexpr (IpcStreaming<C>) {
    IpcItems<typename C::Item> items(call);
    FinishIpc<typename C::Response>(call, command->Handle(*std::move(args), call.context(), items));
  } else if constexpr (IpcBlocking<C>) {
    FinishIpc<typename C::Response>(call, command->Handle(*std::move(args), call.context()));
  } else {
    AwaitIpc<C>(command, call, *std::move(args));
  }
}

}  // namespace internal

template <typename Item>
absl::Status IpcItems<Item>::Yield(const Item& item) {
  return call_.Yield(internal::PackIpc(item));
}

// A command under a name of its own. Errors: see IpcRouter::Register.
template <IpcHandles C>
absl::Status RegisterIpc(IpcRouter& router, std::string name, C command) {
  const IpcRun run = internal::IpcAwaitable<C> ? IpcRun::kLoop : IpcRun::kThread;
  return router.RegisterRaw(
      std::move(name), internal::DescribeIpc<C>(), run,
      [command = std::make_shared<C>(std::move(command))](const IpcCall& call) { internal::RunIpc<C>(command, call); });
}

// A function on MessagePack objects, for bindings and for names that are known at run time alone. It may block. The
// arguments live as long as the call of `handle`, and what it gives owns its memory.
using IpcDynamicHandler =
    std::function<absl::StatusOr<msgpack::object_handle>(const msgpack::object& args, const IpcContext& context)>;

inline absl::Status RegisterDynamicIpc(IpcRouter& router, std::string name, IpcDescription description,
                                       IpcDynamicHandler handle) {
  return router.RegisterRaw(std::move(name), std::move(description), IpcRun::kThread,
                            [handle = std::move(handle)](const IpcCall& call) {
                              const std::string_view bytes = call.arguments();
                              const msgpack::object_handle args = msgpack::unpack(bytes.data(), bytes.size());
                              auto answer = handle(args.get(), call.context());
                              if (!answer.ok()) return call.Finish(answer.status());
                              call.Finish(internal::PackIpc(answer->get()));
                            });
}

template <typename Command>
absl::Status IpcRouter::Register(Command command) {
  static_assert(IpcCommand<Command>, "leash/ipc.h says what a command has");
  return RegisterIpc(*this, std::string(Command::kName), std::move(command));
}

}  // namespace leash
