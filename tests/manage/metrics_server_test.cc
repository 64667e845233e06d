#include "firmware/manage/metrics_server.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/health/servers.h"
#include "tests/manage/remote_client.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;

struct Room {
  asio::io_context context;
  uint16_t port = free_port();
  Microseconds now = 1'000'000;
  size_t pages = 0;
  std::string text = "box_size 3\n";
  std::unique_ptr<MetricsServer> server;

  Room() {
    auto started = MetricsServer::start(context, "127.0.0.1:" + std::to_string(port),
                                        {.page =
                                             [this] {
                                               ++pages;
                                               return text;
                                             },
                                         .now = [this] { return now; }});
    CHECK(started.ok());
    server = std::move(started.value());
  }
};

// A connection that has sent something, and what came back.
struct Client {
  Client(Room& room, const std::string& request) : socket(room.context) {
    socket.connect(Tcp::endpoint(asio::ip::make_address("127.0.0.1"), room.port));
    asio::write(socket, asio::buffer(request));
  }
  void read() {
    asio::async_read(socket, asio::dynamic_buffer(answer),
                     [this](const boost::system::error_code&, size_t) { is_over = true; });
  }

  Tcp::socket socket;
  std::string answer;
  bool is_over = false;
};

std::string answer_to(Room& room, const std::string& request) {
  Client client(room, request);
  client.read();
  CHECK(comes_true(room.context, [&] { return client.is_over; }));
  return client.answer;
}

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n";
}

void test_serves_metrics_and_nothing_else(void**) {
  Room room;
  const std::string answer = answer_to(room, get("/metrics"));
  assert_true(answer.starts_with("HTTP/1.1 200 OK\r\n"));
  assert_true(answer.find("text/plain; version=0.0.4") != std::string::npos);
  assert_true(answer.ends_with("\r\n\r\nbox_size 3\n"));
  assert_true(answer_to(room, get("/metrics?x=1")).starts_with("HTTP/1.1 200 "));
  for (const char* const target : {"/", "/v1/status", "/metrics/", "/metric", "/v1/settings"}) {
    assert_true(answer_to(room, get(target)).starts_with("HTTP/1.1 404 "));
  }
  assert_true(answer_to(room, "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
                  .starts_with("HTTP/1.1 405 "));
  assert_string_equal(answer_to(room, "nonsense\r\n\r\n").c_str(), "");
  const std::string endless = "GET /metrics HTTP/1.1\r\nX: " + std::string(100'000, 'x');
  assert_string_equal(answer_to(room, endless).c_str(), "");
}

void test_makes_one_page_in_a_second(void**) {
  Room room;
  for (int i = 0; i < 20; ++i) answer_to(room, get("/metrics"));
  assert_int_equal(room.pages, 1);
  room.now += MetricsServer::kPageTime;
  room.text = "box_size 4\n";
  assert_true(answer_to(room, get("/metrics")).ends_with("box_size 4\n"));
  assert_int_equal(room.pages, 2);
}

// Who takes his time keeps one page, and the box makes one more.
void test_slow_readers_do_not_pile_up_pages(void**) {
  Room room;
  room.text = std::string(50'000'000, 'x');
  Client slow(room, get("/metrics"));
  assert_true(comes_true(room.context, [&] { return room.pages == 1; }));
  std::vector<std::unique_ptr<Client>> others;
  for (int i = 0; i < 8; ++i) {
    room.now += MetricsServer::kPageTime;
    others.push_back(std::make_unique<Client>(room, get("/metrics")));
    const Microseconds begin = real_now();
    assert_true(comes_true(room.context, [&] { return real_now() > begin + 100'000; }));
  }
  assert_int_equal(room.pages, 2);
  others.clear();
  slow.read();
  assert_true(comes_true(room.context, [&] { return slow.is_over; }));
  assert_true(slow.answer.size() > room.text.size());
}

// Those who say nothing are many; the next one is turned away, and they are cut off.
void test_bounds_connections(void**) {
  Room room;
  std::vector<std::unique_ptr<Client>> silent;
  for (size_t i = 0; i < kMaxMetricsConnections; ++i) {
    silent.push_back(std::make_unique<Client>(room, "GET"));
    silent.back()->read();
  }
  assert_string_equal(answer_to(room, get("/metrics")).c_str(), "");
  assert_int_equal(room.pages, 0);
  assert_true(comes_true(room.context, [&] { return silent.front()->is_over; }));
  assert_true(answer_to(room, get("/metrics")).ends_with("box_size 3\n"));
}

void test_says_where_it_cannot_listen(void**) {
  Room room;
  const auto start = [&](const std::string& listen) {
    return MetricsServer::start(room.context, listen,
                                {.page = [] { return ""; }, .now = [] { return Microseconds{0}; }});
  };
  const auto taken = start("127.0.0.1:" + std::to_string(room.port));
  assert_false(taken.ok());
  assert_true(taken.message().find("name an address of this box and a free port") !=
              std::string::npos);
  assert_false(start("nowhere").ok());
  assert_false(start("192.0.2.99:9880").ok());

  room.server.reset();
  assert_true(comes_true(room.context,
                         [&] { return start("127.0.0.1:" + std::to_string(room.port)).ok(); }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_serves_metrics_and_nothing_else),
      cmocka_unit_test(test_makes_one_page_in_a_second),
      cmocka_unit_test(test_slow_readers_do_not_pile_up_pages),
      cmocka_unit_test(test_bounds_connections),
      cmocka_unit_test(test_says_where_it_cannot_listen),
  };
  return cmocka_run_group_tests_name("manage/metrics_server", tests, nullptr, nullptr);
}
