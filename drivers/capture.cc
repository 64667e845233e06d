#include "drivers/capture.h"

#include <rte_errno.h>
#include <rte_pdump.h>

#include <string>

namespace evenkeel {

Result<std::unique_ptr<Capture>> Capture::start() {
  if (rte_pdump_init() != 0) {
    return Error{std::string("dpdk-dumpcap cannot be let in: ") + rte_strerror(rte_errno) +
                 "; raise memory.mib."};
  }
  return std::unique_ptr<Capture>(new Capture);
}

Capture::~Capture() { rte_pdump_uninit(); }

}  // namespace evenkeel
