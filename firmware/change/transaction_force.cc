// What is in force, and keeping it what it should be: a start, deadlines, overrides.
#include <algorithm>
#include <ranges>
#include <set>
#include <string_view>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/change/override_settings.h"
#include "firmware/change/overrides_file.h"
#include "firmware/change/transaction.h"
#include "firmware/change/transaction_words.h"

namespace evenkeel {
namespace {

// Until the next try at what could not be published.
constexpr Microseconds kRetryInterval = kMicrosecondsPerTick;
// And at what a disk did not take.
constexpr Microseconds kTellInterval = 5 * kMicrosecondsPerTick;

bool takes_new_flows(const BackendSettings& backend) {
  return backend.weight > 0 && !backend.in_maintenance;
}

std::string in_words(const OverrideRequest& request) {
  std::string text(name_of(request.kind));
  if (request.kind == OverrideKind::weight) text += " " + std::to_string(request.weight);
  return text + " for " + std::to_string(request.lasts / kMicrosecondsPerTick) +
         " s: " + request.reason;
}

// Who may take new flows of a service, without and with an override.
struct Takers {
  uint32_t without = 0;
  uint32_t with = 0;

  void add(const OverrideRequest& request, const ServiceSettings& service,
           BackendSettings backend) {
    without += takes_new_flows(backend) ? 1 : 0;
    if (is_meant(request, service, backend)) apply_override(backend, request);
    with += takes_new_flows(backend) ? 1 : 0;
  }
  bool is_closed() const { return without != 0 && with == 0; }
};

constexpr const char* kBackAgain = " once the change goes back";

Refusal closing(const std::string& service, const char* when) {
  return {.code = Code::last_backend,
          .message = "nobody would be left to take new flows of " + service + when,
          .advice = "bring another backend back first; to close the service, change the settings"};
}

// Of this moment: who is in maintenance is not known to be well before that is over.
IsUsable usable_in(const Side& side) {
  std::set<std::pair<std::string_view, std::string_view>> down;
  for (const BackendState& state : side.states) {
    if (state.usable) continue;
    const ServiceSettings& service = side.settings->services[state.service];
    down.emplace(service.name, service.backends[state.backend].name);
  }
  return [down = std::move(down)](std::string_view service, std::string_view backend) {
    return !down.contains({service, backend});
  };
}

}  // namespace

void Transaction::tell(const std::string& who, WallTime wall, const std::string& what) {
  journal_.append({.when = wall,
                   .kind = "change",
                   .who = who,
                   .what = name_of(current()) + ": " + what,
                   .generation = current().generation,
                   .subject = std::to_string(current().id)});
}

// One event for each rule, however often it was hit.
void Transaction::tell_rules(const Caller& caller, const std::vector<Hit>& hits,
                             std::span<const Waiver> waivers) {
  for (auto hit = hits.begin(); hit != hits.end(); ++hit) {
    const auto same = [&](const Hit& other) { return other.rule == hit->rule; };
    if (std::any_of(hits.begin(), hit, same)) continue;
    const auto waiver = std::ranges::find(waivers, hit->rule, &Waiver::rule);
    const std::string verdict = waiver != waivers.end() ? "waived (" + waiver->reason + ")"
                                                        : std::string(name_of(hit->severity));
    journal_.append({.when = caller.wall,
                     .kind = "rule",
                     .who = caller.who.user,
                     .what = name_of(current()) + ": " + std::string(hit->rule) + ": " + verdict +
                             ": " + hit->where + ": " + hit->what,
                     .generation = 0,
                     .subject = std::string(hit->rule)});
  }
}

void Transaction::tell_override(const std::string& who, WallTime wall, const std::string& backend,
                                const std::string& what) {
  journal_.append({.when = wall,
                   .kind = "override",
                   .who = who,
                   .what = backend + ": " + what,
                   .generation = 0,
                   .subject = backend});
}

// Only for people to read: the journal has it too.
void Transaction::note(uint64_t generation, const std::string& outcome, const std::string& who,
                       WallTime wall) {
  const Status noted = archive_.note(generation, outcome, who, wall);
  if (noted.ok()) return;
  journal_.append({.when = wall,
                   .kind = "archive",
                   .who = "keeld",
                   .what = "what came of generation " + std::to_string(generation) +
                           " is not noted: " + noted.message(),
                   .generation = generation,
                   .subject = {}});
}

// Tells the archive what went back: the latch first, of what did so by itself, since what has no
// note is taken down by the next start.
// REQUIRES: there is something to tell.
Status Transaction::take_down(WallTime wall) {
  REQUIRE(untold_.has_value());
  Status told = untold_->is_automatic ? archive_.latch(untold_->generation) : Status();
  if (told.ok()) told = archive_.note(untold_->generation, untold_->why, untold_->who, wall);
  if (told.ok()) untold_.reset();
  return told;
}

const Change& Transaction::end(ChangeState state, std::string outcome) {
  current().state = state;
  current().outcome = std::move(outcome);
  current().deadline.reset();
  ended_ = std::exchange(change_, std::nullopt);
  if (way_back_ != nullptr) box_.keep_ready(nullptr);
  way_back_.reset();
  CHECK(ended_.has_value());
  return *ended_;
}

void Transaction::start(WallTime wall) {
  const Result<std::vector<Generation>> history = archive_.history(1);
  if (!history.ok() || history.value().empty()) return;
  const Generation& newest = history.value().front();
  std::string_view outcome = newest.outcome;
  while (outcome.ends_with('\n')) outcome.remove_suffix(1);
  if (!outcome.ends_with(std::string(": ") + kGoesLive)) return;
  const uint64_t generation = newest.number;
  if (generation == confirmed_.generation) return note(generation, "confirmed", "keeld", wall);
  const std::string why = std::string(kByItself) + ": keeld ended while it was on probation";
  journal_.append({.when = wall,
                   .kind = "change",
                   .who = "keeld",
                   .what = "change " + std::to_string(generation) + ": " + why,
                   .generation = generation,
                   .subject = std::to_string(generation)});
  untold_ = {.generation = generation, .why = why, .who = "keeld", .is_automatic = true};
  (void)take_down(wall);
}

void Transaction::settle(Microseconds now, WallTime wall) {
  if (is_on_probation() && now >= current().deadline.value_or(now)) {
    take_back("it was not confirmed in time", now, wall);
  }
}

void Transaction::tick(Microseconds now, WallTime wall) {
  settle(now, wall);
  const bool has_followed = end_overrides(now, wall);
  if (!has_followed && !behind_.empty() && now >= retry_at_) put_in_force(now);
  end_going_back();
  if (untold_.has_value() && now >= tell_again_) {
    tell_again_ = now + kTellInterval;
    (void)take_down(wall);
  }
}

// Answers whether any has ended. What cannot end yet is looked at again each time, and at once
// after others have: how a backend does is known only when its maintenance is over.
bool Transaction::end_overrides(Microseconds now, WallTime wall) {
  for (bool has_followed = false;; has_followed = true) {
    const std::set<uint64_t> due = overrides_.due(now);
    overdue_ = due.empty() ? Overdue() : overrides_to_keep(due);
    std::set<uint64_t> staying;
    for (const auto& [id, service] : overdue_) staying.insert(id);
    const std::vector<Override> ended = overrides_.expire(now, staying);
    if (ended.empty()) return has_followed;
    for (const Override& each : ended) {
      tell_override("keeld", wall, each.request.backend,
                    std::string(name_of(each.request.kind)) + " has ended");
    }
    follow_overrides(now);
  }
}

// What may be in force next, and when that is.
std::vector<Transaction::Later> Transaction::all_settings() const {
  if (!is_live()) return {{&confirmed_.settings, ""}};
  if (!is_on_probation()) return {{&confirmed_.settings, ""}, {&live_, ""}};
  return {{&live_, ""}, {&confirmed_.settings, kBackAgain}};
}

Transaction::Overdue Transaction::overrides_to_keep(const std::set<uint64_t>& ending) const {
  const IsUsable is_usable = usable_in(box_.in_force());
  Overdue all;
  for (const auto& [settings, when] : all_settings()) {
    all.merge(evenkeel::overrides_to_keep(*settings, overrides_.all(), ending, is_usable));
  }
  return all;
}

const Settings& Transaction::settings() const {
  return is_on_probation() ? live_ : confirmed_.settings;
}

void Transaction::put_in_force(Microseconds now) {
  const bool goes_back = is_live() && !is_on_probation();
  const Status published = box_.publish(goes_back ? way_back_ : with_overrides_now(settings()));
  behind_ = published.ok() ? "" : published.message();
  retry_at_ = now + kRetryInterval;
}

void Transaction::end_going_back() {
  if (!behind_.empty() || !is_live() || is_on_probation()) return;
  end(ChangeState::rolled_back, std::move(current().outcome));
}

// What is in force, and what is kept ready, after they have changed.
void Transaction::follow_overrides(Microseconds now) {
  if (is_live()) way_back_ = with_overrides_now(confirmed_.settings);
  if (is_live() && !is_on_probation()) box_.keep_ready(way_back_);  // which is to go back to it
  put_in_force(now);
  end_going_back();
  if (is_live()) box_.keep_ready(way_back_);
}

std::shared_ptr<const Settings> Transaction::with_overrides_now(const Settings& settings) const {
  return std::make_shared<const Settings>(with_overrides(settings, overrides_));
}

// An override may not close a service that is open: not in what is in force, nor, while a change is
// live, in what was before it or will be after it.
std::optional<Refusal> Transaction::refusal_to_close(const OverrideRequest& request) const {
  const Side side = box_.in_force();
  bool is_known = false;
  std::vector<Takers> takers(side.settings->services.size());
  for (const BackendState& state : side.states) {
    const ServiceSettings& service = side.settings->services[state.service];
    const BackendSettings& backend = service.backends[state.backend];
    is_known = is_known || is_meant(request, service, backend);
    if (state.usable) takers[state.service].add(request, service, backend);
  }
  for (size_t i = 0; i < takers.size(); ++i) {
    if (takers[i].is_closed()) return closing(side.settings->services[i].name, "");
  }
  std::vector<Later> later;
  if (is_live()) {
    later = {{&confirmed_.settings, kBackAgain}, {&live_, " once all flows follow the change"}};
  }
  for (const auto& [settings, when] : later) {
    const std::shared_ptr<const Settings> overridden = with_overrides_now(*settings);
    for (const ServiceSettings& service : overridden->services) {
      Takers all;
      for (const BackendSettings& backend : service.backends) {
        is_known = is_known || is_meant(request, service, backend);
        all.add(request, service, backend);
      }
      if (all.is_closed()) return closing(service.name, when);
    }
  }
  if (is_known) return std::nullopt;
  return bad_request("there is no backend " + request.backend, "see keel show backends");
}

std::optional<Refusal> Transaction::refusal_to_end(uint64_t id) const {
  const IsUsable is_usable = usable_in(box_.in_force());
  for (const auto& [settings, when] : all_settings()) {
    const Overdue kept = evenkeel::overrides_to_keep(*settings, overrides_.all(), {id}, is_usable);
    if (kept.empty()) continue;
    Refusal refusal = closing(kept.begin()->second, when);
    refusal.advice =
        "bring another backend back first: end what keeps it away (keel overrides), or give it "
        "weight; to close the service, change the settings";
    return refusal;
  }
  return std::nullopt;
}

Answer<Override> Transaction::set_override(const Caller& caller, OverrideRequest request) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_of_role(caller, Role::changer)) return *refusal;
  request.who = caller.who.user;
  if (const Status checked = check_override(request); !checked.ok()) {
    return bad_request(checked.message(), "ask for it again");
  }
  if (auto refusal = refusal_to_close(request)) return *refusal;
  tell_override(request.who, caller.wall, request.backend, in_words(request));
  const Result<uint64_t> id = overrides_.add(request, caller.now, caller.wall);
  if (!id.ok()) {
    tell_override(request.who, caller.wall, request.backend, "not set: " + id.message());
    return storage(id.message());
  }
  follow_overrides(caller.now);
  if (!behind_.empty()) {
    return Refusal{.code = Code::not_published,
                   .message = "override " + std::to_string(id.value()) +
                              " is set, and not in force yet: " + behind_,
                   .advice = "it is tried again; or remove it"};
  }
  return *std::ranges::find(overrides_.all(), id.value(), &Override::id);
}

Answer<Override> Transaction::remove_override(const Caller& caller, uint64_t id) {
  settle(caller.now, caller.wall);
  if (auto refusal = refusal_of_role(caller, Role::changer)) return *refusal;
  const auto found = std::ranges::find(overrides_.all(), id, &Override::id);
  if (found == overrides_.all().end()) {
    return Refusal{.code = Code::no_override,
                   .message = "there is no override " + std::to_string(id) + "; it may have ended",
                   .advice = "see keel overrides"};
  }
  if (auto refusal = refusal_to_end(id)) return *refusal;
  const std::string backend = found->request.backend;
  tell_override(caller.who.user, caller.wall, backend,
                std::string(name_of(found->request.kind)) + " removed");
  Result<Override> removed = overrides_.remove(id);
  if (!removed.ok()) {
    tell_override(caller.who.user, caller.wall, backend, "not removed: " + removed.message());
    return storage(removed.message());
  }
  follow_overrides(caller.now);
  if (!behind_.empty()) {
    return Refusal{.code = Code::not_published,
                   .message = "override " + std::to_string(id) +
                              " is removed, and what is in force has it still: " + behind_,
                   .advice = "it is tried again"};
  }
  return std::move(removed.value());
}

}  // namespace evenkeel
