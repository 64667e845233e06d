// Against the system's own resolver, whose name server is silent.
#include "firmware/manage/name_lookup.h"

#include <sys/mount.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <exception>
#include <optional>

#include "firmware/manage/http_post.h"
#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"
#include "tests/health/servers.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// What the system's resolver reads, of this process alone; and a name server that never answers.
struct World {
  World() {
    hosts("192.0.2.7 known.test\n2001:db8::7 known.test\n");
    folder.write("resolv.conf", "nameserver 127.0.0.1\noptions timeout:30 attempts:1\n");
    folder.write("nsswitch.conf", "hosts: files dns\n");
    for (const std::string file : {"hosts", "resolv.conf", "nsswitch.conf"}) {
      const std::string target = "/etc/" + file;
      CHECK(mount(folder.path(file).c_str(), target.c_str(), nullptr, MS_BIND, nullptr) == 0);
    }
  }
  void hosts(const std::string& text) const { folder.write("hosts", text); }

  Folder folder;
  asio::io_context context;
  asio::ip::udp::socket silent{context, {asio::ip::make_address("127.0.0.1"), 53}};
};

struct Asker {
  explicit Asker(World& its_world) : world(its_world) {}

  // "192.0.2.7 2001:db8::7", or why not.
  std::string ask(const std::string& host, std::chrono::milliseconds patience = 20s) {
    std::optional<std::string> said;
    const auto look_up = [&]() -> asio::awaitable<void> {
      const Result<NameLookup::Addresses> found = co_await names.addresses_of(host, patience);
      said = found.ok() ? "" : found.message();
      for (size_t i = 0; found.ok() && i < found.value().size(); ++i) {
        *said += (i == 0 ? "" : " ") + found.value()[i].to_string();
      }
    };
    asio::co_spawn(world.context, look_up(), asio::detached);
    CHECK(comes_true(world.context, [&said] { return said.has_value(); }));
    return *said;
  }

  World& world;
  NameLookup names;
};

void addresses_are_what_they_say(void** state) {
  Asker asker(*static_cast<World*>(*state));
  assert_string_equal(asker.ask("192.0.2.9", 0ms).c_str(), "192.0.2.9");
  assert_string_equal(asker.ask("2001:db8::9", 0ms).c_str(), "2001:db8::9");
}

void one_that_is_not_found_out_keeps_nobody_waiting(void** state) {
  Asker asker(*static_cast<World*>(*state));
  assert_string_equal(asker.ask("unknown.test", 50ms).c_str(),
                      "the system's resolver does not answer");
  const std::string known = asker.ask("known.test");
  assert_true(known == "192.0.2.7 2001:db8::7" || known == "2001:db8::7 192.0.2.7");
}  // nor when it ends while it is asked for

void what_is_known_is_used_while_name_servers_are_silent(void** state) {
  const World& world = *static_cast<World*>(*state);
  Asker asker(*static_cast<World*>(*state));
  const std::string known = asker.ask("known.test");
  world.hosts("");
  for (Microseconds now = 0; now < 10 * NameLookup::kFresh; now += NameLookup::kFresh) {
    asker.names.tick(now);
    assert_string_equal(asker.ask("known.test", 0ms).c_str(), known.c_str());
    assert_string_equal(asker.ask("known.test").c_str(), known.c_str());  // after a little while
  }
  world.hosts("192.0.2.8 known.test\n");
}

// By the old address there may be a stranger by now.
void who_has_moved_is_found_at_once(void** state) {
  const World& world = *static_cast<World*>(*state);
  Asker asker(*static_cast<World*>(*state));
  assert_string_equal(asker.ask("known.test").c_str(), "192.0.2.8");
  world.hosts("192.0.2.9 known.test\n");
  asker.names.tick(NameLookup::kFresh - 1);
  assert_string_equal(asker.ask("known.test").c_str(), "192.0.2.8");
  asker.names.tick(NameLookup::kFresh);
  assert_string_equal(asker.ask("known.test").c_str(), "192.0.2.9");
}

// A listener of which nobody takes connections: when no more fit in, it says nothing at all.
class Silent {
 public:
  Silent(asio::io_context& context, const char* address, uint16_t port)
      : listener_(context), waiting_{Tcp::socket(context), Tcp::socket(context)} {
    const Tcp::endpoint endpoint(asio::ip::make_address(address), port);
    listener_.open(endpoint.protocol());
    listener_.bind(endpoint);
    listener_.listen(0);
    for (Tcp::socket& socket : waiting_) {
      socket.async_connect(endpoint, [](const boost::system::error_code& /*never*/) {});
    }
  }

 private:
  Tcp::acceptor listener_;
  std::array<Tcp::socket, 2> waiting_;
};

// A message goes to the address that answers, in the time that there is for it.
void who_has_a_silent_address_is_told_by_the_other_one(void** state) {
  World& world = *static_cast<World*>(*state);
  world.hosts("127.0.0.7 two.test\n127.0.0.8 two.test\n");
  Asker asker(world);
  assert_string_equal(asker.ask("two.test").c_str(), "127.0.0.7 127.0.0.8");
  TestServer server(world.context, "127.0.0.8", {});
  const Silent silent(world.context, "127.0.0.7", server.port());
  PostOffice office;
  std::optional<Status> said;
  asio::co_spawn(world.context,
                 post(*parse_url("http://two.test:" + std::to_string(server.port()) + "/"),
                      "{}\r\n\r\n", office),
                 [&said](const std::exception_ptr& thrown, Status status) {
                   CHECK(thrown == nullptr);
                   said = std::move(status);
                 });
  const Microseconds began = real_now();
  assert_true(comes_true(world.context, [&said] { return said.has_value(); }));
  assert_true(said->ok());
  assert_int_equal(server.accepted(), 1);
  assert_true(real_now() - began >= 900'000);  // it was asked first
}

void a_name_that_there_is_not_is_refused(void** state) {
  Asker asker(*static_cast<World*>(*state));
  assert_true(asker.ask("no name at all").find("Name or service not known") != std::string::npos);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link set lo up"));
  World world;
  const CMUnitTest tests[] = {
      cmocka_unit_test_prestate(addresses_are_what_they_say, &world),
      cmocka_unit_test_prestate(one_that_is_not_found_out_keeps_nobody_waiting, &world),
      cmocka_unit_test_prestate(what_is_known_is_used_while_name_servers_are_silent, &world),
      cmocka_unit_test_prestate(who_has_moved_is_found_at_once, &world),
      cmocka_unit_test_prestate(who_has_a_silent_address_is_told_by_the_other_one, &world),
      cmocka_unit_test_prestate(a_name_that_there_is_not_is_refused, &world),
  };
  return cmocka_run_group_tests_name("manage/name_lookup", tests, nullptr, nullptr);
}
