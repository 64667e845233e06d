// How a change becomes what the box does: the gates, the archive, perhaps another person, and then
// a time on probation that ends in one of two ways.
#include <algorithm>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/change/override_settings.h"
#include "firmware/change/transaction.h"
#include "firmware/change/transaction_words.h"

namespace evenkeel {
namespace {

std::string microseconds(Microseconds from, Microseconds to) {
  return std::to_string(to - from) + " us";
}

std::string seconds(Microseconds time) {
  return std::to_string(time / kMicrosecondsPerTick) + " s";
}

std::optional<Refusal> refusal_of_latch(std::optional<uint64_t> latched,
                                        std::span<const Waiver> waivers) {
  const bool is_waived = std::ranges::find(waivers, kLatched, &Waiver::rule) != waivers.end();
  if (!latched || is_waived) return std::nullopt;
  return Refusal{
      .code = Code::latched,
      .message =
          "the same text went back by itself before, as generation " + std::to_string(*latched),
      .advice = "change what was wrong; or unlatch it, or waive \"latched\", with a reason"};
}

}  // namespace

std::optional<Refusal> Transaction::refusal_to_commit(const Caller& caller,
                                                      const CommitRequest& request) {
  if (auto refusal = refusal_to_work(caller)) return refusal;
  if (current().state == ChangeState::awaiting_approval) {
    return Refusal{.code = Code::awaiting_approval,
                   .message = name_of(current()) + " awaits the approval of somebody else",
                   .advice = "ask an approver to look at it and to release it"};
  }
  const std::string& why = request.why.empty() ? current().why : request.why;
  if (auto refusal = refusal_of_reason(why, "of the change")) return refusal;
  const Microseconds window = request.window.value_or(confirmed_.settings.change.confirm);
  if (window < kMinConfirmSeconds * kMicrosecondsPerTick ||
      window > kMaxConfirmSeconds * kMicrosecondsPerTick) {
    return bad_request("a change cannot be on probation for " + seconds(window),
                       "choose " + std::to_string(kMinConfirmSeconds) + " to " +
                           std::to_string(kMaxConfirmSeconds) + " s");
  }
  if (request.waivers.size() > kMaxWaivers) {
    return bad_request("there are more than " + std::to_string(kMaxWaivers) + " waivers",
                       "waive each rule once");
  }
  if (current().text == confirmed_.text) {
    return Refusal{.code = Code::nothing_to_commit,
                   .message = name_of(current()) + " is what is confirmed already",
                   .advice = "change something, or discard it"};
  }
  if (!untold_.has_value()) return std::nullopt;
  const Status told = take_down(caller.wall);
  return told.ok() ? std::nullopt : std::optional(storage(told.message()));
}

std::optional<Refusal> Transaction::refusal_of_gates(const Caller& caller,
                                                     const Assessment& assessment,
                                                     const CommitRequest& request) {
  if (auto refusal = refusal_of(assessment.checked)) return refusal;
  advance(ChangeState::planned, caller);
  tell_rules(caller, assessment.checked.hits, request.waivers);
  const Result<std::optional<uint64_t>> latched = archive_.latched(current().text);
  if (!latched.ok()) return storage(latched.message());
  if (auto refusal = refusal_of_latch(latched.value(), request.waivers)) return refusal;
  if (auto refusal = refusal_of_unwaived(assessment.checked.hits, request.waivers)) return refusal;
  return refusal_of_waivers(assessment.checked.hits, request.waivers, latched.value().has_value());
}

Answer<Change> Transaction::commit(const Caller& caller, const CommitRequest& request) {
  settle(caller.now, caller.wall);
  Pace pace = {.begun = box_.now()};
  if (auto refusal = refusal_to_commit(caller, request)) return *refusal;
  Assessment assessment = assess_change();
  if (auto refusal = refusal_of_gates(caller, assessment, request)) return *refusal;
  pace.judged = box_.now();
  if (auto refusal = store(caller, request)) return *refusal;
  if (current().needs_approval) {
    tell(caller.who.user, caller.wall, "awaits the approval of somebody else");
    current().state = ChangeState::awaiting_approval;
    return current();
  }
  if (auto refusal = go_live(caller, std::move(assessment), pace)) {
    withdraw("not put in force: " + refusal->message, caller);
    return *refusal;
  }
  return current();
}

std::optional<Refusal> Transaction::store(const Caller& caller, const CommitRequest& request) {
  Generation generation = {.text = current().text,
                           .who = caller.who.user,
                           .why = request.why.empty() ? current().why : request.why,
                           .when = caller.wall,
                           .waivers = request.waivers,
                           .base = current().base,
                           .number = 0,
                           .outcome = {}};
  const Microseconds window = request.window.value_or(confirmed_.settings.change.confirm);
  tell(caller.who.user, caller.wall,
       "committed, to be confirmed in " + seconds(window) + ": " + generation.why);
  if (!journal_.alarm().empty()) return storage(journal_.alarm());
  const Result<uint64_t> number = archive_.store(generation);
  if (!number.ok()) {
    tell(caller.who.user, caller.wall, "not stored: " + number.message());
    return storage(number.message());
  }
  current().id = number.value();
  current().generation = number.value();
  current().why = std::move(generation.why);
  current().waivers = std::move(generation.waivers);
  current().window = window;
  return std::nullopt;
}

// Of a stored change that does not go live: what it was stored as is never used.
void Transaction::withdraw(const std::string& outcome, const Caller& caller) {
  tell(caller.who.user, caller.wall, outcome);
  note(current().generation, outcome, caller.who.user, caller.wall);
  current().state = ChangeState::planned;
  current().generation = 0;
  current().id = archive_.next();
}

// What must be known after a crash is on the disk before the first packet sees the change; and it
// is not told to anybody before the way back is ready.
std::optional<Refusal> Transaction::go_live(const Caller& caller, Assessment assessment,
                                            Pace pace) {
  tell(caller.who.user, caller.wall, "goes live, on probation for " + seconds(current().window));
  if (!journal_.alarm().empty()) return storage(journal_.alarm());
  const Status noted = archive_.note(current().generation, kGoesLive, caller.who.user, caller.wall);
  if (!noted.ok()) return storage(noted.message());
  const Microseconds stored = box_.now();
  RolloutSettings rollout = confirmed_.settings.rollout;
  const std::vector<Waiver>& waivers = current().waivers;
  if (std::ranges::find(waivers, kTrial, &Waiver::rule) != waivers.end()) rollout.steps.clear();
  const Status published = box_.roll_out(std::move(assessment.wanted), rollout);
  if (!published.ok()) {
    return Refusal{.code = Code::not_published,
                   .message = published.message(),
                   .advice = "what was in force still is; change what the message names"};
  }
  const Microseconds in_force = box_.now();
  behind_.clear();
  live_ = std::move(assessment.settings);
  current().deadline = caller.now + current().window;
  current().state = ChangeState::on_probation;
  way_back_ = with_overrides_now(confirmed_.settings);
  box_.keep_ready(way_back_);
  tell(caller.who.user, caller.wall,
       "in force: gates took " + microseconds(pace.begun, pace.judged) + ", disk " +
           microseconds(pace.judged, stored) + ", workers " + microseconds(stored, in_force));
  return std::nullopt;
}

Answer<Change> Transaction::approve(const Caller& caller, uint64_t id) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_of_role(caller, Role::approver)) return *refusal;
  if (auto refusal = refusal_of_id(id)) return *refusal;
  if (current().state != ChangeState::awaiting_approval) {
    return wrong_state(current(), "only what was committed and awaits approval is approved");
  }
  if (is_same_person(current().owner, caller.who)) {
    return Refusal{.code = Code::own_change,
                   .message = name_of(current()) + " is " + caller.who.user + "'s own",
                   .advice = "ask another approver"};
  }
  Pace pace = {.begun = box_.now()};
  Assessment assessment = assess_change();
  if (auto refusal = refusal_of(assessment.checked)) return *refusal;
  if (auto refusal = refusal_of_unwaived(assessment.checked.hits, current().waivers)) {
    return *refusal;
  }
  pace.judged = box_.now();
  tell(caller.who.user, caller.wall, "approved");
  if (auto refusal = go_live(caller, std::move(assessment), pace)) {
    const std::string outcome = "not put in force: " + refusal->message;
    tell(caller.who.user, caller.wall, outcome);
    note(current().generation, outcome, caller.who.user, caller.wall);
    return *refusal;
  }
  current().approver = caller.who.user;
  return current();
}

Answer<Change> Transaction::confirm(const Caller& caller, uint64_t id) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_of_role(caller, Role::changer)) return *refusal;
  if (auto refusal = refusal_of_id(id)) return *refusal;
  if (!is_on_probation()) return wrong_state(current(), "only what is on probation is confirmed");
  if (box_.is_rolling_out()) {
    return wrong_state(current(),
                       "it is in force for a part of the flows only; wait until it is "
                       "for all, or roll it back");
  }
  tell(caller.who.user, caller.wall, "confirmed");
  const Status confirmed = archive_.confirm(current().generation);
  if (!confirmed.ok()) {
    tell(caller.who.user, caller.wall, "not confirmed: " + confirmed.message());
    return storage(confirmed.message());
  }
  confirmed_ = {
      .generation = current().generation, .text = current().text, .settings = std::move(live_)};
  note(confirmed_.generation, "confirmed", caller.who.user, caller.wall);
  return end(ChangeState::confirmed, "confirmed by " + caller.who.user);
}

Answer<Change> Transaction::rollback(const Caller& caller, uint64_t id, const std::string& why) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_of_role(caller, Role::changer)) return *refusal;
  if (auto refusal = refusal_of_id(id)) return *refusal;
  if (!is_on_probation()) {
    return wrong_state(current(), "only what is on probation is rolled back; discard the rest");
  }
  go_back("rolled back by " + caller.who.user + (why.empty() ? "" : ": " + why), caller.who.user,
          false, caller.now, caller.wall);
  if (change_.has_value()) return *change_;
  CHECK(ended_.has_value());
  return *ended_;
}

void Transaction::take_back(const std::string& why, Microseconds now, WallTime wall) {
  if (is_on_probation()) go_back(std::string(kByItself) + ": " + why, "keeld", true, now, wall);
}

// Needs the box only, and does first what it does: whatever the disk does not take is told later,
// or again.
void Transaction::go_back(const std::string& why, const std::string& who, bool is_automatic,
                          Microseconds now, WallTime wall) {
  const uint64_t generation = current().generation;
  current().state = ChangeState::going_back;
  current().deadline.reset();
  current().outcome = why;
  put_in_force(now);
  tell(who, wall, why);
  end_going_back();
  untold_ = {.generation = generation, .why = why, .who = who, .is_automatic = is_automatic};
  (void)take_down(wall);
}

Answer<Generation> Transaction::unlatch(const Caller& caller, uint64_t generation,
                                        const std::string& why) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_of_role(caller, Role::changer)) return *refusal;
  if (auto refusal = refusal_of_reason(why, "to unlatch")) return *refusal;
  Result<Generation> found = archive_.read(generation);
  if (!found.ok()) {
    return Refusal{
        .code = Code::no_generation, .message = found.message(), .advice = "see history"};
  }
  const Result<std::optional<uint64_t>> latched = archive_.latched(found.value().text);
  if (!latched.ok()) return storage(latched.message());
  const bool is_stored = latched.value().has_value();
  const bool is_untold =
      untold_.has_value() && untold_->is_automatic && untold_->generation == generation;
  if (!is_stored && !is_untold) {
    return bad_request("generation " + std::to_string(generation) + " is not latched",
                       "it may be committed");
  }
  journal_.append({.when = caller.wall,
                   .kind = "change",
                   .who = caller.who.user,
                   .what = "generation " + std::to_string(generation) + " unlatched: " + why,
                   .generation = generation,
                   .subject = std::to_string(generation)});
  const Status unlatched = is_stored ? archive_.unlatch(generation) : Status();
  if (!unlatched.ok()) return storage(unlatched.message());
  if (is_untold) untold_.reset();
  note(generation, "unlatched: " + why, caller.who.user, caller.wall);
  return std::move(found.value());
}

}  // namespace evenkeel
