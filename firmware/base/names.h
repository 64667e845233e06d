// Names that are two in one: a backend's in full, "SERVICE/BACKEND", and a service's in a plan,
// which is "SERVICE/v6" for its VIPs of IPv6. No part has a slash in it.
#pragma once

#include <string>
#include <string_view>

namespace evenkeel {

// All of it, if it is one name only.
constexpr std::string_view service_part(std::string_view name) {
  return name.substr(0, name.find('/'));
}

constexpr std::string_view backend_part(std::string_view name) {
  return name.substr(name.find('/') + 1);
}

// Whatever other VIPs there are: a service that gets some of the other IP version stays what it is.
inline std::string name_in_plan(std::string_view service, bool is_v4) {
  return std::string(service) + (is_v4 ? "" : "/v6");
}

}  // namespace evenkeel
