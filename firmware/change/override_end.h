// Which overrides may not end yet. While an operator keeps a service's servers away, what gives
// another one weight for a while can be all that its clients have; its end must not close the
// service.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/change/overrides.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// Whether the backend of a service could be sent flows now.
using IsUsable = std::function<bool(std::string_view service, std::string_view backend)>;

// Of `ending`, which are ids of `all`, those that have to stay, each with a service that would
// have nobody to take new flows without them. If one would do of several, all stay: which of them
// the service can do without is nobody's to guess.
//
// Whom it takes away counts though he does not answer at the moment: he may come back. A service
// to whose backends these settings give no weight at all is closed because somebody wants that; it
// holds up nothing.
std::map<uint64_t, std::string> overrides_to_keep(const Settings& settings,
                                                  const std::vector<Override>& all,
                                                  std::set<uint64_t> ending,
                                                  const IsUsable& is_usable);

// Whether a service is meant to be open.
bool wants_flows(const ServiceSettings& service);

bool is_meant(const OverrideRequest& request, const ServiceSettings& service,
              const BackendSettings& backend);

}  // namespace evenkeel
