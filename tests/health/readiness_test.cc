#include "firmware/health/readiness.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "drivers/descriptor.h"
#include "tests/cmocka.h"
#include "tests/health/servers.h"

namespace evenkeel {
namespace {

struct Pipe {
  Pipe() {
    std::array<int, 2> ends{};
    CHECK(::pipe2(ends.data(), O_NONBLOCK | O_CLOEXEC) == 0);
    out = Descriptor(ends[0]);
    in = Descriptor(ends[1]);
  }
  void write() const { CHECK(::write(in.get(), "x", 1) == 1); }

  Descriptor out;
  Descriptor in;
};

struct Counter final : Readiness::Watcher {
  void on_ready(uint32_t events) override {
    ++count;
    last = events;
    if (then) then();
  }

  int count = 0;
  uint32_t last = 0;
  std::function<void()> then;
};

struct Room {
  boost::asio::io_context context{1};
  Readiness readiness{context};

  void turn() {
    context.restart();
    while (context.poll() > 0) {
    }
  }
  Readiness::Watch watch(const Pipe& pipe, Counter& counter) {
    Result<Readiness::Watch> watch = readiness.watch(pipe.out.get(), counter);
    CHECK(watch.ok());
    return std::move(watch.value());
  }
};

void each_time_that_it_becomes_ready_is_told_once(void**) {
  Room room;
  const Pipe pipe;
  Counter counter;
  const Readiness::Watch watch = room.watch(pipe, counter);
  room.turn();
  assert_int_equal(counter.count, 0);
  for (int times = 1; times <= 3; ++times) {
    pipe.write();
    room.turn();
    assert_int_equal(counter.count, times);
    assert_true((counter.last & EPOLLIN) != 0);
    room.turn();
    assert_int_equal(counter.count, times);
  }
}

void who_is_watched_no_more_is_not_told(void**) {
  Room room;
  const Pipe pipe;
  Counter counter;
  {
    const Readiness::Watch watch = room.watch(pipe, counter);
    pipe.write();
  }
  room.turn();
  assert_int_equal(counter.count, 0);
}

// Of two that are ready at once, the first ends the other's watch, and another takes its place.
void a_place_is_not_told_of_the_one_before(void**) {
  Room room;
  const Pipe one;
  const Pipe other;
  const Pipe third;
  Counter first;
  Counter second;
  Counter successor;
  std::optional<Readiness::Watch> watches[2] = {room.watch(one, first), room.watch(other, second)};
  std::optional<Readiness::Watch> its;
  const auto replace = [&](size_t number) {
    watches[number].reset();
    its = room.watch(third, successor);
  };
  first.then = [&] { replace(1); };
  second.then = [&] { replace(0); };
  one.write();
  other.write();
  room.turn();
  assert_int_equal(first.count + second.count, 1);
  assert_int_equal(successor.count, 0);
  third.write();
  room.turn();
  assert_int_equal(successor.count, 1);
}

// What one look finds is not for who has come in the middle of it.
void who_comes_later_is_told_of_what_comes_later(void**) {
  Room room;
  const Pipe one;
  const Pipe other;
  Counter first;
  Counter second;
  Counter successor;
  std::array<Readiness::Watch, 2> watches = {room.watch(one, first), room.watch(other, second)};
  first.then = [&] { watches[1].tell(&successor); };
  second.then = [&] { watches[0].tell(&successor); };
  one.write();
  other.write();
  room.turn();
  assert_int_equal(first.count + second.count, 1);
  assert_int_equal(successor.count, 0);
  (first.count == 1 ? other : one).write();
  room.turn();
  assert_int_equal(successor.count, 1);

  for (Readiness::Watch& watch : watches) watch.tell(nullptr);
  one.write();
  room.turn();
  watches[0].tell(&successor);
  room.turn();
  assert_int_equal(successor.count, 1);
  one.write();
  room.turn();
  assert_int_equal(successor.count, 2);
}

void thousands_are_told_and_each_its_own(void**) {
  constexpr size_t kMany = 2'000;
  Room room;
  std::vector<Pipe> pipes(kMany);
  std::vector<Counter> counters(kMany);
  std::vector<Readiness::Watch> watches;
  for (size_t i = 0; i < kMany; ++i) watches.push_back(room.watch(pipes[i], counters[i]));
  for (size_t i = 0; i < kMany; i += 2) pipes[i].write();
  room.turn();
  for (size_t i = 0; i < kMany; ++i) assert_int_equal(counters[i].count, i % 2 == 0 ? 1 : 0);
}

void what_cannot_be_watched_is_told(void**) {
  Room room;
  Counter counter;
  const Descriptor file(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  const Result<Readiness::Watch> watch = room.readiness.watch(file.get(), counter);
  assert_false(watch.ok());
  assert_true(watch.message().starts_with("a descriptor cannot be watched: "));
}

void it_may_go_while_something_is_ready(void**) {
  boost::asio::io_context context{1};
  auto readiness = std::make_unique<Readiness>(context);
  const Pipe pipe;
  Counter counter;
  {
    const Result<Readiness::Watch> watch = readiness->watch(pipe.out.get(), counter);
    pipe.write();
  }
  readiness.reset();
  context.poll();
  assert_int_equal(counter.count, 0);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_time_that_it_becomes_ready_is_told_once),
      cmocka_unit_test(who_is_watched_no_more_is_not_told),
      cmocka_unit_test(a_place_is_not_told_of_the_one_before),
      cmocka_unit_test(who_comes_later_is_told_of_what_comes_later),
      cmocka_unit_test(thousands_are_told_and_each_its_own),
      cmocka_unit_test(what_cannot_be_watched_is_told),
      cmocka_unit_test(it_may_go_while_something_is_ready),
  };
  return cmocka_run_group_tests_name("health/readiness", tests, nullptr, nullptr);
}
