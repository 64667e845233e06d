#include "firmware/health/agent_wish.h"

namespace evenkeel {

AgentReport merged(const AgentReport& before, const AgentReport& said) {
  return {.state = said.state ? said.state : before.state,
          .wish = said.wish ? said.wish : before.wish,
          .weight = said.weight ? said.weight : before.weight,
          .load = said.load,  // of the moment
          .connections = said.connections ? said.connections : before.connections,
          .reason = said.reason};
}

double part_of(const AgentReport& report) {
  return is_set_aside(report) ? 0 : static_cast<double>(report.weight.value_or(100)) / 100;
}

bool is_set_aside(const AgentReport& report) {
  const auto wish = report.wish.value_or(AgentReport::Wish::ready);
  return wish != AgentReport::Wish::ready || report.weight == 0u;
}

}  // namespace evenkeel
