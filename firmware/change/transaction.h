// A change of the settings is a transaction. One candidate at a time is made from the confirmed
// generation, checked, planned and committed: it is stored, goes in force on probation, and is
// confirmed by hand before a deadline - or what is confirmed comes back by itself.
//
//     candidate -> checked -> planned -> [awaiting approval] -> on probation -> confirmed
//                                                                            -> rolled back
//
// What is confirmed is the archive's alone to say: it changes by one reference, so that a process
// that ends at any moment starts again with confirmed settings. What takes something into force
// needs the disk and fails before it has any effect. What goes back needs nothing but the box,
// which has kept it ready since the change went live.
//
// Invariants:
//  1. In force is what is confirmed, or the one change on probation (until it could be taken back:
//     going_back); either with the overrides.
//  2. Confirmed changes by confirm() of the change on probation, by its id, before its deadline.
//  3. What is on probation or waits for approval is stored, and passed every gate on the way.
//  4. Every transition is in the journal before it takes effect; but what goes back is published
//     before anything is written, so that no disk can hold it up. A process that ends in between
//     starts with the same settings, for confirmed are those.
//  5. If the confirmed settings want an approval, another person than the owner has given it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/change/archive.h"
#include "firmware/change/box.h"
#include "firmware/change/change.h"
#include "firmware/change/gates.h"
#include "firmware/change/identity.h"
#include "firmware/change/impact.h"
#include "firmware/change/journal.h"
#include "firmware/change/override_end.h"
#include "firmware/change/overrides.h"
#include "firmware/change/refusal.h"
#include "firmware/settings/difference.h"

namespace evenkeel {

// Control thread only. Nothing that is refused has any effect, and time that has run out has before
// anything else.
class Transaction {
 public:
  // REQUIRES: all outlive it; in force is `confirmed` with the overrides.
  Transaction(Confirmed confirmed, Archive& archive, Journal& journal, Overrides& overrides,
              Box& box);

  // Once, before anything else: a change that was on probation when the last process ended is
  // latched, as one that may have ended it.
  void start(WallTime wall);
  // Often: deadlines, overrides that end, and another try at what could not be published. An
  // override whose end would close a service stays in force for as long as that is so.
  void tick(Microseconds now, WallTime wall);

  // What is to be seen, by anybody.
  const Confirmed& confirmed() const { return confirmed_; }
  const std::optional<Change>& change() const { return change_; }
  const std::optional<Change>& ended() const { return ended_; }  // the last one of this process
  // In force but for the overrides.
  const Settings& settings() const;
  uint64_t in_force() const;  // a generation
  const Overrides& overrides() const { return overrides_; }
  std::vector<Alert> troubles() const;

  // A candidate, from a text; it takes the place of one's own. `base` is what the text was made
  // from.
  Answer<Change> open(const Caller& caller, uint64_t base, std::string text);
  // All of the edits or none. Opens a candidate of what is confirmed if there is no change.
  Answer<Change> edit(const Caller& caller, std::span<const Edit> edits);
  // Opens a candidate with the text of an older generation, for the same gates.
  Answer<Change> restore(const Caller& caller, uint64_t generation, const std::string& why);
  // Before it is live, by its owner or an approver.
  Answer<Change> discard(const Caller& caller);

  Answer<Checked> check(const Caller& caller);
  // What it will do; of a change on probation, what it does.
  Answer<Impact> plan(const Caller& caller);
  // From what is confirmed to the change.
  Answer<std::string> diff() const;
  Answer<std::vector<Difference>> differences() const;

  // Answers with the change on probation, or awaiting approval.
  Answer<Change> commit(const Caller& caller, const CommitRequest& request);
  // Passes the gates once more, for the world may have changed.
  Answer<Change> approve(const Caller& caller, uint64_t id);
  Answer<Change> confirm(const Caller& caller, uint64_t id);
  // By an operator: not latched.
  Answer<Change> rollback(const Caller& caller, uint64_t id, const std::string& why);
  // Of what is found out about a change on probation by keeld itself: latched.
  void take_back(const std::string& why, Microseconds now, WallTime wall);
  // Lets the text of a latched generation be committed again.
  Answer<Generation> unlatch(const Caller& caller, uint64_t generation, const std::string& why);

  // In force at once. `request.who` is the caller.
  Answer<Override> set_override(const Caller& caller, OverrideRequest request);
  Answer<Override> remove_override(const Caller& caller, uint64_t id);

 private:
  struct WentBack {
    uint64_t generation = 0;
    std::string why;
    std::string who;
    bool is_automatic = false;  // by itself
  };

  // Overrides whose time is over, and the service that each keeps open.
  using Overdue = std::map<uint64_t, std::string>;
  // Settings, and when they are in force, in words.
  using Later = std::pair<const Settings*, const char*>;

  // When a change that goes live has got how far.
  struct Pace {
    Microseconds begun = 0;
    Microseconds judged = 0;  // it has passed the gates
  };

  // What somebody may do with the change there is.
  std::optional<Refusal> refusal_to_replace(const Caller& caller) const;
  std::optional<Refusal> refusal_to_work(const Caller& caller) const;
  std::optional<Refusal> refusal_of_id(uint64_t id) const;
  std::optional<Refusal> refusal_to_commit(const Caller& caller, const CommitRequest& request);
  std::optional<Refusal> refusal_of_gates(const Caller& caller, const Assessment& assessment,
                                          const CommitRequest& request);
  std::optional<Refusal> refusal_to_close(const OverrideRequest& request) const;
  std::optional<Refusal> refusal_to_end(uint64_t id) const;
  Refusal stale_base(uint64_t base) const;
  Refusal no_change() const;

  // REQUIRES: there is a change.
  Change& current();
  const Change& current() const;
  bool is_live() const;
  bool is_on_probation() const;
  Assessment assess_change();
  void work_on(const Caller& caller, std::string text, const std::string& what);
  void advance(ChangeState to, const Caller& caller);
  void withdraw(const std::string& outcome, const Caller& caller);
  std::optional<Refusal> store(const Caller& caller, const CommitRequest& request);
  std::optional<Refusal> go_live(const Caller& caller, Assessment assessment, Pace pace);
  void settle(Microseconds now, WallTime wall);
  void go_back(const std::string& why, const std::string& who, bool is_automatic, Microseconds now,
               WallTime wall);
  const Change& end(ChangeState state, std::string outcome);
  Status take_down(WallTime wall);
  void put_in_force(Microseconds now);
  void end_going_back();
  bool end_overrides(Microseconds now, WallTime wall);
  std::vector<Later> all_settings() const;
  Overdue overrides_to_keep(const std::set<uint64_t>& ending) const;
  void follow_overrides(Microseconds now);
  std::shared_ptr<const Settings> with_overrides_now(const Settings& settings) const;

  void tell(const std::string& who, WallTime wall, const std::string& what);
  void tell_rules(const Caller& caller, const std::vector<Hit>& hits,
                  std::span<const Waiver> waivers);
  void tell_override(const std::string& who, WallTime wall, const std::string& backend,
                     const std::string& what);
  void note(uint64_t generation, const std::string& outcome, const std::string& who, WallTime wall);

  Archive& archive_;
  Journal& journal_;
  Overrides& overrides_;
  Box& box_;

  Confirmed confirmed_;
  std::optional<Change> change_;
  std::optional<Change> ended_;
  Settings live_;  // of the change on probation
  // Of a change that is live: what is confirmed, with the overrides.
  std::shared_ptr<const Settings> way_back_;
  std::optional<WentBack> untold_;  // what the archive does not have yet
  Microseconds tell_again_ = 0;     // not before
  Overdue overdue_;                 // as of the last tick
  std::string behind_;              // why in force is not what it should be; empty: it is
  Microseconds retry_at_ = 0;
};

}  // namespace evenkeel
