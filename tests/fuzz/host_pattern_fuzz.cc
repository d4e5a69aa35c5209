// Patterns, hosts and paths from anywhere: nothing may crash, and what is accepted must be consistent.
//
// The input is lines: the first is a request's host, the second its path, the others are patterns.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "leash/network_request.h"
#include "net/host_name.h"
#include "net/host_pattern.h"
#include "net/pattern_set.h"
#include "net/url_path.h"

namespace {

using leash::net::HostPattern;

void Require(bool holds) {
  if (!holds) std::abort();
}

std::string_view TakeLine(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return line;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  leash::NetworkRequest request{std::string(TakeLine(rest)), 443, leash::Protocol::kHttps};
  request.method = "GET";
  request.path = std::string(TakeLine(rest));

  if (const auto host = leash::net::NormalizeHost(request.host); host.ok()) {
    Require(leash::net::IsNormalHost(*host) && leash::net::NormalizeHost(*host).value() == *host);
  }
  if (const auto path = leash::net::NormalizePath(request.path)) {
    Require(leash::net::NormalizePath(*path) == path);
  }

  std::vector<HostPattern> patterns;
  auto greatest = leash::Verdict::kDeny;
  while (!rest.empty() && patterns.size() < 16) {
    auto pattern = HostPattern::Parse(TakeLine(rest));
    if (!pattern.ok()) continue;
    const auto alone = leash::net::PatternSet({*pattern}).Match(request).verdict;
    if (alone > greatest) greatest = alone;
    patterns.push_back(*std::move(pattern));
  }
  Require(leash::net::PatternSet(std::move(patterns)).Match(request).verdict == greatest);
  return 0;
}
