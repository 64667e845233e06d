#include "firmware/appliance/control.h"

#include <algorithm>
#include <iterator>
#include <tuple>
#include <utility>

namespace evenkeel {
namespace {

// Of what a change brings for single backends, so many lines are logged.
constexpr size_t kLinesPerChange = 20;

// Turns of looking up next hops, a thousand each, in one tick; and as many as there can be.
constexpr size_t kTurnsPerTick = 4;
constexpr size_t kTurnsForAll = 1'000;

// Of control's time, planning takes at most one part in so many, whatever the neighbours do.
constexpr Microseconds kPlanningShare = 5;

std::string full_name(const Settings& settings, const BackendState& state) {
  const ServiceSettings& service = settings.services[state.service];
  return service.name + "/" + service.backends[state.backend].name;
}

// The first key that only a restart brings into force, if it differs.
std::string needs_restart(const Settings& now, const Settings& wanted) {
  const auto fixed = [](const PortSettings& port) {
    return std::tie(port.name, port.device, port.mtu, port.vlan);
  };
  if (now.secret_file != wanted.secret_file) return "secret_file";
  if (!(now.cpu == wanted.cpu)) return "cpu";
  if (!(now.memory == wanted.memory)) return "memory";
  if (now.idle != wanted.idle) return "idle";
  if (now.eal_extra != wanted.eal_extra) return "eal_extra";
  if (now.eal_prefix != wanted.eal_prefix) return "eal_prefix";
  if (!(now.kernel == wanted.kernel)) return "kernel";
  if (now.ports.size() != wanted.ports.size()) return "ports";
  for (size_t i = 0; i < now.ports.size(); ++i) {
    if (fixed(now.ports[i]) != fixed(wanted.ports[i])) return "ports[" + now.ports[i].name + "]";
  }
  return "";
}

size_t unusable(const std::vector<BackendState>& states) {
  return static_cast<size_t>(
      std::ranges::count_if(states, [](const BackendState& state) { return !state.usable; }));
}

}  // namespace

Control::Control(Settings settings, Dataplane& dataplane, const Secret& secret, const Log& log)
    : dataplane_(dataplane), secret_(secret), log_(log), settings_(std::move(settings)) {
  for (const std::unique_ptr<Port>& port : dataplane_.ports()) {
    const size_t number = ports_.size();
    ports_.push_back({.mac = port->mac(), .mtu = settings_.ports[number].mtu});
    links_.push_back(true);
  }
}

Status Control::start() {
  const Microseconds now = dataplane_.clock().now();
  surroundings_changed_ = dataplane_.neighbours().watch(destinations_of(settings_), now);
  look_up(kTurnsForAll, now);
  Compiled compiled = compile_now(settings_, now);
  const Result<std::shared_ptr<const Plan>> plan =
      build_plan(compiled.spec, secret_, {}, tick_of(now));
  if (!plan.ok()) return Error{plan.message()};
  backends_ = std::move(compiled.states);
  slot_ = std::make_unique<Slot<Plan>>(dataplane_.workers(), plan.value());
  planner_ = std::make_unique<Planner>(*slot_, std::move(compiled.spec), secret_,
                                       dataplane_.evidence(), dataplane_.window());
  dataplane_.launch_workers(settings_, *slot_, secret_);
  std::vector<std::string> names;
  for (const PortSettings& port : settings_.ports) names.push_back(port.name);
  supervisor_ = std::make_unique<Supervisor>(std::move(names), dataplane_.observe(),
                                             dataplane_.clock().now());
  return {};
}

Status Control::reload(Settings settings) {
  const std::string fixed = needs_restart(settings_, settings);
  if (!fixed.empty()) {
    return Error{fixed + " is not what keeld was started with: restart keeld to change it"};
  }
  const Microseconds now = dataplane_.clock().now();
  surroundings_changed_ |= dataplane_.neighbours().watch(destinations_of(settings), now);
  Status planned = replan(settings, now);
  if (!planned.ok()) {
    surroundings_changed_ |= dataplane_.neighbours().watch(destinations_of(settings_), now);
    return planned;
  }
  settings_ = std::move(settings);
  const Status configured = dataplane_.configure_kernel(settings_);
  if (!configured.ok()) log_.error(configured.message());
  return {};
}

void Control::tick() {
  const Microseconds now = dataplane_.clock().now();
  look_up(kTurnsPerTick, now);
  if (surroundings_changed_ && now >= plan_again_) {
    surroundings_changed_ = false;
    const std::vector<BackendState> before = backends_;
    const Status planned = replan(settings_, now);
    if (!planned.ok()) log_.error(planned.message());
    tell_changes(before);
    plan_again_ = now + kPlanningShare * (dataplane_.clock().now() - now);
  }
  const Status stepped = planner_->step(now);
  const std::string trouble = stepped.ok() ? "" : stepped.message();
  if (trouble != planning_trouble_ && !trouble.empty()) log_.error(trouble);
  planning_trouble_ = trouble;
  supervise(now);
}

void Control::look_up(size_t turns, Microseconds now) {
  Neighbours& neighbours = dataplane_.neighbours();
  surroundings_changed_ |= neighbours.on_timer(now);
  for (size_t i = 1; i < turns && neighbours.is_busy(); ++i) {
    surroundings_changed_ |= neighbours.on_timer(now);
  }
}

void Control::on_netlink() {
  surroundings_changed_ |= dataplane_.neighbours().on_readable(dataplane_.clock().now());
}

std::vector<std::string> Control::troubles() const {
  std::vector<std::string> all = supervisor_->troubles();
  if (!planning_trouble_.empty()) all.push_back(planning_trouble_);
  std::ranges::copy(dataplane_.neighbours().troubles(), std::back_inserter(all));
  if (const size_t count = unusable(backends_); count != 0) {
    all.push_back(std::to_string(count) + " of " + std::to_string(backends_.size()) +
                  " backends cannot be reached; see /evenkeel/backends");
  }
  return all;
}

// The kernel tells of a cable up to a second later than we know of it.
NextHop Control::next_hop(const Address& address, Microseconds now) const {
  NextHop hop = dataplane_.neighbours().next_hop(address, now);
  if (hop.resolved && !links_[hop.port]) {
    hop.resolved = false;
    hop.why = "the link of port " + settings_.ports[hop.port].name + " is down";
  }
  return hop;
}

Compiled Control::compile_now(const Settings& settings, Microseconds now) const {
  const std::vector<KernelWay> ways = dataplane_.neighbours().ways();
  const Surroundings surroundings{
      .ports = ports_,
      .next_hop = [&](const Address& address) { return next_hop(address, now); },
      .ways = ways};
  return compile(settings, surroundings, 0);
}

Status Control::replan(const Settings& settings, Microseconds now) {
  Compiled compiled = compile_now(settings, now);
  const Status planned = planner_->want(std::move(compiled.spec), now);
  if (planned.ok()) backends_ = std::move(compiled.states);
  return planned;
}

// Of the same settings.
void Control::tell_changes(const std::vector<BackendState>& before) const {
  size_t changes = 0;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const BackendState& is = backends_[i];
    if (is.usable == before[i].usable || ++changes > kLinesPerChange) continue;
    const std::string name = full_name(settings_, is);
    if (is.usable) {
      log_.notice(name + ": can be reached");
    } else {
      log_.warning(name + ": cannot be reached: " + is.why);
    }
  }
  if (changes > kLinesPerChange) {
    log_.notice("and " + std::to_string(changes - kLinesPerChange) + " backends more");
  }
}

void Control::supervise(Microseconds now) {
  const Observation seen = dataplane_.observe();
  for (const Event& event : supervisor_->observe(seen, now)) {
    log_.write(event.is_bad ? Level::warning : Level::notice, event.text);
  }
  for (size_t i = 0; i < links_.size(); ++i) {
    if (links_[i] == seen.ports[i].link_is_up) continue;
    links_[i] = seen.ports[i].link_is_up;
    surroundings_changed_ = true;
    const Status told = dataplane_.set_link(i, links_[i]);
    if (!told.ok()) log_.error(told.message());
  }
}

}  // namespace evenkeel
