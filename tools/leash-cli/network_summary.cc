#include "network_summary.h"

#include <algorithm>

#include "base/host_port.h"
#include "fmt/format.h"

namespace leash::cli {
namespace {

constexpr std::size_t kMostRows = 1000;  // a program can ask for any number of names
constexpr std::size_t kMostLines = 25;
constexpr std::size_t kWidestHost = 48;

std::string Place(const std::string& host, std::uint16_t port) { return port == 0 ? host : base::HostPort(host, port); }

std::string Advice(NetworkOutcome outcome, const std::string& host, std::uint16_t port, const std::string& detail) {
  switch (outcome) {
    case NetworkOutcome::kDenied:
      return fmt::format("--allow-domain {}", Place(host, port));
    case NetworkOutcome::kDone:
      return "";
    default:
      return detail;
  }
}

}  // namespace

void NetworkSummary::Add(const NetworkEvent& event) {
  const bool allowed = event.verdict != Verdict::kDeny;
  // An allowed question for a name is followed by a connection, or by nothing of interest.
  if (allowed && event.request.protocol == Protocol::kDns && event.outcome == NetworkOutcome::kDone) return;
  const std::lock_guard lock(mutex_);
  const Key key{allowed && event.outcome == NetworkOutcome::kDone, event.request.host, event.request.port,
                event.outcome};
  if (rows_.size() >= kMostRows && !rows_.contains(key)) {
    ++others_;
    return;
  }
  Row& row = rows_[key];
  ++row.count;
  row.sent += event.bytes_sent;
  row.received += event.bytes_received;
  row.detail = event.detail;
}

std::vector<std::string> NetworkSummary::Lines() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::string> lines;
  if (rows_.empty()) {
    lines.emplace_back("nothing asked for the network");
    return lines;
  }
  std::size_t width = 0;
  for (const auto& [key, row] : rows_) width = std::max(width, Place(std::get<1>(key), std::get<2>(key)).size());
  width = std::min(width, kWidestHost);
  lines.emplace_back("network (how often, where, what came of it):");
  std::uint64_t more = others_;
  for (const auto& [key, row] : rows_) {
    if (lines.size() > kMostLines) {
      more += row.count;
      continue;
    }
    const auto& [done, host, port, outcome] = key;
    const std::string words =
        done ? fmt::format("{} bytes sent, {} received", row.sent, row.received)
             : fmt::format("{}  {}", NetworkOutcomeName(outcome), Advice(outcome, host, port, row.detail));
    lines.push_back(fmt::format("{:6}  {:{}}  {}", row.count, Place(host, port), width, words));
  }
  if (more > 0) lines.push_back(fmt::format("and {} others: see --audit-log", more));
  return lines;
}

}  // namespace leash::cli
