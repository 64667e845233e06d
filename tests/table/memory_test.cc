#include "firmware/table/memory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using Insertion = FlowMemory::Insertion;

constexpr FlowTimeouts kTimeouts = {.unfinished = 30, .closing = 20, .finished = 900};
constexpr Tick kStart = 100'000;
constexpr std::array kStates = {FlowState::unfinished, FlowState::closing, FlowState::finished};

FlowMemory make(const FlowTimeouts& timeouts = kTimeouts, size_t bytes = kFlowMemoryBytesMin) {
  return std::move(FlowMemory::make(bytes, timeouts).value());
}

int setup(void** state) {
  *state = new FlowMemory(make());
  return 0;
}

int teardown(void** state) {
  std::unique_ptr<FlowMemory>(static_cast<FlowMemory*>(*state));
  return 0;
}

FlowMemory& of(void** state) { return *static_cast<FlowMemory*>(*state); }

// The n-th flow of a set.
uint64_t flow(uint64_t set, uint64_t n) { return (n + 1) << 32 | set; }

uint32_t limit_of(const FlowTimeouts& timeouts, FlowState state) {
  return state == FlowState::finished  ? timeouts.finished
         : state == FlowState::closing ? timeouts.closing
                                       : timeouts.unfinished;
}

void put(FlowMemory& memory, uint64_t hash, uint16_t backend, FlowState state, Tick now) {
  static_cast<void>(memory.insert(hash, backend, now));
  if (state != FlowState::unfinished) memory.touch(hash, memory.find(hash, now), state, now);
}

bool is_remembered(const FlowMemory& memory, uint64_t hash, Tick now) {
  return memory.find(hash, now).backend != kNoBackend;
}

struct SizeCase {
  const char* description;
  size_t bytes;
  size_t capacity;  // 0: refused
};

void test_sizes(void**) {
  const std::array<SizeCase, 6> cases = {{
      {"the least", kFlowMemoryBytesMin, kFlowMemoryBytesMin / 8},
      {"below the least", kFlowMemoryBytesMin - 1, 0},
      {"rounded down to a power of two of sets", 3 * kFlowMemoryBytesMin, kFlowMemoryBytesMin / 4},
      {"the default", kFlowMemoryBytesDefault, kFlowMemoryBytesDefault / 8},
      {"above the most", kFlowMemoryBytesMax + 1, 0},
      {"none", 0, 0},
  }};
  for (const SizeCase& c : cases) {
    print_message("  %s\n", c.description);
    const auto memory = FlowMemory::make(c.bytes, kTimeouts);
    assert_int_equal(memory.ok() ? memory.value().capacity() : 0, c.capacity);
    if (!memory.ok()) {
      assert_non_null(strstr(memory.message().c_str(), std::to_string(c.bytes).c_str()));
    }
  }
}

struct TimeoutCase {
  FlowTimeouts timeouts;
  const char* refused;  // null: not
};

void test_timeouts(void**) {
  const std::array<TimeoutCase, 6> cases = {{
      {{.unfinished = 1, .closing = 1, .finished = 1}, nullptr},
      {{.unfinished = 8'191, .closing = 8'191, .finished = 8'191}, nullptr},
      {{.unfinished = 0}, "'unfinished' is 0 s"},
      {{.closing = 8'192}, "'closing' is 8192 s"},
      {{.finished = 8'192}, "'finished' is 8192 s"},
      {{.finished = ~uint32_t{0}}, "'finished' is 4294967295 s"},
  }};
  for (const TimeoutCase& c : cases) {
    const auto memory = FlowMemory::make(kFlowMemoryBytesMin, c.timeouts);
    assert_int_equal(memory.ok(), c.refused == nullptr);
    if (!memory.ok()) assert_non_null(strstr(memory.message().c_str(), c.refused));
  }
}

void test_remembers(void** state) {
  FlowMemory& memory = of(state);
  assert_false(is_remembered(memory, flow(5, 0), kStart));
  assert_false(is_remembered(memory, 0, kStart));  // what empty places look like
  assert_int_equal(memory.insert(flow(5, 0), 7, kStart), Insertion::done);
  const FlowMemory::Found found = memory.find(flow(5, 0), kStart + 3);
  assert_int_equal(found.backend, 7);
  assert_int_equal(found.age, 3);
  assert_int_equal(found.state, FlowState::unfinished);
  assert_false(is_remembered(memory, flow(6, 0), kStart));
  assert_false(is_remembered(memory, flow(5, 1), kStart));
  assert_int_equal(memory.remembered(kStart), 1);
}

// Every value of a backend, and a flow whose hash is 0.
void test_backends(void** state) {
  FlowMemory& memory = of(state);
  for (uint32_t backend = 0; backend < kMaxBackends; ++backend) {
    static_cast<void>(memory.insert(0, static_cast<uint16_t>(backend), kStart));
    assert_int_equal(memory.find(0, kStart).backend, backend);
  }
  assert_int_equal(memory.remembered(kStart), 1);
}

void test_expiry(void** state) {
  FlowMemory& memory = of(state);
  for (const FlowState kept : kStates) {
    const uint64_t hash = flow(static_cast<uint64_t>(kept), 0);
    const uint32_t limit = limit_of(kTimeouts, kept);
    put(memory, hash, 7, kept, kStart);
    assert_int_equal(memory.find(hash, kStart).state, kept);
    assert_int_equal(memory.find(hash, kStart + limit).age, limit);
    assert_true(is_remembered(memory, hash, kStart + limit));
    assert_false(is_remembered(memory, hash, kStart + limit + 1));
  }
  assert_int_equal(memory.remembered(kStart), 3);
  assert_int_equal(memory.remembered(kStart + 21), 2);
  assert_int_equal(memory.remembered(kStart + 31), 1);
  assert_int_equal(memory.remembered(kStart + 901), 0);
}

// What has no handshake to finish is remembered as long as what has finished its own.
void test_expiry_without_a_handshake(void** state) {
  FlowMemory& memory = of(state);
  const uint64_t hash = flow(3, 0);
  const auto insert = [&](FirstPacket first, Tick now) {
    static_cast<void>(memory.insert(hash, 7, now, first));
  };
  insert(FirstPacket::other, kStart);
  assert_int_equal(memory.find(hash, kStart + 900).state, FlowState::unfinished);
  assert_int_equal(memory.find(hash, kStart + 900).backend, 7);
  assert_int_equal(memory.remembered(kStart + 900), 1);
  assert_false(is_remembered(memory, hash, kStart + 901));
  assert_int_equal(memory.remembered(kStart + 901), 0);
  insert(FirstPacket::opening, kStart + 900);  // which opens anew
  assert_int_equal(memory.remembered(kStart + 930), 1);
  assert_int_equal(memory.remembered(kStart + 931), 0);
  insert(FirstPacket::other, kStart + 930);
  assert_true(is_remembered(memory, hash, kStart + 1'830));
  memory.touch(hash, memory.find(hash, kStart + 1'830), FlowState::closing, kStart + 1'830);
  assert_true(is_remembered(memory, hash, kStart + 1'850));
  assert_false(is_remembered(memory, hash, kStart + 1'851));
}

void test_touch_keeps_young(void** state) {
  FlowMemory& memory = of(state);
  Tick now = kStart;
  put(memory, flow(1, 0), 7, FlowState::finished, now);
  for (int i = 0; i < 50; ++i) {
    now += kTimeouts.finished;
    const FlowMemory::Found found = memory.find(flow(1, 0), now);
    assert_int_equal(found.backend, 7);
    memory.touch(flow(1, 0), found, FlowState::finished, now);
  }
  memory.touch(flow(1, 0), memory.find(flow(1, 0), now), FlowState::closing, now);
  assert_false(is_remembered(memory, flow(1, 0), now + kTimeouts.closing + 1));
}

// Replaced where it lies, whatever else is in the set; and never there twice.
void test_known_flow_keeps_its_place(void** state) {
  FlowMemory& memory = of(state);
  for (uint64_t n = 0; n < FlowMemory::kWays; ++n) {
    put(memory, flow(9, n), static_cast<uint16_t>(n), FlowState::finished, kStart);
  }
  for (uint64_t n = 0; n < FlowMemory::kWays; ++n) {
    const uint8_t way = memory.find(flow(9, n), kStart).way;
    assert_int_equal(memory.insert(flow(9, n), 100, kStart + 1), Insertion::done);
    const FlowMemory::Found found = memory.find(flow(9, n), kStart + 1);
    assert_int_equal(found.way, way);
    assert_int_equal(found.backend, 100);
    assert_int_equal(found.state, FlowState::unfinished);
    assert_int_equal(memory.remembered(kStart + 1), FlowMemory::kWays);
    memory.touch(flow(9, n), found, FlowState::finished, kStart + 1);
  }
}

struct EvictionCase {
  const char* description;
  std::array<FlowState, 8> states;
  std::array<Tick, 8> ages;
  Insertion outcome;
  int evicted;  // -1: none that is remembered
};

constexpr FlowState kUnfinished = FlowState::unfinished;
constexpr FlowState kClosing = FlowState::closing;
constexpr FlowState kFinished = FlowState::finished;

const EvictionCase kEvictions[] = {
    {"the oldest unfinished, although closing and finished ones are older",
     {kFinished, kClosing, kUnfinished, kUnfinished, kFinished, kClosing, kUnfinished, kFinished},
     {800, 19, 5, 10, 800, 19, 9, 0},
     Insertion::evicted,
     3},
    {"the only unfinished, though it is the youngest",
     {kFinished, kClosing, kClosing, kClosing, kClosing, kClosing, kClosing, kUnfinished},
     {800, 19, 19, 19, 19, 19, 19, 0},
     Insertion::evicted,
     7},
    {"else the oldest that is closing",
     {kFinished, kClosing, kClosing, kClosing, kFinished, kFinished, kFinished, kFinished},
     {800, 3, 19, 4, 900, 899, 1, 0},
     Insertion::evicted,
     2},
    {"a finished one never",
     {kFinished, kFinished, kFinished, kFinished, kFinished, kFinished, kFinished, kFinished},
     {900, 900, 900, 900, 900, 900, 900, 900},
     Insertion::refused,
     -1},
    {"an expired place first: finished",
     {kFinished, kUnfinished, kUnfinished, kUnfinished, kClosing, kClosing, kFinished, kFinished},
     {901, 1, 2, 3, 4, 5, 6, 7},
     Insertion::done,
     -1},
    {"an expired place first: closing",
     {kFinished, kUnfinished, kUnfinished, kUnfinished, kClosing, kClosing, kFinished, kFinished},
     {1, 1, 2, 3, 4, 21, 6, 7},
     Insertion::done,
     -1},
    {"an expired place first: unfinished",
     {kFinished, kUnfinished, kUnfinished, kUnfinished, kClosing, kClosing, kFinished, kFinished},
     {1, 1, 31, 3, 4, 5, 6, 7},
     Insertion::done,
     -1},
};

void test_eviction(void** state) {
  FlowMemory& memory = of(state);
  uint64_t set = 0;
  for (const EvictionCase& c : kEvictions) {
    print_message("  %s\n", c.description);
    ++set;
    // Youngest last, so that none has expired when the next is put.
    std::array<uint64_t, 8> order = {0, 1, 2, 3, 4, 5, 6, 7};
    std::ranges::sort(order, [&](uint64_t a, uint64_t b) { return c.ages[a] > c.ages[b]; });
    for (const uint64_t n : order) put(memory, flow(set, n), 1, c.states[n], kStart - c.ages[n]);
    std::array<bool, 8> before{};
    for (uint64_t n = 0; n < 8; ++n) before[n] = is_remembered(memory, flow(set, n), kStart);
    assert_int_equal(memory.insert(flow(set, 8), 2, kStart), c.outcome);
    assert_int_equal(is_remembered(memory, flow(set, 8), kStart), c.outcome != Insertion::refused);
    for (uint64_t n = 0; n < 8; ++n) {
      const bool is_kept = before[n] && static_cast<int>(n) != c.evicted;
      assert_int_equal(is_remembered(memory, flow(set, n), kStart), is_kept);
    }
  }
}

// One packet is easily made up, whether an opening or not: of such flows the oldest one goes first,
// however long it might have stayed.
void test_one_packet_is_worth_little(void** state) {
  FlowMemory& memory = of(state);
  for (uint64_t n = 0; n < 6; ++n) {
    put(memory, flow(5, n), 1, n < 3 ? kFinished : kClosing, kStart - 19);
  }
  static_cast<void>(memory.insert(flow(5, 6), 1, kStart - 10, FirstPacket::other));
  static_cast<void>(memory.insert(flow(5, 7), 1, kStart - 5, FirstPacket::opening));
  for (const uint64_t victim : {6u, 7u}) {
    const Insertion outcome = memory.insert(flow(5, victim + 2), 2, kStart, FirstPacket::other);
    assert_int_equal(outcome, Insertion::evicted);
    assert_int_equal(memory.remembered(kStart), FlowMemory::kWays);
    assert_false(is_remembered(memory, flow(5, victim), kStart));
  }
}

// A flood of flows of one packet takes the places of unfinished flows only.
void test_flood_leaves_finished_flows(void** state) {
  FlowMemory& memory = of(state);
  for (uint64_t set = 0; set < 1'024; ++set) {
    for (uint64_t n = 0; n < 4; ++n) put(memory, flow(set, n), 3, FlowState::finished, kStart);
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 200'000; ++i) {
    const FirstPacket first = random() % 2 == 0 ? FirstPacket::opening : FirstPacket::other;
    static_cast<void>(memory.insert(random(), 4, kStart, first));
  }
  size_t left = 0;
  for (uint64_t set = 0; set < 1'024; ++set) {
    for (uint64_t n = 0; n < 4; ++n) left += memory.find(flow(set, n), kStart).backend == 3 ? 1 : 0;
  }
  assert_int_equal(left, 4 * 1'024);
  assert_int_equal(memory.remembered(kStart), memory.capacity());
}

// Invariant 1: what distinguishes flows is the set and bits 32 to 62 of the hash, and nothing else.
void test_flows_of_equal_tags_are_one(void** state) {
  FlowMemory& memory = of(state);
  const uint64_t hash = flow(77, 0);
  const uint64_t twin = hash | uint64_t{1} << 31 | uint64_t{1} << 63;
  static_cast<void>(memory.insert(hash, 7, kStart));
  assert_int_equal(memory.find(twin, kStart).backend, 7);
  static_cast<void>(memory.insert(twin, 8, kStart));
  assert_int_equal(memory.find(hash, kStart).backend, 8);
  static_cast<void>(memory.insert(twin, 9, kStart, FirstPacket::other));
  assert_int_equal(memory.find(hash, kStart).backend, 9);
  assert_int_equal(memory.remembered(kStart), 1);
  for (const unsigned bit : {32u, 47u, 62u}) {
    assert_false(is_remembered(memory, hash ^ uint64_t{1} << bit, kStart));
  }
}

struct Aged {
  size_t early = 0;  // forgotten before the time-out
  size_t late = 0;   // remembered after it
};

// Every set holds one flow of each state; the clock goes on by `step` over three wraps of a stamp.
Aged age(Tick step, uint32_t calls, size_t bytes, const FlowTimeouts& timeouts) {
  FlowMemory memory = make(timeouts, bytes);
  const uint64_t sets = memory.capacity() / FlowMemory::kWays;
  memory.maintain(kStart);
  for (uint64_t set = 0; set < sets; ++set) {
    for (const FlowState kept : kStates) {
      put(memory, flow(set, static_cast<uint64_t>(kept)), 7, kept, kStart);
    }
  }
  Aged aged;
  for (Tick passed = step; passed < 3 * kFlowStampRange + step; passed += step) {
    for (uint32_t i = 0; i < calls; ++i) memory.maintain(kStart + passed);
    size_t expected = 0;
    for (const FlowState kept : kStates) {
      const bool is_due = passed <= limit_of(timeouts, kept);
      expected += is_due ? sets : 0;
      // One set at a time, another one each time; the sum of all below.
      const bool found =
          is_remembered(memory, flow(passed % sets, static_cast<uint64_t>(kept)), kStart + passed);
      aged.early += is_due && !found ? 1 : 0;
      aged.late += !is_due && found ? 1 : 0;
    }
    if (step > 1 || passed % 61 == 0) {
      const size_t remembered = memory.remembered(kStart + passed);
      aged.early += expected > remembered ? 1 : 0;
      aged.late += expected < remembered ? 1 : 0;
    }
  }
  return aged;
}

struct AgeCase {
  const char* description;
  Tick step;
  uint32_t calls;  // of maintain() per step
  size_t bytes;
  FlowTimeouts timeouts;
};

void test_nothing_looks_young_again(void**) {
  constexpr FlowTimeouts kLongest = {.unfinished = 8'191, .closing = 8'191, .finished = 8'191};
  const std::array<AgeCase, 7> cases = {{
      {"every tick", 1, 1, kFlowMemoryBytesMin, kTimeouts},
      {"every tick, the longest time-outs", 1, 1, kFlowMemoryBytesMin, kLongest},
      {"every tick, more than a call's work of sets", 1, 8, 16u << 20, kLongest},
      {"by minutes", 61, 128, kFlowMemoryBytesMin, kTimeouts},
      {"by an hour", 3'600, 128, kFlowMemoryBytesMin, kLongest},
      {"by a pass", kFlowMemoryPass, 128, kFlowMemoryBytesMin, kLongest},
      {"by half a wrap", kFlowStampRange / 2, 128, kFlowMemoryBytesMin, kLongest},
  }};
  for (const AgeCase& c : cases) {
    print_message("  %s\n", c.description);
    const Aged aged = age(c.step, c.calls, c.bytes, c.timeouts);
    assert_int_equal(aged.early, 0);
    assert_int_equal(aged.late, 0);
  }
}

// The above is no accident: without maintenance a flow does look young again.
void test_stamps_do_wrap(void** state) {
  FlowMemory& memory = of(state);
  put(memory, flow(1, 0), 7, FlowState::finished, kStart);
  assert_false(is_remembered(memory, flow(1, 0), kStart + kFlowStampRange - 1));
  assert_true(is_remembered(memory, flow(1, 0), kStart + kFlowStampRange));
  for (int i = 0; i < 128; ++i) memory.maintain(kStart + kFlowStampRange - 1);
  assert_false(is_remembered(memory, flow(1, 0), kStart + kFlowStampRange));
}

// A first call at any time, and calls without time passing, do no harm to what is remembered.
void test_maintenance_keeps_what_is_young(void** state) {
  FlowMemory& memory = of(state);
  put(memory, flow(1'023, 0), 7, FlowState::finished, kStart);
  for (int i = 0; i < 1'000; ++i) memory.maintain(kStart + kTimeouts.finished);
  assert_true(is_remembered(memory, flow(1'023, 0), kStart + kTimeouts.finished));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_sizes),
      cmocka_unit_test(test_timeouts),
      cmocka_unit_test_setup_teardown(test_remembers, setup, teardown),
      cmocka_unit_test_setup_teardown(test_backends, setup, teardown),
      cmocka_unit_test_setup_teardown(test_expiry, setup, teardown),
      cmocka_unit_test_setup_teardown(test_expiry_without_a_handshake, setup, teardown),
      cmocka_unit_test_setup_teardown(test_touch_keeps_young, setup, teardown),
      cmocka_unit_test_setup_teardown(test_known_flow_keeps_its_place, setup, teardown),
      cmocka_unit_test_setup_teardown(test_eviction, setup, teardown),
      cmocka_unit_test_setup_teardown(test_one_packet_is_worth_little, setup, teardown),
      cmocka_unit_test_setup_teardown(test_flood_leaves_finished_flows, setup, teardown),
      cmocka_unit_test_setup_teardown(test_flows_of_equal_tags_are_one, setup, teardown),
      cmocka_unit_test(test_nothing_looks_young_again),
      cmocka_unit_test_setup_teardown(test_stamps_do_wrap, setup, teardown),
      cmocka_unit_test_setup_teardown(test_maintenance_keeps_what_is_young, setup, teardown),
  };
  return cmocka_run_group_tests_name("table/memory", tests, nullptr, nullptr);
}
