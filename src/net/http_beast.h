// Boost.Beast's parser of HTTP/1, and what it finds. For http_reader.cc: nothing else includes Beast.
#pragma once

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "absl/strings/ascii.h"
#include "net/http_framing.h"
#include "net/http_message.h"

namespace leash::net {

// What Beast says while it is given bytes.
struct BeastFindings {
  HttpHead head;
  HttpFields trailers;
  bool head_done = false;
  std::uint64_t chunk = 0;  // size of the chunk that began
  std::string_view body;
  bool finished = false;
};

template <bool kIsRequest>
class BeastParserOf : public boost::beast::http::basic_parser<kIsRequest> {
 public:
  explicit BeastParserOf(BeastFindings* findings) : findings_(findings) {
    // Limits are ours to check: none of Beast's 1.74 would refuse a body of any length.
    this->body_limit(std::numeric_limits<std::uint64_t>::max());
    this->header_limit(std::numeric_limits<std::uint32_t>::max());
  }

 private:
  using View = boost::beast::string_view;
  using Code = boost::beast::error_code;

  static std::string Copy(View text) { return {text.data(), text.size()}; }
  std::size_t TakeBody(View body) {
    findings_->body = {body.data(), body.size()};
    return body.size();
  }

  void on_request_impl(boost::beast::http::verb, View method, View target, int version, Code&) override {
    findings_->head.method = Copy(method);
    findings_->head.target = Copy(target);
    findings_->head.minor_version = version - 10;
  }
  void on_response_impl(int status, View reason, int version, Code&) override {
    findings_->head.status = status;
    findings_->head.reason = Copy(reason);
    findings_->head.minor_version = version - 10;
  }
  void on_field_impl(boost::beast::http::field, View name, View value, Code&) override {
    (findings_->head_done ? findings_->trailers : findings_->head.fields).emplace_back(Copy(name), Copy(value));
  }
  void on_header_impl(Code&) override { findings_->head_done = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, Code&) override {}
  std::size_t on_body_impl(View body, Code&) override { return TakeBody(body); }
  void on_chunk_header_impl(std::uint64_t size, View, Code&) override { findings_->chunk = size; }
  std::size_t on_chunk_body_impl(std::uint64_t, View body, Code&) override { return TakeBody(body); }
  void on_finish_impl(Code&) override { findings_->finished = true; }

  BeastFindings* findings_;
};

// For one message after the other. Stays where it is: Beast's part points to the findings.
class BeastParser {
 public:
  BeastParser() = default;
  BeastParser(const BeastParser&) = delete;
  BeastParser& operator=(const BeastParser&) = delete;

  BeastFindings findings;

  void Begin(bool request) {
    findings = {};
    findings.head.request = request;
    if (request) {
      parser_.emplace<BeastParserOf<true>>(&findings);
    } else {
      parser_.emplace<BeastParserOf<false>>(&findings);
    }
  }

  // Whether Beast wants more behind what it was given last.
  bool needs_more() const { return needs_more_; }

  // How much of `bytes` was used goes to `used`, unless that is null. What is wrong with them, if anything.
  std::optional<HttpError> Put(std::string_view bytes, std::size_t* used) {
    boost::beast::error_code code;
    const std::size_t count = std::visit(
        [&](auto& some) -> std::size_t {
          if constexpr (std::is_same_v<std::decay_t<decltype(some)>, std::monostate>) {
            return 0;
          } else {
            return some.put(boost::asio::const_buffer(bytes.data(), bytes.size()), code);
          }
        },
        parser_);
    if (used != nullptr) *used = count;
    needs_more_ = code == boost::beast::http::error::need_more;
    if (!code || needs_more_) return std::nullopt;
    if (code == boost::beast::http::error::bad_version && EndsInVersion(bytes.substr(0, bytes.find('\r')))) {
      return HttpError{505, "another version than HTTP/1.0 and HTTP/1.1"};
    }
    return HttpError{400, code.message()};
  }

 private:
  static bool IsDigit(char c) { return absl::ascii_isdigit(static_cast<unsigned char>(c)); }

  // A request line, in which Beast found no version of its own, that ends in "HTTP/2.0", say.
  static bool EndsInVersion(std::string_view line) {
    if (line.size() < 8 || std::count(line.begin(), line.end(), ' ') != 2) return false;
    line.remove_prefix(line.size() - 8);
    return line.substr(0, 5) == "HTTP/" && IsDigit(line[5]) && line[6] == '.' && IsDigit(line[7]);
  }

  std::variant<std::monostate, BeastParserOf<true>, BeastParserOf<false>> parser_;
  bool needs_more_ = false;
};

}  // namespace leash::net
