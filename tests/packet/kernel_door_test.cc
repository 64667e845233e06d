// A flood is cut, and all others get through it.
#include "firmware/packet/kernel_door.h"

#include <ios>  // before CMocka makes a macro of fail()

#include "tests/cmocka.h"
#include "tests/packet/desk.h"

namespace evenkeel {
namespace {

constexpr unsigned kRing = 64;
constexpr unsigned kPlaces = kRing - 1;
constexpr Microseconds kSecond = 1'000'000;

Desk& desk_of(void** state) { return **static_cast<std::unique_ptr<Desk>*>(*state); }

int open_desk(void** state) {
  *state = new std::unique_ptr<Desk>(new Desk("kernel_door"));
  return 0;
}
int close_desk(void** state) {
  delete static_cast<std::unique_ptr<Desk>*>(*state);
  return 0;
}

ServiceLookup two_vips() {
  std::array points = {point_of("192.0.2.1", 80, 80), point_of("2001:db8::1", 80, 80)};
  for (ServicePoint& point : points) point.service = 0;
  return std::move(ServiceLookup::build(points).value());
}

// A door, and the kernel behind it.
class Kernel {
 public:
  Kernel(Desk& desk, uint32_t per_second)
      : desk_(desk),
        ring_(rte_ring_create(desk.new_name("door").c_str(), kRing, 0, 0)),
        door_(ring_, per_second, tally_) {}
  ~Kernel() {
    fetch();
    rte_ring_free(ring_);
    CHECK(desk_.pool->free_buffers() == desk_.pool->size());
  }
  Kernel(const Kernel&) = delete;
  Kernel& operator=(const Kernel&) = delete;

  Reason give(const Bytes& bytes, Microseconds now) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(desk_.pool->get());
    CHECK(packet != nullptr);
    std::memcpy(rte_pktmbuf_append(packet, static_cast<uint16_t>(bytes.size())), bytes.data(),
                bytes.size());
    const Reason reason = door_.give(packet, services_, now);
    if (reason != Reason::none) rte_pktmbuf_free(packet);
    return reason;
  }
  // How many the kernel gets of these.
  size_t give(size_t count, const Bytes& bytes, Microseconds now) {
    size_t given = 0;
    for (size_t i = 0; i < count; ++i) {
      given += give(bytes, now) == Reason::none;
      fetch();
    }
    return given;
  }
  void fetch() {
    for (void* packet = nullptr; rte_ring_dequeue(ring_, &packet) == 0;) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }
  }
  uint64_t to_kernel() const { return tally_.to_kernel.read(); }

 private:
  Desk& desk_;
  const ServiceLookup services_ = two_vips();
  rte_ring* ring_;
  PortTally tally_;
  KernelDoor door_;
};

Bytes with_ttl(Bytes packet, uint8_t ttl) {
  const bool is_v4 = packet[kEthernet] >> 4 == 4;
  packet[kEthernet + (is_v4 ? offsetof(Ipv4Header, ttl) : offsetof(Ipv6Header, hop_limit))] = ttl;
  return packet;
}

Bytes tagged(const Bytes& packet, size_t tags) {
  constexpr size_t kType = offsetof(EthernetHeader, type);
  const size_t added = tags * sizeof(VlanTag);
  Bytes bytes(packet.size() + added);
  std::copy_n(packet.begin(), kType, bytes.begin());
  for (size_t i = 0; i < tags; ++i) {
    store(bytes.data() + kType + i * sizeof(VlanTag), std::array<Big16, 2>{0x8100, 7});
  }
  std::copy(packet.begin() + kType, packet.end(),
            bytes.begin() + static_cast<ptrdiff_t>(kType + added));
  return bytes;
}

Bytes of_type(uint16_t type, size_t length) {
  Bytes bytes(length);
  store(bytes.data(), EthernetHeader{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 9}, type});
  return bytes;
}

Bytes near() { return of_type(0x0806, 60); }
Bytes to_the_box() { return packet_from({.vip = "203.0.113.7"}); }
Bytes to_the_box_v6() { return packet_from({.address = "2001:db8:1::9", .vip = "2001:db8:b::7"}); }
Bytes to_a_vip() { return packet_from({.vip_port = 9}); }

// What routers say to each other.
Bytes hello(const char* source, const char* group, Mac mac) {
  constexpr auto kOspf = static_cast<Protocol>(89);
  Bytes bytes = ethernet_of(address_of(group));
  std::ranges::copy(mac, bytes.begin());
  append_ip(bytes, address_of(source), address_of(group), kOspf, 44);
  bytes.resize(bytes.size() + 44);
  return with_ttl(bytes, 1);
}
Bytes ospf() { return hello("203.0.113.1", "224.0.0.5", {1, 0, 0x5e, 0, 0, 5}); }
Bytes ospf_v6() { return hello("fe80::1", "ff02::5", {0x33, 0x33, 0, 0, 0, 5}); }

// An IPv6 packet to an address that looks like one of IPv4's groups.
Bytes disguised() {
  Bytes bytes = with_ttl(to_the_box_v6(), 1);
  const Address group = Address::v4(Big32(0xe000'0005));
  store(bytes.data() + kEthernet + offsetof(Ipv6Header, destination), group);
  return bytes;
}

enum class Sort : uint8_t { near, other, stray };

struct SortRow {
  const char* description;
  Bytes packet;
  Sort sort;
};

std::vector<SortRow> sort_rows() {
  const Bytes v4 = to_the_box();
  const Bytes v6 = to_the_box_v6();
  const Bytes vip_v6 = packet_from({.address = "2001:db8:1::9", .vip = "2001:db8::1"});
  constexpr size_t kLeast = kEthernet + sizeof(Ipv4Header);
  return {
      {"ARP", of_type(0x0806, 60), Sort::near},
      {"ARP, tagged", tagged(of_type(0x0806, 60), 1), Sort::near},
      {"spanning tree", of_type(0x0026, 60), Sort::near},
      {"IPv4, TTL 255", with_ttl(v4, 255), Sort::near},
      {"IPv4, TTL 255, two tags", tagged(with_ttl(v4, 255), 2), Sort::near},
      {"IPv4, TTL 255, to a VIP", with_ttl(to_a_vip(), 255), Sort::near},
      {"IPv6, hop limit 255", with_ttl(v6, 255), Sort::near},
      {"IPv6, hop limit 255, tagged", tagged(with_ttl(v6, 255), 1), Sort::near},
      {"OSPF", ospf(), Sort::near},
      {"OSPF, tagged", tagged(ospf(), 1), Sort::near},
      {"OSPFv3", ospf_v6(), Sort::near},
      {"OSPF, TTL 2", with_ttl(ospf(), 2), Sort::other},
      {"OSPFv3, hop limit 2", with_ttl(ospf_v6(), 2), Sort::other},
      {"a group that is routed", hello("203.0.113.1", "224.0.1.5", {1, 0, 0x5e, 0, 1, 5}),
       Sort::other},
      {"one with the MAC address of OSPF's",
       hello("203.0.113.1", "225.0.0.5", {1, 0, 0x5e, 0, 0, 5}), Sort::other},
      {"a group of the site", hello("fe80::1", "ff05::5", {0x33, 0x33, 0, 0, 0, 5}), Sort::other},
      {"a group in disguise", disguised(), Sort::other},
      {"TCP, TTL 64", v4, Sort::other},
      {"BGP, TTL 1", with_ttl(v4, 1), Sort::other},
      {"BGP, hop limit 1", with_ttl(v6, 1), Sort::other},
      {"IPv4, TTL 254", with_ttl(v4, 254), Sort::other},
      {"IPv4, TTL 254, tagged", tagged(with_ttl(v4, 254), 1), Sort::other},
      {"IPv4, TTL 254, two tags", tagged(with_ttl(v4, 254), 2), Sort::other},
      {"IPv6, hop limit 254", with_ttl(v6, 254), Sort::other},
      {"IPv6, hop limit 254, two tags", tagged(with_ttl(v6, 254), 2), Sort::other},
      {"IPv4, to a VIP", to_a_vip(), Sort::stray},
      {"IPv4, to a VIP, TTL 1", with_ttl(to_a_vip(), 1), Sort::stray},
      {"IPv4, to a VIP, two tags", tagged(to_a_vip(), 2), Sort::stray},
      {"IPv6, to a VIP", vip_v6, Sort::stray},
      {"IPv6, to a VIP, tagged", tagged(vip_v6, 1), Sort::stray},
      {"the least of IPv4", of_type(0x0800, kLeast), Sort::other},
      {"less than that", of_type(0x0800, kLeast - 1), Sort::near},
      {"less than IPv6", of_type(0x86dd, kEthernet + sizeof(Ipv6Header) - 1), Sort::stray},
      {"three tags", tagged(of_type(0x0800, 60), 3), Sort::near},
      {"nothing but addresses and type", of_type(0x86dd, kEthernet), Sort::near},
  };
}

// Each gets through floods of the other sorts, and not through one of its own.
void a_flood_of_one_sort_starves_no_other(void** state) {
  const struct {
    Sort sort;
    Bytes packet;
  } floods[] = {{Sort::near, near()}, {Sort::other, to_the_box()}, {Sort::stray, to_a_vip()}};
  for (const SortRow& row : sort_rows()) {
    for (const auto& flood : floods) {
      Kernel kernel(desk_of(state), 10);
      assert_int_equal(kernel.give(30, flood.packet, kSecond), 10);
      const Reason reason = kernel.give(row.packet, kSecond);
      if (reason != (row.sort == flood.sort ? Reason::kernel_limited : Reason::none)) {
        fail_msg("%s, flood %d: %s", row.description, static_cast<int>(flood.sort),
                 to_string(reason));
      }
    }
  }
}

void all_sorts_are_limited_by_themselves(void** state) {
  Kernel kernel(desk_of(state), 100);
  const std::array all = {to_a_vip(), to_the_box(), near()};
  for (const Bytes& packet : all) assert_int_equal(kernel.give(1'000, packet, kSecond), 100);
  for (const Bytes& packet : all) {
    assert_int_equal(kernel.give(1'000, packet, kSecond + kSecond / 2), 50);
  }
  assert_int_equal(kernel.to_kernel(), 450);
}

void bursts_are_limited_too(void** state) {
  Kernel kernel(desk_of(state), 1'000'000);
  assert_int_equal(kernel.give(2'000, to_the_box(), kSecond), KernelDoor::kAtOnce);
}

// Strays never fill more than a half of the ring, nor those and others more than three quarters.
void places_are_kept(void** state) {
  Kernel kernel(desk_of(state), 1'000);
  const struct {
    Bytes packet;
    unsigned places;
  } rows[] = {{to_a_vip(), kPlaces - kPlaces / 2},
              {to_the_box(), kPlaces / 2 - kPlaces / 4},
              {near(), kPlaces / 4}};
  for (const auto& row : rows) {
    for (unsigned i = 0; i < row.places; ++i) {
      assert_int_equal(kernel.give(row.packet, kSecond), Reason::none);
    }
    assert_int_equal(kernel.give(row.packet, kSecond), Reason::kernel_full);
  }
  assert_int_equal(kernel.to_kernel(), kPlaces);
  kernel.fetch();
  for (const auto& row : rows) assert_int_equal(kernel.give(row.packet, kSecond), Reason::none);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_flood_of_one_sort_starves_no_other),
      cmocka_unit_test(all_sorts_are_limited_by_themselves),
      cmocka_unit_test(bursts_are_limited_too),
      cmocka_unit_test(places_are_kept),
  };
  return cmocka_run_group_tests_name("packet/kernel_door", tests, open_desk, close_desk);
}
