// Asks the backends of all services, as often as their checks say, and holds what they answered:
// which backends may take flows, and why the others may not. All in the event loop that it is
// given; nothing here waits.
//
// Probes are spread over time, so that neither the box nor a server meets them in bursts. A backend
// that nobody has heard of yet takes no flows. A check that leaves too few backends of a service,
// or fails most of them at once, is not believed, or not at once (membership.h), and alerts() says
// so. Nobody fails for answers that came while the box itself did not listen. Who can no longer be
// asked is held for what it was for Membership::kHold, and then for nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firmware/base/alert.h"
#include "firmware/base/clock.h"
#include "firmware/base/event_loop.h"
#include "firmware/base/limits.h"
#include "firmware/base/status.h"
#include "firmware/health/membership.h"
#include "firmware/health/probe.h"
#include "firmware/health/probe_maker.h"
#include "firmware/health/probe_sockets.h"
#include "firmware/health/same_path.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// What is to be shown of a backend's check.
struct CheckState {
  bool is_checked = false;  // its service has a check; else nothing below is told
  Health health = Health::unknown;
  Microseconds since = 0;               // since when that is its health; 0: since it is known
  std::vector<Verdict::Heard> answers;  // the last ones, the latest last
  Microseconds answered = 0;            // when; 0: never
  Microseconds took = 0;                // from the question to the answer
  std::string fault;                    // why the box could not ask when it was to; empty: it could
  bool is_overruled = false;            // may take flows although its check is against it
  std::string note;  // "changes often: 8 good answers needed"; empty: it does not
  double part = 1;   // of its weight, as Prober::part() has it
  std::optional<AgentReport::Wish> wish = std::nullopt;  // of its agent
  Microseconds wished = 0;                               // since when
  std::optional<uint32_t> load = std::nullopt;           // in percent, by its agent
};

// Invariants:
// 1. Each member is in exactly one of waiting_ (by when it is due) and asked_ (by when its probe is
//    given up); in the latter it has a probe, or once that was answered well and its check asks by
//    the traffic's own way, a path.
// 2. At most Parts::probes members are in asked_.
// 3. A pool is in alarms_ if its Pool::alarm is not 0, by that: time alone changes something then.
class Prober {
 public:
  struct Parts {
    std::function<Microseconds()> now;
    std::function<uint64_t()> random;
    // What why_not() says of some backend has begun or ceased, or its part() is another; compile
    // again. Called from the event loop, at most once in kTurn, never from within follow().
    std::function<void()> on_change;
    size_t probes = kMaxProbes;  // at a time
    SamePath::Parts path = {};   // needed if any check asks by the traffic's own way
  };

  // How often there is at most something to do.
  static constexpr Microseconds kTurn = 1'000;

  // REQUIRES: the context outlives it.
  Prober(boost::asio::io_context& context, Parts parts);
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  // Of three settings at a time: those in force; of others the services that differ; and servers
  // that have left both, but may have flows.
  enum class Of : uint8_t { in_force, others, left };

  // From now on these backends are asked, by their checks, in these settings' network namespace;
  // and those of other settings, if there are any. What is held of a backend of the same name,
  // address and port stays; if its check is another, until that one's first answer.
  void follow(const Settings& settings, const Settings* others = nullptr,
              const Settings* left = nullptr);

  // Why a backend may take no flows, in a few words; empty: it may. Of backends that are not
  // followed nothing is held against.
  std::string why_not(std::string_view service, std::string_view backend,
                      Of of = Of::in_force) const;
  // The same; but who is followed by that name elsewhere is somebody else.
  std::string why_not(std::string_view service, const BackendSettings& backend,
                      Of of = Of::in_force) const;
  // Whether its check has ever been answered; true if it has none or is not followed.
  bool is_known(std::string_view service, std::string_view backend, Of of = Of::in_force) const;
  // It takes flows again, although its check never kept it from them: it begins slowly, too.
  void note_return(std::string_view service, std::string_view backend);
  // How much of its weight in the settings it is to have: after a recovery or a return it grows by
  // steps to the whole, and an agent may want another: none at all, 0, is no new flows; 10 is the
  // most.
  double part(std::string_view service, std::string_view backend, Of of = Of::in_force) const;
  CheckState describe(std::string_view service, std::string_view backend) const;
  // Why the other settings, and nobody else, seem to be what fails most backends of a service: by
  // them these have failed at once and again, and by those in force they have answered meanwhile.
  // Empty: they do not.
  std::string suspicion(std::string_view service) const;

  // What the agent of a backend of settings in force said last: of its load, in percent; and
  // whether it is to have no flows.
  std::optional<uint32_t> load(std::string_view service, std::string_view backend) const;
  bool wants_none(std::string_view service, std::string_view backend) const;

  // What is wrong now.
  std::vector<Alert> alerts() const;

  // What is held of the backends of settings in force, to be restored after a restart; empty:
  // nothing. And a number that is another when that has changed.
  std::string save(WallTime wall) const;
  uint64_t revision() const { return revision_; }
  // Takes up what save() told before, of backends that are followed, with the same address and port
  // and undecided yet; who has another check by now is decided anew by its first answer. Says why
  // it takes up nothing.
  Status restore(std::string_view text, WallTime wall, Microseconds max_age);

 private:
  struct Alarm;
  struct Pool;

  struct Member {
    Member() = default;
    ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;
    void begin_again();
    std::unique_ptr<Member> twin() const;  // asked for itself

    Pool* pool = nullptr;
    std::string name;  // "service/backend"
    Address address;
    uint16_t traffic_port = 0;
    uint16_t port = 0;        // where it is asked
    bool takes_flows = true;  // by its weight, and not in maintenance
    bool in_maintenance = false;
    bool is_spread = false;     // its probes have found their place in the interval
    Microseconds followed = 0;  // since when
    Microseconds asked = 0;     // when the probe under way, or the last one, began
    Microseconds at = 0;        // its time in waiting_ or asked_; 0: in neither yet
    Verdict verdict;
    Microseconds returned = 0;  // from maintenance, or by note_return(); 0: never
    AgentReport agent;          // all that its agent has said since it is asked
    Microseconds wished = 0;    // when its wish became another; 0: it has none
    std::string fault;          // why the last probe could not be made; empty: it could
    bool is_stale = false;      // for long no answer has come, since it could not be asked
    std::shared_ptr<Probe> probe;
    std::shared_ptr<PathProbe> path;
    ProbeAnswer answer;       // of the probe, while there is a path
    size_t turn = 0;          // of the VIPs: the next one, or the one that has not answered
    bool was_silent = false;  // that one, when it was asked last
  };

  struct Pool {
    std::shared_ptr<const CheckSettings> check;
    SamePaths paths;
    std::map<std::string, std::unique_ptr<Member>, std::less<>> members;
    Membership membership;
    Microseconds alarm = 0;     // when it is to be settled again, whatever answers come; 0: never
    bool is_left = false;       // followed no more
    bool may_be_empty = false;  // its check is believed even if that leaves nobody
  };

  static constexpr size_t kKinds = 3;  // of Of
  using Pools = std::map<std::string, Pool, std::less<>>;
  using Queue = std::set<std::pair<Microseconds, Member*>>;

  static void follow(Pools& pools, const ServiceSettings& service, std::span<Pools* const> known,
                     Microseconds now);
  // Answers whether those that are followed are others than before.
  static bool adopt(Pool& pool, const ServiceSettings& service, std::span<Pool* const> known,
                    Microseconds now);
  void enqueue_all(Microseconds now);

  void wake_by(Microseconds time, Microseconds now);
  void turn();
  void forgive(Microseconds now);
  void look_for_stale(Microseconds now);
  void give_up(Microseconds now);
  void ask_due(Microseconds now);
  std::vector<Member*> due(Microseconds now) const;
  void ask(Member& member, Result<ProbeSocket> socket, Microseconds now);
  void take(Member& member, const ProbeAnswer& answer);
  void ask_path(Member& member, ProbeAnswer answer);
  void take_path(Member& member, const ProbeAnswer& answer, bool is_silent);
  void end_probe(Member& member, const ProbeAnswer& answer);
  bool take_answer(Member& member, ProbeAnswer answer, Microseconds now);
  void ring(Microseconds now);
  void settle(Pool& pool, Microseconds now);
  void set_alarm(Pool& pool, Microseconds now);

  Pools& pools(Of of) { return pools_[static_cast<size_t>(of)]; }
  const Pools& pools(Of of) const { return pools_[static_cast<size_t>(of)]; }
  static std::string why_not(const Member& member);
  static bool is_overruled(const Member& member);
  static Microseconds back_since(const Member& member);
  static Microseconds since_of(const Member& member, Microseconds now);
  const Member* find(std::string_view service, std::string_view backend, Of of,
                     const BackendSettings* server = nullptr) const;
  double part_now(const Member& member) const;

  const Parts parts_;
  ProbeMaker maker_;
  SamePath same_path_;
  // Whose timer, when it has expired, calls back although it is gone.
  const std::shared_ptr<Alarm> alarm_;
  Microseconds wakes_at_;

  std::shared_ptr<ProbeSockets> sockets_;  // of the network namespace in force
  std::array<Pools, kKinds> pools_;        // by Of
  Queue waiting_;
  Queue asked_;
  std::set<Pool*> unsettled_;  // of which a member's verdict may have changed
  std::set<std::pair<Microseconds, Pool*>> alarms_;
  Microseconds forgiven_ = 0;     // when that was last
  Microseconds stale_again_ = 0;  // look for them, not before
  uint64_t revision_ = 0;
  bool is_changed_ = false;
};

}  // namespace evenkeel
