// A flood from afar is cut, and neighbours get through it.
#include "firmware/packet/kernel_door.h"

#include <ios>  // before CMocka makes a macro of fail()

#include "tests/cmocka.h"
#include "tests/packet/desk.h"

namespace evenkeel {
namespace {

constexpr unsigned kRing = 64;  // which has 63 places, 15 of them reserved
constexpr unsigned kReserved = 15;
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
    const Reason reason = door_.give(packet, now);
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

Bytes from_afar() { return packet_from({}); }

void who_is_a_neighbour(void** state) {
  const Bytes v4 = packet_from({});
  const Bytes v6 = packet_from({.address = "2001:db8:1::9", .vip = "2001:db8::1"});
  const struct {
    const char* description;
    Bytes packet;
    bool is_neighbours;
  } rows[] = {
      {"ARP", of_type(0x0806, 60), true},
      {"ARP, tagged", tagged(of_type(0x0806, 60), 1), true},
      {"spanning tree", of_type(0x0026, 60), true},
      {"IPv4, TTL 255", with_ttl(v4, 255), true},
      {"IPv4, TTL 255, two tags", tagged(with_ttl(v4, 255), 2), true},
      {"IPv6, hop limit 255", with_ttl(v6, 255), true},
      {"IPv6, hop limit 255, tagged", tagged(with_ttl(v6, 255), 1), true},
      {"IPv4, TTL 254", with_ttl(v4, 254), false},
      {"IPv4, TTL 1", with_ttl(v4, 1), false},
      {"IPv4, TTL 254, tagged", tagged(with_ttl(v4, 254), 1), false},
      {"IPv4, TTL 254, two tags", tagged(with_ttl(v4, 254), 2), false},
      {"IPv6, hop limit 254", with_ttl(v6, 254), false},
      {"IPv6, hop limit 254, two tags", tagged(with_ttl(v6, 254), 2), false},
      {"the least of IPv4", of_type(0x0800, kEthernet + sizeof(Ipv4Header)), false},
      {"less than that", of_type(0x0800, kEthernet + sizeof(Ipv4Header) - 1), true},
      {"three tags", tagged(of_type(0x0800, 60), 3), true},
      {"nothing but addresses and type", of_type(0x86dd, kEthernet), true},
  };
  for (const auto& row : rows) {
    Kernel kernel(desk_of(state), 10);
    assert_int_equal(kernel.give(20, from_afar(), kSecond), 10);  // no token is left for others
    const Reason reason = kernel.give(row.packet, kSecond);
    if (reason != (row.is_neighbours ? Reason::none : Reason::kernel_limited)) {
      fail_msg("%s: %s", row.description, to_string(reason));
    }
  }
}

void both_sorts_are_limited_by_themselves(void** state) {
  Kernel kernel(desk_of(state), 100);
  const Bytes near = of_type(0x0806, 60);
  assert_int_equal(kernel.give(1'000, from_afar(), kSecond), 100);
  assert_int_equal(kernel.give(1'000, near, kSecond), 100);
  assert_int_equal(kernel.give(1'000, from_afar(), kSecond + kSecond / 2), 50);
  assert_int_equal(kernel.give(1'000, near, kSecond + kSecond / 2), 50);
  assert_int_equal(kernel.to_kernel(), 300);
}

void bursts_are_limited_too(void** state) {
  Kernel kernel(desk_of(state), 1'000'000);
  assert_int_equal(kernel.give(2'000, from_afar(), kSecond), KernelDoor::kAtOnce);
}

void places_are_kept_for_neighbours(void** state) {
  Kernel kernel(desk_of(state), 1'000);
  constexpr unsigned kPlaces = kRing - 1;
  for (unsigned i = 0; i < kPlaces; ++i) {
    const bool has_place = i < kPlaces - kReserved;
    assert_int_equal(kernel.give(from_afar(), kSecond),
                     has_place ? Reason::none : Reason::kernel_full);
  }
  const Bytes near = of_type(0x0806, 60);
  for (unsigned i = 0; i < kReserved; ++i) {
    assert_int_equal(kernel.give(near, kSecond), Reason::none);
  }
  assert_int_equal(kernel.give(near, kSecond), Reason::kernel_full);
  assert_int_equal(kernel.to_kernel(), kPlaces);
  kernel.fetch();
  assert_int_equal(kernel.give(from_afar(), kSecond), Reason::none);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(who_is_a_neighbour),
      cmocka_unit_test(both_sorts_are_limited_by_themselves),
      cmocka_unit_test(bursts_are_limited_too),
      cmocka_unit_test(places_are_kept_for_neighbours),
  };
  return cmocka_run_group_tests_name("packet/kernel_door", tests, open_desk, close_desk);
}
