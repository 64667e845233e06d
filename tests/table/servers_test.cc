#include "firmware/table/servers.h"

#include <cstring>
#include <optional>
#include <random>
#include <string>

#include "firmware/base/check.h"
#include "firmware/wire/headers.h"
#include "tests/base/death.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Address address_of(const char* text) {
  const std::optional<Address> address = parse_address(text);
  CHECK(address.has_value());
  return *address;
}

constexpr auto kTcp = static_cast<uint8_t>(Protocol::tcp);
constexpr auto kUdp = static_cast<uint8_t>(Protocol::udp);
constexpr auto kSctp = static_cast<uint8_t>(Protocol::sctp);

ServerPoint point_of(const char* server, uint16_t first_port, uint16_t last_port, const char* vip,
                     uint16_t vip_port, uint16_t service, uint8_t protocol = kTcp) {
  return {.server = address_of(server),
          .vip = {.vip = address_of(vip), .translation_prefix = {}, .vip_port = vip_port},
          .protocol = protocol,
          .first_port = first_port,
          .last_port = last_port,
          .service = service};
}

// Two services on one server, one of them in two protocols, and a range of ports.
std::vector<ServerPoint> example() {
  return {point_of("10.0.0.2", 8080, 8080, "192.0.2.1", 80, 0),
          point_of("10.0.0.1", 8080, 8080, "192.0.2.1", 80, 0),
          point_of("10.0.0.1", 8080, 8080, "192.0.2.1", 53, 1, kUdp),
          point_of("10.0.0.1", 53, 53, "192.0.2.1", 0, 1, kTcp),
          point_of("10.0.0.1", 53, 53, "192.0.2.1", 0, 1, kSctp),
          point_of("10.0.0.1", 9000, 9999, "192.0.2.2", 0, 2),
          point_of("10.0.0.1", 65535, 65535, "192.0.2.3", 0, 3),
          point_of("2001:db8::1", 1, 65535, "2001:db8:a::1", 0, 4)};
}

void ports_lead_back_to_their_vip(void** /*state*/) {
  static constexpr struct {
    const char* server;
    uint8_t protocol;
    uint16_t port;
    const char* vip;  // null: none
    uint16_t vip_port;
  } kCases[] = {
      {"10.0.0.1", kTcp, 8080, "192.0.2.1", 80},
      {"10.0.0.2", kTcp, 8080, "192.0.2.1", 80},
      {"10.0.0.2", kUdp, 8080, nullptr, 0},
      {"10.0.0.1", kTcp, 8079, nullptr, 0},
      {"10.0.0.1", kTcp, 8081, nullptr, 0},
      {"10.0.0.1", kTcp, 80, nullptr, 0},
      {"10.0.0.1", kUdp, 8080, "192.0.2.1", 53},
      {"10.0.0.1", kUdp, 53, nullptr, 0},
      {"10.0.0.1", kTcp, 53, "192.0.2.1", 0},
      {"10.0.0.1", kSctp, 53, "192.0.2.1", 0},
      {"10.0.0.1", kTcp, 8999, nullptr, 0},
      {"10.0.0.1", kTcp, 9000, "192.0.2.2", 0},
      {"10.0.0.1", kTcp, 9500, "192.0.2.2", 0},
      {"10.0.0.1", kTcp, 9999, "192.0.2.2", 0},
      {"10.0.0.1", kTcp, 10000, nullptr, 0},
      {"10.0.0.1", kTcp, 65535, "192.0.2.3", 0},
      {"10.0.0.1", kTcp, 0, nullptr, 0},
      {"10.0.0.1", kTcp + 1, 0, nullptr, 0},
      {"10.0.0.3", kTcp, 8080, nullptr, 0},
      {"2001:db8::1", kTcp, 0, nullptr, 0},
      {"2001:db8::1", kTcp, 1, "2001:db8:a::1", 0},
      {"2001:db8::1", kTcp, 65535, "2001:db8:a::1", 0},
      {"192.0.2.1", kTcp, 80, nullptr, 0},
  };
  const Result<ServerLookup> servers = ServerLookup::build(example());
  assert_true(servers.ok());
  for (const auto& c : kCases) {
    const VipOfServer* const found = servers.value().find(address_of(c.server), c.protocol, c.port);
    if ((found == nullptr) != (c.vip == nullptr)) fail_msg("%s:%u", c.server, c.port);
    if (found == nullptr) continue;
    assert_true(found->vip == address_of(c.vip));
    assert_int_equal(found->vip_port, c.vip_port);
  }
  assert_true(servers.value().has_server(address_of("10.0.0.1")));
  assert_true(servers.value().has_server(address_of("2001:db8::1")));
  assert_false(servers.value().has_server(address_of("192.0.2.1")));
  assert_true(servers.value().points() == example());
  assert_null(ServerLookup().find(address_of("10.0.0.1"), kTcp, 80));
  assert_false(ServerLookup().has_server(address_of("10.0.0.1")));
}

ServerPoint with_prefix(ServerPoint point) {
  point.vip.translation_prefix = address_of("64:ff9b::");
  return point;
}

// Each with one more point than the example has.
void what_is_not_unique_is_refused_by_name(void** /*state*/) {
  static const struct {
    ServerPoint more;
    const char* words;  // null: it is unique
  } kCases[] = {
      {point_of("10.0.0.1", 8080, 8080, "192.0.2.9", 80, 9),
       "both translate to 10.0.0.1:8080/tcp, so a reply cannot be told apart"},
      {point_of("10.0.0.1", 8080, 8080, "192.0.2.1", 81, 9), "10.0.0.1:8080/tcp"},
      {point_of("10.0.0.1", 8080, 8080, "192.0.2.1", 81, 0),
       "service 0 translates more than one VIP or port to 10.0.0.1:8080/tcp"},
      {point_of("10.0.0.1", 8080, 8080, "192.0.2.1", 0, 9), "10.0.0.1:8080/tcp"},
      {point_of("10.0.0.1", 8080, 8080, "192.0.2.9", 80, 9, kSctp), nullptr},
      {point_of("10.0.0.3", 8080, 8080, "192.0.2.9", 80, 9), nullptr},
      {point_of("10.0.0.1", 8080, 8080, "192.0.2.1", 80, 9), nullptr},
      {with_prefix(point_of("10.0.0.1", 8080, 8080, "192.0.2.1", 80, 9)), "10.0.0.1:8080/tcp"},
      {point_of("10.0.0.1", 9000, 9000, "192.0.2.2", 0, 9), nullptr},
      {point_of("10.0.0.1", 9999, 9999, "192.0.2.3", 0, 9),
       "service 2 and service 9 both translate to 10.0.0.1:9999/tcp"},
      {point_of("10.0.0.1", 9100, 9200, "192.0.2.3", 0, 9), "10.0.0.1:9100-9200/tcp"},
      {point_of("10.0.0.1", 1, 65535, "192.0.2.2", 0, 9), "10.0.0.1:53/tcp"},
      {point_of("10.0.0.1", 9999, 10000, "192.0.2.2", 0, 9), nullptr},
      {point_of("10.0.0.1", 9999, 10000, "192.0.2.3", 0, 9), "10.0.0.1:9999-10000/tcp"},
      {point_of("10.0.0.1", 8000, 9500, "192.0.2.2", 0, 9), "10.0.0.1:8080/tcp"},
      {point_of("10.0.0.1", 10000, 65534, "192.0.2.2", 0, 9), nullptr},
      {point_of("2001:db8::1", 443, 443, "2001:db8:a::2", 0, 9), "[2001:db8::1]:443/tcp"},
      {point_of("2001:db8::1", 443, 443, "2001:db8:a::2", 0, 9, kUdp), nullptr},
  };
  for (const auto& c : kCases) {
    for (const bool is_first : {true, false}) {
      std::vector<ServerPoint> points = example();
      points.insert(is_first ? points.begin() : points.end(), c.more);
      const Result<ServerLookup> result = ServerLookup::build(points);
      if (c.words == nullptr) {
        if (!result.ok()) fail_msg("%s", result.message().c_str());
        const VipOfServer* const found =
            result.value().find(c.more.server, c.more.protocol, c.more.last_port);
        assert_true(found != nullptr && *found == c.more.vip);
      } else {
        if (result.ok()) fail_msg("not refused: %s", c.words);
        if (result.message().find(c.words) == std::string::npos) {
          fail_msg("%s", result.message().c_str());
        }
      }
    }
  }
}

void names_are_those_that_were_given(void** /*state*/) {
  std::vector<ServerPoint> points = example();
  points.push_back(point_of("10.0.0.1", 8080, 8080, "192.0.2.9", 80, 9));
  const Result<ServerLookup> result = ServerLookup::build(
      points, [](uint16_t number) { return "'service " + std::to_string(number) + "'"; });
  assert_non_null(std::strstr(result.message().c_str(), "'service 0' and service 'service 9'"));
}

void as_many_as_there_may_be(void** /*state*/) {
  std::vector<ServerPoint> points;
  for (uint32_t i = 0; i < kMaxServerPoints; ++i) {
    ServerPoint point = point_of("10.0.0.0", 1, 1, "192.0.2.1", 0, 0);
    point.server = Address::v4(Big32(static_cast<uint32_t>(0x0a000000 + i % kMaxBackends)));
    point.first_port = point.last_port = static_cast<uint16_t>(1 + i / kMaxBackends);
    points.push_back(point);
  }
  const Result<ServerLookup> servers = ServerLookup::build(points);
  assert_true(servers.ok());
  for (const ServerPoint& point : points) {
    assert_non_null(servers.value().find(point.server, kTcp, point.first_port));
  }
  points.push_back(point_of("10.0.0.9", 9, 9, "192.0.2.1", 0, 0));
  Result<ServerLookup> result = ServerLookup::build(points);
  assert_non_null(std::strstr(result.message().c_str(), "262145 ports of servers"));
  points.resize(kMaxBackends);
  points.push_back(point_of("172.16.0.1", 9, 9, "192.0.2.1", 0, 0));
  result = ServerLookup::build(points);
  assert_non_null(std::strstr(result.message().c_str(), "65536 servers in mode nat"));
}

void another_port_is_one_port(void** /*state*/) {
  assert_true(dies_saying("first_port == point->last_port", [] {
    (void)ServerLookup::build({point_of("10.0.0.1", 80, 81, "192.0.2.1", 80, 0)}).ok();
  }));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(ports_lead_back_to_their_vip),
      cmocka_unit_test(what_is_not_unique_is_refused_by_name),
      cmocka_unit_test(names_are_those_that_were_given),
      cmocka_unit_test(as_many_as_there_may_be),
      cmocka_unit_test(another_port_is_one_port),
  };
  return cmocka_run_group_tests_name("table/servers", tests, nullptr, nullptr);
}
