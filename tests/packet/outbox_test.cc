// What happens to packets when a queue takes all, some or none of them.
#include "firmware/packet/outbox.h"

#include <algorithm>
#include <ios>  // before CMocka makes a macro of fail()

#include "tests/cmocka.h"
#include "tests/packet/desk.h"

namespace evenkeel {
namespace {

constexpr unsigned kRing = 16;  // which has 15 places

Desk& desk_of(void** state) { return **static_cast<std::unique_ptr<Desk>*>(*state); }

int open_desk(void** state) {
  *state = new std::unique_ptr<Desk>(new Desk("outbox"));
  return 0;
}
int close_desk(void** state) {
  delete static_cast<std::unique_ptr<Desk>*>(*state);
  return 0;
}

// An outbox over a queue; what it is sent is numbered.
class Queue {
 public:
  explicit Queue(Desk& desk) : desk_(desk), port_(desk.new_name("queue"), kRing) {
    port_.start(desk.pool->get());
  }
  ~Queue() {
    outbox_.clear();
    port_.left();
    CHECK(desk_.pool->free_buffers() == desk_.pool->size());
  }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;

  void send(size_t count) {
    std::array<rte_mbuf*, kBurst> packets{};
    for (size_t i = 0; i < count; ++i) {
      packets.at(i) = rte_pktmbuf_alloc(desk_.pool->get());
      CHECK(packets.at(i) != nullptr);
      store(rte_pktmbuf_append(packets.at(i), sizeof sent_), sent_++);
    }
    outbox_.send(std::span(packets.data(), count));
  }
  void retry(size_t times = 1) {
    for (size_t i = 0; i < times; ++i) outbox_.retry();
  }
  void clear() { outbox_.clear(); }
  // The numbers of what has left.
  std::vector<uint32_t> left() {
    std::vector<uint32_t> numbers;
    for (const Bytes& bytes : port_.left()) numbers.push_back(load<uint32_t>(bytes.data()));
    return numbers;
  }
  uint64_t transmitted() const { return tally_.transmitted.read(); }
  uint64_t lost() const { return tally_.transmit_full.read(); }

 private:
  Desk& desk_;
  RingPort port_;
  PortTally tally_;
  Outbox outbox_{port_.ethdev(), 0, tally_};
  uint32_t sent_ = 0;
};

void expect_numbers(const std::vector<uint32_t>& numbers, uint32_t first, size_t count) {
  assert_int_equal(numbers.size(), count);
  for (const uint32_t number : numbers) assert_int_equal(number, first++);
}

void a_queue_with_room_takes_all(void** state) {
  for (const size_t count : {0u, 1u, 14u, 15u}) {
    Queue queue(desk_of(state));
    queue.send(count);
    expect_numbers(queue.left(), 0, count);
    assert_int_equal(queue.transmitted(), count);
    queue.retry();
    assert_true(queue.left().empty());
    assert_int_equal(queue.lost(), 0);
  }
}

void those_who_wait_leave_first(void** state) {
  Queue queue(desk_of(state));
  queue.send(20);  // 5 wait
  expect_numbers(queue.left(), 0, 15);
  queue.send(5);  // behind them, though there is room
  assert_true(queue.left().empty());
  queue.retry();
  expect_numbers(queue.left(), 15, 10);
  queue.send(3);
  expect_numbers(queue.left(), 25, 3);
  assert_int_equal(queue.transmitted(), 28);
  assert_int_equal(queue.lost(), 0);
}

void a_crowd_leaves_in_its_order(void** state) {
  Queue queue(desk_of(state));
  constexpr size_t kSent = 3 * kBurst;
  for (size_t i = 0; i < 3; ++i) queue.send(kBurst);
  uint32_t first = 0;
  for (std::vector<uint32_t> numbers = queue.left(); !numbers.empty(); numbers = queue.left()) {
    expect_numbers(numbers, first, std::min<size_t>(15, kSent - first));
    first += static_cast<uint32_t>(numbers.size());
    queue.retry();
  }
  assert_int_equal(first, kSent);
  assert_int_equal(queue.transmitted(), kSent);
}

void beyond_its_room_the_newest_are_lost(void** state) {
  static constexpr struct {
    const char* description;
    size_t bursts;
    uint64_t lost;
  } kRows[] = {
      {"full but for its last places", 4, 0},
      {"just beyond", 5, kBurst - 15},
      {"far beyond", 20, 20 * kBurst - 15 - Outbox::kRoom},
  };
  for (const auto& row : kRows) {
    Queue queue(desk_of(state));
    for (size_t i = 0; i < row.bursts; ++i) queue.send(kBurst);
    if (queue.lost() != row.lost) fail_msg("%s: %lu", row.description, queue.lost());
    expect_numbers(queue.left(), 0, 15);
    queue.retry();
    expect_numbers(queue.left(), 15, 15);
  }
}

void patience_ends_at_the_loop_that_it_says(void** state) {
  Queue queue(desk_of(state));
  queue.send(kBurst);
  queue.retry(Outbox::kPatience - 1);
  assert_int_equal(queue.lost(), 0);
  queue.retry();
  assert_int_equal(queue.lost(), kBurst - 15);
  expect_numbers(queue.left(), 0, 15);
  queue.send(2);  // as if nothing had been
  expect_numbers(queue.left(), kBurst, 2);
}

void one_that_gets_away_renews_patience(void** state) {
  Queue queue(desk_of(state));
  queue.send(40);
  queue.retry(Outbox::kPatience - 1);
  expect_numbers(queue.left(), 0, 15);
  queue.retry(Outbox::kPatience);  // the first of which succeeds
  assert_int_equal(queue.lost(), 0);
  queue.retry();
  assert_int_equal(queue.lost(), 10);
  expect_numbers(queue.left(), 15, 15);
}

void who_is_cleared_is_counted(void** state) {
  Queue queue(desk_of(state));
  queue.clear();
  assert_int_equal(queue.lost(), 0);
  queue.send(20);
  queue.clear();
  queue.clear();
  assert_int_equal(queue.lost(), 5);
  expect_numbers(queue.left(), 0, 15);
  queue.retry();
  assert_true(queue.left().empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_queue_with_room_takes_all),
      cmocka_unit_test(those_who_wait_leave_first),
      cmocka_unit_test(a_crowd_leaves_in_its_order),
      cmocka_unit_test(beyond_its_room_the_newest_are_lost),
      cmocka_unit_test(patience_ends_at_the_loop_that_it_says),
      cmocka_unit_test(one_that_gets_away_renews_patience),
      cmocka_unit_test(who_is_cleared_is_counted),
  };
  return cmocka_run_group_tests_name("packet/outbox", tests, open_desk, close_desk);
}
