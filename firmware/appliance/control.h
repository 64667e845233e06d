// What the control thread knows and does once the box runs: settings in force, the plan made of
// them, what is wrong below. All of it is called from one event loop; nothing here waits.
#pragma once

#include <string>
#include <vector>

#include "firmware/appliance/dataplane.h"
#include "firmware/appliance/log.h"
#include "firmware/appliance/planner.h"
#include "firmware/appliance/supervisor.h"
#include "firmware/change/compile.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

class Control {
 public:
  // REQUIRES: all outlive it; no worker runs yet.
  Control(Settings settings, Dataplane& dataplane, const Secret& secret, const Log& log);
  // Stops the workers.
  ~Control() { dataplane_.stop_workers(); }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  // The first plan, and workers that follow it.
  Status start();

  // Settings that came later: services, and addresses and routes of ports, are in force at once.
  // Refused, naming the key, if anything else differs, or if no plan can be made of them.
  Status reload(Settings settings);

  // At least every Supervisor::kInterval.
  void tick();
  // When the neighbours' descriptor is readable.
  void on_netlink();

  // What is to be seen, of this moment.
  const Settings& settings() const { return settings_; }
  const Plan& plan() const { return *slot_->current(); }
  const std::vector<BackendState>& backends() const { return backends_; }
  const Dataplane& dataplane() const { return dataplane_; }
  std::vector<std::string> troubles() const;

 private:
  void look_up(size_t turns, Microseconds now);
  NextHop next_hop(const Address& address, Microseconds now) const;
  Compiled compile_now(const Settings& settings, Microseconds now) const;
  Status replan(const Settings& settings, Microseconds now);
  void tell_changes(const std::vector<BackendState>& before) const;
  void supervise(Microseconds now);

  Dataplane& dataplane_;
  const Secret& secret_;
  const Log& log_;

  Settings settings_;
  std::vector<PortState> ports_;
  std::unique_ptr<Slot<Plan>> slot_;
  std::unique_ptr<Planner> planner_;
  std::unique_ptr<Supervisor> supervisor_;
  std::vector<BackendState> backends_;
  std::vector<bool> links_;       // as the kernel was told
  std::string planning_trouble_;  // why the wanted plan is not in force
  bool surroundings_changed_ = false;
  Microseconds plan_again_ = 0;  // not before
};

}  // namespace evenkeel
