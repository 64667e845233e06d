// Devices as settings write them: what becomes of each kind, and what is refused.
#include "drivers/device.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void texts_become_devices(void** /*state*/) {
  const struct {
    const char* description;
    const char* text;
    uint16_t number;
    uint16_t workers;
    uint16_t mtu;
    const char* expected;
  } rows[] = {
      {"our number, queues and frames are added", "net_af_packet,iface=wan0", 3, 2, 1500,
       "net_af_packet3,iface=wan0,qpairs=2,qdisc_bypass=1,framesz=2048,blocksz=32768,"
       "framecnt=4096"},
      {"its own arguments stay", "net_af_packet,iface=wan0,qpairs=4,qdisc_bypass=0,blocksz=65536",
       0, 2, 1500,
       "net_af_packet0,iface=wan0,qpairs=4,qdisc_bypass=0,blocksz=65536,framesz=2048,"
       "framecnt=4096"},
      {"the largest MTU of the smallest frames", "net_af_packet,iface=a", 0, 1, 1960,
       "net_af_packet0,iface=a,qpairs=1,qdisc_bypass=1,framesz=2048,blocksz=32768,"
       "framecnt=4096"},
      {"one more", "net_af_packet,iface=a", 0, 1, 1961,
       "net_af_packet0,iface=a,qpairs=1,qdisc_bypass=1,framesz=4096,blocksz=65536,"
       "framecnt=2048"},
      {"jumbo frames: whole blocks of them", "net_af_packet,iface=a", 0, 1, 9600,
       "net_af_packet0,iface=a,qpairs=1,qdisc_bypass=1,framesz=10240,blocksz=163840,"
       "framecnt=816"},
      {"a number of its own is ours to choose", "net_tap7,iface=tap7", 0, 1, 1500,
       "net_tap0,iface=tap7"},
      {"XDP", "net_af_xdp,iface=wan0,start_queue=4", 1, 3, 1500,
       "net_af_xdp1,iface=wan0,start_queue=4,queue_count=3"},
      {"virtio", "net_virtio_user,path=/run/s", 0, 2, 1500,
       "net_virtio_user0,path=/run/s,queues=2,queue_size=1024,mrg_rxbuf=0,in_order=1"},
      {"vhost", "net_vhost,iface=/run/s", 0, 2, 1500,
       "net_vhost0,iface=/run/s,queues=2,linear-buffer=1"},
      {"memif", "net_memif,role=server", 0, 2, 1500, "net_memif0,role=server,rsize=9,bsize=2048"},
      {"memif, jumbo frames", "net_memif", 0, 2, 9000, "net_memif0,rsize=9,bsize=10240"},
      {"no arguments at all", "net_null", 12, 2, 1500, "net_null12"},
      {"ring", "net_ring", 0, 2, 1500, "net_ring0"},
      {"an argument twice", "net_pcap,rx_pcap=a,rx_pcap=b", 0, 2, 1500,
       "net_pcap0,rx_pcap=a,rx_pcap=b"},
      {"PCI", "0000:03:00.0", 5, 2, 9000, "0000:03:00.0"},
      {"PCI without a domain", "03:0A.7", 5, 2, 1500, "0000:03:0a.7"},
      {"PCI with arguments", "0000:03:00.0,mprq_en=1", 5, 2, 1500, "0000:03:00.0,mprq_en=1"},
  };
  for (const auto& row : rows) {
    const Result<Device> device = parse_device({.port = "wan",
                                                .text = row.text,
                                                .number = row.number,
                                                .workers = row.workers,
                                                .mtu = row.mtu});
    const std::string got = device.ok() ? device.value().text() : device.message();
    if (got != row.expected) fail_msg("%s: %s", row.description, got.c_str());
  }
}

void texts_are_refused(void** /*state*/) {
  const struct {
    const char* description;
    const char* text;
    const char* expected;  // words of the sentence
    uint16_t mtu = 1500;
  } rows[] = {
      {"a TAP with jumbo frames", "net_tap", "Port \"wan\": net_tap carries an mtu of 1500 at most",
       1501},
      {"nothing", "", "the device \"\" is none that is known"},
      {"unknown kind", "net_foo,iface=a", "Port \"wan\": the device \"net_foo\" is none that"},
      {"what there is", "net_foo", "net_memif, net_ring, net_pcap, net_null."},
      {"a number only", "7", "none that is known"},
      {"the kernel's name of an interface", "eth0", "none that is known"},
      {"PCI function 8", "0000:03:00.8", "none that is known"},
      {"PCI with a letter too many", "0000:03:00.0x", "none that is known"},
      {"PCI with a foreign letter", "0000:0g:00.0", "none that is known"},
      {"no interface", "net_af_packet", "write \"net_af_packet,iface=...\""},
      {"an empty interface", "net_af_packet,iface=", "net_af_packet needs iface=..."},
      {"another argument that begins alike", "net_af_packet,iface2=a", "needs iface=..."},
      {"no path", "net_virtio_user,queues=1", "net_virtio_user needs path=..."},
  };
  for (const auto& row : rows) {
    const Result<Device> device = parse_device({.port = "wan", .text = row.text, .mtu = row.mtu});
    const std::string got = device.ok() ? "taken" : device.message();
    if (got.find(row.expected) == std::string::npos) {
      fail_msg("%s: %s", row.description, got.c_str());
    }
  }
}

void arguments_are_found(void** /*state*/) {
  Device device;
  device.arguments = "iface=wan0,flag,empty=,iface=wan1,path=/a=b";
  const struct {
    const char* key;
    const char* expected;  // nullptr: there is none
  } rows[] = {
      {"iface", "wan0"}, {"flag", ""},   {"empty", ""}, {"path", "/a=b"},
      {"ifac", nullptr}, {"a", nullptr}, {"", nullptr}, {"iface=wan0", nullptr},
  };
  for (const auto& row : rows) {
    const auto value = device.argument(row.key);
    if (value.has_value() != (row.expected != nullptr) ||
        (value.has_value() && *value != row.expected)) {
      fail_msg("%s: %s", row.key, value.value_or("none").c_str());
    }
  }
}

// A packet with two VLAN tags, and what the device keeps for itself, fits; nothing wraps.
void rooms_hold_packets(void** /*state*/) {
  for (const DeviceTraits& traits : device_table()) {
    for (const uint16_t mtu : {uint16_t{68}, uint16_t{1500}, uint16_t{9600}}) {
      const uint32_t room = buffer_room(traits, mtu);
      assert_true(room >= traits.headroom + mtu + 22u);
      assert_true(room < 16'384);
    }
  }
}

// As ethdev calls drivers, of PCI devices, too.
void only_virtio_spreads_by_itself(void** /*state*/) {
  assert_true(spreads_by_itself("net_virtio"));
  assert_true(spreads_by_itself("net_virtio_user"));
  assert_false(spreads_by_itself("net_vmxnet3"));
  assert_false(spreads_by_itself(""));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(texts_become_devices),          cmocka_unit_test(texts_are_refused),
      cmocka_unit_test(arguments_are_found),           cmocka_unit_test(rooms_hold_packets),
      cmocka_unit_test(only_virtio_spreads_by_itself),
  };
  return cmocka_run_group_tests_name("drivers/device", tests, nullptr, nullptr);
}
