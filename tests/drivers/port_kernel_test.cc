// Ports on network interfaces of the kernel: packets in and out, one flow on one queue, the
// interface's link and MTU.
#include <map>
#include <set>

#include "tests/drivers/port_box.h"

// libxdp keeps a few bytes of each program that it loads.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libxdp.so"; }

namespace evenkeel {
namespace {

std::string mtu_of(const std::string& interface) {
  return output_of("ip -o link show " + interface + " | grep -o 'mtu [0-9]*'");
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

// What the kernel merges before a packet socket sees it has no checksum of its own.
void af_packet_is_given_nothing_merged(void** state) {
  Box& box = box_of(state);
  const std::string is_off = "ethtool -k wan0 | grep -q '^generic-receive-offload: off'";
  assert_true(shell("ethtool -K wan0 gro on"));
  box.port = open_port(box, "net_af_packet,iface=wan0", 1500, 1);
  assert_true(shell(is_off));
  box.port.reset();
  assert_true(shell(is_off));
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

int use_small_buffers(void** state) {
  Box& box = box_of(state);
  box.pool.reset();
  box.pool = make_pool(1500);
  return 0;
}

// Its driver keeps buffers until the end.
int use_large_buffers(void** state) {
  Box& box = box_of(state);
  box.wire = Descriptor();
  box.port.reset();
  box.pool.reset();
  box.pool = make_pool(9000);
  return 0;
}

void af_xdp(void** state) {
  Box& box = box_of(state);
  box.port = open_port(box, "net_af_xdp,iface=wan0", 1500, 1);
  box.wire = open_wire("wan1");
  static Received got;
  for (const size_t length : {60ul, 1514ul}) {
    send_on_wire(box.wire, length, 7);
    receive(*box.port, 0, got);
    assert_true(is_frame(got, length, 7));
    assert_int_equal(got.headroom, 384);
    assert_true(send(box, *box.port, 0, length, 9));
    receive_on_wire(box.wire, got);
    assert_true(is_frame(got, length, 9));
  }
  assert_true(box.port->link_is_up());
}

// What came by the other would be the kernel's, and nobody would count it.
void af_xdp_takes_every_queue(void** state) {
  Box& box = box_of(state);
  assert_true(
      shell("ip link add two numrxqueues 2 type veth peer name two1 && ip link set two up"));
  const auto port = try_to_open(box, "net_af_xdp,iface=two", 1500, 1);
  assert_false(port.ok());
  assert_non_null(std::strstr(port.message().c_str(), "`ethtool -L two rx 1`"));
  assert_true(shell("ethtool -L two rx 1"));
  box.port = open_port(box, "net_af_xdp,iface=two", 1500, 1);
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

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      // First: XDP would refuse a cable that has been widened for jumbo frames.
      cmocka_unit_test_setup_teardown(af_xdp, use_small_buffers, use_large_buffers),
      cmocka_unit_test_setup_teardown(af_xdp_takes_every_queue, use_small_buffers,
                                      use_large_buffers),
      cmocka_unit_test_teardown(af_packet, close_ports),
      cmocka_unit_test_teardown(af_packet_with_a_vlan, close_ports),
      cmocka_unit_test_teardown(af_packet_is_given_nothing_merged, close_ports),
      cmocka_unit_test_teardown(af_packet_with_jumbo_frames, close_ports),
      cmocka_unit_test_teardown(af_packet_splits_no_flow, close_ports),
      cmocka_unit_test_teardown(the_link_of_an_interface_is_seen, close_ports),
      cmocka_unit_test_teardown(the_mtu_of_an_interface_is_raised_only, close_ports),
      cmocka_unit_test_teardown(tap, close_ports),
  };
  return cmocka_run_group_tests_name("drivers/port_kernel", tests, setup, teardown);
}
