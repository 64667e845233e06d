#include "drivers/kernel_path.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_ring.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <memory>
#include <numeric>
#include <optional>
#include <vector>

#include "drivers/descriptor.h"
#include "drivers/tap_config.h"
#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

constexpr unsigned kBuffers = 4'095;
constexpr uint16_t kLanVlan = 100;
constexpr Mac kWan = {2, 0, 0, 0, 0, 1};
constexpr Mac kLan = {2, 0, 0, 0, 0, 2};

// From a host at 02:00:00:00:00:99 (scapy's bytes): who has 192.0.2.10, tell 10.0.0.9; who has
// 2001:db8::10; an echo request of 10.0.0.9 for 10.0.0.1, padded with 32 x.
constexpr const char* kArp =
    "ffffffffffff02000000009908060001080006040001020000000099"
    "0a000009000000000000c000020a";
constexpr const char* kSolicitation =
    "3333ff00001002000000009986dd6000000000203aff20010db800000000000000000000"
    "0009ff0200000000000000000001ff00001087001b6b0000000020010db8000000000000"
    "0000000000100101020000000099";
constexpr const char* kEcho =
    "02000000000102000000009908004500003c00010000400166b70a0000090a0000010800"
    "707000070001787878787878787878787878787878787878787878787878787878787878"
    "7878";

// Time as it is, but for jumps.
struct State {
  rte_mempool* pool = nullptr;
  std::atomic<Microseconds> jumped = 0;
  std::unique_ptr<KernelPath> path;
  std::vector<rte_mbuf*> received;  // not asked for yet

  KernelPathCounts counts(size_t port) const { return path->counts()[port]; }
};

State& state_of(void** state) { return *static_cast<State*>(*state); }

Address address_of(const char* text) { return *parse_address(text); }

Result<KernelPath::Port> make_port(const char* name, const Mac& mac, uint16_t vlan,
                                   const char* address) {
  Result<Tap> tap = Tap::open({.name = name, .mac = mac});
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  if (!tap.ok() || !kernel.ok()) return Error{"no TAP"};
  const TapConfig config{.name = name,
                         .interface = tap.value().interface(),
                         .addresses = {{.address = address_of(address), .length = 96 + 24}},
                         .vips = {address_of("192.0.2.10"), address_of("2001:db8::10")},
                         .routes = {}};
  const Status status = configure_tap(kernel.value(), config);
  if (!status.ok()) return Error{status.message()};
  return KernelPath::Port{.tap = std::move(tap.value()), .mac = mac, .vlan = vlan};
}

int set_up(void** state) {
  auto made = std::make_unique<State>();
  made->pool = rte_mempool_lookup("packets");
  KernelPath::Spec spec{.ports = {}, .workers = 2, .pool = made->pool, .now = {}};
  spec.now = [now = made.get()] { return real_now() + now->jumped; };
  Result<KernelPath::Port> wan = make_port("wan", kWan, 0, "10.0.0.1");
  Result<KernelPath::Port> lan = make_port("lan", kLan, kLanVlan, "10.1.0.1");
  if (!wan.ok() || !lan.ok()) return -1;
  spec.ports.push_back(std::move(wan.value()));
  spec.ports.push_back(std::move(lan.value()));
  Result<std::unique_ptr<KernelPath>> path = KernelPath::start(std::move(spec));
  if (!path.ok()) return -1;
  made->path = std::move(path.value());
  *state = made.release();
  return 0;
}

// Every buffer is back, and every interface gone.
int tear_down(void** state) {
  State& box = state_of(state);
  for (rte_mbuf* frame : box.received) rte_pktmbuf_free(frame);
  box.path.reset();
  const unsigned free = rte_mempool_avail_count(box.pool);
  delete &box;
  return free == kBuffers && ::if_nametoindex("wan") == 0 && ::if_nametoindex("lan") == 0 ? 0 : -1;
}

const uint8_t* bytes_of(const rte_mbuf* frame) { return rte_pktmbuf_mtod(frame, const uint8_t*); }

// A frame of `hex` as a worker has it, with a tag if there is to be one.
rte_mbuf* frame_of(State& box, size_t port, const char* hex, uint16_t vlan = 0,
                   uint16_t tag_type = 0x8100) {
  const Packet packet = packet_of(hex);
  std::vector<uint8_t> bytes(packet.bytes(), packet.bytes() + packet.length);
  if (vlan != 0) {
    bytes.insert(bytes.begin() + 12, sizeof(VlanTag), 0);
    store(bytes.data() + 12, Big16(tag_type));
    store(bytes.data() + 14, Big16(static_cast<uint16_t>(0xe000 | vlan)));
  }
  rte_mbuf* frame = rte_pktmbuf_alloc(box.pool);
  CHECK(frame != nullptr);
  std::memcpy(rte_pktmbuf_append(frame, static_cast<uint16_t>(bytes.size())), bytes.data(),
              bytes.size());
  frame->port = static_cast<uint16_t>(port);
  return frame;
}

void hand_over(State& box, size_t worker, rte_mbuf* frame) {
  CHECK(eventually([&] { return rte_ring_sp_enqueue(box.path->to_kernel(worker), frame) == 0; }));
}

// The next frame from the kernel that is as it should be; others, as a kernel sends them by itself,
// are dropped. Null if none comes.
template <typename Condition>
rte_mbuf* receive(State& box, Condition condition) {
  rte_mbuf* found = nullptr;
  eventually([&] {
    void* frame = nullptr;
    while (found == nullptr && rte_ring_sc_dequeue(box.path->from_kernel(), &frame) == 0) {
      auto* one = static_cast<rte_mbuf*>(frame);
      if (condition(one)) {
        found = one;
        box.received.push_back(one);
      } else {
        rte_pktmbuf_free(one);
      }
    }
    return found != nullptr;
  });
  return found;
}

rte_mbuf* receive_hex(State& box, size_t port, const char* beginning) {
  const Packet expected = packet_of(beginning);
  return receive(box, [&](const rte_mbuf* frame) {
    return frame->port == port && frame->data_len >= expected.length &&
           std::memcmp(bytes_of(frame), expected.bytes(), expected.length) == 0;
  });
}

void arp_for_a_vip_is_answered_on_every_port(void** state) {
  State& box = state_of(state);
  for (const size_t worker : {0u, 1u}) {
    hand_over(box, worker, frame_of(box, 0, kArp));
    const rte_mbuf* reply =
        receive_hex(box, 0, "02000000009902000000000108060001080006040002020000000001c000020a");
    assert_non_null(reply);
  }
  // Asked by a host of another subnet, on a port with a tag, which the answer bears too.
  hand_over(box, 1, frame_of(box, 1, kArp, kLanVlan));
  const rte_mbuf* reply = receive_hex(
      box, 1, "0200000000990200000000028100006408060001080006040002020000000002c000020a");
  assert_non_null(reply);
  assert_true(rte_pktmbuf_headroom(reply) >= RTE_PKTMBUF_HEADROOM);
  assert_int_equal(reply->pkt_len, 46);
  assert_int_equal(reply->nb_segs, 1);
}

void a_solicitation_for_a_vip_is_answered(void** state) {
  State& box = state_of(state);
  hand_over(box, 0, frame_of(box, 0, kSolicitation));
  const rte_mbuf* reply = receive(box, [](const rte_mbuf* frame) {
    return frame->data_len == 86 && bytes_of(frame)[54] == 136;
  });
  assert_non_null(reply);
  assert_memory_equal(bytes_of(reply) + 80, kWan.data(), sizeof(Mac));
}

// The kernel knows the host by its ARP.
void packets_go_there_and_back(void** state) {
  State& box = state_of(state);
  hand_over(box, 0, frame_of(box, 0, kArp));
  hand_over(box, 0, frame_of(box, 0, kEcho));
  assert_non_null(receive_hex(box, 0, "020000000099020000000001080045"));
  assert_true(eventually([&] { return box.counts(0).to_kernel == 2; }));
  assert_true(box.counts(0).from_kernel >= 2);
}

// As a device with short buffers delivers it.
void a_packet_in_pieces_is_one_packet(void** state) {
  State& box = state_of(state);
  hand_over(box, 0, frame_of(box, 0, kArp));
  rte_mbuf* whole = frame_of(box, 0, kEcho);
  rte_mbuf* first = rte_pktmbuf_alloc(box.pool);
  std::memcpy(rte_pktmbuf_append(first, 20), bytes_of(whole), 20);
  rte_pktmbuf_adj(whole, 20);
  assert_int_equal(rte_pktmbuf_chain(first, whole), 0);
  first->port = 0;
  hand_over(box, 0, first);
  const rte_mbuf* reply = receive_hex(box, 0, "020000000099020000000001080045");
  assert_non_null(reply);
  const std::array<uint8_t, 32> payload = [] {
    std::array<uint8_t, 32> bytes{};
    bytes.fill('x');
    return bytes;
  }();
  assert_memory_equal(bytes_of(reply) + 42, payload.data(), payload.size());
}

void only_the_ports_own_vlan_gets_through(void** state) {
  State& box = state_of(state);
  const struct {
    const char* description;
    size_t port;
    uint16_t vlan;
    uint16_t tag_type;
    uint64_t KernelPathCounts::* counted;
  } cases[] = {
      {"untagged on an untagged port", 0, 0, 0, &KernelPathCounts::to_kernel},
      {"tagged on an untagged port", 0, 5, 0x8100, &KernelPathCounts::wrong_vlan},
      {"the port's tag", 1, kLanVlan, 0x8100, &KernelPathCounts::to_kernel},
      {"no tag", 1, 0, 0, &KernelPathCounts::wrong_vlan},
      {"another tag", 1, kLanVlan + 1, 0x8100, &KernelPathCounts::wrong_vlan},
      {"an outer tag of QinQ", 1, kLanVlan, 0x88a8, &KernelPathCounts::wrong_vlan},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    const uint64_t before = box.counts(example.port).*example.counted;
    hand_over(box, 0, frame_of(box, example.port, kArp, example.vlan, example.tag_type));
    assert_true(
        eventually([&] { return box.counts(example.port).*example.counted == before + 1; }));
  }
}

void what_is_no_frame_is_refused(void** state) {
  State& box = state_of(state);
  for (const char* hex : {"ffffffffffff020000000099", "ffffffffffff0200000000998100"}) {
    rte_mbuf* frame = frame_of(box, 0, hex);
    hand_over(box, 0, frame);
  }
  assert_true(eventually([&] { return box.counts(0).refused + box.counts(0).wrong_vlan == 2; }));
}

// The kernel's side sends datagrams to a host that it knows.
struct Sender {
  Descriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};

  Sender() {
    CHECK(shell("ip neigh replace 10.0.0.9 lladdr 02:00:00:00:00:99 dev wan nud permanent"));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(9);
    to.sin_addr.s_addr = htonl(0x0a000009);
    CHECK(::connect(socket.get(), reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0);
  }
  bool send() const { return ::send(socket.get(), "hello", 5, 0) == 5; }
};

void a_worker_that_does_not_fetch_is_counted_and_holds_nothing_up(void** state) {
  State& box = state_of(state);
  const Sender sender;
  assert_true(eventually([&] {
    for (int i = 0; i < 100; ++i) sender.send();
    return box.counts(0).worker_full > 100;
  }));
  // The other direction goes on.
  const uint64_t before = box.counts(1).to_kernel;
  hand_over(box, 1, frame_of(box, 1, kArp, kLanVlan));
  assert_true(eventually([&] { return box.counts(1).to_kernel == before + 1; }));
  // So does this one, as soon as it fetches.
  assert_true(sender.send());
  assert_non_null(receive_hex(box, 0, "020000000099020000000001080045"));
}

void an_empty_pool_is_counted_and_heals(void** state) {
  State& box = state_of(state);
  const Sender sender;
  std::vector<rte_mbuf*> all(kBuffers);
  unsigned taken = 0;
  while (taken < kBuffers && (all[taken] = rte_pktmbuf_alloc(box.pool)) != nullptr) ++taken;
  assert_true(eventually([&] { return sender.send() && box.counts(0).no_buffer > 0; }));
  rte_pktmbuf_free_bulk(all.data(), taken);
  const uint64_t before = box.counts(0).from_kernel;
  assert_true(eventually([&] { return sender.send() && box.counts(0).from_kernel > before; }));
}

void a_flood_is_worked_off_and_accounted_for(void** state) {
  constexpr uint64_t kFlood = 50'000;
  State& box = state_of(state);
  const Microseconds begin = real_now();
  for (uint64_t i = 0; i < kFlood; ++i) {
    rte_mbuf* frame = rte_pktmbuf_alloc(box.pool);
    // Broadcast of a type that nobody knows.
    std::memset(rte_pktmbuf_append(frame, 60), 0xff, 60);
    frame->port = 0;
    while (rte_ring_sp_enqueue(box.path->to_kernel(i % 2), frame) != 0) rte_pause();
  }
  assert_true(eventually([&] {
    const KernelPathCounts counts = box.counts(0);
    return counts.to_kernel + counts.refused == kFlood;
  }));
  print_message("  %lu frames: %lu ns each\n", kFlood, (real_now() - begin) * 1'000 / kFlood);
}

// What is in the from_kernel ring, by port; freed.
std::array<size_t, 2> announced(State& box) {
  std::array<size_t, 2> frames{};
  void* frame = nullptr;
  while (rte_ring_sc_dequeue(box.path->from_kernel(), &frame) == 0) {
    auto* one = static_cast<rte_mbuf*>(frame);
    const uint8_t* bytes = bytes_of(one);
    const size_t tag = one->port == 1 ? 4 : 0;
    // From the port's own MAC, a gratuitous ARP or an advertisement to all nodes.
    const bool is_own = std::memcmp(bytes + 6, one->port == 1 ? kLan.data() : kWan.data(), 6) == 0;
    const bool is_arp = bytes[12 + tag] == 0x08 && bytes[13 + tag] == 0x06 && bytes[0] == 0xff;
    const bool is_nd = one->data_len == 86 + tag && bytes[54 + tag] == 136;
    if (is_own && (is_arp || is_nd)) ++frames[one->port];
    rte_pktmbuf_free(one);
  }
  return frames;
}

void vips_are_announced_on_every_port(void** state) {
  State& box = state_of(state);
  std::array<size_t, 2> frames{};
  const auto become = [&](size_t wan, size_t lan) {
    return eventually([&] {
      const auto more = announced(box);
      frames[0] += more[0];
      frames[1] += more[1];
      return frames[0] == wan && frames[1] == lan;
    });
  };
  box.path->set_vips({address_of("192.0.2.10"), address_of("2001:db8::10")});
  assert_true(become(2, 2));
  box.jumped += 1'000'000;
  assert_true(become(4, 4));
  box.jumped += 1'000'000;
  assert_true(become(6, 6));
  assert_true(box.path->set_link(1, true).ok());  // it was
  assert_true(box.path->set_link(1, false).ok());
  assert_true(box.path->set_link(1, true).ok());
  assert_true(become(6, 8));
  assert_int_equal(box.counts(0).announced, 6);
}

// Each time it wakes costs, on any machine; how much is the machine's. Frames that the kernel sends
// by itself keep it wakeful for a moment.
void idling_wakes_it_seldom(void**) {
  const auto wakes = [] {
    rusage usage{};
    CHECK(::getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_nvcsw;
  };
  ::poll(nullptr, 0, 50);  // until it is calm
  const Microseconds begin = real_now();
  const auto before = wakes();
  ::poll(nullptr, 0, 500);
  const auto woken = wakes() - before;
  const Microseconds passed = real_now() - begin;
  print_message("  %ld times in %llu us\n", woken, static_cast<unsigned long long>(passed));
  assert_in_range(woken, 2, passed / 1'000);
}

void buffers_that_are_too_small_are_refused(void** state) {
  State& box = state_of(state);
  Result<Tap> tap = Tap::open({.name = "jumbo", .mac = kWan, .mtu = 9'000});
  KernelPath::Spec spec{.ports = {}, .workers = 1, .pool = box.pool, .now = real_now};
  spec.ports.push_back({.tap = std::move(tap.value()), .mac = kWan, .mtu = 9'000});
  const Result<std::unique_ptr<KernelPath>> path = KernelPath::start(std::move(spec));
  assert_false(path.ok());
  print_message("  %s\n", path.message().c_str());
  assert_non_null(std::strstr(path.message().c_str(), "MTU 9000"));
}

bool start_eal() {
  std::vector<std::string> arguments = {
      "kernel_path_test", "--no-huge", "-m",      "64",          "--no-pci", "--no-shconf",
      "--no-telemetry",   "--lcores",  "0@(0-1)", "--log-level", "*:error"};
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(pointers.size()), pointers.data()) < 0) return false;
  return rte_pktmbuf_pool_create_by_ops("packets", kBuffers, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
                                        SOCKET_ID_ANY, "ring_mt_rts") != nullptr;
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(start_eal());
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(arp_for_a_vip_is_answered_on_every_port, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_solicitation_for_a_vip_is_answered, set_up, tear_down),
      cmocka_unit_test_setup_teardown(packets_go_there_and_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_packet_in_pieces_is_one_packet, set_up, tear_down),
      cmocka_unit_test_setup_teardown(only_the_ports_own_vlan_gets_through, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_no_frame_is_refused, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_worker_that_does_not_fetch_is_counted_and_holds_nothing_up,
                                      set_up, tear_down),
      cmocka_unit_test_setup_teardown(an_empty_pool_is_counted_and_heals, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_flood_is_worked_off_and_accounted_for, set_up, tear_down),
      cmocka_unit_test_setup_teardown(vips_are_announced_on_every_port, set_up, tear_down),
      cmocka_unit_test_setup_teardown(idling_wakes_it_seldom, set_up, tear_down),
      cmocka_unit_test_setup_teardown(buffers_that_are_too_small_are_refused, set_up, tear_down),
  };
  return cmocka_run_group_tests_name("drivers/kernel_path", tests, nullptr, nullptr);
}
