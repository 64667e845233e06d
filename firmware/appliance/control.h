// What the control thread knows and does once the box runs: settings in force, the plan made of
// them, what is wrong below. All of it is called from one event loop; what waits says so.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "firmware/appliance/causes.h"
#include "firmware/appliance/dataplane.h"
#include "firmware/appliance/log.h"
#include "firmware/appliance/planner.h"
#include "firmware/appliance/supervisor.h"
#include "firmware/base/clock.h"
#include "firmware/base/errand.h"
#include "firmware/change/arm_meter.h"
#include "firmware/change/arms.h"
#include "firmware/change/box.h"
#include "firmware/change/compile.h"
#include "firmware/change/rollout.h"
#include "firmware/change/traffic_meter.h"
#include "firmware/health/load_watch.h"
#include "firmware/health/prober.h"
#include "firmware/health/slow_watch.h"
#include "firmware/health/traffic_watch.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

class Control final : public Box {
 public:
  // REQUIRES: all outlive it; no worker runs yet.
  Control(Settings settings, Dataplane& dataplane, const Secret& secret, const Log& log,
          boost::asio::io_context& context);
  // Stops the workers.
  ~Control() override { dataplane_.stop_workers(); }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // What prober().save() told before the restart. Says why that is not taken up.
  // REQUIRES: not started yet.
  Status restore_health(std::string_view text, WallTime wall, Microseconds max_age) {
    prober_.follow(*settings_);
    return prober_.restore(text, wall, max_age);
  }
  // The first plan, and workers that follow it.
  Status start();

  // What only a restart brings into force: whatever is not services, addresses and routes of ports,
  // or how a change is made.
  std::vector<std::string> needs_restart(const Settings& wanted) const override;
  std::vector<Mistake> mistakes_in_files(std::vector<CredentialSettings> credentials) override;
  // Waits a moment for the next hops of backends that are new.
  Result<Preview> preview(std::shared_ptr<const Settings> settings) override;
  Result<Preview> look_at(const Settings& settings) override;
  // Probes, next hops and workers are there for both settings until keep_ready(nullptr).
  Status roll_out(std::shared_ptr<const Settings> settings, const RolloutSettings& how) override;
  bool is_rolling_out() const override { return change_ != nullptr && !change_->is_over(); }
  // Workers follow first; probes, neighbours and the kernel are told after.
  Status publish(std::shared_ptr<const Settings> settings) override;
  void keep_ready(std::shared_ptr<const Settings> settings) override;
  Side in_force() const override;
  Traffic traffic() const override;
  uint32_t cores() const override;
  Microseconds now() const override { return dataplane_.clock().now(); }

  // Both: publishes settings if that is all they need.
  Status reload(const Settings& settings);

  // Who is to be told what happens to backends, ports and workers, beside the log.
  using Recorder = std::function<void(std::string_view kind, const std::string& subject,
                                      const std::string& what)>;
  void set_recorder(Recorder recorder) { recorder_ = std::move(recorder); }
  // Who is to be told that a rollout should go back, and why: called at the end of a tick.
  using Alarm = std::function<void(const std::string& why)>;
  void set_alarm(Alarm alarm) { alarm_ = std::move(alarm); }

  // At least every Supervisor::kInterval.
  void tick();
  // When the neighbours' descriptor is readable.
  void on_netlink();

  // What is to be seen, of this moment. While a change rolls out, settings and backends are those
  // that most flows follow.
  const Settings& settings() const { return *settings_; }
  // How far the change on its way has come, to be said after why it goes back.
  std::string reach() const;
  // Null: no change rolls out.
  const Rollout* rollout() const { return is_rolling_out() ? &change_->rollout : nullptr; }
  const Plan& plan() const { return *slot_->current(); }
  const std::vector<BackendState>& backends() const { return backends_; }
  const Dataplane& dataplane() const { return dataplane_; }
  const Prober& prober() const { return prober_; }
  // What all workers have counted for a slot.
  BackendCounts counts(uint16_t slot) const;
  LatencyCounts response_times(uint16_t slot) const;
  // REQUIRES: the address is that of a backend of settings in force or of the last preview.
  NextHop next_hop(const Address& address) const;
  // What each worker remembers of the flow of this hash; none: it does not answer. Waits for
  // them, some milliseconds at most.
  std::vector<std::optional<FlowMemory::Found>> recollect(uint64_t flow) const;
  // What is wrong now, but for single backends; and in sentences, with how many take no flows.
  std::vector<Alert> alerts() const;
  std::vector<std::string> troubles() const;

 private:
  // Turns of looking up next hops, a thousand each, in one tick; and as many as there can be.
  static constexpr size_t kTurnsPerTick = 4;
  static constexpr size_t kTurnsForAll = 1'000;
  // With a disk that files of credentials are on.
  static constexpr Errand::Patience kPatience{2'000};

  // Settings that can be in force at once.
  struct Prepared {
    std::shared_ptr<const Settings> settings;
    Planner::Draft draft;
    std::vector<BackendState> states;
    bool is_followed = false;  // by the prober
  };

  // A change that is in force, first for a part of the flows.
  struct ChangeAtWork {
    std::shared_ptr<const Settings> wanted;
    Settings tried;  // of those, the services that it changes
    Arms arms;       // of these, when they follow it
    Arms old_arms;   // of all services, when they do not
    Rollout rollout;
    std::set<std::string, std::less<>> closed;  // services that only it would close
    uint64_t new_flows = 0;                     // that came to it so far
    bool is_stopped = false;                    // it is to go back

    bool is_over() const { return rollout.is_over(); }
  };

  Status put_in_force(std::shared_ptr<const Settings> settings);
  Status put_back(std::shared_ptr<const Settings> settings);
  void watch_change(Microseconds now);
  std::string go_on_rolling_out(Microseconds now);
  std::string suspicion() const;
  std::string why_left_out() const;
  Status take_step(Microseconds now);
  void tell_step(const std::vector<std::string>& doubts);
  Status finish_rollout(Microseconds now);
  std::vector<Leaving> leave(Settings settings, Arms arms, Microseconds now);
  void tell_given_up(const std::vector<Leaving>& given_up);
  void end_leaving(Microseconds now);
  const Settings* others() const;
  Result<Prepared> prepare(std::shared_ptr<const Settings> settings);
  Result<Prepared> take_prepared(std::shared_ptr<const Settings> settings);
  void make_ready();
  bool follow(const Settings& settings);
  void follow_in_force() { ask_backends(*settings_); }
  void ask_backends(const Settings& settings);
  std::vector<double> parts(const Settings& settings) const;
  std::vector<Address> all_destinations(std::vector<Address> also = {}) const;
  void tell_switch(Microseconds begin);
  void look_up(size_t turns, Microseconds now);
  void watch(std::vector<Address> destinations);
  void wait_for_next_hops(const std::vector<Address>& destinations);
  bool are_resolved(const std::vector<Address>& destinations) const;
  Compiled compile_now(const Settings& settings, Prober::Of of, bool has_ways = true) const;
  Compiled compile_settings() const;
  Compiled compiled_in_force() const;
  Compiled with_other_arms(Compiled compiled) const;
  void add_leaving_to(PlanSpec& spec, const ChangeAtWork* gone = nullptr) const;
  Result<SamePath::Way> own_way(ForwardingSpec way) const;
  bool is_any_known(const ServiceSettings& service, Prober::Of of) const;
  void configure_kernel();
  Status replan(Microseconds now) { return want(compile_settings(), now); }
  Status want(Compiled of_settings, Microseconds now);
  void tell_changes(const std::vector<BackendState>& before);
  void watch_traffic(Microseconds now);
  std::vector<AgentLoad> loads() const;
  Part part_of(const ServiceSettings& service, const BackendSettings& backend, Prober::Of of) const;
  void supervise(Microseconds now);
  void record(std::string_view kind, const std::string& subject, const std::string& what) const;

  Dataplane& dataplane_;
  const Secret& secret_;
  const Log& log_;
  Recorder recorder_;  // none: nobody
  Alarm alarm_;        // none: nobody

  std::shared_ptr<const Settings> settings_;  // never null
  std::vector<PortState> ports_;
  std::unique_ptr<Slot<Plan>> slot_;
  std::unique_ptr<Planner> planner_;
  std::unique_ptr<Supervisor> supervisor_;
  bool is_kernel_configured_ = true;  // as settings_ have it; what failed is tried again
  std::vector<BackendState> backends_;
  Arms arms_;                             // of settings_
  uint32_t last_arm_ = 0;                 // that any service ever had
  std::unique_ptr<ChangeAtWork> change_;  // null: none
  Servers brought_;                       // by the change that is not confirmed yet
  std::vector<Leaving> leaving_;
  bool are_left_asked_ = false;  // servers of leaving_
  ArmMeter arm_meter_;
  TrafficWatch traffic_watch_;
  LoadWatch load_watch_;
  SlowWatch slow_watch_;
  Causes causes_;
  Microseconds watch_again_ = 0;  // the traffic, not before
  Microseconds read_again_ = 0;   // the arms, not before
  std::vector<Address> watched_;  // in their order
  std::mt19937_64 random_;
  Prober prober_;
  TrafficMeter traffic_;
  const TrafficMeter::Counted counted_ = [this](uint16_t slot) {
    const BackendCounts total = counts(slot);
    return Flows{.new_flows = total.new_flows, .packets = total.packets};
  };
  const ArmMeter::Counted both_counted_ = {
      .counts = [this](uint16_t slot) { return counts(slot); },
      .latencies = [this](uint16_t slot) { return response_times(slot); }};
  std::vector<bool> links_;        // as the kernel was told
  std::string planning_trouble_;   // why the wanted plan is not in force
  std::string refusal_;            // of what was to be wanted last, by the planner
  std::string kernel_trouble_;     // why the kernel is not as settings_ have it
  Microseconds kernel_again_ = 0;  // not before
  bool surroundings_changed_ = false;
  Microseconds plan_again_ = 0;  // not before
  Microseconds wait_again_ = 0;  // for next hops, not before

  Errand reading_;  // of files that a change names

  std::optional<Prepared> previewed_;         // until the next tick
  std::shared_ptr<const Settings> way_back_;  // to be kept ready; null: nothing
  std::optional<Prepared> ready_;             // of way_back_
  std::string ready_trouble_;                 // why it is not; empty: it is
  Microseconds ready_again_ = 0;              // after a failure, not before
};

}  // namespace evenkeel
