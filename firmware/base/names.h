// Names that are two in one: a backend's in full, "SERVICE/BACKEND", and a service's in a plan,
// which is "SERVICE/v6" where it has VIPs of both IP versions. No part has a slash in it.
#pragma once

#include <string_view>

namespace evenkeel {

// All of it, if it is one name only.
constexpr std::string_view service_part(std::string_view name) {
  return name.substr(0, name.find('/'));
}

constexpr std::string_view backend_part(std::string_view name) {
  return name.substr(name.find('/') + 1);
}

}  // namespace evenkeel
