// net/dns_message.h: what is read can be answered, and the answer repeats what was read.
#include <string>

#include "fuzz/fuzz.h"
#include "net/dns_message.h"

namespace leash::net {
namespace {

using fuzz::Check;

// An answer without records is the question again, but for two flags and its code.
void CheckRepeats(const DnsQuestion& question, DnsBytes answer, DnsTransport transport) {
  Check((answer[2] & 0x80) != 0, "an answer says that it is one");
  Check(!ParseQuestion(answer, transport).has_value(), "an answer is no question");
  answer[2] &= 0x7f;
  const auto again = ParseQuestion(answer, transport);
  Check(again.has_value(), "the question in an answer can be read");
  Check(again->id == question.id && again->name == question.name && again->type == question.type &&
            again->query_class == question.query_class && again->section == question.section,
        "an answer repeats its question");
  Check(again->edns.has_value() == question.edns.has_value(), "an answer has OPT where its question has");
}

void CheckName(const std::string& name) {
  Check(name.size() <= 253, "a name has at most 253 characters");
  for (const char c : name) {
    Check((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.',
          "a name is lower case text");
  }
}

void CheckQuestion(const DnsQuestion& question, DnsTransport transport) {
  CheckName(question.name);
  for (const DnsBytes& answer :
       {NoData(question), NameError(question), Refused(question), ServerFailure(question), NotImplemented(question)}) {
    CheckRepeats(question, answer, transport);
  }
  for (const DnsBytes& answer :
       {AddressAnswer(question, IpAddress::V4({192, 0, 2, 1}), 60), PointerAnswer(question, question.name, 60),
        AddressAnswer(question, IpAddress::V6({0x20, 1, 0xd, 0xb8}), 60)}) {
    Check(answer.size() <= question.most, "an answer is no longer than the client takes");
    Check(!ParseQuestion(answer, transport).has_value(), "an answer is no question");
  }
  AddressOfReverseName(question.name);
}

}  // namespace
}  // namespace leash::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leash::net;  // NOLINT
  const leash::fuzz::Input input(data, size);
  const std::span<const std::uint8_t> message(reinterpret_cast<const std::uint8_t*>(input.bytes.data()),
                                              input.bytes.size());
  const DnsTransport transport = input.Chooses(0) ? DnsTransport::kTcp : DnsTransport::kUdp;
  if (const auto question = ParseQuestion(message, transport); question.has_value()) {
    CheckQuestion(*question, transport);
  }
  if (const auto answer = AnswerToUnreadable(message); answer.has_value()) {
    leash::fuzz::Check(!AnswerToUnreadable(*answer).has_value(), "no answer is given to an answer");
  }
  FirstTcpMessage(message);
  AddressOfReverseName(input.bytes);
  return 0;
}
