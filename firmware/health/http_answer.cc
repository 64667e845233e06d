#include "firmware/health/http_answer.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/dynamic_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

namespace http = boost::beast::http;

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;

ProbeAnswer good(std::string text) {
  return {.kind = ProbeAnswer::Kind::good, .text = std::move(text)};
}
ProbeAnswer bad(std::string text) {
  return {.kind = ProbeAnswer::Kind::bad, .text = std::move(text)};
}

ProbeAnswer too_long() {
  return bad("a header of more than " + std::to_string(kMaxProbeHeader) + " bytes");
}

bool is_expected(const CheckSettings& check, unsigned status) {
  return std::ranges::any_of(check.expect, [status](const StatusRange& range) {
    return range.first <= status && status <= range.last;
  });
}

// The parser looks at whole headers only; another protocol's greeting is told at once.
bool begins_well(std::string_view bytes) {
  constexpr std::string_view kBegin = "HTTP/";
  return bytes.substr(0, kBegin.size()) == kBegin.substr(0, bytes.size());
}

// One that only announces the answer proper (RFC 9110 15.2).
bool is_informational(unsigned status) { return status < 200 && status != 101; }

}  // namespace

std::string authority_of(const CheckSettings& check, const Address& address, uint16_t port) {
  std::string host = check.host;
  if (host.empty()) host = address.is_v4() ? to_string(address) : "[" + to_string(address) + "]";
  if (port != (uses_tls(check) ? kHttpsPort : kHttpPort)) host += ":" + std::to_string(port);
  return host;
}

std::string http_request_of(const CheckSettings& check, const Address& address, uint16_t port) {
  REQUIRE(check.type == CheckType::http || check.type == CheckType::https);
  std::string request = check.method + " " + check.path +
                        " HTTP/1.1\r\nHost: " + authority_of(check, address, port) +
                        "\r\nUser-Agent: evenkeel\r\nAccept: */*\r\nConnection: close\r\n";
  for (const std::string& field : check.headers) request += field + "\r\n";
  return request + "\r\n";
}

ProbeAnswer judge_status(const CheckSettings& check, unsigned status) {
  std::string text = "status " + std::to_string(status);
  if (is_expected(check, status)) return good(std::move(text));
  std::string wanted;
  for (const StatusRange& range : check.expect) {
    wanted += (wanted.empty() ? "" : ", ") + to_string(range);
  }
  return bad(text + ", not in " + wanted);
}

ProbeAnswer without_what_it_should(const CheckSettings& check, unsigned status) {
  constexpr size_t kShown = 40;
  const bool is_long = check.contains.size() > kShown;
  return bad("status " + std::to_string(status) + ", without \"" +
             check.contains.substr(0, kShown) + (is_long ? "...\"" : "\"") + " in its body");
}

struct HttpAnswer::Parser {
  explicit Parser(bool has_body) {
    response.header_limit(kMaxProbeHeader);
    response.body_limit(boost::none);
    response.skip(!has_body);
  }

  http::response_parser<http::basic_dynamic_body<boost::beast::flat_buffer>> response;
};

HttpAnswer::HttpAnswer(const CheckSettings& check)
    : check_(check),
      wanted_(unescape(check.contains).value_or(check.contains)),
      parser_(std::make_unique<Parser>(!wanted_.empty())) {}
HttpAnswer::~HttpAnswer() = default;

unsigned HttpAnswer::status() const { return parser_->response.get().result_int(); }

// One byte more than what is allowed tells that a header is too long.
size_t HttpAnswer::room() const {
  const size_t most = is_in_body() ? body_begins_ + kMaxProbeBody : kMaxProbeHeader + 1;
  return most - taken_;
}

std::optional<ProbeAnswer> HttpAnswer::take(std::string_view bytes) {
  do {
    const std::string_view taken = bytes.substr(0, room());
    bytes.remove_prefix(taken.size());
    pending_ += taken;
    taken_ += taken.size();
    if (std::optional<ProbeAnswer> answer = take_pending()) return answer;
  } while (!bytes.empty());
  return std::nullopt;
}

std::optional<ProbeAnswer> HttpAnswer::take_pending() {
  if (!is_in_body()) {
    if (std::optional<ProbeAnswer> answer = take_header()) return answer;
  }
  if (is_in_body()) return take_body();
  return taken_ > kMaxProbeHeader ? std::optional(too_long()) : std::nullopt;
}

std::optional<ProbeAnswer> HttpAnswer::take_header() {
  while (!pending_.empty()) {
    if (is_at_start_ && !begins_well(pending_)) return bad("no HTTP answer");
    boost::system::error_code error;
    const size_t used = parser_->response.put(boost::asio::buffer(pending_), error);
    pending_.erase(0, used);
    is_at_start_ = is_at_start_ && used == 0;
    if (error == http::error::need_more) break;
    if (error == http::error::header_limit) return too_long();
    if (error) return bad("no HTTP answer (" + error.message() + ")");
    if (!parser_->response.is_header_done()) break;
    if (taken_ - pending_.size() > kMaxProbeHeader) return too_long();
    if (!is_informational(status())) {
      ProbeAnswer answer = judge_status(check_, status());
      if (wanted_.empty() || answer.kind == ProbeAnswer::Kind::bad) return answer;
      body_begins_ = taken_ - pending_.size();
      break;
    }
    parser_ = std::make_unique<Parser>(!wanted_.empty());
    is_at_start_ = true;
  }
  return std::nullopt;
}

std::optional<ProbeAnswer> HttpAnswer::take_body() {
  while (!pending_.empty() && !parser_->response.is_done()) {
    boost::system::error_code error;
    const size_t used = parser_->response.put(boost::asio::buffer(pending_), error);
    pending_.erase(0, used);
    if (error == http::error::need_more) break;
    if (error) return bad("no HTTP answer (" + error.message() + ")");
  }
  const auto body = parser_->response.get().body().data();
  const std::string_view text(static_cast<const char*>(body.data()), body.size());
  const size_t from = searched_ - std::min(searched_, wanted_.size() - 1);
  if (text.find(wanted_, from) != std::string_view::npos) return judge_status(check_, status());
  searched_ = text.size();
  const bool is_over = parser_->response.is_done() || taken_ - body_begins_ == kMaxProbeBody;
  return is_over ? std::optional(without_what_it_should(check_, status())) : std::nullopt;
}

ProbeAnswer HttpAnswer::end() const {
  if (is_in_body()) return without_what_it_should(check_, status());
  return bad(has_begun() ? "closed within the answer's header" : "closed without an answer");
}

HttpDialogue::HttpDialogue(const CheckSettings& check, const Address& address, uint16_t port)
    : request_(http_request_of(check, address, port)), answer_(check) {}

std::string HttpDialogue::to_send() { return std::exchange(request_, {}); }

std::string HttpDialogue::how_far() const {
  if (answer_.is_in_body()) return "only a part of an answer's body";
  return answer_.has_begun() ? "only a part of an answer's header" : "connected, but no answer";
}

}  // namespace evenkeel
