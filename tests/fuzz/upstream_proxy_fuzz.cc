// net/upstream_proxy.h and net/no_proxy.h: the first line is a proxy's URL, the second a host that is asked for, the
// rest a list of what needs no proxy.
#include <algorithm>
#include <string>

#include "fuzz/fuzz.h"
#include "net/host_name.h"
#include "net/upstream_proxy.h"

namespace leash::net {
namespace {

using fuzz::Check;

std::string_view TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

void CheckUrl(std::string_view url) {
  const auto proxy = ParseUpstreamProxy(url);
  if (!proxy.ok()) return;
  Check(IsNormalHost(proxy->host) && proxy->port != 0, "there is a host to connect to");
  Check(!HasControls(proxy->Authorization()) && !HasControls(proxy->Description()), "one line stays one");
  if (!proxy->credential.has_value()) return;
  Check(!HasControls(proxy->credential->user) && !HasControls(proxy->credential->password), "no line ends in them");
  if (proxy->kind == UpstreamProxy::Kind::kHttp) return;
  Check(proxy->credential->user.size() < 256 && proxy->credential->password.size() < 256, "their sizes fit a byte");
}

// A list covers what one of its entries covers.
void CheckList(std::string_view text, const std::string& host) {
  const auto list = NoProxy::Parse(text);
  bool each = true;
  bool any = false;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const auto one = NoProxy::Parse(rest.substr(0, end));
    each = each && one.ok();
    any = any || (one.ok() && one->Covers(host, 443));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  Check(list.ok() == each, "a list is one of entries");
  if (!list.ok()) return;
  Check(list->Covers(host, 443) == (any || NoProxy().Covers(host, 443)), "and covers what they cover");
}

}  // namespace
}  // namespace leash::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leash::net;  // NOLINT
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  CheckUrl(TakeLine(rest));
  const auto host = NormalizeHost(TakeLine(rest));
  CheckList(rest, host.ok() ? *host : "some.test");
  return 0;
}
