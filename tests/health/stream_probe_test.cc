// Probes over TCP and TLS, by real servers of TLS and by servers that misbehave in every way.
#include "firmware/health/stream_probe.h"

#include <string>

#include "tests/cmocka.h"
#include "tests/health/asking.h"

namespace evenkeel {
namespace {

constexpr Microseconds kMillisecond = 1'000;

struct Room {
  Room() { make_certificates(folder); }

  CheckSettings check(CheckType type) const {
    CheckSettings check = check_of(type);
    check.ca = folder / "ca.pem";
    check.server_name = "shop.example";
    return check;
  }
  uint16_t free_port() { return closed_port(asker.context(), "127.0.0.1"); }

  TestFolder folder;
  Asker asker;
};
Room* room = nullptr;  // NOLINT: certificates are made once

// openssl's server, with a certificate of make_certificates(), which answers GET / too.
struct Server {
  explicit Server(const std::string& certificate, const std::string& more = "-www")
      : port(room->free_port()),
        process("openssl s_server -quiet -accept 127.0.0.1:" + std::to_string(port) + " -cert " +
                (room->folder / certificate) + ".pem -key " + (room->folder / certificate) +
                ".key " + more + " >/dev/null 2>&1") {}

  uint16_t port;
  ServerProcess process;
};

void certificates_are_judged(void**) {
  const struct {
    const char* description;
    const char* certificate;
    void (*set)(CheckSettings&);
    const char* expected;
  } rows[] = {
      {"good", "good", [](CheckSettings&) {}, "good: TLSv1.3"},
      {"good for its address", "good", [](CheckSettings& c) { c.server_name.clear(); },
       "good: TLSv1.3"},
      {"expired", "expired", [](CheckSettings&) {},
       "bad: certificate not valid: certificate has expired"},
      {"not valid yet", "early", [](CheckSettings&) {},
       "bad: certificate not valid: certificate is not yet valid"},
      {"of another name", "other", [](CheckSettings&) {},
       "bad: certificate not valid: hostname mismatch"},
      {"of another address", "other", [](CheckSettings& c) { c.server_name.clear(); },
       "bad: certificate not valid: IP address mismatch"},
      {"of a stranger", "stranger", [](CheckSettings&) {},
       "bad: certificate not valid: self-signed certificate"},
      {"not one that the system trusts", "good", [](CheckSettings& c) { c.ca.clear(); },
       "bad: certificate not valid: unable to get local issuer certificate"},
      {"not looked at", "expired", [](CheckSettings& c) { c.verify = false; }, "good: TLSv1.3"},
  };
  for (const auto& row : rows) {
    const Server server(row.certificate);
    CheckSettings check = room->check(CheckType::tls);
    row.set(check);
    const bool is_good = room->asker.answers("127.0.0.1", server.port, check, row.expected);
    if (!is_good) print_error("%s\n", row.description);
    assert_true(is_good);
  }
}

void old_versions_are_refused(void**) {
  const Server server("good", "-www -tls1_2");
  assert_true(
      room->asker.answers("127.0.0.1", server.port, room->check(CheckType::tls), "good: TLSv1.2"));
  const Server old("good", "-www -tls1_1 -cipher ALL:@SECLEVEL=0");
  assert_true(room->asker.answers("127.0.0.1", old.port, room->check(CheckType::tls),
                                  "bad: no TLS (tlsv1 alert protocol version)"));
}

void http_is_spoken_within_tls(void**) {
  const Server server("good");
  CheckSettings check = room->check(CheckType::https);
  assert_true(room->asker.answers("127.0.0.1", server.port, check, "good: status 200"));
  check.contains = "Ciphers supported";
  assert_string_equal(room->asker.answer_of("127.0.0.1", server.port, check).c_str(),
                      "good: status 200");
  check.contains = "All is well";
  assert_string_equal(room->asker.answer_of("127.0.0.1", server.port, check).c_str(),
                      "bad: status 200, without \"All is well\" in its body");
  check.expect = {{204, 204}};
  assert_string_equal(room->asker.answer_of("127.0.0.1", server.port, check).c_str(),
                      "bad: status 200, not in 204");
}

void tls_without_http2_is_not_enough_for_it(void**) {
  const Server server("good");
  CheckSettings check = room->check(CheckType::grpc);
  check.tls = true;
  assert_true(
      room->asker.answers("127.0.0.1", server.port, check, "bad: TLS, but no HTTP/2 (ALPN)"));
}

void who_speaks_no_tls_is_told(void**) {
  const struct {
    const char* description;
    Manners manners;
    const char* expected;
  } rows[] = {
      {"HTTP", {.waits = false}, "bad: no TLS (wrong version number)"},
      {"garbage",
       {.reply = std::string(10'000, 'x'), .waits = false},
       "bad: no TLS (wrong version number)"},
      {"zeros", {.reply = std::string(10'000, '\0'), .waits = false}, "bad: no TLS ("},
      {"an alert",
       {.reply = std::string("\x15\x03\x03\x00\x02\x02\x28", 7), .waits = false},
       "bad: no TLS (sslv3 alert handshake failure)"},
      {"closed", {.reply = "", .waits = false}, "bad: closed within the TLS handshake"},
      {"half closed",
       {.reply = "", .waits = false, .half_closes = true},
       "bad: closed within the TLS handshake"},
      {"a part, then closed",
       {.reply = std::string("\x16\x03\x03\x40", 4), .waits = false},
       "bad: closed within the TLS handshake"},
      {"reset", {.waits = false, .resets = true}, "bad: connection reset"},
  };
  for (const auto& row : rows) {
    TestServer server(room->asker.context(), "127.0.0.1", row.manners);
    const std::string answer =
        room->asker.answer_of("127.0.0.1", server.port(), room->check(CheckType::tls));
    // Who closes with bytes unread resets.
    const bool is_closed = std::string(row.expected).find("closed") != std::string::npos;
    const bool is_good =
        answer.starts_with(row.expected) || (is_closed && answer == "bad: connection reset");
    if (!is_good) print_error("%s: %s\n", row.description, answer.c_str());
    assert_true(is_good);
  }
}

void silence_is_given_up_with_how_far_it_came(void**) {
  Asker& asker = room->asker;
  TestServer silent(asker.context(), "127.0.0.1", {.is_silent = true});
  const auto wait = 50 * kMillisecond;
  assert_string_equal(
      asker.answer_of("127.0.0.1", silent.port(), room->check(CheckType::tls), wait).c_str(),
      "bad: connected, but no TLS handshake in 1s");
  TestServer slow(asker.context(), "127.0.0.1",
                  {.reply = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhealt", .closes = false});
  CheckSettings check = check_of(CheckType::http);
  check.contains = "healthy";
  assert_string_equal(asker.answer_of("127.0.0.1", slow.port(), check, wait).c_str(),
                      "bad: only a part of an answer's body in 1s");
  TestServer mute(asker.context(), "127.0.0.1", {.reply = "up", .waits = false, .closes = false});
  assert_string_equal(
      asker.answer_of("127.0.0.1", mute.port(), check_of(CheckType::agent), wait).c_str(),
      "bad: only a part of a line in 1s");
}

void bodies_are_looked_through(void**) {
  const std::string header = "HTTP/1.1 200 OK\r\n";
  const struct {
    const char* description;
    Manners manners;
    const char* expected;
  } rows[] = {
      {"all at once", {.reply = header + "Content-Length: 7\r\n\r\nhealthy"}, "good: status 200"},
      {"byte by byte",
       {.reply = header + "Content-Length: 7\r\n\r\nhealthy", .piece = 1},
       "good: status 200"},
      {"without an end, before its end",
       {.reply = header + "\r\nI am healthy", .closes = false},
       "good: status 200"},
      {"closed before it",
       {.reply = header + "\r\nI am health"},
       "bad: status 200, without \"healthy\" in its body"},
      {"endless",
       {.reply = header + "\r\n" + std::string(1u << 22, 'x')},
       "bad: status 200, without \"healthy\" in its body"},
      {"in chunks",
       {.reply = header + "Transfer-Encoding: chunked\r\n\r\n4\r\nheal\r\n3\r\nthy\r\n"},
       "good: status 200"},
  };
  for (const auto& row : rows) {
    TestServer server(room->asker.context(), "127.0.0.1", row.manners);
    CheckSettings check = check_of(CheckType::http);
    check.contains = "healthy";
    const std::string answer = room->asker.answer_of("127.0.0.1", server.port(), check);
    if (answer != row.expected) print_error("%s\n", row.description);
    assert_string_equal(answer.c_str(), row.expected);
  }
}

void agents_are_asked_and_heard(void**) {
  CheckSettings check = check_of(CheckType::agent);
  check.send = R"(how is web1?\r\n\r\n)";
  TestServer server(room->asker.context(), "::1", {.reply = "drain 50% #busy\r\nmore"});
  const auto asked = room->asker.ask("::1", server.port(), check);
  assert_true(comes_true(room->asker.context(), [&] { return asked->answer.has_value(); }));
  assert_string_equal(text_of(asked->answer).c_str(), "good: its agent says: drain 50% #busy");
  assert_true(asked->answer->report->wish == AgentReport::Wish::drain);
  assert_int_equal(*asked->answer->report->weight, 50);
  assert_string_equal(server.last_request().c_str(), "how is web1?\r\n\r\n");
  const Manners manners[] = {{.reply = "", .waits = false},
                             {.reply = std::string(1'000'000, 'x'), .waits = false},
                             {.waits = false, .resets = true}};
  const char* expected[] = {"bad: closed without an answer", "bad: a line of more than 1024 bytes",
                            "bad: connection reset"};
  for (size_t i = 0; i < std::size(manners); ++i) {
    TestServer bad(room->asker.context(), "127.0.0.1", manners[i]);
    const std::string answer =
        room->asker.answer_of("127.0.0.1", bad.port(), check_of(CheckType::agent));
    assert_string_equal(answer.c_str(), expected[i]);
  }
}

// By one socket, TLS and none in turn, each with bytes left over by the one before.
void a_conversation_knows_nothing_of_the_one_before(void**) {
  Asker& asker = room->asker;
  const Server server("good");
  const CheckSettings https = room->check(CheckType::https);
  assert_true(asker.answers("127.0.0.1", server.port, https, "good: status 200"));
  asker.answer_of("127.0.0.1", server.port, https);
  const ino_t socket = asker.socket();
  TestServer agent(asker.context(), "127.0.0.1", {.reply = "up\ndown\n", .waits = false});
  TestServer plain(asker.context(), "127.0.0.1", {});
  for (int times = 0; times < 3; ++times) {
    const struct {
      uint16_t port;
      CheckSettings check;
      const char* expected;
    } rows[] = {
        {server.port, https, "good: status 200"},
        {agent.port(), check_of(CheckType::agent), "good: its agent says: up"},
        {plain.port(), check_of(CheckType::http), "good: status 200"},
        {server.port, room->check(CheckType::tls), "good: TLSv1.3"},
    };
    for (const auto& row : rows) {
      assert_string_equal(asker.answer_of("127.0.0.1", row.port, row.check).c_str(), row.expected);
      assert_true(asker.socket() == socket);
    }
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up"));
  Room made;
  room = &made;
  const CMUnitTest tests[] = {
      cmocka_unit_test(certificates_are_judged),
      cmocka_unit_test(old_versions_are_refused),
      cmocka_unit_test(http_is_spoken_within_tls),
      cmocka_unit_test(tls_without_http2_is_not_enough_for_it),
      cmocka_unit_test(who_speaks_no_tls_is_told),
      cmocka_unit_test(silence_is_given_up_with_how_far_it_came),
      cmocka_unit_test(bodies_are_looked_through),
      cmocka_unit_test(agents_are_asked_and_heard),
      cmocka_unit_test(a_conversation_knows_nothing_of_the_one_before),
  };
  return cmocka_run_group_tests_name("health/stream_probe", tests, nullptr, nullptr);
}
