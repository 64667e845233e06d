// A real server on real sockets, in a thread of its own; clients that behave, and others.
#include "firmware/manage/server.h"

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/manage/managed_room.h"

namespace evenkeel {
namespace {

// Whether there is no memory for anything large.
std::atomic<bool>& is_memory_short() {
  static std::atomic<bool> is_short{false};
  return is_short;
}

}  // namespace
}  // namespace evenkeel

[[gnu::noinline]] void* operator new(size_t bytes) {
  constexpr size_t kLarge = 128u << 10;
  const bool is_possible = bytes < kLarge || !evenkeel::is_memory_short();
  void* const memory = is_possible ? std::malloc(bytes) : nullptr;
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace evenkeel {
namespace {

constexpr int kDeadlineMs = 10'000;
constexpr const char* kStatus = "GET /v1/status HTTP/1.1\r\nHost: box\r\n\r\n";

// Everything of the room belongs to the loop's thread while it runs.
class Running {
 public:
  Running() {
    room_.api.socket = folder_.path("api.sock");
    room_.api.viewers = "games";
    room_.api.operators = "staff";
    room_.api.approvers = "adm";
    Result<std::unique_ptr<Server>> started = Server::start(context_, room_.managed(), [this] {
      return Instant{.now = room_.machine.now, .wall = room_.machine.wall};
    });
    CHECK(started.ok());
    server_ = std::move(started.value());
    CHECK(chmod(folder_.path("").c_str(), 0755) == 0);
    thread_ = std::thread([this] { context_.run(); });
  }
  ~Running() {
    context_.stop();
    thread_.join();
    server_.reset();
  }
  const std::string& path() const { return room_.api.socket; }

 private:
  Folder folder_;
  ManagedRoom room_;
  boost::asio::io_context context_{1};
  std::unique_ptr<Server> server_;
  std::thread thread_;
};

int setup(void** state) {
  *state = new Running();
  return 0;
}
int teardown(void** state) {
  delete static_cast<Running*>(*state);
  return 0;
}
const Running& running(void** state) { return *static_cast<Running*>(*state); }

Descriptor connected(const std::string& path) {
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  std::memcpy(name.sun_path, path.data(), path.size());
  CHECK(connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0);
  return socket;
}

// All that is taken of it: a server that refuses may close before.
void send_text(const Descriptor& socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    text.remove_prefix(static_cast<size_t>(count));
  }
}

// Until the other end closes, `enough` has come, or it takes too long.
std::string received(const Descriptor& socket, std::string_view enough = "\1") {
  std::string text;
  std::vector<char> room(1u << 20);
  pollfd wanted = {.fd = socket.get(), .events = POLLIN, .revents = 0};
  while (text.find(enough) == std::string::npos) {
    if (poll(&wanted, 1, kDeadlineMs) != 1) return text + "(nothing more came)";
    const ssize_t count = recv(socket.get(), room.data(), room.size(), 0);
    if (count <= 0) return text;
    text.append(room.data(), static_cast<size_t>(count));
  }
  return text;
}

size_t count_of(std::string_view text, std::string_view part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

std::string asked(const Running& server, const std::string& request) {
  const Descriptor socket = connected(server.path());
  send_text(socket, request);
  shutdown(socket.get(), SHUT_WR);
  return received(socket);
}

void expect_it_still_answers(const Running& server) {
  assert_int_equal(count_of(asked(server, kStatus), "HTTP/1.1 200 OK"), 1);
}

struct Odd {
  const char* description;
  std::string request;
  const char* status;  // null: no answer at all
};

void test_answers_what_is_odd(void** state) {
  const Odd odds[] = {
      {"nothing", "", nullptr},
      {"no HTTP", "hello\r\n\r\n", "400"},
      {"TLS", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), "400"},
      {"half a header", "GET /v1/status HTTP/1.1\r\nHost: b", nullptr},
      {"a header of 1 MB", "GET / HTTP/1.1\r\nX: " + std::string(1u << 20, 'x') + "\r\n\r\n",
       "431"},
      {"a target of 1 MB", "GET /" + std::string(1u << 20, 'x') + " HTTP/1.1\r\n\r\n", "431"},
      {"10,000 headers",
       [] {
         std::string text = "GET /v1/status HTTP/1.1\r\n";
         for (int i = 0; i < 10'000; ++i) text += "A: b\r\n";
         return text + "\r\n";
       }(),
       "431"},
      {"a body of 100 MB, announced",
       "POST /v1/change HTTP/1.1\r\nContent-Length: 104857600\r\n\r\n{", "413"},
      {"a body without end, in chunks",
       "POST /v1/change HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" +
           [] {
             std::string text;
             for (int i = 0; i < 100; ++i)
               text += "100000\r\n" + std::string(1u << 20, ' ') + "\r\n";
             return text;
           }(),
       "413"},
      {"two lengths",
       "POST /v1/change HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}", "400"},
      {"a negative length", "POST /v1/change HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "400"},
      {"half a body", "POST /v1/change HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}", nullptr},
      {"a body that is no JSON", "POST /v1/change HTTP/1.1\r\nContent-Length: 2\r\n\r\n{]", "400"},
      {"another path", "GET /v9 HTTP/1.1\r\n\r\n", "404"},
      {"another method", "PATCH /v1/change HTTP/1.1\r\n\r\n", "405"},
      {"HTTP/1.0", "GET /v1/status HTTP/1.0\r\n\r\n", "200"},
      {"half closed", kStatus, "200"},
  };
  for (const Odd& odd : odds) {
    print_message("%s\n", odd.description);
    const std::string text = asked(running(state), odd.request);
    if (odd.status == nullptr) {
      assert_string_equal(text.c_str(), "");
      continue;
    }
    print_message("  %s\n", text.substr(0, text.find('\r')).c_str());
    assert_string_equal(text.substr(0, 7).c_str(), "HTTP/1.");
    assert_string_equal(text.substr(9, 3).c_str(), odd.status);
    assert_non_null(std::strstr(text.c_str(), "application/json"));
    expect_it_still_answers(running(state));
  }
}

void test_answers_requests_one_after_the_other(void** state) {
  const Descriptor socket = connected(running(state).path());
  std::string all;
  for (int i = 0; i < 100; ++i) all += kStatus;
  send_text(socket, all);
  shutdown(socket.get(), SHUT_WR);
  assert_int_equal(count_of(received(socket), "HTTP/1.1 200 OK"), 100);
}

void test_asks_for_a_body_that_waits(void** state) {
  const Descriptor socket = connected(running(state).path());
  send_text(socket,
            "POST /v1/change HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n"
            "Connection: close\r\n\r\n");
  assert_int_equal(count_of(received(socket, "\r\n\r\n"), "100 Continue"), 1);
  send_text(socket, "{}");
  assert_int_equal(count_of(received(socket), "HTTP/1.1 400"), 1);
}

// They get a place or are told that there is none, and nobody else waits for them.
void test_bounds_connections(void** state) {
  std::vector<Descriptor> sockets;
  size_t refused = 0;
  for (int i = 0; i < 1'000; ++i) {
    sockets.push_back(connected(running(state).path()));
    if (sockets.size() <= kMaxApiConnectionsOfUser) continue;
    const std::string text = received(sockets.back());
    refused += count_of(text, "HTTP/1.1 503") == 1 && count_of(text, "\"busy\"") == 1 ? 1 : 0;
    sockets.pop_back();
  }
  assert_int_equal(refused, 1'000 - kMaxApiConnectionsOfUser);
  send_text(sockets.front(), kStatus);
  assert_int_equal(count_of(received(sockets.front(), "}}\n"), "HTTP/1.1 200 OK"), 1);
  sockets.clear();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  bool is_back = false;
  while (!is_back && std::chrono::steady_clock::now() < deadline) {
    is_back = count_of(asked(running(state), kStatus), "HTTP/1.1 200 OK") == 1;
  }
  assert_true(is_back);
}

// Who connects while there is no memory is cut off; who connects later is answered.
void test_goes_on_after_a_shortage_of_memory(void** state) {
  if (geteuid() != 0) skip();  // room for a user's name is what is large
  for (int i = 0; i < 3; ++i) {
    is_memory_short() = true;
    const Descriptor socket = connected(running(state).path());
    pollfd wanted = {.fd = socket.get(), .events = POLLIN, .revents = 0};
    const int ready = poll(&wanted, 1, kDeadlineMs);
    char byte = 0;
    const ssize_t count = ready == 1 ? recv(socket.get(), &byte, 1, 0) : 1;
    is_memory_short() = false;
    assert_int_equal(count, 0);
  }
  expect_it_still_answers(running(state));
}

// Others are answered meanwhile, and in the end it is cut off.
void test_cuts_off_who_is_too_slow(void** state) {
  const Descriptor slow = connected(running(state).path());
  const auto began = std::chrono::steady_clock::now();
  const auto deadline = began + std::chrono::seconds(25);
  pollfd wanted = {.fd = slow.get(), .events = POLLIN, .revents = 0};
  send_text(slow, "GET /v1/status HTTP/1.1\r\nX: ");
  while (poll(&wanted, 1, 500) == 0 && std::chrono::steady_clock::now() < deadline) {
    send_text(slow, "x");
    expect_it_still_answers(running(state));
  }
  const auto took = std::chrono::steady_clock::now() - began;
  assert_string_equal(received(slow).c_str(), "");
  assert_true(took > std::chrono::seconds(10) && took < std::chrono::seconds(25));
}

// What somebody with other groups is answered; run as root.
std::string asked_as(const Running& server, const char* group_name, const std::string& request) {
  const group* found = group_name != nullptr ? getgrnam(group_name) : nullptr;
  const gid_t none = 65'534;
  int ends[2];
  CHECK(pipe2(ends, O_CLOEXEC) == 0);
  const pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    const gid_t groups[] = {found != nullptr ? found->gr_gid : none};
    const bool is_other = setgroups(1, groups) == 0 && setgid(none) == 0 && setuid(none) == 0;
    const std::string text = is_other ? asked(server, request) : "could not change";
    (void)!write(ends[1], text.data(), std::min<size_t>(text.size(), 4'096));
    _exit(0);
  }
  close(ends[1]);
  const Descriptor from(ends[0]);
  std::string text(8'192, '\0');
  size_t length = 0;
  ssize_t count = 1;
  while (count > 0 && length < text.size()) {
    count = read(from.get(), text.data() + length, text.size() - length);
    if (count > 0) length += static_cast<size_t>(count);
  }
  CHECK(waitpid(child, nullptr, 0) == child);
  text.resize(length);
  return text;
}

void test_knows_people_by_their_groups(void** state) {
  if (geteuid() != 0) skip();
  struct Person {
    const char* group;
    const char* says;
  };
  for (const Person& person :
       {Person{"games", "\"role\":\"viewer\""}, Person{"staff", "\"role\":\"operator\""},
        Person{"adm", "\"role\":\"approver\""}, Person{nullptr, "games, staff, adm"},
        Person{"audio", "HTTP/1.1 403"}}) {
    const std::string text = asked_as(running(state), person.group, kStatus);
    if (count_of(text, person.says) != 1) print_message("%s\n", text.c_str());
    assert_int_equal(count_of(text, person.says), 1);
  }
  const std::string refused =
      asked_as(running(state), "games", "DELETE /v1/change HTTP/1.1\r\n\r\n");
  assert_int_equal(count_of(refused, "HTTP/1.1 403"), 1);
  assert_int_equal(count_of(refused, "group staff"), 1);
}

// Whoever only looks has no long body to send.
void test_takes_long_bodies_of_operators_only(void** state) {
  if (geteuid() != 0) skip();
  const std::string long_one =
      "POST /v1/change HTTP/1.1\r\nContent-Length: 70000\r\n\r\n" + std::string(70'000, ' ');
  assert_int_equal(count_of(asked_as(running(state), "games", long_one), "HTTP/1.1 413"), 1);
  assert_int_equal(count_of(asked_as(running(state), "staff", long_one), "HTTP/1.1 400"), 1);
}

void test_does_not_take_a_live_socket(void** state) {
  ManagedRoom other;
  boost::asio::io_context context;
  other.api.socket = running(state).path();
  const Result<std::unique_ptr<Server>> second =
      Server::start(context, other.managed(), [] { return Instant{}; });
  assert_false(second.ok());
  assert_non_null(std::strstr(second.message().c_str(), running(state).path().c_str()));
  expect_it_still_answers(running(state));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_answers_what_is_odd, setup, teardown),
      cmocka_unit_test_setup_teardown(test_answers_requests_one_after_the_other, setup, teardown),
      cmocka_unit_test_setup_teardown(test_asks_for_a_body_that_waits, setup, teardown),
      cmocka_unit_test_setup_teardown(test_bounds_connections, setup, teardown),
      cmocka_unit_test_setup_teardown(test_goes_on_after_a_shortage_of_memory, setup, teardown),
      cmocka_unit_test_setup_teardown(test_cuts_off_who_is_too_slow, setup, teardown),
      cmocka_unit_test_setup_teardown(test_knows_people_by_their_groups, setup, teardown),
      cmocka_unit_test_setup_teardown(test_takes_long_bodies_of_operators_only, setup, teardown),
      cmocka_unit_test_setup_teardown(test_does_not_take_a_live_socket, setup, teardown),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
