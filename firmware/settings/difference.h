// What differs between two settings, key by key, for people who review a change: read through the
// key table, so that no key can be forgotten. Lists of named groups are compared by name: an
// element that moves to another place in its list is no other one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "firmware/settings/settings.h"

namespace evenkeel {

// Values are as settings write them, quotes included.
struct Difference {
  std::string path;    // "services.shop.mss"; of a name with dots in it "services[shop.eu].mss"
  std::string before;  // empty: absent, or not set
  std::string after;   // empty: absent, or not set

  friend bool operator==(const Difference&, const Difference&) = default;
};

// In the order of the key table, elements as `before` has them and then those that are new. Of an
// element that comes or goes: every key that is required or not at its default. Of a list whose
// common elements changed places: their names in order. None: the settings are the same.
// REQUIRES: names are unique in their lists, as of settings that were loaded.
std::vector<Difference> differences(const Settings& before, const Settings& after);

// Paths of those that come into force by a restart only.
std::vector<std::string> restarting_differences(const Settings& before, const Settings& after);

// A step further along a path: of a key, and of a list's element.
std::string path_to_key(const std::string& path, std::string_view key);
std::string path_to_element(const std::string& path, std::string_view name);

}  // namespace evenkeel
