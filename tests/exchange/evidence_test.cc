#include "firmware/exchange/evidence.h"

#include <array>
#include <atomic>
#include <cstdio>
#include <limits>
#include <memory>
#include <string>
#include <thread>

#include "firmware/exchange/handshakes.h"
#include "tests/cmocka.h"
#include "tests/exchange/counts.h"

namespace evenkeel {
namespace {

constexpr Evidence::Capacities kLargest = {.slots = kMaxBackends, .services = kMaxServices};
constexpr uint16_t kSlots = 16;
constexpr uint16_t kServices = 3;

static_assert(!std::is_move_constructible_v<Evidence>, "others point to it");
static_assert(Evidence::bytes({.slots = 10, .services = 1}) < 64 * 1024, "small boxes stay small");

int setup(void** state) {
  auto made = Evidence::make({.slots = kSlots, .services = kServices});
  if (!made.ok()) return -1;
  *state = made.value().release();
  return 0;
}

int teardown(void** state) {
  std::unique_ptr<Evidence>(static_cast<Evidence*>(*state));
  return 0;
}

Evidence& of(void** state) { return *static_cast<Evidence*>(*state); }

void slots_are_counted_apart(void** state) {
  Evidence& evidence = of(state);
  for (uint16_t slot = 0; slot < kSlots; ++slot) {
    evidence.packet_counts().prefetch(slot);
    for (uint16_t i = 0; i <= slot; ++i) evidence.count_packet(slot, 100u + slot);
  }
  evidence.count_new_flow(kSlots - 1);
  for (uint16_t slot = 0; slot < kSlots; ++slot) {
    const BackendCounts counts = evidence.backend(slot);
    assert_int_equal(counts.packets, slot + 1);
    assert_int_equal(counts.bytes, (slot + 1) * (100 + slot));
    assert_int_equal(counts.new_flows, slot == kSlots - 1 ? 1 : 0);
  }
}

// All that a worker counts one by one, so many times each.
void count_each(Evidence& evidence, uint16_t slot, const std::array<uint32_t, 14>& times) {
  const auto repeat = [&times](size_t which, const auto& count) {
    for (uint32_t i = 0; i < times[which]; ++i) count();
  };
  repeat(0, [&] { evidence.count_new_flow(slot); });
  repeat(1, [&] { evidence.count_opened(slot); });
  repeat(2, [&] { evidence.count_retried(slot); });
  repeat(3, [&] { evidence.count_completed(slot, 1'000); });
  repeat(4, [&] { evidence.count_lost(slot); });
  repeat(5, [&] { evidence.count_reset(slot); });
  repeat(6, [&] { evidence.count_retried_flow(slot); });
  repeat(7, [&] { evidence.count_asked(slot); });
  repeat(8, [&] { evidence.count_answered(slot, 5'000); });
  repeat(9, [&] { evidence.count_unanswered(slot); });
  repeat(10, [&] { evidence.count_good(slot); });
  repeat(11, [&] { evidence.count_bad(slot); });
  repeat(12, [&] { evidence.count_server_reset(slot); });
  repeat(13, [&] { evidence.count_zero_window(slot); });
}

void every_count_has_its_own_place(void** state) {
  Evidence& evidence = of(state);
  count_each(evidence, 1, {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43});
  expect_counts(evidence.backend(1), {.new_flows = 2,
                                      .opened = 3,
                                      .retried = 5,
                                      .completed = 7,
                                      .lost = 11,
                                      .reset = 13,
                                      .retried_flows = 17,
                                      .asked = 19,
                                      .answered = 23,
                                      .unanswered = 29,
                                      .good = 31,
                                      .bad = 37,
                                      .server_resets = 41,
                                      .zero_windows = 43});
  expect_counts(evidence.backend(0), {});
  expect_counts(evidence.backend(2), {});
}

void a_baseline_stands_for_a_reset(void** state) {
  Evidence& evidence = of(state);
  std::array<uint32_t, 14> each;
  const auto act = [&](uint32_t times) {
    for (uint32_t i = 0; i < times; ++i) evidence.count_packet(2, 60);
    each.fill(times);
    count_each(evidence, 2, each);
  };
  act(5);
  const BackendCounts baseline = evidence.backend(2);
  const LatencyCounts handshakes = evidence.handshake_times(2);
  const LatencyCounts responses = evidence.response_times(2);
  act(3);
  BackendCounts expected;
  for (const NamedCount& named : kCounts) expected.*named.count = 3;
  expected.bytes = 180;
  expect_counts(evidence.backend(2).since(baseline), expected);
  assert_int_equal(evidence.handshake_times(2).since(handshakes).counts[latency_bucket(1'000)], 3);
  assert_int_equal(evidence.response_times(2).since(responses).counts[latency_bucket(5'000)], 3);
}

void sums(void**) {
  BackendCounts sum;
  BackendCounts other;
  BackendCounts expected;
  uint64_t number = 0;
  for (const NamedCount& named : kCounts) {
    sum.*named.count = ++number;
    other.*named.count = 1'000 * number;
    expected.*named.count = 1'001 * number;
  }
  sum += other;
  expect_counts(sum, expected);
}

void differences_survive_a_wrap(void**) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  for (const NamedCount& named : kCounts) {
    BackendCounts before;
    BackendCounts after;
    BackendCounts expected;
    before.*named.count = kMost;
    after.*named.count = 4;
    expected.*named.count = 5;
    expect_counts(after.since(before), expected);
  }
  LatencyCounts before;
  LatencyCounts after;
  before.counts[7] = std::numeric_limits<uint32_t>::max() - 9;
  after.counts[7] = 5;
  assert_int_equal(after.since(before).counts[7], 15);
}

void latency_buckets(void**) {
  const struct {
    const char* description;
    Microseconds time;
    size_t bucket;
  } cases[] = {
      {"at once", 0, 0},
      {"31 us", 31, 0},
      {"32 us", 32, 1},
      {"47 us", 47, 1},
      {"48 us", 48, 2},
      {"63 us", 63, 2},
      {"64 us", 64, 3},
      {"1 ms", 1'000, 10},
      {"1.024 ms", 1'024, 11},
      {"1 s", 1'000'000, 30},
      {"the last but one ends", (1u << 20) - 1, 30},
      {"1.05 s", 1u << 20, 31},
      {"longest", std::numeric_limits<Microseconds>::max(), 31},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    assert_int_equal(latency_bucket(example.time), example.bucket);
  }
}

// Every bucket but the first begins where the one before ends, and is at most half of its start
// wide.
void latency_buckets_leave_no_gap(void**) {
  for (size_t bucket = 1; bucket < kLatencyBuckets; ++bucket) {
    const Microseconds start = latency_bucket_start(bucket);
    assert_int_equal(latency_bucket(start), bucket);
    assert_int_equal(latency_bucket(start - 1), bucket - 1);
    const Microseconds before = latency_bucket_start(bucket - 1);
    assert_true(before == 0 || (start - before) * 2 <= before);
  }
}

void times_fill_the_histogram_of_their_kind(void** state) {
  Evidence& evidence = of(state);
  constexpr uint16_t kLast = kSlots - 1;
  evidence.count_completed(kLast, 0);
  evidence.count_completed(kLast, 250);
  evidence.count_completed(kLast, 251);
  evidence.count_completed(kLast, 90'000'000);
  evidence.count_answered(kLast, 40);
  const LatencyCounts handshakes = evidence.handshake_times(kLast);
  assert_int_equal(handshakes.counts[0], 1);
  assert_int_equal(handshakes.counts[latency_bucket(250)], 2);
  assert_int_equal(handshakes.counts[kLatencyBuckets - 1], 1);
  const LatencyCounts responses = evidence.response_times(kLast);
  for (size_t i = 0; i < kLatencyBuckets; ++i) assert_int_equal(responses.counts[i], i == 1);
  for (const uint32_t count : evidence.handshake_times(0).counts) assert_int_equal(count, 0);
  for (const uint32_t count : evidence.response_times(0).counts) assert_int_equal(count, 0);
}

void the_worker_counts_drops_by_reason(void** state) {
  Evidence& evidence = of(state);
  for (size_t reason = 0; reason < kReasons; ++reason) {
    for (size_t i = 0; i < reason + 1; ++i) evidence.count_drop(static_cast<Reason>(reason));
  }
  const WorkerCounts counts = evidence.worker();
  for (size_t reason = 0; reason < kReasons; ++reason) {
    assert_int_equal(counts.drops[reason], reason + 1);
  }
  assert_int_equal(counts.received_packets, 0);
  assert_int_equal(counts.untracked_handshakes, 0);
}

void the_worker_counts_its_totals(void** state) {
  Evidence& evidence = of(state);
  evidence.count_received(32, 2048);
  evidence.count_received(1, 0x1'0000'0000);
  evidence.count_forwarded(30, 1920);
  for (int i = 0; i < 2; ++i) evidence.count_eviction();
  for (int i = 0; i < 3; ++i) evidence.count_refused_insertion();
  for (int i = 0; i < 5; ++i) evidence.count_untracked_handshake();
  const WorkerCounts counts = evidence.worker();
  assert_int_equal(counts.received_packets, 33);
  assert_int_equal(counts.received_bytes, 0x1'0000'0800);
  assert_int_equal(counts.forwarded_packets, 30);
  assert_int_equal(counts.forwarded_bytes, 1920);
  assert_int_equal(counts.evictions, 2);
  assert_int_equal(counts.refused_insertions, 3);
  assert_int_equal(counts.untracked_handshakes, 5);
}

void silence_of_a_group(void** state) {
  constexpr Tick kMost = std::numeric_limits<Tick>::max();
  const struct {
    const char* description;
    Tick stamped, now, quiet;
  } cases[] = {
      {"this second", 100, 100, 0},
      {"a minute ago", 100, 160, 60},
      {"18 hours ago, where 16 bits of a tick begin anew", 100, 100 + 65'536, 65'536},
      {"the worker's clock is ahead", 101, 100, 0},
      {"in the first second, which is noted as the second one", 0, 10, 9},
      {"in the first second, read at once", 0, 0, 0},
      {"across the wrap of ticks", kMost - 1, 3, 5},
  };
  Evidence& evidence = of(state);
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    evidence.stamp_deviating(1, 5, example.stamped);
    assert_int_equal(evidence.quiet_for(1, 5, example.now), example.quiet);
  }
}

void groups_are_stamped_apart(void** state) {
  Evidence& evidence = of(state);
  constexpr size_t kLast = Evidence::kGroups - 1;
  evidence.stamp_deviating(0, kLast, 50);
  evidence.stamp_deviating(kServices - 1, kLast, 60);
  for (uint16_t service = 0; service < kServices; ++service) {
    for (size_t group = 0; group < kLast; ++group) {
      assert_int_equal(evidence.quiet_for(service, group, 70), Evidence::kNeverDeviated);
    }
  }
  assert_int_equal(evidence.quiet_for(0, kLast, 70), 20);
  assert_int_equal(evidence.quiet_for(1, kLast, 70), Evidence::kNeverDeviated);
  assert_int_equal(evidence.quiet_for(kServices - 1, kLast, 70), 10);
}

void sources_are_within(void** state) {
  Evidence& evidence = of(state);
  evidence.sources().saw_new_flow(kServices - 1, 0x1234, 0);
  const Evidence& as_reader = evidence;
  const auto counts = as_reader.sources().read(kServices - 1, 0);
  assert_true(counts.has_value());
  assert_int_equal(counts->registers[0], 42);
}

void too_much_is_refused_by_number(void**) {
  const struct {
    const char* description;
    Evidence::Capacities capacities;
    const char* named;
  } cases[] = {
      {"a slot too many", {.slots = 65'536, .services = 1}, "65536 backend slots"},
      {"a service too many", {.slots = 1, .services = 4'097}, "4097 services"},
  };
  for (const auto& example : cases) {
    bool refused = false;
    {
      const auto made = Evidence::make(example.capacities);
      refused = !made.ok() && made.message().find(example.named) != std::string::npos;
    }
    print_message("  %s\n", example.description);
    assert_true(refused);
  }
}

void nothing_to_count_is_no_error(void**) {
  bool counted = false;
  {
    auto made = Evidence::make({});
    if (made.ok()) {
      made.value()->count_drop(Reason::no_service);
      counted = made.value()->worker().drops[static_cast<size_t>(Reason::no_service)] == 1;
    }
  }
  assert_true(counted);
}

size_t mapped_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  size_t pages = 0;
  const int found = file == nullptr ? 0 : std::fscanf(file, "%zu", &pages);
  if (file != nullptr) std::fclose(file);
  assert_int_equal(found, 1);
  return pages * kPageBytes;
}

// The kernel's count of the largest box, not ours, stays within the budget.
void the_largest_evidence_fits_its_budget(void**) {
  constexpr size_t kPromised = Evidence::bytes(kLargest) + Handshakes::bytes(kHandshakesDefault);
  static_assert(kPromised <= kEvidenceBytesMax);
  const size_t before = mapped_bytes();
  size_t taken = 0;
  uint64_t last_slot = 0;
  {
    auto evidence = Evidence::make(kLargest);
    if (evidence.ok()) {
      const auto handshakes = Handshakes::make(*evidence.value());
      if (handshakes.ok()) taken = mapped_bytes() - before;
      evidence.value()->count_packet(kMaxBackends - 1, 1);
      evidence.value()->stamp_deviating(kMaxServices - 1, Evidence::kGroups - 1, 1);
      last_slot = evidence.value()->backend(kMaxBackends - 1).packets;
    }
  }
  print_message("  %zu bytes promised, %zu taken\n", kPromised, taken);
  assert_int_equal(last_slot, 1);
  assert_true(taken >= kPromised);
  assert_true(taken <= kEvidenceBytesMax);
}

// Two threads: every number that the reader sees only grows, and ends where the writer stopped.
constexpr auto kDropped = static_cast<size_t>(Reason::not_ip);

struct Watch {
  uint64_t packets = 0;
  uint64_t bytes = 0;
  uint64_t drops = 0;
  uint32_t fast = 0;
  bool growing = true;
  bool quiet_in_range = true;

  void look(const Evidence& evidence) {
    const BackendCounts counts = evidence.backend(3);
    const WorkerCounts worker = evidence.worker();
    const LatencyCounts latencies = evidence.handshake_times(3);
    growing = growing && counts.packets >= packets && counts.bytes >= bytes &&
              worker.drops[kDropped] >= drops && latencies.counts[0] >= fast;
    packets = counts.packets;
    bytes = counts.bytes;
    drops = worker.drops[kDropped];
    fast = latencies.counts[0];
    const Tick quiet = evidence.quiet_for(1, 9, 1000);
    quiet_in_range = quiet_in_range && (quiet <= 1000 || quiet == Evidence::kNeverDeviated);
  }
};

void read_while_written(void** state) {
  constexpr uint32_t kPackets = 100'000;
  Evidence& evidence = of(state);
  std::atomic<bool> done{false};
  std::thread worker([&evidence, &done] {
    for (uint32_t i = 1; i <= kPackets; ++i) {
      evidence.count_packet(3, 64);
      evidence.count_drop(Reason::not_ip);
      evidence.count_completed(3, 5);
      evidence.stamp_deviating(1, 9, i % 1000);
    }
    done.store(true, std::memory_order_release);  // partner: the acquire load below
  });
  Watch watch;
  while (!done.load(std::memory_order_acquire)) watch.look(evidence);
  watch.look(evidence);
  worker.join();
  assert_true(watch.growing);
  assert_true(watch.quiet_in_range);
  assert_int_equal(watch.packets, kPackets);
  assert_int_equal(watch.bytes, uint64_t{64} * kPackets);
  assert_int_equal(watch.drops, kPackets);
  assert_int_equal(watch.fast, kPackets);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(slots_are_counted_apart, setup, teardown),
      cmocka_unit_test_setup_teardown(every_count_has_its_own_place, setup, teardown),
      cmocka_unit_test_setup_teardown(a_baseline_stands_for_a_reset, setup, teardown),
      cmocka_unit_test(sums),
      cmocka_unit_test(differences_survive_a_wrap),
      cmocka_unit_test(latency_buckets),
      cmocka_unit_test(latency_buckets_leave_no_gap),
      cmocka_unit_test_setup_teardown(times_fill_the_histogram_of_their_kind, setup, teardown),
      cmocka_unit_test_setup_teardown(the_worker_counts_drops_by_reason, setup, teardown),
      cmocka_unit_test_setup_teardown(the_worker_counts_its_totals, setup, teardown),
      cmocka_unit_test_setup_teardown(silence_of_a_group, setup, teardown),
      cmocka_unit_test_setup_teardown(groups_are_stamped_apart, setup, teardown),
      cmocka_unit_test_setup_teardown(sources_are_within, setup, teardown),
      cmocka_unit_test(too_much_is_refused_by_number),
      cmocka_unit_test(nothing_to_count_is_no_error),
      cmocka_unit_test(the_largest_evidence_fits_its_budget),
      cmocka_unit_test_setup_teardown(read_while_written, setup, teardown),
  };
  return cmocka_run_group_tests_name("exchange/evidence", tests, nullptr, nullptr);
}
