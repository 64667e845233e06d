// A question and its answer cross two threads whole, and an old answer is never taken for a new
// one.
#include "firmware/exchange/inquiry.h"

#include <atomic>
#include <thread>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// An answer that its question can be told from.
FlowMemory::Found found_for(uint64_t flow) {
  return {.backend = static_cast<uint16_t>(flow),
          .age = static_cast<uint16_t>(flow >> 16),
          .way = static_cast<uint8_t>(flow & 7),
          .state = FlowState::finished};
}

void test_no_answer_before_it_is_given(void** /*state*/) {
  Inquiry inquiry;
  inquiry.ask(0x1234'5678);
  assert_false(inquiry.answer().has_value());
  inquiry.serve(found_for);
  const auto answer = inquiry.answer();
  assert_true(answer.has_value());
  assert_int_equal(answer->backend, 0x5678);
  assert_int_equal(answer->age, 0x1234);
  assert_int_equal(answer->way, 0);
  assert_true(answer->state == FlowState::finished);
}

void test_an_old_answer_is_of_an_old_question(void** /*state*/) {
  Inquiry inquiry;
  inquiry.ask(1);
  inquiry.serve(found_for);
  inquiry.ask(2);
  assert_false(inquiry.answer().has_value());
  inquiry.serve(found_for);
  assert_int_equal(inquiry.answer()->backend, 2);
}

void test_who_is_not_asked_does_not_look(void** /*state*/) {
  Inquiry inquiry;
  int looks = 0;
  const auto find = [&looks](uint64_t /*flow*/) {
    ++looks;
    return FlowMemory::Found{};
  };
  inquiry.serve(find);
  assert_int_equal(looks, 0);
  inquiry.ask(7);
  inquiry.serve(find);
  inquiry.serve(find);
  assert_int_equal(looks, 1);
  assert_int_equal(inquiry.answer()->backend, kNoBackend);
}

void test_two_threads(void** /*state*/) {
  static Inquiry inquiry;
  static std::atomic<bool> must_stop{false};
  std::thread worker([] {
    while (!must_stop) inquiry.serve(found_for);
  });
  uint64_t wrong = 0;
  for (uint64_t flow = 1; flow <= 20'000; ++flow) {
    const uint64_t asked = flow * 0x9e37'79b9;
    inquiry.ask(asked);
    std::optional<FlowMemory::Found> answer;
    while (!(answer = inquiry.answer()).has_value()) std::this_thread::yield();
    const FlowMemory::Found expected = found_for(asked);
    wrong += answer->backend != expected.backend || answer->age != expected.age ? 1 : 0;
  }
  must_stop = true;
  worker.join();
  assert_int_equal(wrong, 0);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_no_answer_before_it_is_given),
      cmocka_unit_test(test_an_old_answer_is_of_an_old_question),
      cmocka_unit_test(test_who_is_not_asked_does_not_look),
      cmocka_unit_test(test_two_threads),
  };
  return cmocka_run_group_tests_name("exchange/inquiry", tests, nullptr, nullptr);
}
