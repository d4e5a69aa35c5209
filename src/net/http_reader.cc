// Beast is given whole pieces (a head, the line of a chunk, trailers) and parts of a body. Where a piece ends is found
// here, byte by byte, and with it the bytes that belong in none.
#include "net/http_reader.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "net/http_beast.h"

namespace leash::net {
namespace {

bool IsVisible(char c) { return absl::ascii_isgraph(static_cast<unsigned char>(c)); }

// Of a line that Beast wants more behind: an extension without an end looks the same to it.
bool IsLastChunk(std::string_view line) {
  const std::size_t end = line.find_first_not_of('0');
  return end != 0 &&
         (end == std::string_view::npos || std::string_view("; \t").find(line[end]) != std::string_view::npos);
}

}  // namespace

struct HttpReader::Rep {
  enum class State {
    kHead,
    kBody,      // of a length, of a chunk, or until close
    kChunk,     // the line before a chunk, with the end of the chunk before it
    kTrailers,  // behind the line of the last chunk
    kEnd,       // to be told
    kError,
  };

  Rep(HttpKind which, const HttpLimits& most) : kind(which), limits(most) {}

  HttpProgress Read(std::string_view input);
  HttpProgress ReadHead(std::string_view input);
  HttpProgress ReadBody(std::string_view input);
  HttpProgress ReadChunkLine(std::string_view input);
  HttpProgress ReadTrailers(std::string_view input);
  HttpProgress End(std::size_t consumed);
  HttpProgress Fail(std::size_t consumed, int status, std::string_view reason);

  // Adds input to `buffer` up to the end of a line. False: no whole line yet, or an error.
  bool TakeLine(std::string_view input, std::size_t& consumed);
  bool TakeByte(char c);
  // As TakeLine, up to an empty line. `limit` is for what `buffer` holds.
  bool TakeLines(std::string_view input, std::size_t& consumed, std::size_t limit);
  std::string_view LastLine() const;
  void ClearBuffer();

  // False with `error` set.
  bool Error(int status, std::string_view reason);
  // True where there is none.
  bool Pass(const std::optional<HttpError>& problem);
  bool Put(std::string_view bytes, std::size_t* consumed = nullptr);
  bool ParseHead();
  bool CheckStart();
  bool CheckTrailers();

  HttpKind kind;
  HttpLimits limits;
  State state = State::kHead;
  HttpError error;

  std::string buffer;          // a piece that is not whole yet
  std::size_t line_start = 0;  // in buffer: of the line that is being read
  std::size_t last_line = 0;   // in buffer: of the line that was read last
  std::size_t lines = 0;       // in buffer, whole ones
  bool skipped_line = false;   // an empty one before this request

  BeastParser parser;
  BeastFindings& findings = parser.findings;
  std::string answered_method;
  std::uint64_t left = 0;   // of a chunk or of a length
  std::uint64_t total = 0;  // of the body so far
};

bool HttpReader::Rep::Error(int status, std::string_view reason) {
  state = State::kError;
  error = {kind == HttpKind::kRequest ? status : 502, std::string(reason)};
  return false;
}

HttpProgress HttpReader::Rep::Fail(std::size_t consumed, int status, std::string_view reason) {
  Error(status, reason);
  return {consumed, HttpFound::kError, {}};
}

void HttpReader::Rep::ClearBuffer() {
  buffer.clear();
  line_start = last_line = lines = 0;
}

std::string_view HttpReader::Rep::LastLine() const {
  return std::string_view(buffer).substr(last_line, line_start - last_line - 2);
}

bool HttpReader::Rep::TakeByte(char c) {
  const bool after_cr = buffer.size() > line_start && buffer.back() == '\r';
  if (after_cr != (c == '\n')) return Error(400, "a line that does not end in CR LF");
  if ((static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\r' && c != '\n') || c == 0x7f) {
    return Error(400, "a control byte outside a body");
  }
  if (buffer.size() == line_start && (c == ' ' || c == '\t')) return Error(400, "a line that begins with white space");
  if (state == State::kChunk && total > 0 && buffer.empty() && c != '\r') {
    return Error(400, "a chunk that is longer than its size");
  }
  buffer.push_back(c);
  return true;
}

bool HttpReader::Rep::TakeLine(std::string_view input, std::size_t& consumed) {
  while (consumed < input.size()) {
    const char c = input[consumed++];
    if (!TakeByte(c)) return false;
    if (c != '\n') continue;
    last_line = std::exchange(line_start, buffer.size());
    ++lines;
    return true;
  }
  return false;
}

bool HttpReader::Rep::TakeLines(std::string_view input, std::size_t& consumed, std::size_t limit) {
  while (true) {
    if (buffer.size() > limit) return Error(431, "too many bytes of header fields");
    // One byte more than allowed is enough to know; and no more of it is looked at, however the input is split.
    const std::size_t room = limit + 1 - buffer.size();
    const bool whole = TakeLine(input.substr(0, std::min(input.size(), consumed + room)), consumed);
    if (state == State::kError) return false;
    if (buffer.size() > limit) return Error(431, "too many bytes of header fields");
    if (!whole) return false;
    if (LastLine().empty()) return true;
    if (lines > limits.fields + 1) return Error(431, "too many header fields");
  }
}

bool HttpReader::Rep::Pass(const std::optional<HttpError>& problem) {
  return !problem.has_value() || Error(problem->status, problem->reason);
}

bool HttpReader::Rep::Put(std::string_view bytes, std::size_t* consumed) { return Pass(parser.Put(bytes, consumed)); }

HttpProgress HttpReader::Rep::Read(std::string_view input) {
  switch (state) {
    case State::kHead:
      return ReadHead(input);
    case State::kBody:
      return ReadBody(input);
    case State::kChunk:
      return ReadChunkLine(input);
    case State::kTrailers:
      return ReadTrailers(input);
    case State::kEnd:
      return End(0);
    case State::kError:
      break;
  }
  return {0, HttpFound::kError, {}};
}

HttpProgress HttpReader::Rep::End(std::size_t consumed) {
  ClearBuffer();
  skipped_line = false;
  state = State::kHead;
  return {consumed, HttpFound::kEnd, {}};
}

HttpProgress HttpReader::Rep::ReadHead(std::string_view input) {
  HttpProgress progress;
  if (lines == 0) {
    const std::size_t room = limits.start_line + 3 - buffer.size();  // CR LF and one too many
    const bool whole = TakeLine(input.substr(0, std::min(input.size(), room)), progress.consumed);
    if (state == State::kError) return {progress.consumed, HttpFound::kError, {}};
    if (buffer.size() > limits.start_line + 2) return Fail(progress.consumed, 414, "a request target that is too long");
    if (!whole) return progress;
    if (LastLine().empty()) {
      if (kind == HttpKind::kResponse || skipped_line) return Fail(progress.consumed, 400, "an empty start line");
      ClearBuffer();
      skipped_line = true;
      HttpProgress rest = ReadHead(input.substr(progress.consumed));
      rest.consumed += progress.consumed;
      return rest;
    }
  }
  if (TakeLines(input, progress.consumed, limits.head) && ParseHead()) {
    progress.found = HttpFound::kHead;
  } else if (state == State::kError) {
    progress.found = HttpFound::kError;
  }
  return progress;
}

bool HttpReader::Rep::ParseHead() {
  total = 0;
  parser.Begin(kind == HttpKind::kRequest);
  if (kind == HttpKind::kResponse) {
    // "HTTP/1.1 200" and no more: Beast wants the space before the reason.
    constexpr std::size_t kShort = sizeof("HTTP/1.1 200") - 1;
    if (buffer.find('\r') == kShort) buffer.insert(kShort, 1, ' ');
  }
  // Beast reads the start line and the fields in one go, but stops where it wants more.
  if (!Put(buffer)) return false;
  if (!findings.head_done) return Error(400, "an incomplete head");
  if (!CheckStart() || !Pass(CheckHost(findings.head))) return false;
  if (!Pass(DeriveFraming(findings.head, answered_method, limits.body))) return false;
  DeriveConnection(findings.head);
  if (findings.head.status >= 200 || findings.head.status == 101) answered_method.clear();
  ClearBuffer();
  switch (findings.head.framing) {
    case HttpFraming::kNone:
      state = State::kEnd;
      break;
    case HttpFraming::kChunked:
      state = State::kChunk;
      break;
    case HttpFraming::kUntilClose:
      state = State::kBody;
      break;
    case HttpFraming::kLength:
      left = *findings.head.content_length;
      state = left > 0 ? State::kBody : State::kEnd;
      break;
  }
  return true;
}

bool HttpReader::Rep::CheckStart() {
  const HttpHead& head = findings.head;
  if (kind == HttpKind::kResponse) return head.status >= 100 || Error(502, "a status below 100");
  if (!std::all_of(head.target.begin(), head.target.end(), IsVisible)) {
    return Error(400, "a request target with bytes that are no visible ASCII");
  }
  return true;
}

HttpProgress HttpReader::Rep::ReadBody(std::string_view input) {
  HttpProgress progress;
  if (input.empty()) return progress;
  const bool endless = findings.head.framing == HttpFraming::kUntilClose;
  const std::uint64_t room = endless ? limits.body - total : left;
  if (room == 0) return Fail(0, 413, "too long a body");
  input = input.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(room, input.size())));
  if (findings.head.framing == HttpFraming::kLength) {  // nothing to find in it
    left -= input.size();
    if (left == 0) state = State::kEnd;
    return {input.size(), HttpFound::kBody, input};
  }
  if (!Put(input, &progress.consumed)) return {progress.consumed, HttpFound::kError, {}};
  progress.found = HttpFound::kBody;
  progress.body = std::exchange(findings.body, {});
  if (endless) {
    total += progress.body.size();
    return progress;
  }
  left -= progress.body.size();
  if (left == 0) state = findings.head.framing == HttpFraming::kChunked ? State::kChunk : State::kEnd;
  return progress;
}

HttpProgress HttpReader::Rep::ReadChunkLine(std::string_view input) {
  HttpProgress progress;
  const std::size_t lines_before = total > 0 ? 2 : 1;  // the end of the chunk before is an empty line
  while (lines < lines_before) {
    const std::size_t room = limits.chunk_line + 1 - buffer.size();
    const bool whole = TakeLine(input.substr(0, std::min(input.size(), progress.consumed + room)), progress.consumed);
    if (state == State::kError) return {progress.consumed, HttpFound::kError, {}};
    if (buffer.size() > limits.chunk_line) return Fail(progress.consumed, 400, "too long a line before a chunk");
    if (!whole) return progress;
  }
  if (!Put(buffer)) return {progress.consumed, HttpFound::kError, {}};
  if (parser.needs_more()) {  // the last chunk: Beast wants the trailers with it
    if (!IsLastChunk(LastLine())) return Fail(progress.consumed, 400, "a line that begins no chunk");
    lines = 0;
    state = State::kTrailers;
    HttpProgress rest = ReadTrailers(input.substr(progress.consumed));
    rest.consumed += progress.consumed;
    return rest;
  }
  if (findings.chunk > limits.body - total) return Fail(progress.consumed, 413, "too long a body");
  total += findings.chunk;
  left = findings.chunk;
  ClearBuffer();
  state = State::kBody;
  HttpProgress rest = ReadBody(input.substr(progress.consumed));
  rest.consumed += progress.consumed;
  return rest;
}

HttpProgress HttpReader::Rep::ReadTrailers(std::string_view input) {
  HttpProgress progress;
  if (!TakeLines(input, progress.consumed, limits.chunk_line + limits.trailers)) {
    if (state == State::kError) progress.found = HttpFound::kError;
    return progress;
  }
  if (!Put(buffer) || !CheckTrailers()) return {progress.consumed, HttpFound::kError, {}};
  return End(progress.consumed);
}

bool HttpReader::Rep::CheckTrailers() {
  if (!findings.finished) return Error(400, "an incomplete last chunk");
  return Pass(net::CheckTrailers(findings.trailers));
}

HttpReader::HttpReader(HttpKind kind, const HttpLimits& limits) : rep_(std::make_unique<Rep>(kind, limits)) {}
HttpReader::~HttpReader() = default;
HttpReader::HttpReader(HttpReader&&) noexcept = default;
HttpReader& HttpReader::operator=(HttpReader&&) noexcept = default;

HttpProgress HttpReader::Read(std::string_view input) { return rep_->Read(input); }

HttpProgress HttpReader::Finish() {
  if (rep_->state == Rep::State::kEnd) return rep_->End(0);
  if (rep_->state == Rep::State::kError) return {0, HttpFound::kError, {}};
  if (idle()) return {};
  if (rep_->state == Rep::State::kBody && rep_->findings.head.framing == HttpFraming::kUntilClose) return rep_->End(0);
  return rep_->Fail(0, 400, "the connection ended within a message");
}

void HttpReader::AnswersTo(std::string_view method) { rep_->answered_method = method; }

std::uint64_t HttpReader::LengthLeft() const {
  const bool inside = rep_->state == Rep::State::kBody && rep_->findings.head.framing == HttpFraming::kLength;
  return inside ? rep_->left : 0;
}

void HttpReader::Skip(std::uint64_t bytes) {
  const std::uint64_t left = LengthLeft();
  if (left == 0) return;
  rep_->left -= std::min(bytes, left);
  if (rep_->left == 0) rep_->state = Rep::State::kEnd;
}

bool HttpReader::idle() const { return rep_->state == Rep::State::kHead && rep_->buffer.empty(); }
const HttpHead& HttpReader::head() const { return rep_->findings.head; }
const HttpFields& HttpReader::trailers() const { return rep_->findings.trailers; }
const HttpError& HttpReader::error() const { return rep_->error; }

}  // namespace leash::net
