#include "drivers/eal_check.h"

#include <fcntl.h>
#include <rte_build_config.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string_view>

#include "drivers/descriptor.h"
#include "drivers/device_check.h"

namespace evenkeel {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kMib = 1u << 20;

// The number that a file begins with; of one that cannot be read, 0.
uint64_t number_in(const fs::path& path) {
  uint64_t number = 0;
  std::ifstream(path) >> number;
  return number;
}

// Of "0-3,7".
std::set<uint32_t> parse_cores(const std::string& text) {
  std::set<uint32_t> cores;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    uint32_t first = 0;
    const char* const end = part.data() + part.size();
    const auto [dash, error] = std::from_chars(part.data(), end, first);
    if (error != std::errc()) continue;
    uint32_t last = first;
    if (dash != end && *dash == '-') std::from_chars(dash + 1, end, last);
    for (uint32_t core = first; core <= last; ++core) cores.insert(core);
  }
  return cores;
}

Status check_cores(const EalSpec& spec, const Machine& machine) {
  std::string online;
  std::getline(std::ifstream(machine.root + "/sys/devices/system/cpu/online"), online);
  const std::set<uint32_t> known = parse_cores(online);
  const auto missing = [&](const std::string& key, uint32_t core) {
    return Error{key + " names core " + std::to_string(core) + ", but this machine's cores are " +
                 online + "; name one of these."};
  };
  if (!known.contains(spec.control_core)) return missing("cpu.control", spec.control_core);
  if (spec.worker_cores.empty()) {
    return Error{"cpu.workers is empty, so nobody would forward; name a core."};
  }
  std::set<uint32_t> used;
  for (const uint32_t core : spec.worker_cores) {
    if (!known.contains(core)) return missing("cpu.workers", core);
    if (!used.insert(core).second) {
      return Error{"cpu.workers names core " + std::to_string(core) +
                   " twice, but each worker needs a core of its own; name it once."};
    }
  }
  return {};
}

Status check_privileges(const Machine& machine) {
  if (machine.is_root) return {};
  return Error{
      "keeld does not run as root, but reserving memory and opening devices needs that; start it "
      "with `sudo keeld` or `systemctl start keeld`."};
}

// DPDK's first process of a prefix holds a lock as long as it lives.
Status check_prefix(const EalSpec& spec, const Machine& machine) {
  const std::string& prefix = spec.file_prefix;
  if (prefix.empty() || prefix.find_first_of("/%") != std::string::npos) {
    return Error{"eal_prefix = \"" + prefix +
                 "\" is to be part of file names; use letters and digits."};
  }
  const std::string path = machine.root + "/var/run/dpdk/" + prefix + "/config";
  const Descriptor config(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!config.is_open()) return {};
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (::fcntl(config.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return {};
  return Error{"Process " + std::to_string(lock.l_pid) + " runs with eal_prefix = \"" + prefix +
               "\" already; stop it (`kill " + std::to_string(lock.l_pid) +
               "`), or give this one another eal_prefix."};
}

struct Hugepages {
  uint64_t bytes = 0;  // of a page
  uint64_t free = 0;
  uint64_t reserved = 0;  // for anybody, free or not
  std::string mount;      // "": none of that size
};

// "pagesize=2M" of a mount's options, or the machine's default.
uint64_t page_size_of_mount(const std::string& options, uint64_t default_bytes) {
  constexpr std::string_view kKey = "pagesize=";
  const size_t at = options.find(kKey);
  if (at == std::string::npos) return default_bytes;
  const char* const begin = options.data() + at + kKey.size();
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(begin, options.data() + options.size(), number);
  if (error != std::errc() || end == options.data() + options.size()) return number;
  if (*end == 'K') return number << 10;
  if (*end == 'M') return number << 20;
  return *end == 'G' ? number << 30 : number;
}

uint64_t default_hugepage_bytes(const Machine& machine) {
  std::ifstream file(machine.root + "/proc/meminfo");
  for (std::string key; file >> key;) {
    uint64_t kib = 0;
    if (key == "Hugepagesize:" && file >> kib) return kib << 10;
  }
  return 2 * kMib;
}

std::string mount_of(uint64_t bytes, const Machine& machine) {
  const uint64_t default_bytes = default_hugepage_bytes(machine);
  std::ifstream mounts(machine.root + "/proc/mounts");
  std::string device;
  std::string path;
  std::string type;
  std::string options;
  for (std::string rest; mounts >> device >> path >> type >> options;) {
    std::getline(mounts, rest);
    if (type == "hugetlbfs" && page_size_of_mount(options, default_bytes) == bytes) {
      return machine.root + path;
    }
  }
  return "";
}

// One entry for each size that the kernel has.
std::vector<Hugepages> find_hugepages(const Machine& machine) {
  std::vector<Hugepages> found;
  std::error_code ignored;
  for (const auto& entry :
       fs::directory_iterator(machine.root + "/sys/kernel/mm/hugepages", ignored)) {
    const std::string name = entry.path().filename();  // "hugepages-2048kB"
    uint64_t kib = 0;
    const size_t dash = std::min(name.find('-'), name.size() - 1);
    std::from_chars(name.data() + dash + 1, name.data() + name.size(), kib);
    if (kib == 0) continue;
    // What others have mapped and not touched yet is free only by name; the kernel may be allowed
    // to find more.
    const uint64_t free = number_in(entry.path() / "free_hugepages") +
                          number_in(entry.path() / "nr_overcommit_hugepages");
    const uint64_t promised =
        number_in(entry.path() / "resv_hugepages") + number_in(entry.path() / "surplus_hugepages");
    found.push_back({.bytes = kib << 10,
                     .free = free - std::min(free, promised),
                     .reserved = number_in(entry.path() / "nr_hugepages"),
                     .mount = mount_of(kib << 10, machine)});
  }
  std::sort(found.begin(), found.end(),
            [](const Hugepages& a, const Hugepages& b) { return a.bytes < b.bytes; });
  return found;
}

std::string count_of(uint64_t number, const std::string& what) {
  return std::to_string(number) + ' ' + what + (number == 1 ? "" : "s");
}

Error too_few_hugepages(const EalSpec& spec, const Machine& machine,
                        const std::vector<Hugepages>& sizes) {
  // /proc/sys/vm/nr_hugepages is about this size.
  Hugepages usual{.bytes = default_hugepage_bytes(machine), .mount = ""};
  for (const Hugepages& size : sizes) {
    if (size.bytes == usual.bytes) usual = size;
  }
  const uint64_t needed = (spec.memory_mib * kMib + usual.bytes - 1) / usual.bytes;
  const std::string found = usual.reserved == 0 ? "none are reserved"
                                                : "only " + std::to_string(usual.free) + " of " +
                                                      std::to_string(usual.reserved) + " are free";
  return Error{"memory.mib = " + std::to_string(spec.memory_mib) + " needs " +
               count_of(needed, "free hugepage") + " of " + std::to_string(usual.bytes / kMib) +
               " MiB, but " + found + "; reserve more with `echo " +
               std::to_string(usual.reserved - std::min(usual.reserved, usual.free) + needed) +
               " > /proc/sys/vm/nr_hugepages`, lower memory.mib, or do without "
               "(memory.hugepages = false)."};
}

Status check_hugepages(const EalSpec& spec, const Machine& machine) {
  if (!spec.hugepages) return {};
  remove_hugepage_files(spec.file_prefix, machine);
  const std::vector<Hugepages> sizes = find_hugepages(machine);
  uint64_t free = 0;
  uint64_t free_mounted = 0;
  for (const Hugepages& size : sizes) {
    free += size.free * size.bytes;
    if (!size.mount.empty()) free_mounted += size.free * size.bytes;
  }
  const uint64_t needed = spec.memory_mib * kMib;
  if (free_mounted >= needed) return {};
  if (free < needed) return too_few_hugepages(spec, machine, sizes);
  return Error{
      "There are hugepages, but no hugetlbfs is mounted through which processes share them; "
      "`mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages`."};
}

Status check_drivers(const EalSpec& spec, const Machine& machine) {
  std::vector<std::string> drivers = {"librte_mempool_ring.so"};
  for (const Device& device : spec.devices) {
    if (!device.is_pci()) drivers.emplace_back(device.traits->driver);
  }
  std::set<std::string> there;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(machine.root + RTE_EAL_PMD_PATH, ignored)) {
    const std::string name = entry.path().filename();
    there.insert(name.substr(0, name.find(".so") + 3));
  }
  for (const std::string& driver : drivers) {
    if (there.contains(driver)) continue;
    return Error{"DPDK's driver " + driver + " is not in " + RTE_EAL_PMD_PATH +
                 "; install Debian's package dpdk with all it recommends."};
  }
  return {};
}

}  // namespace

void remove_hugepage_files(const std::string& file_prefix, const Machine& machine) {
  std::error_code ignored;
  std::vector<fs::path> files;
  for (const Hugepages& size : find_hugepages(machine)) {
    if (size.mount.empty()) continue;
    for (const auto& entry : fs::directory_iterator(size.mount, ignored)) {
      const std::string name = entry.path().filename();
      if (name.starts_with(file_prefix + "map_")) files.push_back(entry.path());
    }
  }
  for (const fs::path& file : files) fs::remove(file, ignored);
}

Status check_machine(const EalSpec& spec, const Machine& machine) {
  if (Status status = check_privileges(machine); !status.ok()) return status;
  if (Status status = check_cores(spec, machine); !status.ok()) return status;
  if (Status status = check_prefix(spec, machine); !status.ok()) return status;
  if (Status status = check_hugepages(spec, machine); !status.ok()) return status;
  if (Status status = check_drivers(spec, machine); !status.ok()) return status;
  return check_devices(spec.devices, spec.hugepages, machine.root);
}

}  // namespace evenkeel
