// leash::AllowList: patterns, parsed and compiled.
#include <algorithm>
#include <iterator>

#include "leash/network.h"
#include "net/host_pattern.h"
#include "net/pattern_set.h"

namespace leash {
namespace {

template <typename Texts>
std::shared_ptr<const net::PatternSet> Compile(const Texts& texts, absl::Status& status) {
  std::vector<net::HostPattern> patterns;
  for (const std::string_view text : texts) {
    auto pattern = net::HostPattern::Parse(text);
    if (pattern.ok()) {
      patterns.push_back(*std::move(pattern));
    } else {
      status.Update(pattern.status());
    }
  }
  return std::make_shared<const net::PatternSet>(std::move(patterns));
}

}  // namespace

AllowList::AllowList(std::initializer_list<std::string_view> patterns) : patterns_(Compile(patterns, status_)) {}

AllowList::AllowList(const std::vector<std::string>& patterns) : patterns_(Compile(patterns, status_)) {}

Ruling AllowList::Check(const NetworkRequest& request) const {
  const net::PatternMatch match = patterns_->Match(request);
  if (match.pattern == nullptr) return {match.verdict, ""};
  return {match.verdict, match.pattern->text, match.pattern->hosts == net::HostPattern::Hosts::kAddresses};
}

}  // namespace leash
