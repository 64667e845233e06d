// A plan: the tables that a worker reads. Immutable once built; published in the slot (slot.h),
// shared in part with the plans before and after it.
//
// Invariants (build_plan() establishes them, verify_plan() checks them on what was built):
//  1. Every bucket names the slot of a live member of its own service whose weight is not 0, in a
//     trial's slice one of the trial's. A closed service has no buckets, or those that it had when
//     it was open, which name members of then that are in the plan.
//  2. A member has its share of its service's buckets, to less than one bucket; or one bucket, if
//     that is more than its share. During a trial it has its share of its part, as chance has it.
//  3. A previous backend of a moved bucket is in the plan.
//  4. The VIPs of a service are of one family, and its members are ready for packets of that
//     family.
//  5. Every VIP leads to its service.
//  6. Every port of a server of mode nat leads back to the one VIP whose packets it gets.
//  7. What a member's forwarding writes into packets is what its settings say.
//  8. A service guards what its settings say, and is plain only if that is nothing.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/pages.h"
#include "firmware/exchange/guard.h"
#include "firmware/exchange/handshakes.h"
#include "firmware/exchange/spec.h"
#include "firmware/exchange/turns.h"
#include "firmware/table/hash.h"
#include "firmware/table/lookup.h"
#include "firmware/table/moves.h"
#include "firmware/table/prefixes.h"
#include "firmware/table/servers.h"
#include "firmware/table/steer.h"
#include "firmware/wire/forwarding.h"

namespace evenkeel {

// Small, for a new plan compares all of them with the settings.
struct TableMember {
  uint32_t weight = 0;
  uint16_t slot = kNoBackend;

  friend bool operator==(const TableMember&, const TableMember&) = default;
};

// A service's buckets, shared by all plans in which its members are the same.
struct BucketTable {
  std::vector<TableMember> members;  // in the order of the settings
  std::vector<TableMember> trial;    // empty: none
  uint32_t trial_share = 0;
  PageArray<uint16_t> buckets;
  uint64_t fingerprint = 0;  // by backends, so that two boxes compare though their slots differ
};

// What a worker reads of a service.
struct alignas(kCacheLine) Service {
  const uint16_t* current = nullptr;   // null: closed, and has no flows that may go on
  const uint16_t* previous = nullptr;  // null: no bucket has moved
  uint32_t buckets = 0;
  uint32_t previous_buckets = 0;
  HashOver hash_over = HashOver::five_tuple;
  Affinity affinity = Affinity::connection;
  bool is_plain = true;   // no guard, and steers by the whole flow: nothing but a bucket to look up
  bool is_tried = false;  // some of its buckets are a trial's
  Guard guard{};
};
static_assert(sizeof(Service) == kCacheLine);

// What a worker reads of a backend that is not its present packet's.
struct Life {
  Tick born = 0;  // what flow memory knew of this slot before is of another backend
  bool is_alive = false;
  bool inner_is_v4 = false;
  uint16_t heir = 0;  // the slot that has this one's flows now: its own, or the same server's
};
static_assert(sizeof(Life) == 8);

// What control code knows of a service and a backend, by the same numbers.
struct ServiceRecord {
  std::string name;  // empty: this number is free
  // Of a closed service: what it had, if all that is in it is still there; else null.
  std::shared_ptr<const BucketTable> table;
  std::shared_ptr<const Moves> moves;       // null: none
  std::shared_ptr<const Prefixes> sources;  // null: anybody is allowed
};
struct BackendRecord {
  std::string name;       // empty: this slot is free
  uint64_t identity = 0;  // of (name, arm, address ...): whose slot it is
  uint64_t server = 0;    // server_digest(): the same in all arms
  Tick left = 0;          // of a free slot: when its last owner left
};

struct Plan {
  // Worker. Indexed by service number and backend slot; numbers in use need not be dense.
  std::shared_ptr<const ServiceLookup> lookup;
  std::vector<Service> services;
  PageArray<Forwarding> forwardings;
  std::vector<Life> lives;
  std::shared_ptr<const ServerLookup> servers;  // of mode nat
  std::shared_ptr<const Prefixes> way_numbers;  // by a client's address, in ways
  std::vector<Way> ways;
  uint8_t sample_shift = Handshakes::kSampleShift;
  Turns::Trial trial;

  // Control.
  uint64_t generation = 0;
  uint64_t fingerprint = 0;  // equal on two boxes that steer alike
  std::vector<ServicePoint> points;
  std::vector<ServiceRecord> service_records;
  std::vector<BackendRecord> backend_records;
  bool has_arms = false;  // a backend may have several slots for one family

  // REQUIRES: number is that of a service of this plan.
  Bucket bucket(uint16_t number, uint64_t steering_hash) const {
    const Service& service = services[number];
    Bucket bucket{.current = service.current[bucket_of(steering_hash, service.buckets)]};
    if (service.previous != nullptr) {
      bucket.previous = service.previous[bucket_of(steering_hash, service.previous_buckets)];
    }
    return bucket;
  }

  // Where a flow of this family, last seen `age` ticks ago on a slot, is to stay: there, or with
  // its heir, if that lives and it was there by the slot's present owner. kNoBackend: nowhere.
  uint16_t home_of(uint16_t slot, bool is_v4, Tick now, Tick age) const {
    if (slot == kNoBackend) return kNoBackend;
    const Life& life = lives[slot];
    const bool may_stay =
        lives[life.heir].is_alive && life.inner_is_v4 == is_v4 && age <= now - life.born;
    return may_stay ? life.heir : kNoBackend;
  }
};

}  // namespace evenkeel
