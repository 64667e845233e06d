// What a plan is to be: settings, today's health and neighbours, already put together. Plain
// values; build_plan() (build.h) makes the tables from them, or says which of them cannot be
// honoured.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firmware/table/hash.h"
#include "firmware/table/lookup.h"
#include "firmware/table/steer.h"
#include "firmware/wire/forwarding.h"

namespace evenkeel {

// One way to one server. A server that serves IPv4 and IPv6 VIPs, or that appears in both arms of a
// rollout, is two of these: each has evidence of its own.
struct BackendSpec {
  std::string name;  // decides where its buckets lie, so it outlives a change of address
  uint8_t arm = 0;   // of a rollout; (name, arm, family of VIP) is unique in a plan
  ForwardingSpec forwarding;
  bool is_alive = true;  // may have packets of flows that are on it
};

struct MemberSpec {
  uint32_t backend = 0;  // index in PlanSpec::backends
  uint32_t weight = 1;   // only ratios count; 0: takes no new flows, keeps those it has
};

struct ServiceSpec {
  std::string name;
  std::vector<ServicePoint> points;  // their `service` is filled in by build_plan()
  Affinity affinity = Affinity::connection;
  HashOver hash_over = HashOver::five_tuple;  // another one moves open flows: their buckets change
  uint32_t buckets = kDefaultBuckets;
  std::vector<MemberSpec> members;
};

struct PlanSpec {
  uint64_t generation = 0;
  std::vector<BackendSpec> backends;
  std::vector<ServiceSpec> services;
};

// Leaves out what is a box's own: ports and their addresses, next hops, VLANs.
uint64_t digest_of(const BackendSpec& backend);
uint64_t digest_without_members(const ServiceSpec& service);

// Equal for equal settings, on every box: independent of the order of services, backends and
// members, of the generation and of the secret.
uint64_t fingerprint(const PlanSpec& spec);

}  // namespace evenkeel
