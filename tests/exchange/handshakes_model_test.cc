// Random packets of few flows in a full set, against a plain model and the invariants.
#include <array>
#include <random>

#include "tests/exchange/handshakes.h"

namespace evenkeel {
namespace {

constexpr Microseconds kLostRemembered = 70'000'000;

// As the opening comment of handshakes.h says it.
struct Model {
  enum class Phase { opening, established, asked };
  struct Open {
    uint64_t flow = 0;
    uint16_t slot = 0;
    Phase phase = Phase::opening;
    bool retried = false;
    Microseconds since = 0;
    uint32_t number = 0;
    bool is_open = false;
    bool is_lost = false;  // it was, and is remembered
  };
  std::array<Open, 4> table{};
  std::array<BackendCounts, kSlots> counts{};
  std::array<uint64_t, kSlots> reset_at_once{};  // never retried
  uint64_t untracked = 0;

  Open* find(uint64_t flow) {
    for (Open& entry : table) {
      if (entry.is_open && entry.flow == flow) return &entry;
    }
    return nullptr;
  }
  void end(Open& entry, bool is_good) {
    entry.is_open = false;
    if (!entry.retried) ++(is_good ? counts[entry.slot].good : counts[entry.slot].bad);
  }
  void leave(Open& entry) {
    if (entry.phase == Phase::opening) ++counts[entry.slot].lost;
    if (entry.phase == Phase::asked) ++counts[entry.slot].unanswered;
    end(entry, entry.phase == Phase::established);
    entry.is_lost = entry.phase == Phase::opening;
  }
  void expire(Microseconds now) {
    for (Open& entry : table) {
      if (entry.is_open && now - entry.since >= kDeadline) leave(entry);
    }
  }
  void opened(uint64_t flow, uint16_t slot, Microseconds now) {
    Open* found = find(flow);
    if (found != nullptr && found->slot == slot && found->phase == Phase::opening) {
      ++counts[slot].retried;
      counts[slot].retried_flows += found->retried ? 0 : 1;
      counts[slot].bad += found->retried ? 0 : 1;
      found->retried = true;
      return;
    }
    if (found != nullptr) leave(*found);
    for (Open& entry : table) {
      if (entry.is_open || !entry.is_lost || entry.flow != flow || entry.slot != slot) continue;
      if (now - entry.since >= kLostRemembered) continue;
      entry.since = now;
      ++counts[slot].retried;
      return;
    }
    for (const bool is_lost : {false, true}) {  // the places of the lost are taken last
      for (Open& entry : table) {
        if (entry.is_open || entry.is_lost != is_lost) continue;
        entry = {.flow = flow, .slot = slot, .since = now, .is_open = true};
        ++counts[slot].opened;
        return;
      }
    }
    ++untracked;
  }
  void heard(uint64_t flow, const Handshakes::Segment& segment, Microseconds now) {
    Open* const entry = find(flow);
    if (entry == nullptr) return;
    BackendCounts& of_slot = counts[entry->slot];
    if (entry->phase == Phase::opening) {
      if (segment.is_reset) {
        ++of_slot.reset;
        reset_at_once[entry->slot] += entry->retried ? 0 : 1;
        entry->is_open = false;
        return;
      }
      ++of_slot.completed;
      entry->phase = Phase::established;
      entry->since = now;
      if (!segment.acknowledges) return end(*entry, true);
    }
    if (entry->phase == Phase::established) {
      if (segment.is_reset) return end(*entry, true);
      if (!segment.has_payload) return segment.is_closing ? end(*entry, true) : void();
      ++of_slot.asked;
      entry->phase = Phase::asked;
      entry->since = now;
      entry->number = segment.acknowledgement;
      return;
    }
    hear_after_request(*entry, segment);
  }
  // Numbers of the test lie close together.
  void hear_after_request(Open& entry, const Handshakes::Segment& segment) {
    const uint32_t more = segment.acknowledges ? segment.acknowledgement - entry.number : 0;
    const bool is_ahead = more != 0 && more < 1'000;
    if (is_ahead && (more > 1 || segment.has_payload)) {
      ++counts[entry.slot].answered;
      end(entry, true);
    } else if (segment.is_reset || (more == 1 && segment.is_closing)) {
      leave(entry);
    }
  }
};

void expect_invariants(const Model& model, const State& it) {
  for (uint16_t slot = 0; slot < kSlots; ++slot) {
    const BackendCounts counts = it.counts(slot);
    uint64_t opening = 0;
    uint64_t asked = 0;
    uint64_t unjudged = 0;
    for (const Model::Open& entry : model.table) {
      if (!entry.is_open || entry.slot != slot) continue;
      opening += entry.phase == Model::Phase::opening ? 1 : 0;
      asked += entry.phase == Model::Phase::asked ? 1 : 0;
      unjudged += entry.retried ? 0 : 1;
    }
    assert_int_equal(counts.opened, counts.completed + counts.lost + counts.reset + opening);
    assert_int_equal(counts.asked, counts.answered + counts.unanswered + asked);
    assert_int_equal(counts.opened,
                     counts.good + counts.bad + model.reset_at_once[slot] + unjudged);
  }
}

// Numbers that wrap, and flags as they come.
Handshakes::Segment random_segment(std::mt19937_64& random) {
  const uint64_t bits = random();
  return {.acknowledgement = 0xffff'fffe + static_cast<uint32_t>(bits % 5),
          .acknowledges = (bits >> 8) % 8 != 0,
          .has_payload = (bits >> 16) % 2 == 0,
          .is_closing = (bits >> 24) % 8 == 0,
          .is_reset = (bits >> 32) % 8 == 0};
}

// Six flows for four places, for more than one wrap of the clock's 32 bits.
void agrees_with_a_plain_model(void** state) {
  State& it = of(state);
  Model model;
  std::mt19937_64 random(20240607);
  Microseconds now = 5;
  for (int step = 0; step < 60'000; ++step) {
    now += random() % (random() % 8 == 0 ? kDeadline : 1'000);
    const uint64_t which = flow(0, random() % 6);
    const auto slot = static_cast<uint16_t>(random() % 8 == 0 ? random() % kSlots : which >> 33);
    model.expire(now);
    if (random() % 2 == 0) {
      it.opened(which, slot, now);
      model.opened(which, slot, now);
    } else {
      const Handshakes::Segment segment = random_segment(random);
      it.handshakes->heard(which, segment, now);
      model.heard(which, segment, now);
    }
    for (uint16_t i = 0; i < kSlots; ++i) expect_counts(it.counts(i), model.counts[i]);
    assert_int_equal(it.untracked(), model.untracked);
    expect_invariants(model, it);
  }
  BackendCounts sum;
  for (const BackendCounts& counts : model.counts) sum += counts;
  assert_true(now > Microseconds{1} << 32);
  assert_true(model.untracked > 500);
  for (const NamedCount& named : kCounts) {
    const bool is_ours =
        named.count != &BackendCounts::packets && named.count != &BackendCounts::bytes &&
        named.count != &BackendCounts::new_flows && named.count != &BackendCounts::server_resets &&
        named.count != &BackendCounts::zero_windows;
    assert_true(!is_ours || sum.*named.count > 500);
  }
}

// When all is over, nothing is left that is neither.
void in_the_end_all_is_told(void** state) {
  State& it = of(state);
  std::mt19937_64 random(3);
  Microseconds now = 0;
  for (int step = 0; step < 50'000; ++step) {
    now += random() % 2'000;
    const uint64_t which = flow(random() % kSets, random() % 8);
    if (random() % 3 == 0) {
      it.opened(which, 0, now);
    } else {
      it.handshakes->heard(which, random_segment(random), now);
    }
    it.handshakes->expire_some(now);
  }
  for (int i = 0; i < 100; ++i) it.handshakes->expire_some(now += kDeadline / 4);
  const BackendCounts counts = it.counts(0);
  assert_int_equal(counts.opened, counts.completed + counts.lost + counts.reset);
  assert_int_equal(counts.asked, counts.answered + counts.unanswered);
  assert_in_range(counts.good + counts.bad, counts.opened - counts.reset, counts.opened);
  assert_true(counts.good > 1'000 && counts.bad > 1'000);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(agrees_with_a_plain_model, setup_one_set, teardown),
      cmocka_unit_test_setup_teardown(in_the_end_all_is_told, setup, teardown),
  };
  return cmocka_run_group_tests_name("exchange/handshakes_model", tests, nullptr, nullptr);
}
