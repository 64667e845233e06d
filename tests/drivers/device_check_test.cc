// What devices name is there, free, and of the right kind; what a killed process has left behind
// goes, and what a living one has stays.
#include "drivers/device_check.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "drivers/descriptor.h"
#include "tests/cmocka.h"
#include "tests/drivers/fake_root.h"

namespace evenkeel {
namespace {

struct Sockets {
  FakeRoot root;
  Descriptor served;
  Descriptor served_in_packets;
};

// A socket at `path`; once its descriptor is closed, nobody serves it any more.
Descriptor serve(const std::string& path, int type) {
  Descriptor listener(::socket(AF_UNIX, type | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  CHECK(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  CHECK(::listen(listener.get(), 1) == 0);
  return listener;
}

int setup(void** state) {
  auto* const all = new Sockets;
  const FakeRoot& root = all->root;
  const std::string pci = "/sys/bus/pci/devices/0000:03:00.";
  for (const char* function : {"0", "1", "2", "4"})
    root.write(pci + function + "/class", "0x020000");
  root.write(pci + "3/class", "0x010802");
  root.link(pci + "0/driver", "../../../bus/pci/drivers/vfio-pci");
  root.link(pci + "1/driver", "../../../bus/pci/drivers/ixgbe");
  root.link(pci + "4/driver", "../../../bus/pci/drivers/mlx5_core");
  root.write("/run/plain", "");
  root.write("/data/in.pcap", "");
  root.write("/dev/vhost-net", "");
  all->served = serve(root.at("/run/served"), SOCK_STREAM);
  all->served_in_packets = serve(root.at("/run/packets"), SOCK_SEQPACKET);
  serve(root.at("/run/left"), SOCK_STREAM);
  *state = all;
  return 0;
}

int teardown(void** state) {
  delete static_cast<Sockets*>(*state);
  return 0;
}

std::string check(const FakeRoot& root, std::initializer_list<const char*> texts,
                  bool hugepages = true) {
  std::vector<Device> devices;
  for (const char* text : texts) {
    const auto number = static_cast<uint16_t>(devices.size());
    Result<Device> device =
        parse_device({.port = "p" + std::to_string(number), .text = text, .number = number});
    CHECK(device.ok());
    devices.push_back(device.value());
  }
  const Status status = check_devices(devices, hugepages, root.path());
  return status.ok() ? "fine" : status.message();
}

void devices_are_judged(void** state) {
  const FakeRoot& root = static_cast<Sockets*>(*state)->root;
  const struct {
    const char* description;
    const char* text;
    bool hugepages;
    const char* expected;
  } rows[] = {
      {"nothing to look at", "net_null", true, "fine"},
      {"an interface", "net_af_packet,iface=lo", true, "fine"},
      {"no such interface", "net_af_packet,iface=wan0x", true,
       "Port \"p0\": there is no network interface \"wan0x\""},
      {"the same for XDP", "net_af_xdp,iface=wan0x", true, "no network interface \"wan0x\""},
      {"PCI with vfio", "0000:03:00.0", true, "fine"},
      {"PCI shared with the kernel's driver", "0000:03:00.4", true, "fine"},
      {"PCI with the kernel", "0000:03:00.1", true,
       "belongs to the kernel (driver ixgbe); give it to DPDK with `modprobe vfio-pci && "
       "dpdk-devbind.py --bind=vfio-pci 0000:03:00.1`."},
      {"PCI without a driver", "0000:03:00.2", true, "0000:03:00.2 has no driver; give it"},
      {"a disk", "0000:03:00.3", true, "is not for networks"},
      {"no such PCI device", "0000:04:00.0", true, "there is no PCI device 0000:04:00.0"},
      {"a socket to be made", "net_vhost,iface=/run/new", true, "fine"},
      {"a socket of another process", "net_vhost,iface=/run/served", true,
       "another process serves the socket \"/run/served\""},
      {"one of packets", "net_memif,role=server,socket-abstract=no,socket=/run/packets", true,
       "another process serves the socket \"/run/packets\""},
      {"which we are to use", "net_memif,role=client,socket-abstract=no,socket=/run/packets", true,
       "fine"},
      {"which is not there yet", "net_memif,socket-abstract=no,socket=/run/none", true,
       "nobody serves \"/run/none\" yet"},
      {"which nobody serves any more", "net_memif,socket-abstract=no,socket=/run/left", true,
       "nobody serves \"/run/left\" yet"},
      {"virtio, which nobody serves any more", "net_virtio_user,path=/run/left", true,
       "nobody serves \"/run/left\" yet"},
      {"or which is no file", "net_memif,role=server,socket=/run/packets", true, "fine"},
      {"no socket", "net_vhost,iface=/run/plain", true, "is another kind of file"},
      {"no folder", "net_vhost,iface=/nowhere/socket", true,
       "a folder that does not exist; `mkdir"},
      {"vhost as client", "net_vhost,iface=/run/served,client=1", true, "fine"},
      {"virtio, served", "net_virtio_user,path=/run/served", true, "fine"},
      {"virtio with the kernel", "net_virtio_user,path=/dev/vhost-net", true, "fine"},
      {"virtio, not there yet", "net_virtio_user,path=/run/none", true,
       "nobody serves \"/run/none\" yet; start the other side first"},
      {"virtio as server", "net_virtio_user,path=/run/none,server=1", true, "fine"},
      {"virtio as another server", "net_virtio_user,path=/run/served,server=1", true,
       "another process serves"},
      {"memif without copying", "net_memif,zero-copy=yes", true, "fine"},
      {"which needs hugepages", "net_memif,zero-copy=yes", false, "memory.hugepages = true"},
      {"a file to read", "net_pcap,rx_pcap=/data/in.pcap", true, "fine"},
      {"which is not there", "net_pcap,rx_pcap=/data/no.pcap", true,
       "there is no file \"/data/no.pcap\""},
      {"nothing to read", "net_pcap,tx_pcap=/data/no.pcap", true, "fine"},
  };
  for (const auto& row : rows) {
    const std::string got = check(root, {row.text}, row.hugepages);
    if (got.find(row.expected) == std::string::npos) {
      fail_msg("%s: %s", row.description, got.c_str());
    }
  }
  assert_true(root.has("/run/served") && root.has("/run/packets") && root.has("/run/plain"));
}

void a_name_of_a_socket_has_its_limit(void** state) {
  const FakeRoot& root = static_cast<Sockets*>(*state)->root;
  const std::string device = "net_vhost,iface=/" + std::string(108, 'x');
  assert_non_null(std::strstr(check(root, {device.c_str()}).c_str(), "too long; 107 bytes"));
}

void what_a_killed_process_left_goes(void** state) {
  const FakeRoot& root = static_cast<Sockets*>(*state)->root;
  for (const char* device : {"net_vhost,iface=/run/old", "net_virtio_user,server=1,path=/run/old",
                             "net_memif,role=server,socket-abstract=no,socket=/run/old"}) {
    serve(root.at("/run/old"), SOCK_STREAM);
    assert_true(root.has("/run/old"));
    assert_string_equal(check(root, {device}).c_str(), "fine");
    assert_false(root.has("/run/old"));
  }
}

void two_ports_share_no_device(void** state) {
  const FakeRoot& root = static_cast<Sockets*>(*state)->root;
  const std::string words = "Port \"p1\": another port has \"";
  assert_true(check(root, {"net_af_packet,iface=lo", "net_af_xdp,iface=lo"})
                  .starts_with(words + "lo\" already"));
  assert_true(check(root, {"0000:03:00.0", "03:00.0"}).starts_with(words + "0000:03:00.0\""));
  assert_string_equal(
      check(root, {"net_null", "net_null", "net_memif,id=0", "net_memif,id=1"}).c_str(), "fine");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(devices_are_judged),
      cmocka_unit_test(a_name_of_a_socket_has_its_limit),
      cmocka_unit_test(what_a_killed_process_left_goes),
      cmocka_unit_test(two_ports_share_no_device),
  };
  return cmocka_run_group_tests_name("drivers/device_check", tests, setup, teardown);
}
