#include "drivers/eal.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>

#include "drivers/eal_check.h"
#include "firmware/base/check.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

// DPDK's own numbers of threads: control is 0, worker n is n + 1.
unsigned thread_of(size_t worker) { return static_cast<unsigned>(worker) + 1; }

std::string threads_on_cores(const EalSpec& spec) {
  std::string text = "0@" + std::to_string(spec.control_core);
  for (size_t worker = 0; worker < spec.worker_cores.size(); ++worker) {
    text +=
        ',' + std::to_string(thread_of(worker)) + '@' + std::to_string(spec.worker_cores[worker]);
  }
  return text;
}

Machine this_machine() { return {.root = "", .is_root = ::geteuid() == 0}; }

int run(void* work) {
  (*static_cast<std::function<void()>*>(work))();
  return 0;
}

}  // namespace

struct Eal::Running {
  std::string file_prefix;
  // DPDK keeps pointers into them.
  std::vector<std::string> arguments;
  std::vector<char*> pointers;
  std::vector<std::function<void()>> work;  // by worker
};

std::vector<std::string> eal_arguments(const EalSpec& spec) {
  std::vector<std::string> arguments = {"keeld",
                                        "--file-prefix=" + spec.file_prefix,
                                        "--lcores=" + threads_on_cores(spec),
                                        "--main-lcore=0",
                                        "-m",
                                        std::to_string(spec.memory_mib),
                                        "--log-level=warning",
                                        "--log-level=lib.telemetry:error"};
  // Few files: whoever shares memory with virtio_user, or memif without copying, gets each of them.
  arguments.emplace_back(spec.hugepages ? "--single-file-segments" : "--no-huge");
  bool has_pci = false;
  for (const Device& device : spec.devices) {
    if (!device.is_pci()) continue;
    has_pci = true;
    arguments.push_back("--allow=" + device.text());
  }
  if (!has_pci) {
    arguments.emplace_back("--no-pci");
    // No device reaches memory by physical addresses, so that memory is one piece for all.
    arguments.emplace_back("--iova-mode=va");
  }
  arguments.insert(arguments.end(), spec.extra.begin(), spec.extra.end());
  return arguments;
}

Result<std::unique_ptr<Eal>> Eal::start(const EalSpec& spec) {
  if (spec.worker_cores.size() > kMaxWorkers) {
    return Error{"cpu.workers names " + std::to_string(spec.worker_cores.size()) +
                 " cores; at most " + std::to_string(kMaxWorkers) + " workers are supported."};
  }
  const Status ready = check_machine(spec, this_machine());
  if (!ready.ok()) return Error{ready.message()};
  auto running = std::make_unique<Running>();
  running->file_prefix = spec.file_prefix;
  running->arguments = eal_arguments(spec);
  running->work.resize(spec.worker_cores.size());
  for (std::string& argument : running->arguments) running->pointers.push_back(argument.data());
  running->pointers.push_back(nullptr);
  const int count = static_cast<int>(running->arguments.size());
  if (rte_eal_init(count, running->pointers.data()) < 0) {
    return Error{std::string("DPDK does not start: ") + rte_strerror(rte_errno) +
                 "; its own lines on standard error say why."};
  }
  return std::unique_ptr<Eal>(new Eal(std::move(running)));
}

Eal::Eal(std::unique_ptr<Running> running) : running_(std::move(running)) {}

Eal::~Eal() {
  const std::string files = rte_eal_get_runtime_dir();
  rte_eal_cleanup();
  // DPDK leaves these to the next process of the same name.
  std::error_code ignored;
  std::filesystem::remove_all(files, ignored);
  remove_hugepage_files(running_->file_prefix, this_machine());
}

size_t Eal::workers() const { return running_->work.size(); }

void Eal::launch(size_t worker, std::function<void()> work) {
  REQUIRE(worker < workers());
  running_->work[worker] = std::move(work);
  REQUIRE(rte_eal_remote_launch(run, &running_->work[worker], thread_of(worker)) == 0);
}

void Eal::wait(size_t worker) {
  REQUIRE(worker < workers());
  rte_eal_wait_lcore(thread_of(worker));
}

std::string Eal::telemetry_socket() const {
  return std::string(rte_eal_get_runtime_dir()) + "/dpdk_telemetry.v2";
}

}  // namespace evenkeel
