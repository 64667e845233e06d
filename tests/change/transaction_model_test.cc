// Random operators at a random box: they open, edit, commit, approve, confirm and take back; the
// process ends at any moment, the disk is full, no plan can be made, the wall clock steps. What a
// transaction promises (transaction.h) holds after every step.
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "firmware/change/transaction.h"
#include "tests/change/small_box.h"
#include "tests/change/small_texts.h"
#include "tests/change/tally.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = kMicrosecondsPerTick;
constexpr size_t kSeeds = 150;
constexpr size_t kSteps = 100;

// The end of the process, in the middle of something.
struct Crash {};

struct Held {
  OverrideRequest request;
  WallTime ends = 0;
  Microseconds ends_at = 0;
  bool may_come_back = false;  // it has ended, and its file was not to be written
};

class Run {
 public:
  Run(uint64_t seed, Tally& tally)
      : random_(seed), tally_(tally), machine_(random_text(true)), seed_(seed) {
    confirmed_ = machine_.transaction->confirmed().generation;
    confirmed_text_ = machine_.transaction->confirmed().text;
    watch();
  }

  bool step() {
    machine_.now += 1'000;
    machine_.wall += 1'000;
    try {
      act();
    } catch (const Crash&) {
      ++tally_.crashes;
      restart();
      adopt_overrides();
    }
    notice_end();
    return holds();
  }
  // What it did, for whoever looks into a failure.
  const std::string& trail() const { return trail_; }

 private:
  Transaction& transaction() { return *machine_.transaction; }
  size_t pick(size_t count) { return random_() % count; }
  bool chance(size_t percent) { return pick(100) < percent; }

  Caller somebody() {
    constexpr std::array<const char*, 5> kUsers = {"anna", "bert", "carl", "dora", "vera"};
    constexpr std::array<Role, 5> kRoles = {Role::changer, Role::changer, Role::approver,
                                            Role::approver, Role::viewer};
    const size_t number = pick(chance(95) ? 4 : 5);
    return machine_.caller(kUsers.at(number), kRoles.at(number));
  }
  // Mostly who is in charge, so that something comes of it.
  Caller owner_or_somebody() {
    Caller caller = somebody();
    if (transaction().change().has_value() && chance(85)) {
      caller.who = transaction().change()->owner;
    }
    return caller;
  }
  uint64_t some_id() {
    const bool is_right = transaction().change().has_value() && chance(85);
    return is_right ? transaction().change()->id : pick(20);
  }
  std::string random_text(bool is_first) {
    SmallText text = {.mss = 1'300 + static_cast<unsigned>(pick(4)),
                      .approval = chance(25),
                      .backends = 4 - static_cast<unsigned>(pick(3))};
    if (!is_first && chance(5)) text.more = "nmae = \"x\";\n";
    if (!is_first && chance(5)) text.more = "cpu = { workers = [3]; };\n";
    return text.text();
  }

  // Once for each box: what is published was told before, but what goes back, of which nothing is
  // written before; and the process may end there.
  void watch() {
    machine_.box->before_publish = [this](const Settings& wanted) {
      if (bare(wanted) != bare(*machine_.box->in_force().settings) && !is_behind_) {
        const std::vector<Event> newest = machine_.journal->list({.limit = 1});
        const std::string what = newest.empty() ? "" : newest.front().what;
        const std::optional<Change>& change = transaction().change();
        if (change.has_value() && change->state == ChangeState::going_back) {
          ++tally_.went_back_first;
          is_told_ &= !is_told_of(change->generation, "rolled back");
          is_told_ &= machine_.box->ready != nullptr && wanted == *machine_.box->ready;
        } else {
          is_told_ &= what.find("goes live") != std::string::npos;
        }
      } else if (wanted != *machine_.box->in_force().settings && !is_behind_) {
        const std::vector<Event> newest = machine_.journal->list({.limit = 1});
        is_told_ &= !newest.empty() && newest.front().kind == "override";
      }
      if (chance(4)) throw Crash{};
      is_behind_ = machine_.box->refuses;
      if (is_behind_) ++tally_.not_published;
    };
  }

  bool is_told_of(uint64_t generation, const char* part) {
    const std::vector<Event> events =
        machine_.journal->list({.kind = "change", .generation = generation});
    return std::ranges::any_of(
        events, [&](const Event& event) { return event.what.find(part) != std::string::npos; });
  }

  void act() {
    using Action = void (Run::*)();
    // Of the same probability each.
    constexpr std::array<Action, 24> kActions = {
        &Run::open,       &Run::open,        &Run::edit,         &Run::restore,
        &Run::look,       &Run::commit,      &Run::commit,       &Run::commit,
        &Run::approve,    &Run::approve,     &Run::confirm,      &Run::confirm,
        &Run::take_back,  &Run::discard,     &Run::set_override, &Run::remove_override,
        &Run::wait,       &Run::wait,        &Run::wait_long,    &Run::step_clock,
        &Run::spoil_disk, &Run::end_process, &Run::spoil_plans,  &Run::judge_or_unlatch,
    };
    (this->*kActions.at(pick(kActions.size())))();
  }
  void say(const std::string& what) { trail_ += what + "\n"; }
  template <typename T>
  bool is_done(const std::string& what, const Answer<T>& answer) {
    say(what + ": " + (answer.ok() ? "done" : answer.refusal().message));
    if (!answer.ok() && answer.refusal().code == Code::storage) ++tally_.refused_by_disk;
    if (!answer.ok() && answer.refusal().code == Code::latched) ++tally_.refused_by_latch;
    return answer.ok();
  }

  void open() {
    const uint64_t base = chance(90) ? confirmed_ : pick(10);
    const bool is_done_now =
        is_done("open", transaction().open(owner_or_somebody(), base, random_text(false)));
    is_good_ &= !is_done_now || base == confirmed_;
  }
  void edit() {
    const Edit edit = {.path = "services.shop.mss", .value = std::to_string(1'200 + pick(9))};
    (void)is_done("edit", transaction().edit(owner_or_somebody(), std::span(&edit, 1)));
  }
  void restore() {
    (void)is_done("restore", transaction().restore(somebody(), 1 + pick(machine_.archive->next()),
                                                   "it was better"));
  }
  void look() {
    (void)is_done("check", transaction().check(somebody()));
    (void)is_done("plan", transaction().plan(owner_or_somebody()));
  }
  void discard() { (void)is_done("discard", transaction().discard(owner_or_somebody())); }

  void commit() {
    if (!transaction().change().has_value() && chance(80)) open();
    const Caller caller = owner_or_somebody();
    CommitRequest request = {.window = {}, .why = "a test"};
    for (int attempt = 0; attempt < 3; ++attempt) {
      const Answer<Change> answer = transaction().commit(caller, request);
      if (is_done("commit", answer)) return committed(answer.value(), request);
      if (answer.refusal().code == Code::latched && chance(50)) {
        request.waivers.push_back({.rule = "latched", .reason = "it was something else"});
      }
      for (const Hit& hit : answer.refusal().hits) {
        const auto known = std::ranges::find(request.waivers, hit.rule, &Waiver::rule);
        if (known == request.waivers.end()) {
          request.waivers.push_back({.rule = std::string(hit.rule), .reason = "on purpose"});
        }
      }
    }
  }
  void committed(const Change& change, const CommitRequest& request) {
    const bool is_waived =
        std::ranges::find(request.waivers, "latched", &Waiver::rule) != request.waivers.end();
    is_good_ &= is_waived || !latched_.contains(change.text);
    is_good_ &= !has_full_disk();
    const bool is_live = change.state == ChangeState::on_probation;
    // The confirmed settings say whether somebody else is to look at it, not the new ones.
    is_good_ &= is_live != wants_approval();
    if (is_live) live_ = change;
    tally_.live += is_live ? 1 : 0;
  }
  bool wants_approval() const {
    return settings_of(confirmed_text_).change.approval == Approval::required;
  }

  void approve() {
    const bool is_awaited = transaction().change().has_value() &&
                            transaction().change()->state == ChangeState::awaiting_approval;
    if (!is_awaited && chance(90)) return commit();
    const Caller caller = somebody();
    const Answer<Change> answer = transaction().approve(caller, some_id());
    if (!is_done("approve", answer)) return;
    ++tally_.approved;
    ++tally_.live;
    live_ = answer.value();
    is_good_ &= caller.who.role == Role::approver && caller.who.user != live_->owner.user;
    is_good_ &= !has_full_disk();
  }
  void confirm() {
    if (!live_.has_value() && chance(80)) return commit();
    const Caller caller = somebody();
    const uint64_t id = some_id();
    const Answer<Change> answer = transaction().confirm(caller, id);
    if (!is_done("confirm", answer)) return;
    is_good_ &= live_.has_value() && live_->id == id && machine_.now < *live_->deadline;
    is_good_ &= caller.who.role != Role::viewer;
    if (!is_good_) return;
    ++tally_.confirmed;
    confirmed_ = live_->generation;
    confirmed_text_ = live_->text;
    latched_.erase(confirmed_text_);
    live_.reset();
  }
  // Neither disk nor plans keep anybody from going back.
  void take_back() {
    const Caller caller = somebody();
    const uint64_t id = some_id();
    const bool must = live_.has_value() && live_->id == id && machine_.now < *live_->deadline &&
                      caller.who.role != Role::viewer;
    if (must) is_taken_back_ = true;
    const bool is_done_now = is_done("rollback", transaction().rollback(caller, id, "slow"));
    is_good_ &= is_done_now == must;
    if (!must) return;
    is_good_ &= is_told_of(live_->generation, "rolled back");
    live_.reset();
    ++tally_.rolled_back;
    tally_.rolled_back_on_full_disk += has_full_disk() ? 1 : 0;
  }
  void judge_or_unlatch() {
    if (live_.has_value()) {
      say("take back");
      transaction().take_back("it is worse", machine_.now, machine_.wall);
      ++tally_.judged;
      return;
    }
    const uint64_t generation = 1 + pick(machine_.archive->next());
    const Answer<Generation> answer = transaction().unlatch(somebody(), generation, "looked into");
    if (!is_done("unlatch", answer)) return;
    ++tally_.unlatched;
    latched_.erase(answer.value().text);
  }

  void set_override() {
    constexpr std::array<const char*, 5> kBackends = {"web1", "shop/web1", "web2", "shop/web3",
                                                      "web9"};
    const OverrideRequest request = {.backend = kBackends.at(pick(kBackends.size())),
                                     .kind = static_cast<OverrideKind>(pick(3)),
                                     .weight = static_cast<uint32_t>(pick(5)),
                                     .lasts = (1 + pick(200)) * kSecond,
                                     .reason = "a test"};
    const Answer<Override> answer = transaction().set_override(somebody(), request);
    const bool is_set = is_done("override", answer) || answer.refusal().code == Code::not_published;
    if (!is_set) return;
    ++tally_.overridden;
    std::erase_if(held_, [&](const auto& each) {
      return each.second.request.backend == request.backend &&
             each.second.request.kind == request.kind;
    });
    held_[transaction().overrides().all().back().id] = {.request = request,
                                                        .ends = machine_.wall + request.lasts,
                                                        .ends_at = machine_.now + request.lasts};
  }
  void remove_override() {
    const std::vector<Override>& all = transaction().overrides().all();
    const uint64_t id = all.empty() || chance(10) ? pick(9) : all[pick(all.size())].id;
    const Answer<Override> answer = transaction().remove_override(somebody(), id);
    const bool is_gone = is_done("remove", answer) || answer.refusal().code == Code::not_published;
    if (is_gone) held_.erase(id);
  }

  void wait_for(Microseconds time) {
    machine_.now += time;
    machine_.wall += time;
    if (chance(20)) return say("time passes without a tick");
    say("tick");
    if (has_full_disk() && chance(20)) spoil_disk();
    ticked_ = machine_.now;
    transaction().tick(machine_.now, machine_.wall);
    for (auto held = held_.begin(); held != held_.end();) {
      const bool ends = held->second.ends_at <= machine_.now && !held->second.may_come_back &&
                        !is_overdue(held->first, held->second.request);
      tally_.overrides_ended += ends ? 1 : 0;
      held->second.may_come_back |= ends;
      held = ends && !has_full_disk() ? held_.erase(held) : std::next(held);
    }
    machine_.journal->tend(machine_.wall);
  }
  // It is said to be past its end, and to have to stay.
  bool is_overdue(uint64_t id, const OverrideRequest& request) {
    const std::vector<Override>& all = transaction().overrides().all();
    if (request.kind != OverrideKind::weight || request.weight == 0) return false;
    if (std::ranges::find(all, id, &Override::id) == all.end()) return false;
    const std::vector<Alert> troubles = transaction().troubles();
    return std::ranges::any_of(troubles, [&](const Alert& alert) {
      return alert.kind == AlertKind::override_overdue &&
             alert.text.find(" of " + request.backend + " is past its end") != std::string::npos;
    });
  }
  void wait() { wait_for(pick(10) * kSecond); }
  void wait_long() { wait_for(pick(100) * kSecond); }
  void step_clock() {
    say("the clock steps");
    const WallTime step = pick(2'000'000) * kSecond;
    machine_.wall += chance(50) ? step : WallTime{} - step;
  }

  bool has_full_disk() const { return full_disk_ != nullptr; }
  void spoil_disk() {
    if (has_full_disk()) {
      say("the disk is well");
      full_disk_.reset();
      machine_.journal->tend(machine_.wall);
    } else if (chance(50)) {
      say("the disk is full");
      full_disk_ = std::make_unique<FullDisk>();
    }
  }
  void spoil_plans() {
    machine_.box->refuses = !machine_.box->refuses && chance(50);
    say(machine_.box->refuses ? "no plans" : "plans");
  }

  void end_process() {
    say("the process ends");
    restart();
  }
  void restart() {
    if (live_.has_value() && !is_taken_back_) {
      ++tally_.cut_off;
      latched_.insert(live_->text);
    }
    live_.reset();
    machine_.restart();
    is_behind_ = false;
    watch();
    is_good_ &= *machine_.box->in_force().settings == machine_.wanted(confirmed_text_);
    is_good_ &= !transaction().change().has_value();
    const std::vector<Override>& all = transaction().overrides().all();
    std::erase_if(held_, [&](const auto& each) {
      return each.second.may_come_back &&
             std::ranges::find(all, each.first, &Override::id) == all.end();
    });
    for (auto& [id, held] : held_) {
      const Microseconds left = held.ends > machine_.wall ? held.ends - machine_.wall : 0;
      held.ends_at = machine_.now + std::min(left, held.request.lasts);
      held.may_come_back = false;
    }
    ticked_ = 0;
  }
  // The process may have ended before or after the override was written down.
  void adopt_overrides() {
    held_.clear();
    for (const Override& each : transaction().overrides().all()) {
      is_good_ &= each.ends_at <= machine_.now + each.request.lasts;
      held_[each.id] = {.request = each.request, .ends = each.ends, .ends_at = each.ends_at};
    }
  }

  // A change that ended by itself while something else was asked for.
  void notice_end() {
    is_taken_back_ = false;
    if (!live_.has_value()) return;
    const std::optional<Change>& change = transaction().change();
    if (change.has_value() && change->state == ChangeState::on_probation) return;
    if (machine_.now >= *live_->deadline) ++tally_.expired;
    latched_.insert(live_->text);
    live_.reset();
  }

  bool holds() {
    const Transaction& now = transaction();
    const std::optional<Change>& change = now.change();
    const Settings& in_force = *machine_.box->in_force().settings;
    const bool is_live = change.has_value() && (change->state == ChangeState::on_probation ||
                                                change->state == ChangeState::going_back);
    const std::string& text = is_live ? change->text : confirmed_text_;
    expect(is_good_, "an answer is as it must be");
    expect(is_told_, "it is in the journal before it takes effect");
    expect(now.confirmed().generation == confirmed_ && now.confirmed().text == confirmed_text_,
           "confirmed moves by confirm only");
    expect(machine_.archive->confirmed()->number == confirmed_, "the archive says the same");
    expect(is_behind_ || in_force == machine_.wanted(text),
           "in force is confirmed or on probation");
    expect(bare(in_force) == bare(settings_of(text)),
           "in force is confirmed or on probation, bare");
    const bool is_on_probation = is_live && change->state == ChangeState::on_probation;
    expect(is_on_probation == live_.has_value(), "on probation is what was released");
    expect(!is_on_probation || change->id == live_->id, "it is that very change");
    const Settings* const ready = machine_.box->ready.get();
    expect(
        is_live ? ready != nullptr && *ready == machine_.wanted(confirmed_text_) : ready == nullptr,
        "of what is live, the way back is ready");
    expect(!is_on_probation || ticked_ < *change->deadline, "it ends in time");
    expect(!is_on_probation || !wants_approval() ||
               (!change->approver.empty() && change->approver != change->owner.user),
           "somebody else has released it");
    check_overrides();
    return trouble_.empty();
  }
  void check_overrides() {
    const std::vector<Override>& all = transaction().overrides().all();
    for (const Override& each : all) {
      const auto held = held_.find(each.id);
      expect(held != held_.end() && each.ends_at == held->second.ends_at,
             "nothing is overridden "
             "that nobody asked for");
      expect(each.ends_at > ticked_ || is_overdue(each.id, each.request), "an override ends");
    }
    for (const auto& [id, held] : held_) {
      expect(held.may_come_back || std::ranges::find(all, id, &Override::id) != all.end(),
             "no override is lost");
    }
  }
  void expect(bool is_so, const char* what) {
    if (is_so || !trouble_.empty()) return;
    trouble_ = what;
    const std::string report =
        trail_ + "seed " + std::to_string(seed_) + ": not so: " + what + "\n";
    (void)fputs(report.c_str(), stderr);
  }

  std::mt19937_64 random_;
  Tally& tally_;
  Machine machine_;
  uint64_t seed_;
  std::unique_ptr<FullDisk> full_disk_;
  std::string trail_;
  std::string trouble_;

  // What must be so.
  uint64_t confirmed_ = 0;
  std::string confirmed_text_;
  std::optional<Change> live_;
  std::set<std::string> latched_;  // at least
  std::map<uint64_t, Held> held_;
  Microseconds ticked_ = 0;
  bool is_taken_back_ = false;  // by a person, in this step
  bool is_behind_ = false;      // the last publish() failed
  bool is_good_ = true;
  bool is_told_ = true;
};

bool run(uint64_t seed, Tally& tally) {
  Run run(seed, tally);
  for (size_t i = 0; i < kSteps; ++i) {
    if (!run.step()) return false;
  }
  return true;
}

void holds_in_every_step(void** /*state*/) {
  const char* const asked = getenv("SEEDS");
  const size_t seeds = asked == nullptr ? kSeeds : strtoul(asked, nullptr, 10);
  Tally tally;
  for (uint64_t seed = 0; seed < seeds; ++seed) assert_true(run(seed, tally));
  print_message("%zu steps\n", seeds * kSteps);
  for (const auto& [what, count] : told(tally)) {
    print_message("%7zu %s\n", count, what);
    assert_true(count > 0);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  // In memory: there, waiting for the disk costs nothing.
  if (access("/dev/shm", W_OK) == 0) (void)setenv("TMPDIR", "/dev/shm", 0);
  const CMUnitTest tests[] = {cmocka_unit_test(holds_in_every_step)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
