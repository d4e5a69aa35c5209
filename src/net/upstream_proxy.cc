#include "net/upstream_proxy.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "absl/strings/escaping.h"
#include "base/host_port.h"
#include "base/status.h"
#include "base/text.h"
#include "fmt/format.h"
#include "net/host_name.h"

namespace leash::net {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kSocksPort = 1080;
constexpr std::size_t kLongestSocksText = 255;

absl::Status Malformed(std::string_view why) { return base::Error(ErrorCode::kInvalidArgument, why); }

struct Scheme {
  std::string_view name;
  UpstreamProxy::Kind kind;
};
constexpr Scheme kSchemes[] = {{"http", UpstreamProxy::Kind::kHttp},
                               {"socks5", UpstreamProxy::Kind::kSocks5},
                               {"socks5h", UpstreamProxy::Kind::kSocks5Names}};

absl::StatusOr<UpstreamProxy::Kind> TakeScheme(std::string_view& url) {
  const std::size_t end = url.find("://");
  if (end == std::string_view::npos) return UpstreamProxy::Kind::kHttp;
  const std::string_view name = url.substr(0, end);
  url.remove_prefix(end + 3);
  for (const Scheme& scheme : kSchemes) {
    if (EqualsIgnoringCase(name, scheme.name)) return scheme.kind;
  }
  if (EqualsIgnoringCase(name, "https")) {
    return Malformed("a proxy that is spoken to in TLS (https://) is not supported: most take http:// as well");
  }
  return Malformed("the scheme is none of http://, socks5:// and socks5h://");
}

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::optional<std::string> PercentDecoded(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      if (text.size() - i < 3) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') return std::nullopt;
    result += c;
  }
  return result;
}

absl::StatusOr<SocksCredential> ParseCredential(std::string_view text, UpstreamProxy::Kind kind) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  auto user = PercentDecoded(text.substr(0, colon));
  auto password = PercentDecoded(text.substr(std::min(colon + 1, text.size())));
  if (!user.has_value() || !password.has_value()) {
    return Malformed("the user or the password is not percent-encoded, or holds a control character");
  }
  if (kind == UpstreamProxy::Kind::kHttp) {
    if (user->find(':') != std::string::npos) return Malformed("HTTP has no users with a colon in their name");
  } else if (user->empty() || user->size() > kLongestSocksText || password->size() > kLongestSocksText) {
    return Malformed("SOCKS has users of 1 to 255 bytes, and passwords of 255 at most");
  }
  return SocksCredential{*std::move(user), *std::move(password)};
}

constexpr std::string_view kSpace = " \t\r\n";

// The first of the variables that says something.
struct Variable {
  std::string_view name;
  std::string value;
  std::string_view hint = "; --upstream-proxy none ignores it";
};
std::optional<Variable> FirstOf(const base::Environment& environment, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    if (name == "HTTP_PROXY" && environment.Get("REQUEST_METHOD").has_value()) continue;
    const auto value = environment.Get(name);
    if (value.has_value() && !base::Trimmed(*value, kSpace).empty()) return Variable{name, *value};
  }
  return std::nullopt;
}

absl::Status Because(const Variable& variable, const absl::Status& status) {
  const std::string_view message(status.message().data(), status.message().size());
  return Malformed(fmt::format("{}: {}{}", variable.name, message, variable.hint));
}

absl::StatusOr<std::optional<UpstreamProxy>> ProxyOf(const std::optional<Variable>& variable) {
  if (!variable.has_value()) return std::nullopt;
  auto proxy = ParseUpstreamProxy(variable->value);
  if (!proxy.ok()) return Because(*variable, proxy.status());
  return *std::move(proxy);
}

}  // namespace

std::string UpstreamProxy::Description() const {
  return fmt::format("the upstream proxy {}", base::HostPort(host, port));
}

std::string UpstreamProxy::Authorization() const {
  if (!credential.has_value()) return "";
  return "Basic " + absl::Base64Escape(fmt::format("{}:{}", credential->user, credential->password));
}

absl::StatusOr<UpstreamProxy> ParseUpstreamProxy(std::string_view url) {
  url = base::Trimmed(url, kSpace);
  UpstreamProxy proxy;
  LEASH_ASSIGN_OR_RETURN(proxy.kind, TakeScheme(url));
  const std::size_t end = std::min(url.find_first_of("/?#"), url.size());
  if (const std::string_view rest = url.substr(end); !rest.empty() && rest != "/") {
    return Malformed(
        "there is more than a host and a port; in a password, '/', '?', '#' and '@' are written %2F, %3F, "
        "%23 and %40");
  }
  std::string_view authority = url.substr(0, end);
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    if (at > 0) {
      LEASH_ASSIGN_OR_RETURN(proxy.credential, ParseCredential(authority.substr(0, at), proxy.kind));
    }
    authority.remove_prefix(at + 1);
  }
  const auto place = ParseAuthority(authority);
  if (!place.has_value()) return Malformed("this is no [SCHEME://][USER[:PASSWORD]@]HOST[:PORT]");
  auto host = NormalizeHost(place->host);
  if (!host.ok()) return Malformed("the proxy's host is neither a name nor an address");
  proxy.host = *std::move(host);
  proxy.port = place->port.value_or(proxy.kind == UpstreamProxy::Kind::kHttp ? kHttpPort : kSocksPort);
  return proxy;
}

const UpstreamProxy* UpstreamProxies::For(std::string_view host, std::uint16_t port, bool request) const {
  const std::optional<UpstreamProxy>& proxy = request ? requests : tunnels;
  return proxy.has_value() && !exempt.Covers(host, port) ? &*proxy : nullptr;
}

absl::StatusOr<UpstreamProxies> ReadUpstreamProxies(std::string_view choice, const base::Environment& environment) {
  UpstreamProxies result;
  if (choice == "none") return result;
  if (choice.empty() || choice == "environment") {
    const auto tunnels = FirstOf(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"});
    const auto requests = FirstOf(environment, {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"});
    LEASH_ASSIGN_OR_RETURN(result.tunnels, ProxyOf(tunnels));
    LEASH_ASSIGN_OR_RETURN(result.requests, ProxyOf(requests));
  } else {
    LEASH_ASSIGN_OR_RETURN(result.tunnels, ProxyOf(Variable{"upstream proxy", std::string(choice), ""}));
    result.requests = result.tunnels;
  }
  if (!result.tunnels.has_value() && !result.requests.has_value()) return result;
  if (const auto exempt = FirstOf(environment, {"no_proxy", "NO_PROXY"})) {
    auto parsed = NoProxy::Parse(exempt->value);
    if (!parsed.ok()) return Because(*exempt, parsed.status());
    result.exempt = *std::move(parsed);
  }
  return result;
}

void AddressToProxy(HttpHead& head, const UpstreamProxy& proxy, const std::string& host_field) {
  // An OPTIONS of the server as a whole has no path in this form (RFC 9112, 3.2.4).
  head.target = fmt::format("http://{}{}", host_field, head.target == "*" ? "" : head.target);
  SetField(head.fields, "Host", host_field);
  if (proxy.credential.has_value()) SetField(head.fields, "Proxy-Authorization", proxy.Authorization());
}

std::string RefusalOf(const UpstreamProxy& proxy, int status) {
  std::string_view meaning = ReasonPhrase(status);
  if (status == 407)
    meaning = proxy.credential.has_value() ? "it does not take the credential" : "it wants a credential";
  if (status == 403) meaning = "it does not let this host through";
  return fmt::format("{} answered {}: {}", proxy.Description(), status, meaning);
}

}  // namespace leash::net
