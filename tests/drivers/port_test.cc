// Ports on drivers that need nothing but this process: packets in and out by each of them; what
// cannot be opened is told by name.
#include "drivers/port.h"

#include <filesystem>
#include <fstream>
#include <initializer_list>

#include "tests/drivers/port_box.h"

namespace evenkeel {
namespace {

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
  for (const size_t length : {60ul, 1514ul, 9014ul}) {
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

// Both ends of one cable in this process: each is up when the other has come.
void exchange(Box& box) {
  assert_true(eventually([&] { return box.port->link_is_up() && box.other->link_is_up(); }));
  static Received got;
  for (const size_t length : {60ul, 1514ul, 9014ul}) {
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

// The device spreads over all queues that it is told of, and it is told of those to send by, too.
void virtio_hears_every_queue(void** state) {
  Box& box = box_of(state);
  const std::string socket = box.folder.at("/queues");
  box.port = open_port(box, "net_vhost,iface=" + socket);
  box.other = open_port(box, "net_virtio_user,path=" + socket);
  assert_int_equal(box.other->receive_queues(), kWorkers);
  assert_true(eventually([&] { return box.port->link_is_up() && box.other->link_is_up(); }));
  static Received got;
  for (uint16_t queue = 0; queue < kWorkers; ++queue) {
    assert_true(eventually([&] { return send(box, *box.port, queue, 60, 7); }));
    receive(*box.other, queue, got);
    assert_true(is_frame(got, 60, 7));
    assert_true(eventually([&] { return send(box, *box.other, queue, 60, 9); }));
    receive(*box.port, queue, got);
    assert_true(is_frame(got, 60, 9));
  }
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
      cmocka_unit_test_teardown(memif, close_ports),
      cmocka_unit_test_teardown(vhost_and_virtio, close_ports),
      cmocka_unit_test_teardown(virtio_hears_every_queue, close_ports),
      cmocka_unit_test_teardown(what_cannot_be_opened_is_told, close_ports),
  };
  return cmocka_run_group_tests_name("drivers/port", tests, setup, teardown);
}
