#include "firmware/manage/alerts.h"

#include <set>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr WallTime kWall = 1'800'000'000'000'000;

Alert down(const std::string& backend, const std::string& text = "does not answer") {
  return {.kind = AlertKind::backend_down, .labels = {{"backend", backend}}, .text = text};
}

// Time as the book sees it, monotonic and of the wall.
struct Book {
  Alerts alerts;
  Microseconds now = 1'000'000'000;

  void look(std::vector<Alert> active, Microseconds later = 200'000) {
    now += later;
    alerts.set(std::move(active), now, kWall + now);
  }
  void happen(Alert alert) { alerts.tell(std::move(alert), now, kWall + now); }
};

void test_begins_once_and_ends_once(void**) {
  Book book;
  for (int i = 0; i < 100; ++i) book.look({down("web1", "turn " + std::to_string(i))});
  assert_int_equal(book.alerts.number(), 1);
  assert_int_equal(book.alerts.firing().size(), 1);
  const Alerts::Entry& entry = *book.alerts.firing()[0];
  assert_true(entry.fires());
  assert_int_equal(entry.began, kWall + 1'000'200'000);
  assert_string_equal(entry.alert.text.c_str(), "turn 99");

  const WallTime began = entry.began;
  for (int i = 0; i < 100; ++i) book.look({});
  assert_int_equal(book.alerts.number(), 2);
  assert_true(book.alerts.firing().empty());
  assert_int_equal(book.alerts.over().size(), 1);
  const Alerts::Entry& over = *book.alerts.over()[0];
  assert_int_equal(over.number, 2);
  assert_int_equal(over.began, began);
  assert_false(over.fires());
  assert_string_equal(over.alert.text.c_str(), "turn 99");
}

void test_is_over_only_when_calm(void**) {
  Book book;
  for (int i = 0; i < 50; ++i) {
    book.look({down("web1")}, 1);
    book.look({}, Alerts::kCalm - 1);
  }
  assert_int_equal(book.alerts.number(), 1);
  book.look({}, 1);
  assert_int_equal(book.alerts.number(), 2);
  book.look({down("web1")});
  assert_int_equal(book.alerts.number(), 3);
  assert_int_equal(book.alerts.firing().size(), 1);
  assert_int_equal(book.alerts.over().size(), 1);
}

void test_same_kind_and_labels_are_one(void**) {
  Book book;
  const Alert one = {.kind = AlertKind::archive_damaged, .labels = {}, .text = "a tree"};
  const Alert other = {.kind = AlertKind::archive_damaged, .labels = {}, .text = "a blob"};
  book.look({one, other, down("web1"), down("web2")});
  assert_int_equal(book.alerts.firing().size(), 3);
  assert_int_equal(book.alerts.firing(AlertKind::backend_down), 2);
  assert_int_equal(book.alerts.firing(AlertKind::archive_damaged), 1);
  assert_int_equal(book.alerts.firing(AlertKind::link_down), 0);
  assert_string_equal(book.alerts.firing()[0]->alert.text.c_str(), "a tree; a blob");
}

void test_what_has_happened_stands_for_a_while(void**) {
  Book book;
  const Alert back = {
      .kind = AlertKind::change_rolled_back, .labels = {{"generation", "7"}}, .text = "worse"};
  book.happen(back);
  assert_int_equal(book.alerts.number(), 1);
  book.look({}, Alerts::kStands - 1);
  assert_int_equal(book.alerts.firing().size(), 1);
  book.happen(back);  // again: it stands from now
  book.look({}, Alerts::kStands - 1);
  assert_int_equal(book.alerts.firing().size(), 1);
  book.look({}, 1);
  assert_true(book.alerts.firing().empty());
  assert_int_equal(book.alerts.number(), 2);
}

// Who did not look for a while does not know that it is over.
void test_what_happens_ends_nothing_that_may_be_so_still(void**) {
  Book book;
  book.look({down("web1")});
  book.now += 2 * Alerts::kCalm;
  book.happen({.kind = AlertKind::change_rolled_back, .labels = {}, .text = "worse"});
  assert_true(book.alerts.over().empty());
  book.look({down("web1")}, 1);
  assert_true(book.alerts.over().empty());
  assert_int_equal(book.alerts.number(), 2);
}

void test_wall_time_may_step_back(void**) {
  Book book;
  book.look({down("web1")});
  book.alerts.set({}, book.now + Alerts::kCalm, 5);
  const Alerts::Entry& over = *book.alerts.over()[0];
  assert_false(over.fires());
  assert_true(over.ended > over.began);
}

void test_is_bounded(void**) {
  Book book;
  std::vector<Alert> many;
  for (size_t i = 0; i < 65'535; ++i) many.push_back(down("web" + std::to_string(i)));
  book.look(many);
  assert_int_equal(book.alerts.firing().size(), kMaxAlerts + 1);
  assert_int_equal(book.alerts.firing(AlertKind::too_many_alerts), 1);
  for (const Alerts::Entry* const entry : book.alerts.firing()) {
    if (entry->alert.kind != AlertKind::too_many_alerts) continue;
    assert_true(entry->alert.text.starts_with(std::to_string(65'535 - kMaxAlerts) + " more"));
  }
  // What has happened finds its place nevertheless.
  for (size_t i = 0; i < 1'000; ++i) {
    book.happen({.kind = AlertKind::change_rolled_back,
                 .labels = {{"generation", std::to_string(i)}},
                 .text = "worse"});
  }
  assert_int_equal(book.alerts.firing(AlertKind::change_rolled_back), kMaxAlertsOver);

  book.look({}, Alerts::kStands);
  assert_true(book.alerts.firing().empty());
  assert_int_equal(book.alerts.over().size(), Alerts::kMostOver);
  // Of a listing, the latest.
  assert_int_equal(book.alerts.over(kMaxAlertsOver).size(), kMaxAlertsOver);
  assert_int_equal(book.alerts.over(kMaxAlertsOver)[0]->number, book.alerts.number());
  for (size_t i = 0; i < 100; ++i) {
    book.look({down("web" + std::to_string(i))});
    book.look({}, Alerts::kStands);
  }
  assert_int_equal(book.alerts.over().size(), Alerts::kMostOver);
  book.look({down("web1", std::string(1'000'000, 'x'))});
  assert_int_equal(book.alerts.firing()[0]->alert.text.size(), kMaxAlertText);
}

// Who was away while a link flapped still learns what else is over.
void test_flapping_drops_no_other_end(void**) {
  Book book;
  book.look({down("web1"), down("web2")});
  book.look({down("web2")}, Alerts::kCalm);
  for (size_t i = 0; i < 2 * Alerts::kMostOver; ++i) {
    book.look({down("web2")});
    book.look({}, Alerts::kCalm);
  }
  assert_int_equal(book.alerts.over().size(), Alerts::kMostOver);
  assert_int_equal(book.alerts.over()[0]->number, book.alerts.number());
  assert_string_equal(book.alerts.over().back()->alert.labels[0].second.c_str(), "web1");
}

// Whoever keeps a number misses nothing that is still there.
void test_numbers_rise_and_are_given_once(void**) {
  Book book;
  std::set<uint64_t> seen;
  for (uint64_t i = 0; i < 300; ++i) {
    const uint64_t before = book.alerts.number();
    std::vector<Alert> active;
    for (uint64_t j = 0; j < 8; ++j) {
      if ((i * 7 + j * 3) % 5 != 0) active.push_back(down("web" + std::to_string(j)));
    }
    book.look(active, (i % 4) * 1'500'000);
    for (const auto& entries : {book.alerts.firing(), book.alerts.over()}) {
      for (const Alerts::Entry* const entry : entries) {
        if (entry->number > before) assert_true(seen.insert(entry->number).second);
        assert_true(entry->number <= book.alerts.number());
      }
    }
  }
  assert_int_equal(seen.size(), book.alerts.number());
  assert_true(seen.size() > 100);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_begins_once_and_ends_once),
      cmocka_unit_test(test_is_over_only_when_calm),
      cmocka_unit_test(test_same_kind_and_labels_are_one),
      cmocka_unit_test(test_what_has_happened_stands_for_a_while),
      cmocka_unit_test(test_what_happens_ends_nothing_that_may_be_so_still),
      cmocka_unit_test(test_wall_time_may_step_back),
      cmocka_unit_test(test_is_bounded),
      cmocka_unit_test(test_flapping_drops_no_other_end),
      cmocka_unit_test(test_numbers_rise_and_are_given_once),
  };
  return cmocka_run_group_tests_name("manage/alerts", tests, nullptr, nullptr);
}
