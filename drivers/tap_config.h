// Brings a TAP's addresses and routes to what the settings say, from whatever is there: what is
// right stays untouched, so that a reload does not interrupt what uses it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/netlink.h"
#include "firmware/base/address.h"
#include "firmware/base/status.h"

namespace evenkeel {

struct TapConfig {
  struct Prefix {
    Address address;
    uint8_t length = 0;  // of 128 bits; of IPv4, 96 and more

    friend auto operator<=>(const Prefix&, const Prefix&) = default;
  };
  struct Route {
    Prefix to;
    Address via;
  };

  std::string name;
  uint32_t interface = 0;
  std::vector<Prefix> addresses;
  std::vector<Address> vips;  // answered for, but never used as a source by the kernel
  std::vector<Route> routes;
};

// Addresses that the config does not name go, but for link-local ones that the kernel made; of
// routes, those that an earlier call has entered. Everything that can be done is done; the error
// names the first thing that could not.
Status configure_tap(NetlinkRequests& kernel, const TapConfig& config);

}  // namespace evenkeel
