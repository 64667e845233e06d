#include "tools/keel/client.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <cstdint>

#include "firmware/manage/http_write.h"

namespace evenkeel::keel {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using Stream = beast::basic_stream<asio::local::stream_protocol>;
using Response = http::response_parser<http::string_body>;

constexpr uint64_t kMostBytes = 512u << 20;  // 65,535 backends are some 30 MB
// Read at a time: Beast reads as much as there is room for, and begins with 512 bytes.
constexpr size_t kBufferBytes = 256u << 10;

struct Exchange {
  http::request<http::string_body> request;
  Response response;
  beast::error_code error;
  bool is_connected = false;
};

asio::awaitable<void> exchange(Stream& stream, const std::string& path, Exchange& all) {
  auto noted = asio::redirect_error(asio::use_awaitable, all.error);
  co_await stream.async_connect(asio::local::stream_protocol::endpoint(path), noted);
  if (all.error) co_return;
  all.is_connected = true;
  co_await write_message(stream, all.request, all.error);
  // Who refuses a request may close before it has read all of it, and still have answered.
  const bool is_cut_off =
      all.error == beast::errc::broken_pipe || all.error == beast::errc::connection_reset;
  if (all.error && !is_cut_off) co_return;
  beast::flat_buffer buffer;
  buffer.reserve(kBufferBytes);
  co_await http::async_read(stream, buffer, all.response, noted);
}

Error why_not(const std::string& path, const Exchange& all, std::chrono::seconds timeout) {
  const beast::error_code& error = all.error;
  if (error == beast::error::timeout) {
    return Error{"keeld did not answer on " + path + " within " + std::to_string(timeout.count()) +
                 " s; see journalctl -u keeld"};
  }
  if (all.is_connected) {
    return Error{"what keeld sent on " + path + " broke off or is no HTTP (" + error.message() +
                 "); is that the API's socket? See journalctl -u keeld"};
  }
  if (error == beast::errc::permission_denied) {
    return Error{"you may not open " + path +
                 "; the operators' groups may: ask to be added to evenkeel-viewer or "
                 "evenkeel-operator, then log in again"};
  }
  return Error{"cannot reach keeld on " + path + " (" + error.message() +
               "); see systemctl status keeld, or name its socket by --socket or KEEL_SOCKET"};
}

bool is_unreserved(unsigned char c) {
  return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == '~';
}

}  // namespace

Result<Answer> Client::ask(std::string_view method, std::string_view target,
                           const std::optional<boost::json::value>& body) const {
  constexpr size_t kLongestPath = 107;  // of sockaddr_un
  if (socket_path_.empty() || socket_path_.size() > kLongestPath) {
    return Error{"'" + socket_path_ + "' cannot be a socket's path: 1 to 107 bytes are possible"};
  }
  Exchange all;
  all.request.method(http::string_to_verb(method));
  all.request.target(target);
  all.request.version(11);
  all.request.set(http::field::host, "localhost");
  all.request.set(http::field::connection, "close");
  all.request.set(http::field::accept, "application/json");
  if (body) {
    all.request.set(http::field::content_type, "application/json");
    all.request.body() = boost::json::serialize(*body);
  }
  all.request.prepare_payload();
  all.response.body_limit(kMostBytes);

  asio::io_context context(1);
  Stream stream(context);
  stream.expires_after(timeout_);
  asio::co_spawn(context, exchange(stream, socket_path_, all), [](const std::exception_ptr&) {});
  const auto began = std::chrono::steady_clock::now();
  while (!context.stopped()) {
    context.run_for(std::chrono::milliseconds(100));
    const auto took = std::chrono::steady_clock::now() - began;
    const bool goes_on = waiting_(std::chrono::duration_cast<std::chrono::milliseconds>(took));
    if (!goes_on && !context.stopped()) {
      return Error{"interrupted; what keeld was asked for may be done: see keel status"};
    }
  }
  if (all.error) return why_not(socket_path_, all, timeout_);

  return Answer{.status = all.response.get().result_int(),
                .text = std::move(all.response.get().body())};
}

Result<boost::json::value> Answer::body() const {
  if (text.empty()) return boost::json::value(nullptr);
  beast::error_code wrong;
  boost::json::value parsed = boost::json::parse(
      text, wrong, boost::json::make_shared_resource<boost::json::monotonic_resource>(text.size()));
  if (wrong) return Error{wrong.message()};
  return parsed;
}

std::string encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (is_unreserved(byte)) {
      result += c;
    } else {
      result += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return result;
}

}  // namespace evenkeel::keel
