// Machines on which DPDK could not start, and the sentence that each of them gets.
#include "drivers/eal_check.h"

#include <fcntl.h>
#include <rte_build_config.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

#include "tests/cmocka.h"
#include "tests/drivers/fake_root.h"

namespace evenkeel {
namespace {

constexpr const char* kPages = "/sys/kernel/mm/hugepages/hugepages-2048kB/";

void set_pages(const FakeRoot& root, const char* all, const char* free, const char* promised) {
  root.write(std::string(kPages) + "nr_hugepages", all);
  root.write(std::string(kPages) + "free_hugepages", free);
  root.write(std::string(kPages) + "resv_hugepages", promised);
  root.write(std::string(kPages) + "surplus_hugepages", "0\n");
  root.write(std::string(kPages) + "nr_overcommit_hugepages", "0\n");
}

// All that is needed for 64 MiB on cores 0 to 3 and 8.
void furnish(const FakeRoot& root) {
  root.write("/sys/devices/system/cpu/online", "0-3,8\n");
  root.write("/proc/meminfo", "MemTotal: 1 kB\nHugepagesize:    2048 kB\nHugetlb: 0 kB\n");
  root.write("/proc/mounts",
             "proc /proc proc rw 0 0\n"
             "none /big hugetlbfs rw,pagesize=1024M 0 0\n"
             "none /huge hugetlbfs rw,relatime 0 0\n");
  root.make_folder("/huge");
  root.write(std::string(RTE_EAL_PMD_PATH) + "/librte_mempool_ring.so.23.0", "");
  root.write(std::string(RTE_EAL_PMD_PATH) + "/librte_net_null.so.23", "");
  set_pages(root, "40\n", "32\n", "0\n");
}

EalSpec usual_spec() {
  EalSpec spec;
  spec.memory_mib = 64;
  spec.devices = {parse_device({.port = "p", .text = "net_null"}).value()};
  return spec;
}

struct Row {
  const char* description;
  void (*change)(FakeRoot& root, EalSpec& spec);
  const char* expected;
};

constexpr Row kRows[] = {
    {"all is there", [](FakeRoot&, EalSpec&) {}, "fine"},
    {"control's core", [](FakeRoot&, EalSpec& spec) { spec.control_core = 4; },
     "cpu.control names core 4, but this machine's cores are 0-3,8; name one of these."},
    {"a worker's core", [](FakeRoot&, EalSpec& spec) { spec.worker_cores = {8, 9}; },
     "cpu.workers names core 9, but this machine's cores are 0-3,8"},
    {"a core twice", [](FakeRoot&, EalSpec& spec) { spec.worker_cores = {1, 2, 1}; },
     "cpu.workers names core 1 twice"},
    {"control's core is a worker's too",
     [](FakeRoot&, EalSpec& spec) { spec.worker_cores = {0, 8}; }, "fine"},
    {"no worker", [](FakeRoot&, EalSpec& spec) { spec.worker_cores = {}; }, "cpu.workers is empty"},
    {"a prefix that leads elsewhere", [](FakeRoot&, EalSpec& spec) { spec.file_prefix = "../x"; },
     "eal_prefix = \"../x\" is to"},
    {"an empty prefix", [](FakeRoot&, EalSpec& spec) { spec.file_prefix = ""; },
     "use letters and digits"},
    {"no hugepages", [](FakeRoot& root, EalSpec&) { set_pages(root, "0", "0", "0"); },
     "memory.mib = 64 needs 32 free hugepages of 2 MiB, but none are reserved; reserve more with "
     "`echo 32 > /proc/sys/vm/nr_hugepages`, lower memory.mib, or do without (memory.hugepages = "
     "false)."},
    {"no hugepages, and none needed",
     [](FakeRoot& root, EalSpec& spec) {
       set_pages(root, "0", "0", "0");
       spec.hugepages = false;
     },
     "fine"},
    {"a kernel without hugepages",
     [](FakeRoot& root, EalSpec&) { std::filesystem::remove_all(root.at("/sys/kernel/mm")); },
     "but none are reserved"},
    {"too few are free", [](FakeRoot& root, EalSpec&) { set_pages(root, "40", "31", "0"); },
     "only 31 of 40 are free; reserve more with `echo 41 > "},
    {"too few are free and not promised",
     [](FakeRoot& root, EalSpec&) { set_pages(root, "40", "33", "2"); }, "only 31 of 40 are free"},
    {"the kernel may find more",
     [](FakeRoot& root, EalSpec&) {
       set_pages(root, "40", "31", "0");
       root.write(std::string(kPages) + "nr_overcommit_hugepages", "1");
     },
     "fine"},
    {"the last one is half used", [](FakeRoot&, EalSpec& spec) { spec.memory_mib = 65; },
     "needs 33 free hugepages"},
    {"not mounted",
     [](FakeRoot& root, EalSpec&) { root.write("/proc/mounts", "proc /proc proc rw 0 0\n"); },
     "`mkdir -p /dev/hugepages && mount -t hugetlbfs nodev /dev/hugepages`"},
    {"mounted for another size only",
     [](FakeRoot& root, EalSpec&) {
       root.write("/proc/mounts", "none /big hugetlbfs rw,pagesize=1024M 0 0\n");
     },
     "no hugetlbfs is mounted"},
    {"mounted for this size by name",
     [](FakeRoot& root, EalSpec&) {
       root.write("/proc/mounts", "none /huge hugetlbfs rw,pagesize=2M,mode=700 0 0\n");
     },
     "fine"},
    {"large pages serve too",
     [](FakeRoot& root, EalSpec&) {
       set_pages(root, "0", "0", "0");
       const std::string folder = "/sys/kernel/mm/hugepages/hugepages-1048576kB/";
       root.write(folder + "nr_hugepages", "1");
       root.write(folder + "free_hugepages", "1");
     },
     "fine"},
    {"no driver",
     [](FakeRoot& root, EalSpec&) {
       std::filesystem::remove(root.at(RTE_EAL_PMD_PATH "/librte_net_null.so.23"));
     },
     "DPDK's driver librte_net_null.so is not in " RTE_EAL_PMD_PATH},
    {"no driver of buffers",
     [](FakeRoot& root, EalSpec&) {
       std::filesystem::remove(root.at(RTE_EAL_PMD_PATH "/librte_mempool_ring.so.23.0"));
     },
     "DPDK's driver librte_mempool_ring.so is not in"},
    {"a device",
     [](FakeRoot&, EalSpec& spec) {
       spec.devices = {parse_device({.port = "p", .text = "0000:03:00.0"}).value()};
     },
     "there is no PCI device 0000:03:00.0"},
};

void machines_are_judged(void** /*state*/) {
  for (const Row& row : kRows) {
    FakeRoot root;
    furnish(root);
    EalSpec spec = usual_spec();
    row.change(root, spec);
    const Status status = check_machine(spec, {.root = root.path(), .is_root = true});
    const std::string got = status.ok() ? "fine" : status.message();
    if (got.find(row.expected) == std::string::npos) {
      fail_msg("%s: %s", row.description, got.c_str());
    }
  }
}

void only_root_may(void** /*state*/) {
  const Status status = check_machine(usual_spec(), {.root = "", .is_root = false});
  assert_false(status.ok());
  assert_non_null(std::strstr(status.message().c_str(), "start it with `sudo keeld`"));
}

struct State {
  FakeRoot root;
};

int setup(void** state) {
  auto* const all = new State;
  furnish(all->root);
  *state = all;
  return 0;
}

int teardown(void** state) {
  delete static_cast<State*>(*state);
  return 0;
}

// Its pages are held by its files: those of this prefix go, those of others stay.
void a_killed_process_files_go(void** state) {
  const FakeRoot& root = static_cast<State*>(*state)->root;
  for (const char* name : {"evenkeelmap_0", "evenkeelmap_2049", "evenkeel2map_0", "evenkeel"}) {
    root.write(std::string("/huge/") + name, "");
  }
  assert_true(check_machine(usual_spec(), {.root = root.path(), .is_root = true}).ok());
  assert_false(root.has("/huge/evenkeelmap_0"));
  assert_false(root.has("/huge/evenkeelmap_2049"));
  assert_true(root.has("/huge/evenkeel2map_0"));
  assert_true(root.has("/huge/evenkeel"));
}

// While it lives, nothing of it is touched.
void a_living_process_is_respected(void** state) {
  const FakeRoot& root = static_cast<State*>(*state)->root;
  const char* const config = "/var/run/dpdk/evenkeel/config";
  root.write(config, "");
  root.write("/huge/evenkeelmap_0", "");
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    struct flock lock{};
    lock.l_type = F_WRLCK;
    const int file = open(root.at(config).c_str(), O_RDWR);
    const bool is_locked = fcntl(file, F_SETLK, &lock) == 0;
    if (write(ends[1], &is_locked, 1) == 1) pause();
    _exit(0);
  }
  bool is_locked = false;
  assert_int_equal(read(ends[0], &is_locked, 1), 1);
  const Status status = check_machine(usual_spec(), {.root = root.path(), .is_root = true});
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  close(ends[0]);
  close(ends[1]);
  assert_true(is_locked);
  assert_false(status.ok());
  const std::string words = "Process " + std::to_string(child) +
                            " runs with eal_prefix = \"evenkeel\" already; stop it (`kill " +
                            std::to_string(child) + "`)";
  assert_true(status.message().starts_with(words));
  assert_true(root.has("/huge/evenkeelmap_0"));
  assert_true(check_machine(usual_spec(), {.root = root.path(), .is_root = true}).ok());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(machines_are_judged),
      cmocka_unit_test(only_root_may),
      cmocka_unit_test_setup_teardown(a_killed_process_files_go, setup, teardown),
      cmocka_unit_test_setup_teardown(a_living_process_is_respected, setup, teardown),
  };
  return cmocka_run_group_tests_name("drivers/eal_check", tests, nullptr, nullptr);
}
