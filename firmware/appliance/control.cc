#include "firmware/appliance/control.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <unordered_map>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/base/names.h"
#include "firmware/manage/credential_file.h"
#include "firmware/settings/difference.h"

namespace evenkeel {
namespace {

// Of what a change brings for single backends, so many lines are logged.
constexpr size_t kLinesPerChange = 20;

// Of control's time, planning takes at most one part in so many, whatever the neighbours do.
constexpr Microseconds kPlanningShare = 5;

// What is kept ready is made anew when it is so old, though nothing has changed: what its plan says
// of time is not to be too far off. After a failure, it is tried again so much later.
constexpr Tick kReadyAge = 30;
constexpr Microseconds kReadyRetry = kMicrosecondsPerTick;
// When the kernel is told again what it did not take.
constexpr Microseconds kKernelRetry = kMicrosecondsPerTick;

std::string full_name(const Settings& settings, const BackendState& state) {
  const ServiceSettings& service = settings.services[state.service];
  return service.name + "/" + service.backends[state.backend].name;
}

// How long workers have to answer, and how often it is looked whether they have.
constexpr Microseconds kAnswerPatience = 20'000;
constexpr useconds_t kAnswerPoll = 50;

bool is_same_to_kernel(const Settings& one, const Settings& other) {
  return one.ports == other.ports &&
         std::ranges::equal(one.services, other.services, {}, &ServiceSettings::vips,
                            &ServiceSettings::vips);
}

}  // namespace

Control::Control(Settings settings, Dataplane& dataplane, const Secret& secret, const Log& log,
                 boost::asio::io_context& context)
    : dataplane_(dataplane),
      secret_(secret),
      log_(log),
      settings_(std::make_shared<const Settings>(std::move(settings))),
      random_(std::random_device{}()),
      prober_(
          context,
          {.now = [this] { return dataplane_.clock().now(); },
           .random = [this] { return random_(); },
           .on_change = [this] { surroundings_changed_ = true; },
           .path = {.way = [this](const ForwardingSpec& way) { return own_way(way); },
                    .open = [this] { return dataplane_.open_packet_sockets(path_answer_filter()); },
                    .random = [this] { return random_(); }}}) {
  reading_.set_patience(kPatience);
  for (const std::unique_ptr<Port>& port : dataplane_.ports()) {
    const size_t number = ports_.size();
    ports_.push_back({.mac = port->mac(), .mtu = settings_->ports[number].mtu});
    links_.push_back(true);
  }
}

Status Control::start() {
  const Microseconds now = dataplane_.clock().now();
  watch(destinations_of(*settings_));
  look_up(kTurnsForAll, now);
  prober_.follow(*settings_);
  Compiled compiled = with_other_arms(compile_settings());
  const Result<std::shared_ptr<const Plan>> plan =
      build_plan(compiled.spec, secret_, {}, tick_of(now));
  if (!plan.ok()) return Error{plan.message()};
  backends_ = std::move(compiled.states);
  slot_ = std::make_unique<Slot<Plan>>(dataplane_.workers(), plan.value());
  planner_ = std::make_unique<Planner>(*slot_, std::move(compiled.spec), secret_,
                                       dataplane_.evidence(), dataplane_.window());
  dataplane_.launch_workers(*settings_, *slot_, secret_);
  std::vector<std::string> names;
  for (const PortSettings& port : settings_->ports) names.push_back(port.name);
  supervisor_ = std::make_unique<Supervisor>(std::move(names), dataplane_.observe(),
                                             dataplane_.clock().now());
  return {};
}

std::vector<std::string> Control::needs_restart(const Settings& wanted) const {
  return restarting_differences(*settings_, wanted);
}

std::vector<Mistake> Control::mistakes_in_files(std::vector<CredentialSettings> credentials) {
  if (credentials.empty()) return {};
  const auto found = std::make_shared<std::vector<Mistake>>();
  const auto read = [credentials = std::move(credentials), found] {
    *found = mistakes_in(credentials);
  };
  if (reading_.is_free() && reading_.run(read, [] {})) return std::move(*found);
  return {{.file = {},
           .line = 0,
           .path = "credentials",
           .what = "their files cannot be read, for their disk does not answer"}};
}

Result<Preview> Control::preview(std::shared_ptr<const Settings> settings) {
  const std::vector<Address> destinations = destinations_of(*settings);
  if (all_destinations(destinations).size() > kMaxBackends) {
    return Error{"its backends and those in force have more than " + std::to_string(kMaxBackends) +
                 " addresses; change them in steps"};
  }
  wait_for_next_hops(destinations);
  Result<Prepared> prepared = prepare(std::move(settings));
  if (!prepared.ok()) return Error{prepared.message()};
  previewed_ = std::move(prepared.value());
  return Preview{.plan = previewed_->draft.plan, .states = previewed_->states};
}

// Without what has gone but may have flows: nobody is to follow it.
Result<Preview> Control::look_at(const Settings& settings) {
  Compiled compiled = compile_now(settings, Prober::Of::in_force);
  set_arms(compiled.spec, arms_);
  Result<Planner::Draft> draft = planner_->draft(std::move(compiled.spec), now());
  if (!draft.ok()) return Error{draft.message()};
  return Preview{.plan = std::move(draft.value().plan), .states = std::move(compiled.states)};
}

// The way back is what it was, as if nothing had been tried; but flows may be on what was.
Result<Control::Prepared> Control::prepare(std::shared_ptr<const Settings> settings) {
  const bool goes_back = change_ != nullptr && settings == way_back_;
  const bool is_other = goes_back && change_->is_over();
  Compiled compiled = compile_now(*settings, is_other ? Prober::Of::others : Prober::Of::in_force);
  set_arms(compiled.spec, goes_back ? change_->old_arms : arms_);
  add_leaving_to(compiled.spec, goes_back ? change_.get() : nullptr);
  Result<Planner::Draft> draft = planner_->draft(std::move(compiled.spec), now());
  if (!draft.ok()) return Error{draft.message()};
  return Prepared{.settings = std::move(settings),
                  .draft = std::move(draft.value()),
                  .states = std::move(compiled.states)};
}

Status Control::put_in_force(std::shared_ptr<const Settings> settings) {
  const Microseconds begin = now();
  const std::shared_ptr<const Plan> before = slot_->current();  // freed after all else
  Result<Prepared> prepared = take_prepared(settings);
  Status planned = prepared.ok() ? planner_->want(prepared.value().draft, now())
                                 : Status(Error{prepared.message()});
  if (!planned.ok()) {
    watch(all_destinations());
    follow_in_force();
    return planned;
  }
  tell_switch(begin);
  if (!prepared.value().is_followed) surroundings_changed_ |= follow(*settings);
  if (!is_same_to_kernel(*settings_, *settings)) is_kernel_configured_ = false;
  settings_ = std::move(settings);
  causes_.note("", "other settings came into force", begin);
  backends_.swap(prepared.value().states);
  watch(all_destinations());
  if (!is_kernel_configured_) configure_kernel();
  return {};
}

// What is kept ready is taken as it is: should checks say otherwise of it, the next tick mends it.
// A preview holds nothing against backends that are not checked yet, which is not good enough here.
Result<Control::Prepared> Control::take_prepared(std::shared_ptr<const Settings> settings) {
  std::optional<Prepared> previewed = std::exchange(previewed_, std::nullopt);
  if (ready_ && ready_->settings == settings) {
    Prepared ready = std::move(*ready_);
    ready_.reset();
    return ready;
  }
  const bool is_changed = follow(*settings);
  if (!previewed || previewed->settings != settings || is_changed) {
    watch(all_destinations(destinations_of(*settings)));
    Result<Prepared> made = prepare(std::move(settings));
    if (!made.ok()) return made;
    previewed = std::move(made.value());
  }
  previewed->is_followed = true;
  return std::move(*previewed);
}

// Answers whether what some backend of the settings may have of its weight differs then.
bool Control::follow(const Settings& settings) {
  const std::vector<double> before = parts(settings);
  ask_backends(settings);
  return parts(settings) != before;
}

// Of services that are not as they are in force: of the others nothing changes.
std::vector<double> Control::parts(const Settings& settings) const {
  std::vector<double> all;
  for (size_t i = 0; i < settings.services.size(); ++i) {
    const ServiceSettings& service = settings.services[i];
    if (i < settings_->services.size() && settings_->services[i] == service) continue;
    const bool is_known = is_any_known(service, Prober::Of::in_force);
    for (const BackendSettings& backend : service.backends) {
      const bool is_out = is_known && !prober_.why_not(service.name, backend).empty();
      all.push_back(is_out ? 0 : prober_.part(service.name, backend.name));
    }
  }
  return all;
}

void Control::tell_switch(Microseconds begin) {
  const Microseconds published = now() - begin;
  const bool have_all = planner_->await_workers([this] { return now(); });
  const Microseconds all = now() - begin;
  log_.info("settings in force, after " + std::to_string(all) + " us: published after " +
            std::to_string(published) + " us, " +
            (have_all ? "and taken up by every worker" : "and not taken up by every worker yet"));
}

void Control::keep_ready(std::shared_ptr<const Settings> settings) {
  way_back_ = std::move(settings);
  if (way_back_ == nullptr) {
    surroundings_changed_ |= is_rolling_out();  // it ends without having gone back
    change_.reset();
    brought_.clear();
  } else if (is_rolling_out()) {  // they may have other overrides by now
    settings_ = way_back_;
    if (!replan(now()).ok()) surroundings_changed_ = true;
  }
  follow_in_force();
  ready_.reset();
  ready_again_ = 0;
  ready_trouble_.clear();
  watch(all_destinations());
  const Microseconds begin = now();
  make_ready();
  if (ready_) log_.info("the way back is ready, after " + std::to_string(now() - begin) + " us");
}

// As often as that is needed.
void Control::make_ready() {
  const Microseconds begin = now();
  const bool is_ready = ready_ && planner_->is_fresh(ready_->draft) &&
                        tick_of(begin) - ready_->draft.made < kReadyAge;
  if (way_back_ == nullptr || is_ready || begin < ready_again_) return;
  ready_.reset();
  Result<Prepared> prepared = prepare(way_back_);
  std::string trouble;
  if (prepared.ok()) {
    ready_ = std::move(prepared.value());
  } else {
    trouble = "the way back is not ready: " + prepared.message();
    ready_again_ = now() + kReadyRetry;
  }
  if (trouble != ready_trouble_ && !trouble.empty()) log_.error(trouble);
  ready_trouble_ = std::move(trouble);
}

void Control::configure_kernel() {
  const Status configured = dataplane_.configure_kernel(*settings_);
  is_kernel_configured_ = configured.ok();
  kernel_again_ = now() + kKernelRetry;
  std::string trouble = configured.ok() ? "" : configured.message();
  if (trouble != kernel_trouble_ && !trouble.empty()) log_.error(trouble);
  kernel_trouble_ = std::move(trouble);
}

Status Control::reload(const Settings& settings) {
  const std::vector<std::string> keys = needs_restart(settings);
  if (keys.empty()) return publish(std::make_shared<const Settings>(settings));
  return Error{keys.front() + " is not what keeld was started with: restart keeld to change it"};
}

Side Control::in_force() const {
  return {.settings = settings_.get(), .plan = slot_->current().get(), .states = backends_};
}

Traffic Control::traffic() const { return traffic_.last_minute(plan(), counted_, now()); }

BackendCounts Control::counts(uint16_t slot) const {
  BackendCounts total;
  for (size_t i = 0; i < dataplane_.workers(); ++i) total += dataplane_.evidence(i).backend(slot);
  return total;
}

LatencyCounts Control::response_times(uint16_t slot) const {
  LatencyCounts total;
  for (size_t i = 0; i < dataplane_.workers(); ++i) {
    const LatencyCounts of_worker = dataplane_.evidence(i).response_times(slot);
    for (size_t j = 0; j < kLatencyBuckets; ++j) total.counts[j] += of_worker.counts[j];
  }
  return total;
}

uint32_t Control::cores() const { return std::thread::hardware_concurrency(); }

std::vector<std::optional<FlowMemory::Found>> Control::recollect(uint64_t flow) const {
  std::vector<std::optional<FlowMemory::Found>> answers(dataplane_.workers());
  for (size_t i = 0; i < answers.size(); ++i) dataplane_.inquiry(i).ask(flow);
  const Microseconds begin = dataplane_.clock().now();
  do {
    usleep(kAnswerPoll);
    for (size_t i = 0; i < answers.size(); ++i) answers[i] = dataplane_.inquiry(i).answer();
  } while (!std::ranges::all_of(answers, [](const auto& answer) { return answer.has_value(); }) &&
           dataplane_.clock().now() - begin < kAnswerPatience);
  return answers;
}

void Control::tick() {
  const Microseconds now = dataplane_.clock().now();
  previewed_.reset();
  look_up(kTurnsPerTick, now);
  end_leaving(now);
  const bool plans = surroundings_changed_ && now >= plan_again_;
  std::vector<BackendState> before;
  if (plans) {
    surroundings_changed_ = false;
    ready_.reset();
    before = backends_;
    const Status planned = replan(now);
    refusal_ = planned.ok() ? "" : planned.message();
    surroundings_changed_ |= !planned.ok();
  }
  const Status stepped = planner_->step(now);
  const std::string trouble = stepped.ok() ? refusal_ : stepped.message();
  if (trouble != planning_trouble_ && !trouble.empty()) log_.error(trouble);
  planning_trouble_ = trouble;
  make_ready();
  if (!is_kernel_configured_ && now >= kernel_again_) configure_kernel();
  if (plans) {
    plan_again_ = now + kPlanningShare * (dataplane_.clock().now() - now);
    tell_changes(before);  // which is not planning: the journal's disk may hang
  }
  traffic_.observe(plan(), counted_, now);
  supervise(now);
  watch_traffic(now);
  watch_change(now);
}

// Of a service none of whose backends has answered yet, as after a start, nothing is known that
// could be held against any of them.
Compiled Control::compile_now(const Settings& settings, Prober::Of of, bool has_ways) const {
  std::unordered_map<std::string_view, bool> is_known;
  for (const ServiceSettings& service : settings.services) {
    is_known[service.name] = is_any_known(service, of);
  }
  std::function<std::vector<KernelWay>()> ways;
  if (has_ways) ways = [this] { return dataplane_.neighbours().ways(); };
  const Surroundings surroundings{
      .ports = ports_,
      .next_hop = [this](const Address& address) { return next_hop(address); },
      .ways = std::move(ways),
      .unhealthy =
          [&](const ServiceSettings& service, const BackendSettings& backend) {
            return is_known[service.name] ? prober_.why_not(service.name, backend, of)
                                          : std::string();
          },
      .part = [&](const ServiceSettings& service,
                  const BackendSettings& backend) { return part_of(service, backend, of); }};
  return compile(settings, surroundings, 0);
}

bool Control::is_any_known(const ServiceSettings& service, Prober::Of of) const {
  return std::ranges::any_of(service.backends, [&](const BackendSettings& backend) {
    return prober_.is_known(service.name, backend.name, of);
  });
}

Status Control::want(Compiled of_settings, Microseconds now) {
  Compiled compiled = with_other_arms(std::move(of_settings));
  const Status planned = planner_->want(std::move(compiled.spec), now);
  if (!planned.ok()) return planned;
  backends_ = std::move(compiled.states);
  if (change_ != nullptr) change_->closed = std::move(compiled.closed_by_trial);
  return planned;
}

// Of the same settings.
void Control::tell_changes(const std::vector<BackendState>& before) {
  size_t changes = 0;
  for (size_t i = 0; i < backends_.size(); ++i) {
    const BackendState& is = backends_[i];
    if (is.usable == before[i].usable || ++changes > kLinesPerChange) continue;
    const std::string name = full_name(*settings_, is);
    const std::string what =
        is.usable ? name + ": takes flows again" : name + ": takes no flows: " + is.why;
    log_.write(is.usable ? Level::notice : Level::warning, what);
    record("backend", name, what);
    causes_.note(service_part(name), what, now());
  }
  if (changes > kLinesPerChange) {
    log_.notice("and " + std::to_string(changes - kLinesPerChange) + " backends more");
  }
}

void Control::record(std::string_view kind, const std::string& subject,
                     const std::string& what) const {
  if (recorder_) recorder_(kind, subject, what);
}

void Control::supervise(Microseconds now) {
  const Observation seen = dataplane_.observe();
  for (const Notice& event : supervisor_->observe(seen, now)) {
    log_.write(event.is_bad ? Level::warning : Level::notice, event.text);
    record("port", event.text.substr(0, event.text.find(':')), event.text);
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
