#include "firmware/health/load_watch.h"

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr Microseconds kLook = 500'000;

struct Room {
  void look(std::vector<AgentLoad> loads) {
    now += kLook;
    watch.observe(loads, now);
  }
  // "shop/a has ...", of each.
  std::vector<std::string> said() const {
    std::vector<std::string> all;
    for (const LoadImbalanced& each : watch.imbalanced()) {
      all.push_back(each.service + "/" + each.backend + " " + each.evidence());
    }
    return all;
  }

  Microseconds now = 7;
  LoadWatch watch;
};

using Said = std::vector<std::string>;

void one_is_busier_than_the_others(void** /*state*/) {
  Room room;
  const std::vector<AgentLoad> busy = {
      {"shop", "a", 90}, {"shop", "b", 30}, {"shop", "c", 32}, {"web", "a", 5}, {"web", "b", 6}};
  room.look(busy);
  assert_true(room.said().empty());  // for a moment anybody may be
  room.look(busy);
  assert_true(room.said() == Said{"shop/a has a load of 90 %, where its pool is at 32 %"});
  assert_int_equal(room.watch.imbalanced()[0].since, room.now);
  for (int i = 0; i < 100; ++i) room.look(busy);
  assert_int_equal(room.watch.imbalanced()[0].since, 7 + 2 * kLook);
}

void one_idles(void** /*state*/) {
  Room room;
  for (int i = 0; i < 2; ++i) room.look({{"shop", "a", 71}, {"shop", "b", 69}, {"shop", "c", 39}});
  assert_true(room.said() == Said{"shop/c has a load of 39 %, where its pool is at 69 %"});
}

// Who has a part of its weight, by its agent or since it has just come back.
void who_has_less_to_do_may_idle(void** /*state*/) {
  Room room;
  for (int i = 0; i < 2; ++i) {
    room.look({{"shop", "a", 71}, {"shop", "b", 69}, {"shop", "c", 39, true}});
  }
  assert_true(room.said().empty());
  for (int i = 0; i < 2; ++i) {
    room.look({{"shop", "a", 51}, {"shop", "b", 49}, {"shop", "c", 99, true}});
  }
  assert_true(room.said() == Said{"shop/c has a load of 99 %, where its pool is at 51 %"});
}

// Two that differ are told of once.
void of_two_the_busier_one_is_told(void** /*state*/) {
  Room room;
  for (int i = 0; i < 2; ++i) room.look({{"shop", "a", 31}, {"shop", "b", 90}});
  assert_true(room.said() == Said{"shop/b has a load of 90 %, where its pool is at 31 %"});
}

void what_differs_a_little_or_for_a_moment_is_nothing(void** /*state*/) {
  Room room;
  for (int i = 0; i < 50; ++i) {
    room.look({{"shop", "a", 60}, {"shop", "b", 31}});
    assert_true(room.said().empty());
    room.look({{"shop", "a", i % 2 == 0 ? 100u : 31u}, {"shop", "b", 31}});
    assert_true(room.said().empty());
  }
}

void it_is_over_when_it_has_been_for_a_while(void** /*state*/) {
  Room room;
  const std::vector<AgentLoad> busy = {{"shop", "a", 90}, {"shop", "b", 30}};
  const std::vector<AgentLoad> alike = {{"shop", "a", 40}, {"shop", "b", 30}};
  for (int i = 0; i < 2; ++i) room.look(busy);
  assert_int_equal(room.said().size(), 1);
  for (Microseconds passed = 0; passed < LoadWatch::kOver; passed += kLook) {
    room.look(alike);
    assert_int_equal(room.said().size(), 1);
  }
  room.look(alike);
  assert_true(room.said().empty());
}

void who_is_alone_or_gone_is_not_judged(void** /*state*/) {
  Room room;
  for (int i = 0; i < 5; ++i) room.look({{"shop", "a", 100}, {"web", "a", 0}});
  assert_true(room.said().empty());
  for (int i = 0; i < 2; ++i) room.look({{"shop", "a", 100}, {"shop", "b", 0}});
  assert_int_equal(room.said().size(), 1);
  room.look({{"shop", "a", 100}});
  assert_true(room.said().empty());
  room.look({});
  assert_true(room.said().empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(one_is_busier_than_the_others),
      cmocka_unit_test(one_idles),
      cmocka_unit_test(who_has_less_to_do_may_idle),
      cmocka_unit_test(of_two_the_busier_one_is_told),
      cmocka_unit_test(what_differs_a_little_or_for_a_moment_is_nothing),
      cmocka_unit_test(it_is_over_when_it_has_been_for_a_while),
      cmocka_unit_test(who_is_alone_or_gone_is_not_judged),
  };
  return cmocka_run_group_tests_name("health/load_watch", tests, nullptr, nullptr);
}
