// Who takes a service's flows, as the world is: who cannot be reached, fails its check, or is given
// a part of its weight.
#include "firmware/change/compile.h"
#include "tests/change/compiling.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

void an_unresolved_backend_takes_nothing_and_keeps_its_place(void** /*state*/) {
  World world;
  world.lose("10.0.0.11");
  const Compiled compiled = world.compile(settings_of(kShop));
  const BackendSpec& lost = compiled.spec.backends[0];
  assert_false(lost.is_alive);
  assert_true(lost.forwarding.destination_mac == Mac{});
  assert_true(lost.forwarding.destination == address_of("10.0.0.11"));
  assert_int_equal(compiled.spec.services[0].members[0].weight, 0);
  assert_int_equal(compiled.spec.services[0].members[1].weight, 1);
  assert_true(compiled.spec.services[0].closed == Reason::none);
  assert_false(compiled.states[0].usable);
  assert_string_equal(compiled.states[0].why.c_str(), "no answer");
  assert_true(compiled.states[1].usable);
  plan_of(compiled);
}

void a_service_that_nobody_is_left_for_is_closed(void** /*state*/) {
  World world;
  world.lose("10.0.0.11");
  world.lose("10.0.0.12");
  const Compiled none = world.compile(settings_of(kShop));
  assert_true(none.spec.services[0].closed == Reason::next_hop_unresolved);
  assert_int_equal(none.spec.services[0].members.size(), 2);
  plan_of(none);
  // One that is left may take no new flows.
  world.others.erase(address_of("10.0.0.12"));
  Settings settings = settings_of(kShop);
  settings.services[0].backends[1].weight = 0;
  const Compiled drained = world.compile(settings);
  assert_true(drained.spec.services[0].closed == Reason::next_hop_unresolved);
  plan_of(drained);
}

void a_backend_that_fails_its_check_takes_nothing_and_keeps_its_place(void** /*state*/) {
  World world;
  world.complaints["shop/b"] = "its check fails: connection refused";
  const Compiled compiled = world.compile(settings_of(kShop));
  assert_true(compiled.states[0].usable);
  assert_false(compiled.states[1].usable);
  assert_string_equal(compiled.states[1].why.c_str(), "its check fails: connection refused");
  assert_true(compiled.spec.backends[0].is_alive);
  assert_false(compiled.spec.backends[1].is_alive);
  assert_int_equal(compiled.spec.services[0].members.size(), 2);
  assert_int_equal(compiled.spec.services[0].members[1].weight, 0);
  assert_true(compiled.spec.services[0].closed == Reason::none);
  plan_of(compiled);
  // Who cannot be reached, or is in maintenance, says so first.
  world.lose("10.0.0.12");
  assert_string_equal(world.compile(settings_of(kShop)).states[1].why.c_str(), "no answer");
  world.others.clear();
  Settings settings = settings_of(kShop);
  settings.services[0].backends[1].in_maintenance = true;
  assert_string_equal(world.compile(settings).states[1].why.c_str(), "in maintenance");
  // Another service's backend of that name is not meant.
  settings = settings_of(kShop);
  settings.services[0].name = "other";
  assert_true(world.compile(settings).states[1].usable);
}

// What one backend cannot be used for is no reason to refuse the rest.
void what_cannot_be_emitted_is_told_of_its_backend(void** /*state*/) {
  World world;
  NextHop without_source = World::neighbour(address_of("10.0.0.11"));
  without_source.source = {};
  world.others[address_of("10.0.0.11")] = without_source;
  const Compiled unnamed = world.compile(settings_of(kShop));
  assert_true(!unnamed.states[0].usable && unnamed.states[1].usable);
  assert_true(unnamed.states[0].why.starts_with("tunnel_source is not set"));
  assert_true(unnamed.spec.backends[0].forwarding.destination_mac == Mac{});
  plan_of(unnamed);

  world.others.clear();
  world.ports[1].mtu = 1'280;
  const Compiled narrow = world.compile(settings_of(kBoth));
  assert_true(narrow.states[0].why.starts_with("mtu 1280 is too small"));
  assert_true(narrow.spec.services[0].closed == Reason::none);  // IPv4 fits
  assert_true(narrow.spec.services[1].closed == Reason::next_hop_unresolved);
  plan_of(narrow);
}

void direct_return_needs_a_neighbour(void** /*state*/) {
  World world;
  NextHop routed = World::neighbour(address_of("10.0.0.11"));
  routed.gateway = address_of("10.0.0.1");
  world.others[address_of("10.0.0.11")] = routed;
  Settings settings = settings_of(kShop);
  assert_true(world.compile(settings).states[0].usable);
  settings.services[0].mode = Mode::l2_direct;
  const Compiled compiled = world.compile(settings);
  assert_string_equal(compiled.states[0].why.c_str(),
                      "mode l2_direct reaches neighbours only, and it is behind router 10.0.0.1");
  assert_true(compiled.states[1].usable);
  plan_of(compiled);
}

// In percent, so that weights keep their ratios.
void a_part_of_a_weight_is_given(void** /*state*/) {
  World world;
  world.parts = {{"shop/a", 50}};
  const Compiled compiled = world.compile(settings_of(kShop));
  assert_int_equal(compiled.spec.services[0].members[0].weight, 150);
  assert_int_equal(compiled.spec.services[0].members[1].weight, 100);
  assert_true(compiled.states[0].usable && compiled.states[1].usable);
  assert_string_equal(compiled.states[0].why.c_str(), "asked for less");
  assert_string_equal(compiled.states[1].why.c_str(), "");
  plan_of(compiled);
}

void who_is_given_nothing_keeps_flows_and_somebody_is_left(void** /*state*/) {
  World world;
  world.parts = {{"shop/a", 0}};
  const Compiled one = world.compile(settings_of(kShop));
  assert_int_equal(one.spec.services[0].members[0].weight, 0);
  assert_true(one.spec.backends[0].is_alive);
  plan_of(one);

  world.parts["shop/b"] = 0;
  const Compiled nobody = world.compile(settings_of(kShop));
  assert_int_equal(nobody.spec.services[0].members[0].weight, 3);
  assert_int_equal(nobody.spec.services[0].members[1].weight, 1);

  world.parts = {{"shop/a", 0}};
  world.complaints = {{"shop/b", "down"}};
  const Compiled last = world.compile(settings_of(kShop));
  assert_true(last.spec.services[0].closed == Reason::none);
  assert_int_equal(last.spec.services[0].members[0].weight, 3);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(an_unresolved_backend_takes_nothing_and_keeps_its_place),
      cmocka_unit_test(a_service_that_nobody_is_left_for_is_closed),
      cmocka_unit_test(a_backend_that_fails_its_check_takes_nothing_and_keeps_its_place),
      cmocka_unit_test(what_cannot_be_emitted_is_told_of_its_backend),
      cmocka_unit_test(direct_return_needs_a_neighbour),
      cmocka_unit_test(a_part_of_a_weight_is_given),
      cmocka_unit_test(who_is_given_nothing_keeps_flows_and_somebody_is_left),
  };
  return cmocka_run_group_tests_name("change/compile_members", tests, nullptr, nullptr);
}
