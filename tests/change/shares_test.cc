#include "firmware/change/shares.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "firmware/table/hash.h"
#include "tests/change/sides.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Settings one_service(const std::vector<uint32_t>& weights, uint32_t buckets = kDefaultBuckets) {
  Settings settings = sound_settings();
  settings.services.resize(1);
  settings.services[0].buckets = buckets;
  settings.services[0].backends.clear();
  for (size_t i = 0; i < weights.size(); ++i) {
    settings.services[0].backends.push_back(server(static_cast<unsigned>(i + 1), weights[i]));
  }
  return settings;
}

bool is_near(double a, double b, double error) { return std::abs(a - b) <= error; }

void shares_are_counted(void** /*state*/) {
  const TestBox box(one_service({3, 1, 0}), {}, nullptr);
  ShareCounter counter;
  const auto shares = counter.count(box.settings, *box.plan);
  assert_int_equal(shares.size(), 1);
  assert_false(shares[0][1].has_value());
  const TableShares& v4 = *shares[0][0];
  assert_true(v4.is_open() && v4.buckets() == kDefaultBuckets);
  assert_int_equal(v4.count(0) + v4.count(1), kDefaultBuckets);
  assert_true(is_near(v4.share(0), 0.75, 1.0 / kDefaultBuckets));
  assert_int_equal(v4.count(2), 0);
}

void families_and_closed_services(void** /*state*/) {
  Settings settings = sound_settings();
  settings.services[0].vips.push_back(single("2001:db8::1"));
  settings.services[1].vips = {single("2001:db8::2")};
  const std::set<Address> lost = {server(1).address, server(2).address};
  const TestBox box(settings, lost, nullptr);
  ShareCounter counter;
  const auto shares = counter.count(box.settings, *box.plan);
  assert_true(shares[0][0]->name == "shop" && shares[0][1]->name == "shop/v6");
  assert_int_equal(shares[0][1]->count(0), 0);
  assert_true(is_near(shares[0][1]->share(2), 0.5, 0.001));
  assert_true(!shares[1][0].has_value() && shares[1][1]->name == "mail/v6");
  assert_false(shares[2][0]->is_open());
  assert_int_equal(shares[2][0]->buckets(), 0);
  assert_int_equal(shares[2][0]->count(0), 0);
  assert_true(shares[2][0]->share(0) == 0);
}

// That flows go on by the table which it had is no share of new ones.
void a_closed_service_that_has_kept_its_table_has_no_shares(void** /*state*/) {
  const TestBox open(one_service({1, 1}), {}, nullptr);
  const TestBox closed(one_service({0, 1}), {server(2).address}, open.plan.get());
  ShareCounter counter;
  assert_non_null(closed.plan->services[0].current);
  assert_false(counter.count(closed.settings, *closed.plan)[0][0]->is_open());
}

// As long as a worker holds a plan up, settings are ahead of the one in force.
void what_an_older_plan_has_not_is_without_shares(void** /*state*/) {
  const TestBox old_box(one_service({1, 1}), {}, nullptr);
  Settings settings = one_service({1, 1, 1});
  settings.services.push_back(sound_settings().services[1]);
  ShareCounter counter;
  const auto shares = counter.count(settings, *old_box.plan);
  assert_int_equal(shares.size(), 2);
  assert_false(shares[0][0]->is_open());
  assert_false(shares[1][0].has_value() || shares[1][1].has_value());
}

struct Counted {
  Moved moved;
  TableShares before;
  TableShares after;
};

Counted moved_between(const TestBox& before, const TestBox& after, ShareCounter& counter) {
  Counted counted;
  counted.before = *counter.count(before.settings, *before.plan)[0][0];
  counted.after = *counter.count(after.settings, *after.plan)[0][0];
  counted.moved = MoveCounter(*before.plan, *after.plan).count(counted.before, counted.after);
  return counted;
}

// By asking both plans where flows go, spread evenly over the hash space.
Moved sampled(const TestBox& before, const TestBox& after, const TableShares& shares) {
  constexpr uint32_t kSamples = 1'000'003;
  constexpr uint64_t kStep = (uint64_t{1} << 32) / kSamples;
  std::vector<double> of_slot(before.plan->backend_records.size(), 0);
  Moved moved;
  for (uint64_t i = 0; i < kSamples; ++i) {
    const uint64_t hash = (i * kStep) << 32;
    const uint16_t old_slot = before.plan->bucket(0, hash).current;
    const uint16_t new_slot = after.plan->bucket(0, hash).current;
    if (before.plan->backend_records[old_slot].identity ==
        after.plan->backend_records[new_slot].identity) {
      continue;
    }
    moved.part += 1.0 / kSamples;
    of_slot[old_slot] += 1.0 / kSamples;
  }
  for (size_t i = 0; i < shares.table->members.size(); ++i) {
    const double share = shares.share(i);
    moved.of_backend.push_back(share > 0 ? of_slot[shares.table->members[i].slot] / share : 0);
  }
  return moved;
}

void what_moves_is_what_plans_do(void** /*state*/) {
  struct Row {
    const char* description;
    Settings before;
    Settings after;
  };
  Settings elsewhere = one_service({1, 1, 1});
  elsewhere.services[0].backends[1].address = address_of("10.0.0.200");
  Settings turned = one_service({1, 1, 1, 1});
  std::ranges::reverse(turned.services[0].backends);
  const Row rows[] = {
      {"one is drained", one_service({1, 1, 1}), one_service({1, 0, 1})},
      {"one is removed", one_service({1, 1, 1}), one_service({1, 1})},
      {"one is added", one_service({1, 1, 1}), one_service({1, 1, 1, 1})},
      {"other weights", one_service({1, 1, 1}), one_service({5, 1, 2})},
      {"another address", one_service({1, 1, 1}), elsewhere},
      {"another order", one_service({1, 1, 1, 1}), turned},
      {"a larger table", one_service({1, 1, 1}, 251), one_service({1, 1, 1}, 65'537)},
      {"a smaller table", one_service({1, 2, 3}, 65'537), one_service({3, 1}, 1'009)},
      {"the least apart", one_service({1, 1, 1}, 251), one_service({1, 1, 1}, 257)},
  };
  for (const Row& row : rows) {
    // The plan after is built beside the one before, and on its own: its slots differ then.
    for (const bool is_beside : {true, false}) {
      const TestBox before(row.before, {}, nullptr);
      const TestBox after(row.after, {}, is_beside ? before.plan.get() : nullptr);
      ShareCounter counter;
      const Counted counted = moved_between(before, after, counter);
      const Moved expected = sampled(before, after, counted.before);
      bool is_right = is_near(counted.moved.part, expected.part, 1e-3);
      for (size_t i = 0; i < expected.of_backend.size(); ++i) {
        is_right = is_right && is_near(counted.moved.of_backend[i], expected.of_backend[i], 5e-3);
      }
      if (!is_right) {
        print_error("%s: %f, not %f\n", row.description, counted.moved.part, expected.part);
      }
      assert_true(is_right);
    }
  }
}

void the_same_moves_nothing(void** /*state*/) {
  const TestBox before(one_service({1, 1, 1}), {}, nullptr);
  const TestBox beside(one_service({1, 1, 1}), {}, before.plan.get());
  const TestBox alone(one_service({1, 1, 1}), {}, nullptr);
  const TestBox closed(one_service({1}), {server(1).address}, nullptr);
  ShareCounter counter;
  assert_true(moved_between(before, beside, counter).moved.part == 0);
  assert_true(moved_between(before, alone, counter).moved.part == 0);
  assert_true(moved_between(closed, before, counter).moved.part == 0);
  assert_true(moved_between(before, closed, counter).moved.part == 1);
  assert_true(moved_between(before, closed, counter).moved.of_backend ==
              std::vector<double>({1, 1, 1}));
}

void headroom(void** /*state*/) {
  struct Row {
    const char* description;
    std::vector<uint32_t> weights;
    std::vector<uint64_t> capacities;
    double flows;
    std::optional<Headroom> expected;
  };
  const Row rows[] = {
      {"alike", {1, 1, 1}, {100, 100, 100}, 150, Headroom{"web1", "web2", 0.75, true}},
      {"the largest fails", {2, 1, 1}, {200, 100, 100}, 300, Headroom{"web1", "web2", 1.5, true}},
      {"the weakest is left", {1, 1, 1}, {100, 50, 100}, 100, Headroom{"web1", "web2", 1.0, true}},
      {"the weakest itself fails",
       {8, 1, 1},
       {100, 100, 100},
       100,
       Headroom{"web2", "web1", 8.0 / 9, true}},
      {"without traffic", {1, 1}, {100, 100}, 0, Headroom{"web1", "web2", 1.0, false}},
      {"without traffic, one not known", {1, 1}, {100, 0}, 0, std::nullopt},
      {"with traffic, one not known", {1, 1}, {100, 0}, 50, Headroom{"web2", "web1", 0.5, true}},
      {"nothing known", {1, 1}, {0, 0}, 50, std::nullopt},
      {"one alone", {1}, {100}, 50, std::nullopt},
      {"one alone takes flows", {1, 0}, {100, 100}, 50, std::nullopt},
      {"the drained has none", {1, 1, 0}, {100, 100, 1}, 50, Headroom{"web1", "web2", 0.5, true}},
      {"the largest numbers",
       {4'294'967'295, 4'294'967'295},
       {1, UINT64_MAX},
       1e15,
       Headroom{"web2", "web1", 1e15, true}},
  };
  for (const Row& row : rows) {
    Settings settings = one_service(row.weights);
    for (size_t i = 0; i < row.capacities.size(); ++i) {
      settings.services[0].backends[i].capacity = row.capacities[i];
    }
    const TestBox box(settings, {}, nullptr);
    ShareCounter counter;
    const auto shares = counter.count(box.settings, *box.plan);
    const auto found = headroom_of(settings.services[0], *shares[0][0], row.flows);
    bool is_right = found.has_value() == row.expected.has_value();
    if (is_right && found.has_value()) {
      is_right = found->without == row.expected->without &&
                 found->fullest == row.expected->fullest &&
                 is_near(found->load, row.expected->load, 1e-9 * row.expected->load) &&
                 found->is_by_traffic == row.expected->is_by_traffic;
    }
    if (!is_right) {
      const Headroom got = found.value_or(Headroom{});
      print_error("%s: without %s, %s has %f\n", row.description, got.without.c_str(),
                  got.fullest.c_str(), got.load);
    }
    assert_true(is_right);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(shares_are_counted),
      cmocka_unit_test(families_and_closed_services),
      cmocka_unit_test(a_closed_service_that_has_kept_its_table_has_no_shares),
      cmocka_unit_test(what_an_older_plan_has_not_is_without_shares),
      cmocka_unit_test(what_moves_is_what_plans_do),
      cmocka_unit_test(the_same_moves_nothing),
      cmocka_unit_test(headroom),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
