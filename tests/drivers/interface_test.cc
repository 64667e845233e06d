// Network interfaces: what merges packets is switched off, on every floor, and who will not is
// named;
// link, MTU and queues.
#include "drivers/interface.h"

#include <linux/capability.h>
#include <sys/syscall.h>

#include <cstring>

#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {
namespace {

bool merges(const std::string& interface) {
  return shell("ethtool -k " + interface + " | grep -q '^generic-receive-offload: on'");
}

int make_cables(void**) {
  CHECK(
      shell("ip link add wan0 numrxqueues 2 type veth peer name wan1 && "
            "ip link add link wan0 name floor1 numrxqueues 3 type macvlan && "
            "ip link add link floor1 name floor2 type macvlan"));
  return 0;
}

int remove_cables(void**) { return shell("ip link del wan0") ? 0 : -1; }

void what_merges_is_switched_off(void**) {
  CHECK(shell("ethtool -K wan0 gro on") && merges("wan0"));
  Interface wan("wan0");
  assert_true(wan.stop_merging().ok());
  assert_false(merges("wan0"));
  assert_true(wan.stop_merging().ok());
}

// A packet is merged where it comes in.
void so_is_what_merges_below(void**) {
  CHECK(shell("ethtool -K wan0 gro on") && merges("wan0"));
  assert_true(Interface("floor2").stop_merging().ok());
  assert_false(merges("wan0"));
}

void nobody_merges_where_nothing_is(void**) {
  assert_true(Interface("nowhere").stop_merging().ok());
  assert_false(Interface("nowhere").is_up().has_value());
}

// Without the right to change it, an interface is as one whose driver will not.
void who_goes_on_is_named_with_the_command(void**) {
  CHECK(shell("ethtool -K wan0 gro on"));
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3]{};
  CHECK(::syscall(SYS_capget, &header, all) == 0);
  __user_cap_data_struct fewer[] = {all[0], all[1]};
  fewer[0].effective &= ~(1u << CAP_NET_ADMIN);
  CHECK(::syscall(SYS_capset, &header, fewer) == 0);
  const Status status = Interface("wan0").stop_merging();
  CHECK(::syscall(SYS_capset, &header, all) == 0);
  assert_false(status.ok());
  assert_non_null(std::strstr(status.message().c_str(), "the network interface \"wan0\" goes on"));
  assert_non_null(std::strstr(status.message().c_str(), "`ethtool -K wan0 gro off`"));
}

void its_link_is_seen(void**) {
  const Interface wan("wan0");
  assert_false(wan.is_up().value_or(true));
  CHECK(shell("ip link set wan0 up && ip link set wan1 up"));
  assert_true(eventually([&] { return wan.is_up().value_or(false); }));
}

void the_mtu_is_raised_only(void**) {
  Interface wan("wan0");
  const std::string show = "ip -o link show wan0 | grep -o 'mtu [0-9]*'";
  assert_true(wan.raise_mtu(1600).ok());
  assert_true(wan.raise_mtu(1500).ok());
  assert_string_equal(output_of(show).c_str(), "mtu 1600\n");
}

void refuses(const char* name, uint32_t queues, const char* expected) {
  const Status status = Interface(name).check_queues(queues);
  assert_false(status.ok());
  if (std::strstr(status.message().c_str(), expected) == nullptr) {
    fail_msg("%s: %s", expected, status.message().c_str());
  }
}

// A cable's driver says how many it has; a macvlan's does not.
void queues_beside_the_ports_are_refused(void**) {
  assert_true(Interface("wan0").check_queues(2).ok());
  refuses("wan0", 1, "\"wan0\" spreads packets over 2 queues, but 1 are taken");
  refuses("wan0", 1, "`ethtool -L wan0 rx 1`");
  refuses("wan0", 3, "over 2 queues, but 3");
  CHECK(shell("ethtool -L wan0 rx 1"));
  assert_true(Interface("wan0").check_queues(1).ok());
  assert_true(Interface("floor1").check_queues(3).ok());
  refuses("floor1", 1, "`ethtool -L floor1 combined 1`");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  // What is below an interface is seen in a /sys of this network.
  CHECK(shell("umount -l /sys; mount -t sysfs none /sys"));
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_merges_is_switched_off, make_cables, remove_cables),
      cmocka_unit_test_setup_teardown(so_is_what_merges_below, make_cables, remove_cables),
      cmocka_unit_test_setup_teardown(nobody_merges_where_nothing_is, make_cables, remove_cables),
      cmocka_unit_test_setup_teardown(who_goes_on_is_named_with_the_command, make_cables,
                                      remove_cables),
      cmocka_unit_test_setup_teardown(its_link_is_seen, make_cables, remove_cables),
      cmocka_unit_test_setup_teardown(the_mtu_is_raised_only, make_cables, remove_cables),
      cmocka_unit_test_setup_teardown(queues_beside_the_ports_are_refused, make_cables,
                                      remove_cables),
  };
  return cmocka_run_group_tests_name("drivers/interface", tests, nullptr, nullptr);
}
