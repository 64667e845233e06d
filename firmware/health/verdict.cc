#include "firmware/health/verdict.h"

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {

const char* name_of(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::up:
      return "up";
    case Health::down:
      return "down";
  }
  return "unknown";
}

Microseconds notice_time(const CheckSettings& check) {
  return check.fall * check.interval + check.timeout;
}

// Longer than a check needs to see it fall and rise a few times, whatever its interval is.
Microseconds Verdict::calm_time(const CheckSettings& check) {
  return std::max(kLeastCalm, 4 * check.interval * (check.rise + check.fall));
}

bool Verdict::take(const ProbeAnswer& answer, const CheckSettings& check, Microseconds asked,
                   Microseconds now) {
  REQUIRE(answer.kind != ProbeAnswer::Kind::not_asked);
  REQUIRE(asked <= now && answered() <= now);
  const Health said = answer.kind == ProbeAnswer::Kind::good ? Health::up : Health::down;
  if (heard_.size() == kMostHeard) heard_.erase(heard_.begin());
  heard_.push_back({.when = now, .is_good = said == Health::up, .text = answer.text});
  took_ = now - asked;
  if (said == Health::down) kept_.complaint = answer.text;
  kept_.against = said == kept_.decided ? 0 : kept_.against + 1;
  const bool is_enough = decides(answer, check);
  kept_.is_first = false;
  if (said == kept_.decided || !is_enough) return false;
  turn(said, check, now);
  return true;
}

bool Verdict::decides(const ProbeAnswer& answer, const CheckSettings& check) {
  const bool is_said = answer.report && answer.report->state.has_value();
  const bool is_good = answer.kind == ProbeAnswer::Kind::good;
  const uint32_t of_check = is_good ? check.rise : check.fall;
  const uint32_t doublings = is_good ? kept_.doublings : 0;
  return (kept_.is_first && doublings == 0) || kept_.against >= (is_said ? 1 : of_check)
                                                                    << doublings;
}

void Verdict::turn(Health said, const CheckSettings& check, Microseconds now) {
  if (kept_.decided == Health::up) {
    const bool is_calm = kept_.recovered == 0 || now - kept_.recovered >= calm_time(check);
    kept_.doublings = is_calm ? 0 : std::min(kept_.doublings + 1, kMaxDoublings);
    kept_.fell = now;
  }
  if (kept_.decided == Health::down) kept_.recovered = now;
  kept_.decided = said;
  kept_.since = now;
  kept_.against = 0;
}

const std::string& Verdict::text() const {
  static const std::string kNone;
  return heard_.empty() ? kNone : heard_.back().text;
}

void Verdict::excuse() {
  REQUIRE(decided() == Health::up);
  kept_.doublings = 0;
  kept_.recovered = 0;
  kept_.fell = 0;
}

bool Verdict::changes_often(const CheckSettings& check, Microseconds now) const {
  if (kept_.doublings == 0) return false;
  return kept_.decided != Health::up || now - kept_.recovered < calm_time(check);
}

Health Verdict::health(const CheckSettings& check, Microseconds now) const {
  if (heard_.empty() || now - answered() > kStaleAfter * check.interval) return Health::unknown;
  return kept_.decided;
}

}  // namespace evenkeel
