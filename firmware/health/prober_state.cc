// What the prober holds: asked for by others, and kept over a restart.
#include <algorithm>
#include <utility>

#include "firmware/health/agent_wish.h"
#include "firmware/health/health_memory.h"
#include "firmware/health/prober.h"
#include "firmware/health/slow_start.h"

namespace evenkeel {
namespace {

Alert alert_of(AlertKind kind, const std::string& service, std::string text) {
  return {.kind = kind, .labels = {{"service", service}}, .text = std::move(text)};
}

// `idle`: backends that have no weight, or are in maintenance.
std::string overruled_text(const std::string& service, const Membership& membership,
                           const CheckSettings& check, size_t idle) {
  if (membership.wanted() == 0) {
    return "Every backend of service " + service +
           " is set aside by its agent, so all of them take flows: see what the agents wait for.";
  }
  const std::string who = membership.left() == 0
                              ? "No backend of service " + service + " passes its check"
                              : "Only " + std::to_string(membership.left()) + " of " +
                                    std::to_string(membership.wanted()) + " backends of service " +
                                    service + " pass their check (fail_open is " +
                                    std::to_string(check.fail_open) + " %)";
  return who + ", so all of them take flows: look at the servers, and at the check itself." +
         (idle == 0 ? ""
                    : " Not counted: " + std::to_string(idle) +
                          " drained or in maintenance, who might help.");
}

std::string mass_failure_text(const std::string& service, const MassFailure& failure,
                              Microseconds now) {
  const Microseconds left = failure.until > now ? failure.until - now : 0;
  const Microseconds seconds = (left + kMicrosecondsPerTick - 1) / kMicrosecondsPerTick;
  return std::to_string(failure.fallen) + " of " + std::to_string(failure.of) +
         " backends of service " + service +
         " failed their check at once, and are held for up for " + std::to_string(seconds) +
         " s more: suspect the last change, the network and the check before the servers.";
}

std::string note_of(const Verdict& verdict, const CheckSettings& check, Microseconds now) {
  if (!verdict.changes_often(check, now)) return {};
  return "changes often: " + std::to_string(verdict.good_needed(check)) + " good answers needed";
}

}  // namespace

// What differs in nothing is followed once; of those that have left, only they are apart. Given a
// server, nobody who is elsewhere.
const Prober::Member* Prober::find(std::string_view service, std::string_view backend, Of of,
                                   const BackendSettings* server) const {
  const auto is_elsewhere = [server](const Member& member) {
    if (server == nullptr) return false;
    return member.address != server->address ||
           (server->port != 0 && server->port != member.traffic_port);
  };
  for (size_t i = static_cast<size_t>(of) + 1; i-- > 0;) {
    const auto pool = pools_[i].find(service);
    if (pool == pools_[i].end()) continue;
    const auto found = pool->second.members.find(backend);
    const bool is_one = found != pool->second.members.end() && !is_elsewhere(*found->second);
    if (is_one) return found->second.get();
    if (of != Of::left) return nullptr;
  }
  return nullptr;
}

std::string Prober::why_not(std::string_view service, std::string_view backend, Of of) const {
  const Member* const member = find(service, backend, of);
  return member == nullptr ? "" : why_not(*member);
}

std::string Prober::why_not(std::string_view service, const BackendSettings& backend, Of of) const {
  const Member* const member = find(service, backend.name, of, &backend);
  return member == nullptr ? "" : why_not(*member);
}

bool Prober::is_overruled(const Member& member) {
  const Pool& pool = *member.pool;
  const bool may_rest = is_set_aside(member.agent) && pool.membership.left() > 0;
  return pool.membership.is_overruled() && !pool.may_be_empty && !may_rest;
}

std::string Prober::why_not(const Member& member) {
  if (is_overruled(member)) return {};
  const Verdict& verdict = member.verdict;
  if (!verdict.is_decided()) return "not checked yet";
  if (member.is_stale && member.pool->membership.are_stale_out()) {
    return "its check could not be asked of late" +
           (member.fault.empty() ? "" : ": " + member.fault);
  }
  if (verdict.decided() == Health::down && !member.pool->membership.holds(verdict)) {
    return "its check fails: " + verdict.complaint();
  }
  if (member.agent.wish != AgentReport::Wish::maintenance) return {};
  const std::string& reason = member.agent.reason;
  return "its agent wants maintenance" + (reason.empty() ? "" : ": " + reason);
}

bool Prober::is_known(std::string_view service, std::string_view backend, Of of) const {
  const Member* member = find(service, backend, of);
  return member == nullptr || member->verdict.is_decided();
}

// When it last became one that takes flows; 0: it does not, or always did.
Microseconds Prober::back_since(const Member& member) {
  const Verdict& verdict = member.verdict;
  return verdict.decided() == Health::up ? std::max(verdict.recovered(), member.returned) : 0;
}

void Prober::note_return(std::string_view service, std::string_view backend) {
  const Microseconds now = parts_.now();
  for (Pools& pools : pools_) {
    const auto pool = pools.find(service);
    if (pool == pools.end()) continue;
    const auto member = pool->second.members.find(backend);
    if (member == pool->second.members.end()) continue;
    member->second->returned = now;
    set_alarm(pool->second, now);
  }
}

double Prober::part_now(const Member& member) const {
  const Pool& pool = *member.pool;
  if (is_overruled(member)) return 1;
  const double recovered = slow_start(back_since(member), *pool.check, parts_.now()).part;
  return recovered * part_of(member.agent);
}

double Prober::part(std::string_view service, std::string_view backend, Of of) const {
  const Member* member = find(service, backend, of);
  return member == nullptr ? 1 : part_now(*member);
}

// Who has not answered for long is unknown since his answer ceased to be good.
Microseconds Prober::since_of(const Member& member, Microseconds now) {
  const Verdict& verdict = member.verdict;
  const CheckSettings& check = *member.pool->check;
  if (!verdict.is_decided() || verdict.health(check, now) != Health::unknown) {
    return verdict.since();
  }
  if (verdict.answered() == 0) return member.followed;  // it is known from before a restart
  return verdict.answered() + Verdict::kStaleAfter * check.interval;
}

CheckState Prober::describe(std::string_view service, std::string_view backend) const {
  const Member* member = find(service, backend, Of::in_force);
  if (member == nullptr) return {};
  const Verdict& verdict = member->verdict;
  const Pool& pool = *member->pool;
  const Microseconds now = parts_.now();
  const bool is_against = is_overruled(*member) || pool.membership.holds(verdict);
  return {.is_checked = true,
          .health = verdict.health(*pool.check, now),
          .since = since_of(*member, now),
          .answers = verdict.heard(),
          .answered = verdict.answered(),
          .took = verdict.took(),
          .fault = member->fault,
          .is_overruled = is_against && verdict.decided() != Health::up,
          .note = note_of(verdict, *pool.check, now),
          .part = part_now(*member),
          .wish = member->agent.wish,
          .wished = member->wished,
          .load = member->agent.load};
}

std::optional<uint32_t> Prober::load(std::string_view service, std::string_view backend) const {
  const Member* member = find(service, backend, Of::in_force);
  return member == nullptr ? std::nullopt : member->agent.load;
}

bool Prober::wants_none(std::string_view service, std::string_view backend) const {
  const Member* member = find(service, backend, Of::in_force);
  return member != nullptr && is_set_aside(member->agent);
}

std::string Prober::suspicion(std::string_view service) const {
  const auto others = pools(Of::others).find(service);
  if (others == pools(Of::others).end()) return {};
  const Membership& membership = others->second.membership;
  const std::optional<MassFailure>& failure = membership.mass_failure();
  if (!failure) return {};
  size_t suspect = 0;
  std::string example;
  for (const auto& [backend, member] : others->second.members) {
    const Verdict& verdict = member->verdict;
    const Member* const in_force = find(service, backend, Of::in_force);
    if (in_force == nullptr || !membership.holds(verdict)) continue;
    const auto goes_on = [since = verdict.fell()](const Verdict& its) {
      return !its.is_in_doubt() && its.answered() - its.took() > since;
    };
    if (!goes_on(verdict) || !goes_on(in_force->verdict)) continue;
    if (in_force->verdict.decided() != Health::up) continue;
    if (suspect++ == 0) example = backend + ": " + verdict.complaint();
  }
  if (2 * suspect <= failure->of) return {};
  return "service " + std::string(service) + ": " + std::to_string(suspect) + " of " +
         std::to_string(failure->of) +
         " backends fail their check by it, and answer as before: " + example;
}

std::vector<Alert> Prober::alerts() const {
  std::vector<Alert> alerts;
  size_t faults = 0;
  std::string example;
  for (const auto& [service, pool] : pools(Of::in_force)) {
    const Membership& membership = pool.membership;
    const std::optional<MassFailure>& failure = membership.mass_failure();
    if (failure) {
      alerts.push_back(alert_of(AlertKind::mass_failure, service,
                                mass_failure_text(service, *failure, parts_.now())));
    }
    if (membership.is_overruled()) {
      const bool is_any_up = membership.left() != 0;
      const auto idle = static_cast<size_t>(std::ranges::count_if(
          pool.members, [](const auto& each) { return !each.second->takes_flows; }));
      alerts.push_back(alert_of(is_any_up ? AlertKind::trouble : AlertKind::service_down, service,
                                overruled_text(service, membership, *pool.check, idle)));
    }
    for (const auto& [backend, member] : pool.members) {
      if (member->fault.empty() && !member->is_stale) continue;
      if (faults++ > 0) continue;
      example.append(service).append("/").append(backend).append(": ").append(
          member->fault.empty() ? "its turn does not come" : member->fault);
    }
  }
  if (faults > 0) {
    alerts.push_back({.kind = AlertKind::probes_failed,
                      .labels = {},
                      .text = std::to_string(faults) + (faults == 1 ? " backend" : " backends") +
                              " could not be asked, for a fault of the box itself (" + example +
                              ")."});
  }
  return alerts;
}

std::string Prober::save(WallTime wall) const {
  std::vector<RememberedBackend> backends;
  for (const auto& [service, pool] : pools(Of::in_force)) {
    const uint64_t check = check_digest(*pool.check);
    for (const auto& [backend, member] : pool.members) {
      if (!member->verdict.is_decided()) continue;
      backends.push_back({.service = service,
                          .backend = backend,
                          .address = member->address,
                          .port = member->traffic_port,
                          .check = check,
                          .verdict = member->verdict.kept(),
                          .agent = member->agent});
    }
  }
  return backends.empty() ? "" : write_health(backends, parts_.now(), wall);
}

Status Prober::restore(std::string_view text, WallTime wall, Microseconds max_age) {
  const Microseconds now = parts_.now();
  Result<std::vector<RememberedBackend>> read = read_health(text, now, wall, max_age);
  if (!read.ok()) return Error{read.message()};
  std::map<std::string, uint64_t> checks;
  for (const auto& [service, pool] : pools(Of::in_force)) {
    checks[service] = check_digest(*pool.check);
  }
  for (RememberedBackend& each : read.value()) {
    const auto pool = pools(Of::in_force).find(each.service);
    if (pool == pools(Of::in_force).end()) continue;
    const auto found = pool->second.members.find(each.backend);
    if (found == pool->second.members.end()) continue;
    Member& member = *found->second;
    const bool is_same = member.address == each.address && member.traffic_port == each.port;
    if (!is_same || member.verdict.is_decided()) continue;
    member.verdict = Verdict(std::move(each.verdict));
    member.agent = std::move(each.agent);
    if (checks[each.service] != each.check) member.verdict.begin_again();
  }
  for (auto& [service, pool] : pools(Of::in_force)) settle(pool, now);
  ++revision_;
  is_changed_ = true;
  wake_by(now, now);
  return {};
}

}  // namespace evenkeel
