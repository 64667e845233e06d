// Who has a place in the table, and for how long; and which flows are in the sample.
#include <random>
#include <string>
#include <vector>

#include "tests/exchange/handshakes.h"

namespace evenkeel {
namespace {

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
  expect_counts(it.counts(0), {.opened = 4, .retried = 1, .lost = 1, .retried_flows = 1, .bad = 2});
  expect_counts(it.counts(1), {.opened = 1});
  assert_int_equal(it.untracked(), 3);

  it.reset(flow(3, 0), 24);
  it.opened(flow(3, 5), 2, 25);
  expect_counts(it.counts(2), {.opened = 1});

  // The deadline makes room without a sweep, too.
  it.opened(flow(3, 8), 3, 30 + kDeadline);
  expect_counts(it.counts(0),
                {.opened = 4, .retried = 1, .lost = 3, .reset = 1, .retried_flows = 1, .bad = 3});
  expect_counts(it.counts(1), kLost);
  expect_counts(it.counts(2), kLost);
  expect_counts(it.counts(3), {.opened = 1});
}

// However often it tries; and elsewhere it is another backend's affair.
void who_is_lost_is_lost_once(void** state) {
  constexpr Microseconds kSecond = 1'000'000;
  State& it = of(state);
  Microseconds now = 10;
  it.opened(flow(3, 0), 0, now);
  for (const Microseconds pause :
       {kDeadline / 2, 2 * kSecond, 4 * kSecond, 8 * kSecond, 16 * kSecond, 32 * kSecond}) {
    it.opened(flow(3, 0), 0, now += pause);
  }
  expect_counts(it.counts(0), {.opened = 1, .retried = 6, .lost = 1, .retried_flows = 1, .bad = 1});
  it.opened(flow(3, 0), 1, now);
  expect_counts(it.counts(1), {.opened = 1});
  it.reset(flow(3, 0), now);

  it.opened(flow(3, 1), 2, now);
  it.opened(flow(3, 1), 2, now += kDeadline + 68 * kSecond);
  expect_counts(it.counts(2), {.opened = 1, .retried = 1, .lost = 1, .bad = 1});
  it.opened(flow(3, 1), 2, now += 70 * kSecond);  // another one, by the same port
  expect_counts(it.counts(2), {.opened = 2, .retried = 1, .lost = 1, .bad = 1});
}

// What is remembered of the lost takes nobody's place.
void the_lost_make_room(void** state) {
  State& it = of(state);
  for (uint64_t n = 0; n < 4; ++n) it.opened(flow(3, n), 0, 10);
  for (uint64_t n = 4; n < 8; ++n) it.opened(flow(3, n), 1, 10 + kDeadline);
  expect_counts(it.counts(0), {.opened = 4, .lost = 4, .bad = 4});
  expect_counts(it.counts(1), {.opened = 4});
  assert_int_equal(it.untracked(), 0);
}

// A source's flows, of which one has its turn; who finds no place keeps the turn.
void a_turn_is_for_a_flow_that_has_a_place(void** state) {
  State& it = of(state);
  Turns turns = std::move(Turns::make().value());
  const auto opened_by = [&](uint64_t source, uint64_t n, Microseconds now) {
    it.handshakes->opened_in_turn(flow(3, n), 0, turns, {.steering_hash = source << 20}, now);
  };
  for (uint64_t n = 0; n < 4; ++n) opened_by(1, n, 10 + n);
  assert_int_equal(it.counts(0).opened, 1);
  for (uint64_t source = 2; source < 5; ++source) opened_by(source, source, 20);
  assert_int_equal(it.counts(0).opened, 4);
  opened_by(5, 8, 21);
  assert_int_equal(it.untracked(), 1);
  opened_by(3, 3, 22);
  assert_int_equal(it.counts(0).retried, 1);  // what is followed goes on
  it.reset(flow(3, 0), 23);
  opened_by(1, 9, 24);
  assert_int_equal(it.counts(0).opened, 4);
  opened_by(5, 8, 25);
  assert_int_equal(it.counts(0).opened, 5);
  it.handshakes->opened_in_turn(flow(4) | 1, 0, turns, {.steering_hash = 9 << 20}, 26);
  assert_int_equal(it.counts(0).opened, 5);  // not in the sample
  it.handshakes->opened_in_turn(flow(4), 0, turns, {.steering_hash = 9 << 20}, 27);
  assert_int_equal(it.counts(0).opened, 6);
}

// Who waits for an answer keeps the place, whoever else comes.
void a_request_keeps_its_place(void** state) {
  State& it = of(state);
  for (uint64_t n = 0; n < 4; ++n) {
    it.opened(flow(3, n), 0, 20);
    it.handshakes->heard(flow(3, n), kRequest, 20);
  }
  it.opened(flow(3, 4), 0, 30);
  assert_int_equal(it.untracked(), 1);
  it.handshakes->heard(flow(3, 2), kResponse, 40);
  it.opened(flow(3, 4), 0, 50);
  expect_counts(it.counts(0), {.opened = 5, .completed = 4, .asked = 4, .answered = 1, .good = 1});
}

// All four of a set at once, and every set within a pass, however rare the calls are.
void the_sweep_comes_to_every_set(void** state) {
  const struct {
    const char* description;
    Microseconds every;
    size_t calls;
  } cases[] = {
      {"a busy worker", 1, kPass},
      {"a napping one", kPass / kSets * 5, kSets / 5 + 1},
      {"after a long sleep, at most 16 sets a call", kDeadline, 1},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    void* fresh = nullptr;
    assert_int_equal(setup(&fresh), 0);
    teardown(state);
    *state = fresh;
    State& it = of(state);
    for (size_t set = 0; set < kSets; ++set) {
      for (uint64_t n = 0; n < 4; ++n) it.opened(flow(set, n), 0, 0);
    }
    Microseconds now = kDeadline - 1;
    it.handshakes->expire_some(now);
    assert_int_equal(it.counts(0).lost, 0);
    for (size_t call = 0; call < example.calls; ++call) {
      now += example.every;
      it.handshakes->expire_some(now);
    }
    expect_counts(it.counts(0), {.opened = 4 * kSets, .lost = 4 * kSets, .bad = 4 * kSets});
  }
}

// Not more than its pace wants: of 16 sets, one each 6.25 ms.
void the_sweep_is_no_burden(void** state) {
  State& it = of(state);
  for (size_t set = 0; set < kSets; ++set) it.opened(flow(set), 0, 0);
  for (Microseconds now = 0; now < kDeadline; now += kPass / 4) it.handshakes->expire_some(now);
  for (int call = 0; call < 100; ++call) it.handshakes->expire_some(kDeadline);
  const uint64_t lost = it.counts(0).lost;
  assert_in_range(lost, 1, kSets - 1);
  for (int call = 0; call < 100; ++call) it.handshakes->expire_some(kDeadline + kPass / kSets - 1);
  assert_in_range(it.counts(0).lost, lost, lost + 1);
}

// However long a worker was away, a call has an end.
void a_call_visits_sixteen_sets_at_most(void** state) {
  void* large = nullptr;
  assert_int_equal(setup_of(&large, 64 * 4), 0);
  teardown(state);
  *state = large;
  State& it = of(state);
  for (size_t set = 0; set < 64; ++set) it.opened(flow(set), 0, 0);
  for (uint64_t call = 1; call <= 4; ++call) {
    it.handshakes->expire_some(call * 3'600'000'000);
    assert_int_equal(it.counts(0).lost, 16 * call);
  }
}

// What tells flows apart: bits 8 to 11 choose one of 16 sets, and the upper half is kept.
void flows_are_known_by_set_and_upper_half(void** state) {
  State& it = of(state);
  it.opened(flow(5), 0, 1);
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((bit >= 8 && bit < 12) || bit >= 32) it.answered(flow(5) ^ (uint64_t{1} << bit), 2);
  }
  expect_counts(it.counts(0), {.opened = 1});
  it.handshakes->prefetch(flow(5));
  it.answered(flow(5), 3);
  expect_counts(it.counts(0), kCompleted);
}

// The flow whose hash is 0 is a flow, and a free entry is not one.
void zero_is_a_flow(void** state) {
  State& it = of(state);
  it.answered(0, 1);
  it.reset(0, 1);
  expect_counts(it.counts(0), {});
  assert_false(it.handshakes->is_following(0));
  it.opened(0, 0, 1);
  assert_true(it.handshakes->is_following(0));
  it.answered(0, 2);
  expect_counts(it.counts(0), kCompleted);
}

void a_flow_is_followed_while_it_has_something_to_say(void** state) {
  State& it = of(state);
  const uint64_t one = flow(3, 1);
  assert_false(it.handshakes->is_following(one));
  it.opened(one, 0, 1);
  assert_true(it.handshakes->is_following(one));
  assert_false(it.handshakes->is_following(flow(3, 2)));
  it.answered(one, 2);
  assert_true(it.handshakes->is_following(one));
  it.handshakes->heard(one, kRequest, 3);
  assert_true(it.handshakes->is_following(one));
  it.handshakes->heard(one, kResponse, 4);
  assert_false(it.handshakes->is_following(one));
}

// --- The sample ----------------------------------------------------------------------------------

// In the sample of no shift but 0.
constexpr uint64_t kOdd = 0x7'0000'0001;
constexpr uint64_t kOther = 0x9'0000'0001;
constexpr Microseconds kLife = 3 * kDeadline;  // as long as a flow may be followed

// What the pipeline shows of a packet.
void show_syn(State& it, uint32_t mask, uint64_t flow, Microseconds now) {
  if ((flow & mask) == 0) it.opened(flow, 0, now);
}
void show(State& it, uint32_t mask, uint64_t flow, const Handshakes::Segment& segment,
          Microseconds now) {
  if ((flow & mask) == 0) it.handshakes->heard(flow, segment, now);
}

void a_finer_shift_holds_at_once(void** state) {
  State& it = of(state);
  assert_int_equal(it.handshakes->follow(Handshakes::kSampleShift, 5), 0xf);
  assert_int_equal(it.handshakes->follow(0, 6), 0);
  it.opened(kOdd, 0, 6);
  assert_int_equal(it.handshakes->follow(0, 7), 0);
  expect_counts(it.counts(0), {.opened = 1});
}

void a_coarser_shift_loses_no_flow(void** state) {
  State& it = of(state);
  show_syn(it, it.handshakes->follow(0, 0), kOdd, 0);
  const uint32_t mask = it.handshakes->follow(4, 1);
  assert_int_equal(mask, 0);
  show_syn(it, mask, kOdd, 1'000'000);    // a retry is one
  show_syn(it, mask, kOther, 1'000'000);  // a new flow is none, nor one that found no place
  show(it, mask, kOdd, kRequest, 1'000'001);
  show(it, it.handshakes->follow(4, 2'000'000), kOdd, kResponse, 2'000'000);
  expect_counts(it.counts(0), {.opened = 1,
                               .retried = 1,
                               .completed = 1,
                               .retried_flows = 1,
                               .asked = 1,
                               .answered = 1,
                               .bad = 1});
  assert_int_equal(it.untracked(), 0);
  assert_int_equal(it.handshakes->follow(4, kLife), 0);
  assert_int_equal(it.handshakes->follow(4, kLife + 1), 0xf);
}

void each_change_of_shift_waits_anew(void** state) {
  const struct {
    const char* description;
    Microseconds now;
    uint8_t shift;
    uint32_t mask;
  } steps[] = {
      {"every flow", 0, 0, 0},
      {"coarser", 10, 2, 0},
      {"coarser still: flows of the shift between are open", kLife, 4, 0},
      {"the first wait would be over", kLife + 10, 4, 0},
      {"all of the second but 1 us", 2 * kLife - 1, 4, 0},
      {"the second wait is over", 2 * kLife, 4, 0xf},
      {"the coarsest", 2 * kLife + 5, 8, 0xf},
      {"finer than that, but not than what is shown", 2 * kLife + 6, 5, 0xf},
      {"and shown", 3 * kLife + 6, 5, 0x1f},
      {"finer at once", 3 * kLife + 7, 2, 0x3},
      {"there and back", 3 * kLife + 8, 5, 0x3},
      {"and again", 3 * kLife + 9, 2, 0x3},
  };
  State& it = of(state);
  for (const auto& step : steps) {
    print_message("  %s\n", step.description);
    assert_int_equal(it.handshakes->follow(step.shift, step.now), step.mask);
  }
}

// Clients whose every step comes just before its deadline, under shifts that change all the time:
// none is ever taken for one that failed, and what is coarse is not seen.
void no_change_of_shift_harms_a_flow(void** state) {
  State& it = of(state);
  std::mt19937_64 random(11);
  struct OnTheWay {
    uint64_t flow;
    Microseconds start;
    int step;
  };
  std::vector<OnTheWay> clients;
  uint64_t flows = 0;
  uint64_t asked_for = 0;
  uint8_t shift = 4;
  for (Microseconds now = 0; now < 400 * kDeadline; now += kDeadline / 16) {
    if (random() % 16 == 0) shift = static_cast<uint8_t>(random() % 3 * 2);
    const uint32_t mask = it.handshakes->follow(shift, now);
    assert_true(mask <= Handshakes::sample_mask(shift));
    ++flows;
    const uint64_t flow = flows << 32 | (flows % kSets) << 8 | random() % 16;
    show_syn(it, mask, flow, now);
    asked_for += Handshakes::is_sampled(flow, shift) ? 1 : 0;
    clients.push_back({flow, now, 0});
    for (OnTheWay& client : clients) {
      if (now - client.start < Microseconds(client.step + 1) * kDeadline * 15 / 16) continue;
      const Handshakes::Segment steps[] = {kAck, kRequest, kResponse};
      show(it, mask, client.flow, steps[client.step++], now);
    }
    std::erase_if(clients, [](const OnTheWay& client) { return client.step == 3; });
    it.handshakes->expire_some(now);
  }
  const BackendCounts counts = it.counts(0);
  assert_int_equal(counts.opened + it.untracked(), asked_for);
  assert_int_equal(counts.lost + counts.bad + counts.unanswered, 0);
  assert_in_range(counts.opened - counts.good, 0, 64);
  assert_in_range(counts.good, 1'000, flows);
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
      cmocka_unit_test_setup_teardown(a_full_set_takes_no_more, setup, teardown),
      cmocka_unit_test_setup_teardown(who_is_lost_is_lost_once, setup, teardown),
      cmocka_unit_test_setup_teardown(the_lost_make_room, setup, teardown),
      cmocka_unit_test_setup_teardown(a_turn_is_for_a_flow_that_has_a_place, setup, teardown),
      cmocka_unit_test_setup_teardown(a_request_keeps_its_place, setup, teardown),
      cmocka_unit_test_setup_teardown(the_sweep_comes_to_every_set, setup, teardown),
      cmocka_unit_test_setup_teardown(the_sweep_is_no_burden, setup, teardown),
      cmocka_unit_test_setup_teardown(a_call_visits_sixteen_sets_at_most, setup, teardown),
      cmocka_unit_test_setup_teardown(flows_are_known_by_set_and_upper_half, setup, teardown),
      cmocka_unit_test_setup_teardown(zero_is_a_flow, setup, teardown),
      cmocka_unit_test_setup_teardown(a_flow_is_followed_while_it_has_something_to_say, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_finer_shift_holds_at_once, setup, teardown),
      cmocka_unit_test_setup_teardown(a_coarser_shift_loses_no_flow, setup, teardown),
      cmocka_unit_test_setup_teardown(each_change_of_shift_waits_anew, setup, teardown),
      cmocka_unit_test_setup_teardown(no_change_of_shift_harms_a_flow, setup, teardown),
      cmocka_unit_test(the_sample_is_fair_to_every_bucket),
      cmocka_unit_test_setup_teardown(sampled_flows_use_the_whole_table, setup, teardown),
      cmocka_unit_test_setup_teardown(bad_sizes_are_refused_by_number, setup, teardown),
  };
  return cmocka_run_group_tests_name("exchange/handshakes_table", tests, nullptr, nullptr);
}
