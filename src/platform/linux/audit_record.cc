#include "platform/linux/audit_record.h"

#include <array>
#include <charconv>
#include <concepts>

#include "fmt/format.h"

namespace leash::platform {
namespace {

// What a blocker of Landlock is called here. One refusal may have several: the first row that is among them counts, so
// those that need more access come first.
struct Blocker {
  std::string_view name;
  ViolationKind kind;
  std::string_view operation;
};
constexpr std::array kBlockers = {
    Blocker{"fs.execute", ViolationKind::kFile, "execute"},
    Blocker{"fs.make_sock", ViolationKind::kFile, "make socket"},
    Blocker{"fs.make_char", ViolationKind::kFile, "make device"},
    Blocker{"fs.make_block", ViolationKind::kFile, "make device"},
    Blocker{"fs.make_reg", ViolationKind::kFile, "make"},
    Blocker{"fs.make_dir", ViolationKind::kFile, "make"},
    Blocker{"fs.make_sym", ViolationKind::kFile, "make"},
    Blocker{"fs.make_fifo", ViolationKind::kFile, "make"},
    Blocker{"fs.remove_file", ViolationKind::kFile, "remove"},
    Blocker{"fs.remove_dir", ViolationKind::kFile, "remove"},
    Blocker{"fs.refer", ViolationKind::kFile, "move"},
    Blocker{"fs.write_file", ViolationKind::kFile, "write"},
    Blocker{"fs.truncate", ViolationKind::kFile, "write"},
    Blocker{"fs.ioctl_dev", ViolationKind::kFile, "device command"},
    Blocker{"fs.read_dir", ViolationKind::kFile, "list"},
    Blocker{"fs.read_file", ViolationKind::kFile, "read"},
    Blocker{"fs.resolve_unix", ViolationKind::kNetwork, "connect"},
    Blocker{"scope.abstract_unix_socket", ViolationKind::kNetwork, "connect"},
    Blocker{"net.connect_tcp", ViolationKind::kNetwork, "connect"},
    Blocker{"net.connect_send_udp", ViolationKind::kNetwork, "connect"},
    Blocker{"net.bind_tcp", ViolationKind::kNetwork, "bind"},
    Blocker{"net.bind_udp", ViolationKind::kNetwork, "bind"},
    Blocker{"scope.signal", ViolationKind::kProcess, "signal"},
    Blocker{"ptrace", ViolationKind::kProcess, "trace"},
};

template <std::unsigned_integral T>
std::optional<T> Number(std::string_view text, int base = 10) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<pid_t> ProcessId(std::string_view text) {
  const auto number = Number<std::uint32_t>(text);
  if (!number.has_value() || *number == 0 || *number > 0x7fffffff) return std::nullopt;
  return static_cast<pid_t>(*number);
}

// A value that may be of somebody's choosing: quoted, or hexadecimal digits. Empty: the kernel does not know it.
std::string Untrusted(std::string_view value) {
  if (value.size() >= 2 && value.front() == '"') return std::string(value.substr(1, value.size() - 2));
  if (value.size() % 2 != 0) return "";
  std::string text;
  for (std::size_t i = 0; i < value.size(); i += 2) {
    const auto byte = Number<std::uint8_t>(value.substr(i, 2), 16);
    if (!byte.has_value()) return "";
    text.push_back(static_cast<char>(*byte));
  }
  return text;
}

// The fields of a message: NAME=VALUE between spaces, a value in quotes with spaces in it.
class Fields {
 public:
  explicit Fields(std::string_view text) : rest_(text) {}

  // False at the end, and where the text has another form.
  bool Next(std::string_view& name, std::string_view& value) {
    while (rest_.starts_with(' ')) rest_.remove_prefix(1);
    const std::size_t equals = rest_.find('=');
    if (equals == std::string_view::npos) return false;
    name = rest_.substr(0, equals);
    rest_.remove_prefix(equals + 1);
    std::size_t end = rest_.find(' ');
    if (rest_.starts_with('"')) {
      end = rest_.find('"', 1);
      if (end == std::string_view::npos) return false;
      ++end;
    }
    value = rest_.substr(0, end);
    rest_.remove_prefix(value.size());
    return name.find(' ') == std::string_view::npos;
  }

 private:
  std::string_view rest_;
};

bool Has(std::string_view list, std::string_view name) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    if (list.substr(0, comma) == name) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
  return false;
}

const Blocker* FirstBlocker(std::string_view list) {
  for (const Blocker& blocker : kBlockers) {
    if (Has(list, blocker.name)) return &blocker;
  }
  return nullptr;
}

// "audit(SECONDS.MILLISECONDS:SERIAL): " is taken off.
std::optional<std::uint64_t> TakeSerial(std::string_view& text) {
  if (!text.starts_with("audit(")) return std::nullopt;
  const std::size_t colon = text.find(':');
  const std::size_t end = text.find("):");
  if (colon == std::string_view::npos || end == std::string_view::npos || end < colon) return std::nullopt;
  const auto serial = Number<std::uint64_t>(text.substr(colon + 1, end - colon - 1));
  text.remove_prefix(end + 2);
  return serial;
}

struct Object {
  std::string path, address, port, process;
};

std::string ObjectOf(const Object& object, ViolationKind kind) {
  if (kind == ViolationKind::kProcess) return object.process;
  if (!object.path.empty()) return object.path;
  if (object.port.empty()) return object.address;
  if (object.address.find(':') != std::string::npos) return fmt::format("[{}]:{}", object.address, object.port);
  return fmt::format("{}:{}", object.address, object.port);
}

bool ReadAccess(Fields fields, AuditRecord& record) {
  Object object;
  std::string_view name, value, blockers;
  while (fields.Next(name, value)) {
    if (name == "domain") record.domain = Number<std::uint64_t>(value, 16).value_or(0);
    if (name == "blockers") blockers = value;
    if (name == "path") object.path = Untrusted(value);
    if (name == "daddr" || name == "saddr") object.address = value;
    if (name == "dest" || name == "src") object.port = value;
    if (name == "ocomm") object.process = Untrusted(value);
  }
  if (blockers.empty()) return false;
  const Blocker* blocker = FirstBlocker(blockers);
  record.refused.kind = blocker == nullptr ? ViolationKind::kOther : blocker->kind;
  // A right that a newer kernel knows goes by the kernel's name.
  record.refused.operation = blocker == nullptr ? blockers : blocker->operation;
  record.refused.object = ObjectOf(object, record.refused.kind);
  return record.domain != 0;
}

bool ReadDomain(Fields fields, AuditRecord& record) {
  std::string_view name, value, status;
  while (fields.Next(name, value)) {
    if (name == "domain") record.domain = Number<std::uint64_t>(value, 16).value_or(0);
    if (name == "status") status = value;
    if (name == "denials") record.denials = Number<std::uint64_t>(value).value_or(0);
    if (name == "pid") record.pid = ProcessId(value).value_or(0);
    if (name == "exe") record.program = Untrusted(value);
  }
  record.ended = status == "deallocated";
  return record.domain != 0 && (record.ended || (status == "allocated" && record.pid != 0));
}

bool ReadSystemCall(Fields fields, AuditRecord& record) {
  std::string short_name;
  std::string_view name, value;
  while (fields.Next(name, value)) {
    if (name == "pid") record.pid = ProcessId(value).value_or(0);
    if (name == "comm") short_name = Untrusted(value);
    if (name == "exe") record.program = Untrusted(value);
  }
  if (record.program.empty()) record.program = short_name;
  return record.pid != 0;
}

}  // namespace

std::optional<AuditRecord> ParseAuditRecord(std::uint16_t type, std::string_view text) {
  AuditRecord record;
  record.type = type;
  const auto serial = TakeSerial(text);
  if (!serial.has_value()) return std::nullopt;
  record.serial = *serial;
  bool known = false;
  if (type == kAuditLandlockAccess) known = ReadAccess(Fields(text), record);
  if (type == kAuditLandlockDomain) known = ReadDomain(Fields(text), record);
  if (type == kAuditSystemCall) known = ReadSystemCall(Fields(text), record);
  if (!known) return std::nullopt;
  return record;
}

}  // namespace leash::platform
