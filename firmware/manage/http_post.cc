#include "firmware/manage/http_post.h"

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/limits.h"
#include "firmware/manage/http_write.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;

Error failed(std::string_view step, const beast::error_code& error) {
  return {std::string(step) + ": " + error.message()};
}

// NOLINTBEGIN(cppcoreguidelines-avoid-reference-coroutine-parameters): each coroutine is awaited by
// the one that owns what it refers to.

using Request = http::request<http::string_body>;

// What is POSTed, and how much of an answer's body is of interest.
struct Letter {
  Url url;
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
  std::string authorization = {};  // empty: none
  const char* type = nullptr;
  std::string body;
  size_t most = 0;
};

Request request_of(const Letter& letter) {
  Request request(http::verb::post, letter.url.path, 11);
  request.set(http::field::host, host_of(letter.url));
  request.set(http::field::user_agent, "evenkeel/" VERSION);
  request.set(http::field::content_type, letter.type);
  request.set(http::field::connection, "close");
  if (!letter.authorization.empty()) {
    request.set(http::field::authorization, letter.authorization);
  }
  request.body() = letter.body;
  request.prepare_payload();
  return request;
}

Error no_answer(const beast::error_code& error, size_t most) {
  if (error == http::error::body_limit) {
    return {"it answers more than " + std::to_string(most) + " bytes"};
  }
  return failed("it does not answer", error);
}

// Without a body of interest, what is behind the answer's header is not waited for.
template <typename Stream>
asio::awaitable<Result<PostAnswer>> exchange(Stream& stream, const Letter& letter) {
  beast::error_code error;
  const Request request = request_of(letter);
  co_await write_message(stream, request, error);
  if (error) co_return failed("it does not take what it is told", error);
  beast::flat_buffer buffer(kMaxApiHeader);
  http::response_parser<http::string_body> parser;
  parser.header_limit(kMaxApiHeader);
  parser.body_limit(letter.most == 0 ? boost::optional<uint64_t>() : letter.most);
  if (letter.most == 0) {
    co_await http::async_read_header(stream, buffer, parser,
                                     asio::redirect_error(asio::use_awaitable, error));
  } else {
    co_await http::async_read(stream, buffer, parser,
                              asio::redirect_error(asio::use_awaitable, error));
  }
  if (error) co_return no_answer(error, letter.most);
  co_return PostAnswer{.status = parser.get().result_int(),
                       .reason = std::string(parser.get().reason()),
                       .body = std::move(parser.get().body())};
}

asio::awaitable<Result<PostAnswer>> exchange_by_tls(beast::tcp_stream connection,
                                                    const Letter& letter, asio::ssl::context& tls) {
  TlsStream stream(std::move(connection), tls);
  const bool is_name = !parse_address(letter.url.host).has_value();
  if (is_name) SSL_set_tlsext_host_name(stream.native_handle(), letter.url.host.c_str());
  beast::error_code error;
  stream.set_verify_mode(asio::ssl::verify_peer, error);
  stream.set_verify_callback(asio::ssl::host_name_verification(letter.url.host), error);
  co_await stream.async_handshake(asio::ssl::stream_base::client,
                                  asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return failed("TLS", error);
  co_return co_await exchange(stream, letter);
}

// To the first address that answers. One that is silent leaves time for the others, and for the
// answer; of all, kPostTime.
asio::awaitable<beast::error_code> connect(const NameLookup::Addresses& addresses, uint16_t port,
                                           beast::tcp_stream& stream) {
  constexpr size_t kMostTried = 3;
  constexpr std::chrono::seconds kTry(1);
  const size_t count = std::min(addresses.size(), kMostTried);
  std::chrono::seconds left = kPostTime;
  beast::error_code error;
  for (size_t i = 0; i < count; ++i, left -= kTry) {
    stream.close();
    stream.expires_after(i + 1 < count ? kTry : left);
    co_await stream.async_connect(tcp::endpoint(addresses[i], port),
                                  asio::redirect_error(asio::use_awaitable, error));
    if (!error) break;
  }
  if (!error) stream.expires_after(left);
  co_return error;
}

asio::awaitable<Result<PostAnswer>> send(Letter letter, PostOffice& office) {
  const Result<Credential> credential = co_await office.credentials.of(letter.url, kPostTime);
  if (!credential.ok()) co_return Error{credential.message()};
  letter.authorization = credential.value().authorization;
  const std::shared_ptr<asio::ssl::context> tls =
      credential.value().tls != nullptr ? credential.value().tls : office.tls;
  const Result<NameLookup::Addresses> found =
      co_await office.names.addresses_of(letter.url.host, kPostTime);
  if (!found.ok()) co_return Error{"its name is not known: " + found.message()};
  beast::tcp_stream stream(co_await asio::this_coro::executor);
  const beast::error_code error = co_await connect(found.value(), letter.url.port, stream);
  if (error) co_return failed("it cannot be reached", error);
  if (letter.url.is_https) {
    co_return co_await exchange_by_tls(std::move(stream), letter, *tls);
  }
  co_return co_await exchange(stream, letter);
}

// NOLINTEND(cppcoreguidelines-avoid-reference-coroutine-parameters)

}  // namespace

PostOffice::PostOffice() : tls(make_client_tls()) {
  beast::error_code ignored;  // who has no authorities believes nobody
  tls->set_default_verify_paths(ignored);
}

// NOLINTBEGIN(cppcoreguidelines-avoid-reference-coroutine-parameters): REQUIRES says so.

asio::awaitable<Status> post(Url url, std::string body, PostOffice& office) {
  Letter letter = {
      .url = std::move(url), .type = "application/json", .body = std::move(body), .most = 0};
  const Result<PostAnswer> answer = co_await send(std::move(letter), office);
  if (!answer.ok()) co_return Error{answer.message()};
  const auto& [status, reason, rest] = answer.value();
  if (status >= 200 && status < 300) co_return Status();
  co_return Error{"it answers " + std::to_string(status) + " " + reason};
}

asio::awaitable<Result<PostAnswer>> post_form(Url url, std::string form, size_t most,
                                              PostOffice& office) {
  Letter letter = {.url = std::move(url),
                   .type = "application/x-www-form-urlencoded",
                   .body = std::move(form),
                   .most = most};
  co_return co_await send(std::move(letter), office);
}

// NOLINTEND(cppcoreguidelines-avoid-reference-coroutine-parameters)

}  // namespace evenkeel
