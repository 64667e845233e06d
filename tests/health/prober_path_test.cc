// Checks that ask by the traffic's own way too: both must be good.
#include "tests/cmocka.h"
#include "tests/health/room.h"
#include "tests/health/street.h"

namespace evenkeel {
namespace {

constexpr const char* kAnswers =
    "connected; 192.0.2.10:80 through l2_direct to 10.0.0.3 answers "
    "at 1500 bytes";

// A service of two VIPs, and the one server at the other end of the street.
struct PathRoom {
  PathRoom() {
    ServiceSettings& shop = room.shop();
    shop.mode = Mode::l2_direct;
    for (const char* vip : {"192.0.2.10", "192.0.2.11"}) {
      shop.vips.push_back({.address = *parse_address(vip), .length = 128});
    }
    shop.check.same_path = true;
    shop.check.interval = 100 * kMillisecond;
    shop.check.timeout = 80 * kMillisecond;
    room.add("one", 0, "10.0.0.3");
  }

  std::string answer() const {
    const CheckState state = room.state("one");
    return state.answers.empty() ? "" : state.answers.back().text;
  }
  bool answers(const std::string& part) {
    return comes_true(room.context, [&] { return answer().find(part) != std::string::npos; });
  }

  std::mt19937_64 generator{1};
  Room room{100, street_parts(generator)};
};

void both_are_good(void**) {
  PathRoom path;
  path.room.follow();
  assert_true(path.answers(kAnswers));
  assert_int_equal(path.room.state("one").health, Health::up);
  // The VIPs take turns.
  assert_true(path.answers("192.0.2.11:80"));
  assert_true(path.answers("192.0.2.10:80"));
  assert_true(path.room.troubles().empty());
}

// Though its other VIP is there, and the check itself is answered.
void one_vip_missing_is_enough(void**) {
  PathRoom path;
  path.room.add("other", 0, "10.0.0.3");
  path.room.follow();
  assert_true(path.room.becomes("one", Health::up));
  CHECK(shell("ip -n server addr del 192.0.2.11/32 dev lo"));
  assert_true(path.room.becomes("one", Health::down));
  const std::string why = path.answer();
  assert_true(why.starts_with("no answer from 192.0.2.11:80 through l2_direct to 10.0.0.3 at"));
  assert_true(path.answers("nor to small packets, in 80ms"));
  CHECK(shell("ip -n server addr add 192.0.2.11/32 dev lo"));
  assert_true(path.room.becomes("one", Health::up));
}

// Even one alone is held for up, for its check is as it was: only the way to it is another.
void another_way_is_suspected_first(void**) {
  PathRoom path;
  CheckSettings& check = path.room.shop().check;
  check.fall = 1;
  check.interval = 600 * kMillisecond;
  check.timeout = 400 * kMillisecond;
  path.room.follow();
  assert_true(path.room.becomes("one", Health::up));
  path.room.shop().mode = Mode::gre;  // which the server does not take
  path.room.follow();
  assert_true(comes_true(path.room.context, [&] { return !path.room.troubles().empty(); }));
  assert_true(path.room.troubles()[0].starts_with("1 of 1 backends of service shop failed"));
  assert_string_equal(path.room.why("one").c_str(), "");
}

void the_checks_own_failure_comes_first(void**) {
  PathRoom path;
  path.room.shop().check.port = 81;
  path.room.follow();
  assert_true(path.room.becomes("one", Health::down));
  assert_string_equal(path.answer().c_str(), "connection refused");
}

void what_is_under_way_may_be_left(void**) {
  PathRoom path;
  path.room.shop().vips = {{.address = *parse_address("192.0.2.99"), .length = 128}};
  path.room.shop().check.interval = 1'000 * kMillisecond;
  path.room.shop().check.timeout = 900 * kMillisecond;
  const Microseconds end = real_now() + 100 * kMillisecond;
  path.room.follow();
  while (real_now() < end) path.room.context.run_one_for(std::chrono::milliseconds(10));
  path.room.follow();  // the same: it goes on
  path.room.shop().check.interval = 100 * kMillisecond;
  path.room.shop().check.timeout = 80 * kMillisecond;
  path.room.follow();
  assert_true(path.room.becomes("one", Health::down));
  path.room.shop().check.same_path = false;
  path.room.follow();
  assert_true(path.room.becomes("one", Health::up));
  assert_string_equal(path.answer().c_str(), "connected");
}

void a_box_without_sockets_learns_nothing(void**) {
  std::mt19937_64 generator{1};
  SamePath::Parts parts = street_parts(generator);
  parts.open = []() -> Result<std::vector<PacketSocket>> { return Error{"no socket"}; };
  Room room(100, parts);
  room.shop().mode = Mode::l2_direct;
  room.shop().vips = {{.address = *parse_address("192.0.2.10"), .length = 128}};
  room.shop().check.same_path = true;
  room.add("one", 0, "10.0.0.3");
  room.follow();
  assert_true(comes_true(room.context, [&] { return !room.troubles().empty(); }));
  assert_true(room.troubles()[0].find("shop/one: no socket") != std::string::npos);
  assert_int_equal(room.state("one").health, Health::unknown);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  build_street();
  const Descriptor server = listen_at_server(80);
  const CMUnitTest tests[] = {
      cmocka_unit_test(both_are_good),
      cmocka_unit_test(one_vip_missing_is_enough),
      cmocka_unit_test(another_way_is_suspected_first),
      cmocka_unit_test(the_checks_own_failure_comes_first),
      cmocka_unit_test(what_is_under_way_may_be_left),
      cmocka_unit_test(a_box_without_sockets_learns_nothing),
  };
  return cmocka_run_group_tests_name("health/prober_path", tests, nullptr, nullptr);
}
