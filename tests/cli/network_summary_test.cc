#include "network_summary.h"

#include "gmock/gmock.h"

namespace leash::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

NetworkEvent Event(const std::string& host, std::uint16_t port, NetworkOutcome outcome) {
  NetworkEvent event;
  event.request.host = host;
  event.request.port = port;
  event.verdict = outcome == NetworkOutcome::kDenied ? Verdict::kDeny : Verdict::kAllow;
  event.outcome = outcome;
  event.detail = outcome == NetworkOutcome::kDone ? "" : "why";
  event.bytes_sent = 1;
  event.bytes_received = 10;
  return event;
}

TEST(NetworkSummary, CountsAndNamesTheOptionThatWouldAllow) {
  NetworkSummary summary;
  EXPECT_THAT(summary.Lines(), ElementsAre("nothing asked for the network"));
  for (int i = 0; i < 3; ++i) summary.Add(Event("good.example", 443, NetworkOutcome::kDone));
  summary.Add(Event("bad.example", 443, NetworkOutcome::kDenied));
  summary.Add(Event("2001:db8::1", 22, NetworkOutcome::kDenied));
  summary.Add(Event("slow.example", 80, NetworkOutcome::kTimedOut));
  EXPECT_THAT(summary.Lines(),
              ElementsAre(HasSubstr("network"), HasSubstr("--allow-domain [2001:db8::1]:22"),
                          HasSubstr("--allow-domain bad.example:443"), AllOf(HasSubstr("timed_out"), HasSubstr("why")),
                          AllOf(HasSubstr("3  good.example:443"), HasSubstr("3 bytes sent, 30 received"))));
}

TEST(NetworkSummary, LeavesOutNamesThatWereAnswered) {
  NetworkSummary summary;
  NetworkEvent name = Event("good.example", 0, NetworkOutcome::kDone);
  name.request.protocol = Protocol::kDns;
  summary.Add(name);
  EXPECT_THAT(summary.Lines(), ElementsAre("nothing asked for the network"));
}

TEST(NetworkSummary, IsBoundedWhateverAProgramAsksFor) {
  NetworkSummary summary;
  for (int i = 0; i < 5000; ++i) summary.Add(Event("h" + std::to_string(i) + ".example", 1, NetworkOutcome::kDenied));
  const auto lines = summary.Lines();
  EXPECT_LE(lines.size(), 30U);
  EXPECT_THAT(lines.back(), HasSubstr("4975 others"));
}

}  // namespace
}  // namespace leash::cli
