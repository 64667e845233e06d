// What is held of one backend by the answers to its check: up, down, or unknown, since when and on
// what answer. Apart from sockets and timers: answers and the time are passed in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// What an agent says of its server, as far as it says anything: what is not said is as before.
struct AgentReport {
  enum class State : uint8_t { up, down };
  enum class Wish : uint8_t { ready, drain, maintenance };

  std::optional<State> state = std::nullopt;
  std::optional<Wish> wish = std::nullopt;             // what flows it wants
  std::optional<uint32_t> weight = std::nullopt;       // percent of the one in the settings
  std::optional<uint32_t> load = std::nullopt;         // percent of what it can take
  std::optional<uint32_t> connections = std::nullopt;  // at most
  // Why it says so, if it does.
  // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of a member without.
  std::string reason = {};

  friend bool operator==(const AgentReport&, const AgentReport&) = default;
};

// What came of one probe.
struct ProbeAnswer {
  enum class Kind : uint8_t {
    good,
    bad,
    not_asked,  // the box itself could not ask: nothing is learnt of the backend
  };

  Kind kind = Kind::not_asked;
  std::string text;
  std::optional<AgentReport> report = std::nullopt;  // of a check of type agent

  friend bool operator==(const ProbeAnswer&, const ProbeAnswer&) = default;
};

enum class Health : uint8_t { unknown, up, down };

// "unknown", "up" or "down".
const char* name_of(Health health);

// How long a bad answer may take to be heard of a backend that has just died, `fall` times.
Microseconds notice_time(const CheckSettings& check);

// Invariants:
// 1. Before the first answer it is unknown; that answer alone decides. So does the first one to
//    another check, but not that who falls often is up: a change of the check that is taken back
//    would find connections on a server that the old check still holds for down.
// 2. Later, `rise` good answers in a row make it up, `fall` bad ones down; of an agent that says
//    itself whether its server is up, one.
// 3. Each fall that comes less than calm_time() after the last recovery doubles the good answers
//    that it needs then, up to 2^kMaxDoublings times; a fall that comes later forgets that.
// 4. decided() is the last decision, however old; health() is unknown again when the last answer
//    is older than kStaleAfter intervals.
class Verdict {
 public:
  static constexpr uint64_t kStaleAfter = 3;
  static constexpr uint32_t kMaxDoublings = 4;
  static constexpr Microseconds kLeastCalm = 60 * kMicrosecondsPerTick;

  // What is kept of it over a restart; times are those of the event. What the last answer was, and
  // when, is not: until the next one, health() is unknown.
  struct Kept {
    Health decided = Health::unknown;
    bool is_first = true;  // the next answer decides alone
    uint32_t against = 0;
    uint32_t doublings = 0;
    Microseconds since = 0;
    Microseconds fell = 0;
    Microseconds recovered = 0;
    // NOLINTNEXTLINE(readability-redundant-member-init): gcc 12 warns of members without.
    std::string complaint = {};

    friend bool operator==(const Kept&, const Kept&) = default;
  };

  Verdict() = default;
  explicit Verdict(Kept kept) : kept_(std::move(kept)) {}
  const Kept& kept() const { return kept_; }

  // Whether that changed what is held.
  // REQUIRES: not ProbeAnswer::Kind::not_asked; now does not go back.
  bool take(const ProbeAnswer& answer, const CheckSettings& check, Microseconds asked,
            Microseconds now);

  // The check is another one: what was decided holds until its first answer, which decides (1).
  void begin_again() { kept_.is_first = true; }
  // It was not for its own fault that it fell, and it is up again: that is forgotten.
  void excuse();

  bool is_first() const { return kept_.is_first; }
  // Whether the last answers speak against what is decided.
  bool is_in_doubt() const { return kept_.against > 0; }
  bool is_decided() const { return kept_.decided != Health::unknown; }
  // The last decision.
  Health decided() const { return kept_.decided; }
  Health health(const CheckSettings& check, Microseconds now) const;
  // Of the last decision; 0 before it.
  Microseconds since() const { return kept_.since; }
  // When it last went from up to down, and from down to up; 0: never.
  Microseconds fell() const { return kept_.fell; }
  Microseconds recovered() const { return kept_.recovered; }
  // Good answers in a row that make it up, if it is down.
  uint32_t good_needed(const CheckSettings& check) const { return check.rise << kept_.doublings; }
  // Whether it has changed so often, of late, that it needs more good answers than others.
  bool changes_often(const CheckSettings& check, Microseconds now) const;
  static Microseconds calm_time(const CheckSettings& check);

  // The last bad answer.
  const std::string& complaint() const { return kept_.complaint; }
  // Of the last answer; empty and 0 before it.
  const std::string& text() const;
  Microseconds answered() const { return heard_.empty() ? 0 : heard_.back().when; }
  Microseconds took() const { return took_; }
  // The last answers, the latest last.
  struct Heard {
    Microseconds when = 0;
    bool is_good = false;
    std::string text;
  };
  static constexpr size_t kMostHeard = 5;
  const std::vector<Heard>& heard() const { return heard_; }

 private:
  bool decides(const ProbeAnswer& answer, const CheckSettings& check);
  void turn(Health said, const CheckSettings& check, Microseconds now);

  Kept kept_;
  std::vector<Heard> heard_;
  Microseconds took_ = 0;
};

}  // namespace evenkeel
