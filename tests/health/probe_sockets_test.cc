// Sockets that serve one probe after the other, and what servers and the probes see of that.
#include "firmware/health/probe_sockets.h"

#include <arpa/inet.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <string>
#include <vector>

#include "drivers/netns.h"
#include "firmware/health/probe_socket.h"
#include "tests/cmocka.h"
#include "tests/health/asking.h"

namespace evenkeel {
namespace {

constexpr Microseconds kMoment = 50'000;
constexpr Microseconds kLong = 20'000'000;
constexpr ProbeSockets::Want kTcp = {.type = CheckType::tcp, .is_v4 = true};

// A listener whose connections are looked at one by one.
struct Listener {
  Listener(Asker& asker, const char* address)
      : acceptor(asker.context(), Tcp::endpoint(boost::asio::ip::make_address(address), 0)) {}
  uint16_t port() const { return acceptor.local_endpoint().port(); }

  Tcp::acceptor acceptor;
};

void who_has_answered_well_leaves_its_socket_to_the_next(void**) {
  const struct {
    const char* description;
    CheckType type;
    Manners manners;
    bool is_kept;
  } rows[] = {
      {"connected", CheckType::tcp, {.is_silent = true}, true},
      {"answered", CheckType::http, {}, true},
      {"answered, left open", CheckType::http, {.closes = false}, true},
      {"answered, with more behind",
       CheckType::http,
       {.reply = "HTTP/1.1 200 OK\r\n\r\n" + std::string(1u << 20, 'x')},
       true},
      {"a bad answer", CheckType::http, {.reply = "HTTP/1.1 500 x\r\n\r\n"}, false},
      {"reset", CheckType::http, {.resets = true}, false},
      {"silent", CheckType::http, {.is_silent = true}, false},
  };
  for (const char* address : {"127.0.0.1", "::1"}) {
    Asker asker;
    TestServer good(asker.context(), address, {});
    for (const auto& row : rows) {
      TestServer server(asker.context(), address, row.manners);
      asker.answer_of(address, server.port(), check_of(row.type), row.is_kept ? kLong : kMoment);
      const ino_t socket = asker.socket();
      asker.answer_of(address, good.port(), check_of(CheckType::tcp));
      if ((asker.socket() == socket) != row.is_kept) print_error("%s\n", row.description);
      assert_int_equal(asker.socket() == socket, row.is_kept);
    }
  }
}

void families_have_their_own(void**) {
  Asker asker;
  TestServer four(asker.context(), "127.0.0.1", {});
  TestServer six(asker.context(), "::1", {});
  std::set<ino_t> sockets;
  for (int times = 0; times < 5; ++times) {
    for (const auto& [address, server] : {std::pair("127.0.0.1", &four), std::pair("::1", &six)}) {
      assert_string_equal(
          asker.answer_of(address, server->port(), check_of(CheckType::http)).c_str(),
          "good: status 200");
      sockets.insert(asker.socket());
    }
  }
  assert_int_equal(sockets.size(), 2);
}

// Each connection is a new one, from the address that fits, and ends by a reset at once.
void servers_see_what_they_would_see_of_new_ones(void**) {
  Asker asker;
  std::set<uint16_t> ports;
  std::set<ino_t> sockets;
  for (int times = 0; times < 10; ++times) {
    const char* const address = times % 2 == 0 ? "127.0.0.1" : "192.0.2.9";
    Listener listener(asker, address);
    assert_string_equal(asker.answer_of(address, listener.port(), check_of(CheckType::tcp)).c_str(),
                        "good: connected");
    sockets.insert(asker.socket());
    Tcp::endpoint from;
    Tcp::socket guest = listener.acceptor.accept(from);
    assert_string_equal(from.address().to_string().c_str(), address);
    ports.insert(from.port());
    char byte = 0;
    boost::system::error_code error;
    guest.read_some(boost::asio::buffer(&byte, 1), error);
    assert_true(error == boost::asio::error::connection_reset);
  }
  assert_int_equal(sockets.size(), 1);
  assert_true(ports.size() > 1);
}

// What came and was not read, and what comes when it is too late.
void nobody_hears_what_another_was_told(void**) {
  Asker asker;
  Listener talker(asker, "127.0.0.1");
  TestServer silent(asker.context(), "127.0.0.1", {.is_silent = true});
  CheckSettings check = check_of(CheckType::http);
  const std::string said = Manners().reply;
  for (int times = 0; times < 20; ++times) {
    const auto asked = asker.ask("127.0.0.1", talker.port(), check);
    Tcp::socket guest = talker.acceptor.accept();
    for (int i = 0; i < 10; ++i) guest.write_some(boost::asio::buffer(said));
    assert_true(comes_true(asker.context(), [&] { return asked->answer.has_value(); }));
    assert_string_equal(text_of(asked->answer).c_str(), "good: status 200");
    const ino_t socket = asker.socket();
    boost::system::error_code ignored;
    guest.write_some(boost::asio::buffer(said), ignored);
    const auto next = asker.ask("127.0.0.1", silent.port(), check);
    const size_t accepted = static_cast<size_t>(times) + 1;
    assert_true(comes_true(asker.context(), [&] { return silent.accepted() == accepted; }));
    asker.context().restart();
    while (asker.context().poll() > 0) asker.context().restart();
    assert_false(next->answer.has_value());
    assert_string_equal(next->probe->give_up().text.c_str(), "connected, but no answer in 1s");
    assert_true(asker.socket() == socket);
  }
}

// A socket that has been refused nothing yet is refused by its second server.
void a_second_server_that_refuses_is_told(void**) {
  Asker asker;
  TestServer good(asker.context(), "127.0.0.1", {});
  const uint16_t closed = closed_port(asker.context(), "127.0.0.1");
  for (int times = 0; times < 20; ++times) {
    assert_string_equal(asker.answer_of("127.0.0.1", good.port(), check_of(CheckType::tcp)).c_str(),
                        "good: connected");
    assert_string_equal(asker.answer_of("127.0.0.1", closed, check_of(CheckType::tcp)).c_str(),
                        "bad: connection refused");
    assert_string_equal(asker.answer_of("192.0.2.1", 80, check_of(CheckType::tcp)).c_str(),
                        "bad: no route");
  }
}

void a_socket_whose_home_has_gone_is_closed(void**) {
  Asker asker;
  TestServer server(asker.context(), "127.0.0.1", {});
  const auto asked = asker.ask("127.0.0.1", server.port(), check_of(CheckType::http));
  const ino_t socket = asker.socket();
  asker.move_sockets();
  assert_true(comes_true(asker.context(), [&] { return asked->answer.has_value(); }));
  asker.answer_of("127.0.0.1", server.port(), check_of(CheckType::tcp));
  assert_true(asker.socket() != socket);
}

void they_are_of_their_network_namespace(void**) {
  Asker asker;
  uint16_t port = 0;
  std::unique_ptr<TestServer> far;
  const Status made = in_network_namespace("keel-far", [&]() -> Status {
    far = std::make_unique<TestServer>(asker.context(), "127.0.0.1", Manners());
    port = far->port();
    return {};
  });
  assert_true(made.ok());
  const auto sockets = std::make_shared<ProbeSockets>("keel-far");
  std::vector<Result<ProbeSocket>> taken = sockets->take({kTcp, kTcp});
  const SocketAddress to = socket_address(*parse_address("127.0.0.1"), port);
  for (const Result<ProbeSocket>& socket : taken) {
    assert_true(socket.ok());
    const int result = ::connect(socket.value().descriptor.get(), to.get(), to.length);
    assert_true(result == 0 || errno == EINPROGRESS);
  }
  assert_true(comes_true(asker.context(), [&] { return far->accepted() == 2; }));
}

void without_the_network_namespace_each_is_told_so(void**) {
  const auto sockets = std::make_shared<ProbeSockets>("keel-none");
  for (const Result<ProbeSocket>& socket : sockets->take({kTcp, kTcp})) {
    assert_false(socket.ok());
    assert_true(socket.message().starts_with("There is no network namespace \"keel-none\""));
  }
}

struct Nobody final : Readiness::Watcher {
  void on_ready(uint32_t /*events*/) override {}
};

void no_more_are_kept_than_there_is_room_for(void**) {
  boost::asio::io_context context{1};
  Readiness readiness(context);
  Nobody nobody;
  const auto sockets = std::make_shared<ProbeSockets>("");
  const std::vector<ProbeSockets::Want> wanted(kMaxFreeSockets + 10, kTcp);
  std::set<ino_t> before;
  const auto inode = [](const ProbeSocket& socket) {
    struct stat status{};
    CHECK(::fstat(socket.descriptor.get(), &status) == 0);
    return status.st_ino;
  };
  for (Result<ProbeSocket>& socket : sockets->take(wanted)) {
    assert_true(socket.ok());
    before.insert(inode(socket.value()));
    socket.value().watch =
        std::move(readiness.watch(socket.value().descriptor.get(), nobody).value());
    sockets->give_back(std::move(socket.value()), true);
  }
  const std::vector<Result<ProbeSocket>> again = sockets->take(wanted);
  const auto kept = std::ranges::count_if(again, [&](const Result<ProbeSocket>& socket) {
    return socket.ok() && before.contains(inode(socket.value()));
  });
  assert_int_equal(kept, kMaxFreeSockets);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(
      shell("ip link set lo up && ip addr add 192.0.2.9/32 dev lo && "
            "ip netns add keel-far && ip -n keel-far link set lo up"));
  rlimit files{};
  CHECK(::getrlimit(RLIMIT_NOFILE, &files) == 0);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4 * kMaxFreeSockets);
  CHECK(::setrlimit(RLIMIT_NOFILE, &files) == 0);
  const CMUnitTest tests[] = {
      cmocka_unit_test(who_has_answered_well_leaves_its_socket_to_the_next),
      cmocka_unit_test(families_have_their_own),
      cmocka_unit_test(servers_see_what_they_would_see_of_new_ones),
      cmocka_unit_test(nobody_hears_what_another_was_told),
      cmocka_unit_test(a_second_server_that_refuses_is_told),
      cmocka_unit_test(a_socket_whose_home_has_gone_is_closed),
      cmocka_unit_test(they_are_of_their_network_namespace),
      cmocka_unit_test(without_the_network_namespace_each_is_told_so),
      cmocka_unit_test(no_more_are_kept_than_there_is_room_for),
  };
  return cmocka_run_group_tests_name("health/probe_sockets", tests, nullptr, nullptr);
}
