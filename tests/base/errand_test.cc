#include "firmware/base/errand.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// Work waits here until it may go on.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return is_open_; });
  }
  void open() {
    const std::scoped_lock lock(mutex_);
    is_open_ = true;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool is_open_ = false;
};

constexpr Errand::Patience kShort{1};
constexpr Errand::Patience kLong{60'000};

void never() { fail(); }

void without_patience_to_set_work_is_done_here(void** /*state*/) {
  Errand errand;
  std::thread::id where;
  assert_true(errand.run([&] { where = std::this_thread::get_id(); }, never));
  assert_true(where == std::this_thread::get_id());
  assert_true(errand.is_free());
}

void what_is_done_in_time_is_waited_for(void** /*state*/) {
  Errand errand;
  errand.set_patience(kLong);
  for (int i = 0; i < 100; ++i) {
    std::thread::id where;
    assert_true(errand.run([&] { where = std::this_thread::get_id(); }, never));
    assert_true(where != std::this_thread::get_id());
    assert_true(errand.is_free());
  }
}

void what_takes_longer_is_told_later(void** /*state*/) {
  Errand errand;
  errand.set_patience(kShort);
  Gate gate;
  int result = 0;
  std::vector<int> told;
  assert_false(errand.run(
      [&] {
        gate.pass();
        result = 7;
      },
      [&] { told.push_back(result); }));
  assert_false(errand.is_free());
  assert_true(told.empty());
  gate.open();
  errand.wait();
  assert_true(told == std::vector<int>{7});
  assert_true(errand.is_free());
  errand.wait();
  assert_int_equal(told.size(), 1);
}

// What is late may need an errand of its own, which may be late again.
void late_work_may_have_more_to_do(void** /*state*/) {
  Errand errand;
  errand.set_patience(kShort);
  Gate first;
  Gate second;
  bool has_begun_more = false;
  bool is_over = false;
  const auto more = [&] {
    assert_false(errand.run([&] { second.pass(); }, [&] { is_over = true; }));
    has_begun_more = true;
  };
  assert_false(errand.run([&] { first.pass(); }, more));
  first.open();
  while (!has_begun_more) assert_false(errand.is_free());
  assert_false(errand.is_free());
  second.open();
  errand.wait();
  assert_true(is_over);
}

void the_end_waits_for_what_is_under_way(void** /*state*/) {
  Gate gate;
  bool is_done = false;
  std::thread opener;
  {
    Errand errand;
    errand.set_patience(kShort);
    assert_false(errand.run(
        [&] {
          gate.pass();
          is_done = true;
        },
        never));
    opener = std::thread([&] { gate.open(); });
  }
  assert_true(is_done);
  opener.join();
}

void what_work_throws_is_the_callers(void** /*state*/) {
  Errand errand;
  errand.set_patience(kLong);
  bool is_caught = false;
  try {
    errand.run([] { throw std::runtime_error("no"); }, never);
  } catch (const std::runtime_error&) {
    is_caught = true;
  }
  assert_true(is_caught);
  assert_true(errand.is_free());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(without_patience_to_set_work_is_done_here),
      cmocka_unit_test(what_is_done_in_time_is_waited_for),
      cmocka_unit_test(what_takes_longer_is_told_later),
      cmocka_unit_test(late_work_may_have_more_to_do),
      cmocka_unit_test(the_end_waits_for_what_is_under_way),
      cmocka_unit_test(what_work_throws_is_the_callers),
  };
  return cmocka_run_group_tests_name("base/errand", tests, nullptr, nullptr);
}
