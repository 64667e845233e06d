// An HTTP message on its way out: its header as one piece of text, its body as it lies. Beast's own
// writer streams bodies that are made as they go, for each kind of stream and body anew; here every
// body is there as a whole.
#pragma once

#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/write.hpp>
#include <sstream>
#include <string>
#include <utility>

namespace evenkeel {

// "HTTP/1.1 200 OK" and so on, to the empty line.
template <typename Message>
std::string header_text(const Message& message) {
  std::ostringstream text;
  text << message.base();
  return std::move(text).str();
}

// REQUIRES: stream and message outlive it; if there is a body, prepare_payload() was called.
// NOLINTBEGIN(cppcoreguidelines-avoid-reference-coroutine-parameters): REQUIRES says so.
template <typename Stream, typename Message>
boost::asio::awaitable<void> write_message(Stream& stream, const Message& message,
                                           boost::system::error_code& ret_error) {
  namespace asio = boost::asio;
  const std::string header = header_text(message);
  const std::array<asio::const_buffer, 2> pieces = {
      asio::buffer(header), asio::buffer(message.body().data(), message.body().size())};
  co_await asio::async_write(stream, pieces, asio::redirect_error(asio::use_awaitable, ret_error));
}
// NOLINTEND(cppcoreguidelines-avoid-reference-coroutine-parameters)

}  // namespace evenkeel
