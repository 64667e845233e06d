// The kernel's end of a port: a TAP with the port's name, address and MTU, so that the kernel's own
// stack answers ARP and ND, resolves neighbours, and serves what is for the box. It is gone with
// the process, however that ends.
#pragma once

#include <cstdint>
#include <string>

#include "drivers/descriptor.h"
#include "firmware/base/status.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct TapSpec {
  std::string name;
  Mac mac{};
  uint16_t mtu = 1500;
};

class Tap {
 public:
  // In the network namespace that this thread is in; up, and with sysctls as a box needs them: no
  // router advertisements, no duplicate address detection, no redirects, ARP answered for every
  // address of the box, asked for only from the TAP's own.
  static Result<Tap> open(const TapSpec& spec);

  // A read takes one whole Ethernet frame that the kernel sends, a write gives it one; neither
  // waits.
  int descriptor() const { return descriptor_.get(); }
  uint32_t interface() const { return interface_; }

  // What the kernel sees of the cable.
  Status set_carrier(bool is_up);

 private:
  Tap(Descriptor descriptor, std::string name, uint32_t interface)
      : descriptor_(std::move(descriptor)), name_(std::move(name)), interface_(interface) {}

  Descriptor descriptor_;
  std::string name_;
  uint32_t interface_;
};

}  // namespace evenkeel
