#include "firmware/health/same_path.h"

#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <string>

#include "tests/cmocka.h"
#include "tests/health/asking.h"
#include "tests/health/street.h"

namespace evenkeel {
namespace {

constexpr Microseconds kPatience = 200'000;

struct Case {
  const char* description;
  Mode mode;
  const char* backend;
  const char* vip;
  uint16_t port;
  const char* expected;
};

// Who asks, and its event loop.
struct Street {
  std::string answer_of(const Case& of, bool asks_small = false) {
    ForwardingSpec way;
    way.mode = of.mode;
    way.destination = *parse_address(of.backend);
    way.inner_is_v4 = parse_address(of.vip)->is_v4();
    way.dscp = 1;
    std::optional<ProbeAnswer> answer;
    const auto probe = std::make_shared<PathProbe>(
        path,
        PathProbe::Question{.target = {.vip = *parse_address(of.vip), .port = of.port},
                            .way = way,
                            .asks_small = asks_small},
        [&](const ProbeAnswer& given) {
          assert_false(answer.has_value());
          answer = given;
        });
    probe->start();
    comes_true(context, [&] { return answer.has_value(); }, kPatience);
    return text_of(answer ? *answer : probe->give_up(kPatience));
  }

  boost::asio::io_context context{1};
  std::mt19937_64 generator{1};
  SamePath path{context, street_parts(generator)};
};

bool is_anything_half_open() {
  return !output_of("ip netns exec server ss -Hnt state syn-recv").empty();
}

void servers_answer_for_their_vips(void**) {
  Street street;
  const Case cases[] = {
      {"IPv4", Mode::l2_direct, "10.0.0.3", "192.0.2.10", 80,
       "good: 192.0.2.10:80 through l2_direct to 10.0.0.3 answers at 1500 bytes"},
      {"IPv6", Mode::l2_direct, "fd00::3", "2001:db8::10", 80,
       "good: [2001:db8::10]:80 through l2_direct to fd00::3 answers at 1500 bytes"},
      {"by an echo", Mode::l2_direct, "10.0.0.3", "192.0.2.10", 0,
       "good: 192.0.2.10 through l2_direct to 10.0.0.3 answers at 1500 bytes"},
      {"by an echo of IPv6", Mode::l2_direct, "fd00::3", "2001:db8::10", 0,
       "good: 2001:db8::10 through l2_direct to fd00::3 answers at 1500 bytes"},
      {"nobody listens", Mode::l2_direct, "10.0.0.3", "192.0.2.10", 81,
       "bad: 192.0.2.10:81 through l2_direct to 10.0.0.3 refuses connections: the server has the "
       "VIP, and nobody listens"},
      {"nobody listens, IPv6", Mode::l2_direct, "fd00::3", "2001:db8::10", 81,
       "bad: [2001:db8::10]:81 through l2_direct to fd00::3 refuses connections: the server has "
       "the VIP, and nobody listens"},
      {"no such VIP", Mode::l2_direct, "10.0.0.3", "192.0.2.99", 80,
       "bad: no answer from 192.0.2.99:80 through l2_direct to 10.0.0.3 at 1500 bytes in 200ms"},
      {"who answers in his own name has not made the VIP of the mark", Mode::l3_direct, "10.0.0.3",
       "192.0.2.10", 80,
       "bad: no answer from 192.0.2.10:80 through l3_direct to 10.0.0.3 at 1500 bytes in 200ms"},
      {"nobody unpacks, and says so", Mode::gre, "10.0.0.3", "192.0.2.10", 80,
       "bad: 192.0.2.10:80 through gre to 10.0.0.3 cannot be reached: 10.0.0.3: protocol "
       "unreachable"},
      {"nobody unpacks UDP, and says so", Mode::gue, "10.0.0.3", "2001:db8::10", 80,
       "bad: [2001:db8::10]:80 through gue to 10.0.0.3 cannot be reached: 10.0.0.3: port "
       "unreachable"},
      {"nobody unpacks, IPv6", Mode::ipip, "fd00::3", "192.0.2.10", 0,
       "bad: 192.0.2.10 through ipip to fd00::3 cannot be reached: fd00::3: unknown next header"},
      {"no way", Mode::l3_direct, "fd00::3", "192.0.2.10", 80,
       "bad: 192.0.2.10:80 through l3_direct to fd00::3: destination fd00::3 is not of the VIP's "
       "family; give one of that family"},
  };
  CHECK(at_server("sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0"));
  for (const Case& each : cases) {
    const std::string answer = street.answer_of(each);
    if (answer != each.expected) print_error("%s: %s\n", each.description, answer.c_str());
    assert_string_equal(answer.c_str(), each.expected);
  }
  assert_false(is_anything_half_open());
}

void what_is_too_large_is_told_from_silence(void**) {
  Street street;
  const Case there = {"", Mode::l2_direct, "10.0.0.3", "192.0.2.10", 80, ""};
  const Case not_there = {"", Mode::l2_direct, "10.0.0.3", "192.0.2.99", 80, ""};
  assert_string_equal(street.answer_of(there, true).c_str(),
                      "good: 192.0.2.10:80 through l2_direct to 10.0.0.3 answers at 1500 bytes");
  CHECK(at_server("ip link set srv0 mtu 1400"));
  assert_string_equal(
      street.answer_of(there, true).c_str(),
      "bad: 192.0.2.10:80 through l2_direct to 10.0.0.3 answers small packets, none "
      "of 1500 bytes: a link before it has a smaller MTU");
  assert_string_equal(street.answer_of(not_there, true).c_str(),
                      "bad: no answer from 192.0.2.99:80 through l2_direct to 10.0.0.3 at 1500 "
                      "bytes, nor to small packets, in 200ms");
  CHECK(at_server("ip link set srv0 mtu 1500"));
  assert_false(is_anything_half_open());
}

// More SYNs than a few would have two from one port, of which a server answers the first alone.
void many_at_once_are_told_apart(void**) {
  Street street;
  size_t good = 0;
  std::vector<std::shared_ptr<PathProbe>> probes;
  ForwardingSpec way;
  way.mode = Mode::l2_direct;
  way.destination = *parse_address("10.0.0.3");
  for (size_t i = 0; i < 200; ++i) {
    probes.push_back(std::make_shared<PathProbe>(
        street.path,
        PathProbe::Question{.target = {.vip = *parse_address("192.0.2.10"),
                                       .port = static_cast<uint16_t>(i % 10 == 0 ? 80 : 0)},
                            .way = way},
        [&good](const ProbeAnswer& answer) {
          good += answer.kind == ProbeAnswer::Kind::good ? 1 : 0;
        }));
    probes.back()->start();
  }
  assert_true(comes_true(street.context, [&] { return good == probes.size(); }));
}

void a_box_that_cannot_ask_says_so(void**) {
  Street street;
  SamePath::Parts parts = street_parts(street.generator);
  parts.open = []() -> Result<std::vector<PacketSocket>> { return Error{"no socket"}; };
  SamePath path(street.context, parts);
  std::string said;
  const auto probe = std::make_shared<PathProbe>(
      path,
      PathProbe::Question{.target = {.vip = *parse_address("192.0.2.10"), .port = 80}, .way = {}},
      [&](const ProbeAnswer& answer) { said = text_of(answer); });
  probe->start();
  assert_string_equal(said.c_str(), "not asked: no socket");
}

void a_port_that_is_down_is_the_boxs_own_fault(void**) {
  Street street;
  const Case there = {"", Mode::l2_direct, "10.0.0.3", "192.0.2.10", 0, ""};
  assert_string_equal(street.answer_of(there).c_str(),
                      "good: 192.0.2.10 through l2_direct to 10.0.0.3 answers at 1500 bytes");
  CHECK(shell("ip link set box0 down"));
  assert_string_equal(street.answer_of(there).c_str(),
                      "not asked: 192.0.2.10 through l2_direct to 10.0.0.3: no packet can be "
                      "sent: Network is down");
  CHECK(shell("ip link set box0 up; ip addr add fd00::2/64 dev box0 nodad"));
  assert_true(
      comes_true(street.context, [&] { return street.answer_of(there).starts_with("good"); }));
}

void targets_are_the_services_vips(void**) {
  const struct {
    const char* description;
    Protocol protocol;
    PortRange ports;
    uint16_t check_port;
    uint16_t expected;
  } cases[] = {
      {"its port", Protocol::tcp, {.first = 80, .last = 80}, 0, 80},
      {"not the check's own", Protocol::tcp, {.first = 80, .last = 80}, 8080, 80},
      {"the check's, of many", Protocol::tcp, {.first = 80, .last = 90}, 85, 85},
      {"of many, none of the check's", Protocol::tcp, {.first = 80, .last = 90}, 8080, 0},
      {"of UDP", Protocol::udp, {.first = 53, .last = 53}, 0, 0},
  };
  for (const auto& [description, protocol, ports, check_port, expected] : cases) {
    ServiceSettings service;
    service.vips = {{.address = *parse_address("192.0.2.10"), .length = 128},
                    {.address = *parse_address("198.51.100.0"), .length = 120},
                    {.address = *parse_address("2001:db8::"), .length = 64}};
    service.protocol = protocol;
    service.ports = ports;
    service.check.port = check_port;
    assert_int_equal(same_paths_of(service).targets.size(), 0);
    service.check.same_path = true;
    const SamePaths paths = same_paths_of(service);
    std::string vips;
    for (const SamePaths::Target& target : paths.targets) {
      if (target.port != expected) print_error("%s\n", description);
      assert_int_equal(target.port, expected);
      vips += to_string(target.vip) + " ";
    }
    assert_string_equal(vips.c_str(), "192.0.2.10 198.51.100.1 2001:db8::1 ");
    assert_true(paths.way_v4.inner_is_v4 && !paths.way_v6.inner_is_v4);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  build_street();
  const Descriptor server = listen_at_server(80);
  const CMUnitTest tests[] = {
      cmocka_unit_test(servers_answer_for_their_vips),
      cmocka_unit_test(what_is_too_large_is_told_from_silence),
      cmocka_unit_test(many_at_once_are_told_apart),
      cmocka_unit_test(a_box_that_cannot_ask_says_so),
      cmocka_unit_test(a_port_that_is_down_is_the_boxs_own_fault),
      cmocka_unit_test(targets_are_the_services_vips),
  };
  return cmocka_run_group_tests_name("health/same_path", tests, nullptr, nullptr);
}
