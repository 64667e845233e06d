#include "firmware/manage/http.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cstring>
#include <string>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

namespace http = boost::beast::http;

// What the parser thinks of bytes.
boost::system::error_code parsed(const std::string& bytes, bool only_looks) {
  HttpParser parser;
  set_bounds(parser, only_looks);
  parser.eager(true);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(bytes), error);
  return error;
}

std::string with_body(size_t bytes) {
  return "POST / HTTP/1.1\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

void test_bounds_requests(void**) {
  struct Row {
    const char* description;
    std::string bytes;
    bool only_looks;
    unsigned status;  // 0: taken
  };
  const Row rows[] = {
      {"a small one", "GET / HTTP/1.1\r\n\r\n", true, 0},
      {"a viewer's largest body", with_body(kMaxApiSmallBody), true, 0},
      {"a larger one", with_body(kMaxApiSmallBody + 1), true, 413},
      {"of an operator", with_body(kMaxApiSmallBody + 1), false, 0},
      {"an operator's largest", with_body(kMaxApiBody), false, 0},
      {"a larger one", with_body(kMaxApiBody + 1), false, 413},
      {"a long header", "GET / HTTP/1.1\r\nX: " + std::string(kMaxApiHeader, 'x'), false, 431},
      {"no HTTP", "hello\r\n\r\n", false, 400},
      {"another version", "GET / HTTP/3.0\r\n\r\n", false, 400},
      {"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", true,
       400},
  };
  for (const Row& row : rows) {
    print_message("%s\n", row.description);
    const boost::system::error_code error = parsed(row.bytes, row.only_looks);
    if (row.status == 0) {
      const bool is_taken = !error || error == http::error::need_more;
      assert_true(is_taken);
      continue;
    }
    const std::optional<Outgoing> refused = refusal_of(error);
    assert_true(refused.has_value());
    assert_int_equal(refused->status, row.status);
  }
}

void test_tells_nobody_of_a_connection_at_fault(void**) {
  for (const boost::system::error_code& error :
       {make_error_code(http::error::end_of_stream), make_error_code(http::error::partial_message),
        boost::system::error_code(boost::asio::error::eof),
        boost::system::error_code(boost::asio::error::connection_reset)}) {
    assert_false(refusal_of(error).has_value());
  }
  const std::optional<Outgoing> full = refusal_of(make_error_code(http::error::buffer_overflow));
  assert_true(full.has_value() && full->status == 431);
}

void test_answers_as_http(void**) {
  const HttpResponse good = response_of({.status = 200, .body = "{}\n", .allowed = ""}, 11, true);
  assert_int_equal(good.result_int(), 200);
  assert_true(good[http::field::content_type] == "application/json");
  assert_true(good[http::field::content_length] == "3");
  assert_true(good[http::field::cache_control] == "no-store");
  assert_true(good.keep_alive());
  assert_int_equal(good.count(http::field::allow), 0);
  assert_int_equal(good.count(http::field::www_authenticate), 0);

  const HttpResponse wrong =
      response_of({.status = 405, .body = "{}", .allowed = "GET"}, 10, false);
  assert_true(wrong[http::field::allow] == "GET");
  assert_int_equal(wrong.version(), 10);
  assert_false(wrong.keep_alive());
  const HttpResponse unknown = response_of({.status = 401, .body = "{}", .allowed = ""}, 11, false);
  assert_true(unknown[http::field::www_authenticate] == "Bearer");
}

void test_knows_whether_another_may_follow(void**) {
  struct Row {
    const char* method;
    unsigned version;
    bool keeps;
    bool expected;
  };
  for (const Row& row :
       {Row{"GET", 11, true, true}, Row{"POST", 11, true, true}, Row{"DELETE", 11, true, true},
        Row{"GET", 10, true, true}, Row{"GET", 11, false, false}, Row{"HEAD", 11, true, false},
        Row{"CONNECT", 11, true, false}, Row{"BREW", 11, true, false}}) {
    HttpRequest request;
    request.method_string(row.method);
    request.version(row.version);
    request.keep_alive(row.keeps);
    assert_true(may_follow(request) == row.expected);
  }
  HttpRequest old;
  old.method(http::verb::get);
  old.version(10);
  assert_false(may_follow(old));
}

void test_finds_the_token(void**) {
  struct Row {
    const char* header;  // null: none
    const char* token;
  };
  for (const Row& row : {Row{nullptr, ""}, Row{"", ""}, Row{"Bearer", ""}, Row{"Bearer abc", "abc"},
                         Row{"Basic abc", ""}, Row{"Bearerabc", ""}, Row{"Bearer a b", "a b"}}) {
    HttpRequest request;
    if (row.header != nullptr) request.set(http::field::authorization, row.header);
    assert_true(bearer_token(request) == row.token);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_bounds_requests),
      cmocka_unit_test(test_tells_nobody_of_a_connection_at_fault),
      cmocka_unit_test(test_answers_as_http),
      cmocka_unit_test(test_knows_whether_another_may_follow),
      cmocka_unit_test(test_finds_the_token),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
