#include "firmware/appliance/backend_totals.h"

#include <map>
#include <memory>
#include <random>
#include <string>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr uint16_t kSlots = 8;

std::unique_ptr<Evidence> evidence_of(size_t slots) {
  auto made = Evidence::make({.slots = slots, .services = 1});
  CHECK(made.ok());
  return std::move(made.value());
}

struct Room {
  explicit Room(size_t slots = kSlots) : one(evidence_of(slots)), other(evidence_of(slots)) {}

  // A name in each slot; "": it is free.
  void publish(const std::vector<std::string>& names) {
    ++plan.generation;
    plan.backend_records.clear();
    for (const std::string& name : names) {
      const uint64_t identity = std::hash<std::string>()(name) | 1;
      plan.backend_records.push_back({.name = name, .identity = identity, .left = 0});
    }
    totals.follow(plan);
  }
  uint64_t packets(const std::string& name) {
    totals.read();
    return totals.of(name).packets;
  }

  std::unique_ptr<Evidence> one;
  std::unique_ptr<Evidence> other;
  Plan plan;
  BackendTotals totals{{one.get(), other.get()}};
};

void test_adds_workers_and_slots_of_one_name(void**) {
  Room room;
  room.publish({"shop/web1", "shop/web2", "shop/web1"});
  room.one->count_packet(0, 100);
  room.other->count_packet(0, 100);
  room.other->count_packet(2, 50);
  room.one->count_packet(1, 7);
  assert_int_equal(room.packets("shop/web1"), 3);
  assert_int_equal(room.totals.of("shop/web1").bytes, 250);
  assert_int_equal(room.packets("shop/web2"), 1);
  assert_int_equal(room.packets("shop/web3"), 0);
  assert_int_equal(room.packets("shop/web1"), 3);
}

void test_a_slot_takes_nothing_to_its_next_owner(void**) {
  Room room;
  room.publish({"shop/web1"});
  for (int i = 0; i < 5; ++i) room.one->count_packet(0, 1);
  room.publish({"shop/web2"});
  for (int i = 0; i < 3; ++i) room.one->count_packet(0, 1);
  assert_int_equal(room.packets("shop/web1"), 5);
  assert_int_equal(room.packets("shop/web2"), 3);
  room.publish({""});
  room.one->count_packet(0, 1);  // of a flow that does not know yet
  room.publish({"shop/web1"});
  room.one->count_packet(0, 1);
  assert_int_equal(room.packets("shop/web1"), 6);
  assert_int_equal(room.packets("shop/web2"), 3);
}

// Workers follow a plan before anybody looks.
void test_what_comes_before_the_first_look_counts(void**) {
  Room room;
  room.one->count_packet(0, 100);
  room.one->count_completed(0, 40);
  room.publish({"shop/web1"});
  room.other->count_packet(0, 100);
  assert_int_equal(room.packets("shop/web1"), 2);
  assert_int_equal(room.totals.of_service("shop").handshakes.counts[0], 1);
}

void test_times_are_of_services(void**) {
  Room room;
  room.publish({"shop/web1", "shop/web2", "mail/mx1"});
  room.one->count_completed(0, 40);       // below 64 us
  room.one->count_completed(1, 64);       // not below 64 us
  room.other->count_completed(1, 1'000);  // below 1,024 us
  room.one->count_completed(1, 2'000'000);
  room.one->count_answered(0, 100);
  room.totals.read();
  const BackendTotals::OfService shop = room.totals.of_service("shop");
  assert_int_equal(shop.handshakes.counts[0], 1);
  assert_int_equal(shop.handshakes.counts[1], 1);
  assert_int_equal(shop.handshakes.counts[4], 1);
  assert_int_equal(shop.handshakes.beyond, 1);
  assert_int_equal(shop.responses.counts[1], 1);
  // Middles of the fine buckets: 32 to 48, 64 to 96, 768 to 1,024, and the last one from 1 s.
  assert_int_equal(shop.handshakes.sum, 40 + 80 + 896 + 1'048'576);
  const BackendTotals::OfService mail = room.totals.of_service("mail");
  for (const uint64_t count : mail.handshakes.counts) assert_int_equal(count, 0);
  room.publish({"mail/mx1", "", ""});
  room.one->count_completed(0, 40);
  room.totals.read();
  assert_int_equal(room.totals.of_service("shop").handshakes.counts[0], 1);
  assert_int_equal(room.totals.of_service("mail").handshakes.counts[0], 1);
}

// Whatever the slots do: no total ever falls, and all together are what was counted for somebody.
void test_totals_never_fall(void**) {
  Room room;
  std::mt19937 random(7);
  std::map<std::string, uint64_t> before;
  std::vector<std::string> names(kSlots);
  std::vector<bool> was_given(kSlots);
  uint64_t counted = 0;
  for (int turn = 0; turn < 2'000; ++turn) {
    for (std::string& name : names) {
      if (random() % 4 == 0) {
        name = random() % 5 == 0 ? "" : "shop/web" + std::to_string(random() % 6);
      }
    }
    room.publish(names);
    for (uint16_t slot = 0; slot < kSlots; ++slot) {
      was_given[slot] = was_given[slot] || !names[slot].empty();
      if (!was_given[slot]) continue;  // of which no worker knows
      const auto packets = static_cast<uint32_t>(random() % 10);
      for (uint32_t i = 0; i < packets; ++i)
        (i % 2 == 0 ? room.one : room.other)->count_packet(slot, 1);
      if (!names[slot].empty()) counted += packets;
    }
    uint64_t sum = 0;
    for (int i = 0; i < 6; ++i) {
      const std::string name = "shop/web" + std::to_string(i);
      const uint64_t packets = room.packets(name);
      assert_true(packets >= before[name]);
      before[name] = packets;
      sum += packets;
    }
    assert_int_equal(sum, counted);
  }
  assert_true(counted > 10'000);
}

// Names that come and go for ever are forgotten, those in use are not.
void test_is_bounded(void**) {
  Room room;
  room.publish({"shop/kept"});
  room.one->count_packet(0, 1);
  for (size_t i = 0; i < 3 * kMaxBackends; ++i) {
    room.publish({"shop/kept", "s" + std::to_string(i) + "/web"});
  }
  assert_int_equal(room.packets("shop/kept"), 1);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_adds_workers_and_slots_of_one_name),
      cmocka_unit_test(test_a_slot_takes_nothing_to_its_next_owner),
      cmocka_unit_test(test_what_comes_before_the_first_look_counts),
      cmocka_unit_test(test_times_are_of_services),
      cmocka_unit_test(test_totals_never_fall),
      cmocka_unit_test(test_is_bounded),
  };
  return cmocka_run_group_tests_name("appliance/backend_totals", tests, nullptr, nullptr);
}
