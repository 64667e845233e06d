#include "firmware/health/prober.h"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <limits>

#include "firmware/base/check.h"
#include "firmware/health/agent_wish.h"
#include "firmware/health/schedule.h"
#include "firmware/health/slow_start.h"

namespace evenkeel {
namespace {

constexpr Microseconds kNever = std::numeric_limits<Microseconds>::max();

// First probes: one in so long, if that fits into the interval.
constexpr Microseconds kFirstSpacing = 200;

// Probes that begin, and that are given up, in one turn: the loop has other things to do.
constexpr size_t kPerTurn = 256;

// While probes are under way there is a turn at least so often, and one that comes later than its
// time by more finds a box that hung.
constexpr Microseconds kLate = 100'000;

// How often those are looked for who have not been asked for too long.
constexpr Microseconds kStaleLook = kMicrosecondsPerTick;

// On a box that hangs again and again, who is silent is to fall too: the time of a probe that has
// lasted so long, and longer than the check's timeout, does not begin again.
constexpr Microseconds kMostForgiven = 10 * kMicrosecondsPerTick;

uint16_t traffic_port_of(const ServiceSettings& service, const BackendSettings& backend) {
  return service.mode == Mode::nat && backend.port != 0 ? backend.port : service.ports.first;
}

}  // namespace

struct Prober::Alarm {
  explicit Alarm(boost::asio::io_context& context) : timer(context) {}

  boost::asio::steady_timer timer;
};

Prober::Prober(boost::asio::io_context& context, Parts parts)
    : parts_(std::move(parts)),
      maker_(context, parts_.random),
      same_path_(context, parts_.path),
      alarm_(std::make_shared<Alarm>(context)),
      wakes_at_(kNever) {
  REQUIRE(parts_.now && parts_.random && parts_.on_change && parts_.probes > 0);
}

Prober::Member::~Member() {
  if (probe) probe->cancel();
}

void Prober::follow(const Settings& settings, const Settings* others, const Settings* left) {
  const Microseconds now = parts_.now();
  sockets_ = std::make_shared<ProbeSockets>(settings.kernel.network_namespace);
  waiting_.clear();
  asked_.clear();
  unsettled_.clear();
  alarms_.clear();
  ++revision_;
  std::array<Pools, kKinds> before;
  before.swap(pools_);
  for (Pools& pools : before) {
    for (auto& [service, pool] : pools) pool.is_left = true;
  }
  const std::array<Pools*, kKinds + 1> known = {&before[0], &before[1], &before[2],
                                                &pools(Of::in_force)};
  for (const ServiceSettings& service : settings.services) {
    follow(pools(Of::in_force), service, std::span(known).first(kKinds), now);
  }
  for (size_t i = 0; others != nullptr && i < others->services.size(); ++i) {
    const ServiceSettings& service = others->services[i];
    if (std::ranges::find(settings.services, service) != settings.services.end()) continue;
    follow(pools(Of::others), service, known, now);
  }
  for (size_t i = 0; left != nullptr && i < left->services.size(); ++i) {
    const ServiceSettings& service = left->services[i];
    follow(pools(Of::left), service, known, now);
    pools(Of::left).at(service.name).may_be_empty = true;
  }
  enqueue_all(now);
  for (Pools& pools : pools_) {
    for (auto& [service, pool] : pools) settle(pool, now);
  }
}

// What is known of a backend comes from pools of the same check rather than from others.
void Prober::follow(Pools& pools, const ServiceSettings& service, std::span<Pools* const> known,
                    Microseconds now) {
  const auto is_of_other_check = [&](const Pool* pool) { return *pool->check != service.check; };
  std::vector<Pool*> sources;
  for (const bool is_other : {false, true}) {
    for (Pools* const from : known) {
      const auto found = from->find(service.name);
      if (found == from->end() || is_of_other_check(&found->second) != is_other) continue;
      sources.push_back(&found->second);
    }
  }
  Pool& pool = pools[service.name];
  pool.paths = same_paths_of(service);
  pool.check = sources.empty() || is_of_other_check(sources.front())
                   ? std::make_shared<const CheckSettings>(service.check)
                   : sources.front()->check;
  const bool is_changed =
      service.check.type != CheckType::none && adopt(pool, service, sources, now);
  if (sources.empty()) return;
  const Pool& before = *sources.front();
  pool.membership = before.membership;
  if (is_changed || *before.check != service.check || before.paths != pool.paths) {
    pool.membership.note_change(now);
  }
}

bool Prober::adopt(Pool& pool, const ServiceSettings& service, std::span<Pool* const> known,
                   Microseconds now) {
  bool is_other = known.empty() || known.front()->members.size() != service.backends.size();
  for (const BackendSettings& backend : service.backends) {
    const uint16_t traffic_port = traffic_port_of(service, backend);
    std::unique_ptr<Member>& member = pool.members[backend.name];
    for (Pool* const from : known) {
      const auto found = from->members.find(backend.name);
      if (member || found == from->members.end() || !found->second) continue;
      if (found->second->address != backend.address) continue;
      if (found->second->traffic_port != traffic_port) continue;
      member = from->is_left ? std::move(found->second) : found->second->twin();
      if (*from->check != *pool.check) member->begin_again();
    }
    if (!member) {
      member = std::make_unique<Member>();
      is_other = true;
    }
    member->pool = &pool;
    member->name = service.name + "/" + backend.name;
    member->address = backend.address;
    member->traffic_port = traffic_port;
    member->port = service.check.port != 0 ? service.check.port : traffic_port;
    member->takes_flows = backend.weight > 0 && !backend.in_maintenance;
    if (member->in_maintenance && !backend.in_maintenance) member->returned = now;
    member->in_maintenance = backend.in_maintenance;
  }
  return is_other;
}

std::unique_ptr<Prober::Member> Prober::Member::twin() const {
  auto twin = std::make_unique<Member>();
  twin->address = address;
  twin->traffic_port = traffic_port;
  twin->verdict = verdict;
  twin->in_maintenance = in_maintenance;
  twin->returned = returned;
  twin->agent = agent;
  twin->wished = wished;
  twin->fault = fault;
  return twin;
}

void Prober::Member::begin_again() {
  if (probe) probe->cancel();
  probe = nullptr;
  path = nullptr;
  verdict.begin_again();
  is_spread = false;
  at = 0;
}

// Those that are new find their place in the interval after their first probe.
void Prober::enqueue_all(Microseconds now) {
  Microseconds added = 0;
  const auto for_each = [this](const auto& call) {
    for (const Pools& pools : pools_) {
      for (const auto& [service, pool] : pools) {
        for (const auto& [backend, member] : pool.members) call(*member);
      }
    }
  };
  for_each([&](const Member& member) { added += member.at == 0 ? 1 : 0; });
  Microseconds place = 0;
  for_each([&](Member& member) {
    if (member.at == 0) {
      member.followed = now;
      const Microseconds interval = member.pool->check->interval;
      member.at = now + place++ * std::min(kFirstSpacing, interval / added);
    }
    (member.probe || member.path ? asked_ : waiting_).emplace(member.at, &member);
  });
  wake_by(now, now);
}

void Prober::wake_by(Microseconds time, Microseconds now) {
  const Microseconds at = std::max(time, now + kTurn);
  if (at >= wakes_at_) return;
  wakes_at_ = at;
  alarm_->timer.expires_after(std::chrono::microseconds(at - now));
  alarm_->timer.async_wait(
      [this, life = std::weak_ptr(alarm_)](const boost::system::error_code& error) {
        if (!error && !life.expired()) turn();
      });
}

void Prober::turn() {
  const Microseconds now = parts_.now();
  if (now > wakes_at_ && now - wakes_at_ > kLate) forgive(now);
  wakes_at_ = kNever;
  give_up(now);
  ask_due(now);
  const Microseconds end = parts_.now();  // not before what these have noted
  ring(end);
  look_for_stale(end);
  for (Pool* pool : std::exchange(unsettled_, {})) settle(*pool, end);
  if (!asked_.empty()) wake_by(std::min(asked_.begin()->first, end + kLate), end);
  if (!waiting_.empty() && asked_.size() < parts_.probes) wake_by(waiting_.begin()->first, end);
  if (!alarms_.empty()) wake_by(alarms_.begin()->first, end);
  if (std::exchange(is_changed_, false)) parts_.on_change();
}

// If the box did not listen, servers are not to blame for not having been heard: what is under way
// has its whole time again, since an answer may take several turns.
void Prober::forgive(Microseconds now) {
  forgiven_ = now;
  Queue asked;
  for (const auto& [at, member] : asked_) {
    const Microseconds timeout = member->pool->check->timeout;
    if (at - member->asked <= std::max(timeout, kMostForgiven)) member->at = now + timeout;
    asked.emplace(member->at, member);
  }
  asked_ = std::move(asked);
}

void Prober::look_for_stale(Microseconds now) {
  if (now < stale_again_) return;
  stale_again_ = now + kStaleLook;
  for (Pools& pools : pools_) {
    for (auto& [service, pool] : pools) {
      const Microseconds limit = Verdict::kStaleAfter * pool.check->interval + Membership::kHold;
      for (auto& [backend, member] : pool.members) {
        const Microseconds heard =
            std::max({member->verdict.answered(), member->followed, forgiven_});
        const bool is_stale = member->verdict.is_decided() && now - heard > limit;
        if (std::exchange(member->is_stale, is_stale) == is_stale) continue;
        unsettled_.insert(&pool);
        is_changed_ = true;
      }
    }
  }
}

void Prober::give_up(Microseconds now) {
  for (size_t i = 0; i < kPerTurn && !asked_.empty() && asked_.begin()->first <= now; ++i) {
    Member& member = *asked_.begin()->second;
    if (member.path) {
      take_path(member, member.path->give_up(member.pool->check->timeout), true);
    } else {
      take(member, member.probe->give_up());
    }
  }
}

void Prober::ask_due(Microseconds now) {
  const std::vector<Member*> members = due(now);
  if (members.empty()) return;
  std::vector<ProbeSockets::Want> wanted;
  wanted.reserve(members.size());
  for (const Member* member : members) {
    wanted.push_back({.type = member->pool->check->type, .is_v4 = member->address.is_v4()});
  }
  std::vector<Result<ProbeSocket>> sockets = sockets_->take(wanted);
  for (size_t i = 0; i < members.size(); ++i) ask(*members[i], std::move(sockets[i]), now);
}

// Who has waited longest comes first, so that all get their turn when there are too many.
std::vector<Prober::Member*> Prober::due(Microseconds now) const {
  const size_t room = std::min(kPerTurn, parts_.probes - asked_.size());
  std::vector<Member*> members;
  for (const auto& [at, member] : waiting_) {
    if (at > now || members.size() == room) break;
    members.push_back(member);
  }
  return members;
}

void Prober::ask(Member& member, Result<ProbeSocket> socket, Microseconds now) {
  waiting_.erase({member.at, &member});
  member.asked = now;
  member.at = now + member.pool->check->timeout;
  asked_.emplace(member.at, &member);
  if (!socket.ok()) return take(member, {ProbeAnswer::Kind::not_asked, socket.message()});
  Result<std::shared_ptr<Probe>> probe =
      maker_.make(std::move(socket.value()),
                  {.address = member.address,
                   .port = member.port,
                   .check = member.pool->check,
                   .backend = member.name},
                  [this, &member](const ProbeAnswer& answer) { take(member, answer); });
  if (!probe.ok()) return take(member, {ProbeAnswer::Kind::not_asked, probe.message()});
  member.probe = probe.value();
  probe.value()->start();
}

void Prober::take(Member& member, const ProbeAnswer& answer) {
  member.probe = nullptr;
  const bool is_good = answer.kind == ProbeAnswer::Kind::good;
  const bool has_path = is_good && !member.pool->paths.targets.empty();
  return has_path ? ask_path(member, answer) : end_probe(member, answer);
}

// In the time that is left. The probe has shown that the server is there, and made the kernel look
// for its next hop.
void Prober::ask_path(Member& member, ProbeAnswer answer) {
  const SamePaths& paths = member.pool->paths;
  const SamePaths::Target& target = paths.targets[member.turn % paths.targets.size()];
  ForwardingSpec way = target.vip.is_v4() ? paths.way_v4 : paths.way_v6;
  way.destination = member.address;
  member.answer = std::move(answer);
  member.path = std::make_shared<PathProbe>(
      same_path_,
      PathProbe::Question{.target = target, .way = way, .asks_small = member.was_silent},
      [this, &member](const ProbeAnswer& of_path) { take_path(member, of_path, false); });
  const std::shared_ptr<PathProbe> path = member.path;
  path->start();
}

// Both must be good. A VIP that did not answer is asked again, until it does: were it one of many
// that take turns, answers for the others would make up for it.
void Prober::take_path(Member& member, const ProbeAnswer& answer, bool is_silent) {
  member.path = nullptr;
  member.was_silent = is_silent;
  ProbeAnswer both = std::move(member.answer);
  both.kind = answer.kind;
  if (answer.kind == ProbeAnswer::Kind::good) {
    ++member.turn;
    both.text += "; " + answer.text;
  } else {
    both.text = answer.text;
    if (both.report) both.report->state.reset();  // it speaks for its server, not for the way
  }
  end_probe(member, both);
}

void Prober::end_probe(Member& member, const ProbeAnswer& answer) {
  const Microseconds now = parts_.now();
  asked_.erase({member.at, &member});
  const CheckSettings& check = *member.pool->check;
  const bool is_asked = answer.kind != ProbeAnswer::Kind::not_asked;
  member.fault = is_asked ? "" : answer.text;
  const bool is_turned = is_asked && take_answer(member, answer, now);
  if (is_turned || !is_asked) {
    unsettled_.insert(member.pool);
    wake_by(now, now);
  }
  const Microseconds random = parts_.random();
  const Microseconds pause = std::exchange(member.is_spread, true)
                                 ? next_interval(check, member.verdict, random)
                                 : random % (check.interval + 1);
  member.at = std::max(member.asked + pause, now + 1);
  waiting_.emplace(member.at, &member);
  wake_by(waiting_.begin()->first, now);  // it may have waited for a probe's end
}

// Answers whether something is held otherwise. Who falls may be one of many: nobody is to see that
// before it is known.
bool Prober::take_answer(Member& member, ProbeAnswer answer, Microseconds now) {
  Pool& pool = *member.pool;
  AgentReport agent = member.verdict.is_first() ? AgentReport() : member.agent;
  if (answer.report) {
    agent = merged(agent, *answer.report);
  } else {
    agent.load.reset();  // it was of the moment
  }
  if (answer.report && agent.state == AgentReport::State::down) {
    answer.kind = ProbeAnswer::Kind::bad;
  }
  const bool is_other_wish =
      part_of(agent) != part_of(member.agent) || agent.wish != member.agent.wish;
  if (agent.wish != member.agent.wish) {
    if (member.agent.wish == AgentReport::Wish::maintenance) member.returned = now;
    member.wished = now;
  }
  member.agent = std::move(agent);
  const bool is_turned = member.verdict.take(answer, *pool.check, member.asked, now);
  if (!is_turned && !is_other_wish) return false;
  const bool is_up = member.verdict.decided() == Health::up;
  if (is_turned && is_up && pool.membership.is_of_failure(member.verdict)) {
    member.verdict.excuse();
  }
  if (!is_up || is_other_wish) settle(pool, now);
  is_changed_ = true;
  ++revision_;
  return true;
}

// What time alone changes.
void Prober::ring(Microseconds now) {
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    Pool& pool = *alarms_.begin()->second;
    alarms_.erase(alarms_.begin());
    pool.alarm = 0;
    is_changed_ = true;
    settle(pool, now);
  }
}

// Of a member that could not be asked for as long as verdicts are good for, no answer is to come.
// Of those who have left the settings none is held for up: who has flows there is to know at once
// that it is over.
void Prober::settle(Pool& pool, Microseconds now) {
  const Microseconds patience = Verdict::kStaleAfter * pool.check->interval;
  std::vector<Membership::Member> members;
  members.reserve(pool.members.size());
  for (const auto& [backend, member] : pool.members) {
    if (!member->takes_flows || pool.may_be_empty) continue;
    const Verdict& verdict = member->verdict;
    members.push_back({.verdict = &verdict,
                       .may_come = !verdict.is_decided() && now - member->followed <= patience,
                       .is_set_aside = is_set_aside(member->agent),
                       .is_stale = member->is_stale});
  }
  if (pool.membership.settle(members, *pool.check, now)) is_changed_ = true;
  set_alarm(pool, now);
}

void Prober::set_alarm(Pool& pool, Microseconds now) {
  Microseconds next = kNever;
  const std::optional<MassFailure>& failure = pool.membership.mass_failure();
  if (failure) next = failure->until;
  if (pool.check->slow_start != 0) {
    for (const auto& [backend, member] : pool.members) {
      const Microseconds step = slow_start(back_since(*member), *pool.check, now).next;
      if (step != 0) next = std::min(next, step);
    }
  }
  if (pool.alarm != 0) alarms_.erase({pool.alarm, &pool});
  pool.alarm = next == kNever ? 0 : next;
  if (pool.alarm == 0) return;
  alarms_.emplace(pool.alarm, &pool);
  wake_by(pool.alarm, now);
}

}  // namespace evenkeel
