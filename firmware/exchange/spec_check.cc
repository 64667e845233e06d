#include "firmware/exchange/spec_check.h"

#include <string>
#include <vector>

#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

std::string quoted(const std::string& name) { return "'" + name + "'"; }

class SpecCheck {
 public:
  explicit SpecCheck(const PlanSpec& spec) : spec_(spec) {}

  Status check();

 private:
  Status check_service(const ServiceSpec& service) const;
  Status check_members(const ServiceSpec& service) const;
  Status check_member(const ServiceSpec& service, const MemberSpec& member) const;

  const PlanSpec& spec_;
  // What is asked of a backend once for each of its memberships, in few bytes: there are many.
  struct Ability {
    bool is_alive;
    bool inner_is_v4;
  };
  std::vector<Ability> abilities_;  // by index in spec_.backends
};

Status SpecCheck::check() {
  if (spec_.backends.size() > kMaxBackends) {
    return Error{std::to_string(spec_.backends.size()) + " backends; a plan has at most " +
                 std::to_string(kMaxBackends)};
  }
  if (spec_.services.size() > kMaxServices) {
    return Error{std::to_string(spec_.services.size()) + " services; a plan has at most " +
                 std::to_string(kMaxServices)};
  }
  if (spec_.sample_shift > Handshakes::kSampleBits) {
    return Error{"a sample of one of 2^" + std::to_string(spec_.sample_shift) +
                 " flows; follow at least one of 2^" + std::to_string(Handshakes::kSampleBits)};
  }
  if (spec_.trial.step >= spec_.trial.steps) {
    return Error{"step " + std::to_string(spec_.trial.step) + " of a trial of " +
                 std::to_string(spec_.trial.steps) + " steps; they are counted from 0"};
  }
  for (const BackendSpec& backend : spec_.backends) {
    if (backend.name.empty() || backend.name.size() > kMaxName) {
      return Error{"backend " + quoted(backend.name) + ": a name has 1 to " +
                   std::to_string(kMaxName) + " characters"};
    }
    if (backend.is_alive && backend.forwarding.destination_mac == Mac{}) {
      return Error{
          "backend " + quoted(backend.name) +
          " is alive, but its next hop's address, destination_mac, is not set: give it, or "
          "say that the backend is not alive"};
    }
    abilities_.push_back({backend.is_alive, backend.forwarding.inner_is_v4});
  }
  size_t prefixes = 0;
  for (const ServiceSpec& service : spec_.services) {
    if (Status status = check_service(service); !status.ok()) {
      return Error{"service " + quoted(service.name) + ": " + status.message()};
    }
    prefixes += service.allow.size() + service.deny.size();
  }
  if (prefixes > kMaxPrefixes) {
    return Error{std::to_string(prefixes) +
                 " prefixes in allow and deny lists; a plan has at most " +
                 std::to_string(kMaxPrefixes)};
  }
  return {};
}

Status SpecCheck::check_service(const ServiceSpec& service) const {
  if (service.name.empty() || service.name.size() > kMaxName) {
    return Error{"a name has 1 to " + std::to_string(kMaxName) + " characters"};
  }
  if (service.points.empty()) return Error{"it has no VIP"};
  if (service.members.empty() && service.closed == Reason::none) {
    return Error{"it has no backend: nothing could take its flows"};
  }
  for (const size_t count : {service.members.size(), service.trial.members.size()}) {
    if (count <= kMaxBackendsPerService) continue;
    return Error{std::to_string(count) + " backends; a service has at most " +
                 std::to_string(kMaxBackendsPerService)};
  }
  if (service.buckets > kMaxBuckets) {  // before so much memory is asked for
    return Error{"its table has " + std::to_string(service.buckets) + " buckets; at most " +
                 std::to_string(kMaxBuckets) + " are possible"};
  }
  if (service.mss != 0 && service.mss < kMinMss) {
    return Error{"its mss is " + std::to_string(service.mss) + "; give 0 for none, or at least " +
                 std::to_string(kMinMss)};
  }
  const bool is_v4 = service.points.front().address.is_v4();
  for (const ServicePoint& point : service.points) {
    if (point.address.is_v4() != is_v4) {
      return Error{"its VIPs " + to_string(service.points.front().address) + " and " +
                   to_string(point.address) +
                   " are of different IP versions: make it two services"};
    }
  }
  return check_members(service);
}

Status SpecCheck::check_members(const ServiceSpec& service) const {
  for (const auto* const members : {&service.members, &service.trial.members}) {
    for (const MemberSpec& member : *members) {
      if (Status status = check_member(service, member); !status.ok()) return status;
    }
  }
  for (const uint32_t backend : service.leaving) {
    const Status status = check_member(service, {.backend = backend, .weight = 0});
    if (!status.ok()) return status;
  }
  return {};
}

Status SpecCheck::check_member(const ServiceSpec& service, const MemberSpec& member) const {
  if (member.backend >= spec_.backends.size()) {
    return Error{"it names backend number " + std::to_string(member.backend) + " of " +
                 std::to_string(spec_.backends.size())};
  }
  const bool is_v4 = service.points.front().address.is_v4();
  const Ability ability = abilities_[member.backend];
  if (ability.inner_is_v4 == is_v4 && (ability.is_alive || member.weight == 0)) return {};
  const std::string name = quoted(spec_.backends[member.backend].name);
  if (ability.inner_is_v4 != is_v4) {
    return Error{"backend " + name + " is ready for the other IP version than VIP " +
                 to_string(service.points.front().address)};
  }
  return Error{"backend " + name + " is not alive, so it cannot take new flows: give it weight 0"};
}

}  // namespace

Status check_spec(const PlanSpec& spec) { return SpecCheck(spec).check(); }

}  // namespace evenkeel
