// DPDK for one test program: without hugepages, under a name of the program's own, in a network and
// a /run of its own.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drivers/eal.h"
#include "firmware/base/check.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {

inline constexpr uint32_t kOwnMemory = 128;

inline EalSpec own_eal_spec(const std::string& name, std::vector<Device> devices) {
  return {.file_prefix = "test_" + name,
          .control_core = 0,
          .worker_cores = {0, 1},
          .memory_mib = kOwnMemory,
          .hugepages = false,
          .devices = std::move(devices),
          .extra = {}};
}

inline std::unique_ptr<Eal> start_own_eal(const EalSpec& spec) {
  Result<std::unique_ptr<Eal>> eal = Eal::start(spec);
  if (!eal.ok()) std::fprintf(stderr, "%s\n", eal.message().c_str());
  CHECK(eal.ok());
  return std::move(eal.value());
}

}  // namespace evenkeel
