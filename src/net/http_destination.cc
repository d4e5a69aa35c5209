#include "net/http_destination.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "fmt/format.h"
#include "net/host_name.h"
#include "net/ip_address.h"
#include "net/secret.h"

namespace leash::net {
namespace {

constexpr std::uint16_t kHttp = 80;
constexpr std::uint16_t kHttps = 443;

HttpObjection Malformed(std::string detail, int status = 400) {
  return {status, NetworkOutcome::kMalformed, std::move(detail)};
}

// By the target; where that names none, by the Host field. None in HTTP/1.0, perhaps.
std::variant<std::optional<HttpAuthority>, HttpObjection> FindAuthority(const HttpHead& head,
                                                                        const HttpTarget& target) {
  const bool connect = target.form == HttpTargetForm::kAuthority;
  std::optional<HttpAuthority> authority;
  if (connect || target.form == HttpTargetForm::kAbsolute) authority = target.authority;
  const auto field = FindField(head.fields, "Host");
  if (!field.has_value()) return authority;
  const auto named = ParseAuthority(*field);
  if (!named.has_value()) return Malformed("the Host field is malformed");
  if (!authority.has_value()) return named;
  const auto one = NormalizeHost(authority->host);
  const auto other = NormalizeHost(named->host);
  const std::uint16_t port = connect ? kHttps : kHttp;
  // Programs leave the port of CONNECT out of the field, or write the one that their scheme has.
  const bool same_port = connect || authority->port.value_or(port) == named->port.value_or(port);
  if (one.ok() && other.ok() && *one == *other && same_port) return authority;
  return HttpObjection{400, NetworkOutcome::kMismatch, "the Host field is not the host of the request target"};
}

}  // namespace

std::variant<HttpDestination, HttpObjection> FindDestination(const HttpHead& head, const HttpTarget& target,
                                                             const std::optional<HttpOrigin>& origin) {
  const bool absolute = target.form == HttpTargetForm::kAbsolute;
  if (absolute && target.scheme != "http" && target.scheme != "ws") {
    return Malformed("only http:// is spoken to this proxy: use CONNECT for https://");
  }
  if (target.form == HttpTargetForm::kAuthority && origin.has_value()) return Malformed("no proxy is meant here", 501);
  if (!origin.has_value() && !absolute && target.form != HttpTargetForm::kAuthority) {
    return Malformed("this is a proxy: the request target must name its host");
  }
  auto found = FindAuthority(head, target);
  if (auto* objection = std::get_if<HttpObjection>(&found)) return std::move(*objection);
  const auto& authority = std::get<std::optional<HttpAuthority>>(found);
  if (!authority.has_value()) return HttpDestination{origin->host, origin->port};
  auto host = NormalizeHost(authority->host);
  if (!host.ok()) return Malformed(std::string(host.status().message()));
  if (!origin.has_value()) return HttpDestination{*std::move(host), authority->port.value_or(kHttp)};
  const bool address = IpAddress::Parse(origin->host).has_value();
  const bool agrees = (address || *host == origin->host) && authority->port.value_or(origin->port) == origin->port;
  if (agrees) return HttpDestination{origin->host, origin->port};
  return HttpObjection{421, NetworkOutcome::kMismatch,
                       fmt::format("the request is for {}, on a connection to {}", *host, origin->host)};
}

bool ShowsCredential(const HttpHead& head, const SocksCredential& credential) {
  const std::string_view field = FindField(head.fields, "Proxy-Authorization").value_or("");
  const std::size_t space = std::min(field.find(' '), field.size());
  if (!EqualsIgnoringCase(field.substr(0, space), "Basic")) return false;
  const std::string_view given = field.substr(std::min(field.find_first_not_of(' ', space), field.size()));
  const std::string expected = absl::Base64Escape(fmt::format("{}:{}", credential.user, credential.password));
  return SameSecret(given, expected);
}

}  // namespace leash::net
