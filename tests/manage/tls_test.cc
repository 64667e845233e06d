// Who looks from afar: a real server on loopback, with certificates that openssl makes, and clients
// that have a right one, a wrong one or none.
#include "firmware/manage/tls.h"

#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/base/limits.h"
#include "firmware/manage/server.h"
#include "tests/cmocka.h"
#include "tests/manage/managed_room.h"
#include "tests/manage/remote_client.h"

namespace evenkeel {
namespace {

const std::string kToken = "0123456789abcdef0123456789abcdef";
const std::string kStatus = "GET /v1/status HTTP/1.1\r\nConnection: close\r\n\r\n";

const std::string kEnds = "Connection: close\r\n";

std::string with_token(const std::string& token, const std::string& rest = "") {
  return "GET /v1/status HTTP/1.1\r\nAuthorization: Bearer " + token + "\r\n" + rest + "\r\n";
}

// Made once, for it takes long.
const Folder& certificates(void** state) {
  return static_cast<const Certificates*>(*state)->folder;
}
int make_all(void** state) {
  *state = new Certificates();
  return 0;
}
int remove_all(void** state) {
  delete static_cast<Certificates*>(*state);
  return 0;
}

void write_private(const Folder& folder, const std::string& name, const std::string& text) {
  folder.write(name, text);
  CHECK(chmod(folder.path(name).c_str(), 0600) == 0);
}

enum class Ways : uint8_t { certificates, tokens, both };

// Everything of the room belongs to the loop's thread while it runs.
class Running {
 public:
  Running(const Folder& certificates, Ways ways) {
    ApiSettings& api = room_.api;
    api.socket = folder_.path("api.sock");
    api.operators = "staff";
    api.listen = "127.0.0.1:" + std::to_string(free_port());
    api.certificate = certificates.path("box.pem");
    api.certificate_key = certificates.path("box.key");
    if (ways != Ways::tokens) api.client_ca = certificates.path("ca.pem");
    if (ways != Ways::certificates) api.tokens = folder_.path("tokens");
    write_tokens("grafana viewer " + kToken + "\n");
    Result<std::unique_ptr<Server>> started = Server::start(context_, room_.managed(), [this] {
      return Instant{.now = room_.machine.now, .wall = room_.machine.wall};
    });
    CHECK(started.ok());
    server_ = std::move(started.value());
    for (const Alert& trouble : server_->troubles()) print_message("%s\n", trouble.text.c_str());
    CHECK(server_->troubles().empty());
    port_ = server_->remote_port();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Running() {
    context_.stop();
    thread_.join();
    server_.reset();
  }

  uint16_t port() const { return port_; }
  void write_tokens(const std::string& text) const { write_private(folder_, "tokens", text); }
  std::string tokens() const { return folder_.path("tokens"); }

 private:
  Folder folder_;
  ManagedRoom room_;
  boost::asio::io_context context_{1};
  std::unique_ptr<Server> server_;
  uint16_t port_ = 0;
  std::thread thread_;
};

bool has(const std::string& text, std::string_view part) {
  if (text.find(part) != std::string::npos) return true;
  print_message("%s\n", text.c_str());
  return false;
}

std::string asked_by_carla(const Folder& folder, const Running& server) {
  return Client(folder, server.port(), "carla").asked(kStatus);
}

struct Row {
  const char* description;
  Ways ways;
  const char* who;  // a certificate's name; empty: none
  std::string request;
  std::vector<const char*> says;
};

const Row kRows[] = {
    {"a certificate",
     Ways::certificates,
     "carla",
     kStatus,
     {"HTTP/1.1 200", R"("user":"carla","role":"viewer")"}},
    {"a certificate, where a token would do",
     Ways::both,
     "carla",
     kStatus,
     {"HTTP/1.1 200", R"("user":"carla")"}},
    {"a token",
     Ways::tokens,
     "",
     with_token(kToken, kEnds),
     {"HTTP/1.1 200", R"("user":"grafana","role":"viewer")"}},
    {"a token, where a certificate would do",
     Ways::both,
     "",
     with_token(kToken, kEnds),
     {"HTTP/1.1 200", R"("user":"grafana")"}},
    {"a certificate of nobody, and a token",
     Ways::both,
     "nameless",
     with_token(kToken, kEnds),
     {"HTTP/1.1 200", R"("user":"grafana")"}},
    {"a name that is not printable", Ways::both, "odd", kStatus, {R"("user":"o?dd")"}},
    {"no certificate", Ways::certificates, "", kStatus, {"(", "certificate required)"}},
    {"another CA's", Ways::certificates, "stranger", kStatus, {"unknown ca)"}},
    {"another CA's, with a good token",
     Ways::both,
     "stranger",
     with_token(kToken, kEnds),
     {"unknown ca)"}},
    {"an expired one", Ways::certificates, "late", kStatus, {"certificate expired)"}},
    {"a certificate of nobody",
     Ways::certificates,
     "nameless",
     kStatus,
     {"HTTP/1.1 401", "no-credentials"}},
    {"neither", Ways::both, "", kStatus, {"HTTP/1.1 401", "WWW-Authenticate: Bearer"}},
    {"a certificate, where only tokens are asked for",
     Ways::tokens,
     "carla",
     kStatus,
     {"HTTP/1.1 401"}},
    {"a wrong token",
     Ways::tokens,
     "",
     with_token(kToken + "0"),
     {"HTTP/1.1 401", "this token is nobody's"}},
    {"an empty token", Ways::tokens, "", with_token(""), {"HTTP/1.1 401"}},
    {"a token where there are none",
     Ways::certificates,
     "nameless",
     with_token(kToken),
     {"HTTP/1.1 401"}},
    {"a change",
     Ways::certificates,
     "carla",
     "POST /v1/change HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}",
     {"HTTP/1.1 403", R"("code":"role")", "group staff"}},
    {"a change, by a token",
     Ways::tokens,
     "",
     "DELETE /v1/change HTTP/1.1\r\nConnection: close\r\nAuthorization: Bearer " + kToken +
         "\r\n\r\n",
     {"HTTP/1.1 403", "group staff"}},
    {"a long body",
     Ways::certificates,
     "carla",
     "POST /v1/change HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n{",
     {"HTTP/1.1 413"}},
};

void test_knows_who_looks_from_afar(void** state) {
  for (const Row& row : kRows) {
    print_message("%s\n", row.description);
    const Running server(certificates(state), row.ways);
    Client client(certificates(state), server.port(), row.who);
    const std::string text = client.asked(row.request);
    for (const char* part : row.says) assert_true(has(text, part));
  }
}

void test_speaks_no_old_tls(void** state) {
  const Running server(certificates(state), Ways::certificates);
  struct Version {
    int newest;
    const char* name;  // null: refused
  };
  for (const Version& row :
       {Version{TLS1_VERSION, nullptr}, Version{TLS1_1_VERSION, nullptr},
        Version{TLS1_2_VERSION, "TLSv1.2"}, Version{TLS1_3_VERSION, "TLSv1.3"}}) {
    Client client(certificates(state), server.port(), "carla", row.newest);
    assert_true(client.is_up() == (row.name != nullptr));
    const std::string text = client.asked(kStatus);
    if (row.name == nullptr) {
      assert_true(has(text, "protocol version)"));
      continue;
    }
    assert_string_equal(client.version(), row.name);
    assert_true(has(text, "HTTP/1.1 200"));
  }
}

// What is said until the other end closes; nothing of it in time: "(open)".
std::string heard(const Descriptor& socket) {
  std::string text;
  std::vector<char> room(4'096);
  while (true) {
    const ssize_t count = recv(socket.get(), room.data(), room.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return text + "(open)";
    if (count <= 0) return text;
    text.append(room.data(), static_cast<size_t>(count));
  }
}

void test_says_nothing_without_tls(void** state) {
  const Running server(certificates(state), Ways::tokens);
  for (const std::string& bytes :
       {with_token(kToken), std::string("\0\0\0\0", 4), std::string(100'000, 'x'),
        std::string("\x16\x03\x01\xff\xff", 5) + std::string(70'000, '\1')}) {
    const Descriptor socket = connected(server.port());
    (void)send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    shutdown(socket.get(), SHUT_WR);
    const std::string text = heard(socket);
    assert_true(text.find("HTTP/1.1") == std::string::npos);
    assert_true(text.find("(open)") == std::string::npos);
  }
  Client client(certificates(state), server.port());
  assert_true(has(client.asked(with_token(kToken, kEnds)), "HTTP/1.1 200"));
}

// Others are answered meanwhile.
void test_cuts_off_a_slow_handshake(void** state) {
  const Running server(certificates(state), Ways::certificates);
  const Descriptor silent = connected(server.port());
  const Descriptor slow = connected(server.port());
  const std::string hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  const auto began = std::chrono::steady_clock::now();
  const auto deadline = began + std::chrono::seconds(kDeadlineSeconds);
  pollfd wanted = {.fd = slow.get(), .events = POLLIN, .revents = 0};
  size_t sent = 0;
  while (poll(&wanted, 1, 200) == 0 && std::chrono::steady_clock::now() < deadline) {
    const char byte = sent < hello.size() ? hello[sent] : '\0';
    (void)send(slow.get(), &byte, 1, MSG_NOSIGNAL);
    ++sent;
    assert_true(has(asked_by_carla(certificates(state), server), "HTTP/1.1 200"));
  }
  assert_string_equal(heard(slow).c_str(), "");
  assert_string_equal(heard(silent).c_str(), "");
  const auto took = std::chrono::steady_clock::now() - began;
  assert_true(took > std::chrono::seconds(3) && took < std::chrono::seconds(15));
}

// The file is read with each request: on a connection that is open, too.
void test_a_token_ends_with_its_line(void** state) {
  const Running server(certificates(state), Ways::both);
  Client client(certificates(state), server.port());
  assert_true(has(client.asked(with_token(kToken), "}}\n"), R"("user":"grafana")"));
  server.write_tokens("# nobody\n");
  assert_true(has(client.asked(with_token(kToken)), "HTTP/1.1 401"));

  server.write_tokens("grafana viewer " + kToken + "\n");
  CHECK(chmod(server.tokens().c_str(), 0644) == 0);
  const std::string closing = with_token(kToken, kEnds);
  assert_true(has(Client(certificates(state), server.port()).asked(closing), "HTTP/1.1 503"));
  assert_true(has(asked_by_carla(certificates(state), server), server.tokens() + " is open"));
  CHECK(chmod(server.tokens().c_str(), 0600) == 0);
  assert_true(has(Client(certificates(state), server.port()).asked(closing), "HTTP/1.1 200"));
  const std::string status = asked_by_carla(certificates(state), server);
  assert_true(status.find(server.tokens()) == std::string::npos);
}

// A connection has somebody's name or a token's, request by request.
void test_a_connection_is_whose_the_request_is(void** state) {
  const Running server(certificates(state), Ways::tokens);
  const std::string other(32, 'b');
  server.write_tokens("grafana viewer " + kToken + "\nbackup viewer " + other + "\n");
  Client client(certificates(state), server.port());
  assert_true(has(client.asked(with_token(kToken), "}}\n"), R"("user":"grafana")"));
  assert_true(has(client.asked(with_token(other), "}}\n"), R"("user":"backup")"));
  assert_true(has(client.asked(kStatus), "HTTP/1.1 401"));
}

// One address has no more than its share; another one is answered.
void test_bounds_connections_of_an_address(void** state) {
  const Running server(certificates(state), Ways::certificates);
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < kMaxApiConnectionsOfAddress; ++i) {
    clients.push_back(std::make_unique<Client>(certificates(state), server.port(), "carla"));
    assert_true(clients.back()->is_up());
  }
  for (int i = 0; i < 100; ++i) {
    assert_false(Client(certificates(state), server.port(), "carla").is_up());
  }
  Client other(certificates(state), server.port(), "carla", TLS1_3_VERSION, 2);
  assert_true(has(other.asked(kStatus), "HTTP/1.1 200"));
  assert_true(has(clients.front()->asked(kStatus), "HTTP/1.1 200"));
}

void test_refuses_what_cannot_be_used(void** state) {
  const Folder& made = certificates(state);
  const Folder own;
  own.write("empty", "");
  write_private(own, "no.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
  write_private(own, "tokens", "somebody operator " + kToken);
  CHECK(std::filesystem::copy_file(made.path("box.key"), own.path("open.key")));
  CHECK(chmod(own.path("open.key").c_str(), 0640) == 0);
  ApiSettings good;
  good.certificate = made.path("box.pem");
  good.certificate_key = made.path("box.key");
  good.client_ca = made.path("ca.pem");
  assert_true(make_tls(good).ok());
  struct Wrong {
    std::string ApiSettings::* member;
    std::string value;
    std::string says;
  };
  const Wrong wrongs[] = {
      {&ApiSettings::certificate, own.path("none"), own.path("none")},
      {&ApiSettings::certificate, own.path("empty"), own.path("empty")},
      {&ApiSettings::certificate, made.path("box.key"), "api.certificate"},
      {&ApiSettings::certificate, made.path("carla.pem"), made.path("box.key")},
      {&ApiSettings::certificate_key, own.path("none"), own.path("none")},
      {&ApiSettings::certificate_key, own.path("no.key"), own.path("no.key")},
      {&ApiSettings::certificate_key, own.path("open.key"), "chmod 600"},
      {&ApiSettings::certificate_key, made.path("carla.key"), made.path("box.pem")},
      {&ApiSettings::client_ca, own.path("none"), own.path("none")},
      {&ApiSettings::client_ca, own.path("empty"), own.path("empty")},
      {&ApiSettings::client_ca, "", "client_ca or tokens"},
      {&ApiSettings::tokens, own.path("none"), own.path("none")},
      {&ApiSettings::tokens, own.path("tokens"), "line 1"},
  };
  for (const Wrong& wrong : wrongs) {
    ApiSettings settings = good;
    settings.*wrong.member = wrong.value;
    const auto tls = make_tls(settings);
    if (tls.ok()) print_message("%s\n", wrong.says.c_str());
    assert_false(tls.ok());
    assert_true(has(tls.message(), wrong.says));
  }
}

// The box is to be managed nevertheless, and says what is wrong.
void test_goes_on_without_tls(void** state) {
  const Folder folder;
  ManagedRoom room;
  boost::asio::io_context context;
  room.api.socket = folder.path("api.sock");
  room.api.certificate = certificates(state).path("box.pem");
  room.api.certificate_key = certificates(state).path("box.key");
  room.api.client_ca = certificates(state).path("ca.pem");
  struct Wrong {
    std::string listen;
    std::string key;
    const char* says;
  };
  const std::string key = room.api.certificate_key;
  for (const Wrong& wrong : {Wrong{"192.0.2.1:8443", key, "api.listen"},
                             Wrong{"127.0.0.1:1", folder.path("none"), "none"}}) {
    room.api.listen = wrong.listen;
    room.api.certificate_key = wrong.key;
    const Result<std::unique_ptr<Server>> server =
        Server::start(context, room.managed(), [] { return Instant{}; });
    assert_true(server.ok());
    assert_int_equal(server.value()->remote_port(), 0);
    assert_int_equal(server.value()->troubles().size(), 1);
    assert_true(has(server.value()->troubles()[0].text, wrong.says));
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  CHECK(std::signal(SIGPIPE, SIG_IGN) != SIG_ERR);  // OpenSSL's clients write to closed sockets
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_refuses_what_cannot_be_used),
      cmocka_unit_test(test_goes_on_without_tls),
      cmocka_unit_test(test_knows_who_looks_from_afar),
      cmocka_unit_test(test_speaks_no_old_tls),
      cmocka_unit_test(test_says_nothing_without_tls),
      cmocka_unit_test(test_cuts_off_a_slow_handshake),
      cmocka_unit_test(test_a_token_ends_with_its_line),
      cmocka_unit_test(test_a_connection_is_whose_the_request_is),
      cmocka_unit_test(test_bounds_connections_of_an_address),
  };
  return cmocka_run_group_tests(tests, make_all, remove_all);
}
