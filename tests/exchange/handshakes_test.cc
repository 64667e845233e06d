#include "firmware/exchange/handshakes.h"

#include <array>
#include <limits>
#include <memory>
#include <random>
#include <string>
#include <utility>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr uint16_t kSlots = 4;
constexpr Microseconds kDeadline = Handshakes::kDefaultDeadline;
constexpr size_t kSets = 16;

struct State {
  std::unique_ptr<Evidence> evidence;
  std::unique_ptr<Handshakes> handshakes;

  void opened(uint64_t flow, uint16_t slot, Microseconds now) {
    handshakes->opened(flow, slot, now);
  }
  void answered(uint64_t flow, Microseconds now) { handshakes->answered(flow, now, false); }
  void reset(uint64_t flow, Microseconds now) { handshakes->answered(flow, now, true); }
  BackendCounts counts(uint16_t slot) const { return evidence->backend(slot); }
  uint64_t untracked() const { return evidence->worker().untracked_handshakes; }
};

int setup_of(void** state, size_t capacity) {
  auto evidence = Evidence::make({.slots = kSlots, .services = 1});
  if (!evidence.ok()) return -1;
  auto handshakes = Handshakes::make(*evidence.value(), capacity);
  if (!handshakes.ok()) return -1;
  *state = new State{std::move(evidence.value()),
                     std::make_unique<Handshakes>(std::move(handshakes.value()))};
  return 0;
}

int setup(void** state) { return setup_of(state, kSets * 4); }
int setup_one_set(void** state) { return setup_of(state, 4); }

int teardown(void** state) {
  std::unique_ptr<State>(static_cast<State*>(*state));
  return 0;
}

State& of(void** state) { return *static_cast<State*>(*state); }

// The nth flow of a set.
uint64_t flow(size_t set, uint64_t n = 0) { return (n << 32) | (uint64_t{set} << 8); }

void expect(const State& it, uint16_t slot, const BackendCounts& expected) {
  const BackendCounts counts = it.counts(slot);
  assert_int_equal(counts.opened, expected.opened);
  assert_int_equal(counts.retried, expected.retried);
  assert_int_equal(counts.completed, expected.completed);
  assert_int_equal(counts.lost, expected.lost);
  assert_int_equal(counts.reset, expected.reset);
}

struct Step {
  enum Kind { syn, answer, rst, idle } kind;
  Microseconds now;
  uint16_t slot = 0;
};

struct Story {
  const char* description;
  std::array<Step, 6> steps;
  size_t length;
  BackendCounts first;      // of slot 0
  BackendCounts second{};   // of slot 1
  int latency_bucket = -1;  // of slot 0's one completed handshake
};

constexpr Microseconds kWrap = Microseconds{1} << 32;

// Of one flow.
const Story kStories[] = {
    {"answered",
     {{{Step::syn, 100}, {Step::answer, 107}}},
     2,
     {.opened = 1, .completed = 1},
     {},
     7},
    {"answered in the same microsecond",
     {{{Step::syn, 100}, {Step::answer, 100}}},
     2,
     {.opened = 1, .completed = 1},
     {},
     0},
    {"only the first answer counts",
     {{{Step::syn, 100}, {Step::answer, 103}, {Step::answer, 200}, {Step::rst, 300}}},
     4,
     {.opened = 1, .completed = 1},
     {},
     3},
    {"an answer without SYN", {{{Step::answer, 100}}}, 1, {}},
    {"given up by the client",
     {{{Step::syn, 100}, {Step::rst, 110}}},
     2,
     {.opened = 1, .reset = 1}},
    {"retried twice, then answered: the time is the client's whole wait",
     {{{Step::syn, 0}, {Step::syn, 2}, {Step::syn, 4}, {Step::answer, 6}}},
     4,
     {.opened = 1, .retried = 2, .completed = 1},
     {},
     6},
    {"a retry sent elsewhere",
     {{{Step::syn, 100, 0}, {Step::syn, 200, 1}, {Step::answer, 250, 1}}},
     3,
     {.opened = 1, .lost = 1},
     {.opened = 1, .completed = 1}},
    {"one microsecond before the deadline",
     {{{Step::syn, 50}, {Step::idle, 49 + kDeadline}, {Step::answer, 49 + kDeadline}}},
     3,
     {.opened = 1, .completed = 1},
     {},
     static_cast<int>(latency_bucket(kDeadline - 1))},
    {"at the deadline, found by the sweep",
     {{{Step::syn, 50}, {Step::idle, 50 + kDeadline}}},
     2,
     {.opened = 1, .lost = 1}},
    {"at the deadline, found by its own answer",
     {{{Step::syn, 50}, {Step::answer, 50 + kDeadline}}},
     2,
     {.opened = 1, .lost = 1}},
    {"at the deadline, found by a retry, which is a new handshake",
     {{{Step::syn, 50}, {Step::syn, 50 + kDeadline}}},
     2,
     {.opened = 2, .lost = 1}},
    {"an answer after the verdict",
     {{{Step::syn, 50}, {Step::idle, 50 + kDeadline}, {Step::answer, 51 + kDeadline}}},
     3,
     {.opened = 1, .lost = 1}},
    {"a retry does not move the deadline",
     {{{Step::syn, 0}, {Step::syn, 1'000'000}, {Step::idle, kDeadline}}},
     3,
     {.opened = 1, .retried = 1, .lost = 1}},
    {"a flow that comes again",
     {{{Step::syn, 1}, {Step::answer, 2}, {Step::syn, 3}, {Step::rst, 4}, {Step::syn, 5}}},
     5,
     {.opened = 3, .completed = 1, .reset = 1},
     {},
     1},
    {"answered across the wrap of 32 bits of time",
     {{{Step::syn, kWrap - 4}, {Step::idle, kWrap}, {Step::answer, kWrap + 2}}},
     3,
     {.opened = 1, .completed = 1},
     {},
     6},
    {"lost across the wrap of 32 bits of time",
     {{{Step::syn, kWrap - 4}, {Step::idle, kWrap - 4 + kDeadline}}},
     2,
     {.opened = 1, .lost = 1}},
};

void tell(State& it, const Step& step) {
  switch (step.kind) {
    case Step::syn:
      return it.opened(flow(0), step.slot, step.now);
    case Step::answer:
      return it.answered(flow(0), step.now);
    case Step::rst:
      return it.reset(flow(0), step.now);
    case Step::idle:
      return it.handshakes->expire_some(step.now);
  }
}

void stories(void** state) {
  for (const Story& story : kStories) {
    print_message("  %s\n", story.description);
    void* fresh = nullptr;
    assert_int_equal(setup_one_set(&fresh), 0);
    teardown(state);
    *state = fresh;
    State& it = of(state);
    for (size_t i = 0; i < story.length; ++i) tell(it, story.steps[i]);
    expect(it, 0, story.first);
    expect(it, 1, story.second);
    assert_int_equal(it.untracked(), 0);
    const LatencyCounts latencies = it.evidence->latencies(0);
    for (size_t i = 0; i < kLatencyBuckets; ++i) {
      assert_int_equal(latencies.counts[i], story.latency_bucket == static_cast<int>(i) ? 1 : 0);
    }
  }
}

// A full set keeps what it has: the fifth goes untracked until a place is free.
void a_full_set_takes_no_more(void** state) {
  State& it = of(state);
  for (uint64_t n = 0; n < 6; ++n) it.opened(flow(3, n), 0, 10 + n);
  assert_int_equal(it.counts(0).opened, 4);
  assert_int_equal(it.untracked(), 2);

  it.opened(flow(3, 2), 0, 20);
  assert_int_equal(it.counts(0).retried, 1);
  it.opened(flow(3, 4), 0, 21);
  assert_int_equal(it.untracked(), 3);
  it.answered(flow(3, 5), 22);
  assert_int_equal(it.counts(0).completed, 0);

  // Sent elsewhere, it frees the place that it needs.
  it.opened(flow(3, 1), 1, 23);
  expect(it, 0, {.opened = 4, .retried = 1, .lost = 1});
  expect(it, 1, {.opened = 1});
  assert_int_equal(it.untracked(), 3);

  it.answered(flow(3, 0), 24);
  it.opened(flow(3, 5), 2, 25);
  expect(it, 2, {.opened = 1});

  // The deadline makes room without a sweep, too.
  it.opened(flow(3, 8), 3, 30 + kDeadline);
  expect(it, 0, {.opened = 4, .retried = 1, .completed = 1, .lost = 3});
  expect(it, 1, {.opened = 1, .lost = 1});
  expect(it, 2, {.opened = 1, .lost = 1});
  expect(it, 3, {.opened = 1});
}

// All four of a set at once, one set a call, every set once in a round.
void the_sweep_visits_one_set_per_call(void** state) {
  State& it = of(state);
  for (size_t set = 0; set < kSets; ++set) {
    for (uint64_t n = 0; n < 4; ++n) it.opened(flow(set, n), 0, 0);
  }
  for (size_t call = 0; call < kSets; ++call) it.handshakes->expire_some(kDeadline - 1);
  assert_int_equal(it.counts(0).lost, 0);
  for (size_t call = 1; call <= kSets; ++call) {
    it.handshakes->expire_some(kDeadline);
    assert_int_equal(it.counts(0).lost, 4 * call);
  }
  it.handshakes->expire_some(kDeadline);
  assert_int_equal(it.counts(0).lost, 4 * kSets);
}

void flows_are_known_by_all_bits(void** state) {
  State& it = of(state);
  it.opened(flow(5), 0, 1);
  for (unsigned bit = 0; bit < 64; ++bit) it.answered(flow(5) ^ (uint64_t{1} << bit), 2);
  expect(it, 0, {.opened = 1});
  it.handshakes->prefetch(flow(5));
  it.answered(flow(5), 3);
  expect(it, 0, {.opened = 1, .completed = 1});
}

// The flow whose hash is 0 is a flow, and a free entry is not one.
void zero_is_a_flow(void** state) {
  State& it = of(state);
  it.answered(0, 1);
  it.reset(0, 1);
  expect(it, 0, {});
  it.opened(0, 0, 1);
  it.answered(0, 2);
  expect(it, 0, {.opened = 1, .completed = 1});
}

struct Model {
  struct Open {
    uint64_t flow;
    uint16_t slot;
    Microseconds since;
    bool open = false;
  };
  std::array<Open, 4> table{};
  std::array<BackendCounts, kSlots> counts{};
  uint64_t untracked = 0;

  Open* find(uint64_t flow) {
    for (Open& entry : table) {
      if (entry.open && entry.flow == flow) return &entry;
    }
    return nullptr;
  }
  void expire(Microseconds now) {
    for (Open& entry : table) {
      if (!entry.open || now - entry.since < kDeadline) continue;
      ++counts[entry.slot].lost;
      entry.open = false;
    }
  }
  void opened(uint64_t flow, uint16_t slot, Microseconds now) {
    Open* found = find(flow);
    if (found != nullptr && found->slot == slot) {
      ++counts[slot].retried;
      return;
    }
    if (found != nullptr) {
      found->open = false;
      ++counts[found->slot].lost;
    }
    for (Open& entry : table) {
      if (entry.open) continue;
      entry = {flow, slot, now, true};
      ++counts[slot].opened;
      return;
    }
    ++untracked;
  }
  void answered(uint64_t flow, bool reset) {
    Open* found = find(flow);
    if (found == nullptr) return;
    found->open = false;
    ++(reset ? counts[found->slot].reset : counts[found->slot].completed);
  }
};

// Six flows for four places, for more than one wrap of the clock's 32 bits.
void agrees_with_a_plain_model(void** state) {
  State& it = of(state);
  Model model;
  std::mt19937_64 random(20240607);
  Microseconds now = 5;
  uint64_t opened = 0;
  for (int step = 0; step < 60'000; ++step) {
    now += random() % (random() % 8 == 0 ? kDeadline : 1000);
    const uint64_t which = flow(0, random() % 6);
    const auto slot = static_cast<uint16_t>(random() % 8 == 0 ? random() % kSlots : which >> 33);
    model.expire(now);
    const uint64_t action = random() % 8;
    if (action < 4) {
      it.opened(which, slot, now);
      model.opened(which, slot, now);
    } else if (action < 7) {
      it.handshakes->answered(which, now, action == 4);
      model.answered(which, action == 4);
    } else {
      it.handshakes->expire_some(now);
    }
    for (uint16_t i = 0; i < kSlots; ++i) expect(it, i, model.counts[i]);
    assert_int_equal(it.untracked(), model.untracked);
  }
  for (const BackendCounts& counts : model.counts) opened += counts.opened;
  assert_true(now > 2 * kWrap);
  assert_true(opened > 10'000 && model.untracked > 1000);
}

// A sample that depended on the upper bits would leave some backends without evidence.
void the_sample_is_fair_to_every_bucket(void**) {
  constexpr uint64_t kBuckets = 8;
  constexpr uint64_t kFlows = 1 << 16;
  std::mt19937_64 random(7);
  for (uint64_t bucket = 0; bucket < kBuckets; ++bucket) {
    for (const unsigned shift : {0u, 4u, 8u}) {
      uint64_t sampled = 0;
      for (uint64_t i = 0; i < kFlows; ++i) {
        const uint64_t hash = ((bucket << 29 | random() >> 35) << 32) | (random() >> 32);
        if (Handshakes::is_sampled(hash, shift)) ++sampled;
      }
      const uint64_t expected = kFlows >> shift;
      assert_true(sampled * 4 >= expected * 3 && sampled * 4 <= expected * 5);
    }
  }
}

void sampled_flows_use_the_whole_table(void** state) {
  State& it = of(state);
  std::mt19937_64 random(8);
  for (int i = 0; i < 100'000; ++i) {
    const uint64_t hash = random();
    if (Handshakes::is_sampled(hash, 8)) it.opened(hash, 0, 1);
  }
  assert_int_equal(it.counts(0).opened, kSets * 4);
}

void bad_sizes_are_refused_by_number(void** state) {
  const struct {
    const char* description;
    size_t capacity;
    Microseconds deadline;
    const char* named;  // null: not refused
  } cases[] = {
      {"least", 4, 1, nullptr},
      {"most", kHandshakesMax, Handshakes::kDeadlineMax, nullptr},
      {"none", 0, kDeadline, "table of 0 "},
      {"fewer than a set", 2, kDeadline, "table of 2 "},
      {"no power of two", 12, kDeadline, "table of 12 "},
      {"too many", kHandshakesMax * 2, kDeadline, "table of 262144 "},
      {"no time", 4, 0, "deadline of 0 us"},
      {"more time than is told apart", 4, Handshakes::kDeadlineMax + 1, "of 2147483649 us"},
  };
  Evidence& evidence = *of(state).evidence;
  for (const auto& example : cases) {
    bool right = false;
    {
      const auto made = Handshakes::make(evidence, example.capacity, example.deadline);
      right = example.named == nullptr
                  ? made.ok()
                  : !made.ok() && made.message().find(example.named) != std::string::npos;
    }
    print_message("  %s\n", example.description);
    assert_true(right);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(stories, setup_one_set, teardown),
      cmocka_unit_test_setup_teardown(a_full_set_takes_no_more, setup, teardown),
      cmocka_unit_test_setup_teardown(the_sweep_visits_one_set_per_call, setup, teardown),
      cmocka_unit_test_setup_teardown(flows_are_known_by_all_bits, setup, teardown),
      cmocka_unit_test_setup_teardown(zero_is_a_flow, setup, teardown),
      cmocka_unit_test_setup_teardown(agrees_with_a_plain_model, setup_one_set, teardown),
      cmocka_unit_test(the_sample_is_fair_to_every_bucket),
      cmocka_unit_test_setup_teardown(sampled_flows_use_the_whole_table, setup, teardown),
      cmocka_unit_test_setup_teardown(bad_sizes_are_refused_by_number, setup, teardown),
  };
  return cmocka_run_group_tests_name("exchange/handshakes", tests, nullptr, nullptr);
}
