#include "firmware/exchange/verify.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firmware/table/prime.h"
#include "firmware/table/slice.h"

namespace evenkeel {
namespace {

// Doubles hold a share of at most 2^22 buckets to 2^-30; this is far above that and far below a
// bucket.
constexpr double kRounding = 1e-6;

// What a slot is good for, as one byte, since it is asked once per member of every service.
constexpr uint8_t kIsInPlan = 1;
constexpr uint8_t kIsAlive = 2;
constexpr uint8_t kTakesIpv4 = 4;
constexpr uint8_t kTakesIpv6 = 8;
using Uses = std::vector<uint8_t>;  // by slot

Uses uses_of(const Plan& plan) {
  Uses uses(plan.backend_records.size(), 0);
  for (size_t slot = 0; slot < uses.size(); ++slot) {
    const Life& life = plan.lives[slot];
    if (plan.backend_records[slot].name.empty()) continue;
    uses[slot] = kIsInPlan | (life.is_alive ? kIsAlive : 0);
    if (life.inner_is_v4 != plan.forwardings[slot].inner_is_v4) continue;
    uses[slot] |= life.inner_is_v4 ? kTakesIpv4 : kTakesIpv6;
  }
  return uses;
}

uint8_t family_of(const ServiceSpec& service) {
  const bool is_v4 = !service.points.empty() && service.points.front().address.is_v4();
  return is_v4 ? kTakesIpv4 : kTakesIpv6;
}

bool may(const Uses& uses, uint16_t slot, uint8_t use) {
  return slot < uses.size() && (uses[slot] & use) == use;
}

Status check_member(const Plan& plan, const Uses& uses, const ServiceSpec& spec,
                    const MemberSpec& wanted, const TableMember& member) {
  if (!may(uses, member.slot, kIsInPlan)) return Error{"a member has no slot in the plan"};
  const std::string& name = plan.backend_records[member.slot].name;
  if (member.weight != wanted.weight) {
    return Error{"its member '" + name + "' does not have the weight that it was given"};
  }
  if (member.weight > 0 && !may(uses, member.slot, kIsAlive)) {
    return Error{"its member '" + name + "' is not alive"};
  }
  if (!may(uses, member.slot, family_of(spec))) {
    return Error{"its member '" + name + "' is ready for the other IP version than its VIP"};
  }
  return {};
}

Status check_members(const Plan& plan, const Uses& uses, const ServiceSpec& spec,
                     const std::vector<MemberSpec>& wanted,
                     const std::vector<TableMember>& members) {
  if (members.size() != wanted.size()) return Error{"members are missing or too many"};
  const uint8_t drained = kIsInPlan | family_of(spec);
  for (size_t i = 0; i < members.size(); ++i) {
    const TableMember& member = members[i];
    const uint8_t use = member.weight > 0 ? drained | kIsAlive : drained;
    if (may(uses, member.slot, use) && member.weight == wanted[i].weight) continue;
    return check_member(plan, uses, spec, wanted[i], member);
  }
  return {};
}

// REQUIRES: check_members() has passed.
Status check_names(const Plan& plan, const PlanSpec& whole, const std::vector<MemberSpec>& wanted,
                   const std::vector<TableMember>& members) {
  for (size_t i = 0; i < members.size(); ++i) {
    const std::string& name = plan.backend_records[members[i].slot].name;
    const uint32_t backend = wanted[i].backend;
    if (backend >= whole.backends.size() || name != whole.backends[backend].name) {
      return Error{"its member '" + name + "' is not the one that it was given"};
    }
  }
  return {};
}

// Who has no next hop takes no packets, and has its slot only.
bool is_of(const Forwarding& forwarding, const ForwardingSpec& way) {
  if (way.destination_mac != Mac{}) return forwarding == forwarding_of_good(way);
  Forwarding none;
  none.inner_is_v4 = way.inner_is_v4;
  return forwarding == none;
}

// By slot: whose forwarding has been found to be there, as its number among the backends and 1.
using Checked = std::vector<uint32_t>;

// What is written into packets is what the settings say of the member that a bucket leads to.
// REQUIRES: check_members() has passed.
Status check_forwardings(const Plan& plan, const PlanSpec& whole,
                         const std::vector<MemberSpec>& wanted,
                         const std::vector<TableMember>& members, Checked& checked) {
  for (size_t i = 0; i < members.size(); ++i) {
    const uint16_t slot = members[i].slot;
    const uint32_t backend = wanted[i].backend;
    if (checked[slot] == backend + 1) continue;
    if (!is_of(plan.forwardings[slot], whole.backends[backend].forwarding)) {
      return Error{"packets to its member '" + whole.backends[backend].name +
                   "' do not become what its settings say"};
    }
    checked[slot] = backend + 1;
  }
  return {};
}

// Of a table of two parts: each bucket is of its part's members, who have what they would have by
// drawing buckets, give or take eight standard deviations.
Status check_parts(const Plan& plan, const BucketTable& table) {
  constexpr double kDeviations = 8;
  std::vector<uint32_t> counts(plan.lives.size(), 0);
  std::array<double, 2> parts{};
  std::vector<uint8_t> part_of(plan.lives.size(), 0);
  for (const TableMember& member : table.trial) part_of[member.slot] = 1;
  for (uint32_t i = 0; i < table.buckets.size(); ++i) {
    const uint16_t slot = table.buckets[i];
    const uint8_t part = is_in_slice(i, table.trial_share) ? 1 : 0;
    if (slot >= counts.size() || part_of[slot] != part) {
      return Error{"a bucket is of the other part of its trial"};
    }
    ++counts[slot];
    ++parts[part];
  }
  size_t seen = 0;
  for (const auto* const members : {&table.members, &table.trial}) {
    double total = 0;
    for (const TableMember& member : *members) total += member.weight;
    const double part = parts[members == &table.trial ? 1 : 0];
    for (const TableMember& member : *members) {
      const double expected = part * member.weight / total;
      const double count = counts[member.slot];
      seen += counts[member.slot];
      const double most =
          kDeviations * std::sqrt(expected + 1) + static_cast<double>(members->size());
      if (std::abs(count - expected) <= most && (member.weight > 0 || count == 0)) continue;
      return Error{"'" + plan.backend_records[member.slot].name + "' has " +
                   std::to_string(counts[member.slot]) +
                   " buckets in its part of a trial, where "
                   "its weight makes " +
                   std::to_string(expected)};
    }
  }
  if (seen != table.buckets.size()) return Error{"a bucket names a backend of another service"};
  return {};
}

// By counting what the buckets hold.
Status check_shares(const Plan& plan, const BucketTable& table) {
  if (!table.trial.empty()) return check_parts(plan, table);
  std::vector<uint32_t> counts(plan.lives.size(), 0);
  for (size_t i = 0; i < table.buckets.size(); ++i) {
    if (table.buckets[i] >= counts.size()) return Error{"a bucket names no backend"};
    ++counts[table.buckets[i]];
  }
  double total = 0;
  size_t seen = 0;
  for (const TableMember& member : table.members) {
    total += static_cast<double>(member.weight);
    seen += counts[member.slot];
  }
  if (seen != table.buckets.size()) return Error{"a bucket names a backend of another service"};
  const auto share_of = [&](const TableMember& member) {
    return static_cast<double>(table.buckets.size()) * static_cast<double>(member.weight) / total;
  };
  // Members below one bucket are lifted to one; the largest give those buckets.
  const auto lifted = static_cast<double>(std::ranges::count_if(
      table.members, [&](const TableMember& m) { return m.weight > 0 && share_of(m) < 1; }));
  for (const TableMember& member : table.members) {
    const auto count = static_cast<double>(counts[member.slot]);
    const double share = share_of(member);
    const bool has_one = member.weight > 0 && counts[member.slot] == 1 && share < 1;
    const bool fits = count < share + 1 + kRounding && count > share - 1 - lifted - kRounding;
    if ((!fits && !has_one) || (counts[member.slot] == 0) != (member.weight == 0)) {
      return Error{"'" + plan.backend_records[member.slot].name + "' has " +
                   std::to_string(counts[member.slot]) + " buckets where its weight makes " +
                   std::to_string(share)};
    }
  }
  return {};
}

Status check_moves(const Plan& plan, const Uses& uses, const ServiceSpec& spec,
                   const Moves& moves) {
  const uint8_t family = family_of(spec);
  for (const uint16_t previous : moves.previous) {
    if (previous == kNoBackend || may(uses, previous, kIsInPlan | family)) continue;
    if (!may(uses, previous, kIsInPlan)) {
      return Error{"a moved bucket's previous backend is not in the plan"};
    }
    return Error{"a moved bucket's previous backend '" + plan.backend_records[previous].name +
                 "' is ready for the other IP version than its VIP"};
  }
  return {};
}

// An IPv6 prefix such as ::/80 may end among the addresses that stand for IPv4, which are none of
// its own: then its first one is asked twice.
std::array<Address, 2> ends_of(const Prefix& prefix) {
  const Address last = last_of(prefix);
  return {prefix.address, last.is_v4() == prefix.address.is_v4() ? last : prefix.address};
}

// By the ends of each prefix, where a longer one may say the opposite.
Status check_list(const Prefixes& sources, const std::vector<Prefix>& list,
                  const std::vector<Prefix>& opposite, uint16_t verdict) {
  for (const Prefix& prefix : list) {
    for (const Address& end : ends_of(prefix)) {
      const uint16_t found = sources.find(end);
      if (found == verdict) continue;
      const bool is_narrowed = std::ranges::any_of(opposite, [&](const Prefix& other) {
        return other.length > prefix.length && masked(end, other.length) == other.address;
      });
      if (!is_narrowed || found == Prefixes::kNone) {
        return Error{"of " + to_string(prefix) + " in its lists the opposite came true"};
      }
    }
  }
  return {};
}

Status check_guard(const Service& service, const ServiceRecord& record, const ServiceSpec& spec) {
  const Guard& guard = service.guard;
  const bool has_lists = !spec.allow.empty() || !spec.deny.empty();
  if (guard.closed != spec.closed || guard.mss != spec.mss ||
      guard.new_flows_per_source != spec.new_flows_per_source ||
      guard.sources != record.sources.get() || (guard.sources != nullptr) != has_lists ||
      guard.allows_others != spec.allow.empty()) {
    return Error{"it does not guard what it says"};
  }
  if (service.is_plain != (guard.is_none() && spec.hash_over == HashOver::five_tuple)) {
    return Error{"it is taken for plain, which it is not, or not, which it is"};
  }
  return {};
}

// What workers read is what the records hold, and what was asked for.
Status check_hot(const Service& service, const ServiceRecord& record, const ServiceSpec& spec) {
  if (spec.closed != Reason::none && service.current == nullptr) {
    const bool has_buckets =
        service.buckets != 0 || service.previous != nullptr || service.previous_buckets != 0;
    return has_buckets ? Status(Error{"it is closed, but has buckets"}) : Status();
  }
  if (record.table == nullptr) {
    return Error{spec.closed == Reason::none ? "it has no table" : "it is closed, but has buckets"};
  }
  const BucketTable& table = *record.table;
  const Moves* const moves = record.moves.get();
  if (service.current != table.buckets.data() || service.buckets != table.buckets.size() ||
      !is_prime(service.buckets)) {
    return Error{"its table is not the one that was built"};
  }
  if (service.previous != (moves == nullptr ? nullptr : moves->previous.data()) ||
      (moves != nullptr && service.previous_buckets != moves->previous.size())) {
    return Error{"its moved buckets are not the ones that were built"};
  }
  if (service.affinity != spec.affinity || service.hash_over != spec.hash_over) {
    return Error{"its flows are not told apart as it says"};
  }
  if (service.is_tried != spec.trial.is_on()) {
    return Error{"it is taken for tried, which it is not, or not, which it is"};
  }
  return {};
}

// By name, each with all its arms.
using Ways = std::unordered_multimap<std::string_view, const ForwardingSpec*>;

// The table that a closed service has kept for the flows that go on: whom its buckets name is in
// the plan, and who is gets what its settings say. Who has no bucket may have left: nobody is sent
// there.
Status check_kept(const Plan& plan, const Uses& uses, const Ways& ways, const ServiceSpec& spec,
                  const BucketTable& table) {
  for (const auto* const members : {&table.members, &table.trial}) {
    for (const TableMember& member : *members) {
      if (!may(uses, member.slot, kIsInPlan | family_of(spec))) {
        if (member.weight == 0) continue;
        return Error{"it is closed, and a bucket that it has kept names nobody who is there"};
      }
      const std::string& name = plan.backend_records[member.slot].name;
      const auto [first, last] = ways.equal_range(name);
      const bool is_good = std::any_of(first, last, [&](const auto& way) {
        return is_of(plan.forwardings[member.slot], *way.second);
      });
      if (is_good) continue;
      return Error{"packets to its member '" + name + "' do not become what its settings say"};
    }
  }
  return {};
}

// REQUIRES: check_service() has passed.
Status check_kept_tables(const Plan& plan, const Uses& uses, const PlanSpec& spec,
                         const std::vector<const ServiceSpec*>& services) {
  Ways ways;
  for (size_t i = 0; i < services.size(); ++i) {
    const bool is_kept = services[i] != nullptr && services[i]->closed != Reason::none &&
                         plan.services[i].current != nullptr;
    if (!is_kept) continue;
    if (ways.empty()) {
      for (const BackendSpec& each : spec.backends) ways.emplace(each.name, &each.forwarding);
    }
    const BucketTable& table = *plan.service_records[i].table;
    Status status = check_kept(plan, uses, ways, *services[i], table);
    if (!status.ok()) return Error{"service '" + services[i]->name + "': " + status.message()};
  }
  return {};
}

Status check_service(const Plan& plan, const Uses& uses, uint16_t number, const PlanSpec& whole,
                     const ServiceSpec& spec, const Plan* verified, Checked& checked) {
  const ServiceRecord& record = plan.service_records[number];
  const bool was_there = verified != nullptr && number < verified->service_records.size();
  const ServiceRecord* const known = was_there ? &verified->service_records[number] : nullptr;
  Status status = check_guard(plan.services[number], record, spec);
  if (status.ok() && record.sources != nullptr &&
      (known == nullptr || known->sources != record.sources)) {
    status = check_list(*record.sources, spec.allow, spec.deny, Guard::kAllowed);
    if (status.ok()) status = check_list(*record.sources, spec.deny, spec.allow, Guard::kDenied);
  }
  if (status.ok()) status = check_hot(plan.services[number], record, spec);
  if (!status.ok() || plan.services[number].current == nullptr) return status;
  const BucketTable& table = *record.table;
  const bool is_checked = known != nullptr && known->table == record.table;
  if (spec.closed != Reason::none) {
    if (!is_checked) status = check_shares(plan, table);
    if (!status.ok() || record.moves == nullptr) return status;
    return check_moves(plan, uses, spec, *record.moves);
  }
  if (table.trial_share != spec.trial.share) return Error{"its trial has another share"};
  for (const auto& [wanted, members] :
       {std::pair{&spec.members, &table.members}, std::pair{&spec.trial.members, &table.trial}}) {
    if (status.ok()) status = check_members(plan, uses, spec, *wanted, *members);
    if (status.ok() && !is_checked) status = check_names(plan, whole, *wanted, *members);
    if (status.ok()) status = check_forwardings(plan, whole, *wanted, *members, checked);
  }
  if (status.ok() && !is_checked) status = check_shares(plan, table);
  if (status.ok() && record.moves != nullptr) {
    status = check_moves(plan, uses, spec, *record.moves);
  }
  return status;
}

// By service number; null: no such service.
using Services = std::vector<const ServiceSpec*>;

bool is_narrower(const ServicePoint& a, const ServicePoint& b) {
  return a.prefix_length > b.prefix_length ||
         (a.prefix_length == b.prefix_length &&
          a.last_port - a.first_port < b.last_port - b.first_port);
}

// Whether a service other than the point's may have this port of it, by being more specific.
bool may_have(const Services& services, uint16_t number, const ServicePoint& point, uint16_t port) {
  if (number >= services.size() || services[number] == nullptr) return false;
  return std::ranges::any_of(services[number]->points, [&](const ServicePoint& other) {
    return other.protocol == point.protocol && other.first_port <= port &&
           port <= other.last_port && is_narrower(other, point) &&
           masked(point.address, other.prefix_length) == other.address;
  });
}

// Tries the ends of a range of ports, and the first address of a prefix.
Status check_points(const Plan& plan, uint16_t number, const Services& services) {
  for (const ServicePoint& point : services[number]->points) {
    for (const uint16_t port : {point.first_port, point.last_port}) {
      if (port == 0) continue;
      const uint16_t found = plan.lookup->find(point.address, point.protocol, port);
      if (found != number && !may_have(services, found, point, port)) {
        return Error{"its VIP " + to_string(point.address) + " port " + std::to_string(port) +
                     " does not lead to it"};
      }
    }
  }
  return {};
}

// By the ends of each range of ports.
Status check_servers(const ServerLookup& servers, const PlanSpec& whole, const ServiceSpec& spec) {
  for (const MemberSpec& member : spec.members) {
    const ForwardingSpec& way = whole.backends[member.backend].forwarding;
    if (way.mode != Mode::nat) continue;
    for (const ServicePoint& point : spec.points) {
      for (const uint16_t port : {point.first_port, point.last_port}) {
        const uint16_t theirs = way.destination_port == 0 ? port : way.destination_port;
        const VipOfServer* const found = servers.find(way.destination, point.protocol, theirs);
        if (found == nullptr || found->vip != point.address ||
            (found->vip_port == 0 ? theirs : found->vip_port) != port) {
          return Error{"replies of '" + whole.backends[member.backend].name + "' do not lead to " +
                       to_string(point.address) + " port " + std::to_string(port)};
        }
      }
    }
  }
  return {};
}

// By the ends of each prefix, which may be a longer one's.
Status check_way_numbers(const Prefixes& numbers, const PlanSpec& spec) {
  for (const WaySpec& way : spec.ways) {
    for (const Address& end : ends_of(way.to)) {
      const uint16_t number = numbers.find(end);
      if (number >= spec.ways.size() || spec.ways[number].to.length < way.to.length ||
          masked(end, spec.ways[number].to.length) != spec.ways[number].to.address) {
        return Error{"the way to " + to_string(way.to) + " is not found"};
      }
    }
  }
  return {};
}

Status check_ways(const Plan& plan, const PlanSpec& spec, const Plan* verified) {
  if (plan.ways.size() != spec.ways.size()) return Error{"ways back are missing or too many"};
  for (size_t i = 0; i < spec.ways.size(); ++i) {
    if (plan.ways[i] == spec.ways[i].way) continue;
    return Error{"the way to " + to_string(spec.ways[i].to) + " is not the one that was given"};
  }
  const bool is_checked = verified != nullptr && verified->way_numbers == plan.way_numbers;
  return is_checked ? Status() : check_way_numbers(*plan.way_numbers, spec);
}

}  // namespace

Status verify_plan(const Plan& plan, const PlanSpec& spec, const Plan* verified) {
  std::unordered_map<std::string_view, uint16_t> numbers;
  for (size_t i = 0; i < plan.service_records.size(); ++i) {
    numbers.emplace(plan.service_records[i].name, static_cast<uint16_t>(i));
  }
  const Uses uses = uses_of(plan);
  Checked checked(uses.size(), 0);
  Services services(plan.service_records.size(), nullptr);
  for (const ServiceSpec& service : spec.services) {
    const auto known = numbers.find(service.name);
    if (known == numbers.end()) {
      return Error{"service '" + service.name + "' is not in the plan that was built for it"};
    }
    services[known->second] = &service;
  }
  for (size_t i = 0; i < services.size(); ++i) {
    if (services[i] == nullptr) continue;
    const auto number = static_cast<uint16_t>(i);
    const ServiceSpec& service = *services[i];
    Status status = check_service(plan, uses, number, spec, service, verified, checked);
    if (status.ok()) status = check_points(plan, number, services);
    if (status.ok() && (verified == nullptr || verified->servers != plan.servers)) {
      status = check_servers(*plan.servers, spec, service);
    }
    if (!status.ok()) return Error{"service '" + service.name + "': " + status.message()};
  }
  if (Status status = check_kept_tables(plan, uses, spec, services); !status.ok()) return status;
  return check_ways(plan, spec, verified);
}

}  // namespace evenkeel
