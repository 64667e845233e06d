// What the box boots: the confirmed settings of its archive; a file, if the archive is new. The box
// forwards whatever is damaged: what cannot be used is said, and the newest that can be is taken.
#pragma once

#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/change/archive.h"
#include "firmware/change/change.h"

namespace evenkeel {

struct Boot {
  Archive archive;
  Confirmed confirmed;
  std::vector<std::string> warnings;  // what was not as it should be
  // What is not, until the next start.
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
  std::vector<std::string> lasting{};
};

// `seed` is read if nothing in the archive of folder `state` can be booted.
Result<Boot> boot(const std::string& state, const std::string& seed, WallTime wall);

// Makes a file the confirmed settings of the archive, which no keeld has open. Rules judge the
// settings alone: what would be refused of them, and is not confirmed so already, is refused by the
// rule's name; there are no plan, no traffic and no waivers. Answers their number.
Result<uint64_t> import_settings(const std::string& state, const std::string& path, WallTime wall);

}  // namespace evenkeel
