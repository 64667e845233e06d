// A small world to prove the steering rule in: clients whose flows open, talk, fall silent and end;
// backends that fail, recover, are drained, removed and replaced; settings that move buckets; two
// workers that change plans at moments of their own.
//
// Everything that steers is the product's: tables, moves, flow memory, rule. A `Rule` holds those
// parts that a test may break on purpose, to see that the world notices. The model itself knows
// only which backend each flow is on, and what it has been promised.
#pragma once

#include <algorithm>
#include <array>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/table/hash.h"
#include "firmware/table/maglev.h"
#include "firmware/table/memory.h"
#include "firmware/table/moves.h"
#include "firmware/table/steer.h"

namespace evenkeel {

struct ProductRule {
  static constexpr bool kUsesBorn = true;
  template <typename IsAlive>
  static Steered steer(Affinity affinity, Bucket bucket, bool opening, uint16_t remembered,
                       const IsAlive& is_alive) {
    return evenkeel::steer(affinity, bucket, opening, remembered, is_alive);
  }
  static Moves next_moves(const MoveInput& input) { return evenkeel::next_moves(input); }
};

// Plain numbers, so that an assert may jump over them.
struct Tally {
  uint64_t packets = 0;
  uint64_t openings = 0;
  uint64_t remembered = 0;      // packets that flow memory decided
  uint64_t broken = 0;          // flows that left a backend that was alive, against the promise
  uint64_t silent = 0;          // flows that did after a silence longer than they are remembered
  uint64_t unfit_openings = 0;  // new flows sent to a backend that takes none
  uint64_t unfit_packets = 0;   // packets sent to a backend that is dead or in no plan
  uint64_t unfit_previous = 0;  // buckets whose previous backend is in no plan
  uint64_t strangers = 0;       // remembered flows sent to another owner of their backend's slot
  uint64_t lost = 0;            // insertions that evicted or were refused
  uint64_t stamps = 0;          // packets that kept a window open
  uint64_t plans = 0;           // published
  uint64_t moved_plans = 0;     // that had moved buckets
  uint64_t reused_slots = 0;
  bool ends_steady = false;  // no bucket was left moved when the flows had ended

  Tally& operator+=(const Tally& other);
};

inline Tally& Tally::operator+=(const Tally& other) {
  packets += other.packets;
  openings += other.openings;
  remembered += other.remembered;
  broken += other.broken;
  silent += other.silent;
  unfit_openings += other.unfit_openings;
  unfit_packets += other.unfit_packets;
  unfit_previous += other.unfit_previous;
  strangers += other.strangers;
  lost += other.lost;
  stamps += other.stamps;
  plans += other.plans;
  moved_plans += other.moved_plans;
  reused_slots += other.reused_slots;
  ends_steady = ends_steady && other.ends_steady;
  return *this;
}

struct WorldOptions {
  uint64_t seed = 0;
  Affinity affinity = Affinity::connection;
  uint32_t sets_in_use = 1024;  // of flow memory: few ones make it too small for the flows
  Tick window = 22;
};

template <typename Rule>
class World {
 public:
  explicit World(const WorldOptions& options) : options_(options), random_(options.seed) {
    for (Flow& flow : flows_) flow.worker = below(kWorkers);
    for (uint16_t slot = 0; slot < 5; ++slot) add_backend(draft_, slot);
    publish();
    for (Worker& worker : workers_) worker.plan = plan_;
  }

  Tally run(uint32_t steps) {
    for (uint32_t step = 0; step < steps; ++step) {
      pass_time();
      if (one_in(8)) change_settings();
      for (Worker& worker : workers_) {
        if (one_in(2)) adopt(worker);
      }
      for (int i = 0; i < 20; ++i) live(flows_[below(kFlows)]);
    }
    end();
    return tally_;
  }

 private:
  static constexpr size_t kSlots = 12;
  static constexpr size_t kFlows = 300;
  static constexpr size_t kWorkers = 2;
  static constexpr FlowTimeouts kTimeouts = {.unfinished = 6, .closing = 4, .finished = 20};
  static constexpr std::array<uint32_t, 4> kSizes = {251, 257, 509, 1021};

  struct Backend {
    uint64_t owner = 0;  // never used twice; 0: the slot is free
    uint64_t identity = 0;
    uint64_t weight = 0;
    Tick born = 0;
    bool is_alive = false;

    bool takes_flows() const { return owner != 0 && is_alive && weight > 0; }
  };
  using Backends = std::array<Backend, kSlots>;

  struct Plan {
    Backends backends;
    std::vector<uint16_t> table;
    Moves moves;
  };

  struct Worker {
    std::shared_ptr<const Plan> plan;
    FlowMemory memory = std::move(FlowMemory::make(kFlowMemoryBytesMin, kTimeouts).value());
    std::array<Tick, kBucketGroups> deviated_at{};  // 0: never
  };

  struct Flow {
    bool is_open = false;
    size_t worker = 0;
    uint64_t hash = 0;
    uint64_t steering = 0;
    uint64_t owner = 0;  // of the slot that it is on
    uint64_t remembered_owner = 0;
    Tick last = 0;
    Tick limit = 0;  // of the silence over which it is promised to stay
    // Was silent for longer when its worker's present plan was replaced: the next one need not know
    // of the packet that came between.
    bool was_silent = false;

    bool is_silent(Tick now) const { return now - last > limit; }
  };

  enum class Packet { opening, data, closing, error };

  uint64_t below(uint64_t bound) { return random_() % bound; }
  bool one_in(uint64_t chances) { return below(chances) == 0; }

  // Mostly steady, with gaps around the time-outs and the window. A worker may change plans as late
  // as a tick after the plan was made, not later.
  void pass_time() {
    const bool is_late = !all_adopted() && now_ > published_;
    for (Worker& worker : workers_) {
      if (is_late) adopt(worker);
    }
    const uint64_t passed = one_in(60) && all_adopted() ? below(2 * options_.window) : below(2);
    now_ += static_cast<Tick>(passed);
    for (Worker& worker : workers_) worker.memory.maintain(now_);
  }

  void adopt(Worker& worker) {
    if (worker.plan == plan_) return;
    worker.plan = plan_;
    settled_ = now_;
  }
  bool all_adopted() const {
    return std::ranges::all_of(workers_, [&](const Worker& w) { return w.plan == plan_; });
  }

  void change_settings() {
    if (!all_adopted()) return;
    Backends draft = draft_;
    const uint32_t buckets = buckets_;
    for (uint64_t changes = below(3); changes > 0; --changes) change_one(draft);
    if (one_in(10)) buckets_ = kSizes[below(kSizes.size())];
    if (std::ranges::any_of(draft, &Backend::takes_flows)) {
      draft_ = draft;
      publish();
    } else {
      buckets_ = buckets;  // what no plan can be made of is refused before
    }
  }

  void change_one(Backends& draft) {
    const auto slot = static_cast<uint16_t>(below(kSlots));
    Backend& backend = draft[slot];
    if (backend.owner == 0) {
      // No plan gives away what it has just taken, or what a worker may remember from this tick.
      if (draft_[slot].owner == 0 && now_ > settled_) add_backend(draft, slot);
      return;
    }
    switch (below(6)) {
      case 0:
        backend = {};
        break;
      case 1:
        backend.weight = 0;
        break;
      case 2:
        backend.weight = 1 + below(5);
        break;
      default:
        backend.is_alive = !backend.is_alive;
    }
  }

  void add_backend(Backends& draft, uint16_t slot) {
    tally_.reused_slots += used_[slot] ? 1 : 0;
    used_[slot] = true;
    // One of few names, so that some come back.
    uint64_t identity = 1 + below(2 * kSlots);
    while (std::ranges::any_of(draft, [&](const Backend& b) { return b.identity == identity; })) {
      identity = 1 + below(2 * kSlots);
    }
    draft[slot] = {.owner = ++owners_,
                   .identity = identity,
                   .weight = 1 + below(5),
                   .born = now_,
                   .is_alive = true};
  }

  void publish() {
    auto next = std::make_shared<Plan>();
    next->backends = draft_;
    next->table.resize(buckets_);
    std::vector<MaglevMember> members;
    for (uint16_t slot = 0; slot < kSlots; ++slot) {
      const Backend& backend = draft_[slot];
      if (backend.takes_flows()) members.push_back({backend.identity, backend.weight, slot});
    }
    CHECK(build_maglev(members, next->table).ok());
    if (plan_ != nullptr) {
      next->moves = Rule::next_moves(
          {.before = plan_->table,
           .after = next->table,
           .open = plan_->moves,
           .now = now_,
           .window = options_.window,
           .quiet_for = [&](uint32_t group) { return quiet_for(group); },
           .is_gone = [&](uint16_t slot) { return next->backends[slot].owner == 0; }});
    }
    for (const uint16_t slot : next->moves.previous) {
      if (slot != kNoBackend && draft_[slot].owner == 0) ++tally_.unfit_previous;
    }
    plan_ = next;
    published_ = now_;
    ++tally_.plans;
    tally_.moved_plans += plan_->moves.empty() ? 0 : 1;
  }

  Tick quiet_for(uint32_t group) const {
    Tick least = ~Tick{0};
    for (const Worker& worker : workers_) {
      const Tick at = worker.deviated_at[group];
      if (at != 0) least = std::min(least, now_ - at);
    }
    return least;
  }

  // One event in the life of a client.
  void live(Flow& flow) {
    if (!flow.is_open) {
      if (flow.hash == 0 || !one_in(3)) make_new(flow);  // else the same ports once more
      const bool is_seen_opening = options_.affinity == Affinity::connection && !one_in(20);
      flow.owner = 0;
      send(flow, is_seen_opening ? Packet::opening : Packet::data);
      flow.is_open = true;
      return;
    }
    switch (below(20)) {
      case 0:
        flow.owner = 0;
        send(flow, options_.affinity == Affinity::connection ? Packet::opening : Packet::data);
        break;
      case 1:
        flow.is_open = false;
        break;
      case 2:
        send(flow, Packet::closing);
        break;
      case 3:
        if (options_.sets_in_use > 100) send(flow, Packet::error);
        break;
      default:
        send(flow, Packet::data);
    }
  }

  void make_new(Flow& flow) {
    flow.hash = random_();
    flow.steering = one_in(2) ? flow.hash : random_();
    flow.hash = (flow.hash & ~uint64_t{1023}) | (flow.hash % options_.sets_in_use);
  }

  Bucket bucket_of_flow(const Plan& plan, const Flow& flow) const {
    const auto in = [&](const std::vector<uint16_t>& table) {
      return table[bucket_of(flow.steering, static_cast<uint32_t>(table.size()))];
    };
    return {.current = in(plan.table),
            .previous = plan.moves.empty() ? kNoBackend : in(plan.moves.previous)};
  }

  // As the worker does it.
  void send(Flow& flow, Packet packet) {
    Worker& worker = workers_[flow.worker];
    const Plan& plan = *worker.plan;
    const Bucket bucket = bucket_of_flow(plan, flow);
    FlowMemory::Found found;
    if (needs_memory(options_.affinity, bucket)) found = worker.memory.find(flow.hash, now_);
    const auto is_alive = [&](uint16_t slot) {
      const Backend& backend = plan.backends[slot];
      const bool is_of_owner =
          slot != found.backend || !Rule::kUsesBorn || found.age <= now_ - backend.born;
      return backend.is_alive && is_of_owner;
    };
    const Steered steered =
        Rule::steer(options_.affinity, bucket, packet == Packet::opening, found.backend, is_alive);
    if (steered.deviates) worker.deviated_at[group_of(flow.steering)] = now_;
    judge(flow, packet, plan, steered);
    if (packet == Packet::error) return;
    const bool is_silent =
        flow.owner == 0 ? packet != Packet::opening : flow.was_silent || flow.is_silent(now_);
    flow.was_silent = worker.plan != plan_ && is_silent;
    flow.owner = plan.backends[steered.backend].owner;
    flow.last = now_;
    flow.limit = options_.window - 1;
    if (steered.touch) {
      const bool is_closing = packet == Packet::closing || found.state == FlowState::closing;
      worker.memory.touch(flow.hash, found, is_closing ? FlowState::closing : FlowState::finished,
                          now_);
      flow.limit = is_closing ? kTimeouts.closing : kTimeouts.finished;
    }
    if (steered.remember) {
      const auto outcome = worker.memory.insert(flow.hash, steered.backend, now_);
      tally_.lost += outcome == FlowMemory::Insertion::done ? 0 : 1;
      flow.remembered_owner = flow.owner;
      flow.limit = kTimeouts.unfinished;
    }
  }

  void judge(const Flow& flow, Packet packet, const Plan& plan, const Steered& steered) {
    ++tally_.packets;
    tally_.openings += packet == Packet::opening ? 1 : 0;
    tally_.remembered += steered.touch ? 1 : 0;
    tally_.stamps += steered.deviates ? 1 : 0;
    const Backend& backend = plan.backends[steered.backend];
    if (backend.owner == 0 || !backend.is_alive) ++tally_.unfit_packets;
    if (steered.touch && backend.owner != flow.remembered_owner) ++tally_.strangers;
    if (packet == Packet::opening && !backend.takes_flows()) ++tally_.unfit_openings;
    if (flow.owner == 0 || backend.owner == flow.owner) return;
    const bool was_alive = std::ranges::any_of(plan.backends, [&](const Backend& other) {
      return other.owner == flow.owner && other.is_alive;
    });
    if (!was_alive) return;
    ++(flow.was_silent || flow.is_silent(now_) ? tally_.silent : tally_.broken);
  }

  // All flows end; the windows must too.
  void end() {
    for (Worker& worker : workers_) adopt(worker);
    now_ += options_.window + 1;
    publish();
    tally_.ends_steady = plan_->moves.empty();
  }

  const WorldOptions options_;
  std::mt19937_64 random_;
  Tally tally_;
  Tick now_ = 1'000;
  Tick published_ = 0;
  Tick settled_ = 0;
  uint32_t buckets_ = kSizes[0];
  uint64_t owners_ = 0;
  Backends draft_{};
  std::array<bool, kSlots> used_{};
  std::shared_ptr<const Plan> plan_;
  std::array<Worker, kWorkers> workers_;
  std::array<Flow, kFlows> flows_{};
};

}  // namespace evenkeel
