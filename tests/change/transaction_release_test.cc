// How a change is released, and how it ends.
#include "firmware/change/transaction.h"

#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "tests/change/small_transaction.h"

namespace evenkeel {
namespace {

void goes_back_by_itself_and_is_latched(void** state) {
  Machine& machine = machine_of(state);
  const std::string text = text_of({.mss = 1'300});
  const uint64_t id = commit(machine, text);
  machine.tick(60 * kSecond - 1);
  assert_true(is_in_force(machine, text));
  machine.wall -= 1'000'000 * kSecond;
  machine.tick(1);
  assert_true(is_in_force(machine, first_text()));
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const Answer<Change> late = transaction.confirm(anna, id);
  assert_true(is_refused(late, Code::no_change));
  assert_true(late.refusal().message.find("not confirmed in time") != std::string::npos);

  machine.restart();
  Transaction& again = *machine.transaction;
  const CommitRequest plain = {.window = {}, .why = "once more"};
  assert_true(is_good(again.open(anna, 1, text)));
  assert_true(is_refused(again.commit(anna, plain), Code::latched));
  assert_true(
      is_refused(again.unlatch(machine.caller("vera", Role::viewer), id, "me"), Code::role));
  assert_true(is_refused(again.unlatch(anna, id, " "), Code::bad_request));
  assert_true(is_refused(again.unlatch(anna, 1, "me"), Code::bad_request));
  assert_true(is_refused(again.unlatch(anna, 99, "me"), Code::no_generation));
  assert_true(is_good(again.unlatch(anna, id, "it was the switch")));
  assert_true(is_good(again.commit(anna, plain)));
  machine.tick(60 * kSecond);

  const Caller later = machine.caller("anna");
  assert_true(is_good(again.open(later, 1, text)));
  assert_true(is_refused(again.commit(later, plain), Code::latched));
  CommitRequest waived = plain;
  waived.waivers = {{.rule = "latched", .reason = ""}};
  assert_true(is_refused(again.commit(later, waived), Code::bad_request));
  waived.waivers.front().reason = "it was the switch";
  const Answer<Change> live = again.commit(later, waived);
  assert_true(is_good(live));
  assert_true(is_good(again.confirm(later, live.value().id)));
  // What was confirmed is trusted again.
  commit(machine, first_text());
  assert_true(is_good(again.rollback(later, again.change()->id, "")));
  assert_true(is_in_force(machine, text));
  commit(machine, first_text());
}

// A part of the flows has seen it only.
void what_rolls_out_is_not_confirmed_yet(void** state) {
  Machine& machine = machine_of(state);
  const std::string text = text_of({.mss = 1'300});
  const uint64_t id = commit(machine, text);
  machine.box->rolls_out = true;
  const Answer<Change> early = machine.transaction->confirm(machine.caller("anna"), id);
  assert_true(is_refused(early, Code::wrong_state));
  assert_true(early.refusal().advice.find("a part of the flows") != std::string::npos);
  assert_int_equal(machine.transaction->confirmed().generation, 1);
  machine.box->rolls_out = false;
  assert_true(is_good(machine.transaction->confirm(machine.caller("anna"), id)));
}

// As a change must that is meant to make something slower.
void a_trial_can_be_waived(void** state) {
  Machine& machine = machine_of(state);
  const Caller anna = machine.caller("anna");
  Transaction& transaction = *machine.transaction;
  commit(machine, text_of({.mss = 1'300}));
  assert_true(machine.box->steps == RolloutSettings().steps);
  assert_true(is_good(transaction.rollback(anna, transaction.change()->id, "")));
  assert_true(is_good(transaction.open(anna, 1, text_of({.mss = 1'301}))));
  CommitRequest request = {.window = {}, .why = "to the far site"};
  request.waivers = {{.rule = "trial", .reason = " "}};
  assert_true(is_refused(transaction.commit(anna, request), Code::bad_request));
  request.waivers.front().reason = "it is far away";
  assert_true(is_good(transaction.commit(anna, request)));
  assert_true(machine.box->steps.empty());
}

// Found out by keeld itself, at any moment of a probation: latched, as what nobody confirmed is.
void what_does_harm_is_taken_back(void** state) {
  Machine& machine = machine_of(state);
  const std::string text = text_of({.mss = 1'300});
  commit(machine, text);
  machine.transaction->take_back("service shop: of 10 new flows 9 failed", machine.now,
                                 machine.wall);
  assert_true(is_in_force(machine, first_text()));
  assert_true(machine.transaction->ended()->outcome.find("9 failed") != std::string::npos);
  assert_true(is_good(machine.transaction->open(machine.caller("anna"), 1, text)));
  assert_true(is_refused(
      machine.transaction->commit(machine.caller("anna"), {.window = {}, .why = "again"}),
      Code::latched));
  machine.transaction->take_back("nothing is live", machine.now, machine.wall);
  assert_true(is_in_force(machine, first_text()));
}

void confirms_nothing_late(void** state) {
  Machine& machine = machine_of(state);
  const uint64_t id = commit(machine, text_of({.mss = 1'300}));
  machine.now += 60 * kSecond;  // and no tick came
  assert_true(
      is_refused(machine.transaction->confirm(machine.caller("anna"), id), Code::no_change));
  assert_true(is_in_force(machine, first_text()));
  assert_int_equal(machine.archive->confirmed()->number, 1);
}

void refuses_windows_and_reasons_that_cannot_be(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  assert_true(is_good(transaction.open(anna, 1, text_of({.mss = 1'300}))));
  const CommitRequest bad[] = {
      {.window = {}, .why = ""},
      {.window = {}, .why = "two\nlines"},
      {.window = {}, .why = std::string(kMaxWhy + 1, 'x')},
      {.window = 0, .why = "x"},
      {.window = kMinConfirmSeconds * kSecond - 1, .why = "x"},
      {.window = kMaxConfirmSeconds * kSecond + 1, .why = "x"},
      {.window = UINT64_MAX, .why = "x"},
      {.window = {}, .why = "x", .waivers = std::vector<Waiver>(kMaxWaivers + 1)},
  };
  for (const CommitRequest& each : bad) {
    assert_true(is_refused(transaction.commit(anna, each), Code::bad_request));
  }
  const Answer<Change> live =
      transaction.commit(anna, {.window = kMaxConfirmSeconds * kSecond, .why = "x"});
  assert_true(is_good(live));
  assert_true(live.value().window == kMaxConfirmSeconds * kSecond);
}

// Of a change that only one rule refuses: two of four backends go.
void rules_are_waived_by_name_only(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const std::string text = text_of({.backends = 1});
  assert_true(is_good(transaction.open(anna, 1, text)));
  CommitRequest request = {.window = {}, .why = "smaller"};
  const Answer<Change> refused = transaction.commit(anna, request);
  assert_true(is_refused(refused, Code::needs_waiver));
  const std::vector<Hit> hits = refused.refusal().hits;
  assert_true(!hits.empty());
  for (const Hit& hit : hits) {
    assert_true(hit.severity == Severity::refuse);
    assert_true(has_event(machine, "rule", std::string(hit.rule) + ": refuse"));
    const bool is_new = std::ranges::none_of(
        request.waivers, [&](const Waiver& each) { return each.rule == hit.rule; });
    if (is_new)
      request.waivers.push_back({.rule = std::string(hit.rule), .reason = "they are old"});
  }
  const std::vector<Waiver> right = request.waivers;
  const auto with = [&](const Waiver& waiver) {
    request.waivers = right;
    request.waivers.push_back(waiver);
    return transaction.commit(anna, request);
  };
  assert_true(is_refused(with({.rule = "signle-node", .reason = "x"}), Code::wrong_waiver));
  assert_true(is_refused(with(right.front()), Code::wrong_waiver));
  assert_true(is_refused(with({.rule = "vip-conflict", .reason = "x"}), Code::wrong_waiver));
  assert_true(is_refused(with({.rule = "latched", .reason = "x"}), Code::wrong_waiver));
  request.waivers = right;
  request.waivers.front().reason = "  ";
  assert_true(is_refused(transaction.commit(anna, request), Code::bad_request));
  request.waivers = right;
  request.waivers.pop_back();
  assert_true(is_refused(transaction.commit(anna, request), Code::needs_waiver));
  assert_true(is_in_force(machine, first_text()));
  request.waivers = right;
  assert_true(is_good(transaction.commit(anna, request)));
  assert_true(machine.archive->read(transaction.change()->generation).value().waivers == right);
  assert_true(has_event(machine, "rule", "waived (they are old)"));
}

void somebody_else_releases_it(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna", Role::approver);
  const Caller bert = machine.caller("bert", Role::approver);
  // The confirmed settings want it, not those that would do without it.
  const std::string text = text_of({.mss = 1'300, .approval = false});
  assert_true(is_good(transaction.open(anna, 1, text)));
  assert_true(transaction.change()->needs_approval);
  const CommitRequest request = {.window = {},
                                 .why = "a test",
                                 .waivers = {{.rule = "loosened-rule", .reason = "on holiday"}}};
  const Answer<Change> waiting = transaction.commit(anna, request);
  assert_true(is_good(waiting));
  assert_true(waiting.value().state == ChangeState::awaiting_approval);
  assert_int_equal(waiting.value().generation, 2);
  assert_true(is_in_force(machine, text_of({.approval = true})));
  assert_true(is_refused(transaction.commit(anna, request), Code::awaiting_approval));
  assert_true(is_refused(transaction.confirm(bert, 2), Code::wrong_state));
  assert_true(is_refused(transaction.approve(anna, 2), Code::own_change));
  Caller other_name = anna;
  other_name.who.user = "anna-too";
  assert_true(is_refused(transaction.approve(other_name, 2), Code::own_change));
  assert_true(is_refused(transaction.approve(machine.caller("carl"), 2), Code::role));
  assert_true(is_refused(transaction.approve(bert, 3), Code::wrong_id));

  // What is edited is another change than the one that somebody was asked to release.
  const Edit edit = {.path = "services.shop.mss", .value = "1200"};
  assert_true(is_good(transaction.edit(anna, std::span(&edit, 1))));
  assert_int_equal(transaction.change()->id, 3);
  assert_true(is_refused(transaction.approve(bert, 2), Code::wrong_id));
  assert_true(is_refused(transaction.approve(bert, 3), Code::wrong_state));
  assert_true(is_good(transaction.commit(anna, request)));

  // The world may have changed meanwhile, so that it has to pass the gates once more.
  for (const char* const each : {"10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"}) {
    machine.box->unreachable.push_back(*parse_address(each));
  }
  assert_true(is_refused(transaction.approve(bert, 3), Code::needs_waiver));
  machine.box->unreachable.clear();
  machine.tick(1'000'000 * kSecond);
  assert_true(transaction.change()->state == ChangeState::awaiting_approval);
  assert_true(is_good(transaction.approve(machine.caller("bert", Role::approver), 3)));
  assert_true(transaction.change()->approver == "bert");
  assert_true(is_good(transaction.confirm(machine.caller("anna"), 3)));
  // It is not wanted any more.
  commit(machine, text_of({.mss = 1'100}));
  assert_true(transaction.change()->state == ChangeState::on_probation);
}

void a_person_takes_it_back(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller bert = machine.caller("bert");
  const std::string text = text_of({.mss = 1'300});
  const uint64_t id = commit(machine, text);
  assert_true(is_refused(transaction.rollback(bert, id + 1, ""), Code::wrong_id));
  const Answer<Change> back = transaction.rollback(bert, id, "slow");
  assert_true(is_good(back));
  assert_true(back.value().state == ChangeState::rolled_back);
  assert_true(is_in_force(machine, first_text()));
  assert_true(machine.archive->read(id).value().outcome.find("slow") != std::string::npos);
  assert_true(commit(machine, text) > id);  // not latched
  transaction.take_back("the judge says so", machine.now, machine.wall);
  assert_true(is_in_force(machine, first_text()));
  assert_true(is_good(transaction.open(bert, 1, text)));
  assert_true(is_refused(transaction.commit(bert, {.window = {}, .why = "x"}), Code::latched));
  transaction.take_back("nothing is on probation", machine.now, machine.wall);
  assert_true(transaction.change().has_value());
}

// On a disk that takes nothing, and that is not even asked before it is done.
void nothing_is_written_before_it_has_gone_back(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const auto back = [&](const std::string& how) {
    const std::vector<Event> events = machine.journal->list({.kind = "change"});
    return std::ranges::count_if(events, [&](const Event& event) {
      return event.what.find("rolled back") != std::string::npos &&
             event.what.find(how) != std::string::npos;
    });
  };
  for (const char* how : {"by anna", "not confirmed in time", "it is worse"}) {
    machine.journal->tend(machine.wall);  // the disk is well
    const uint64_t id = commit(machine, text_of({.mss = static_cast<unsigned>(1'300 + *how)}));
    assert_true(machine.box->ready != nullptr);
    assert_true(*machine.box->ready == machine.wanted(first_text()));
    const FullDisk full;
    size_t published = 0;
    machine.box->before_publish = [&](const Settings& settings) {
      ++published;
      CHECK(&settings == machine.box->ready.get());
      CHECK(back(how) == 0);
      CHECK(machine.journal->alarm().empty());  // it would know by now
    };
    if (how == std::string("by anna")) {
      assert_true(is_good(transaction.rollback(machine.caller("anna"), id, "")));
    } else if (how == std::string("it is worse")) {
      transaction.take_back(how, machine.now, machine.wall);
    } else {
      machine.tick(3'600 * kSecond);
    }
    machine.box->before_publish = nullptr;
    assert_int_equal(published, 1);
    assert_true(is_in_force(machine, first_text()));
    assert_null(machine.box->ready.get());
    assert_int_equal(back(how), 1);
    assert_false(machine.journal->alarm().empty());
    assert_false(transaction.change().has_value());
  }
}

void what_is_ready_has_the_overrides_of_now(void** state) {
  Machine& machine = machine_of(state);
  commit(machine, text_of({.mss = 1'300}));
  const OverrideRequest drain = {.backend = "web1",
                                 .kind = OverrideKind::drain,
                                 .weight = 0,
                                 .lasts = 30 * kSecond,
                                 .reason = "a test"};
  assert_true(is_good(machine.transaction->set_override(machine.caller("anna"), drain)));
  assert_true(*machine.box->ready == machine.wanted(first_text()));
  assert_false(*machine.box->ready == settings_of(first_text()));
  machine.tick(31 * kSecond);
  assert_true(*machine.box->ready == settings_of(first_text()));
  assert_true(is_good(machine.transaction->confirm(machine.caller("anna"), 2)));
  assert_null(machine.box->ready.get());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      test_of("goes_back_by_itself_and_is_latched", goes_back_by_itself_and_is_latched),
      test_of("nothing_is_written_before_it_has_gone_back",
              nothing_is_written_before_it_has_gone_back),
      test_of("what_is_ready_has_the_overrides_of_now", what_is_ready_has_the_overrides_of_now),
      test_of("what_rolls_out_is_not_confirmed_yet", what_rolls_out_is_not_confirmed_yet),
      test_of("what_does_harm_is_taken_back", what_does_harm_is_taken_back),
      test_of("a_trial_can_be_waived", a_trial_can_be_waived),
      test_of("confirms_nothing_late", confirms_nothing_late),
      test_of("refuses_windows_and_reasons_that_cannot_be",
              refuses_windows_and_reasons_that_cannot_be),
      test_of("rules_are_waived_by_name_only", rules_are_waived_by_name_only),
      test_of("somebody_else_releases_it", somebody_else_releases_it, setup_with_approval),
      test_of("a_person_takes_it_back", a_person_takes_it_back),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
