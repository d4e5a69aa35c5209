// Many patterns, compiled so that a request costs about the same however many there are.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "leash/network_request.h"
#include "net/host_pattern.h"

namespace leash::net {

struct PatternMatch {
  Verdict verdict = Verdict::kDeny;
  const HostPattern* pattern = nullptr;  // the one it comes from; none for kDeny. Owned by the set
};

// Immutable once made, so any thread may ask. Duplicates are harmless.
//
// How the proxy asks (see Verdict::kInspect):
//   a name          kDns or port 0: kAllow when all ports and protocols are allowed, kInspect when some are
//   a connection    kTcp: kAllow for a pattern without scheme, method and path; kInspect where only such patterns are
//   what it is      kTls, kHttp or kHttps: as the schemes of the patterns say, kInspect where it depends on requests
//   each request    kHttp or kHttps with method and path
// kInspect is also the answer to a request whose path servers read in different ways (NormalizePath), where a rule is
// about paths: as there is nothing more to learn, the proxy refuses it; and a negated list does not allow it.
class PatternSet {
 public:
  explicit PatternSet(std::vector<HostPattern> patterns);
  ~PatternSet();
  PatternSet(PatternSet&&) noexcept;
  PatternSet& operator=(PatternSet&&) noexcept;

  // Of all patterns that match, the verdict is the greatest. A pattern with the most specific host is named first.
  PatternMatch Match(const NetworkRequest& request) const;

 private:
  struct Rep;
  std::unique_ptr<const Rep> rep_;
};

}  // namespace leash::net
