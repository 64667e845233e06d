// What tests of ports share: DPDK with a pool, a cable (wan0, wan1) in a network of the test's own,
// frames of ours, and ways to send and receive them on either end.
#pragma once

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "drivers/pool.h"
#include "drivers/port.h"
#include "firmware/base/endian.h"
#include "tests/cmocka.h"
#include "tests/drivers/fake_root.h"
#include "tests/drivers/own_eal.h"

namespace evenkeel {

inline constexpr uint16_t kWorkers = 2;
inline constexpr size_t kBytesMax = 9'100;

struct Box {
  FakeRoot folder;
  std::unique_ptr<Eal> eal;
  std::unique_ptr<Pool> pool;
  std::unique_ptr<Port> port;  // of the test that runs
  std::unique_ptr<Port> other;
  Descriptor wire;      // the other end of a cable
  uint16_t number = 0;  // of the next port
};

inline Box& box_of(void** state) { return *static_cast<Box*>(*state); }

inline std::unique_ptr<Pool> make_pool(uint16_t mtu) {
  const std::array ports = {PoolSpec::OfPort{device_table().data(), mtu}};
  Result<Pool> pool = Pool::make({.buffers = 6'000, .workers = 1, .ports = ports});
  CHECK(pool.ok());
  return std::make_unique<Pool>(std::move(pool.value()));
}

inline int setup(void** state) {
  CHECK(
      shell("ip link add wan0 type veth peer name wan1 && ip link set wan0 up && "
            "ip link set wan1 up"));
  CHECK(carries("wan0") && carries("wan1"));
  auto* const box = new Box;
  box->eal = start_own_eal(own_eal_spec("port", {}));
  box->pool = make_pool(9000);
  *state = box;
  return 0;
}

inline int teardown(void** state) {
  delete static_cast<Box*>(*state);
  return 0;
}

// After each test: whatever it left open; and every buffer must be back.
inline int close_ports(void** state) {
  Box& box = box_of(state);
  box.wire = Descriptor();
  box.other.reset();
  box.port.reset();
  return box.pool->free_buffers() == box.pool->size() ? 0 : -1;
}

inline Result<std::unique_ptr<Port>> try_to_open(Box& box, const std::string& device,
                                                 uint16_t mtu = 1500, uint16_t workers = kWorkers) {
  const std::string name = "p" + std::to_string(box.number);
  Result<Device> parsed = parse_device(
      {.port = name, .text = device, .number = box.number, .workers = workers, .mtu = mtu});
  CHECK(parsed.ok());
  ++box.number;
  return Port::open({.name = name, .device = parsed.value(), .workers = workers, .mtu = mtu},
                    box.pool->get());
}

inline std::unique_ptr<Port> open_port(Box& box, const std::string& device, uint16_t mtu = 1500,
                                       uint16_t workers = kWorkers) {
  Result<std::unique_ptr<Port>> port = try_to_open(box, device, mtu, workers);
  if (!port.ok()) fail_msg("%s: %s", device.c_str(), port.message().c_str());
  return std::move(port.value());
}

// A frame from `source` port of 10.0.0.1, padded with the bytes of `length`.
inline size_t make_frame(uint8_t* frame, size_t length, uint16_t source_port,
                         bool is_tagged = false) {
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

inline rte_mbuf* make_packet(Box& box, size_t length, uint16_t source_port) {
  rte_mbuf* const packet = rte_pktmbuf_alloc(box.pool->get());
  CHECK(packet != nullptr);
  auto* const bytes = rte_pktmbuf_append(packet, static_cast<uint16_t>(length));
  CHECK(bytes != nullptr);
  make_frame(reinterpret_cast<uint8_t*>(bytes), length, source_port);
  return packet;
}

// The kernel has some of its own to say on a cable.
inline bool is_ours(const uint8_t* frame) {
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

inline void take(rte_mbuf* packet, Received& ret) {
  ret.length = packet->pkt_len;
  ret.segments = packet->nb_segs;
  ret.headroom = rte_pktmbuf_headroom(packet);
  std::memcpy(ret.bytes.data(), rte_pktmbuf_mtod(packet, const void*),
              std::min<size_t>(packet->data_len, kBytesMax));
  rte_pktmbuf_free(packet);
}

inline void receive(const Port& port, uint16_t queue, Received& ret) {
  ret.is_there = false;
  eventually([&] {
    rte_mbuf* packet = nullptr;
    if (rte_eth_rx_burst(port.id(), queue, &packet, 1) == 0) return false;
    take(packet, ret);
    ret.is_there = is_ours(ret.bytes.data());
    return ret.is_there;
  });
}

inline bool send(Box& box, const Port& port, uint16_t queue, size_t length, uint16_t source_port) {
  rte_mbuf* packet = make_packet(box, length, source_port);
  if (rte_eth_tx_burst(port.id(), queue, &packet, 1) == 1) return true;
  rte_pktmbuf_free(packet);
  return false;
}

inline bool is_frame(const Received& got, size_t length, uint16_t source_port,
                     bool is_tagged = false) {
  static std::array<uint8_t, kBytesMax> expected;
  make_frame(expected.data(), length, source_port, is_tagged);
  return got.is_there && got.length == length && got.segments == 1 &&
         std::memcmp(got.bytes.data(), expected.data(), length) == 0;
}

inline Descriptor open_wire(const char* interface) {
  Descriptor wire(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, Big16(ETH_P_ALL).raw()));
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = Big16(ETH_P_ALL).raw();
  address.sll_ifindex = static_cast<int>(::if_nametoindex(interface));
  CHECK(::bind(wire.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  return wire;
}

// The next frame of ours on the wire.
inline void receive_on_wire(const Descriptor& wire, Received& ret) {
  ret.is_there = eventually(
      [&] {
        const ssize_t length = ::recv(wire.get(), ret.bytes.data(), ret.bytes.size(), MSG_DONTWAIT);
        ret.length = length < 0 ? 0 : static_cast<size_t>(length);
        return ret.length > 42 && is_ours(ret.bytes.data());
      },
      wire.get());
  ret.segments = 1;
}

inline void send_on_wire(const Descriptor& wire, size_t length, uint16_t source_port,
                         bool is_tagged = false) {
  static std::array<uint8_t, kBytesMax> frame;
  make_frame(frame.data(), length, source_port, is_tagged);
  assert_int_equal(::send(wire.get(), frame.data(), length, 0), length);
}

}  // namespace evenkeel
