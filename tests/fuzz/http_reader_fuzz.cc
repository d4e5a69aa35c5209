// net/http_reader.h: what is found does not depend on how the bytes are split, and what is forwarded is read as what
// was received.
#include <string>
#include <vector>

#include "fuzz/fuzz.h"
#include "net/http_reader.h"

namespace leash::net {
namespace {

using fuzz::Check;

struct Setting {
  HttpKind kind;
  std::string answers_to;
  HttpLimits limits;
  bool finish;
};

Setting SettingOf(const fuzz::Input& input) {
  Setting setting;
  setting.kind = input.Chooses(0) ? HttpKind::kResponse : HttpKind::kRequest;
  if (input.Chooses(1)) setting.answers_to = input.Chooses(2) ? "HEAD" : "CONNECT";
  if (input.Chooses(3)) {
    setting.limits = {.start_line = 40, .head = 100, .fields = 4, .body = 20, .chunk_line = 10, .trailers = 20};
  }
  setting.finish = input.Chooses(4);
  return setting;
}

struct Message {
  HttpHead head;
  std::string body;
  HttpFields trailers;
  bool whole = false;
};

struct Reading {
  std::vector<Message> messages;
  HttpError error;
};

void Note(Reading& reading, const HttpReader& reader, const HttpProgress& progress, std::string_view input) {
  switch (progress.found) {
    case HttpFound::kHead:
      reading.messages.push_back({reader.head(), {}, {}, false});
      break;
    case HttpFound::kBody:
      Check(!progress.body.empty(), "a piece of a body is not empty");
      Check(progress.body.data() >= input.data() &&
                progress.body.data() + progress.body.size() <= input.data() + progress.consumed,
            "a piece of a body is a part of what was consumed");
      reading.messages.back().body += progress.body;
      break;
    case HttpFound::kEnd:
      reading.messages.back().trailers = reader.trailers();
      reading.messages.back().whole = true;
      break;
    case HttpFound::kError:
      reading.error = reader.error();
      break;
    case HttpFound::kNothing:
      break;
  }
}

template <typename S>
Reading Read(std::string_view bytes, const Setting& setting, S sizes) {
  HttpReader reader(setting.kind, setting.limits);
  reader.AnswersTo(setting.answers_to);
  Reading reading;
  std::size_t at = 0;
  std::size_t end = 0;
  while (true) {
    const std::string_view input = bytes.substr(at, end - at);
    const HttpProgress progress = reader.Read(input);
    Check(progress.consumed <= input.size(), "no more is consumed than there is");
    Note(reading, reader, progress, input);
    at += progress.consumed;
    if (progress.found == HttpFound::kError) return reading;
    if (progress.found != HttpFound::kNothing) continue;
    Check(at == end, "waiting consumes everything");
    if (end == bytes.size()) break;
    end += std::min(sizes.Next(), bytes.size() - end);
  }
  if (setting.finish) Note(reading, reader, reader.Finish(), {});
  return reading;
}

bool Same(const HttpHead& a, const HttpHead& b) {
  return a.method == b.method && a.target == b.target && a.status == b.status && a.reason == b.reason &&
         a.fields == b.fields && a.framing == b.framing && a.content_length == b.content_length &&
         a.keep_alive == b.keep_alive && a.upgrade == b.upgrade && a.expect_continue == b.expect_continue;
}

void CheckSame(const Reading& a, const Reading& b) {
  Check(a.messages.size() == b.messages.size(), "the number of messages does not depend on the split");
  Check(a.error.status == b.error.status && a.error.reason == b.error.reason, "nor does an error");
  for (std::size_t i = 0; i < a.messages.size(); ++i) {
    Check(Same(a.messages[i].head, b.messages[i].head), "nor does a head");
    Check(a.messages[i].body == b.messages[i].body, "nor does a body");
    Check(a.messages[i].trailers == b.messages[i].trailers && a.messages[i].whole == b.messages[i].whole,
          "nor does an end");
  }
}

// As a proxy would forward it, with the body in one piece.
std::string Written(const Message& message) {
  HttpHead head = message.head;
  RemoveHopByHop(head.fields);
  std::string out = head.request ? WriteRequestHead(head) : WriteResponseHead(head);
  if (head.framing != HttpFraming::kChunked) return out + message.body;
  AppendChunk(out, message.body);
  return out + LastChunk(message.trailers);
}

void CheckForwarding(const Message& message, const Setting& setting) {
  const HttpHead& head = message.head;
  // Written as HTTP/1.1, which wants a Host and upgrades.
  if (!message.whole || (head.request && !FindField(head.fields, "host").has_value())) return;
  Setting next = setting;
  next.limits = {};
  next.finish = head.framing == HttpFraming::kUntilClose;
  const Reading again = Read(Written(message), next, fuzz::Whole());
  Check(again.error.status == 0, "what is forwarded is no error");
  Check(again.messages.size() == 1 && again.messages[0].whole, "one message is forwarded as one");
  const Message& forwarded = again.messages[0];
  Check(forwarded.body == message.body && forwarded.trailers == message.trailers, "a body is forwarded");
  const HttpHead& out = forwarded.head;
  Check(out.method == head.method && out.target == head.target && out.status == head.status &&
            out.framing == head.framing && out.content_length == head.content_length &&
            out.keep_alive == head.keep_alive && out.upgrade == head.upgrade,
        "a head is forwarded");
}

void CheckTarget(const HttpHead& head) {
  const auto target = ParseTarget(head.method, head.target);
  if (!target.has_value()) return;
  const bool has_path = target->form != HttpTargetForm::kAuthority;
  Check(has_path != target->path.empty(), "a target has a path, unless it is an authority");
  const bool has_host = target->form == HttpTargetForm::kAbsolute || target->form == HttpTargetForm::kAuthority;
  Check(has_host != target->authority.host.empty(), "a host is where the form has one");
  Check(target->authority.host.find('@') == std::string::npos, "a host holds no user");
}

}  // namespace
}  // namespace leash::net

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace leash::net;  // NOLINT
  const leash::fuzz::Input input(data, size);
  const Setting setting = SettingOf(input);
  const Reading whole = Read(input.bytes, setting, leash::fuzz::Whole());
  CheckSame(whole, Read(input.bytes, setting, leash::fuzz::Sizes(size)));
  Setting one = setting;
  for (const Message& message : whole.messages) {
    CheckForwarding(message, one);
    // It was this response that answered.
    if (message.head.status >= 200 || message.head.status == 101) one.answers_to.clear();
    if (message.head.request) CheckTarget(message.head);
  }
  return 0;
}
