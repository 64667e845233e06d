// How the traffic is really doing, as one worker sees it: per backend slot (a backend in one arm of
// a rollout), per service, and for the worker as a whole. The worker writes, the control thread
// reads at any time, and neither ever waits for the other.
//
// Counters are never reset: a reader keeps what it read before and subtracts (since()), also when a
// slot goes to another backend. Two counters read together need not be of the same moment.
//
// Every array lies in pages of its own and is written by this worker only; what a packet touches is
// one cache line per slot, and one of the worker. What only followed flows and bad news touch lies
// in other lines, so that those of all slots lie close together.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/pages.h"
#include "firmware/base/reason.h"
#include "firmware/base/status.h"
#include "firmware/exchange/counter.h"
#include "firmware/exchange/sources.h"

namespace evenkeel {

// What one worker has counted for one slot. What is followed of flows, and how, is in handshakes.h.
struct BackendCounts {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t new_flows = 0;  // by their SYNs, those that are sent again too
  // Of the sampled part of flows; an opened handshake ends in exactly one of the last three.
  uint64_t opened = 0;
  uint64_t retried = 0;        // SYNs after a handshake's first
  uint64_t completed = 0;      // the client answered, so the backend had
  uint64_t lost = 0;           // nothing before the deadline
  uint64_t reset = 0;          // given up by the client: says nothing about the backend
  uint64_t retried_flows = 0;  // handshakes with a second SYN, however many came
  // Of those completed; who asked ends in exactly one of the last two.
  uint64_t asked = 0;       // the client has sent its first payload
  uint64_t answered = 0;    // and has acknowledged something since
  uint64_t unanswered = 0;  // not before the deadline, or the client left
  // What is known of a flow as a whole, as soon as it is known: of those opened, each counts once
  // in one of these, or in none while it is open or where it was reset.
  uint64_t good = 0;  // came about at once, and its first request, if it had one, was answered
  uint64_t bad = 0;   // retried, lost or unanswered
  // Of all flows whose replies pass the box (mode nat), in packets.
  uint64_t server_resets = 0;
  uint64_t zero_windows = 0;

  BackendCounts since(const BackendCounts& baseline) const;
  // What two workers, or two slots, have counted.
  BackendCounts& operator+=(const BackendCounts& other);
};

// Times of handshakes and responses, two buckets per power of two from 32 us to 1 s; what is
// shorter is in the first one, what is longer in the last. Finer ones would not fit the budget for
// 65,535 backends, and the order of times by which two arms are compared needs none.
inline constexpr size_t kLatencyBuckets = 32;

constexpr size_t latency_bucket(Microseconds time) {
  if (time < 32) return 0;
  const auto octave = static_cast<size_t>(std::bit_width(time)) - 2;
  const size_t bucket = octave * 2 + static_cast<size_t>(time >> octave) - 9;
  return bucket < kLatencyBuckets ? bucket : kLatencyBuckets - 1;
}

// The shortest time that is counted in a bucket.
constexpr Microseconds latency_bucket_start(size_t bucket) {
  if (bucket == 0) return 0;
  return Microseconds{2 + (bucket + 9) % 2} << ((bucket + 9) / 2 - 1);
}

struct LatencyCounts {
  std::array<uint32_t, kLatencyBuckets> counts{};

  LatencyCounts since(const LatencyCounts& baseline) const;
};

struct WorkerCounts {
  std::array<uint64_t, kReasons> drops{};
  uint64_t received_packets = 0;
  uint64_t received_bytes = 0;
  uint64_t forwarded_packets = 0;
  uint64_t forwarded_bytes = 0;
  uint64_t evictions = 0;             // flows forgotten for others: promises that may be broken
  uint64_t refused_insertions = 0;    // flows that flow memory had no place for
  uint64_t untracked_handshakes = 0;  // sampled, but no place to follow them
};

class alignas(kCacheLine) Evidence {
 public:
  struct Capacities {
    size_t slots = 0;
    size_t services = 0;
  };

  // Deviating flows are noted by groups of a service's buckets.
  static constexpr size_t kGroups = 1024;
  static constexpr Tick kNeverDeviated = ~Tick{0};

  static constexpr size_t bytes(Capacities capacities);

  // On the heap, so that it stays where it is while others point to it.
  static Result<std::unique_ptr<Evidence>> make(Capacities capacities);
  Evidence(const Evidence&) = delete;
  Evidence& operator=(const Evidence&) = delete;

  // For the worker.
  // REQUIRES, of all below: slots and services are below the capacities, groups below kGroups.
  class PacketCounts;
  PacketCounts packet_counts();
  void count_packet(uint16_t slot, uint32_t packet_bytes);
  void count_new_flow(uint16_t slot) { at(slot).new_flows.add(1); }
  void count_drop(Reason reason);
  void count_received(uint64_t packets, uint64_t packet_bytes);
  void count_forwarded(uint64_t packets, uint64_t packet_bytes);
  void count_eviction() { totals_[0].evictions.add(1); }
  void count_refused_insertion() { totals_[0].refused_insertions.add(1); }

  // A flow just passed that is kept on another backend than its bucket's current one.
  void stamp_deviating(uint16_t service, size_t group, Tick now) {
    stamp(service, group).write(now != kNoStamp ? now : kNoStamp + 1);
  }

  // Of replies that pass the box.
  void count_server_reset(uint16_t slot) { outcomes(slot).server_resets.add(1); }
  void count_zero_window(uint16_t slot) { outcomes(slot).zero_windows.add(1); }

  // For the worker's Handshakes.
  void count_opened(uint16_t slot) { at(slot).opened.add(1); }
  void count_retried(uint16_t slot) { at(slot).retried.add(1); }
  void count_completed(uint16_t slot, Microseconds time);
  void count_lost(uint16_t slot) { at(slot).lost.add(1); }
  void count_reset(uint16_t slot) { at(slot).reset.add(1); }
  void count_retried_flow(uint16_t slot) { outcomes(slot).retried_flows.add(1); }
  void count_asked(uint16_t slot) { outcomes(slot).asked.add(1); }
  void count_answered(uint16_t slot, Microseconds time);
  void count_unanswered(uint16_t slot) { outcomes(slot).unanswered.add(1); }
  void count_good(uint16_t slot) { outcomes(slot).good.add(1); }
  void count_bad(uint16_t slot) { outcomes(slot).bad.add(1); }
  void count_untracked_handshake() { totals_[0].untracked_handshakes.add(1); }

  Sources& sources() { return sources_; }

  // For every thread.
  BackendCounts backend(uint16_t slot) const;
  // From a flow's first SYN until the client sends anything else: of those completed.
  LatencyCounts handshake_times(uint16_t slot) const;
  // From a flow's first payload until the client acknowledges something more: of those answered.
  LatencyCounts response_times(uint16_t slot) const;
  WorkerCounts worker() const;
  // Seconds since a deviating flow of this group passed; 0 also if the worker's clock is ahead of
  // the reader's. A stamp holds the whole tick, so silence of up to 68 years is told.
  Tick quiet_for(uint16_t service, size_t group, Tick now) const;
  const Sources& sources() const { return sources_; }

 private:
  static constexpr Tick kNoStamp = 0;  // of a group in which nothing ever deviated

  struct alignas(kCacheLine) Tally {
    Counter packets;
    Counter bytes;
    Counter new_flows;
    Counter opened;
    Counter retried;
    Counter completed;
    Counter lost;
    Counter reset;
  };
  static_assert(sizeof(Tally) == kCacheLine);

  struct alignas(kCacheLine) Outcomes {
    Counter retried_flows;
    Counter asked;
    Counter answered;
    Counter unanswered;
    Counter good;
    Counter bad;
    Counter server_resets;
    Counter zero_windows;
  };
  static_assert(sizeof(Outcomes) == kCacheLine);

  using Histogram = std::array<SmallCounter, kLatencyBuckets>;
  struct alignas(kCacheLine) Times {
    Histogram handshakes;
    Histogram responses;
  };
  static LatencyCounts read(const Histogram& histogram);

  // What every packet may touch comes first, in one line.
  struct alignas(kCacheLine) Totals {
    Counter received_packets;
    Counter received_bytes;
    Counter forwarded_packets;
    Counter forwarded_bytes;
    Counter evictions;
    Counter refused_insertions;
    Counter untracked_handshakes;
    std::array<Counter, kReasons> drops;
  };

  Evidence(PageArray<Tally> slots, PageArray<Outcomes> outcomes, PageArray<Times> times,
           PageArray<SmallCounter> stamps, PageArray<Totals> totals, Sources sources)
      : slots_(std::move(slots)),
        outcomes_(std::move(outcomes)),
        times_(std::move(times)),
        stamps_(std::move(stamps)),
        totals_(std::move(totals)),
        sources_(std::move(sources)) {}

  Tally& at(uint16_t slot) {
    REQUIRE(slot < slots_.size());
    return slots_[slot];
  }
  Outcomes& outcomes(uint16_t slot) {
    REQUIRE(slot < outcomes_.size());
    return outcomes_[slot];
  }
  size_t stamp_index(uint16_t service, size_t group) const {
    const size_t index = service * kGroups + group;
    REQUIRE(group < kGroups && index < stamps_.size());
    return index;
  }
  SmallCounter& stamp(uint16_t service, size_t group) {
    return stamps_[stamp_index(service, group)];
  }

  PageArray<Tally> slots_;
  PageArray<Outcomes> outcomes_;
  PageArray<Times> times_;
  PageArray<SmallCounter> stamps_;
  PageArray<Totals> totals_;  // of one
  Sources sources_;
};

// To be held while a burst is counted: where counters are then need not be read again for each
// packet.
class Evidence::PacketCounts {
 public:
  explicit PacketCounts(std::span<Tally> tallies) : tallies_(tallies) {}

  void prefetch(uint16_t slot) const { __builtin_prefetch(tallies_.data() + slot, 1); }
  void add(uint16_t slot, uint32_t packet_bytes) const {
    REQUIRE(slot < tallies_.size());
    Tally& counters = tallies_[slot];
    counters.packets.add(1);
    counters.bytes.add(packet_bytes);
  }

 private:
  std::span<Tally> tallies_;
};

inline Evidence::PacketCounts Evidence::packet_counts() {
  return PacketCounts({slots_.data(), slots_.size()});
}

static_assert(latency_bucket(Microseconds{1} << 20) == kLatencyBuckets - 1 &&
                  latency_bucket((Microseconds{1} << 20) - 1) == kLatencyBuckets - 2 &&
                  latency_bucket_start(kLatencyBuckets - 1) == Microseconds{1} << 20,
              "the last bucket begins at 1 s");

constexpr size_t Evidence::bytes(Capacities capacities) {
  return PageArray<Tally>::bytes(capacities.slots) + PageArray<Outcomes>::bytes(capacities.slots) +
         PageArray<Times>::bytes(capacities.slots) +
         PageArray<SmallCounter>::bytes(capacities.services * kGroups) +
         PageArray<Totals>::bytes(1) + Sources::bytes(capacities.services);
}

inline void Evidence::count_packet(uint16_t slot, uint32_t packet_bytes) {
  packet_counts().add(slot, packet_bytes);
}

inline void Evidence::count_drop(Reason reason) {
  const auto index = static_cast<size_t>(reason);
  REQUIRE(index < kReasons);
  totals_[0].drops[index].add(1);
}

inline void Evidence::count_received(uint64_t packets, uint64_t packet_bytes) {
  totals_[0].received_packets.add(packets);
  totals_[0].received_bytes.add(packet_bytes);
}

inline void Evidence::count_forwarded(uint64_t packets, uint64_t packet_bytes) {
  totals_[0].forwarded_packets.add(packets);
  totals_[0].forwarded_bytes.add(packet_bytes);
}

}  // namespace evenkeel
