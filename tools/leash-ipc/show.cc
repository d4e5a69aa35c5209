#include "leash-ipc/show.h"

#include <iterator>
#include <string_view>

namespace leash_ipc {
namespace {

std::string Show(const Json& value, int indent) {
  if (value.is_null()) return "";
  if (value.is_binary()) return std::string(value.get_binary().begin(), value.get_binary().end());
  std::string text = value.is_string() ? value.get_ref<const std::string&>()
                                       : value.dump(indent, ' ', false, Json::error_handler_t::replace);
  if (text.empty() || text.back() != '\n') text += '\n';
  return text;
}

}  // namespace

std::string ShowResponse(const Json& response) { return Show(response, 2); }
std::string ShowItem(const Json& item) { return Show(item, -1); }

int ExitCodeOf(const Failure& failure) {
  constexpr struct {
    std::string_view code;
    int exit;
  } kCodes[] = {{"invalid_argument", 2}, {"deadline_exceeded", 124}, {"unreachable", 125}, {"unknown_command", 127}};
  for (const auto& row : kCodes) {
    if (row.code == failure.code) return row.exit;
  }
  return 1;
}

}  // namespace leash_ipc
