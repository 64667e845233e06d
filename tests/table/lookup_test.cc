#include "firmware/table/lookup.h"

#include <memory>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "firmware/wire/headers.h"
#include "tests/cmocka.h"
#include "tests/table/naive_lookup.h"

namespace evenkeel {
namespace {

constexpr auto kTcp = static_cast<uint8_t>(Protocol::tcp);
constexpr auto kUdp = static_cast<uint8_t>(Protocol::udp);
constexpr auto kSctp = static_cast<uint8_t>(Protocol::sctp);

// An IPv4 prefix's length counts from 128 bits too.
ServicePoint point(const char* address, unsigned length, uint8_t protocol, uint16_t first,
                   uint16_t last, uint16_t service) {
  return {.address = *parse_address(address),
          .prefix_length = static_cast<uint8_t>(length),
          .protocol = protocol,
          .first_port = first,
          .last_port = last,
          .service = service};
}

// Of a lookup that could not be built: empty, so that every test of it fails.
ServiceLookup built(const std::vector<ServicePoint>& points) {
  Result<ServiceLookup> lookup = ServiceLookup::build(points);
  if (!lookup.ok()) print_message("  %s\n", lookup.message().c_str());
  return lookup.ok() ? std::move(lookup.value()) : ServiceLookup();
}

struct Case {
  const char* description;
  const char* address;
  uint8_t protocol;
  uint16_t port;
  uint16_t service;
};

template <size_t kCount>
size_t wrong_answers(const std::vector<ServicePoint>& points, const Case (&cases)[kCount]) {
  const ServiceLookup lookup = built(points);
  size_t wrong = 0;
  for (const Case& c : cases) {
    const uint16_t service = lookup.find(*parse_address(c.address), c.protocol, c.port);
    if (service == c.service) continue;
    ++wrong;
    print_message("  %s: %u instead of %u\n", c.description, service, c.service);
  }
  return wrong;
}

void test_exact(void**) {
  const Case cases[] = {
      {"TCP 443", "192.0.2.1", kTcp, 443, 1},
      {"TCP 80", "192.0.2.1", kTcp, 80, 2},
      {"UDP 443 is another service", "192.0.2.1", kUdp, 443, 3},
      {"SCTP 443 is none", "192.0.2.1", kSctp, 443, kNoService},
      {"the port's bytes swapped", "192.0.2.1", kTcp, 0xbb01, kNoService},
      {"the next address", "192.0.2.2", kTcp, 443, kNoService},
      {"IPv6", "2001:db8::1", kTcp, 443, 4},
      {"IPv6, half of it", "2001:db8::", kTcp, 443, kNoService},
      {"the highest port", "192.0.2.1", kTcp, 65'535, 5},
      {"port 0", "192.0.2.1", kTcp, 0, kNoService},
      {"nothing but zeros", "0.0.0.0", 0, 0, kNoService},
      {"nothing but zeros, IPv6", "::", 0, 0, kNoService},
      {"the mapped form is the same address", "::ffff:192.0.2.1", kTcp, 443, 1},
      {"the compatible form is not", "::192.0.2.1", kTcp, 443, kNoService},
  };
  assert_int_equal(
      wrong_answers(
          {point("192.0.2.1", 128, kTcp, 443, 443, 1), point("192.0.2.1", 128, kTcp, 80, 80, 2),
           point("192.0.2.1", 128, kUdp, 443, 443, 3), point("2001:db8::1", 128, kTcp, 443, 443, 4),
           point("192.0.2.1", 128, kTcp, 65'535, 65'535, 5)},
          cases),
      0);
}

void test_ranges(void**) {
  const Case cases[] = {
      {"before the outer range", "192.0.2.1", kTcp, 999, kNoService},
      {"first of the outer, and of an inner", "192.0.2.1", kTcp, 1'000, 4},
      {"in the outer alone", "192.0.2.1", kTcp, 1'002, 1},
      {"before the inner", "192.0.2.1", kTcp, 1'499, 1},
      {"first of the inner", "192.0.2.1", kTcp, 1'500, 2},
      {"a single port in the inner", "192.0.2.1", kTcp, 1'510, 3},
      {"after the single port", "192.0.2.1", kTcp, 1'511, 2},
      {"last of the inner", "192.0.2.1", kTcp, 1'599, 2},
      {"after the inner", "192.0.2.1", kTcp, 1'600, 1},
      {"last of the outer, and of an inner", "192.0.2.1", kTcp, 2'000, 5},
      {"after the outer", "192.0.2.1", kTcp, 2'001, kNoService},
      {"last of the inner that begins with the outer", "192.0.2.1", kTcp, 1'001, 4},
      {"first of the inner that ends with the outer", "192.0.2.1", kTcp, 1'990, 5},
      {"another protocol's range", "192.0.2.1", kUdp, 1'500, 6},
      {"all ports", "192.0.2.3", kSctp, 1, 7},
      {"all ports, the last", "192.0.2.3", kSctp, 65'535, 7},
      {"all ports but one", "192.0.2.3", kSctp, 22, 8},
      {"another address of all ports", "192.0.2.4", kSctp, 22, kNoService},
  };
  assert_int_equal(wrong_answers({point("192.0.2.1", 128, kTcp, 1'510, 1'510, 3),
                                  point("192.0.2.1", 128, kTcp, 1'000, 2'000, 1),
                                  point("192.0.2.1", 128, kTcp, 1'500, 1'599, 2),
                                  point("192.0.2.1", 128, kTcp, 1'000, 1'001, 4),
                                  point("192.0.2.1", 128, kTcp, 1'990, 2'000, 5),
                                  point("192.0.2.1", 128, kUdp, 1'000, 2'000, 6),
                                  point("192.0.2.3", 128, kSctp, 0, 65'535, 7),
                                  point("192.0.2.3", 128, kSctp, 22, 22, 8)},
                                 cases),
                   0);
}

void test_prefixes(void**) {
  const Case cases[] = {
      {"/24", "192.0.2.9", kTcp, 80, 1},
      {"its first address", "192.0.2.0", kTcp, 80, 1},
      {"its last address", "192.0.2.255", kTcp, 80, 1},
      {"outside", "192.0.3.0", kTcp, 80, 9},
      {"/28 in it", "192.0.2.17", kTcp, 80, 2},
      {"/28 without this port: falls through", "192.0.2.17", kTcp, 443, 1},
      {"/32 in it", "192.0.2.18", kTcp, 8'080, 3},
      {"/32 without this port: falls through", "192.0.2.18", kTcp, 80, 2},
      {"/32 without the port, nor the /28", "192.0.2.18", kTcp, 443, 1},
      {"protocol of the /0 alone", "192.0.2.18", kUdp, 53, 10},
      {"no range of any", "203.0.113.1", kTcp, 81, kNoService},
      {"an IPv6 /64", "2001:db8:0:1::9", kTcp, 80, 4},
      {"an IPv6 /64 without this port: ::/0", "2001:db8:0:1::9", kTcp, 81, 6},
      {"an IPv6 /63", "2001:db8:0:0:9::", kTcp, 80, 5},
      {"an IPv6 /127", "2001:db8:0:1::2", kTcp, 80, 7},
      {"the other half of the /127", "2001:db8:0:1::3", kTcp, 80, 7},
      {"beside the /127", "2001:db8:0:1::4", kTcp, 80, 4},
      {"::/0", "::", kTcp, 80, 6},
      {"::/0 is not of IPv4", "203.0.113.1", kTcp, 82, kNoService},
      {"nor is ::/95, next to the mapped addresses", "0.0.0.1", kTcp, 83, kNoService},
      {"::/95 itself", "::1:0:1", kTcp, 83, kNoService},
      {"::/95 itself", "::fffe:0:1", kTcp, 83, 8},
  };
  assert_int_equal(
      wrong_answers(
          {point("192.0.2.0", 96 + 24, kTcp, 0, 65'535, 1),
           point("192.0.2.16", 96 + 28, kTcp, 80, 80, 2),
           point("192.0.2.18", 128, kTcp, 8'080, 8'080, 3),
           point("2001:db8:0:1::", 64, kTcp, 80, 80, 4), point("2001:db8::", 63, kTcp, 80, 80, 5),
           point("::", 0, kTcp, 80, 82, 6), point("2001:db8:0:1::2", 127, kTcp, 80, 80, 7),
           point("::fffe:0:0", 95, kTcp, 83, 83, 8), point("0.0.0.0", 96, kTcp, 80, 80, 9),
           point("0.0.0.0", 96, kUdp, 53, 53, 10)},
          cases),
      0);
}

struct AddressCase {
  const char* address;
  bool is_ours;
};

size_t wrong_addresses() {
  const ServiceLookup lookup =
      built({point("192.0.2.1", 128, kTcp, 443, 443, 1), point("192.0.2.1", 128, kUdp, 443, 443, 2),
             point("192.0.2.32", 96 + 28, kTcp, 80, 80, 1), point("2001:db8::", 32, kTcp, 1, 2, 3),
             point("::", 96, kTcp, 1, 2, 3)});
  const AddressCase cases[] = {
      {"192.0.2.1", true},       {"192.0.2.0", false},  {"192.0.2.31", false},
      {"192.0.2.32", true},      {"192.0.2.47", true},  {"192.0.2.48", false},
      {"2001:db8:ffff::", true}, {"2001:db9::", false}, {"::1.2.3.4", true},
      {"::1:102:304", false},    {"0.0.0.0", false},
  };
  size_t wrong = 0;
  for (const AddressCase& c : cases) {
    if (lookup.has_address(*parse_address(c.address)) == c.is_ours) continue;
    ++wrong;
    print_message("  %s\n", c.address);
  }
  return wrong;
}

void test_has_address(void**) { assert_int_equal(wrong_addresses(), 0); }

struct Refusal {
  const char* description;
  std::vector<ServicePoint> points;
  std::string message;
};

const std::vector<Refusal>& refusals() {
  static const std::vector<Refusal> kRefusals = {
      {"equal",
       {point("192.0.2.1", 128, kTcp, 80, 80, 1), point("192.0.2.1", 128, kTcp, 80, 80, 2)},
       "192.0.2.1 protocol 6 ports 80-80 of service"},
      {"equal ranges of one service",
       {point("2001:db8::", 32, kTcp, 80, 90, 1), point("2001:db8::", 32, kTcp, 80, 90, 1)},
       "2001:db8::/32 protocol 6 ports 80-90 of service 1 is also that of service 1"},
      {"crossing",
       {point("192.0.2.0", 120, kUdp, 80, 90, 1), point("192.0.2.0", 120, kUdp, 85, 95, 2)},
       "192.0.2.0/24 protocol 17 ports 85-95 of service 2 crosses that of service 1 "
       "(192.0.2.0/24 protocol 17 ports 80-90)"},
      {"crossing by one port",
       {point("192.0.2.1", 128, kTcp, 90, 95, 2), point("192.0.2.1", 128, kTcp, 80, 90, 1)},
       "ports 90-95 of service 2 crosses that of service 1"},
      {"crossing within a third",
       {point("192.0.2.1", 128, kTcp, 1, 100, 1), point("192.0.2.1", 128, kTcp, 10, 20, 2),
        point("192.0.2.1", 128, kTcp, 15, 30, 3)},
       "ports 15-30 of service 3 crosses that of service 2"},
      {"bits beyond an IPv4 prefix",
       {point("192.0.2.1", 120, kTcp, 80, 80, 1)},
       "192.0.2.1/24 protocol 6 ports 80-80 has bits set beyond its prefix: write 192.0.2.0"},
      {"bits beyond an IPv6 prefix",
       {point("2001:db8::1", 64, kTcp, 80, 80, 1)},
       "2001:db8::1/64 protocol 6 ports 80-80 has bits set beyond its prefix: write 2001:db8::"},
      {"a range downwards", {point("192.0.2.1", 128, kTcp, 90, 80, 1)}, "192.0.2.1 protocol 6"},
      {"port 0 alone", {point("192.0.2.1", 128, kTcp, 0, 0, 1)}, "192.0.2.1 protocol 6 ports 0-0"},
      {"a protocol without ports", {point("192.0.2.1", 128, 1, 80, 80, 1)}, "192.0.2.1 protocol 1"},
      {"a prefix of 129", {point("192.0.2.1", 129, kTcp, 80, 80, 7)}, "192.0.2.1 of service 7"},
      {"an IPv4 prefix of -1", {point("0.0.0.0", 95, kTcp, 80, 80, 7)}, "0.0.0.0 of service 7"},
      {"a service number too high",
       {point("192.0.2.1", 128, kTcp, 80, 80, kMaxServices)},
       "192.0.2.1 protocol 6 ports 80-80: a plan has at most 4096 services"},
      {"no service", {point("192.0.2.1", 128, kTcp, 80, 80, kNoService)}, "192.0.2.1 protocol 6"},
  };
  return kRefusals;
}

void test_refusals(void**) {
  for (const Refusal& refusal : refusals()) {
    const Result<ServiceLookup> lookup = ServiceLookup::build(refusal.points);
    const bool is_refused =
        !lookup.ok() && lookup.message().find(refusal.message) != std::string::npos;
    if (!is_refused) {
      print_message("  %s: %s\n", refusal.description,
                    lookup.ok() ? "not refused" : lookup.message().c_str());
    }
    assert_true(is_refused);
  }
}

// As many lengths as may be, and one more; IPv4's count with IPv6's.
bool lengths_are_limited() {
  std::vector<ServicePoint> points;
  for (unsigned length = 10; length < 25; ++length) {
    points.push_back(point("::", length, kTcp, 80, 80, 1));
  }
  points.push_back(point("192.0.2.1", 128, kTcp, 80, 80, 1));
  const bool most = ServiceLookup::build(points).ok();
  points.push_back(point("10.0.0.0", 104, kTcp, 80, 80, 1));
  const Result<ServiceLookup> more = ServiceLookup::build(points);
  return most && !more.ok() &&
         more.message().find("17 different prefix lengths") != std::string::npos;
}

void test_lengths_are_limited(void**) { assert_true(lengths_are_limited()); }

// Every point of the largest sets is found, and what is next to it is not.
size_t wrong_of_largest(bool is_range) {
  std::vector<ServicePoint> points;
  for (uint32_t i = 0; i < kMaxServicePoints; ++i) {
    const auto first = static_cast<uint16_t>(1'000 + 1'000 * (i % 4));
    points.push_back({.address = Address::v4(Big32((10u << 24) + i / 4)),
                      .protocol = kTcp,
                      .first_port = first,
                      .last_port = static_cast<uint16_t>(first + (is_range ? i / 4 % 900 + 1 : 0)),
                      .service = static_cast<uint16_t>(i / 4)});
  }
  const ServiceLookup lookup = built(points);
  size_t wrong = 0;
  for (const ServicePoint& p : points) {
    const auto find = [&](int port) {
      return lookup.find(p.address, kTcp, static_cast<uint16_t>(port));
    };
    wrong += find(p.first_port) != p.service || find(p.last_port) != p.service ||
                     find(p.first_port - 1) != kNoService || find(p.last_port + 1) != kNoService ||
                     !lookup.has_address(p.address)
                 ? 1
                 : 0;
  }
  points.push_back(point("192.0.2.1", 128, kTcp, 80, 80, 1));
  const Result<ServiceLookup> too_many = ServiceLookup::build(points);
  const bool is_refused =
      !too_many.ok() && too_many.message().find("16385 VIPs") != std::string::npos;
  return wrong + (is_refused ? 0 : 1);
}

void test_largest_sets(void**) {
  assert_int_equal(wrong_of_largest(false), 0);
  assert_int_equal(wrong_of_largest(true), 0);
}

// The most pages of ports that there can be: no two ranges share one. And the deepest nesting.
size_t wrong_of_worst() {
  std::vector<ServicePoint> points;
  for (uint16_t i = 0; i < kMaxServicePoints / 2; ++i) {
    const auto service = static_cast<uint16_t>(i % kMaxServices);
    points.push_back({.address = Address::v4(Big32((10u << 24) + i)),
                      .protocol = kTcp,
                      .first_port = static_cast<uint16_t>(256 + i % 255),
                      .last_port = static_cast<uint16_t>(65'000 - i / 255 % 255),
                      .service = service});
    points.push_back({.address = Address::v4(Big32(11u << 24)),
                      .protocol = kUdp,
                      .first_port = static_cast<uint16_t>(1 + i),
                      .last_port = static_cast<uint16_t>(65'535 - i),
                      .service = service});
  }
  const ServiceLookup lookup = built(points);
  size_t wrong = 0;
  for (const ServicePoint& p : points) {
    wrong += lookup.find(p.address, p.protocol, p.first_port) != p.service ? 1 : 0;
    wrong += lookup.find(p.address, p.protocol, p.last_port) != p.service ? 1 : 0;
  }
  return wrong;
}

void test_worst_ranges(void**) { assert_int_equal(wrong_of_worst(), 0); }

// Keys for which the hash of one half is 0, so that the other half alone must spread them.
size_t wrong_of_unlucky_prefix() {
  std::vector<ServicePoint> points;
  ServicePoint p = point("157c:4a7f:b979:379e::", 128, kTcp, 1, 1, 0);
  for (uint16_t i = 0; i < 2'000; ++i) {
    p.address.bytes[15] = static_cast<uint8_t>(i);
    p.first_port = p.last_port = static_cast<uint16_t>(1'000 + i / 256);
    p.service = i;
    points.push_back(p);
  }
  const ServiceLookup lookup = built(points);
  size_t wrong = 0;
  for (const ServicePoint& each : points) {
    wrong += lookup.find(each.address, kTcp, each.first_port) != each.service ? 1 : 0;
  }
  return wrong;
}

void test_unlucky_prefix(void**) { assert_int_equal(wrong_of_unlucky_prefix(), 0); }

// Few addresses, lengths and ports, so that they meet.
class RandomPoints {
 public:
  explicit RandomPoints(uint64_t seed) : random_(seed) {
    for (size_t i = 0; i < 4; ++i) {
      lengths_[i] = static_cast<uint8_t>(97 + below(32));
      lengths_[4 + i] = static_cast<uint8_t>(below(129));
    }
  }

  uint64_t below(uint64_t bound) { return random_() % bound; }
  Address address(bool is_v4) {
    Address address = is_v4 ? Address::v4(Big32(0x0a000000)) : *parse_address("::fffe:0:0");
    for (uint64_t flips = below(4); flips > 0; --flips) {
      address.bytes[is_v4 ? 12 + below(4) : below(16)] ^= static_cast<uint8_t>(1u << below(8));
    }
    return address.is_v4() == is_v4 ? address : *parse_address("2001:db8::");
  }
  uint8_t protocol() { return std::array{kTcp, kUdp, kSctp}[below(3)]; }
  uint16_t port() {
    constexpr std::array<uint64_t, 6> kBases = {0, 1, 255, 256, 1'000, 65'535};
    return static_cast<uint16_t>(kBases[below(kBases.size())] + below(4));
  }
  ServicePoint point() {
    const bool is_v4 = below(2) == 0;
    const uint8_t length = below(3) == 0 ? 128 : lengths_[(is_v4 ? 0 : 4) + below(4)];
    ServicePoint point{.address = masked(address(is_v4), length),
                       .prefix_length = length,
                       .protocol = protocol(),
                       .first_port = port(),
                       .service = static_cast<uint16_t>(below(kMaxServices))};
    point.last_port = below(2) == 0 ? point.first_port : port();
    if (point.last_port < point.first_port) std::swap(point.first_port, point.last_port);
    point.last_port = std::max<uint16_t>(point.last_port, 1);
    return point;
  }
  // Without conflicts.
  std::vector<ServicePoint> points(size_t most) {
    std::vector<ServicePoint> points;
    for (size_t i = 0; i < most; ++i) {
      const ServicePoint next = point();
      if (std::ranges::none_of(points, [&](const ServicePoint& p) { return conflict(p, next); })) {
        points.push_back(next);
      }
    }
    return points;
  }

 private:
  std::mt19937_64 random_;
  std::array<uint8_t, 8> lengths_{};
};

struct Agreement {
  size_t wrong = 0;
  size_t found = 0;
  size_t not_found = 0;
};

Agreement compare(uint64_t seed) {
  RandomPoints random(seed);
  const std::vector<ServicePoint> points = random.points(1 + random.below(300));
  const ServiceLookup lookup = built(points);
  Agreement agreement;
  for (int i = 0; i < 3'000; ++i) {
    const Address address = random.address(random.below(2) == 0);
    const uint8_t protocol = random.protocol();
    const uint16_t port = random.port();
    const uint16_t expected = naive_find(points, address, protocol, port);
    const bool is_right = lookup.find(address, protocol, port) == expected &&
                          lookup.has_address(address) == naive_has_address(points, address);
    agreement.wrong += is_right ? 0 : 1;
    ++(expected == kNoService ? agreement.not_found : agreement.found);
  }
  return agreement;
}

void test_against_the_naive_search(void**) {
  Agreement total;
  for (uint64_t seed = 0; seed < 60; ++seed) {
    const Agreement agreement = compare(seed);
    total.wrong += agreement.wrong;
    total.found += agreement.found;
    total.not_found += agreement.not_found;
  }
  assert_int_equal(total.wrong, 0);
  assert_in_range(total.found, 20'000, 160'000);
  assert_in_range(total.not_found, 20'000, 160'000);
}

// Whether random sets are refused exactly where two of their points conflict.
size_t wrong_refusals(uint64_t seed, size_t* ret_refused) {
  RandomPoints random(seed);
  size_t wrong = 0;
  for (int round = 0; round < 200; ++round) {
    std::vector<ServicePoint> points = random.points(10);
    points.push_back(random.point());
    points.push_back(points[random.below(points.size())]);
    points.back().first_port = std::min(points.back().last_port, random.port());
    size_t conflicts = 0;
    for (size_t i = 0; i < points.size(); ++i) {
      for (size_t j = 0; j < i; ++j) conflicts += conflict(points[i], points[j]) ? 1 : 0;
    }
    wrong += ServiceLookup::build(points).ok() != (conflicts == 0) ? 1 : 0;
    *ret_refused += conflicts == 0 ? 0 : 1;
  }
  return wrong;
}

void test_refusals_against_all_pairs(void**) {
  size_t refused = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) assert_int_equal(wrong_refusals(seed, &refused), 0);
  assert_in_range(refused, 500, 3'500);
}

void test_nothing_configured(void**) {
  const auto lookup = std::make_unique<ServiceLookup>(built({}));
  assert_int_equal(lookup->find(*parse_address("192.0.2.1"), kTcp, 80), kNoService);
  assert_int_equal(ServiceLookup().find(*parse_address("::"), kTcp, 80), kNoService);
  assert_false(lookup->has_address(*parse_address("192.0.2.1")));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_exact),
      cmocka_unit_test(test_ranges),
      cmocka_unit_test(test_prefixes),
      cmocka_unit_test(test_has_address),
      cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_lengths_are_limited),
      cmocka_unit_test(test_largest_sets),
      cmocka_unit_test(test_worst_ranges),
      cmocka_unit_test(test_unlucky_prefix),
      cmocka_unit_test(test_against_the_naive_search),
      cmocka_unit_test(test_refusals_against_all_pairs),
      cmocka_unit_test(test_nothing_configured),
  };
  return cmocka_run_group_tests_name("table/lookup", tests, nullptr, nullptr);
}
