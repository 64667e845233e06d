// What the random operators of the model test came to, for whoever reads its output; what never
// happened was not tested.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace evenkeel {

struct Tally {
  size_t live = 0;
  size_t confirmed = 0;
  size_t approved = 0;
  size_t expired = 0;
  size_t judged = 0;
  size_t rolled_back = 0;
  size_t cut_off = 0;  // on probation when the process ended
  size_t crashes = 0;
  size_t refused_by_disk = 0;
  size_t rolled_back_on_full_disk = 0;
  size_t refused_by_latch = 0;
  size_t unlatched = 0;
  size_t overridden = 0;
  size_t overrides_ended = 0;
  size_t not_published = 0;
  size_t went_back_first = 0;  // before anything was written
};

inline std::vector<std::pair<const char*, size_t>> told(const Tally& tally) {
  return {
      {"went live", tally.live},
      {"were confirmed", tally.confirmed},
      {"were approved", tally.approved},
      {"expired", tally.expired},
      {"were judged", tally.judged},
      {"were rolled back", tally.rolled_back},
      {"were on probation when the process ended", tally.cut_off},
      {"crashes in the middle", tally.crashes},
      {"refused by a full disk", tally.refused_by_disk},
      {"rolled back on a full disk", tally.rolled_back_on_full_disk},
      {"refused by a latch", tally.refused_by_latch},
      {"unlatched", tally.unlatched},
      {"overridden", tally.overridden},
      {"overrides ended", tally.overrides_ended},
      {"not published", tally.not_published},
      {"went back before anything was written", tally.went_back_first},
  };
}

}  // namespace evenkeel
