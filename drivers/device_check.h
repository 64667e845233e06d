// Whether what the ports' devices name is there and free: interfaces, PCI devices, sockets, files.
#pragma once

#include <string>
#include <vector>

#include "drivers/device.h"
#include "firmware/base/status.h"

namespace evenkeel {

// `root` stands before every path; "" but for tests. Sockets that a killed process has left where
// ours are to be made are removed.
Status check_devices(const std::vector<Device>& devices, bool hugepages, const std::string& root);

}  // namespace evenkeel
