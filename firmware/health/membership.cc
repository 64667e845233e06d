#include "firmware/health/membership.h"

#include <algorithm>

namespace evenkeel {
namespace {

bool is_up(const Membership::Member& member) { return member.verdict->decided() == Health::up; }

}  // namespace

bool Membership::settle(std::span<const Member> members, const CheckSettings& check,
                        Microseconds now) {
  const bool was_held = failure_.has_value();
  const bool was_overruled = is_overruled_;
  const bool were_stale_out = are_stale_out_;
  if (was_held && now >= failure_->until) end_failure(now);
  if (!failure_) look_for_failure(members, check, now);
  if (failure_) {
    failure_->fallen = count_fallen(members, held_from_);
    if (failure_->fallen == 0) end_failure(now);
  }
  const auto wants = [](const Member& member) { return !member.is_set_aside; };
  wanted_ = static_cast<size_t>(std::ranges::count_if(members, wants));
  const auto stale = static_cast<size_t>(std::ranges::count_if(
      members, [&](const Member& member) { return wants(member) && member.is_stale; }));
  are_stale_out_ = 2 * stale < wanted_;
  left_ = static_cast<size_t>(std::ranges::count_if(members, [&](const Member& member) {
    const bool is_in = is_up(member) || member.may_come || holds(*member.verdict);
    return wants(member) && is_in && !(member.is_stale && are_stale_out_);
  }));
  const bool is_nobody_wanted = wanted_ == 0 && !members.empty();
  is_overruled_ = is_nobody_wanted || (left_ < wanted_ && left_ * 100 <= check.fail_open * wanted_);
  return failure_.has_value() != was_held || is_overruled_ != was_overruled ||
         are_stale_out_ != were_stale_out;
}

size_t Membership::count_fallen(std::span<const Member> members, Microseconds from) const {
  return static_cast<size_t>(std::ranges::count_if(members, [from](const Member& member) {
    return member.verdict->decided() == Health::down && member.verdict->fell() >= from;
  }));
}

// More than half; and not one alone, unless the settings have changed just before.
void Membership::look_for_failure(std::span<const Member> members, const CheckSettings& check,
                                  Microseconds now) {
  const Microseconds window = notice_time(check);
  const Microseconds from = std::max(now > window ? now - window : 0, spent_ + 1);
  const size_t fallen = count_fallen(members, from);
  const bool is_changed = changed_ != 0 && now - changed_ <= window;
  const auto up = static_cast<size_t>(std::ranges::count_if(members, is_up));
  if (fallen < (is_changed ? 1 : 2) || fallen <= up) return;
  held_from_ = from;
  failure_ = {.fallen = fallen, .of = up + fallen, .until = now + kHold};
}

void Membership::end_failure(Microseconds now) {
  failure_.reset();
  spent_ = now;
}

}  // namespace evenkeel
