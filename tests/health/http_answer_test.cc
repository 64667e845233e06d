#include "firmware/health/http_answer.h"

#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

CheckSettings http_check() {
  CheckSettings check;
  check.type = CheckType::http;
  return check;
}

std::string text_of(const std::optional<ProbeAnswer>& answer) {
  if (!answer) return "more";
  return (answer->kind == ProbeAnswer::Kind::good ? "good: " : "bad: ") + answer->text;
}

void a_request_is_asked_as_the_check_says(void**) {
  CheckSettings check = http_check();
  const Address v4 = *parse_address("10.0.0.1");
  assert_string_equal(http_request_of(check, v4, 80).c_str(),
                      "GET / HTTP/1.1\r\nHost: 10.0.0.1\r\nUser-Agent: evenkeel\r\n"
                      "Accept: */*\r\nConnection: close\r\n\r\n");
  check.method = "HEAD";
  check.path = "/up?deep=1";
  assert_string_equal(http_request_of(check, *parse_address("fd00::1"), 8080).c_str(),
                      "HEAD /up?deep=1 HTTP/1.1\r\nHost: [fd00::1]:8080\r\n"
                      "User-Agent: evenkeel\r\nAccept: */*\r\nConnection: close\r\n\r\n");
  check.host = "shop.example";
  const auto has = [&](uint16_t port, const char* line) {
    return http_request_of(check, v4, port).find(line) != std::string::npos;
  };
  assert_true(has(80, "\r\nHost: shop.example\r\n"));
  check.type = CheckType::https;
  assert_true(has(443, "\r\nHost: shop.example\r\n"));
  assert_true(has(80, "\r\nHost: shop.example:80\r\n"));
  check.headers = {"X-Check: yes", "Cookie: a=b"};
  assert_true(has(443, "close\r\nX-Check: yes\r\nCookie: a=b\r\n\r\n"));
}

void what_is_answered_is_judged(void**) {
  const std::string ok = "HTTP/1.1 200 OK\r\n\r\n";
  const struct {
    const char* description;
    std::string bytes;
    const char* expected;
  } cases[] = {
      {"good", ok, "good: status 200"},
      {"the first expected", "HTTP/1.1 200 \r\n\r\n", "good: status 200"},
      {"the last expected", "HTTP/1.1 399 x\r\nA: b\r\n\r\n", "good: status 399"},
      {"a single one", "HTTP/1.1 418 x\r\n\r\n", "good: status 418"},
      {"behind the last", "HTTP/1.1 400 x\r\n\r\n", "bad: status 400, not in 200-399, 418"},
      {"wrong", "HTTP/1.0 503 x\r\nContent-Length: 9\r\n\r\n",
       "bad: status 503, not in 200-399, 418"},
      {"a body, and part of it", "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\nx",
       "good: status 200"},
      {"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz", "good: status 200"},
      {"announced", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nLink: y\r\n\r\n" + ok,
       "good: status 200"},
      {"announced only", "HTTP/1.1 100 Continue\r\n\r\n", "more"},
      {"another protocol", "HTTP/1.1 101 x\r\nUpgrade: x\r\n\r\n",
       "bad: status 101, not in 200-399, 418"},
      {"nothing", "", "more"},
      {"a part", "HTTP/1.1 200 OK\r\nA: b\r\n", "more"},
      {"another protocol's greeting", "SSH-2.0-OpenSSH_9.2\r\n", "bad: no HTTP answer"},
      {"no version", "HTTP/x.1 200 OK\r\n\r\n", "bad: no HTTP answer (bad version)"},
      {"no number", "HTTP/1.1 2x0 OK\r\n\r\n", "bad: no HTTP answer (bad status)"},
      {"bytes of zero", std::string(64, '\0'), "bad: no HTTP answer"},
      {"a field without a name", "HTTP/1.1 200 OK\r\n: b\r\n\r\n",
       "bad: no HTTP answer (bad field)"},
  };
  CheckSettings check = http_check();
  check.expect.push_back({.first = 418, .last = 418});
  for (const auto& row : cases) {
    HttpAnswer whole(check);
    const std::string at_once = text_of(whole.take(row.bytes));
    if (at_once != row.expected) print_error("%s\n", row.description);
    assert_string_equal(at_once.c_str(), row.expected);
    HttpAnswer pieces(check);
    std::optional<ProbeAnswer> answer;
    for (size_t i = 0; i < row.bytes.size() && !answer; ++i) {
      answer = pieces.take({&row.bytes[i], 1});
    }
    assert_string_equal(text_of(answer).c_str(), row.expected);
  }
}

std::string header_of(size_t bytes) {
  const std::string begin = "HTTP/1.1 200 OK\r\nA: ";
  return begin + std::string(bytes - begin.size() - 4, 'a') + "\r\n\r\n";
}

void a_header_has_a_bound(void**) {
  const CheckSettings check = http_check();
  const std::string too_long = "bad: a header of more than 16384 bytes";
  const struct {
    std::string bytes;
    std::string expected;
  } cases[] = {
      {header_of(kMaxProbeHeader), "good: status 200"},
      {header_of(kMaxProbeHeader + 1), too_long},
      {header_of(1'000'000), too_long},
      {"HTTP/1.1 200 OK\r\n" + std::string(1'000'000, 'x'), too_long},
      {std::string(1'000'000, '\r'), "bad: no HTTP answer"},
  };
  for (const auto& row : cases) {
    assert_string_equal(text_of(HttpAnswer(check).take(row.bytes)).c_str(), row.expected.c_str());
    HttpAnswer reader(check);
    std::optional<ProbeAnswer> answer;
    for (size_t i = 0; i < row.bytes.size() && !answer; i += 4'096) {
      answer = reader.take(std::string_view(row.bytes).substr(i, 4'096));
    }
    assert_string_equal(text_of(answer).c_str(), row.expected.c_str());
  }
  // Announcements count.
  HttpAnswer reader(check);
  std::optional<ProbeAnswer> answer;
  size_t count = 0;
  for (; !answer && count < 10'000; ++count) answer = reader.take("HTTP/1.1 100 x\r\n\r\n");
  assert_string_equal(text_of(answer).c_str(), too_long.c_str());
  assert_int_equal(count, kMaxProbeHeader / 18 + 1);
}

std::string chunk(const std::string& text) {
  constexpr const char* kDigits = "0123456789abcdef";
  std::string size;
  for (int shift = 12; shift >= 0; shift -= 4) size += kDigits[text.size() >> shift & 15];
  return size + "\r\n" + text + "\r\n";
}

void a_body_is_looked_through_as_far_as_its_bound(void**) {
  const std::string header = "HTTP/1.1 200 OK\r\n";
  const std::string wanted = "good: status 200";
  const std::string without = "bad: status 200, without \"well\\x00\" in its body";
  const std::string well("well\0", 5);
  const std::string fill(kMaxProbeBody - 5, 'x');
  const struct {
    const char* description;
    std::string bytes;
    std::string expected;
  } rows[] = {
      {"there", header + "Content-Length: 5\r\n\r\n" + well, wanted},
      {"behind announcements", "HTTP/1.1 100 x\r\n\r\n" + header + "\r\nI am " + well, wanted},
      {"not there", header + "Content-Length: 5\r\n\r\nwell.", without},
      {"behind its end", header + "Content-Length: 5\r\n\r\nwell." + well, without},
      {"no body", header + "Content-Length: 0\r\n\r\n", without},
      {"more to come", header + "Content-Length: 9\r\n\r\nwell", "more"},
      {"a huge body", header + "Content-Length: 99999999999999\r\n\r\n" + well, wanted},
      {"a wrong status", "HTTP/1.1 500 x\r\nContent-Length: 5\r\n\r\n" + well,
       "bad: status 500, not in 200-399"},
      {"the last that counts", header + "\r\n" + fill + well, wanted},
      {"behind it", header + "\r\n" + fill + "x" + well, without},
      {"chunks",
       header + "Transfer-Encoding: chunked\r\n\r\n" + chunk("we") + chunk("ll") +
           chunk(std::string("\0", 1)),
       wanted},
      {"chunks without it",
       header + "Transfer-Encoding: chunked\r\n\r\n" + chunk("well") + "0\r\n\r\n", without},
      {"chunks that are none", header + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
       "bad: no HTTP answer (bad chunk)"},
      {"an endless chunk header",
       header + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(1'000'000, 'x'), "bad: "},
  };
  CheckSettings check = http_check();
  check.contains = R"(well\x00)";
  for (const auto& row : rows) {
    for (const size_t piece : {size_t{1}, size_t{4'096}, SIZE_MAX / 2}) {
      if (piece == 1 && row.bytes.size() > 100'000) continue;
      HttpAnswer reader(check);
      std::optional<ProbeAnswer> answer;
      for (size_t i = 0; i < row.bytes.size() && !answer; i += piece) {
        answer = reader.take(std::string_view(row.bytes).substr(i, piece));
      }
      const std::string text = text_of(answer);
      if (!text.starts_with(row.expected)) print_error("%s: %s\n", row.description, text.c_str());
      assert_true(text.starts_with(row.expected));
      if (!answer) assert_string_equal(text_of(reader.end()).c_str(), without.c_str());
    }
  }
}

void an_early_end_says_how_early(void**) {
  const CheckSettings check = http_check();
  HttpAnswer reader(check);
  assert_false(reader.has_begun());
  assert_string_equal(reader.end().text.c_str(), "closed without an answer");
  assert_false(reader.take("HTTP/1.").has_value());
  assert_true(reader.has_begun());
  assert_int_equal(reader.end().kind, ProbeAnswer::Kind::bad);
  assert_string_equal(reader.end().text.c_str(), "closed within the answer's header");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_request_is_asked_as_the_check_says),
      cmocka_unit_test(what_is_answered_is_judged),
      cmocka_unit_test(a_header_has_a_bound),
      cmocka_unit_test(a_body_is_looked_through_as_far_as_its_bound),
      cmocka_unit_test(an_early_end_says_how_early),
  };
  return cmocka_run_group_tests_name("health/http_answer", tests, nullptr, nullptr);
}
