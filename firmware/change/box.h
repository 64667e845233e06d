// What a change needs of the box: what would become of settings, and putting them in force. The
// settings that go through here have the overrides in them (override_settings.h).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/change/compile.h"
#include "firmware/change/impact.h"
#include "firmware/exchange/plan.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/source.h"

namespace evenkeel {

// What settings come to, as the world is at this moment.
struct Preview {
  std::shared_ptr<const Plan> plan;
  std::vector<BackendState> states;
};

class Box {
 public:
  Box() = default;
  virtual ~Box() = default;
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

  // The keys that only a restart brings into force and that differ from what keeld was started
  // with: "cpu", "ports[wan]".
  virtual std::vector<std::string> needs_restart(const Settings& wanted) const = 0;

  // What is wrong with the files of credentials. Waits for their disk, not for long.
  virtual std::vector<Mistake> mistakes_in_files(std::vector<CredentialSettings> credentials) = 0;

  // Compiles and builds, and changes nothing.
  virtual Result<Preview> preview(std::shared_ptr<const Settings> settings) = 0;

  // The same of settings that are not to be in force: what was previewed last is not put aside for
  // it. Waits for no next hop: of backends that nobody knows yet, it is not known.
  virtual Result<Preview> look_at(const Settings& settings) = 0;

  // Puts them in force step by step, as these say; at once, if that leaves nothing to compare. If
  // it fails, what was in force still is.
  virtual Status roll_out(std::shared_ptr<const Settings> settings, const RolloutSettings& how) = 0;
  // Whether settings that roll_out() has begun with are not in force for all yet.
  virtual bool is_rolling_out() const = 0;

  // Puts them in force, at once. If it fails, what was in force still is. The very settings of the
  // last preview or of keep_ready() are not compiled again. While settings
  // roll out, it ends that if these are the ones of keep_ready(); others take their place in it.
  virtual Status publish(std::shared_ptr<const Settings> settings) = 0;

  // From now on these settings can be in force in no time, whenever they are published and however
  // the world changes; none: null.
  virtual void keep_ready(std::shared_ptr<const Settings> settings) = 0;

  // What is in force; good until the next publish().
  virtual Side in_force() const = 0;

  // Of the last minute.
  virtual Traffic traffic() const = 0;

  // Of the machine; 0: not known.
  virtual uint32_t cores() const = 0;

  // Monotonic.
  virtual Microseconds now() const = 0;
};

}  // namespace evenkeel
