#include "firmware/packet/flow_limit.h"

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {

bool FlowLimit::admit(uint64_t client, uint32_t limit, Tick now) {
  REQUIRE(limit != 0);
  const auto tag = static_cast<uint32_t>(client >> 32);
  auto& entries = sets_[client % kSets].entries;
  const auto opened = [now](const Entry& entry) { return entry.second == now ? entry.opened : 0; };
  auto mine = std::ranges::find_if(
      entries, [&](const Entry& entry) { return entry.tag == tag && opened(entry) != 0; });
  if (mine == entries.end()) {
    mine = std::ranges::min_element(entries, {}, opened);
    *mine = {.tag = tag, .second = now, .opened = 0};
  }
  if (mine->opened >= limit) return false;
  ++mine->opened;
  return true;
}

}  // namespace evenkeel
