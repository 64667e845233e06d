#include "drivers/device_check.h"

#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>
#include <string_view>

#include "drivers/descriptor.h"

namespace evenkeel {
namespace {

namespace fs = std::filesystem;

// Kernel drivers that leave a device to processes, and those that share it with DPDK.
constexpr std::array<std::string_view, 5> kUsableDrivers = {"vfio-pci", "uio_pci_generic",
                                                            "igb_uio", "mlx4_core", "mlx5_core"};

Error wrong(const Device& device, const std::string& what) {
  return Error{"Port \"" + device.port + "\": " + what};
}

bool exists(const std::string& path) {
  std::error_code ignored;
  return fs::exists(path, ignored);
}

Status check_interface(const Device& device) {
  const std::string interface = device.argument("iface").value_or("");
  if (::if_nametoindex(interface.c_str()) == 0) {
    return wrong(device, "there is no network interface \"" + interface +
                             "\" here (`ip link` lists them); correct iface=, or move it into this "
                             "network namespace.");
  }
  return {};
}

Status check_pci(const Device& device, const std::string& root) {
  const std::string path = root + "/sys/bus/pci/devices/" + device.name;
  if (!exists(path)) {
    return wrong(device, "there is no PCI device " + device.name +
                             "; `dpdk-devbind.py --status-dev net` lists those that there are.");
  }
  std::string type;
  std::getline(std::ifstream(path + "/class"), type);
  if (!type.starts_with("0x02")) {
    return wrong(device, "the PCI device " + device.name +
                             " is not for networks; `dpdk-devbind.py --status-dev net` lists those "
                             "that are.");
  }
  std::error_code none;
  const std::string driver = fs::read_symlink(path + "/driver", none).filename();
  const auto usable = [&](std::string_view name) { return name == driver; };
  if (std::any_of(kUsableDrivers.begin(), kUsableDrivers.end(), usable)) return {};
  const std::string whose =
      driver.empty() ? " has no driver" : " belongs to the kernel (driver " + driver + ")";
  return wrong(device, "the PCI device " + device.name + whose +
                           "; give it to DPDK with `modprobe vfio-pci && dpdk-devbind.py "
                           "--bind=vfio-pci " +
                           device.name + "`.");
}

// Whether a process listens there, or it is no socket. Of a socket that no process has, the kernel
// says so before it looks at the kind of socket.
bool is_served(const std::string& path) {
  std::error_code ignored;
  if (!fs::is_socket(path, ignored)) return true;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) return false;
  std::copy(path.begin(), path.end(), address.sun_path);
  const Descriptor probe(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto* const where = reinterpret_cast<const sockaddr*>(&address);
  return ::connect(probe.get(), where, sizeof(address)) == 0 || errno != ECONNREFUSED;
}

// A socket that we are to make.
Status make_way_for(const Device& device, const std::string& path, const std::string& root) {
  const std::string whole = root + path;
  if (whole.size() >= sizeof(sockaddr_un::sun_path)) {
    return wrong(device, "the socket's name \"" + path + "\" is too long; " +
                             std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
                             " bytes are the most.");
  }
  const std::string folder = fs::path(whole).parent_path();
  if (!folder.empty() && !exists(folder)) {
    return wrong(device, "the socket \"" + path + "\" is to be made in a folder that does not " +
                             "exist; `mkdir -p " + folder + "`.");
  }
  std::error_code ignored;
  const fs::file_status found = fs::symlink_status(whole, ignored);
  if (!fs::exists(found)) return {};
  if (!fs::is_socket(found)) {
    return wrong(device, "\"" + path +
                             "\" is to be a socket, but is another kind of file; remove " +
                             "it, or name another one.");
  }
  if (is_served(whole)) {
    return wrong(device, "another process serves the socket \"" + path +
                             "\" (`ss -xlp` shows which); stop it, or name another socket.");
  }
  fs::remove(whole, ignored);
  return {};
}

// A socket, or device of the kernel's, that another process has made.
Status check_other_side(const Device& device, const std::string& path, const std::string& root) {
  if (exists(root + path) && is_served(root + path)) return {};
  return wrong(device, "nobody serves \"" + path +
                           "\" yet; start the other side first, or let it wait for this one "
                           "(server=1, or role=server).");
}

Status check_memif(const Device& device, bool hugepages, const std::string& root) {
  if (device.argument("zero-copy").value_or("no") == "yes" && !hugepages) {
    return wrong(device,
                 "zero-copy=yes needs memory.hugepages = true: without them there is no memory to "
                 "share.");
  }
  const auto path = device.argument("socket");
  if (!path.has_value() || device.argument("socket-abstract").value_or("yes") == "yes") return {};
  const std::string role = device.argument("role").value_or("client");
  return role == "server" ? make_way_for(device, *path, root)
                          : check_other_side(device, *path, root);
}

Status check_device(const Device& device, bool hugepages, const std::string& root) {
  switch (device.traits->names) {
    case Names::nothing:
      return {};
    case Names::interface:
      return check_interface(device);
    case Names::vhost_socket:
      if (device.argument("client").value_or("0") == "1") return {};
      return make_way_for(device, device.argument("iface").value_or(""), root);
    case Names::virtio_backend:
      if (device.argument("server").value_or("0") == "1") {
        return make_way_for(device, device.argument("path").value_or(""), root);
      }
      return check_other_side(device, device.argument("path").value_or(""), root);
    case Names::memif_socket:
      return check_memif(device, hugepages, root);
    case Names::file: {
      const auto path = device.argument("rx_pcap");
      if (!path.has_value() || exists(root + *path)) return {};
      return wrong(device, "there is no file \"" + *path + "\"; correct rx_pcap=.");
    }
    case Names::pci:
      return check_pci(device, root);
  }
  return {};
}

// What a device has for itself alone.
std::string owned_by(const Device& device) {
  if (device.is_pci()) return device.name;
  const std::string required(device.traits->required);
  return required.empty() ? "" : device.argument(required).value_or("");
}

}  // namespace

Status check_devices(const std::vector<Device>& devices, bool hugepages, const std::string& root) {
  std::set<std::string> owned;
  for (const Device& device : devices) {
    const std::string own = owned_by(device);
    if (!own.empty() && !owned.insert(own).second) {
      return wrong(device, "another port has \"" + own + "\" already; give it to one of them.");
    }
  }
  for (const Device& device : devices) {
    if (Status status = check_device(device, hugepages, root); !status.ok()) return status;
  }
  return {};
}

}  // namespace evenkeel
