// net/lease_pool.h, against what it promises: bytes are read as what is done, one after another.
#include <map>
#include <string>

#include "fuzz/fuzz.h"
#include "net/lease_pool.h"

namespace leash::net {
namespace {

using fuzz::Check;

constexpr std::size_t kMost = 5;

// What is known of an address, without knowing how the pool works.
struct Known {
  std::string name;
  absl::Time expires;
  int holds = 0;
};

class Model {
 public:
  Model() : pool_({.most = kMost}) {}

  void Wait(int minutes) { now_ += absl::Minutes(minutes); }

  void Take(const std::string& name) {
    const auto lease = pool_.Take(name, now_);
    if (!lease.has_value()) {
      Check(known_.size() == kMost, "a pool that has room gives leases");
      for (const auto& [address, lease_of] : known_) {
        Check(lease_of.name != name, "a name keeps its lease");
        Check(lease_of.holds > 0 || lease_of.expires > now_, "an expired lease is reused");
      }
      return;
    }
    Known& known = known_[lease->v4];
    Check(known.name.empty() || known.name == name || (known.holds == 0 && known.expires <= now_),
          "a living lease is not given to another name");
    known.name = name;
    known.expires = now_ + absl::Minutes(10);
    Check(pool_.NameOf(lease->v4) == name && pool_.NameOf(lease->v6) == name, "both addresses mean the name");
    Check(known_.size() <= kMost, "there are no more leases than allowed");
  }

  void Hold(std::uint8_t number) {
    const IpAddress address = IpAddress::V4({198, 18, 0, number});
    const auto known = known_.find(address);
    Check(pool_.Hold(address) == (known != known_.end()), "what is leased can be held");
    if (known != known_.end()) ++known->second.holds;
  }

  void Release(std::uint8_t number) {
    const IpAddress address = IpAddress::V4({198, 18, 0, number});
    pool_.Release(address, now_);
    const auto known = known_.find(address);
    if (known == known_.end() || known->second.holds == 0) return;
    if (--known->second.holds == 0) known->second.expires = now_ + absl::Minutes(10);
  }

  void CheckNames() const {
    for (const auto& [address, known] : known_) Check(pool_.NameOf(address) == known.name, "an address means one name");
  }

 private:
  LeasePool pool_;
  absl::Time now_ = absl::UnixEpoch();
  std::map<IpAddress, Known> known_;
};

}  // namespace
}  // namespace leash::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  leash::net::Model model;
  for (std::size_t i = 0; i < std::min<std::size_t>(size, 500); ++i) {
    const std::uint8_t what = data[i] >> 6;
    const std::uint8_t which = data[i] & 7;
    if (what == 0) model.Take(std::string(1, static_cast<char>('a' + which)));
    if (what == 1) model.Hold(which);
    if (what == 2) model.Release(which);
    if (what == 3) model.Wait(which);
    model.CheckNames();
  }
  return 0;
}
