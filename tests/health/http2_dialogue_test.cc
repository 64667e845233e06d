// HTTP/2 and gRPC: real servers of both, without TLS and within it, and servers that misbehave.
#include "firmware/health/http2_dialogue.h"

#include <string>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/health/asking.h"

namespace evenkeel {
namespace {

struct Room {
  Room() { make_certificates(folder); }
  uint16_t free_port() { return closed_port(asker.context(), "127.0.0.1"); }

  TestFolder folder;
  Asker asker;
};
Room* room = nullptr;  // NOLINT: certificates are made once

CheckSettings within_tls(CheckSettings check) {
  check.tls = true;
  check.ca = room->folder / "ca.pem";
  check.server_name = "shop.example";
  return check;
}

void nginx_is_asked(void**) {
  const uint16_t clear = room->free_port();
  const uint16_t secret = room->free_port();
  room->folder.write("nginx.conf", R"(
daemon off; master_process off; pid pid; error_log stderr;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4;
  scgi_temp_path t5;
  server {
    listen 127.0.0.1:)" + std::to_string(clear) +
                                       R"( http2;
    listen 127.0.0.1:)" + std::to_string(secret) +
                                       R"( ssl http2;
    ssl_certificate good.pem; ssl_certificate_key good.key;
    location /up { return 200 "all is well"; }
    location /echo { return 200 "$host $http_x_check $request_method"; }
    location /down { return 503; }
  }
})");
  const ServerProcess nginx("nginx -p " + room->folder.path() + " -c nginx.conf >/dev/null 2>&1");
  Asker& asker = room->asker;
  CheckSettings check = check_of(CheckType::h2);
  check.path = "/up";
  assert_true(asker.answers("127.0.0.1", clear, check, "good: status 200"));
  assert_true(asker.answers("127.0.0.1", secret, within_tls(check), "good: status 200"));
  check.contains = "is well";
  assert_string_equal(asker.answer_of("127.0.0.1", secret, within_tls(check)).c_str(),
                      "good: status 200");
  check.contains = "is ill";
  assert_string_equal(asker.answer_of("127.0.0.1", clear, check).c_str(),
                      "bad: status 200, without \"is ill\" in its body");
  check.path = "/down";
  assert_string_equal(asker.answer_of("127.0.0.1", clear, check).c_str(),
                      "bad: status 503, not in 200-399");
  check.path = "/echo";
  check.host = "shop.example";
  check.method = "PUT";
  check.headers = {"X-Check: from the box"};
  check.contains = "shop.example from the box PUT";
  assert_string_equal(asker.answer_of("127.0.0.1", clear, check).c_str(), "good: status 200");
  // nginx without a gRPC server behind it.
  assert_string_equal(asker.answer_of("127.0.0.1", clear, check_of(CheckType::grpc)).c_str(),
                      "bad: status 404, not of gRPC");
  // Within TLS it expects a client of TLS.
  check.tls = false;
  const std::string answer = asker.answer_of("127.0.0.1", secret, check);
  assert_true(answer.starts_with("bad: "));
}

constexpr const char* kGrpcServer = R"(#!/usr/bin/python3
import sys
from concurrent import futures
import grpc

# Without the generated code: a message is the bytes that protobuf has for it.
STATUS = {b'': b'\x08\x01', b'\x0a\x04shop': b'\x08\x01', b'\x0a\x04mail': b'\x08\x02'}

def check(request, context):
    if request not in STATUS:
        context.abort(grpc.StatusCode.NOT_FOUND, 'unknown service')
    return STATUS[request]

server = grpc.server(futures.ThreadPoolExecutor(2))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler('grpc.health.v1.Health', {
    'Check': grpc.unary_unary_rpc_method_handler(check)}),))
clear, secret, folder = sys.argv[1:]
server.add_insecure_port('127.0.0.1:' + clear)
server.add_secure_port('127.0.0.1:' + secret, grpc.ssl_server_credentials(
    [(open(folder + '/good.key', 'rb').read(), open(folder + '/good.pem', 'rb').read())]))
server.start()
server.wait_for_termination()
)";

void grpc_is_asked(void**) {
  const uint16_t clear = room->free_port();
  const uint16_t secret = room->free_port();
  const std::string script = room->folder.write("server.py", kGrpcServer);
  const ServerProcess server("/usr/bin/python3 " + script + " " + std::to_string(clear) + " " +
                             std::to_string(secret) + " " + room->folder.path() +
                             " >/dev/null 2>&1");
  Asker& asker = room->asker;
  CheckSettings check = check_of(CheckType::grpc);
  assert_true(asker.answers("127.0.0.1", clear, check, "good: SERVING"));
  assert_true(asker.answers("127.0.0.1", secret, within_tls(check), "good: SERVING"));
  check.grpc_service = "shop";
  assert_string_equal(asker.answer_of("127.0.0.1", clear, check).c_str(), "good: SERVING");
  check.grpc_service = "mail";
  assert_string_equal(asker.answer_of("127.0.0.1", clear, check).c_str(), "bad: NOT_SERVING");
  assert_string_equal(asker.answer_of("127.0.0.1", secret, within_tls(check)).c_str(),
                      "bad: NOT_SERVING");
  check.grpc_service = "news";
  assert_string_equal(asker.answer_of("127.0.0.1", clear, check).c_str(), "bad: gRPC status 5");
  check.ca = room->folder / "stranger.pem";
  check = within_tls(check);
  check.ca = room->folder / "stranger.pem";
  assert_string_equal(asker.answer_of("127.0.0.1", secret, check).c_str(),
                      "bad: certificate not valid: unable to get local issuer certificate");
  // HTTP/2, but nothing of gRPC.
  check = check_of(CheckType::h2);
  const std::string answer = asker.answer_of("127.0.0.1", clear, check);
  assert_true(answer.starts_with("bad: ") || answer == "good: status 200");
}

const std::string kSettings("\0\0\0\4\0\0\0\0\0", 9);

std::string frame(char type, char flags, int stream, const std::string& payload) {
  std::string bytes(9, '\0');
  bytes[1] = static_cast<char>(payload.size() >> 8);
  bytes[2] = static_cast<char>(payload.size() & 0xff);
  bytes[3] = type;
  bytes[4] = flags;
  bytes[8] = static_cast<char>(stream);
  return bytes + payload;
}

std::string endless(const std::string& piece) {
  std::string bytes = kSettings;
  while (bytes.size() < 1'000'000) bytes += piece;
  return bytes;
}

// HPACK's static table has ":status: 200" as its eighth, ":status: 500" as its fourteenth.
void servers_are_judged_by_what_they_say(void**) {
  const std::string ok = kSettings + frame(1, 4, 1, "\x88");
  const struct {
    const char* description;
    std::string bytes;
    const char* expected;
  } rows[] = {
      {"a header", ok, "good: status 200"},
      {"an error", kSettings + frame(1, 5, 1, "\x8e"), "bad: status 500, not in 200-399"},
      {"of another stream", kSettings + frame(1, 4, 3, "\x88"), "bad: "},
      {"nothing", "", "bad: closed without an answer"},
      {"no more than settings", kSettings, "bad: closed within the answer"},
      {"HTTP/1", "HTTP/1.1 400 Bad Request\r\n\r\n", "bad: an answer in HTTP/1, not HTTP/2"},
      {"garbage", std::string(5'000, 'x'), "bad: no HTTP/2 answer"},
      {"no settings first", frame(1, 4, 1, "\x88"), "bad: no HTTP/2 answer"},
      {"a header that cannot be read", kSettings + frame(1, 4, 1, "\xff\xff\xff\xff\xff\xff"),
       "bad: no HTTP/2 answer"},
      {"a header without a status", kSettings + frame(1, 5, 1, "\x84"), "bad: "},
      {"a reset", kSettings + frame(3, 0, 1, std::string("\0\0\0\7", 4)),
       "bad: the stream was reset (REFUSED_STREAM)"},
      {"a farewell", kSettings + frame(7, 0, 0, std::string("\0\0\0\0\0\0\0\0", 8)), "bad: "},
      {"pings without an end", endless(frame(6, 0, 0, "12345678")), "bad: "},
      {"settings without an end", endless(kSettings), "bad: "},
      {"a header without an end",
       kSettings + frame(1, 0, 1, "\x88") + endless(frame(9, 0, 1, "\x88")), "bad: "},
  };
  CheckSettings check = check_of(CheckType::h2);
  for (const auto& row : rows) {
    for (const size_t piece : {size_t{1}, size_t{1'000}, SIZE_MAX / 2}) {
      Http2Dialogue dialogue(check, *parse_address("10.0.0.1"), 80);
      assert_true(dialogue.to_send().starts_with("PRI * HTTP/2.0\r\n"));
      std::optional<ProbeAnswer> answer;
      for (size_t at = 0; at < row.bytes.size() && !answer; at += piece) {
        answer = dialogue.take(std::string_view(row.bytes).substr(at, piece));
        dialogue.to_send();
      }
      const std::string text = text_of(answer ? *answer : dialogue.end());
      if (!text.starts_with(row.expected)) print_error("%s: %s\n", row.description, text.c_str());
      assert_true(text.starts_with(row.expected));
    }
  }
}

void a_body_has_a_bound(void**) {
  CheckSettings check = check_of(CheckType::h2);
  check.contains = "healthy";
  Http2Dialogue dialogue(check, *parse_address("10.0.0.1"), 80);
  dialogue.to_send();
  std::optional<ProbeAnswer> answer = dialogue.take(kSettings + frame(1, 4, 1, "\x88"));
  assert_string_equal(dialogue.how_far().c_str(), "only a part of an answer");
  size_t count = 0;
  for (; !answer && count < 1'000; ++count) {
    answer = dialogue.take(frame(0, 0, 1, std::string(8'192, 'x')));
    dialogue.to_send();
  }
  assert_string_equal(text_of(answer).c_str(), "bad: status 200, without \"healthy\" in its body");
  assert_int_equal(count, kMaxProbeBody / 8'192);
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
      cmocka_unit_test(nginx_is_asked),
      cmocka_unit_test(grpc_is_asked),
      cmocka_unit_test(servers_are_judged_by_what_they_say),
      cmocka_unit_test(a_body_has_a_bound),
  };
  return cmocka_run_group_tests_name("health/http2_dialogue", tests, nullptr, nullptr);
}
