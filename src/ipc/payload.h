// MessagePack payloads: whether one is what it must be, before anything is made of it.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "leash/ipc_router.h"

namespace leash::ipc {

// Whether `arguments` is one map, within the limits, whose keys are different strings, and which the description
// allows. Nothing is allocated for what the payload announces. Errors: kInvalidArgument, in words for the caller.
absl::Status CheckArguments(std::string_view arguments, const IpcLimits& limits, const IpcDescription& description);

// Whether these bytes are one value of MessagePack. For what handlers give, who may nest as they like, up to what any
// reader can follow.
bool IsOneValue(std::string_view bytes);

// The commands as the answer to kDescribe: a map from names to what docs/ipc.md says.
std::string DescribeCommands(const IpcRouter& router);

// Writes MessagePack; maps and arrays announce how many values follow.
class PayloadWriter {
 public:
  PayloadWriter();
  ~PayloadWriter();
  PayloadWriter(const PayloadWriter&) = delete;
  PayloadWriter& operator=(const PayloadWriter&) = delete;

  void Map(std::size_t pairs);
  void Array(std::size_t values);
  void String(std::string_view text);
  void Bool(bool value);
  std::string bytes() &&;

 private:
  struct Packer;
  std::unique_ptr<Packer> packer_;
};

}  // namespace leash::ipc
