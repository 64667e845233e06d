// What a plan is to be: settings, today's health and neighbours, already put together. Plain
// values; build_plan() (build.h) makes the tables from them, or says which of them cannot be
// honoured.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "firmware/base/reason.h"
#include "firmware/exchange/handshakes.h"
#include "firmware/exchange/turns.h"
#include "firmware/table/hash.h"
#include "firmware/table/lookup.h"
#include "firmware/table/prefixes.h"
#include "firmware/table/steer.h"
#include "firmware/wire/forwarding.h"

namespace evenkeel {

// One way to one server. A server that serves IPv4 and IPv6 VIPs, or that appears in both arms of a
// rollout, is two of these: each has evidence of its own.
//
// Who it is, is its name, arm, mode's destination and port; of l2_direct without a destination, its
// MAC address. Its next hop may come and go: while destination_mac is not set, it must not be
// alive, the rest of its way is not looked at, and its slot and flows stay its own.
struct BackendSpec {
  std::string name;  // decides where its buckets lie, so it outlives a change of address
  uint32_t arm = 0;  // of a rollout; (name, arm, family of VIP) is unique in a plan
  ForwardingSpec forwarding;
  bool is_alive = true;  // may have packets of flows that are on it
};

struct MemberSpec {
  uint32_t backend = 0;  // index in PlanSpec::backends
  uint32_t weight = 1;   // only ratios count; 0: takes no new flows, keeps those it has
};

// A rollout under way: of a service's buckets, this share (table/slice.h) is of these members.
struct TrialSpec {
  std::vector<MemberSpec> members;  // none: there is no rollout
  uint32_t share = 0;

  bool is_on() const { return !members.empty(); }
};

struct ServiceSpec {
  std::string name;
  std::vector<ServicePoint> points;  // their `service` is filled in by build_plan()
  Affinity affinity = Affinity::connection;
  HashOver hash_over = HashOver::five_tuple;  // another one moves open flows: their buckets change
  uint32_t buckets = kDefaultBuckets;
  std::vector<MemberSpec> members;
  TrialSpec trial;
  // Places in PlanSpec::backends. They have no bucket any more, but flows that they may keep.
  std::vector<uint32_t> leaving;

  // Other than none: nobody can take new flows now, and what would begin one is dropped for this,
  // as is what was on a backend that does not live. Flows on those that live go on, if it had a
  // table before. Only then there may be no member, or none of positive weight. When it opens,
  // flows are where they were.
  Reason closed = Reason::none;

  uint16_t mss =
      0;  // the most that a TCP SYN may announce, in either direction; 0: whatever it does
  // Clients, by source address. The longest prefix decides; an allow list that is not empty refuses
  // all others.
  std::vector<Prefix> allow;
  std::vector<Prefix> deny;
  uint32_t new_flows_per_source = 0;  // a second, of one client's address; 0: any number
};

// By which way replies that are translated on the box reach the clients of a prefix.
struct Way {
  bool resolved = false;  // if not: dropped for next_hop_unresolved
  bool is_own = false;    // the box's own address: what a server sends there is no client's
  uint8_t port = 0;       // the next four: as in ForwardingSpec, of a resolved way
  uint16_t vlan = 0;
  uint16_t mtu = 1500;
  Mac source_mac{};
  Mac destination_mac{};

  friend bool operator==(const Way&, const Way&) = default;
};

struct WaySpec {
  Prefix to;
  Way way;
};

struct PlanSpec {
  uint64_t generation = 0;
  std::vector<BackendSpec> backends;
  std::vector<ServiceSpec> services;
  std::vector<WaySpec> ways;  // the longest prefix decides; only mode nat needs any
  // Of how many flows the handshakes are followed: one of 2^shift. How a box looks, not what it
  // does: no part of the fingerprint.
  uint8_t sample_shift = Handshakes::kSampleShift;
  // Likewise: of services that are on trial and steer by source, in which step a source has its
  // turn.
  Turns::Trial trial;
};

// Leaves out what is a box's own: ports and their addresses, next hops, VLANs, and rollouts.
uint64_t digest_of(const BackendSpec& backend);
// Who a backend is, whatever its arm and the family of the VIP: another one, if it has moved.
uint64_t server_digest(std::string_view name, const Address& destination, uint16_t port);
uint64_t digest_without_members(const ServiceSpec& service);

// Equal for equal settings, on every box: independent of the order of services, backends and
// members, of the generation, of the secret, and of rollouts.
uint64_t fingerprint(const PlanSpec& spec);

}  // namespace evenkeel
