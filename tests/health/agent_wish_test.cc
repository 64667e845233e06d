#include "firmware/health/agent_wish.h"

#include "firmware/health/agent_line.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using State = AgentReport::State;
using Wish = AgentReport::Wish;

// Lines of an agent, one after the other, and what holds in the end.
void what_is_not_said_stays_as_it_was(void**) {
  const struct {
    const char* description;
    std::vector<const char*> lines;
    AgentReport expected;
    double part;
    bool is_set_aside;
  } cases[] = {
      {"a weight alone", {"75%"}, {.weight = 75}, 0.75, false},
      {"more than in the settings", {"200%"}, {.weight = 200}, 2, false},
      {"the most", {"1000%"}, {.weight = 1'000}, 10, false},
      {"none", {"0%"}, {.weight = 0}, 0, true},
      {"a weight does not end a drain",
       {"drain", "50%"},
       {.wish = Wish::drain, .weight = 50},
       0,
       true},
      {"nor does up", {"drain", "up"}, {.state = State::up, .wish = Wish::drain}, 0, true},
      {"ready does", {"75%", "drain", "ready"}, {.wish = Wish::ready, .weight = 75}, 0.75, false},
      {"ready ends maintenance, not down",
       {"down maint", "ready"},
       {.state = State::down, .wish = Wish::ready},
       1,
       false},
      {"a drain becomes maintenance", {"drain", "maint"}, {.wish = Wish::maintenance}, 0, true},
      {"a state stays", {"stopped", "80%"}, {.state = State::down, .weight = 80}, 0.8, false},
      {"up ends it", {"fail", "up"}, {.state = State::up}, 1, false},
      {"load and connections",
       {"load:90 maxconn:7", "load:10"},
       {.load = 10, .connections = 7},
       1,
       false},
      {"a load is of its moment", {"load:90", "up"}, {.state = State::up}, 1, false},
      {"a reason is of its answer", {"drain # disk", "up"}, {State::up, Wish::drain}, 0, true},
      {"a reason", {"drain # disk"}, {.wish = Wish::drain, .reason = "disk"}, 0, true},
  };
  for (const auto& row : cases) {
    AgentReport held;
    for (const char* line : row.lines) held = merged(held, *parse_agent_line(line));
    if (held != row.expected) print_error("%s\n", row.description);
    assert_true(held == row.expected);
    assert_true(part_of(held) == row.part);
    assert_int_equal(is_set_aside(held), row.is_set_aside);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {cmocka_unit_test(what_is_not_said_stays_as_it_was)};
  return cmocka_run_group_tests_name("health/agent_wish", tests, nullptr, nullptr);
}
