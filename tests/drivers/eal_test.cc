// DPDK started from settings: its arguments, and one real start, after a process of the same name
// that was killed.
#include "drivers/eal.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <filesystem>

#include "drivers/eal_check.h"
#include "tests/base/death.h"
#include "tests/cmocka.h"
#include "tests/drivers/own_eal.h"

namespace evenkeel {
namespace {

std::string joined(const EalSpec& spec) {
  std::string text;
  for (const std::string& argument : eal_arguments(spec)) text += argument + ' ';
  return text;
}

void settings_become_arguments(void** /*state*/) {
  EalSpec spec;
  spec.memory_mib = 256;
  assert_string_equal(joined(spec).c_str(),
                      "keeld --file-prefix=evenkeel --lcores=0@0,1@1 --main-lcore=0 -m 256 "
                      "--log-level=warning --log-level=lib.telemetry:error "
                      "--single-file-segments --no-pci --iova-mode=va ");
  spec.control_core = 1;
  spec.worker_cores = {0, 3, 1};
  spec.hugepages = false;
  spec.file_prefix = "lb";
  spec.devices = {
      parse_device({.port = "a", .text = "net_null"}).value(),
      parse_device({.port = "b", .text = "0000:03:00.0,x=1"}).value(),
      parse_device({.port = "c", .text = "0000:03:00.1"}).value(),
  };
  spec.extra = {"--log-level=debug", "-v"};
  assert_string_equal(joined(spec).c_str(),
                      "keeld --file-prefix=lb --lcores=0@1,1@0,2@3,3@1 --main-lcore=0 -m 256 "
                      "--log-level=warning --log-level=lib.telemetry:error --no-huge "
                      "--allow=0000:03:00.0,x=1 --allow=0000:03:00.1 --log-level=debug -v ");
}

void the_most_workers_are_known(void** /*state*/) {
  EalSpec spec = own_eal_spec("eal", {});
  spec.worker_cores.assign(65, 1);
  const Result<std::unique_ptr<Eal>> eal = Eal::start(spec);
  assert_false(eal.ok());
  assert_non_null(std::strstr(eal.message().c_str(), "at most 64 workers"));
}

const Eal& eal_of(void** state) { return **static_cast<std::unique_ptr<Eal>*>(*state); }
Eal& eal_to_use(void** state) { return **static_cast<std::unique_ptr<Eal>*>(*state); }

// A process of the same name that is killed when all is up, and then ours.
int setup(void** state) {
  const EalSpec spec = own_eal_spec("eal", {});
  const pid_t child = fork();
  if (child == 0) {
    const std::unique_ptr<Eal> eal = start_own_eal(spec);
    kill(getpid(), SIGKILL);
  }
  int outcome = 0;
  CHECK(waitpid(child, &outcome, 0) == child);
  CHECK(WIFSIGNALED(outcome) && WTERMSIG(outcome) == SIGKILL);
  CHECK(std::filesystem::exists("/run/dpdk/test_eal/dpdk_telemetry.v2"));
  *state = new std::unique_ptr<Eal>(start_own_eal(spec));
  return 0;
}

// Nothing stays behind.
int teardown(void** state) {
  delete static_cast<std::unique_ptr<Eal>*>(*state);
  return std::filesystem::exists("/run/dpdk/test_eal") ? -1 : 0;
}

void control_has_its_core(void** /*state*/) {
  cpu_set_t cores;
  assert_int_equal(sched_getaffinity(0, sizeof(cores), &cores), 0);
  assert_int_equal(CPU_COUNT(&cores), 1);
  assert_true(CPU_ISSET(0, &cores));
}

// Both at the same time: each waits for the other.
void workers_run_on_their_cores(void** state) {
  Eal& eal = eal_to_use(state);
  assert_int_equal(eal.workers(), 2);
  for (int round = 0; round < 2; ++round) {
    std::atomic<int> there = 0;
    int cores[2] = {-1, -1};
    for (size_t worker = 0; worker < 2; ++worker) {
      eal.launch(worker, [&there, core = &cores[worker]] {
        ++there;
        while (there < 2) sched_yield();
        *core = sched_getcpu();
      });
    }
    for (size_t worker = 0; worker < 2; ++worker) eal.wait(worker);
    assert_int_equal(cores[0], 0);
    assert_int_equal(cores[1], 1);
  }
}

void a_worker_that_is_none_is_a_mistake(void** state) {
  Eal& eal = eal_to_use(state);
  assert_true(dies_saying("worker < workers()", [&] { eal.launch(2, [] {}); }));
  assert_true(dies_saying("worker < workers()", [&] { eal.wait(2); }));
}

void telemetry_is_where_it_says(void** state) {
  const std::string path = eal_of(state).telemetry_socket();
  assert_true(path.ends_with("/dpdk/test_eal/dpdk_telemetry.v2"));
  assert_true(std::filesystem::is_socket(path));
}

// Asked in a process of its own, which holds none of our locks.
void the_name_is_taken_now(void** /*state*/) {
  const std::string words =
      "Process " + std::to_string(getpid()) + " runs with eal_prefix = \"test_eal\" already";
  const pid_t child = fork();
  if (child == 0) {
    const Status status = check_machine(own_eal_spec("eal", {}), {.root = "", .is_root = true});
    _exit(!status.ok() && status.message().starts_with(words) ? 0 : 1);
  }
  int outcome = 0;
  assert_int_equal(waitpid(child, &outcome, 0), child);
  assert_true(WIFEXITED(outcome) && WEXITSTATUS(outcome) == 0);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(settings_become_arguments),
      cmocka_unit_test(the_most_workers_are_known),
      cmocka_unit_test(control_has_its_core),
      cmocka_unit_test(workers_run_on_their_cores),
      cmocka_unit_test(a_worker_that_is_none_is_a_mistake),
      cmocka_unit_test(telemetry_is_where_it_says),
      cmocka_unit_test(the_name_is_taken_now),
  };
  return cmocka_run_group_tests_name("drivers/eal", tests, setup, teardown);
}
