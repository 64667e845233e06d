// Ports on real drivers: packets in and out by each kind of device that needs no hardware, and one
// flow on one queue; what a device does not have, is refused by name.
#include "drivers/port.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "drivers/pool.h"
#include "firmware/base/endian.h"
#include "tests/cmocka.h"
#include "tests/drivers/fake_root.h"
#include "tests/drivers/own_eal.h"

namespace evenkeel {
namespace {

constexpr uint16_t kWorkers = 2;
constexpr size_t kBytesMax = 9'100;

struct Box {
  FakeRoot folder;
  std::unique_ptr<Eal> eal;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<Port> port;  // of the test that runs
  std::unique_ptr<Port> other;
  Descriptor wire;      // the other end of a cable
  uint16_t number = 0;  // of the next port
};

Box& box_of(void** state) { return *static_cast<Box*>(*state); }

int setup(void** state) {
  CHECK(
      shell("ip link add wan0 type veth peer name wan1 && ip link set wan0 up && "
            "ip link set wan1 up"));
  auto* const box = new Box;
  box->eal = start_own_eal(own_eal_spec("port", {}));
  const DeviceTraits* const traits = device_table().data();
  const std::array ports = {PoolSpec::OfPort{traits, 9000}};
  Result<Pool> pool = Pool::make({.buffers = 6'000, .workers = 1, .ports = ports});
  CHECK(pool.ok());
  box->pool = std::make_unique<Pool>(std::move(pool.value()));
  *state = box;
  return 0;
}

int teardown(void** state) {
  delete static_cast<Box*>(*state);
  return 0;
}

// After each test: whatever it left open; and every buffer must be back.
int close_ports(void** state) {
  Box& box = box_of(state);
  box.wire = Descriptor();
  box.other.reset();
  box.port.reset();
  return box.pool->free_buffers() == box.pool->size() ? 0 : -1;
}

Result<std::unique_ptr<Port>> try_to_open(Box& box, const std::string& device, uint16_t mtu = 1500,
                                          uint16_t workers = kWorkers) {
  const std::string name = "p" + std::to_string(box.number);
  Result<Device> parsed = parse_device(
      {.port = name, .text = device, .number = box.number, .workers = workers, .mtu = mtu});
  CHECK(parsed.ok());
  ++box.number;
  return Port::open({.name = name, .device = parsed.value(), .workers = workers, .mtu = mtu},
                    box.pool->get());
}

std::unique_ptr<Port> open_port(Box& box, const std::string& device, uint16_t mtu = 1500,
                                uint16_t workers = kWorkers) {
  Result<std::unique_ptr<Port>> port = try_to_open(box, device, mtu, workers);
  if (!port.ok()) fail_msg("%s: %s", device.c_str(), port.message().c_str());
  return std::move(port.value());
}

// A frame from `source` port of 10.0.0.1, padded with the bytes of `length`.
size_t make_frame(uint8_t* frame, size_t length, uint16_t source_port, bool is_tagged = false) {
  static const uint8_t kHeaders[] = {
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0,  0,  0, 1, 0x08, 0,  // Ethernet
      0x45, 0,    0,    0,    0,    0,    0, 0, 64, 17, 0, 0, 10,   0, 0, 1, 10, 0, 0, 2,  // IPv4
      0,    0,    0,    53,   0,    0,    0, 0};                                           // UDP
  const size_t tag = is_tagged ? 4 : 0;
  std::memcpy(frame, kHeaders, 12);
  if (is_tagged) std::memcpy(frame + 12, "\x81\x00\x00\x2a", 4);
  std::memcpy(frame + 12 + tag, kHeaders + 12, sizeof(kHeaders) - 12);
  uint8_t* const ip = frame + 14 + tag;
  store(ip + 2, Big16(static_cast<uint16_t>(length - 14 - tag)));
  store(ip + 20, Big16(source_port));
  store(ip + 24, Big16(static_cast<uint16_t>(length - 34 - tag)));
  for (size_t i = sizeof(kHeaders) + tag; i < length; ++i) frame[i] = static_cast<uint8_t>(i);
  return length;
}

rte_mbuf* make_packet(Box& box, size_t length, uint16_t source_port) {
  rte_mbuf* const packet = rte_pktmbuf_alloc(box.pool->get());
  CHECK(packet != nullptr);
  auto* const bytes = rte_pktmbuf_append(packet, static_cast<uint16_t>(length));
  make_frame(reinterpret_cast<uint8_t*>(bytes), length, source_port);
  return packet;
}

// The kernel has some of its own to say on a cable.
bool is_ours(const uint8_t* frame) {
  return std::memcmp(frame + 6, "\x02\x00\x00\x00\x00\x01", 6) == 0;
}

// The next frame of ours that came by a queue, or none within the deadline.
struct Received {
  bool is_there = false;
  size_t length = 0;
  size_t headroom = 0;
  size_t segments = 0;
  std::array<uint8_t, kBytesMax> bytes{};
};

void take(rte_mbuf* packet, Received& ret) {
  ret.length = packet->pkt_len;
  ret.segments = packet->nb_segs;
  ret.headroom = rte_pktmbuf_headroom(packet);
  std::memcpy(ret.bytes.data(), rte_pktmbuf_mtod(packet, const void*),
              std::min<size_t>(packet->data_len, kBytesMax));
  rte_pktmbuf_free(packet);
}

void receive(const Port& port, uint16_t queue, Received& ret) {
  ret.is_there = false;
  eventually([&] {
    rte_mbuf* packet = nullptr;
    if (rte_eth_rx_burst(port.id(), queue, &packet, 1) == 0) return false;
    take(packet, ret);
    ret.is_there = is_ours(ret.bytes.data());
    return ret.is_there;
  });
}

bool send(Box& box, const Port& port, uint16_t queue, size_t length, uint16_t source_port) {
  rte_mbuf* packet = make_packet(box, length, source_port);
  if (rte_eth_tx_burst(port.id(), queue, &packet, 1) == 1) return true;
  rte_pktmbuf_free(packet);
  return false;
}

bool is_frame(const Received& got, size_t length, uint16_t source_port, bool is_tagged = false) {
  static std::array<uint8_t, kBytesMax> expected;
  make_frame(expected.data(), length, source_port, is_tagged);
  return got.is_there && got.length == length && got.segments == 1 &&
         std::memcmp(got.bytes.data(), expected.data(), length) == 0;
}

Descriptor open_wire(const char* interface) {
  Descriptor wire(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, Big16(ETH_P_ALL).raw()));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = Big16(ETH_P_ALL).raw();
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  CHECK(::bind(wire.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return wire;
}

// The next frame of ours on the wire.
void receive_on_wire(const Descriptor& wire, Received& ret) {
  ret.is_there = eventually(
      [&] {
        const ssize_t length = ::recv(wire.get(), ret.bytes.data(), ret.bytes.size(), MSG_DONTWAIT);
        ret.length = length < 0 ? 0 : static_cast<size_t>(length);
        return ret.length > 42 && is_ours(ret.bytes.data());
      },
      wire.get());
  ret.segments = 1;
}

void send_on_wire(const Descriptor& wire, size_t length, uint16_t source_port,
                  bool is_tagged = false) {
  static std::array<uint8_t, kBytesMax> frame;
  make_frame(frame.data(), length, source_port, is_tagged);
  assert_int_equal(::send(wire.get(), frame.data(), length, 0), length);
}

std::string mtu_of(const std::string& interface) {
  return output_of("ip -o link show " + interface + " | grep -o 'mtu [0-9]*'");
}

void write_pcap(const std::string& path, std::initializer_list<size_t> lengths) {
  std::ofstream file(path, std::ios::binary);
  const auto put = [&](std::initializer_list<uint32_t> words) {
    for (const uint32_t word : words) file.write(reinterpret_cast<const char*>(&word), 4);
  };
  put({0xa1b2c3d4, 0x00040002, 0, 0, 65'535, 1});
  std::array<uint8_t, kBytesMax> frame{};
  for (const size_t length : lengths) {
    const auto bytes = static_cast<uint32_t>(make_frame(frame.data(), length, 1));
    put({0, 0, bytes, bytes});
    file.write(reinterpret_cast<const char*>(frame.data()), bytes);
  }
}

// What is sent by a queue of a ring comes back by the same; the device has no address of its own.
void ring(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_ring");
  const Port& port = *box.port;
  assert_int_equal(port.receive_queues(), kWorkers);
  assert_int_equal(port.transmit_queues(), kWorkers);
  assert_true(port.link_is_up());
  assert_int_equal(port.mac()[0], 0x02);
  static Received got;
  for (uint16_t queue = 0; queue < kWorkers; ++queue) {
    assert_true(send(box, port, queue, 100, queue));
    rte_mbuf* none = nullptr;
    const auto other = static_cast<uint16_t>(1 - queue);
    assert_int_equal(rte_eth_rx_burst(port.id(), other, &none, 1), 0);
    receive(port, queue, got);
    assert_true(is_frame(got, 100, queue));
    assert_int_equal(got.headroom, 128);
  }
  const PortCounts counts = port.counts();
  assert_int_equal(counts.received_packets, 2);
  assert_int_equal(counts.transmitted_packets, 2);
}

void pcap(void** state) {
  Box& box = box_of(state);
  const std::string in = box.folder.at("/in.pcap");
  const std::string out = box.folder.at("/out.pcap");
  write_pcap(in, {60, 1514, 9014});
  box.port = open_port(box, "net_pcap,rx_pcap=" + in + ",tx_pcap=" + out, 1500, 1);
  static Received got;
  for (const size_t length : {60, 1514, 9014}) {
    receive(*box.port, 0, got);
    assert_true(is_frame(got, length, 1));
    assert_int_equal(got.headroom, 128);
  }
  assert_true(send(box, *box.port, 0, 60, 1));
  assert_true(send(box, *box.port, 0, 9014, 1));
  box.port.reset();
  assert_int_equal(std::filesystem::file_size(out), 24 + 16 + 60 + 16 + 9014);
}

// A file feeds one queue; there is no worker without a queue to send by.
void fewer_queues_than_workers(void** state) {
  Box& box = box_of(state);
  const std::string in = box.folder.at("/in.pcap");
  const std::string out = box.folder.at("/out");
  write_pcap(in, {60});
  box.port =
      open_port(box, "net_pcap,rx_pcap=" + in + ",tx_pcap=" + out + "1,tx_pcap=" + out + "2");
  assert_int_equal(box.port->receive_queues(), 1);
  assert_int_equal(box.port->transmit_queues(), 2);
  const auto refused = try_to_open(box, "net_pcap,rx_pcap=" + in + ",tx_pcap=" + out + "3");
  assert_false(refused.ok());
  assert_non_null(std::strstr(refused.message().c_str(),
                              "has queues for 1 workers only, but there are 2; name fewer cores"));
}

void null(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_null,size=64");
  for (uint16_t queue = 0; queue < kWorkers; ++queue) {
    std::array<rte_mbuf*, 32> packets{};
    assert_int_equal(rte_eth_rx_burst(box.port->id(), queue, packets.data(), 32), 32);
    assert_int_equal(rte_eth_tx_burst(box.port->id(), queue, packets.data(), 32), 32);
  }
  assert_true(box.port->link_is_up());
}

void a_port_can_be_stopped(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_ring");
  assert_true(box.port->stop().ok());
  assert_false(box.port->link_is_up());
  assert_true(box.port->stop().ok());
  assert_true(box.port->start().ok());
  assert_true(box.port->link_is_up());
  assert_true(send(box, *box.port, 0, 64, 1));
  static Received got;
  receive(*box.port, 0, got);
  assert_true(is_frame(got, 64, 1));
}

void af_packet(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_af_packet,iface=wan0", 1500, 1);
  box.wire = open_wire("wan1");
  static Received got;
  send_on_wire(box.wire, 1514, 7);
  receive(*box.port, 0, got);
  assert_true(is_frame(got, 1514, 7));
  assert_int_equal(got.headroom, 128);
  assert_true(send(box, *box.port, 0, 1514, 9));
  receive_on_wire(box.wire, got);
  assert_true(is_frame(got, 1514, 9));
}

// The tag is put back before the packet, at the cost of four bytes of headroom.
void af_packet_with_a_vlan(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_af_packet,iface=wan0", 1500, 1);
  box.wire = open_wire("wan1");
  static Received got;
  send_on_wire(box.wire, 1518, 7, true);
  receive(*box.port, 0, got);
  assert_true(is_frame(got, 1518, 7, true));
  assert_int_equal(got.headroom, 124);
}

void af_packet_with_jumbo_frames(void** state) {
  Box& box = box_of(state);
  assert_true(shell("ip link set wan1 mtu 9000"));
  box.port = open_port(box, "net_af_packet,iface=wan0", 9000, 1);
  box.wire = open_wire("wan1");
  static Received got;
  send_on_wire(box.wire, 9014, 7);
  receive(*box.port, 0, got);
  assert_true(is_frame(got, 9014, 7));
  assert_true(send(box, *box.port, 0, 9014, 9));
  receive_on_wire(box.wire, got);
  assert_true(is_frame(got, 9014, 9));
}

// Each of many flows comes by one queue, each queue gets some, and none is lost.
void af_packet_splits_no_flow(void** state) {
  Box& box = box_of(state);
  constexpr uint16_t kFlows = 256;
  constexpr int kOfEach = 4;
  box.port = open_port(box, "net_af_packet,iface=wan0");
  box.wire = open_wire("wan1");
  assert_int_equal(box.port->receive_queues(), kWorkers);
  static std::map<uint16_t, std::set<uint16_t>> queues_of;  // by source port
  static std::array<size_t, kWorkers> received;
  queues_of.clear();
  received = {};
  for (int round = 0; round < kOfEach; ++round) {
    for (uint16_t flow = 1; flow <= kFlows; ++flow) send_on_wire(box.wire, 100, flow);
  }
  const bool all_came = eventually([&] {
    for (uint16_t queue = 0; queue < kWorkers; ++queue) {
      std::array<rte_mbuf*, 32> packets{};
      const uint16_t count = rte_eth_rx_burst(box.port->id(), queue, packets.data(), 32);
      for (uint16_t i = 0; i < count; ++i) {
        const auto* const bytes = rte_pktmbuf_mtod(packets[i], const uint8_t*);
        if (is_ours(bytes)) {
          queues_of[load<Big16>(bytes + 34).value()].insert(queue);
          ++received[queue];
        }
        rte_pktmbuf_free(packets[i]);
      }
    }
    return received[0] + received[1] >= kFlows * kOfEach;
  });
  assert_true(all_came);
  assert_int_equal(received[0] + received[1], kFlows * kOfEach);
  assert_int_equal(queues_of.size(), kFlows);
  for (const auto& [flow, queues] : queues_of) assert_int_equal(queues.size(), 1);
  assert_true(received[0] > kFlows && received[1] > kFlows);
}

void the_link_of_an_interface_is_seen(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_af_packet,iface=wan0", 1500, 1);
  assert_true(box.port->link_is_up());
  assert_true(shell("ip link set wan1 down"));
  assert_true(eventually([&] { return !box.port->link_is_up(); }));
  assert_true(shell("ip link set wan1 up"));
  assert_true(eventually([&] { return box.port->link_is_up(); }));
}

void the_mtu_of_an_interface_is_raised_only(void** state) {
  Box& box = box_of(state);
  assert_true(shell("ip link set wan0 mtu 1600"));
  box.port = open_port(box, "net_af_packet,iface=wan0", 1500, 1);
  assert_string_equal(mtu_of("wan0").c_str(), "mtu 1600\n");
  box.port.reset();
  box.port = open_port(box, "net_af_packet,iface=wan0", 1700, 1);
  assert_string_equal(mtu_of("wan0").c_str(), "mtu 1700\n");
}

// The kernel's end of a TAP; it stays up for us when it is moved to where we cannot see it.
void tap(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_tap,iface=tap0", 1500, 1);
  assert_true(shell("ip link set tap0 up"));
  box.wire = open_wire("tap0");
  static Received got;
  assert_true(send(box, *box.port, 0, 1514, 3));
  receive_on_wire(box.wire, got);
  assert_true(is_frame(got, 1514, 3));
  send_on_wire(box.wire, 1514, 5);
  receive(*box.port, 0, got);
  assert_true(is_frame(got, 1514, 5));
  assert_true(eventually([&] { return box.port->link_is_up(); }));
  assert_true(shell("ip link set tap0 down"));
  assert_true(eventually([&] { return !box.port->link_is_up(); }));
  assert_true(shell("ip netns add elsewhere && ip link set tap0 netns elsewhere"));
  assert_true(box.port->link_is_up());
}

// Both ends of one cable in this process: each is up when the other has come.
void exchange(Box& box) {
  assert_true(eventually([&] { return box.port->link_is_up() && box.other->link_is_up(); }));
  static Received got;
  for (const size_t length : {60, 1514, 9014}) {
    // A memif server can send when the client has looked for packets.
    rte_mbuf* none = nullptr;
    assert_int_equal(rte_eth_rx_burst(box.other->id(), 0, &none, 1), 0);
    assert_true(eventually([&] { return send(box, *box.port, 0, length, 3); }));
    receive(*box.other, 0, got);
    assert_true(is_frame(got, length, 3));
    assert_int_equal(got.headroom, 128);
    assert_true(eventually([&] { return send(box, *box.other, 0, length, 4); }));
    receive(*box.port, 0, got);
    assert_true(is_frame(got, length, 4));
  }
}

void memif(void** state) {
  Box& box = box_of(state);
  const std::string socket = ",socket-abstract=no,socket=" + box.folder.at("/memif");
  box.port = open_port(box, "net_memif,role=server" + socket, 9000, 1);
  assert_false(box.port->link_is_up());
  box.other = open_port(box, "net_memif,role=client" + socket, 9000, 1);
  exchange(box);
}

void vhost_and_virtio(void** state) {
  Box& box = box_of(state);
  const std::string socket = box.folder.at("/vhost");
  box.port = open_port(box, "net_vhost,iface=" + socket, 9000, 1);
  assert_false(box.port->link_is_up());
  box.other = open_port(box, "net_virtio_user,path=" + socket, 9000, 1);
  exchange(box);
  box.other.reset();
  assert_true(eventually([&] { return !box.port->link_is_up(); }));
}

void what_cannot_be_opened_is_told(void** state) {
  Box& box = box_of(state);
  assert_true(shell("ip link add link wan1 name lower type macvlan && ip link set lower up"));
  const struct {
    const char* device;
    uint16_t mtu;
    const char* expected;
  } rows[] = {
      {"net_af_packet,iface=nowhere", 1500, "DPDK does not open \"net_af_packet"},
      {"net_null,foo=1", 1500, ",foo=1\"; its own lines on standard error say why"},
      {"net_af_packet,iface=wan0,framesz=16384", 1500,
       "does not get receive queues for an mtu of 1500"},
      {"net_af_packet,iface=lower", 9100,
       "the network interface \"lower\" does not take an mtu of 9100: Invalid argument; lower"},
  };
  for (const auto& row : rows) {
    const auto port = try_to_open(box, row.device, row.mtu, 1);
    const auto* const got = new std::string(port.ok() ? "opened" : port.message());
    if (got->find(row.expected) == std::string::npos) fail_msg("%s: %s", row.device, got->c_str());
    delete got;
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test_teardown(ring, close_ports),
      cmocka_unit_test_teardown(pcap, close_ports),
      cmocka_unit_test_teardown(fewer_queues_than_workers, close_ports),
      cmocka_unit_test_teardown(null, close_ports),
      cmocka_unit_test_teardown(a_port_can_be_stopped, close_ports),
      cmocka_unit_test_teardown(af_packet, close_ports),
      cmocka_unit_test_teardown(af_packet_with_a_vlan, close_ports),
      cmocka_unit_test_teardown(af_packet_with_jumbo_frames, close_ports),
      cmocka_unit_test_teardown(af_packet_splits_no_flow, close_ports),
      cmocka_unit_test_teardown(the_link_of_an_interface_is_seen, close_ports),
      cmocka_unit_test_teardown(the_mtu_of_an_interface_is_raised_only, close_ports),
      cmocka_unit_test_teardown(tap, close_ports),
      cmocka_unit_test_teardown(memif, close_ports),
      cmocka_unit_test_teardown(vhost_and_virtio, close_ports),
      cmocka_unit_test_teardown(what_cannot_be_opened_is_told, close_ports),
  };
  return cmocka_run_group_tests_name("drivers/port", tests, setup, teardown);
}
