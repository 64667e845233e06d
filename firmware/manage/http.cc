#include "firmware/manage/http.h"

#include <boost/beast/http/error.hpp>
#include <boost/beast/http/verb.hpp>
#include <utility>

#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

namespace http = boost::beast::http;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

void set_bounds(HttpParser& parser, bool only_looks) {
  parser.header_limit(kMaxApiHeader);
  parser.body_limit(only_looks ? kMaxApiSmallBody : kMaxApiBody);
}

std::optional<Outgoing> refusal_of(const boost::system::error_code& error) {
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return refusal(431, "too-large",
                   "the request's header has more than " + std::to_string(kMaxApiHeader) + " bytes",
                   "send a shorter one");
  }
  if (error == http::error::body_limit) {
    return refusal(413, "too-large", "the request's body is larger than what may be sent here",
                   "send at most " + std::to_string(kMaxApiBody) + " bytes; who may only look, " +
                       std::to_string(kMaxApiSmallBody));
  }
  const bool is_ended =
      error == http::error::end_of_stream || error == http::error::partial_message;
  if (is_ended || error.category() != make_error_code(http::error::end_of_stream).category()) {
    return std::nullopt;
  }
  return refusal(400, "bad-request", "this is no HTTP request (" + error.message() + ")",
                 "speak HTTP/1.1");
}

Outgoing answer(Managed& managed, const Caller& caller, const HttpRequest& request) {
  return answer(managed, caller,
                Incoming{.method = view(request.method_string()),
                         .target = view(request.target()),
                         .body = request.body()});
}

HttpResponse response_of(Outgoing outgoing, unsigned version, bool keep_alive) {
  HttpResponse response(static_cast<http::status>(outgoing.status), version);
  response.set(http::field::content_type,
               boost::beast::string_view(outgoing.content.data(), outgoing.content.size()));
  response.set(http::field::cache_control, "no-store");
  if (!outgoing.allowed.empty()) response.set(http::field::allow, outgoing.allowed);
  if (outgoing.status == 401) response.set(http::field::www_authenticate, "Bearer");
  response.keep_alive(keep_alive);
  response.body() = std::move(outgoing.body);
  response.prepare_payload();
  return response;
}

// What answers have a body is known of these methods only.
bool may_follow(const HttpRequest& request) {
  const http::verb verb = request.method();
  const bool is_known =
      verb == http::verb::get || verb == http::verb::post || verb == http::verb::delete_;
  return is_known && request.keep_alive();
}

std::string_view bearer_token(const HttpRequest& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const std::string_view text = view(request[http::field::authorization]);
  return text.starts_with(kScheme) ? text.substr(kScheme.size()) : std::string_view();
}

}  // namespace evenkeel
