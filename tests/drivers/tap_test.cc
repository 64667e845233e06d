#include "drivers/tap.h"

#include <net/if.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>
#include <optional>

#include "drivers/tap_config.h"
#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {
namespace {

constexpr Mac kMac = {2, 0, 0, 0, 0, 1};

bool has(const std::string& text, const char* part) {
  return std::strstr(text.c_str(), part) != nullptr;
}

Address address_of(const char* text) { return *parse_address(text); }

TapConfig::Prefix prefix_of(const char* text, uint8_t length) {
  const Address address = address_of(text);
  return {.address = address,
          .length = static_cast<uint8_t>(address.is_v4() ? length + 96 : length)};
}

struct State {
  std::optional<Tap> tap;
  std::optional<NetlinkRequests> kernel;
  TapConfig config;
};

int set_up(void** state) {
  Result<Tap> tap = Tap::open({.name = "wan", .mac = kMac, .mtu = 1400});
  Result<NetlinkRequests> kernel = NetlinkRequests::open("");
  CHECK(tap.ok() && kernel.ok());
  auto* made = new State;
  made->tap = std::move(tap.value());
  made->kernel = std::move(kernel.value());
  made->config.name = "wan";
  made->config.interface = made->tap->interface();
  *state = made;
  return 0;
}

int tear_down(void** state) {
  delete static_cast<State*>(*state);
  return ::if_nametoindex("wan") == 0 ? 0 : -1;
}

void is_up_with_its_mac_and_mtu(void** state) {
  const auto& tap = *static_cast<State*>(*state)->tap;
  assert_int_equal(tap.interface(), ::if_nametoindex("wan"));
  const std::string link = output_of("ip link show wan");
  assert_true(has(link, "mtu 1400"));
  assert_true(has(link, "LOWER_UP"));
  assert_true(has(link, "02:00:00:00:00:01"));
  assert_string_equal(output_of("cat /proc/sys/net/ipv6/conf/wan/accept_ra").c_str(), "0\n");
  char none = 0;
  // What the kernel sends when a link comes up may be there; then, nothing: and no waiting.
  while (::read(tap.descriptor(), &none, 1) >= 0) continue;
  assert_int_equal(errno, EAGAIN);
}

void carrier_follows(void** state) {
  auto& tap = *static_cast<State*>(*state)->tap;
  assert_true(tap.set_carrier(false).ok());
  assert_true(has(output_of("ip link show wan"), "NO-CARRIER"));
  assert_true(tap.set_carrier(true).ok());
  assert_true(has(output_of("ip link show wan"), "LOWER_UP"));
}

void refuses_in_words(void**) {
  const struct {
    const char* description;
    const char* name;
    Mac mac;
    uint16_t mtu;
    const char* message;
  } cases[] = {
      {"a TAP has it", "wan", kMac, 1500, "interface \"wan\" already"},
      {"another interface has it", "lo", kMac, 1500, "interface \"lo\" already"},
      {"too long", "sixteen-letters-", kMac, 1500, "1 to 15 bytes"},
      {"empty", "", kMac, 1500, "1 to 15 bytes"},
      {"no name", "a/b", kMac, 1500, "cannot be the name"},
      {"a pattern", "p%d", kMac, 1500, "cannot be the name"},
      {"a multicast address", "lan", {1, 0, 0, 0, 0, 1}, 1500, "MAC address"},
      {"an MTU that is too small", "lan", kMac, 10, "MTU of 10"},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    const Result<Tap> tap =
        Tap::open({.name = example.name, .mac = example.mac, .mtu = example.mtu});
    assert_false(tap.ok());
    print_message("    %s\n", tap.message().c_str());
    assert_true(has(tap.message(), example.message));
  }
  assert_int_equal(::if_nametoindex("lan"), 0);
  assert_int_equal(::if_nametoindex("p0"), 0);
}

void says_what_is_missing(void**) {
  assert_true(shell("mount -t tmpfs none /dev/net"));
  const Result<Tap> without_device = Tap::open({.name = "lan", .mac = kMac});
  assert_true(shell("umount /dev/net"));
  assert_true(has(without_device.message(), "modprobe tun"));

  const pid_t child = ::fork();
  if (child == 0) {
    // A user namespace of its own takes away what root may do with this network.
    const bool is_refused = ::unshare(CLONE_NEWUSER) == 0 &&
                            has(Tap::open({.name = "lan", .mac = kMac}).message(), "CAP_NET_ADMIN");
    ::_exit(is_refused ? 0 : 1);
  }
  int status = 0;
  assert_int_equal(::waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
}

void is_gone_with_a_killed_process(void**) {
  const pid_t child = ::fork();
  if (child == 0) {
    const Result<Tap> tap = Tap::open({.name = "lan", .mac = kMac});
    if (!tap.ok()) ::_exit(1);
    ::pause();
  }
  const bool was_there = eventually([] { return ::if_nametoindex("lan") != 0; });
  ::kill(child, SIGKILL);
  int status = 0;
  ::waitpid(child, &status, 0);
  assert_true(was_there);
  assert_true(eventually([] { return ::if_nametoindex("lan") == 0; }));
}

void addresses_come_and_go(void** state) {
  auto& [tap, kernel, config] = *static_cast<State*>(*state);
  config.addresses = {prefix_of("192.0.2.2", 24), prefix_of("2001:db8::2", 64)};
  config.vips = {address_of("192.0.2.10"), address_of("198.51.100.1"), address_of("2001:db8::10")};
  assert_true(configure_tap(*kernel, config).ok());
  std::string shown = output_of("ip -o address show wan");
  for (const char* part :
       {"192.0.2.2/24", "192.0.2.10/32", "198.51.100.1/32", "2001:db8::2/64", "2001:db8::10/128"}) {
    print_message("  %s\n", part);
    assert_true(has(shown, part));
  }
  // Answered for at once, but not sent from.
  assert_false(has(shown, "tentative"));
  assert_true(has(output_of("ip -6 route get 2001:db8::11"), "src 2001:db8::2 "));
  assert_true(has(output_of("ip route get 192.0.2.11"), "src 192.0.2.2 "));

  config.vips = {address_of("198.51.100.2")};
  config.addresses = {prefix_of("192.0.2.3", 24), prefix_of("2001:db8::2", 64)};
  assert_true(configure_tap(*kernel, config).ok());
  shown = output_of("ip -o address show wan");
  for (const char* part : {"192.0.2.2/24", "192.0.2.10", "198.51.100.1/", "2001:db8::10"}) {
    print_message("  no %s\n", part);
    assert_false(has(shown, part));
  }
  for (const char* part : {"192.0.2.3/24", "198.51.100.2/32", "2001:db8::2/64", "inet6 fe80::"}) {
    print_message("  %s\n", part);
    assert_true(has(shown, part));
  }
}

void routes_come_and_go(void** state) {
  auto& [tap, kernel, config] = *static_cast<State*>(*state);
  config.addresses = {prefix_of("192.0.2.2", 24), prefix_of("2001:db8::2", 64)};
  config.routes = {{.to = prefix_of("0.0.0.0", 0), .via = address_of("192.0.2.254")},
                   {.to = prefix_of("10.0.0.0", 8), .via = address_of("192.0.2.253")},
                   {.to = prefix_of("::", 0), .via = address_of("2001:db8::fe")}};
  assert_true(configure_tap(*kernel, config).ok());
  assert_true(shell("ip route add 172.16.0.0/12 via 192.0.2.252"));
  assert_true(has(output_of("ip route"), "default via 192.0.2.254 dev wan"));
  assert_true(has(output_of("ip route"), "10.0.0.0/8 via 192.0.2.253 dev wan"));
  assert_true(has(output_of("ip -6 route"), "default via 2001:db8::fe dev wan"));

  // The subnet's address changes, and what goes through it stays all the same.
  config.addresses = {prefix_of("192.0.2.3", 24), prefix_of("2001:db8::2", 64)};
  config.routes = {{.to = prefix_of("0.0.0.0", 0), .via = address_of("192.0.2.251")}};
  assert_true(configure_tap(*kernel, config).ok());
  const std::string shown = output_of("ip route; ip -6 route");
  assert_true(has(shown, "default via 192.0.2.251 dev wan"));
  assert_false(has(shown, "192.0.2.254"));
  assert_false(has(shown, "10.0.0.0/8"));
  assert_false(has(shown, "default via 2001"));
  assert_true(has(shown, "172.16.0.0/12 via 192.0.2.252"));  // is not the box's to take away
}

void names_the_first_refusal_and_does_the_rest(void** state) {
  auto& [tap, kernel, config] = *static_cast<State*>(*state);
  config.addresses = {prefix_of("192.0.2.2", 24)};
  config.routes = {{.to = prefix_of("10.0.0.0", 8), .via = address_of("203.0.113.1")},
                   {.to = prefix_of("10.1.0.0", 16), .via = address_of("192.0.2.1")}};
  const Status status = configure_tap(*kernel, config);
  print_message("  %s\n", status.message().c_str());
  assert_true(has(status.message(), "Port \"wan\""));
  assert_true(has(status.message(), "10.0.0.0/8 via 203.0.113.1"));
  assert_true(has(output_of("ip route"), "10.1.0.0/16 via 192.0.2.1"));
}

void many_vips_are_quick(void** state) {
  auto& [tap, kernel, config] = *static_cast<State*>(*state);
  for (uint32_t i = 0; i < 4'096; ++i) {
    config.vips.push_back(Address::v4(Big32(0xc6120000 + i)));
  }
  const Microseconds begin = real_now();
  assert_true(configure_tap(*kernel, config).ok());
  print_message("  4,096 VIPs: %lu ms\n", (real_now() - begin) / 1000);
  assert_true(has(output_of("ip -o -4 address show wan | wc -l"), "4096"));
  config.vips.clear();
  assert_true(configure_tap(*kernel, config).ok());
  assert_string_equal(output_of("ip -o -4 address show wan").c_str(), "");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(is_up_with_its_mac_and_mtu, set_up, tear_down),
      cmocka_unit_test_setup_teardown(carrier_follows, set_up, tear_down),
      cmocka_unit_test_setup_teardown(refuses_in_words, set_up, tear_down),
      cmocka_unit_test(says_what_is_missing),
      cmocka_unit_test(is_gone_with_a_killed_process),
      cmocka_unit_test_setup_teardown(addresses_come_and_go, set_up, tear_down),
      cmocka_unit_test_setup_teardown(routes_come_and_go, set_up, tear_down),
      cmocka_unit_test_setup_teardown(names_the_first_refusal_and_does_the_rest, set_up, tear_down),
      cmocka_unit_test_setup_teardown(many_vips_are_quick, set_up, tear_down),
  };
  return cmocka_run_group_tests_name("drivers/tap", tests, nullptr, nullptr);
}
