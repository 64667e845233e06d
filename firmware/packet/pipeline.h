// A packet's path from a frame that has arrived to one that may leave, over a burst at a time:
//
//   classify -> choose -> recall -> emit -> track
//
// Each stage goes over the whole burst and prefetches what the next one reads, so that their cache
// misses overlap. A stage passes a packet on or drops it for one reason; what is still in the burst
// is a set of indices that gets smaller. All state is the worker's own; what is shared is the
// plan, which does not change, and whose turn it is to be followed (exchange/turns.h).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/base/reason.h"
#include "firmware/exchange/evidence.h"
#include "firmware/exchange/handshakes.h"
#include "firmware/exchange/plan.h"
#include "firmware/exchange/turns.h"
#include "firmware/packet/flow_limit.h"
#include "firmware/packet/fragments.h"
#include "firmware/table/hash.h"
#include "firmware/table/memory.h"
#include "firmware/table/steer.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/lanes.h"
#include "firmware/wire/parse.h"
#include "firmware/wire/parse_burst.h"

namespace evenkeel {

class Pipeline {
 public:
  // REQUIRES: all outlive the pipeline and are this worker's own, but for the secret and turns,
  // which are all workers'; evidence has room for every slot and service of the plans to come;
  // `workers` share the traffic.
  Pipeline(const Secret& secret, Evidence& evidence, FlowMemory& memory, Handshakes& handshakes,
           Turns& turns, uint32_t workers = 1)
      : secret_(secret),
        workers_(workers),
        evidence_(evidence),
        memory_(memory),
        handshakes_(handshakes),
        turns_(turns) {}

  // Makes of each frame what is to be sent, or says in ret_reasons why it is not; what becomes of
  // it then, and counting that and what came, is up to the caller. Also to be called
  // without frames, once per loop, for what time alone brings about.
  // REQUIRES: frames.size() <= kBurst, ret_reasons as long; plan was read before the clock.
  void run(const Plan& plan, std::span<Frame> frames, Microseconds now,
           std::span<Reason> ret_reasons);

  // What the sender of a packet of the last burst that was too_big may send instead.
  uint16_t mtu_before(size_t i) const { return mtu_before_[i]; }
  // Who sends to whom, for who counts it.
  uint64_t pair_hash(const FlowKey& key) const { return secret_.hash(&key, 2 * sizeof(Address)); }
  // What is remembered of a flow, for who wants to know.
  FlowMemory::Found recollect(uint64_t flow, Microseconds now) const {
    return memory_.find(flow, tick_of(now));
  }
  // Grows whenever a fragment that was refused as fragment_later may be worth another try.
  uint64_t fragments_learned() const { return fragments_.learned(); }

 private:
  // Some of the burst's packets, by their indices: bits, so that adding one takes no branch.
  class PacketSet {
   public:
    class Iterator {
     public:
      explicit Iterator(uint64_t bits) : bits_(bits) {}
      size_t operator*() const { return static_cast<size_t>(std::countr_zero(bits_)); }
      Iterator& operator++() {
        bits_ &= bits_ - 1;
        return *this;
      }
      bool operator==(const Iterator&) const = default;

     private:
      uint64_t bits_;
    };

    PacketSet() = default;
    explicit PacketSet(uint64_t bits) : bits_(bits) {}

    void add(size_t i) { bits_ |= uint64_t{1} << i; }
    void remove(size_t i) { bits_ &= ~(uint64_t{1} << i); }
    void add_if(bool wanted, size_t i) { bits_ |= uint64_t{wanted} << i; }
    uint64_t bits() const { return bits_; }
    size_t size() const { return static_cast<size_t>(std::popcount(bits_)); }
    PacketSet operator&(PacketSet other) const { return PacketSet(bits_ & other.bits_); }
    PacketSet without(PacketSet other) const { return PacketSet(bits_ & ~other.bits_); }
    bool has(size_t i) const { return (bits_ >> i & 1) != 0; }
    // As a loop over it, but faster where nearly all of a burst are there.
    template <typename Act>
    void for_each(const Act& act) const {
      for (size_t first = 0; first < kBurst; first += lanes::kLanes) {
        lanes::for_each(bits_ >> first & 0xff, [&](size_t i) { act(first + i); });
      }
    }
    Iterator begin() const { return Iterator(bits_); }
    Iterator end() const { return Iterator(0); }

   private:
    uint64_t bits_ = 0;
  };
  static_assert(kBurst == 64);

  struct Sets {
    PacketSet plain;        // those in plain_
    PacketSet undescribed;  // and of those, the ones whose parsed_ is yet to be made
    PacketSet live;         // not dropped
    PacketSet asking;       // those of whom flow memory may know
    PacketSet closed;       // those of services that take no new flows: live if theirs is there
    PacketSet sampled;      // those whose flows may be followed
    PacketSet opening;      // those that open a flow
  };

  // An address (of IPv4, the last word), ServiceLookup's `more`, and the service found for them.
  struct LastService {
    std::array<uint32_t, 4> address{};
    uint32_t more = 0;
    uint16_t number = kNoService;
  };

  // What a bucket's previous backend is, of a service that has not moved.
  static constexpr uint16_t kNoPrevious = kNoBackend;

  // Whether flow memory may have a say in where a packet of a service goes.
  static bool may_ask(const Service& service) {
    return service.previous != nullptr || service.affinity == Affinity::sticky;
  }

  void classify(const Plan& plan, std::span<Frame> frames, Microseconds now,
                std::span<Reason> ret_reasons);
  PacketSet find_plain_services(const Plan& plan);
  template <bool kIsV4>
  uint32_t find_eight_services(const Plan& plan, size_t first, uint32_t good, LastService& last);
  template <bool kIsV4>
  auto blocks_of(const Frame& frame, size_t i) const;
  template <bool kIsV4>
  void enter_plain(const Plan& plan, PacketSet packets, std::span<const Frame> frames);
  void find_four_buckets(const Service& service, size_t first, __m256i flows);
  template <typename ServiceOf>
  void find_four_buckets(const ServiceOf& service_of, size_t first);
  void enter_others(const Plan& plan, PacketSet packets);
  const Parsed& described(size_t i);
  void enter(const Service& service, size_t i, uint64_t flow, uint64_t steering);
  Reason classify_one(const Plan& plan, Frame& frame, size_t i, Microseconds now);
  bool know_ports(size_t i, Microseconds now);
  Reason find_service(const Plan& plan, const Frame& frame, size_t i, Tick now);
  Reason pass_guard(const Service& service, const Frame& frame, size_t i, uint16_t number,
                    Tick now);
  Reason answer_echo(const Plan& plan, Frame& frame, const Parsed& parsed);
  Reason return_reply(const Plan& plan, Frame& frame, size_t i, Tick now);
  void find_sampled(uint32_t mask);
  void choose(const Plan& plan, std::span<const Frame> frames, Tick now);
  // Where memory is asked: pipeline_recall.cc.
  void recall(const Plan& plan, Tick now);
  void recall_one(const Plan& plan, size_t i, Tick now);
  void recall_closed(const Plan& plan, Tick now, std::span<Reason> ret_reasons);
  // What the rule says of a packet, and what it was told for that.
  struct Recalled {
    Steered steered;
    FlowMemory::Found found;
    uint32_t signals = 0;
  };
  Recalled ask(const Plan& plan, size_t i, Affinity affinity, Bucket bucket, Tick now) const;
  void follow(const Recalled& recalled, size_t i, Tick now);
  // Of one that was parsed, as it stands in an Address.
  Secret::Block source_of(size_t i) const {
    return sets_.undescribed.has(i) ? plain_.source_of(i)
                                    : load<Secret::Block>(&parsed_[i].key.source);
  }
  size_t place_of_sample() const { return (bursts_ + 1) % kBurst; }
  PacketSet emit_eights(const Plan& plan, std::span<Frame> frames, uint64_t& ret_bytes);
  void emit_all(const Plan& plan, std::span<Frame> frames, std::span<Reason> ret_reasons);

  // What traffic tells of backends: pipeline_evidence.cc.
  void track(const Plan& plan, std::span<const Frame> frames, Microseconds now);
  void track_opening(const Plan& plan, size_t i, Microseconds now);
  void note_sources(Tick now);
  void note_trouble(const Plan& plan, const Parsed& reply, Tick now);

  // Constant
  const Secret& secret_;
  const uint32_t workers_;

  // The worker's
  Evidence& evidence_;
  FlowMemory& memory_;
  Handshakes& handshakes_;
  Turns& turns_;  // all workers'
  Fragments fragments_;
  FlowLimit flow_limit_;
  uint32_t bursts_ = 0;

  // The burst's; indexed as its frames are
  PlainPackets plain_;
  std::array<Parsed, kBurst> parsed_;             // to be read by described()
  std::array<uint64_t, kBurst> flow_;             // flow_hash
  std::array<uint64_t, kBurst> steering_;         // steering_hash, of those that ask
  std::array<uint32_t, kBurst> entropy_{};        // flow_hash's low half
  std::array<const uint16_t*, kBurst> current_;   // where its bucket's current backend stands
  std::array<const uint16_t*, kBurst> previous_;  // and the previous one, of those that ask
  alignas(16) std::array<uint16_t, kBurst> service_;
  std::array<uint16_t, kBurst> backend_;
  std::array<uint16_t, kBurst> mtu_before_{};  // of those that are too big
  Sets sets_;
};

}  // namespace evenkeel
