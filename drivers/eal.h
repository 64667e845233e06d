// Starts DPDK from settings. Nobody needs to know its flags, and what DPDK would answer with a page
// of log is looked at before and answered with one sentence (eal_check.h).
//
// One process can start it once: a second start is a mistake of ours, even after the first has
// ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "drivers/device.h"
#include "firmware/base/status.h"

namespace evenkeel {

struct EalSpec {
  std::string file_prefix = "evenkeel";  // names this process among others that use DPDK
  uint32_t control_core = 0;
  // Different ones; control's may be among them, which costs that worker what control needs.
  std::vector<uint32_t> worker_cores = {1};
  uint32_t memory_mib = 1024;
  // Without them other processes cannot look in: no dpdk-dumpcap, dpdk-proc-info, zero-copy memif,
  // virtio_user.
  bool hugepages = true;
  std::vector<Device> devices;     // all that will be opened
  std::vector<std::string> extra;  // arguments as DPDK has them, after all others
};

class Eal {
 public:
  // Makes the calling thread the control thread: it, and every thread that it starts, runs on
  // control's core. REQUIRES: the first call in this process.
  static Result<std::unique_ptr<Eal>> start(const EalSpec& spec);
  // REQUIRES: no worker runs, no port is open.
  ~Eal();
  Eal(const Eal&) = delete;
  Eal& operator=(const Eal&) = delete;

  size_t workers() const;

  // Runs `work` on a worker's own thread, which is bound to its core.
  // REQUIRES: worker < workers(), and it runs nothing.
  void launch(size_t worker, std::function<void()> work);
  // Until that has returned.
  void wait(size_t worker);

  // Where dpdk-telemetry.py finds this process.
  std::string telemetry_socket() const;

 private:
  struct Running;

  explicit Eal(std::unique_ptr<Running> running);

  std::unique_ptr<Running> running_;
};

// The arguments that DPDK is started with, the program's name first.
std::vector<std::string> eal_arguments(const EalSpec& spec);

}  // namespace evenkeel
