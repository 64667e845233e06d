// The box lets dpdk-dumpcap in, once, and again after it has shut it out. (That dpdk-dumpcap then
// sees packets needs hugepages and its own process: tests/system.)
#include "drivers/capture.h"

#include <rte_memzone.h>

#include <cstring>

#include "tests/cmocka.h"
#include "tests/drivers/own_eal.h"

namespace evenkeel {
namespace {

int setup(void** state) {
  *state = start_own_eal(own_eal_spec("capture", {})).release();
  return 0;
}

int teardown(void** state) {
  delete static_cast<Eal*>(*state);
  return 0;
}

// Where dpdk-dumpcap finds its counters.
bool is_open() { return rte_memzone_lookup("rte_pdump_stats") != nullptr; }

void it_opens_and_closes(void** /*state*/) {
  for (int round = 0; round < 2; ++round) {
    assert_false(is_open());
    {
      const Result<std::unique_ptr<Capture>> capture = Capture::start();
      CHECK(capture.ok() && is_open());
      const Result<std::unique_ptr<Capture>> another = Capture::start();
      CHECK(!another.ok() && another.message().starts_with("dpdk-dumpcap cannot be let in"));
    }
    assert_false(is_open());
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {cmocka_unit_test(it_opens_and_closes)};
  return cmocka_run_group_tests_name("drivers/capture", tests, setup, teardown);
}
