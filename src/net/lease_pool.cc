#include "net/lease_pool.h"

#include <algorithm>
#include <iterator>
#include <limits>

namespace leash::net {
namespace {

// Bits of an address that the prefix leaves free, as far as a 64-bit number holds them.
int FreeBits(const IpPrefix& prefix) {
  return std::min(static_cast<int>(prefix.address.bytes().size()) * 8 - prefix.length, 63);
}

// Addresses between the first and the last.
std::uint64_t Usable(const IpPrefix& prefix) {
  const std::uint64_t all = std::uint64_t{1} << FreeBits(prefix);
  return all > 2 ? all - 2 : 0;
}

IpAddress Nth(const IpPrefix& prefix, std::uint64_t n) {
  const auto base = prefix.address.bytes();
  std::array<std::uint8_t, 16> bytes = {};
  std::copy(base.begin(), base.end(), bytes.begin());
  for (std::size_t i = base.size(); i-- > 0 && n > 0; n >>= 8) bytes[i] |= static_cast<std::uint8_t>(n & 0xff);
  if (!prefix.address.is_v4()) return IpAddress::V6(bytes);
  return IpAddress::V4({bytes[0], bytes[1], bytes[2], bytes[3]});
}

// Which address of the prefix it is; none where that is more than 64 bits tell.
std::optional<std::uint64_t> NumberOf(const IpPrefix& prefix, const IpAddress& address) {
  if (!prefix.Contains(address)) return std::nullopt;
  const auto base = prefix.address.bytes();
  const auto bytes = address.bytes();
  std::uint64_t n = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (n > std::numeric_limits<std::uint64_t>::max() >> 8) return std::nullopt;
    n = n << 8 | static_cast<std::uint64_t>(bytes[i] ^ base[i]);
  }
  return n;
}

}  // namespace

LeasePool::LeasePool(const LeaseSettings& settings) : settings_(settings) {
  const std::uint64_t usable = std::min(Usable(settings.v4), Usable(settings.v6));
  settings_.most = static_cast<std::size_t>(std::min<std::uint64_t>(settings.most, usable));
}

std::optional<Lease> LeasePool::Take(std::string_view name, absl::Time now) {
  const auto known = slot_of_name_.find(std::string(name));
  if (known != slot_of_name_.end()) {
    Renew(slots_[known->second], now);
    return LeaseOf(known->second);
  }
  const auto number = SlotFor(now);
  if (!number.has_value()) return std::nullopt;
  Slot& slot = slots_[*number];
  slot.name = name;
  slot_of_name_[slot.name] = *number;
  Renew(slot, now);
  return LeaseOf(*number);
}

// A slot without a name, in idle_.
std::optional<std::size_t> LeasePool::SlotFor(absl::Time now) {
  if (slots_.size() < settings_.most) {
    slots_.emplace_back();
    slots_.back().place = idle_.insert(idle_.end(), slots_.size() - 1);
    return slots_.size() - 1;
  }
  // All leases last equally long: if the one that was used first lives, so do all.
  if (idle_.empty() || slots_[idle_.front()].expires > now) return std::nullopt;
  slot_of_name_.erase(slots_[idle_.front()].name);
  return idle_.front();
}

void LeasePool::Renew(Slot& slot, absl::Time now) {
  slot.expires = now + settings_.ttl + settings_.margin;
  if (slot.holds == 0) idle_.splice(idle_.end(), idle_, slot.place);
}

std::optional<std::size_t> LeasePool::SlotOf(const IpAddress& address) const {
  const auto number = NumberOf(address.is_v4() ? settings_.v4 : settings_.v6, address);
  if (!number.has_value() || *number == 0 || *number > slots_.size()) return std::nullopt;
  return static_cast<std::size_t>(*number - 1);
}

Lease LeasePool::LeaseOf(std::size_t slot) const { return {Nth(settings_.v4, slot + 1), Nth(settings_.v6, slot + 1)}; }

std::optional<std::string> LeasePool::NameOf(const IpAddress& address) const {
  const auto slot = SlotOf(address);
  if (!slot.has_value()) return std::nullopt;
  return slots_[*slot].name;
}

bool LeasePool::Hold(const IpAddress& address) {
  const auto number = SlotOf(address);
  if (!number.has_value()) return false;
  Slot& slot = slots_[*number];
  if (slot.holds++ == 0) idle_.erase(slot.place);
  return true;
}

void LeasePool::Release(const IpAddress& address, absl::Time now) {
  const auto number = SlotOf(address);
  if (!number.has_value() || slots_[*number].holds == 0) return;
  Slot& slot = slots_[*number];
  if (--slot.holds > 0) return;
  slot.place = idle_.insert(idle_.end(), *number);
  Renew(slot, now);
}

}  // namespace leash::net
