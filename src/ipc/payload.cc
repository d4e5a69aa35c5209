#include "ipc/payload.h"

#include <algorithm>
#include <cstdint>
#include <msgpack.hpp>
#include <vector>

#include "base/status.h"
#include "fmt/format.h"

namespace leash::ipc {
namespace {

// Arrays and maps in a response: its readers have stacks too.
constexpr std::size_t kDeepestResponse = 512;

// Counts as it goes, so that what is too much is refused where it is announced. Keys of the outermost map are kept.
class Visitor : public msgpack::null_visitor {
 public:
  Visitor(std::size_t depth, std::size_t values) : depth_left_(depth), values_left_(values) {}

  bool visit_nil() { return Value("nil"); }
  bool visit_boolean(bool) { return Value("a boolean"); }
  bool visit_positive_integer(std::uint64_t) { return Value("an integer"); }
  bool visit_negative_integer(std::int64_t) { return Value("an integer"); }
  bool visit_float32(float) { return Value("a number"); }
  bool visit_float64(double) { return Value("a number"); }
  bool visit_bin(const char*, std::uint32_t) { return Value("binary"); }
  bool visit_ext(const char*, std::uint32_t) { return Value("an extension"); }
  bool visit_str(const char* text, std::uint32_t size) {
    if (in_key_ && depth_ == 1) keys_.emplace_back(text, size);
    return Value("a string", true);
  }
  bool start_array(std::uint32_t size) { return Value("an array") && Enter(size); }
  bool end_array() { return Leave(); }
  bool start_map(std::uint32_t size) {
    if (depth_ == 0) is_map_ = true;
    return Value("a map") && Enter(std::size_t{size} * 2);
  }
  bool start_map_key() { return in_key_ = true; }
  bool end_map_key() {
    in_key_ = false;
    return true;
  }
  bool end_map() { return Leave(); }

  bool is_map() const { return is_map_; }
  const std::string& fault() const { return fault_; }
  std::vector<std::string_view>& keys() { return keys_; }

 private:
  bool Refuse(std::string why) {
    fault_ = std::move(why);
    return false;
  }
  bool Value(std::string_view what, bool is_string = false) {
    if (in_key_ && !is_string) return Refuse(fmt::format("a key is {}, not a string", what));
    return true;
  }
  bool Enter(std::size_t values) {
    if (depth_left_ == 0) return Refuse("arrays and maps are nested too deeply");
    if (values > values_left_) return Refuse("there are too many values");
    --depth_left_;
    ++depth_;
    values_left_ -= values;
    return true;
  }
  bool Leave() {
    ++depth_left_;
    --depth_;
    return true;
  }

  std::size_t depth_left_;
  std::size_t values_left_;
  std::size_t depth_ = 0;
  bool in_key_ = false;
  bool is_map_ = false;
  std::string fault_;
  std::vector<std::string_view> keys_;
};

// Whether the whole of it is one value, for which the visitor cared.
bool Visit(std::string_view bytes, Visitor& visitor) {
  std::size_t used = 0;
  try {
    return msgpack::parse(bytes.data(), bytes.size(), used, visitor) && used == bytes.size();
  } catch (const std::exception&) {
    return false;
  }
}

absl::Status Invalid(std::string_view message) { return base::Error(ErrorCode::kInvalidArgument, message); }

// For messages: what came may be anything.
std::string Quoted(std::string_view name) {
  constexpr std::size_t kMost = 64;
  const bool plain =
      name.size() <= kMost && std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7f; });
  return plain ? fmt::format("\"{}\"", name) : std::string("of a name that cannot be shown");
}

absl::Status CheckNames(std::vector<std::string_view>& names, const IpcDescription& description) {
  std::sort(names.begin(), names.end());
  if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end()) {
    return Invalid(fmt::format("argument {} is given twice", Quoted(*twice)));
  }
  const auto& parameters = description.parameters;
  for (const std::string_view name : names) {
    if (description.takes_others) break;
    if (std::none_of(parameters.begin(), parameters.end(), [&](const auto& one) { return one.name == name; })) {
      return Invalid(fmt::format("there is no argument {}", Quoted(name)));
    }
  }
  for (const IpcParameter& parameter : parameters) {
    if (parameter.required && !std::binary_search(names.begin(), names.end(), std::string_view(parameter.name))) {
      return Invalid(fmt::format("argument \"{}\" is missing", parameter.name));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckArguments(std::string_view arguments, const IpcLimits& limits, const IpcDescription& description) {
  Visitor visitor(limits.depth, limits.values);
  const bool read = Visit(arguments, visitor);
  if (!visitor.fault().empty()) return Invalid("the arguments are refused: " + visitor.fault());
  if (!read || !visitor.is_map()) return Invalid("the arguments are not one MessagePack map");
  return CheckNames(visitor.keys(), description);
}

bool IsOneValue(std::string_view bytes) {
  // Keys of other types are the handler's own affair: only arguments are named.
  class AnyKey : public Visitor {
   public:
    using Visitor::Visitor;
    bool start_map_key() { return true; }
  };
  AnyKey visitor(kDeepestResponse, bytes.size());
  std::size_t used = 0;
  try {
    return msgpack::parse(bytes.data(), bytes.size(), used, visitor) && used == bytes.size();
  } catch (const std::exception&) {
    return false;
  }
}

struct PayloadWriter::Packer {
  msgpack::sbuffer buffer;
  msgpack::packer<msgpack::sbuffer> packer{buffer};
};

PayloadWriter::PayloadWriter() : packer_(std::make_unique<Packer>()) {}
PayloadWriter::~PayloadWriter() = default;
void PayloadWriter::Map(std::size_t pairs) { packer_->packer.pack_map(static_cast<std::uint32_t>(pairs)); }
void PayloadWriter::Array(std::size_t values) { packer_->packer.pack_array(static_cast<std::uint32_t>(values)); }
void PayloadWriter::Bool(bool value) { packer_->packer.pack(value); }
void PayloadWriter::String(std::string_view text) {
  packer_->packer.pack_str(static_cast<std::uint32_t>(text.size()));
  packer_->packer.pack_str_body(text.data(), static_cast<std::uint32_t>(text.size()));
}
std::string PayloadWriter::bytes() && { return {packer_->buffer.data(), packer_->buffer.size()}; }

std::string DescribeCommands(const IpcRouter& router) {
  PayloadWriter writer;
  writer.Map(router.commands().size());
  for (const auto& [name, entry] : router.commands()) {
    const IpcDescription& description = entry.description;
    writer.String(name);
    writer.Map(4);
    writer.String("summary");
    writer.String(description.summary);
    writer.String("streams");
    writer.Bool(description.streams);
    writer.String("takes_others");
    writer.Bool(description.takes_others);
    writer.String("parameters");
    writer.Array(description.parameters.size());
    for (const IpcParameter& parameter : description.parameters) {
      writer.Map(6);
      writer.String("name");
      writer.String(parameter.name);
      writer.String("kind");
      writer.String(IpcKindName(parameter.kind));
      writer.String("required");
      writer.Bool(parameter.required);
      writer.String("positional");
      writer.Bool(parameter.positional);
      writer.String("from_stdin");
      writer.Bool(parameter.from_stdin);
      writer.String("help");
      writer.String(parameter.help);
    }
  }
  return std::move(writer).bytes();
}

}  // namespace leash::ipc
