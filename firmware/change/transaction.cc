#include "firmware/change/transaction.h"

#include <algorithm>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/base/names.h"
#include "firmware/change/text_diff.h"
#include "firmware/change/transaction_words.h"
#include "firmware/settings/edit.h"
#include "firmware/settings/load.h"

namespace evenkeel {
namespace {

// Of what is past its end.
Alert alert_of(const OverrideRequest& request, const std::string& service) {
  const bool has_service = request.backend.find('/') != std::string::npos;
  Alert alert = {.kind = AlertKind::override_overdue,
                 .labels = {{"backend", std::string(backend_part(request.backend))}},
                 .text = "weight " + std::to_string(request.weight) + " of " + request.backend +
                         " is past its end, and stays: without it nobody would take new flows of " +
                         service};
  if (has_service) alert.labels.emplace_back("service", service_part(request.backend));
  return alert;
}

}  // namespace

Transaction::Transaction(Confirmed confirmed, Archive& archive, Journal& journal,
                         Overrides& overrides, Box& box)
    : archive_(archive),
      journal_(journal),
      overrides_(overrides),
      box_(box),
      confirmed_(std::move(confirmed)) {}

uint64_t Transaction::in_force() const {
  return is_live() ? current().generation : confirmed_.generation;
}

std::vector<Alert> Transaction::troubles() const {
  std::vector<Alert> all;
  const auto add = [&all](AlertKind kind, const std::string& text) {
    if (!text.empty()) all.push_back({.kind = kind, .labels = {}, .text = text});
  };
  if (!behind_.empty()) {
    add(AlertKind::going_back_failed,
        "what should be in force is not, and is tried again: " + behind_);
  }
  for (const std::string& damage : archive_.damage()) add(AlertKind::archive_damaged, damage);
  if (untold_.has_value()) {
    add(AlertKind::archive_damaged,
        "generation " + std::to_string(untold_->generation) +
            " went back, and the archive's disk does not take that down");
  }
  add(AlertKind::journal_failed, journal_.alarm());
  add(AlertKind::overrides_failed, overrides_.trouble());
  for (const Override& each : overrides_.all()) {
    const auto found = overdue_.find(each.id);
    if (found != overdue_.end()) all.push_back(alert_of(each.request, found->second));
  }
  return all;
}

Change& Transaction::current() {
  REQUIRE(change_.has_value());
  return *change_;
}

const Change& Transaction::current() const {
  REQUIRE(change_.has_value());
  return *change_;
}

bool Transaction::is_on_probation() const {
  return change_.has_value() && change_->state == ChangeState::on_probation;
}

bool Transaction::is_live() const {
  return is_on_probation() || (change_.has_value() && change_->state == ChangeState::going_back);
}

Refusal Transaction::no_change() const {
  Refusal refusal = {.code = Code::no_change,
                     .message = "there is no change",
                     .advice = "begin one with an edit, or load a text"};
  if (ended_.has_value()) {
    refusal.message += "; the last one, " + name_of(*ended_) + ", is " +
                       std::string(name_of(ended_->state)) + ": " + ended_->outcome;
  }
  return refusal;
}

Refusal Transaction::stale_base(uint64_t base) const {
  Refusal refusal = {.code = Code::stale_base,
                     .message = "it was made from generation " + std::to_string(base) + ", and " +
                                std::to_string(confirmed_.generation) + " is confirmed",
                     .advice = "see what changed meanwhile, and make it again from there"};
  const Result<Generation> old = archive_.read(base);
  if (old.ok()) {
    refusal.diff =
        unified_diff(old.value().text, confirmed_.text, "generation " + std::to_string(base),
                     "generation " + std::to_string(confirmed_.generation));
  }
  return refusal;
}

std::optional<Refusal> Transaction::refusal_to_replace(const Caller& caller) const {
  if (auto refusal = refusal_of_role(caller, Role::changer)) return refusal;
  if (!change_.has_value()) return std::nullopt;
  if (!is_live() && is_same_person(current().owner, caller.who)) return std::nullopt;
  return Refusal{.code = Code::pending_change,
                 .message = name_of(current()) + " of " + current().owner.user + " is " +
                            std::string(name_of(current().state)),
                 .advice = current().state < ChangeState::awaiting_approval
                               ? "ask " + current().owner.user + ", or discard it"
                               : "wait until it has ended"};
}

std::optional<Refusal> Transaction::refusal_to_work(const Caller& caller) const {
  if (auto refusal = refusal_of_role(caller, Role::changer)) return refusal;
  if (!change_.has_value()) return no_change();
  if (!is_same_person(current().owner, caller.who)) {
    return Refusal{.code = Code::not_owner,
                   .message = name_of(current()) + " is " + current().owner.user + "'s",
                   .advice = "ask " + current().owner.user +
                             (current().state < ChangeState::awaiting_approval
                                  ? ", or discard it"
                                  : ", or an approver to discard it")};
  }
  if (is_live()) return wrong_state(current(), "confirm it or roll it back first");
  return std::nullopt;
}

std::optional<Refusal> Transaction::refusal_of_id(uint64_t id) const {
  if (!change_.has_value()) return no_change();
  if (current().id == id) return std::nullopt;
  return Refusal{.code = Code::wrong_id,
                 .message = "change " + std::to_string(id) + " is not the one there is: that is " +
                            name_of(current()) + " of " + current().owner.user,
                 .advice = "look at it, and name it if it is meant"};
}

void Transaction::work_on(const Caller& caller, std::string text, const std::string& what) {
  const WallTime opened = change_.has_value() ? change_->opened : caller.wall;
  if (change_.has_value() && change_->generation != 0)
    withdraw("replaced before it was live", caller);
  change_ = Change{.id = archive_.next(),
                   .owner = caller.who,
                   .state = ChangeState::candidate,
                   .base = confirmed_.generation,
                   .opened = opened,
                   .needs_approval = confirmed_.settings.change.approval == Approval::required,
                   .text = std::move(text)};
  tell(caller.who.user, caller.wall, what);
}

Answer<Change> Transaction::open(const Caller& caller, uint64_t base, std::string text) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_to_replace(caller)) return *refusal;
  if (base != confirmed_.generation) return stale_base(base);
  if (text.size() > kMaxSettingsBytes) return too_long();
  work_on(caller, std::move(text), "opened with a text from generation " + std::to_string(base));
  return current();
}

Answer<Change> Transaction::edit(const Caller& caller, std::span<const Edit> edits) {
  settle(caller.now, caller.wall);
  if (change_.has_value()) {
    if (auto refusal = refusal_to_work(caller)) return *refusal;
  } else if (auto refusal = refusal_of_role(caller, Role::changer)) {
    return *refusal;
  }
  std::string text = change_.has_value() ? change_->text : confirmed_.text;
  std::string what;
  for (const Edit& edit : edits) {
    if (text.size() > kMaxApiEditedBytes / edits.size()) {
      return bad_request(std::to_string(edits.size()) + " edits are too many for a text of " +
                             std::to_string(text.size()) + " bytes",
                         "load the text instead, or make fewer edits at a time");
    }
    Result<std::string> edited = edit.value.has_value() ? set_in_text(text, edit.path, *edit.value)
                                                        : delete_in_text(text, edit.path);
    if (!edited.ok()) return bad_request(edited.message(), "none of the edits was made");
    text = std::move(edited.value());
    what += (what.empty() ? "edited: " : "; ") + in_words(edit);
  }
  if (edits.empty()) return bad_request("there is no edit", "name a key to set or to delete");
  if (text.size() > kMaxSettingsBytes) return too_long();
  work_on(caller, std::move(text), what);
  return current();
}

Answer<Change> Transaction::restore(const Caller& caller, uint64_t generation,
                                    const std::string& why) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_to_replace(caller)) return *refusal;
  if (auto refusal = refusal_of_reason(why, "to go back")) return *refusal;
  Result<Generation> old = archive_.read(generation);
  if (!old.ok()) {
    return Refusal{.code = Code::no_generation, .message = old.message(), .advice = "see history"};
  }
  work_on(caller, std::move(old.value().text),
          "opened with the text of generation " + std::to_string(generation) + ": " + why);
  current().why = why;
  return current();
}

Answer<Change> Transaction::discard(const Caller& caller) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_of_role(caller, Role::changer)) return *refusal;
  if (!change_.has_value()) return no_change();
  // What somebody has left behind is not to keep others from mending the box.
  const bool is_anybodys = current().state < ChangeState::awaiting_approval;
  if (!is_anybodys && (caller.who.role != Role::approver || is_live())) {
    if (auto refusal = refusal_to_work(caller)) return *refusal;
  }
  const std::string outcome = "discarded by " + caller.who.user;
  tell(caller.who.user, caller.wall, "discarded");
  if (current().generation != 0) note(current().generation, outcome, caller.who.user, caller.wall);
  return end(ChangeState::discarded, outcome);
}

Assessment Transaction::assess_change() {
  const Settings& confirmed = confirmed_.settings;
  if (!is_live()) return assess(current().text, overrides_, confirmed, box_.in_force(), box_);
  const std::shared_ptr<const Settings> settings = with_overrides_now(confirmed);
  const Result<Preview> preview = box_.preview(settings);
  Side before = {.settings = settings.get(), .plan = nullptr, .states = {}};
  if (preview.ok()) {
    before.plan = preview.value().plan.get();
    before.states = preview.value().states;
  }
  return assess(current().text, overrides_, confirmed, before, box_);
}

// Looking costs nothing and decides nothing; only its owner's look takes a change further, and
// only while he may change anything.
void Transaction::advance(ChangeState to, const Caller& caller) {
  if (caller.who.role < Role::changer || !is_same_person(current().owner, caller.who)) return;
  for (const ChangeState next : {ChangeState::checked, ChangeState::planned}) {
    if (current().state >= next || next > to) continue;
    tell(caller.who.user, caller.wall, std::string(name_of(next)));
    current().state = next;
  }
}

Answer<Checked> Transaction::check(const Caller& caller) {
  settle(caller.now, caller.wall);
  if (!change_.has_value()) return no_change();
  Assessment assessment = assess_change();
  if (assessment.checked.ok()) advance(ChangeState::checked, caller);
  return std::move(assessment.checked);
}

Answer<Impact> Transaction::plan(const Caller& caller) {
  settle(caller.now, caller.wall);
  if (!change_.has_value()) return no_change();
  Assessment assessment = assess_change();
  if (auto refusal = refusal_of(assessment.checked)) return *refusal;
  advance(ChangeState::planned, caller);
  return std::move(assessment.impact);
}

Answer<std::string> Transaction::diff() const {
  if (!change_.has_value()) return no_change();
  return unified_diff(confirmed_.text, current().text,
                      "generation " + std::to_string(confirmed_.generation), name_of(current()));
}

Answer<std::vector<Difference>> Transaction::differences() const {
  if (!change_.has_value()) return no_change();
  Loaded loaded = load_settings_text(current().text, "candidate");
  Checked checked;
  checked.mistakes = std::move(loaded.mistakes);
  if (auto refusal = refusal_of(checked)) return *refusal;
  return evenkeel::differences(confirmed_.settings, loaded.settings);
}

}  // namespace evenkeel
