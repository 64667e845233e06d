// How settings come into force step by step, and what becomes of those that they replace.
#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "firmware/appliance/control.h"
#include "firmware/base/check.h"
#include "firmware/base/names.h"
#include "firmware/health/outcomes.h"

namespace evenkeel {
namespace {

// How often both arms are read; and of control's time, reading takes at most one part in so many.
constexpr Microseconds kReadInterval = 100'000;
constexpr Microseconds kReadingShare = 20;

// How long settings stay at least whose backends flows may still be on: plans that say whether they
// are needed lag behind.
constexpr Microseconds kLeavingTime = 10 * kMicrosecondsPerTick;

// Of what a step could not tell, so many lines are logged.
constexpr size_t kLinesPerStep = 5;

std::string percent(uint32_t share) { return std::to_string(share / (kWholeSlice / 100)) + " %"; }

}  // namespace

Status Control::roll_out(std::shared_ptr<const Settings> settings, const RolloutSettings& how) {
  const std::vector<std::string> services = splittable_services(*settings_, *settings);
  if (how.steps.empty() || services.empty()) return put_in_force(std::move(settings));
  const Microseconds begin = now();
  brought_ = brought_backends(*settings_, *settings, services);
  for (const auto& [server, name] : brought_) traffic_watch_.forget(server, name);
  Compiled in_force = compiled_in_force();
  Arms arms;
  ++last_arm_;
  for (const std::string& service : services) arms[service] = last_arm_;
  change_ = std::make_unique<ChangeAtWork>(
      ChangeAtWork{.wanted = settings,
                   .tried = only_services(*settings, services),
                   .arms = std::move(arms),
                   .old_arms = arms_,
                   .rollout = Rollout(how, services, *settings_, begin),
                   .closed = {}});
  follow_in_force();
  // Its next hops are known since the preview.
  const Status planned = want(std::move(in_force), begin);
  if (!planned.ok()) {  // the change itself has passed its gates
    change_.reset();
    const std::string what =
        "the change comes into force for all flows at once: two arms are not possible: " +
        planned.message();
    log_.warning(what);
    record("rollout", "rollout", what);
    return put_in_force(std::move(settings));
  }
  tell_switch(begin);
  watch(all_destinations());
  arm_meter_ = {};
  read_again_ = 0;
  tell_step({});
  return {};
}

Status Control::publish(std::shared_ptr<const Settings> settings) {
  if (change_ != nullptr && settings == way_back_) return put_back(std::move(settings));
  if (!is_rolling_out()) return put_in_force(std::move(settings));
  Settings tried = only_services(*settings, change_->rollout.services());
  const auto exchange = [&] {
    std::swap(change_->wanted, settings);
    std::swap(change_->tried, tried);
    follow_in_force();
  };
  exchange();
  Status planned = replan(now());
  if (!planned.ok()) exchange();
  return planned;
}

// Flows that came to the change stay where they are, if that lives.
Status Control::put_back(std::shared_ptr<const Settings> settings) {
  change_->is_stopped = true;
  Status done = put_in_force(std::move(settings));
  if (!done.ok()) return done;
  arms_ = change_->old_arms;
  const std::vector<Leaving> given_up = leave(change_->tried, change_->arms, now());
  change_.reset();
  follow_in_force();
  surroundings_changed_ = true;
  tell_given_up(given_up);
  return done;
}

// Before a rollout. Compiling anew is a third of the time that its first step takes.
Compiled Control::compiled_in_force() const {
  REQUIRE(!is_rolling_out());
  const auto is_tried = [](const ServiceSpec& service) { return service.trial.is_on(); };
  const PlanSpec& wanted = planner_->wanted();
  if (surroundings_changed_ || std::ranges::any_of(wanted.services, is_tried)) {
    return compile_settings();
  }
  Compiled known{.spec = wanted, .states = backends_, .closed_by_trial = {}};
  remove_leaving(known.spec);
  return known;
}

Compiled Control::compile_settings() const {
  Compiled compiled = compile_now(*settings_, Prober::Of::in_force);
  set_arms(compiled.spec, arms_);
  return compiled;
}

Compiled Control::with_other_arms(Compiled compiled) const {
  if (is_rolling_out()) {
    PlanSpec tried = compile_now(change_->tried, Prober::Of::others).spec;
    set_arms(tried, change_->arms);
    compiled.spec.sample_shift = 0;  // a small slice is to tell something soon
    compiled.spec.trial = change_->rollout.turns();
    compiled.closed_by_trial = add_trial(compiled.spec, std::move(tried), change_->rollout.share());
  }
  add_leaving_to(compiled.spec);
  return compiled;
}

// And a change that goes back. What only leaves may be nat alone: the ways to clients are asked for
// once then.
void Control::add_leaving_to(PlanSpec& spec, const ChangeAtWork* gone) const {
  std::vector<PlanSpec> left;
  bool has_ways = !spec.ways.empty();
  const auto add = [&](const Settings& settings, const Arms& arms) {
    left.push_back(compile_now(settings, Prober::Of::left, !has_ways).spec);
    has_ways = has_ways || !left.back().ways.empty();
    set_arms(left.back(), arms);
  };
  for (const Leaving& each : leaving_) add(each.settings, each.arms);
  if (gone != nullptr) add(gone->tried, gone->arms);
  if (!left.empty()) add_leaving(spec, std::move(left));
}

// Answers what is given up for it.
std::vector<Leaving> Control::leave(Settings settings, Arms arms, Microseconds now) {
  leaving_.push_back({.settings = std::move(settings), .arms = std::move(arms), .since = now});
  return give_up_oldest(leaving_, backends_of(*settings_));
}

void Control::tell_given_up(const std::vector<Leaving>& given_up) {
  for (const Leaving& each : given_up) {
    const size_t services = each.settings.services.size();
    const std::string what = "flows that are still on " +
                             std::to_string(backends_of(each.settings)) +
                             " backends of settings from before a change of " +
                             (services == 1 ? "service " + each.settings.services.front().name
                                            : std::to_string(services) + " services") +
                             " may go elsewhere: too many changes have been made since";
    log_.warning(what);
    record("rollout", "rollout", what);
  }
}

// When no flow is known to be on another backend than its bucket's.
void Control::end_leaving(Microseconds now) {
  if (leaving_.empty() || planner_->is_waiting()) return;
  std::set<std::string_view> moved;
  for (const ServiceRecord& record : plan().service_records) {
    if (record.moves != nullptr) moved.insert(service_part(record.name));
  }
  const auto has_moves = [&](const Settings& settings) {
    return !moved.empty() &&
           std::ranges::any_of(settings.services, [&](const ServiceSettings& service) {
             return moved.contains(service.name);
           });
  };
  const auto ended = std::erase_if(leaving_, [&](const Leaving& each) {
    return now - each.since >= kLeavingTime && !has_moves(each.settings);
  });
  if (ended == 0) return;
  if (are_left_asked_) follow_in_force();
  watch(all_destinations());
  surroundings_changed_ = true;
}

// Who leaves is asked while flows may be there: when it is switched off, they go elsewhere.
void Control::ask_backends(const Settings& settings) {
  std::vector<const Settings*> gone;
  for (const Leaving& each : leaving_) gone.push_back(&each.settings);
  std::vector<const Settings*> known = {&settings};
  if (others() != nullptr) known.push_back(others());
  const Settings left = left_servers(gone, known);
  are_left_asked_ = !left.services.empty();
  prober_.follow(settings, others(), &left);
}

// Of two settings at work, those that are not settings_.
const Settings* Control::others() const {
  return is_rolling_out() ? change_->wanted.get() : way_back_.get();
}

// Until it is confirmed, or has gone back.
void Control::watch_change(Microseconds now) {
  if (way_back_ == nullptr || now < read_again_) return;
  if (change_ != nullptr && change_->is_stopped) return;
  std::string why = why_left_out();
  read_again_ = now + kReadInterval;
  if (why.empty() && is_rolling_out()) why = go_on_rolling_out(now);
  if (why.empty()) return;
  brought_.clear();
  if (change_ != nullptr) change_->is_stopped = true;
  if (alarm_) alarm_(why);
}

std::string Control::reach() const {
  if (way_back_ == nullptr) return {};
  if (!is_rolling_out()) return "; all flows followed the change";
  return "; " + percent(change_->rollout.share()) + " of the flows followed the change, " +
         in_words(change_->new_flows) + " new ones";
}

// Says why the change is to go back; empty: it goes on.
std::string Control::go_on_rolling_out(Microseconds now) {
  Rollout& rollout = change_->rollout;
  const Microseconds begin = dataplane_.clock().now();
  const std::vector<ArmReading> readings =
      arm_meter_.read(plan(), rollout.services(), both_counted_);
  for (const ArmReading& reading : readings) change_->new_flows += reading.new_flows;
  const Microseconds end = dataplane_.clock().now();
  read_again_ = end + std::max(kReadInterval, kReadingShare * (end - begin));
  const Rollout::Advice advice = rollout.observe(readings, change_->closed, now);
  if (!rollout.why().empty()) return rollout.why();
  std::string why = suspicion();
  if (!why.empty() || advice != Rollout::Advice::advance) return why;
  const Status taken = take_step(now);
  return taken.ok() ? "" : "its next step is not possible: " + taken.message();
}

// Who does badly and is brought by the change is its fault, and out already if it may be; too few
// flows may have gone there for a comparison of both arms.
std::string Control::why_left_out() const {
  for (const auto& [server, name] : brought_) {
    const Ejection* const ejection = traffic_watch_.ejection_of(server, name);
    if (ejection != nullptr) {
      return name + ", which the change brings, is left out: " + ejection->evidence;
    }
    const Spared* const spared = traffic_watch_.spared_of(server, name);
    if (spared != nullptr) {
      return name + ", which the change brings, does worse than its pool: " + spared->evidence;
    }
  }
  return {};
}

// What health checks say against the change; empty: nothing.
std::string Control::suspicion() const {
  for (const std::string& service : change_->rollout.services()) {
    std::string why = prober_.suspicion(service);
    if (!why.empty()) return why;
  }
  return {};
}

Status Control::take_step(Microseconds now) {
  std::vector<std::string> doubts;
  change_->rollout.advance(now, doubts);
  const Status taken = change_->is_over() ? finish_rollout(now) : replan(now);
  if (taken.ok()) tell_step(doubts);
  return taken;
}

// The old arm leaves: what it was is put in place if that fails.
Status Control::finish_rollout(Microseconds now) {
  const std::vector<std::string>& services = change_->rollout.services();
  Arms old_arms;
  for (const std::string& service : services) {
    const auto known = arms_.find(service);
    old_arms[service] = known == arms_.end() ? 0 : known->second;
  }
  const std::vector<Leaving> left_before = leaving_;
  const std::vector<Leaving> given_up = leave(only_services(*settings_, services), old_arms, now);
  for (const auto& [service, arm] : change_->arms) arms_[service] = arm;
  Status done = put_in_force(change_->wanted);
  if (!done.ok()) {
    arms_ = change_->old_arms;
    leaving_ = left_before;
  } else {
    tell_given_up(given_up);
  }
  return done;
}

void Control::tell_step(const std::vector<std::string>& doubts) {
  const Rollout& rollout = change_->rollout;
  const std::string part = rollout.is_over() ? "all" : percent(rollout.share()) + " of the";
  const std::vector<std::string>& services = rollout.services();
  const std::string what = "the change is in force for " + part + " flows of " +
                           (services.size() == 1 ? "service " + services.front()
                                                 : std::to_string(services.size()) + " services");
  log_.notice(what);
  record("rollout", "rollout", what);
  causes_.note("", what, now());
  for (size_t i = 0; i < std::min(doubts.size(), kLinesPerStep); ++i) {
    const std::string doubt = "the step before ended by time, not by evidence: " + doubts[i];
    log_.notice(doubt);
    record("rollout", "rollout", doubt);
  }
}

}  // namespace evenkeel
