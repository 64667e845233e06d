#include "firmware/manage/http_write.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/connect_pair.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <exception>
#include <sstream>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using Local = asio::local::stream_protocol;

// What arrives at the other end, and how writing ended.
struct Arrived {
  std::string bytes;
  boost::system::error_code error;
};

template <typename Message>
asio::awaitable<void> write_and_close(Local::socket socket, const Message& message,
                                      boost::system::error_code& ret_error) {
  co_await write_message(socket, message, ret_error);
}

template <typename Message>
Arrived arrived(const Message& message, bool is_read = true) {
  asio::io_context context;
  Local::socket here(context);
  Local::socket there(context);
  asio::local::connect_pair(here, there);
  Arrived result;
  if (is_read) {
    asio::async_read(there, asio::dynamic_buffer(result.bytes),
                     [](const boost::system::error_code&, size_t) {});
  } else {
    there.close();
  }
  asio::co_spawn(context, write_and_close(std::move(here), message, result.error),
                 [](const std::exception_ptr&) {});
  context.run();
  return result;
}

template <typename Message>
std::string as_beast_writes(const Message& message) {
  std::ostringstream text;
  text << message;
  return std::move(text).str();
}

http::response<http::string_body> response(std::string body) {
  http::response<http::string_body> result(http::status::not_found, 11);
  result.set(http::field::content_type, "text/plain");
  result.body() = std::move(body);
  result.prepare_payload();
  return result;
}

void test_writes_what_beast_does(void**) {
  // The longest does not fit into a socket's buffer at once.
  for (const size_t length : {size_t{0}, size_t{1}, size_t{4096}, size_t{8} << 20}) {
    const http::response<http::string_body> message = response(std::string(length, 'x'));
    const Arrived result = arrived(message);
    assert_false(result.error.failed());
    assert_true(result.bytes == as_beast_writes(message));
  }
}

void test_writes_requests_and_foreign_bytes(void**) {
  http::request<http::string_body> request(http::verb::post, "/v1/commit", 11);
  request.set(http::field::host, "localhost");
  request.body() = "{}";
  request.prepare_payload();
  assert_string_equal(arrived(request).bytes.c_str(),
                      "POST /v1/commit HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");

  const std::string page = "box_size 3\n";
  http::response<http::span_body<const char>> span(http::status::ok, 11);
  span.body() = boost::beast::span<const char>(page.data(), page.size());
  span.prepare_payload();
  assert_string_equal(arrived(span).bytes.c_str(),
                      "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\nbox_size 3\n");
}

void test_says_that_nobody_reads(void**) {
  const Arrived result = arrived(response("x"), false);
  assert_true(result.error == boost::system::errc::broken_pipe);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_writes_what_beast_does),
      cmocka_unit_test(test_writes_requests_and_foreign_bytes),
      cmocka_unit_test(test_says_that_nobody_reads),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
