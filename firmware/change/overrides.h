// What operators set for one backend at run time, for a while: drain it, take it out, or give it
// another weight. Overrides are no settings, so a commit neither loses nor keeps them; they are in
// a file of their own, which is replaced in one step, and survive a restart. Every one has a reason
// and an end.
//
// While the box runs, an override ends by the monotonic clock, so that a step of the wall clock
// changes nothing. Across a restart there is only the wall clock; stepped back, it never makes an
// override longer than it was asked to be.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/errand.h"
#include "firmware/base/status.h"

namespace evenkeel {

// From the mildest to the strictest.
enum class OverrideKind : uint8_t {
  weight,       // another share of new flows
  drain,        // no new flows; those that it has, stay
  maintenance,  // none at all
};
std::string_view name_of(OverrideKind kind);
std::optional<OverrideKind> override_kind_of(std::string_view name);

// NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.

// What is asked for.
struct OverrideRequest {
  std::string backend{};  // "SERVICE/BACKEND", or "BACKEND" for all services that have it
  OverrideKind kind = OverrideKind::drain;
  uint32_t weight = 0;     // of kind weight
  Microseconds lasts = 0;  // 1 s to kMaxOverrideSeconds
  std::string reason{};
  std::string who{};
};

// NOLINTEND(readability-redundant-member-init)

struct Override {
  uint64_t id = 0;
  OverrideRequest request{};
  WallTime made = 0;
  WallTime ends = 0;         // for people, and for the next start
  Microseconds ends_at = 0;  // by the monotonic clock of this process
};

// What holds for one backend: of those for it and for its name in all services, the strictest kind,
// and then the one that names the service. Null: none.
const Override* override_of(const std::vector<Override>& all, std::string_view service,
                            std::string_view backend);

// Control thread only.
//
// Invariants:
//  1. What all() has is on the disk, but for what has ended.
//  2. One override at most for each `backend` as written and kind; a new one takes the old one's
//     place.
class Overrides {
 public:
  // A file that cannot be understood is not used, and trouble() names it; it stays until the first
  // change, which keeps it as PATH.damaged-1, -2 and so on.
  Overrides(std::string path, Microseconds now, WallTime wall);

  // Returns its id. Refused: no reason, no end, bad names, too many, or a disk that does not take
  // it; then nothing has changed.
  Result<uint64_t> add(const OverrideRequest& request, Microseconds now, WallTime wall);
  Result<Override> remove(uint64_t id);

  // How long a disk may take before it hangs; none, as at the beginning: for ever.
  void set_patience(std::optional<Errand::Patience> patience) { errand_.set_patience(patience); }

  // Ids of those whose time is over.
  std::set<uint64_t> due(Microseconds now) const;
  // Takes these out, but for those that have to stay, and returns them, to be told. They end on a
  // failing disk too.
  std::vector<Override> expire(Microseconds now, const std::set<uint64_t>& staying = {});

  const std::vector<Override>& all() const { return overrides_; }  // by id

  // What holds for one backend. None: the settings do.
  const Override* of(std::string_view service, std::string_view backend) const;

  // From when on due() has something; none: never.
  std::optional<Microseconds> next_end() const;

  // What is wrong and what to do, in one sentence; empty: all is well.
  const std::string& trouble() const { return trouble_; }

 private:
  Status load(Microseconds now, WallTime wall);
  struct Saving;
  Status save(const std::vector<Override>& overrides);
  Status end(const Saving& saving);

  std::string path_;
  bool is_damaged_ = false;  // the file at path_ is not ours to replace
  uint64_t next_id_ = 1;
  std::vector<Override> overrides_;
  std::string trouble_;
  Errand errand_;
};

}  // namespace evenkeel
