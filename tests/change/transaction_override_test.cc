// Overrides whose time is over, or that are removed, while a service needs them.
#include "firmware/change/transaction.h"

#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "tests/change/small_transaction.h"

namespace evenkeel {
namespace {

constexpr const char* kStandby =
    "ports = ( { name = \"wan\"; device = \"net_null0\"; addresses = [\"10.0.0.254/24\"]; } );\n"
    "services = ( { name = \"shop\"; vips = [\"192.0.2.10\"]; ports = \"80\"; buckets = 4099;\n"
    "  backends = ( { name = \"main\"; address = \"10.0.0.1\"; },\n"
    "               { name = \"standby\"; address = \"10.0.0.2\"; weight = 0; } ); } );\n";

int setup_with_standby(void** state) {
  *state = new Machine(kStandby);
  return 0;
}

Answer<Override> set_aside(Machine& machine, const char* backend, OverrideKind kind,
                           Microseconds lasts) {
  return machine.transaction->set_override(
      machine.caller("anna"),
      {.backend = backend, .kind = kind, .weight = 1, .lasts = lasts, .reason = "x"});
}

bool is_open(const Machine& machine) {
  return machine.box->in_force().plan->services.front().guard.closed == Reason::none;
}

// Main goes, standby comes for as long, and its time is over first.
void no_end_of_an_override_closes_a_service(void** state) {
  Machine& machine = machine_of(state);
  const auto standby =
      set_aside(machine, "shop/standby", OverrideKind::weight, 100 * kSecond).value().id;
  machine.tick(kSecond);
  const auto main = set_aside(machine, "main", OverrideKind::drain, 100 * kSecond).value().id;
  const Answer<Override> removed =
      machine.transaction->remove_override(machine.caller("anna"), standby);
  assert_true(is_refused(removed, Code::last_backend));
  assert_true(machine.transaction->troubles().empty());
  machine.tick(99 * kSecond);
  for (int i = 0; i < 2; ++i) {
    assert_true(is_open(machine));
    assert_int_equal(machine.transaction->overrides().all().size(), 2);
    const std::vector<Alert> troubles = machine.transaction->troubles();
    assert_int_equal(troubles.size(), 1);
    assert_string_equal(id_of(troubles.front()).c_str(),
                        R"(evenkeel_override_overdue{backend="standby",service="shop"})");
    assert_true(is_refused(machine.transaction->remove_override(machine.caller("anna"), standby),
                           Code::last_backend));
    // Neither does a restart end it.
    machine.restart();
    assert_true(is_open(machine));
    machine.tick(0);
  }
  // Main is back before its time, but down.
  machine.box->unreachable = {*parse_address("10.0.0.1")};
  assert_true(is_good(machine.transaction->remove_override(machine.caller("anna"), main)));
  machine.tick(kSecond);
  assert_int_equal(machine.transaction->overrides().all().size(), 1);
  machine.box->unreachable.clear();
  machine.box->look_again();
  machine.tick(kSecond);
  assert_int_equal(machine.transaction->overrides().all().size(), 0);
  assert_true(has_event(machine, "override", "shop/standby: weight has ended"));
  assert_true(machine.transaction->troubles().empty());
  assert_true(is_open(machine));
}

void overrides_that_end_together_end(void** state) {
  for (const OverrideKind kind : {OverrideKind::drain, OverrideKind::maintenance}) {
    Machine& machine = machine_of(state);
    assert_true(is_good(set_aside(machine, "shop/standby", OverrideKind::weight, 10 * kSecond)));
    assert_true(is_good(set_aside(machine, "shop/main", kind, 10 * kSecond)));
    machine.tick(10 * kSecond);
    assert_int_equal(machine.transaction->overrides().all().size(), 0);
    assert_true(machine.transaction->troubles().empty());
    assert_true(is_open(machine));
  }
}

// A change on its way may be what the service has besides.
void no_end_of_an_override_closes_what_comes_after_a_change(void** state) {
  Machine& machine = machine_of(state);
  const auto standby =
      set_aside(machine, "shop/standby", OverrideKind::weight, 10 * kSecond).value().id;
  assert_true(is_good(set_aside(machine, "shop/main", OverrideKind::drain, 300 * kSecond)));
  const Edit third = {.path = "services.shop.backends.third.address", .value = "\"10.0.0.3\""};
  const Caller anna = machine.caller("anna");
  assert_true(is_good(machine.transaction->edit(anna, std::span(&third, 1))));
  CommitRequest request = {.window = {}, .why = "x"};
  const Answer<Change> refused = machine.transaction->commit(anna, request);
  if (!refused.ok()) {
    for (const Hit& hit : refused.refusal().hits) {
      request.waivers.push_back({.rule = std::string(hit.rule), .reason = "x"});
    }
    assert_true(is_good(machine.transaction->commit(anna, request)));
  }
  const Answer<Override> removed = machine.transaction->remove_override(anna, standby);
  assert_true(is_refused(removed, Code::last_backend));
  assert_non_null(std::strstr(removed.refusal().message.c_str(), "once the change goes back"));
  machine.tick(10 * kSecond);
  assert_int_equal(machine.transaction->overrides().all().size(), 2);
  const Caller later = machine.caller("anna");
  assert_true(
      is_good(machine.transaction->confirm(later, machine.transaction->change().value().id)));
  machine.tick(kSecond);
  assert_int_equal(machine.transaction->overrides().all().size(), 1);
  assert_true(is_open(machine));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      test_of("no_end_of_an_override_closes_a_service", no_end_of_an_override_closes_a_service,
              setup_with_standby),
      test_of("overrides_that_end_together_end", overrides_that_end_together_end,
              setup_with_standby),
      test_of("no_end_of_an_override_closes_what_comes_after_a_change",
              no_end_of_an_override_closes_what_comes_after_a_change, setup_with_standby),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
