// The slot: what a worker reads, when a replaced plan is freed, and who is named when it cannot be.
//
// The stress lets control replace plans as fast as it may, 20,000 times or for two seconds, while
// two workers use theirs, stall and go offline at random. A worker checks that what it holds stays
// what it was when it was read: the destructor overwrites a plan, so a plan that is freed too early
// shows itself in a plain run, and is an error of its own under AddressSanitizer and
// ThreadSanitizer.
#include "firmware/exchange/slot.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <latch>
#include <thread>

#include "tests/cmocka.h"

namespace {

using namespace evenkeel;

struct Census {
  int alive = 0;
  int alive_max = 0;
  int destroyed = 0;
};

// Stands for a plan; every word is its serial number until it is destroyed. Only control builds
// and destroys, so the census needs no atomics: that is a part of what is tested.
class Probe {
 public:
  static constexpr uint64_t kPoison = 0xdead'dead'dead'deadu;

  Probe(uint64_t serial, Census& census) : census_(census) {
    words_.fill(serial);
    if (++census_.alive > census_.alive_max) census_.alive_max = census_.alive;
  }
  ~Probe() {
    for (volatile uint64_t& word : words_) word = kPoison;
    --census_.alive;
    ++census_.destroyed;
  }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  uint64_t serial() const { return words_[0]; }
  bool is(uint64_t serial) const {
    for (const uint64_t word : words_) {
      if (word != serial) return false;
    }
    return true;
  }

 private:
  std::array<uint64_t, 16> words_{};
  Census& census_;
};

using ProbeSlot = Slot<Probe>;

constexpr size_t kWorkers = 3;

// Everything with a destructor lives here, out of the way of a failed assert's longjmp.
struct Bench {
  Census census;
  std::unique_ptr<ProbeSlot> slot;
  std::array<std::unique_ptr<ProbeSlot::Reader>, kMaxWorkers> readers;
  std::shared_ptr<const Probe> kept;
  std::string message;

  void open(size_t workers, std::shared_ptr<const Probe> first) {
    slot = std::make_unique<ProbeSlot>(workers, std::move(first));
  }
  void enter(size_t worker) {
    readers[worker] = std::make_unique<ProbeSlot::Reader>(*slot, worker);
  }
  // Empty: published.
  const char* publish(uint64_t serial) {
    const Status status = slot->publish(std::make_shared<const Probe>(serial, census));
    message = status.ok() ? "" : status.message();
    return message.c_str();
  }
  // The stalled worker's number, or -1 if the retired plan is freed.
  int reclaim() {
    const std::optional<size_t> stalled = slot->reclaim();
    return stalled ? static_cast<int>(*stalled) : -1;
  }
};

int set_up(void** state) {
  auto* bench = new Bench;
  bench->open(kWorkers, std::make_shared<const Probe>(1, bench->census));
  *state = bench;
  return 0;
}

int tear_down(void** state) {
  auto* bench = static_cast<Bench*>(*state);
  for (auto& reader : bench->readers) reader.reset();
  delete bench;
  return 0;
}

Bench& bench_of(void** state) { return *static_cast<Bench*>(*state); }

void test_reads_the_first_plan(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(0);
  assert_int_equal(bench.readers[0]->read().serial(), 1);
  assert_ptr_equal(&bench.readers[0]->read(), bench.slot->current().get());
  assert_int_equal(bench.reclaim(), -1);
  assert_int_equal(bench.census.alive, 1);
}

void test_publish_is_seen_by_the_next_read(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(0);
  const Probe& held = bench.readers[0]->read();
  assert_string_equal(bench.publish(2), "");
  assert_true(held.is(1));
  assert_int_equal(bench.readers[0]->read().serial(), 2);
  assert_int_equal(bench.slot->current()->serial(), 2);
}

void test_frees_only_after_every_worker_is_quiescent(void** state) {
  Bench& bench = bench_of(state);
  for (size_t worker = 0; worker < kWorkers; ++worker) {
    bench.enter(worker);
  }
  assert_string_equal(bench.publish(2), "");
  // The lowest of those left is named, whatever the order in which they move on.
  const struct {
    size_t moves_on;
    int stalled_after;
  } steps[] = {{1, 0}, {0, 2}, {0, 2}, {2, -1}};
  assert_int_equal(bench.reclaim(), 0);
  for (const auto& step : steps) {
    assert_int_equal(bench.census.destroyed, 0);
    bench.readers[step.moves_on]->quiescent();
    assert_int_equal(bench.reclaim(), step.stalled_after);
  }
  assert_int_equal(bench.census.destroyed, 1);
  assert_int_equal(bench.reclaim(), -1);
  assert_int_equal(bench.census.destroyed, 1);
}

void test_a_quiescent_state_before_publish_does_not_count(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(0);
  bench.readers[0]->quiescent();
  const Probe& held = bench.readers[0]->read();
  assert_string_equal(bench.publish(2), "");
  assert_int_equal(bench.reclaim(), 0);
  assert_true(held.is(1));
}

void test_offline_worker_holds_nothing(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(1);
  bench.readers[1]->offline();
  for (uint64_t serial = 2; serial < 6; ++serial) {
    assert_string_equal(bench.publish(serial), "");
    assert_int_equal(bench.reclaim(), -1);
    assert_int_equal(bench.census.alive, 1);
  }
  // Back online it holds only what it can have read since: the current plan.
  bench.readers[1]->online();
  assert_int_equal(bench.readers[1]->read().serial(), 5);
  assert_string_equal(bench.publish(6), "");
  assert_int_equal(bench.reclaim(), 1);
  bench.readers[1]->offline();
  assert_int_equal(bench.reclaim(), -1);
}

void test_worker_that_comes_online_after_publish_delays_nothing(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(0);
  assert_string_equal(bench.publish(2), "");
  bench.enter(1);
  assert_int_equal(bench.readers[1]->read().serial(), 2);
  bench.readers[0]->quiescent();
  assert_int_equal(bench.reclaim(), -1);
}

void test_reader_that_is_gone_holds_nothing_and_may_return(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(2);
  assert_string_equal(bench.publish(2), "");
  assert_int_equal(bench.reclaim(), 2);
  bench.readers[2].reset();
  assert_int_equal(bench.reclaim(), -1);
  bench.enter(2);
  assert_int_equal(bench.readers[2]->read().serial(), 2);
}

void test_refuses_a_third_plan(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(2);
  const Probe& held = bench.readers[2]->read();
  assert_string_equal(bench.publish(2), "");
  for (int attempt = 0; attempt < 2; ++attempt) {
    assert_non_null(std::strstr(bench.publish(3), "worker 2 still uses"));
    assert_int_equal(bench.census.alive, 2);
    assert_int_equal(bench.slot->current()->serial(), 2);
    assert_int_equal(bench.readers[2]->read().serial(), 2);
    assert_true(held.is(1));
  }
  // Once the worker has moved on, publish() itself frees the retired plan.
  bench.readers[2]->quiescent();
  assert_string_equal(bench.publish(3), "");
  assert_int_equal(bench.slot->current()->serial(), 3);
  assert_int_equal(bench.census.alive, 2);
}

void test_a_plan_that_control_keeps_outlives_its_retirement(void** state) {
  Bench& bench = bench_of(state);
  bench.kept = bench.slot->current();
  assert_string_equal(bench.publish(2), "");
  assert_int_equal(bench.reclaim(), -1);
  assert_true(bench.kept->is(1));
  // It may be published again, also over itself.
  for (int round = 0; round < 2; ++round) {
    assert_true(bench.slot->publish(bench.kept).ok());
    assert_int_equal(bench.reclaim(), -1);
  }
  assert_int_equal(bench.census.alive, 1);
  bench.kept.reset();
  assert_true(bench.slot->current()->is(1));
}

void test_every_plan_is_destroyed_once(void** state) {
  Bench& bench = bench_of(state);
  assert_string_equal(bench.publish(2), "");
  assert_string_equal(bench.publish(3), "");
  assert_int_equal(bench.census.destroyed, 1);
  bench.slot.reset();  // with one plan current and one retired
  assert_int_equal(bench.census.destroyed, 3);
  assert_int_equal(bench.census.alive, 0);
}

void test_wait_settled_names_the_stalled_worker(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(0);
  bench.enter(1);
  assert_string_equal(bench.publish(2), "");
  bench.readers[0]->quiescent();
  Microseconds clock = 0;
  int waits = 0;
  const auto wait = [&] {
    ++waits;
    return clock += 10;
  };
  const std::optional<size_t> stalled = bench.slot->wait_settled(100, wait);
  assert_true(stalled.has_value());
  assert_int_equal(*stalled, 1);
  assert_int_equal(waits, 10);
  assert_int_equal(bench.census.destroyed, 0);
}

void test_wait_settled_ends_when_the_last_worker_moves_on(void** state) {
  Bench& bench = bench_of(state);
  bench.enter(0);
  assert_string_equal(bench.publish(2), "");
  Microseconds clock = 0;
  const auto wait = [&] {
    if (clock == 30) bench.readers[0]->quiescent();
    return clock += 10;
  };
  assert_false(bench.slot->wait_settled(100, wait).has_value());
  assert_int_equal(clock, 40);
  assert_int_equal(bench.census.destroyed, 1);
  // Nothing left to wait for: the clock is not asked.
  assert_false(bench.slot->wait_settled(0, wait).has_value());
  assert_int_equal(clock, 40);
}

void test_serves_the_greatest_number_of_workers(void** state) {
  Bench& bench = bench_of(state);
  bench.open(kMaxWorkers, std::make_shared<const Probe>(1, bench.census));
  bench.enter(kMaxWorkers - 1);
  assert_string_equal(bench.publish(2), "");
  assert_int_equal(bench.reclaim(), kMaxWorkers - 1);
  bench.readers[kMaxWorkers - 1]->quiescent();
  assert_int_equal(bench.reclaim(), -1);
}

// A caller's broken duty stops the process; seen from a child of the test.
bool aborts(void (*act)(Bench&), Bench& bench) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit no_core{0, 0};
    setrlimit(RLIMIT_CORE, &no_core);
    if (std::freopen("/dev/null", "w", stderr) == nullptr) _exit(2);
    act(bench);
    _exit(0);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
         WTERMSIG(status) == SIGABRT;
}

void test_broken_duties_stop_the_process(void** state) {
  const struct {
    const char* description;
    void (*act)(Bench&);
  } rows[] = {
      {"no worker", [](Bench& bench) { const ProbeSlot slot(0, bench.kept); }},
      {"too many workers", [](Bench& bench) { const ProbeSlot slot(kMaxWorkers + 1, bench.kept); }},
      {"no first plan", [](Bench&) { const ProbeSlot slot(kWorkers, nullptr); }},
      {"no plan to publish", [](Bench& bench) { (void)bench.slot->publish(nullptr); }},
      {"unknown worker", [](Bench& bench) { bench.enter(kWorkers); }},
      {"second reader", [](Bench& bench) { bench.enter(1); }},
      {"read while offline",
       [](Bench& bench) {
         bench.readers[1]->offline();
         (void)bench.readers[1]->read();
       }},
      {"quiescent while offline",
       [](Bench& bench) {
         bench.readers[1]->offline();
         bench.readers[1]->quiescent();
       }},
      {"slot gone before its reader", [](Bench& bench) { bench.slot.reset(); }},
  };
  Bench& bench = bench_of(state);
  assert_false(aborts([](Bench&) {}, bench));
  bench.enter(1);
  bench.kept = bench.slot->current();
  for (const auto& row : rows) {
    if (!aborts(row.act, bench)) fail_msg("not stopped: %s", row.description);
  }
}

constexpr size_t kStressWorkers = 2;
constexpr uint64_t kStressSwaps = 20'000;
constexpr uint64_t kStressSwapsMin = 200;  // where the machine is too busy for more
constexpr std::chrono::seconds kStressTime{2};

// Gives the processor away. Not by yield(): a thread that yields often may be starved for it.
void pause() { std::this_thread::sleep_for(std::chrono::microseconds(1)); }

struct Stress {
  Census census;
  std::atomic<bool> stop{false};  // relaxed: no data hangs on it
  std::latch online{kStressWorkers};
  struct Findings {
    uint64_t reads = 0;
    uint64_t changed = 0;    // a plan that was held did not stay what it was
    uint64_t backwards = 0;  // a plan older than one read before
    uint64_t stalls = 0;
    uint64_t absences = 0;
  };
  std::array<Findings, kStressWorkers> findings{};  // read after the threads are joined
  uint64_t swaps = 0;
  uint64_t refused = 0;
};

uint64_t next_random(uint64_t& random) {
  random ^= random << 13;
  random ^= random >> 7;
  random ^= random << 17;
  return random;
}

void work(ProbeSlot& slot, size_t worker, Stress& stress) {
  Stress::Findings found;
  ProbeSlot::Reader reader(slot, worker);
  stress.online.count_down();
  uint64_t random = 0x9e37'79b9'7f4a'7c15u + worker;
  uint64_t newest = 0;
  while (!stress.stop.load(std::memory_order_relaxed)) {
    const Probe& held = reader.read();
    const uint64_t serial = held.serial();
    ++found.reads;
    if (serial < newest) ++found.backwards;
    newest = serial;
    const uint64_t choice = next_random(random) % 256;
    if (choice == 0) {
      ++found.stalls;
      pause();
    }
    if (!held.is(serial)) ++found.changed;
    if (choice == 1) {
      ++found.absences;
      reader.offline();
      if (next_random(random) % 16 == 0) pause();
      reader.online();
    } else {
      reader.quiescent();
    }
  }
  stress.findings[worker] = found;
}

void run_stress(Stress& stress) {
  ProbeSlot slot(kStressWorkers, std::make_shared<const Probe>(1, stress.census));
  std::array<std::thread, kStressWorkers> threads;
  for (size_t worker = 0; worker < kStressWorkers; ++worker) {
    threads[worker] = std::thread(work, std::ref(slot), worker, std::ref(stress));
  }
  stress.online.wait();
  const auto deadline = std::chrono::steady_clock::now() + kStressTime;
  while (stress.swaps < kStressSwaps && std::chrono::steady_clock::now() < deadline) {
    auto plan = std::make_shared<const Probe>(stress.swaps + 2, stress.census);
    if (slot.publish(std::move(plan)).ok()) {
      ++stress.swaps;
    } else {
      ++stress.refused;
      pause();
    }
  }
  stress.stop.store(true, std::memory_order_relaxed);
  for (std::thread& thread : threads) thread.join();
}

void test_stress(void** state) {
  auto& stress = *static_cast<Stress*>(*state);
  run_stress(stress);
  uint64_t stalls = 0;
  uint64_t absences = 0;
  for (const Stress::Findings& found : stress.findings) {
    assert_int_equal(found.changed, 0);
    assert_int_equal(found.backwards, 0);
    assert_true(found.reads > 0);
    stalls += found.stalls;
    absences += found.absences;
  }
  // It was a stress.
  assert_true(stalls > 0 && absences > 0 && stress.refused > 0);
  assert_true(stress.swaps >= kStressSwapsMin);
  assert_int_equal(stress.census.alive, 0);
  // The slot's two and the one that is being offered.
  assert_int_equal(stress.census.alive_max, 3);
  assert_int_equal(stress.census.destroyed, 1 + stress.swaps + stress.refused);
}

int set_up_stress(void** state) {
  *state = new Stress;
  return 0;
}

int tear_down_stress(void** state) {
  delete static_cast<Stress*>(*state);
  return 0;
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
#define SLOT_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
      SLOT_TEST(test_reads_the_first_plan),
      SLOT_TEST(test_publish_is_seen_by_the_next_read),
      SLOT_TEST(test_frees_only_after_every_worker_is_quiescent),
      SLOT_TEST(test_a_quiescent_state_before_publish_does_not_count),
      SLOT_TEST(test_offline_worker_holds_nothing),
      SLOT_TEST(test_worker_that_comes_online_after_publish_delays_nothing),
      SLOT_TEST(test_reader_that_is_gone_holds_nothing_and_may_return),
      SLOT_TEST(test_refuses_a_third_plan),
      SLOT_TEST(test_a_plan_that_control_keeps_outlives_its_retirement),
      SLOT_TEST(test_every_plan_is_destroyed_once),
      SLOT_TEST(test_wait_settled_names_the_stalled_worker),
      SLOT_TEST(test_wait_settled_ends_when_the_last_worker_moves_on),
      SLOT_TEST(test_serves_the_greatest_number_of_workers),
      SLOT_TEST(test_broken_duties_stop_the_process),
#undef SLOT_TEST
      cmocka_unit_test_setup_teardown(test_stress, set_up_stress, tear_down_stress),
  };
  return cmocka_run_group_tests_name("exchange/slot", tests, nullptr, nullptr);
}
