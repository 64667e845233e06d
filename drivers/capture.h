// Lets dpdk-dumpcap record what passes the ports of the running box. It attaches as a second DPDK
// process, which needs hugepages (EalSpec::hugepages), and costs packets nothing while it is away.
#pragma once

#include <memory>

#include "firmware/base/status.h"

namespace evenkeel {

class Capture {
 public:
  // REQUIRES: EAL runs, and there is no other.
  static Result<std::unique_ptr<Capture>> start();
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

 private:
  Capture() = default;
};

}  // namespace evenkeel
