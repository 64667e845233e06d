// Two settings at work at a time. During a rollout some buckets of each changed service follow the
// settings that are tried, the others those in force; afterwards flows stay for a while on backends
// of settings that have gone. So that all of them differ in their evidence, and in the flows that
// they keep, each time a service's settings change its backends are another arm: a slot of their
// own, though the servers may be the same.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/exchange/spec.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// Which arm the backends of a service are, by the name that it has in settings; none named: 0.
using Arms = std::map<std::string, uint32_t, std::less<>>;

// What a rollout from one to the other can split: services that both have and whose flows may go
// elsewhere, or otherwise. All else comes with its last step.
std::vector<std::string> splittable_services(const Settings& before, const Settings& after);

// Full names, by server_digest().
using Servers = std::map<uint64_t, std::string>;

// Backends of these services that `before` does not have, or elsewhere. REQUIRES: both have them.
Servers brought_backends(const Settings& before, const Settings& after,
                         const std::vector<std::string>& services);

// The same settings with only these services.
Settings only_services(const Settings& settings, const std::vector<std::string>& names);

// Of their services, the servers that none of `known` has; of those of one name, the last one's.
// What of services is left that none of `known` has: nothing.
Settings left_servers(std::span<const Settings* const> gone,
                      std::span<const Settings* const> known);

// Settings that have gone, of services in which flows may still be on their backends.
struct Leaving {
  Settings settings;
  Arms arms;
  Microseconds since = 0;
};

// Of what leaves, over all of it: backends that are kept at least, and settings at most. Each
// backend takes one slot of a plan or two and, as each of the settings, some of each new plan's
// time. So many fit beside 512 services with a hundred backends each.
inline constexpr size_t kMaxLeavingBackends = 8'192;
inline constexpr size_t kMaxLeavingSettings = 128;

size_t backends_of(const Settings& settings);

// Takes the oldest ones out until there is room for the rest beside so many backends in force, and
// answers them: flows on their backends go elsewhere. The last one stays, however large.
std::vector<Leaving> give_up_oldest(std::vector<Leaving>& ret_leaving, size_t in_force);

// REQUIRES: a specification that compile() has made.
void set_arms(PlanSpec& spec, const Arms& arms);

// A share of the buckets of each service that both have is the tried one's members'. A service that
// is closed on one side is all of the other's; answers those that the trial would close, by the
// names that they have in settings.
// REQUIRES: of a service that both have, other arms.
std::set<std::string, std::less<>> add_trial(PlanSpec& spec, PlanSpec tried, uint32_t share);

// What has gone but may have flows, unless it has come back; of two that are the same, the first.
void add_leaving(PlanSpec& spec, std::vector<PlanSpec> left);
// As it was before any were added. REQUIRES: there is no trial.
void remove_leaving(PlanSpec& spec);

}  // namespace evenkeel
