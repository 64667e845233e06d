#include "firmware/exchange/sources.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr uint16_t kServices = 3;
constexpr double kStandardError = 1.04 / 32;  // 1.04 / sqrt(registers)

// What tests allocate, so that it goes also when an assert jumps out.
struct State {
  Sources sources;
  Sources other;  // of another worker
  std::vector<uint64_t> truth;
};

int setup(void** state) {
  auto sources = Sources::make(kServices);
  auto other = Sources::make(kServices);
  if (!sources.ok() || !other.ok()) return -1;
  *state = new State{std::move(sources.value()), std::move(other.value()), {}};
  return 0;
}

int teardown(void** state) {
  std::unique_ptr<State>(static_cast<State*>(*state));
  return 0;
}

State& of(void** state) { return *static_cast<State*>(*state); }

// A stand-in for the keyed hash (splitmix64).
uint64_t hash_of(uint64_t source) {
  source += 0x9e3779b97f4a7c15;
  source = (source ^ (source >> 30)) * 0xbf58476d1ce4e5b9;
  source = (source ^ (source >> 27)) * 0x94d049bb133111eb;
  return source ^ (source >> 31);
}

Address address_of(uint64_t source) { return Address::v4(static_cast<uint32_t>(source)); }
uint64_t source_of(const Address& address) { return address.as_v4().value(); }

SourceCounts read(const Sources& sources, uint16_t service, SourceWindow window) {
  const std::optional<SourceCounts> counts = sources.read(service, window);
  assert_true(counts.has_value());
  return *counts;
}

size_t used_registers(const SourceCounts& counts) {
  return kSourceRegisters -
         static_cast<size_t>(std::count(counts.registers.begin(), counts.registers.end(), 0));
}

void assert_empty(const SourceCounts& counts) {
  assert_int_equal(used_registers(counts), 0);
  assert_int_equal(counts.heavy[0].count, 0);
  assert_true(counts.distinct() == 0);
}

void a_hash_finds_its_register_and_rank(void** state) {
  const struct {
    const char* description;
    uint64_t hash;
    size_t index;
    uint8_t rank;
  } cases[] = {
      {"all zeros: the highest rank", 0, 0, 55},
      {"the last bit only", 1, 0, 54},
      {"the first bit after the index", uint64_t{1} << 53, 0, 1},
      {"all ones", ~uint64_t{0}, 1023, 1},
      {"ones in the index only", uint64_t{1023} << 54, 1023, 55},
      {"in the middle of a word", uint64_t{517} << 54 | uint64_t{1} << 50, 517, 4},
  };
  State& it = of(state);
  Tick tick = 0;
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    it.sources.saw_new_flow(0, example.hash, tick);
    const SourceCounts counts = read(it.sources, 0, source_window_of(tick));
    assert_int_equal(counts.registers[example.index], example.rank);
    assert_int_equal(used_registers(counts), 1);
    tick += kSourceWindowTicks;
  }
}

// Neighbours share a word: raising one leaves the others, and a lower rank changes nothing.
void registers_only_grow(void** state) {
  State& it = of(state);
  const auto hash = [](uint64_t index, unsigned rank) {
    return index << 54 | uint64_t{1} << (54 - rank);
  };
  for (uint64_t index = 8; index < 16; ++index) {
    it.sources.saw_new_flow(1, hash(index, static_cast<unsigned>(index)), 0);
  }
  for (uint64_t index = 8; index < 16; ++index) {
    it.sources.saw_new_flow(1, hash(index, 3), 0);
    it.sources.saw_new_flow(1, hash(index, 20 + static_cast<unsigned>(index)), 0);
  }
  const SourceCounts counts = read(it.sources, 1, 0);
  for (uint64_t index = 8; index < 16; ++index) {
    assert_int_equal(counts.registers[index], 20 + index);
  }
  assert_int_equal(used_registers(counts), 8);
  assert_empty(read(it.sources, 0, 0));
}

// Each run within 4 standard errors, and the mean of all runs within 4 of its own and 1 % of known
// bias where the estimate changes from one formula to the other.
void distinct_sources_are_estimated(void** state) {
  constexpr uint64_t kRuns = 16;
  const uint64_t sizes[] = {1,     2,     10,     30,     100,     300,      1'000,
                            2'600, 4'000, 10'000, 30'000, 100'000, 1'000'000};
  State& it = of(state);
  Tick tick = 0;
  for (const uint64_t size : sizes) {
    const uint64_t runs = size > 100'000 ? 2 : kRuns;
    const auto count = static_cast<double>(size);
    double sum = 0;
    for (uint64_t run = 0; run < runs; ++run) {
      tick += kSourceWindowTicks;
      for (uint64_t i = 0; i < size; ++i) {
        it.sources.saw_new_flow(0, hash_of(run << 40 | i), tick);
      }
      const double estimate = read(it.sources, 0, source_window_of(tick)).distinct();
      assert_true(std::abs(estimate - count) <= 4 * kStandardError * count);
      sum += estimate;
    }
    const double bias = sum / static_cast<double>(runs) / count - 1;
    print_message("  %8llu sources: mean error %+.2f %%\n", static_cast<unsigned long long>(size),
                  100 * bias);
    assert_true(std::abs(bias) <= 4 * kStandardError / std::sqrt(runs) + 0.01);
  }
}

void the_same_source_counts_once(void** state) {
  State& it = of(state);
  for (int i = 0; i < 1000; ++i) {
    it.sources.saw_new_flow(0, hash_of(1), 0);
    it.sources.saw_packet(0, hash_of(2), address_of(2), 0);
  }
  const double distinct = read(it.sources, 0, 0).distinct();
  assert_true(distinct > 1.9 && distinct < 2.1);
}

void heavy_sources_are_named_exactly_while_few(void** state) {
  State& it = of(state);
  // One address shares each half with another; none of all zeros is mistaken for a free entry.
  std::array<Address, kHeavySources> sources{};
  for (size_t i = 1; i < sources.size(); ++i) {
    sources[i].bytes[i % 2 == 0 ? 0 : 15] = static_cast<uint8_t>(i);
  }
  for (size_t i = 0; i < sources.size(); ++i) {
    for (size_t n = 0; n <= i; ++n) it.sources.saw_packet(2, hash_of(i), sources[i], 0);
  }
  const SourceCounts counts = read(it.sources, 2, 0);
  for (size_t i = 0; i < sources.size(); ++i) {
    const HeavySource& heavy = counts.heavy[sources.size() - 1 - i];
    assert_true(heavy.source == sources[i]);
    assert_int_equal(heavy.count, i + 1);
    assert_int_equal(heavy.error, 0);
  }
}

// The promises: counts bracket the truth, and every source above 1/16 of all is named.
void assert_promises(const SourceCounts& counts, const std::vector<uint64_t>& truth) {
  uint64_t total = 0;
  uint64_t held = 0;
  for (const uint64_t count : truth) total += count;
  for (size_t i = 0; i < kHeavySources; ++i) {
    const HeavySource& heavy = counts.heavy[i];
    if (i > 0) assert_true(heavy.count <= counts.heavy[i - 1].count);
    if (heavy.count == 0) continue;
    const uint64_t seen = truth[source_of(heavy.source)];
    assert_true(heavy.count - heavy.error <= seen && seen <= heavy.count);
    held += heavy.count;
  }
  assert_true(held <= total);
  for (uint64_t source = 0; source < truth.size(); ++source) {
    if (truth[source] * kHeavySources <= total) continue;
    const bool named = std::any_of(
        counts.heavy.begin(), counts.heavy.end(),
        [source](const HeavySource& heavy) { return source_of(heavy.source) == source; });
    assert_true(named);
  }
}

constexpr size_t kUniverse = 4096;

struct Stream {
  const char* description;
  uint64_t (*source)(uint64_t step, std::mt19937_64& random);
};

const Stream kStreams[] = {
    {"everyone alike", [](uint64_t, std::mt19937_64& random) { return random() % kUniverse; }},
    {"skewed",
     [](uint64_t, std::mt19937_64& random) {
       const double uniform = static_cast<double>(random() >> 11) * 0x1p-53;
       return static_cast<uint64_t>(std::pow(kUniverse, uniform)) - 1;
     }},
    {"one more than places, in turn",
     [](uint64_t step, std::mt19937_64&) { return step % (kHeavySources + 1); }},
    {"a heavy one first, then a flood",
     [](uint64_t step, std::mt19937_64&) { return step < 2000 ? 7 : step % kUniverse; }},
    {"a flood first, then a heavy one",
     [](uint64_t step, std::mt19937_64&) { return step < 18'000 ? step % kUniverse : 7; }},
    {"just above 1/16, always after others",
     [](uint64_t step, std::mt19937_64&) {
       return step % 15 == 14 ? 5 : 100 + step % (kUniverse - 100);
     }},
    {"one source", [](uint64_t, std::mt19937_64&) { return uint64_t{9}; }},
};
constexpr uint64_t kStreamLength = 20'000;

void feed(Sources& sources, std::vector<uint64_t>& truth, const Stream& stream, Tick tick,
          uint64_t seed) {
  std::mt19937_64 random(seed);
  for (uint64_t step = 0; step < kStreamLength; ++step) {
    const uint64_t source = stream.source(step, random);
    sources.saw_packet(1, hash_of(source), address_of(source), tick);
    ++truth[source];
  }
}

void heavy_sources_keep_their_promises(void** state) {
  State& it = of(state);
  Tick tick = 0;
  for (const Stream& stream : kStreams) {
    print_message("  %s\n", stream.description);
    tick += kSourceWindowTicks;
    it.truth.assign(kUniverse, 0);
    feed(it.sources, it.truth, stream, tick, 1);
    assert_promises(read(it.sources, 1, source_window_of(tick)), it.truth);
  }
}

// Every pair of streams as two workers' view of one service.
void merged_views_keep_the_promises(void** state) {
  State& it = of(state);
  Tick tick = 0;
  for (const Stream& mine : kStreams) {
    for (const Stream& theirs : kStreams) {
      tick += kSourceWindowTicks;
      it.truth.assign(kUniverse, 0);
      feed(it.sources, it.truth, mine, tick, 2);
      feed(it.other, it.truth, theirs, tick, 3);
      SourceCounts merged = read(it.sources, 1, source_window_of(tick));
      merged.merge(read(it.other, 1, source_window_of(tick)));
      assert_promises(merged, it.truth);
      const auto different =
          static_cast<double>(kUniverse - static_cast<size_t>(std::count(
                                              it.truth.begin(), it.truth.end(), uint64_t{0})));
      assert_true(std::abs(merged.distinct() - different) <= 4 * kStandardError * different);
    }
  }
}

void merging_is_as_if_one_had_seen_all(void** state) {
  State& it = of(state);
  for (uint64_t source = 0; source < 5000; ++source) {
    Sources& seen_by = source % 3 == 0 ? it.sources : it.other;
    seen_by.saw_new_flow(0, hash_of(source), 0);
    it.sources.saw_new_flow(1, hash_of(source), 0);
  }
  for (int i = 0; i < 10; ++i) it.sources.saw_packet(0, hash_of(1), address_of(1), 0);
  for (int i = 0; i < 5; ++i) it.other.saw_packet(0, hash_of(1), address_of(1), 0);
  for (int i = 0; i < 12; ++i) it.other.saw_packet(0, hash_of(2), address_of(2), 0);

  SourceCounts merged = read(it.sources, 0, 0);
  merged.merge(read(it.other, 0, 0));
  assert_true(merged.registers == read(it.sources, 1, 0).registers);
  assert_int_equal(source_of(merged.heavy[0].source), 1);
  assert_int_equal(merged.heavy[0].count, 15);
  assert_int_equal(source_of(merged.heavy[1].source), 2);
  assert_int_equal(merged.heavy[1].count, 12);
  assert_int_equal(merged.heavy[1].error, 0);
  assert_int_equal(merged.heavy[2].count, 0);

  SourceCounts with_nothing = merged;
  with_nothing.merge({});
  assert_true(with_nothing.registers == merged.registers);
  assert_int_equal(with_nothing.heavy[0].count, 15);
  assert_int_equal(with_nothing.heavy[1].error, 0);
}

void windows_follow_each_other(void** state) {
  State& it = of(state);
  const auto see = [&it](uint64_t source, Tick tick) {
    it.sources.saw_packet(0, hash_of(source), address_of(source), tick);
  };
  const auto heaviest = [&it](SourceWindow window) {
    return source_of(read(it.sources, 0, window).heavy[0].source);
  };
  see(1, 10 * kSourceWindowTicks);
  see(2, 11 * kSourceWindowTicks - 1 + kSourceWindowTicks);  // the last tick of window 11
  assert_int_equal(heaviest(10), 1);
  assert_int_equal(heaviest(11), 2);
  assert_empty(read(it.sources, 0, 12));
  assert_empty(read(it.sources, 0, 13));

  // Window 12 takes the place of window 10, and nothing of it stays.
  see(3, 12 * kSourceWindowTicks);
  assert_false(it.sources.read(0, 10).has_value());
  assert_int_equal(heaviest(11), 2);
  assert_int_equal(heaviest(12), 3);
  assert_int_equal(read(it.sources, 0, 12).heavy[1].count, 0);
  assert_int_equal(used_registers(read(it.sources, 0, 12)), 1);

  // After a silence the last complete window is empty, not the one from before the silence.
  see(4, 100 * kSourceWindowTicks);
  assert_empty(read(it.sources, 0, 99));
  assert_int_equal(heaviest(100), 4);
}

// The sources of the earlier window still stand in the entries; what was known of them does not.
void a_new_window_remembers_nothing(void** state) {
  constexpr uint64_t kRounds = 6;
  State& it = of(state);
  for (uint64_t source = 1; source <= kRounds * kHeavySources; ++source) {
    it.sources.saw_packet(0, hash_of(source), address_of(source), 0);
  }
  const HeavySource before = read(it.sources, 0, 0).heavy[3];
  assert_int_equal(before.count, kRounds);
  assert_int_equal(before.error, kRounds - 1);

  constexpr Tick kLater = 2 * kSourceWindowTicks;
  for (uint64_t i = 1; i < kRounds; ++i) it.sources.saw_packet(0, 0, before.source, kLater);
  it.sources.saw_packet(0, hash_of(1000), address_of(1000), kLater);
  const SourceCounts counts = read(it.sources, 0, 2);
  assert_true(counts.heavy[0].source == before.source);
  assert_int_equal(counts.heavy[0].count, kRounds - 1);
  assert_int_equal(counts.heavy[0].error, 0);
  assert_int_equal(source_of(counts.heavy[1].source), 1000);
  assert_int_equal(counts.heavy[1].count, 1);
  assert_int_equal(counts.heavy[1].error, 0);
  assert_int_equal(counts.heavy[2].count, 0);
}

void in_the_first_window_the_one_before_is_empty(void** state) {
  State& it = of(state);
  assert_empty(read(it.sources, 0, source_window_of(5) - 1));
  it.sources.saw_new_flow(0, hash_of(1), 5);
  assert_empty(read(it.sources, 0, source_window_of(5) - 1));
  assert_int_equal(used_registers(read(it.sources, 0, 0)), 1);
}

// A worker goes through windows as fast as it can, and in each uses only what tells that window:
// one register, and sources that are numbered, never come twice, and carry the window's number. So
// at any one moment the entries hold the latest packets, without a gap. A reader that mixed two
// moments would find a foreign register, a foreign source, halves that do not fit, or a gap.
Address marked(SourceWindow window, uint64_t packet) {
  Address address;
  const uint64_t high = uint64_t{window} << 32 | packet;
  store(address.bytes.data(), high);
  store(address.bytes.data() + 8, ~high);
  return address;
}

bool is_of_one_moment(const SourceCounts& counts, SourceWindow window) {
  for (size_t i = 0; i < kSourceRegisters; ++i) {
    if (counts.registers[i] != 0 && i != window % kSourceRegisters) return false;
  }
  uint64_t used = 0;
  uint64_t first = ~uint64_t{0};
  uint64_t last = 0;
  for (const HeavySource& heavy : counts.heavy) {
    if (heavy.count == 0) continue;
    const uint64_t high = heavy.source.high();
    if (heavy.source.low() != ~high || high >> 32 != window) return false;
    if (heavy.error != heavy.count - 1) return false;
    first = std::min(first, high);
    last = std::max(last, high);
    ++used;
  }
  return used == 0 || last - first == used - 1;
}

void read_while_written(void** state) {
  constexpr SourceWindow kWindows = 20'000;  // more than one turn of the scheduler
  constexpr uint64_t kPackets = 400;
  State& it = of(state);
  std::atomic<Tick> clock{0};
  std::thread worker([&it, &clock] {
    for (SourceWindow window = 1; window <= kWindows; ++window) {
      const Tick tick = window * kSourceWindowTicks;
      clock.store(tick, std::memory_order_relaxed);
      const uint64_t hash = uint64_t{window % kSourceRegisters} << 54 | 1;
      for (uint64_t i = 0; i < kPackets; ++i) {
        it.sources.saw_packet(0, hash, marked(window, i), tick);
      }
    }
  });
  uint64_t copies = 0;
  bool consistent = true;
  Tick now = 0;
  while (now != kWindows * kSourceWindowTicks) {
    now = clock.load(std::memory_order_relaxed);
    for (const SourceWindow window : {source_window_of(now), source_window_of(now) - 1}) {
      const std::optional<SourceCounts> counts = it.sources.read(0, window);
      if (!counts.has_value()) continue;
      ++copies;
      consistent = consistent && is_of_one_moment(*counts, window);
    }
  }
  worker.join();
  const std::optional<SourceCounts> last = it.sources.read(0, kWindows);
  print_message("  %llu copies\n", static_cast<unsigned long long>(copies));
  assert_true(consistent);
  assert_true(copies > 0);
  assert_true(last.has_value() && is_of_one_moment(*last, kWindows));
  assert_int_equal(used_registers(*last), 1);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_hash_finds_its_register_and_rank, setup, teardown),
      cmocka_unit_test_setup_teardown(registers_only_grow, setup, teardown),
      cmocka_unit_test_setup_teardown(distinct_sources_are_estimated, setup, teardown),
      cmocka_unit_test_setup_teardown(the_same_source_counts_once, setup, teardown),
      cmocka_unit_test_setup_teardown(heavy_sources_are_named_exactly_while_few, setup, teardown),
      cmocka_unit_test_setup_teardown(heavy_sources_keep_their_promises, setup, teardown),
      cmocka_unit_test_setup_teardown(merged_views_keep_the_promises, setup, teardown),
      cmocka_unit_test_setup_teardown(merging_is_as_if_one_had_seen_all, setup, teardown),
      cmocka_unit_test_setup_teardown(windows_follow_each_other, setup, teardown),
      cmocka_unit_test_setup_teardown(a_new_window_remembers_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(in_the_first_window_the_one_before_is_empty, setup, teardown),
      cmocka_unit_test_setup_teardown(read_while_written, setup, teardown),
  };
  return cmocka_run_group_tests_name("exchange/sources", tests, nullptr, nullptr);
}
