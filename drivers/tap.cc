#include "drivers/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>
#include <utility>

namespace evenkeel {
namespace {

Error failed(const std::string& name, const std::string& what, const std::string& remedy) {
  return Error{"The TAP of port \"" + name + "\" " + what + ": " + std::strerror(errno) + "; " +
               remedy + "."};
}

ifreq request_for(const std::string& name) {
  ifreq request{};
  std::copy(name.begin(), name.end(), request.ifr_name);
  return request;
}

Result<Descriptor> open_tun(const std::string& name) {
  Descriptor tun(::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!tun.is_open()) {
    return failed(name, "needs /dev/net/tun, which cannot be opened",
                  errno == EACCES ? "run as root (CAP_NET_ADMIN)"
                                  : "load the kernel's module with `modprobe tun`");
  }
  ifreq request = request_for(name);
  request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI | IFF_TUN_EXCL);
  const bool is_made = ::ioctl(tun.get(), TUNSETIFF, &request) == 0;
  if (is_made && name == request.ifr_name) return tun;
  if (!is_made && (errno == EBUSY || errno == EEXIST)) {
    return Error{"There is a network interface \"" + name +
                 "\" already, so that port's TAP cannot have this name; rename the port, or remove "
                 "the interface with `ip link delete " +
                 name + "`."};
  }
  // "wan%d" is made, but as "wan0".
  if (is_made || errno == EINVAL) {
    return Error{"\"" + name + "\" cannot be the name of a network interface; rename the port."};
  }
  return failed(name, "cannot be made", "run as root (CAP_NET_ADMIN)");
}

// MAC address, MTU, up.
Status set_up(const TapSpec& spec) {
  const Descriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = request_for(spec.name);
  request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
  std::memcpy(request.ifr_hwaddr.sa_data, spec.mac.data(), spec.mac.size());
  if (::ioctl(control.get(), SIOCSIFHWADDR, &request) != 0) {
    return failed(spec.name, "does not take the port's MAC address",
                  "a port needs a unicast address that is not zero");
  }
  request = request_for(spec.name);
  request.ifr_mtu = spec.mtu;
  if (::ioctl(control.get(), SIOCSIFMTU, &request) != 0) {
    return failed(spec.name, "does not take an MTU of " + std::to_string(spec.mtu),
                  "change the port's mtu");
  }
  request = request_for(spec.name);
  request.ifr_flags = IFF_UP | IFF_RUNNING | IFF_MULTICAST | IFF_BROADCAST;
  if (::ioctl(control.get(), SIOCSIFFLAGS, &request) != 0) {
    return failed(spec.name, "cannot be set up", "run as root (CAP_NET_ADMIN)");
  }
  return {};
}

// A family that the kernel does not have, has no sysctls either.
void set_sysctl(const std::string& family, const std::string& name, const char* key,
                const char* value) {
  const std::string path = "/proc/sys/net/" + family + "/conf/" + name + "/" + key;
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.is_open()) std::ignore = ::write(file.get(), value, std::strlen(value));
}

void set_sysctls(const std::string& name) {
  const struct {
    const char* family;
    const char* key;
    const char* value;
  } settings[] = {
      // Whatever port a VIP is asked for on, it is there; a source may be answered by another port.
      {"ipv4", "arp_ignore", "0"},
      {"ipv4", "arp_filter", "0"},
      {"ipv4", "rp_filter", "2"},
      // A VIP may be on more than one box: none of them may claim it by asking for others.
      {"ipv4", "arp_announce", "2"},
      // Of two addresses of one subnet, the first can go without the second.
      {"ipv4", "promote_secondaries", "1"},
      // A box is told of routes and addresses by its settings, and needs no time to be sure of
      // them.
      {"ipv4", "accept_redirects", "0"},
      {"ipv6", "accept_redirects", "0"},
      {"ipv6", "accept_ra", "0"},
      {"ipv6", "autoconf", "0"},
      {"ipv6", "accept_dad", "0"},
      {"ipv6", "dad_transmits", "0"},
      {"ipv6", "disable_ipv6", "0"},
  };
  for (const auto& [family, key, value] : settings) set_sysctl(family, name, key, value);
}

}  // namespace

Result<Tap> Tap::open(const TapSpec& spec) {
  if (spec.name.empty() || spec.name.size() >= IFNAMSIZ) {
    return Error{"Port \"" + spec.name + "\" gives its name to its TAP, so it must have 1 to " +
                 std::to_string(IFNAMSIZ - 1) + " bytes; rename the port."};
  }
  Result<Descriptor> tun = open_tun(spec.name);
  if (!tun.ok()) return Error{tun.message()};
  // Before it is up: what happens then is governed by these.
  set_sysctls(spec.name);
  const Status status = set_up(spec);
  if (!status.ok()) return Error{status.message()};
  const uint32_t interface = ::if_nametoindex(spec.name.c_str());
  if (interface == 0) return failed(spec.name, "has gone", "start again");
  return Tap(std::move(tun.value()), spec.name, interface);
}

Status Tap::set_carrier(bool is_up) {
  const int carrier = is_up ? 1 : 0;
  if (::ioctl(descriptor_.get(), TUNSETCARRIER, &carrier) != 0) {
    return failed(name_, "does not take its carrier", "it needs Linux 5.0 or newer");
  }
  return {};
}

}  // namespace evenkeel
