#include "firmware/health/probe.h"

#include <dirent.h>

#include <algorithm>
#include <optional>

#include "tests/cmocka.h"
#include "tests/health/asking.h"

namespace evenkeel {
namespace {

size_t open_descriptors() {
  DIR* directory = ::opendir("/proc/self/fd");
  size_t count = 0;
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

void servers_are_judged_by_what_they_do(void**) {
  const std::string ok = Manners().reply;
  const struct {
    const char* description;
    CheckType type;
    Manners manners;
    const char* expected;
  } cases[] = {
      {"a connection is enough", CheckType::tcp, {.is_silent = true}, "good: connected"},
      {"a good answer", CheckType::http, {}, "good: status 200"},
      {"byte by byte", CheckType::http, {.piece = 1}, "good: status 200"},
      {"left open behind it", CheckType::http, {.closes = false}, "good: status 200"},
      {"an endless body",
       CheckType::http,
       {.reply = "HTTP/1.1 200 OK\r\n\r\n" + std::string(1u << 22, 'x')},
       "good: status 200"},
      {"the wrong status",
       CheckType::http,
       {.reply = "HTTP/1.1 503 Service Unavailable\r\n\r\n"},
       "bad: status 503, not in 200-399"},
      {"an endless header",
       CheckType::http,
       {.reply = "HTTP/1.1 200 OK\r\nA: " + std::string(1'000'000, 'a')},
       "bad: a header of more than 16384 bytes"},
      {"closed at once", CheckType::http, {.reply = ""}, "bad: closed without an answer"},
      {"closed early",
       CheckType::http,
       {.reply = ok.substr(0, 20)},
       "bad: closed within the answer's header"},
      {"half closed at once",
       CheckType::http,
       {.reply = "", .half_closes = true},
       "bad: closed without an answer"},
      {"reset", CheckType::http, {.resets = true}, "bad: connection reset"},
      {"garbage", CheckType::http, {.reply = "SSH-2.0-x\r\n"}, "bad: no HTTP answer"},
      {"an answer before the question",
       CheckType::http,
       {.waits = false, .closes = false},
       "good: status 200"},
  };
  Asker asker;
  for (const char* address : {"127.0.0.1", "::1"}) {
    for (const auto& row : cases) {
      TestServer server(asker.context(), address, row.manners);
      const std::string answer = asker.answer_of(address, server.port(), check_of(row.type));
      if (answer != row.expected) print_error("%s, %s\n", address, row.description);
      assert_string_equal(answer.c_str(), row.expected);
    }
    const std::string refused =
        asker.answer_of(address, closed_port(asker.context(), address), check_of(CheckType::tcp));
    assert_string_equal(refused.c_str(), "bad: connection refused");
  }
}

void what_cannot_be_reached_is_told(void**) {
  Asker asker;
  assert_string_equal(asker.answer_of("192.0.2.1", 80, check_of(CheckType::tcp)).c_str(),
                      "bad: no route");
  assert_string_equal(asker.answer_of("2001:db8::1", 80, check_of(CheckType::http)).c_str(),
                      "bad: no route");
}

// A listener whose queue is full does not answer at all.
void silence_is_given_up_with_how_far_it_came(void**) {
  Asker asker;
  const Tcp::endpoint any(boost::asio::ip::make_address("127.0.0.1"), 0);
  Tcp::acceptor full(asker.context(), any.protocol());
  full.bind(any);
  full.listen(0);
  const uint16_t port = full.local_endpoint().port();
  Tcp::socket first(asker.context());
  first.connect(full.local_endpoint());
  const auto unconnected = asker.ask("127.0.0.1", port, check_of(CheckType::tcp));
  TestServer silent(asker.context(), "127.0.0.1", {.is_silent = true});
  const auto unanswered = asker.ask("127.0.0.1", silent.port(), check_of(CheckType::http));
  TestServer slow(asker.context(), "127.0.0.1", {.reply = "HTTP/1.1 200 OK\r\n", .closes = false});
  const auto partly = asker.ask("127.0.0.1", slow.port(), check_of(CheckType::http));
  assert_true(comes_true(asker.context(), [&] {
    return !silent.last_request().empty() && !slow.last_request().empty();
  }));
  while (asker.context().poll() > 0) asker.context().restart();

  assert_string_equal(unconnected->probe->give_up().text.c_str(), "no answer in 1s");
  assert_string_equal(unanswered->probe->give_up().text.c_str(), "connected, but no answer in 1s");
  const ProbeAnswer answer = partly->probe->give_up();
  assert_string_equal(answer.text.c_str(), "only a part of an answer's header in 1s");
  assert_int_equal(answer.kind, ProbeAnswer::Kind::bad);
  asker.context().restart();
  asker.context().poll();
  assert_false(unconnected->answer || unanswered->answer || partly->answer);
}

void a_request_arrives_whole(void**) {
  Asker asker;
  TestServer server(asker.context(), "::1", {});
  asker.answer_of("::1", server.port(), check_of(CheckType::http));
  const std::string begin =
      "GET / HTTP/1.1\r\nHost: [::1]:" + std::to_string(server.port()) + "\r\n";
  assert_true(server.last_request().starts_with(begin));
}

void nothing_is_left_of_it(void**) {
  Asker asker;
  TestServer server(asker.context(), "127.0.0.1", {.closes = false});
  const uint16_t closed = closed_port(asker.context(), "127.0.0.1");
  asker.answer_of("127.0.0.1", server.port(), check_of(CheckType::http));
  const std::string sockets = "ss -Htan state time-wait sport = :" + std::to_string(server.port()) +
                              " or dport = :" + std::to_string(server.port());
  size_t accepted = server.accepted();
  for (const CheckType type : {CheckType::tcp, CheckType::http}) {
    asker.answer_of("127.0.0.1", server.port(), check_of(type));
    asker.ask("127.0.0.1", server.port(), check_of(type))->probe->cancel();
    asker.answer_of("127.0.0.1", closed, check_of(type));
    ++accepted;
    assert_true(comes_true(asker.context(), [&] { return server.accepted() >= accepted; }));
  }
  assert_string_equal(output_of(sockets).c_str(), "");
}

void descriptors_come_back(void**) {
  const size_t before = open_descriptors();
  {
    Asker asker;
    TestServer server(asker.context(), "127.0.0.1", {});
    for (int i = 0; i < 100; ++i) {
      asker.answer_of("127.0.0.1", server.port(), check_of(CheckType::http));
      asker.ask("127.0.0.1", server.port(), check_of(CheckType::http))->probe->cancel();
    }
  }
  assert_int_equal(open_descriptors(), before);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up"));
  const CMUnitTest tests[] = {
      cmocka_unit_test(servers_are_judged_by_what_they_do),
      cmocka_unit_test(what_cannot_be_reached_is_told),
      cmocka_unit_test(silence_is_given_up_with_how_far_it_came),
      cmocka_unit_test(a_request_arrives_whole),
      cmocka_unit_test(nothing_is_left_of_it),
      cmocka_unit_test(descriptors_come_back),
  };
  return cmocka_run_group_tests_name("health/probe", tests, nullptr, nullptr);
}
