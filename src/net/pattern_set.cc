#include "net/pattern_set.h"

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>

#include "net/host_name.h"
#include "net/ip_address.h"
#include "net/port_table.h"
#include "net/url_path.h"

namespace leash::net {
namespace {

// What a pattern asks for besides host and port: what must be spoken, and whether that is all.
enum Kind : std::size_t { kAnything, kTls, kHttp, kRequest, kHttpRequest, kHttpsRequest, kKinds };

enum class Step { kDeny, kInspect, kAllow, kLook };  // kLook: at method and path

// For each kind, in the order above, what follows from what is spoken.
struct StepRow {
  Step tcp;
  Step tls;
  Step http;
  Step https;
};
constexpr std::array<StepRow, kKinds> kSteps = {
    StepRow{Step::kAllow, Step::kAllow, Step::kAllow, Step::kAllow},    // no scheme
    StepRow{Step::kInspect, Step::kAllow, Step::kDeny, Step::kAllow},   // tls:// and https://
    StepRow{Step::kInspect, Step::kDeny, Step::kAllow, Step::kDeny},    // http://
    StepRow{Step::kInspect, Step::kInspect, Step::kLook, Step::kLook},  // a request, no scheme
    StepRow{Step::kInspect, Step::kDeny, Step::kLook, Step::kDeny},     // a request, http://
    StepRow{Step::kInspect, Step::kInspect, Step::kDeny, Step::kLook},  // a request, https://
};

Kind KindOf(const HostPattern& pattern) {
  const bool request = pattern.NeedsRequest();
  switch (pattern.scheme) {
    case Scheme::kAny:
      return request ? kRequest : kAnything;
    case Scheme::kTls:
      return kTls;
    case Scheme::kHttp:
      return request ? kHttpRequest : kHttp;
    case Scheme::kHttps:
      return request ? kHttpsRequest : kTls;
  }
  return kAnything;
}

Step StepFor(Kind kind, Protocol protocol) {
  const StepRow& row = kSteps.at(kind);
  switch (protocol) {
    case Protocol::kTls:
      return row.tls;
    case Protocol::kHttp:
      return row.http;
    case Protocol::kHttps:
      return row.https;
    case Protocol::kTcp:
    case Protocol::kDns:
      break;
  }
  return row.tcp;
}

// One request, with what is worked out about it at most once.
class Question {
 public:
  explicit Question(const NetworkRequest& request) : request_(request) {}

  const NetworkRequest& request() const { return request_; }
  bool IsForName() const {
    return request_.port == 0 || request_.protocol == Protocol::kDns || request_.arrival == Arrival::kDns;
  }
  // None: servers disagree about it.
  const std::optional<std::string>& path() {
    if (!path_.has_value()) path_ = NormalizePath(request_.path);
    return *path_;
  }

 private:
  const NetworkRequest& request_;
  std::optional<std::optional<std::string>> path_;
};

// The greatest verdict so far. What came first stays, among equals.
class Best {
 public:
  void Offer(Verdict verdict, const HostPattern* pattern) {
    if (verdict > match_.verdict) match_ = {verdict, pattern};
  }
  bool IsFinal() const { return match_.verdict == Verdict::kAllow; }
  const PatternMatch& match() const { return match_; }

 private:
  PatternMatch match_;
};

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};
template <typename T>
using Map = std::unordered_map<std::string, T, Hash, std::equal_to<>>;
using Patterns = std::vector<const HostPattern*>;

bool AcceptsRequest(const HostPattern& pattern, const NetworkRequest& request) {
  return pattern.ports.from <= request.port && request.port <= pattern.ports.to &&
         StepFor(KindOf(pattern), request.protocol) == Step::kLook &&
         (pattern.methods.empty() ||
          std::binary_search(pattern.methods.begin(), pattern.methods.end(), request.method));
}

// The patterns about requests to one host, by their paths.
class RequestRules {
 public:
  void Add(const HostPattern& pattern) {
    if (!pattern.path.has_value() || *pattern.path == PathPattern{"/", true}) return any_path_.push_back(&pattern);
    with_path_.push_back(&pattern);
    if (pattern.path->below) {
      below_[pattern.path->path].push_back(&pattern);
      longest_below_ = std::max(longest_below_, pattern.path->path.size());
    } else {
      exact_[pattern.path->path].push_back(&pattern);
    }
  }

  void Ask(Question& question, Best& best) const {
    if (OfferFirst(any_path_, question, Verdict::kAllow, best) || with_path_.empty()) return;
    if (!question.path().has_value()) {
      OfferFirst(with_path_, question, Verdict::kInspect, best);
      return;
    }
    const std::string_view path = *question.path();
    if (OfferFirst(Find(exact_, path), question, Verdict::kAllow, best)) return;
    // No longer than the longest rule: the request's length is the program's choice.
    std::string_view prefix = path.substr(0, longest_below_);
    while (!prefix.empty()) {
      prefix = prefix.substr(0, prefix.rfind('/') + 1);
      if (OfferFirst(Find(below_, prefix), question, Verdict::kAllow, best)) return;
      prefix.remove_suffix(1);
    }
  }

 private:
  static std::span<const HostPattern* const> Find(const Map<Patterns>& map, std::string_view path) {
    const auto found = map.find(path);
    return found == map.end() ? std::span<const HostPattern* const>() : found->second;
  }
  static bool OfferFirst(std::span<const HostPattern* const> patterns, const Question& question, Verdict verdict,
                         Best& best) {
    for (const HostPattern* pattern : patterns) {
      if (!AcceptsRequest(*pattern, question.request())) continue;
      best.Offer(verdict, pattern);
      return true;
    }
    return false;
  }

  Patterns any_path_;
  Patterns with_path_;  // all in exact_ and below_
  Map<Patterns> exact_;
  Map<Patterns> below_;
  std::size_t longest_below_ = 0;
};

// The patterns for one host, or for all below it.
class HostRules {
 public:
  void Add(const HostPattern& pattern) {
    tables_[KindOf(pattern)].Add(pattern);
    if (!pattern.NeedsRequest()) return;
    if (requests_ == nullptr) requests_ = std::make_unique<RequestRules>();
    requests_->Add(pattern);
  }
  void Seal() {
    for (PortTable& table : tables_) table.Seal();
  }

  void Ask(Question& question, Best& best) const {
    if (question.IsForName()) return AskForName(best);
    const HostPattern* look = nullptr;
    for (std::size_t kind = 0; kind < kKinds; ++kind) {
      const HostPattern* pattern = tables_[kind].Find(question.request().port);
      if (pattern == nullptr) continue;
      const Step step = StepFor(static_cast<Kind>(kind), question.request().protocol);
      if (step == Step::kAllow) best.Offer(Verdict::kAllow, pattern);
      if (step == Step::kInspect) best.Offer(Verdict::kInspect, pattern);
      if (step == Step::kLook && look == nullptr) look = pattern;
    }
    if (look == nullptr || best.IsFinal()) return;
    if (question.request().method.empty()) return best.Offer(Verdict::kInspect, look);
    requests_->Ask(question, best);
  }

 private:
  void AskForName(Best& best) const {
    if (tables_[kAnything].IsComplete()) return best.Offer(Verdict::kAllow, tables_[kAnything].First());
    for (const PortTable& table : tables_) {
      if (table.First() != nullptr) best.Offer(Verdict::kInspect, table.First());
    }
  }

  std::array<PortTable, kKinds> tables_;
  std::unique_ptr<RequestRules> requests_;
};

// The address's first `length` bits as a key: no two prefixes of one family share one.
std::string PrefixKey(const IpAddress& address, int length) {
  const auto bytes = address.bytes();
  std::string key(bytes.begin(), bytes.end());
  for (int bit = length; bit < static_cast<int>(bytes.size()) * 8; ++bit) {
    char& byte = key[static_cast<std::size_t>(bit / 8)];
    byte = static_cast<char>(byte & ~(0x80 >> (bit % 8)));
  }
  key.push_back(static_cast<char>(length));
  return key;
}

}  // namespace

struct PatternSet::Rep {
  explicit Rep(std::vector<HostPattern> all) : patterns(std::move(all)) {
    for (const HostPattern& pattern : patterns) Add(pattern);
    for (auto* map : {&at, &below, &prefixes}) {
      for (auto& [key, rules] : *map) rules.Seal();
    }
    everywhere.Seal();
  }

  void Add(const HostPattern& pattern) {
    switch (pattern.hosts) {
      case HostPattern::Hosts::kExact:
        return at[pattern.host].Add(pattern);
      case HostPattern::Hosts::kAtAndBelow:
        at[pattern.host].Add(pattern);
        return below[pattern.host].Add(pattern);
      case HostPattern::Hosts::kBelow:
        return below[pattern.host].Add(pattern);
      case HostPattern::Hosts::kAll:
        return everywhere.Add(pattern);
      case HostPattern::Hosts::kAddresses:
        break;
    }
    prefixes[PrefixKey(pattern.prefix.address, pattern.prefix.length)].Add(pattern);
    std::vector<int>& known = LengthsOf(pattern.prefix.address);
    if (std::find(known.begin(), known.end(), pattern.prefix.length) != known.end()) return;
    known.push_back(pattern.prefix.length);
    std::sort(known.begin(), known.end(), std::greater<>());
  }

  std::vector<int>& LengthsOf(const IpAddress& address) { return lengths[address.is_v4() ? 0 : 1]; }

  // False: nothing more to ask.
  static bool AskAt(const Map<HostRules>& map, std::string_view key, Question& question, Best& best) {
    const auto found = map.find(key);
    if (found != map.end()) found->second.Ask(question, best);
    return !best.IsFinal();
  }

  void AskName(std::string_view name, Question& question, Best& best) const {
    if (!AskAt(at, name, question, best)) return;
    for (std::size_t dot = name.find('.'); dot != std::string_view::npos; dot = name.find('.', dot + 1)) {
      if (!AskAt(below, name.substr(dot + 1), question, best)) return;
    }
  }

  void AskAddress(const IpAddress& address, Question& question, Best& best) const {
    for (const int length : lengths[address.is_v4() ? 0 : 1]) {
      if (!AskAt(prefixes, PrefixKey(address, length), question, best)) return;
    }
  }

  const std::vector<HostPattern> patterns;
  Map<HostRules> at;     // names themselves
  Map<HostRules> below;  // names below these
  Map<HostRules> prefixes;
  std::array<std::vector<int>, 2> lengths;  // of the prefixes of IPv4 and IPv6, the longest first
  HostRules everywhere;
};

PatternSet::PatternSet(std::vector<HostPattern> patterns) : rep_(std::make_unique<const Rep>(std::move(patterns))) {}
PatternSet::~PatternSet() = default;
PatternSet::PatternSet(PatternSet&&) noexcept = default;
PatternSet& PatternSet::operator=(PatternSet&&) noexcept = default;

PatternMatch PatternSet::Match(const NetworkRequest& request) const {
  std::string normalized;
  std::string_view host = request.host;
  if (!IsNormalHost(host)) {
    if (NormalizeHostTo(host, normalized).has_value()) return {};
    host = normalized;
  }
  Question question(request);
  Best best;
  // Names that end in a number are no normal hosts.
  const bool is_address = host.find(':') != std::string_view::npos || (host.back() >= '0' && host.back() <= '9');
  const auto address = is_address ? IpAddress::Parse(host) : std::nullopt;
  if (address.has_value()) {
    rep_->AskAddress(*address, question, best);
  } else {
    rep_->AskName(host, question, best);
  }
  if (!best.IsFinal()) rep_->everywhere.Ask(question, best);
  return best.match();
}

}  // namespace leash::net
