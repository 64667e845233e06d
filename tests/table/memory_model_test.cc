// Flow memory against a map: random flows come, talk, fall silent, and are evicted.
#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "firmware/table/memory.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using Insertion = FlowMemory::Insertion;

constexpr FlowTimeouts kTimeouts = {.unfinished = 30, .closing = 20, .finished = 900};
constexpr std::array<Tick, 4> kLimits = {0, 30, 20, 900};  // by FlowState

// What flow memory must answer, kept in a map.
class Reference {
 public:
  struct Entry {
    uint16_t backend = 0;
    FlowState state = FlowState::unfinished;
    Tick last = 0;
    FirstPacket first = FirstPacket::opening;
  };

  const Entry* find(uint64_t hash, Tick now) const {
    const auto entry = entries_.find(hash);
    return entry == entries_.end() || is_expired(entry->second, now) ? nullptr : &entry->second;
  }
  void put(uint64_t hash, const Entry& entry) { entries_[hash] = entry; }
  void forget(uint64_t hash) { entries_.erase(hash); }
  // Flows of which any may be evicted for one more of this set; of a full set only.
  std::vector<uint64_t> victims(uint64_t set, Tick now) const {
    std::vector<uint64_t> victims;
    size_t used = 0;
    Entry least{.state = FlowState::finished};
    for (const auto& [hash, entry] : entries_) {
      if (hash % 1'024 != set || is_expired(entry, now)) continue;
      ++used;
      if (entry.state == FlowState::finished) continue;
      const bool is_tied =
          !victims.empty() && entry.state == least.state && entry.last == least.last;
      const bool is_less = victims.empty() || entry.state < least.state ||
                           (entry.state == least.state && entry.last < least.last);
      if (is_less) victims.clear();
      if (is_less) least = entry;
      if (is_less || is_tied) victims.push_back(hash);
    }
    is_full_ = used == FlowMemory::kWays;
    return is_full_ ? victims : std::vector<uint64_t>{};
  }
  bool is_full() const { return is_full_; }  // what victims() looked at
  size_t remembered(Tick now) const {
    return static_cast<size_t>(std::ranges::count_if(
        entries_, [&](const auto& entry) { return !is_expired(entry.second, now); }));
  }

 private:
  static bool is_expired(const Entry& entry, Tick now) {
    const bool is_lasting =
        entry.state == FlowState::unfinished && entry.first == FirstPacket::other;
    const FlowState state = is_lasting ? FlowState::finished : entry.state;
    return now - entry.last > kLimits[static_cast<size_t>(state)];
  }

  std::map<uint64_t, Entry> entries_;
  mutable bool is_full_ = false;
};

struct Comparison {
  size_t wrong = 0;
  size_t found = 0;
  size_t evicted = 0;
  size_t refused = 0;
};

class Comparer {
 public:
  Comparer(uint64_t seed, uint64_t sets, uint64_t flows_per_set) : random_(seed), sets_(sets) {
    for (uint64_t i = 0; i < sets * flows_per_set; ++i) {
      hashes_.push_back((random_() & ~uint64_t{1'023}) | i % sets);
    }
  }

  Comparison run(int operations) {
    for (int i = 0; i < operations; ++i) {
      now_ += random_() % 500 == 0 ? static_cast<Tick>(random_() % 60) : 0;
      memory_.maintain(now_);
      const uint64_t hash = hashes_[random_() % hashes_.size()];
      const FlowMemory::Found found = memory_.find(hash, now_);
      check(agrees(hash, found));
      if (random_() % 8 == 0) {
        insert(hash, static_cast<uint16_t>(random_() % kMaxBackends));
      } else if (found.backend != kNoBackend) {
        ++comparison_.found;
        const FlowState state = static_cast<FlowState>(random_() % 6 == 0 ? 1 + random_() % 3 : 3);
        const FirstPacket first = reference_.find(hash, now_)->first;
        memory_.touch(hash, found, state, now_);
        reference_.put(hash, {found.backend, state, now_, first});
      }
      if (i % 256 == 0) check(memory_.remembered(now_) == reference_.remembered(now_));
    }
    return comparison_;
  }

 private:
  void check(bool is_right) { comparison_.wrong += is_right ? 0 : 1; }

  bool agrees(uint64_t hash, const FlowMemory::Found& found) const {
    const Reference::Entry* const entry = reference_.find(hash, now_);
    if (entry == nullptr) return found.backend == kNoBackend;
    return found.backend == entry->backend && found.state == entry->state &&
           found.age == now_ - entry->last;
  }

  void insert(uint64_t hash, uint16_t backend) {
    const bool is_known = reference_.find(hash, now_) != nullptr;
    std::vector<uint64_t> victims;
    if (!is_known) victims = reference_.victims(hash % sets_, now_);
    const bool is_full = !is_known && reference_.is_full();
    const FirstPacket first = random_() % 2 == 0 ? FirstPacket::opening : FirstPacket::other;
    const Insertion outcome = memory_.insert(hash, backend, now_, first);
    if (!is_full) {
      check(outcome == Insertion::done);
    } else if (victims.empty()) {
      check(outcome == Insertion::refused);
    } else {
      check(outcome == Insertion::evicted);
      std::erase_if(victims, [&](uint64_t victim) {
        return memory_.find(victim, now_).backend != kNoBackend;
      });
      check(victims.size() == 1);
      if (!victims.empty()) reference_.forget(victims.front());
    }
    comparison_.evicted += outcome == Insertion::evicted ? 1 : 0;
    comparison_.refused += outcome == Insertion::refused ? 1 : 0;
    if (outcome != Insertion::refused) {
      reference_.put(hash, {backend, FlowState::unfinished, now_, first});
    }
  }

  std::mt19937_64 random_;
  uint64_t sets_;
  std::vector<uint64_t> hashes_;
  FlowMemory memory_ = std::move(FlowMemory::make(kFlowMemoryBytesMin, kTimeouts).value());
  Reference reference_;
  Tick now_ = 100'000;
  Comparison comparison_;
};

// No more flows than places: nothing is ever lost.
void test_against_a_map(void**) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Comparison comparison = Comparer(seed, 64, FlowMemory::kWays).run(20'000);
    assert_int_equal(comparison.wrong, 0);
    assert_int_equal(comparison.evicted + comparison.refused, 0);
    assert_in_range(comparison.found, 1'000, 20'000);
  }
}

// Twice as many flows as places: what goes is what must.
void test_evictions_against_a_map(void**) {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Comparison comparison = Comparer(seed, 8, 2 * FlowMemory::kWays).run(20'000);
    assert_int_equal(comparison.wrong, 0);
    assert_in_range(comparison.evicted, 100, 20'000);
    assert_in_range(comparison.refused, 20, 20'000);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_against_a_map),
      cmocka_unit_test(test_evictions_against_a_map),
  };
  return cmocka_run_group_tests_name("table/memory_model", tests, nullptr, nullptr);
}
