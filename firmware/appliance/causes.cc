#include "firmware/appliance/causes.h"

#include <ranges>

namespace evenkeel {

void Causes::note(std::string_view service, std::string_view what, Microseconds now) {
  causes_.push_back({.service = std::string(service), .what = std::string(what), .when = now});
  if (causes_.size() > kMost) causes_.pop_front();
}

std::string Causes::before(std::string_view service, Microseconds since) const {
  for (const Cause& cause : causes_ | std::views::reverse) {
    if (cause.when > since) continue;
    if (since - cause.when > kBefore) break;
    if (!cause.service.empty() && cause.service != service) continue;
    return ", " + std::to_string((since - cause.when) / kMicrosecondsPerTick) +
           " s after: " + cause.what;
  }
  return {};
}

}  // namespace evenkeel
