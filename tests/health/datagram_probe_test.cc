// Probes by datagrams: of real DNS servers, of the kernel's echo, and of servers that misbehave.
#include "firmware/health/datagram_probe.h"

#include <boost/asio/ip/udp.hpp>
#include <functional>
#include <string>
#include <vector>

#include "tests/cmocka.h"
#include "tests/health/asking.h"

namespace evenkeel {
namespace {

using Udp = boost::asio::ip::udp;

constexpr Microseconds kMillisecond = 1'000;

// Sends for each datagram what it is told to.
class UdpServer {
 public:
  using Answers = std::function<std::vector<std::string>(std::string)>;

  UdpServer(boost::asio::io_context& context, const char* address, Answers answers)
      : socket_(context, Udp::endpoint(boost::asio::ip::make_address(address), 0)),
        answers_(std::move(answers)) {
    receive();
  }

  uint16_t port() const { return socket_.local_endpoint().port(); }
  size_t asked() const { return asked_; }

 private:
  void receive() {
    socket_.async_receive_from(
        boost::asio::buffer(buffer_), from_,
        [this, life = std::weak_ptr(life_)](const boost::system::error_code& error, size_t count) {
          if (error || life.expired()) return;
          ++asked_;
          for (const std::string& answer : answers_(std::string(buffer_, count))) {
            socket_.send_to(boost::asio::buffer(answer), from_);
          }
          receive();
        });
  }

  Udp::socket socket_;
  Udp::endpoint from_;
  Answers answers_;
  size_t asked_ = 0;
  char buffer_[4'096] = {};
  std::shared_ptr<const bool> life_ = std::make_shared<const bool>(true);
};

UdpServer::Answers always(const std::string& answer) {
  return [answer](const std::string&) { return std::vector<std::string>{answer}; };
}

void text_is_sent_and_looked_for(void**) {
  Asker asker;
  CheckSettings check = check_of(CheckType::udp);
  check.send = R"(PING\x00\r\n)";
  check.contains = R"(PONG\x00)";
  std::string heard;
  UdpServer pong(asker.context(), "::1", [&](std::string question) {
    heard = std::move(question);
    return std::vector<std::string>{std::string("+PONG\0\r\n", 8)};
  });
  assert_string_equal(asker.answer_of("::1", pong.port(), check).c_str(), "good: answered");
  assert_true(heard == std::string("PING\0\r\n", 7));
  UdpServer other(asker.context(), "127.0.0.1", always("-ERR loading"));
  assert_string_equal(asker.answer_of("127.0.0.1", other.port(), check).c_str(),
                      R"(bad: an answer of 12 bytes, without "PONG\x00" in it)");
  UdpServer empty(asker.context(), "127.0.0.1", always(""));
  assert_string_equal(asker.answer_of("127.0.0.1", empty.port(), check_of(CheckType::udp)).c_str(),
                      "good: answered");
  UdpServer huge(asker.context(), "127.0.0.1",
                 always(std::string(60'000, 'x') + std::string("PONG\0", 5)));
  assert_string_equal(asker.answer_of("127.0.0.1", huge.port(), check).c_str(), "good: answered");
}

void nobody_there_is_told_and_silence_given_up(void**) {
  Asker asker;
  const CheckSettings check = check_of(CheckType::udp);
  uint16_t port = 0;
  {
    UdpServer silent(asker.context(), "127.0.0.1",
                     [](const std::string&) { return std::vector<std::string>{}; });
    port = silent.port();
    assert_string_equal(asker.answer_of("127.0.0.1", port, check, 50 * kMillisecond).c_str(),
                        "bad: no answer in 1s");
    assert_int_equal(silent.asked(), 1);
  }
  assert_string_equal(asker.answer_of("127.0.0.1", port, check).c_str(), "bad: connection refused");
  assert_string_equal(asker.answer_of("192.0.2.1", port, check).c_str(), "bad: no route");
}

CheckSettings dns_check(const char* name) {
  CheckSettings check = check_of(CheckType::dns);
  check.query = name;
  return check;
}

// Whatever else comes before it, the right answer counts; and garbage alone is none.
void others_answers_are_not_believed(void**) {
  Asker asker;
  const CheckSettings check = dns_check("www.example");
  const std::vector<std::string> garbage(200, std::string(40, '\xff'));
  UdpServer noisy(asker.context(), "127.0.0.1", [&](const std::string& question) {
    std::vector<std::string> answers = garbage;
    std::string answer = question;
    answer[2] = '\x80';
    answer[3] = '\x05';
    answers.push_back(answer);
    return answers;
  });
  assert_string_equal(asker.answer_of("127.0.0.1", noisy.port(), check).c_str(), "bad: REFUSED");
  const std::vector<std::string> much(2'000, "x");
  UdpServer endless(asker.context(), "127.0.0.1", [&](const std::string&) { return much; });
  const std::string answer = asker.answer_of("127.0.0.1", endless.port(), check, 50 * kMillisecond);
  // What the kernel has no room for does not come.
  assert_true(answer == "bad: no answer in 1s" ||
              answer == "bad: more than 1000 datagrams, and no answer");
  UdpServer garbled(asker.context(), "127.0.0.1", [&](const std::string&) { return garbage; });
  assert_string_equal(
      asker.answer_of("127.0.0.1", garbled.port(), check, 50 * kMillisecond).c_str(),
      "bad: no answer in 1s");
  UdpServer mirror(asker.context(), "127.0.0.1",
                   [](const std::string& question) { return std::vector<std::string>{question}; });
  assert_string_equal(asker.answer_of("127.0.0.1", mirror.port(), check, 50 * kMillisecond).c_str(),
                      "bad: no answer in 1s");
}

void expect_dns_answers(Asker& asker, const char* address, uint16_t port) {
  assert_true(asker.answers(address, port, dns_check("www.example"), "good: NOERROR"));
  CheckSettings check = dns_check("WWW.example.");
  assert_string_equal(asker.answer_of(address, port, check).c_str(), "good: NOERROR");
  check.query_type = DnsType::txt;
  assert_string_equal(asker.answer_of(address, port, check).c_str(),
                      "bad: NOERROR, but no record of what was asked for");
  check = dns_check("none.example");
  assert_string_equal(asker.answer_of(address, port, check).c_str(), "bad: NXDOMAIN");
  check.rcodes = {DnsRcode::nxdomain};
  assert_string_equal(asker.answer_of(address, port, check).c_str(), "good: NXDOMAIN");
  check = dns_check("www.elsewhere");
  assert_string_equal(asker.answer_of(address, port, check).c_str(), "bad: REFUSED");
}

void unbound_is_asked(void**) {
  Asker asker;
  const TestFolder folder;
  const uint16_t port = closed_port(asker.context(), "127.0.0.1");
  folder.write("unbound.conf", R"(server:
  interface: 127.0.0.1@)" + std::to_string(port) +
                                   R"(
  username: "" 
  chroot: ""
  use-syslog: no
  do-daemonize: no
  pidfile: ""
  local-zone: "example." static
  local-zone: "elsewhere." refuse
  local-data: "www.example. A 192.0.2.1"
remote-control:
  control-enable: no
)");
  const ServerProcess unbound("unbound -d -c " + (folder / "unbound.conf") + " >/dev/null 2>&1");
  expect_dns_answers(asker, "127.0.0.1", port);
}

void dnsmasq_is_asked(void**) {
  Asker asker;
  const uint16_t port = closed_port(asker.context(), "::1");
  const ServerProcess dnsmasq(
      "dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv "
      "--no-hosts --pid-file --user=root --bind-interfaces "
      "--listen-address=::1 --port=" +
      std::to_string(port) +
      " --local=/example/ --host-record=www.example,192.0.2.1 "
      ">/dev/null 2>&1");
  expect_dns_answers(asker, "::1", port);
}

// By the kernel's echo sockets, and where nobody may have one, by raw ones.
void the_kernel_echoes(void**) {
  Asker asker;
  const CheckSettings check = check_of(CheckType::icmp);
  for (const char* range : {"1 0", "0 0"}) {
    assert_true(shell(std::string("echo ") + range + " >/proc/sys/net/ipv4/ping_group_range"));
    for (const char* address : {"127.0.0.1", "::1"}) {
      assert_string_equal(asker.answer_of(address, 0, check).c_str(), "good: echoed");
    }
    assert_string_equal(asker.answer_of("192.0.2.1", 0, check).c_str(), "bad: no route");
    assert_true(shell("echo 1 >/proc/sys/net/ipv4/icmp_echo_ignore_all"));
    assert_string_equal(asker.answer_of("127.0.0.1", 0, check, 50 * kMillisecond).c_str(),
                        "bad: no answer in 1s");
    assert_true(shell("echo 0 >/proc/sys/net/ipv4/icmp_echo_ignore_all"));
  }
}

// Raw sockets hear all echoes of an address; each probe takes its own.
void many_echoes_at_once_are_told_apart(void**) {
  Asker asker;
  assert_true(shell("echo 1 0 >/proc/sys/net/ipv4/ping_group_range"));
  std::vector<std::shared_ptr<Asked>> asked;
  for (int i = 0; i < 300; ++i) {
    asked.push_back(asker.ask(i % 2 == 0 ? "127.0.0.1" : "::1", 0, check_of(CheckType::icmp)));
  }
  for (const auto& each : asked) {
    assert_true(comes_true(asker.context(), [&] { return each->answer.has_value(); }));
    assert_string_equal(text_of(each->answer).c_str(), "good: echoed");
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up"));
  const CMUnitTest tests[] = {
      cmocka_unit_test(text_is_sent_and_looked_for),
      cmocka_unit_test(nobody_there_is_told_and_silence_given_up),
      cmocka_unit_test(others_answers_are_not_believed),
      cmocka_unit_test(unbound_is_asked),
      cmocka_unit_test(dnsmasq_is_asked),
      cmocka_unit_test(the_kernel_echoes),
      cmocka_unit_test(many_echoes_at_once_are_told_apart),
  };
  return cmocka_run_group_tests_name("health/datagram_probe", tests, nullptr, nullptr);
}
