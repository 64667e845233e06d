// A network interface of the kernel's that a port's device stands on: what the kernel knows of it,
// and what has to be set so that every packet comes as it was sent.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/base/status.h"

namespace evenkeel {

class Interface {
 public:
  Interface() = default;
  // In the network namespace that the caller is in now, wherever it is later.
  explicit Interface(std::string name);

  const std::string& name() const { return name_; }
  // Whether it is up and has a carrier; nothing: it is not here.
  std::optional<bool> is_up() const;
  // If it is lower.
  Status raise_mtu(uint16_t mtu);

  // Switches off whatever merges packets before they come: GRO, in software and in hardware, and
  // LRO, of this interface and of those below it, as a bond's. It stays so: the interface is the
  // box's own, some hardware drops its link for a moment whenever this changes, and who is killed
  // could not restore it.
  Status stop_merging();

  // That all queues which the interface fills are the port's.
  Status check_queues(uint32_t queues) const;

 private:
  struct Channels {
    uint32_t count = 1;
    const char* kind = "combined";  // for `ethtool -L`
  };
  Channels channels() const;
  // Its folder, if /sys is that of its network namespace; else "".
  std::string folder() const;
  std::vector<std::string> lower_names() const;

  std::string name_;
  Descriptor control_;  // a socket in its network namespace
};

}  // namespace evenkeel
