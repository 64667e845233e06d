#include "firmware/change/transaction.h"

#include <cstring>

#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "tests/change/small_transaction.h"

namespace evenkeel {
namespace {

void goes_from_candidate_to_confirmed(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const std::string text = text_of({.mss = 1'300});
  const Answer<Change> opened = transaction.open(anna, 1, text);
  assert_true(is_good(opened));
  assert_true(opened.value().state == ChangeState::candidate);
  assert_int_equal(opened.value().id, 2);
  assert_true(transaction.diff().value().find("-    mss = 1400;\n+    mss = 1300;") !=
              std::string::npos);
  assert_int_equal(transaction.differences().value().size(), 1);

  assert_true(transaction.check(anna).value().ok());
  assert_true(transaction.change()->state == ChangeState::checked);
  assert_true(is_good(transaction.plan(anna)));
  assert_true(transaction.change()->state == ChangeState::planned);
  assert_true(is_in_force(machine, first_text()));

  const Answer<Change> live = transaction.commit(anna, {.window = {}, .why = "less"});
  assert_true(is_good(live));
  assert_true(live.value().state == ChangeState::on_probation);
  assert_true(*live.value().deadline == machine.now + 60 * kSecond);
  assert_true(is_in_force(machine, text));
  assert_int_equal(transaction.in_force(), 2);
  assert_int_equal(transaction.confirmed().generation, 1);
  assert_int_equal(machine.archive->confirmed()->number, 1);

  machine.tick(59 * kSecond);
  assert_true(is_refused(transaction.confirm(machine.caller("anna"), 3), Code::wrong_id));
  const Answer<Change> confirmed = transaction.confirm(machine.caller("bert"), 2);
  assert_true(is_good(confirmed));
  assert_true(confirmed.value().state == ChangeState::confirmed);
  assert_int_equal(machine.archive->confirmed()->number, 2);
  assert_true(machine.archive->read(2).value().outcome.find("confirmed") != std::string::npos);
  machine.tick(1'000 * kSecond);
  machine.restart();
  assert_true(is_in_force(machine, text));
  assert_true(machine.transaction->confirmed().text == text);
  for (const char* const part :
       {"opened", "checked", "planned", "committed", "goes live", ": confirmed"}) {
    assert_true(has_event(machine, "change", part));
  }
}

void restarts_with_what_is_confirmed(void** state) {
  Machine& machine = machine_of(state);
  const std::string text = text_of({.mss = 1'300});
  const uint64_t id = commit(machine, text);
  machine.restart();
  assert_true(is_in_force(machine, first_text()));
  assert_false(machine.transaction->change().has_value());
  assert_true(has_event(machine, "change", "keeld ended while it was on probation"));
  const Caller anna = machine.caller("anna");
  assert_true(is_refused(machine.transaction->confirm(anna, id), Code::no_change));
  assert_true(is_good(machine.transaction->open(anna, 1, text)));
  assert_true(
      is_refused(machine.transaction->commit(anna, {.window = {}, .why = "again"}), Code::latched));
  // It is told once, and no number comes twice.
  machine.restart();
  machine.restart();
  const std::string outcome = machine.archive->read(id).value().outcome;
  assert_true(outcome.find("by itself") == outcome.rfind("by itself"));
  assert_true(commit(machine, text_of({.mss = 1'200})) > id);
}

void one_change_at_a_time_has_an_owner(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const Caller bert = machine.caller("bert");
  const Caller viewer = machine.caller("vera", Role::viewer);
  const Caller approver = machine.caller("carl", Role::approver);
  const std::string text = text_of({.mss = 1'300});
  const Edit edit = {.path = "services.shop.mss", .value = "1200"};
  assert_true(is_refused(transaction.open(viewer, 1, text), Code::role));
  assert_true(is_refused(transaction.edit(viewer, std::span(&edit, 1)), Code::role));
  assert_true(is_refused(transaction.check(anna), Code::no_change));
  assert_true(is_refused(transaction.plan(anna), Code::no_change));
  assert_true(is_refused(transaction.diff(), Code::no_change));
  assert_true(is_refused(transaction.discard(anna), Code::no_change));
  assert_true(is_refused(transaction.rollback(anna, 1, ""), Code::no_change));

  assert_true(is_good(transaction.open(anna, 1, text)));
  assert_true(is_refused(transaction.open(bert, 1, text), Code::pending_change));
  assert_true(is_refused(transaction.restore(bert, 1, "back"), Code::pending_change));
  assert_true(is_refused(transaction.edit(bert, std::span(&edit, 1)), Code::not_owner));
  assert_true(is_refused(transaction.commit(bert, {.window = {}, .why = "x"}), Code::not_owner));
  assert_true(is_refused(transaction.discard(viewer), Code::role));
  assert_true(is_good(transaction.discard(bert)));  // it is forgotten, perhaps
  assert_true(is_good(transaction.open(anna, 1, text)));
  assert_true(is_good(transaction.check(viewer)));
  assert_true(is_good(transaction.plan(bert)));
  // Of the owner's name, with less to say: by a token from afar.
  assert_true(is_good(transaction.plan(machine.caller("anna", Role::viewer))));
  assert_true(transaction.change()->state == ChangeState::candidate);
  assert_true(is_refused(transaction.confirm(anna, 2), Code::wrong_state));
  assert_true(is_refused(transaction.rollback(anna, 2, ""), Code::wrong_state));
  assert_true(is_refused(transaction.approve(approver, 2), Code::wrong_state));

  assert_true(is_good(transaction.edit(anna, std::span(&edit, 1))));
  assert_true(transaction.change()->text == text_of({.mss = 1'200}));
  const Edit wrong[] = {{.path = "services.shop.mss", .value = "1100"},
                        {.path = "services.shop.nss", .value = "1100"}};
  assert_true(is_refused(transaction.edit(anna, wrong), Code::bad_request));
  assert_true(is_refused(transaction.edit(anna, {}), Code::bad_request));
  assert_true(transaction.change()->text == text_of({.mss = 1'200}));
  assert_true(is_good(transaction.discard(approver)));
  assert_true(is_good(transaction.edit(bert, std::span(&edit, 1))));
  assert_true(transaction.change()->owner.user == "bert");
  assert_true(is_good(transaction.discard(bert)));

  commit(machine, text);
  assert_true(is_refused(transaction.open(anna, 1, text), Code::pending_change));
  assert_true(is_refused(transaction.edit(anna, std::span(&edit, 1)), Code::wrong_state));
  assert_true(is_refused(transaction.commit(anna, {.window = {}, .why = "x"}), Code::wrong_state));
  assert_true(is_refused(transaction.discard(anna), Code::wrong_state));
  assert_true(is_refused(transaction.discard(approver), Code::not_owner));
  assert_true(is_refused(transaction.confirm(viewer, 2), Code::role));
  assert_true(is_refused(transaction.rollback(viewer, 2, ""), Code::role));
  assert_true(is_good(transaction.plan(viewer)));
}

void refuses_an_old_base_with_what_happened_meanwhile(void** state) {
  Machine& machine = machine_of(state);
  const uint64_t id = commit(machine, text_of({.mss = 1'300}));
  const Caller anna = machine.caller("anna");
  assert_true(is_good(machine.transaction->confirm(anna, id)));
  const Answer<Change> stale = machine.transaction->open(anna, 1, text_of({.mss = 1'200}));
  assert_true(is_refused(stale, Code::stale_base));
  assert_true(stale.refusal().diff.starts_with("--- generation 1\n+++ generation 2\n"));
  assert_true(stale.refusal().diff.find("+    mss = 1300;") != std::string::npos);
  assert_true(is_refused(machine.transaction->open(anna, 77, ""), Code::stale_base));
}

void refuses_what_no_box_could_do(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  struct Case {
    const char* description;
    std::string text;
    Code code;
    const char* part;
  };
  const Case cases[] = {
      {"misspelt", text_of({.more = "nmae = \"x\";\n"}), Code::bad_settings, "name"},
      {"no text at all", "services = (", Code::bad_settings, "candidate"},
      {"what is somewhere else", text_of({.more = "@include \"/etc/shadow\"\n"}),
       Code::bad_settings, "candidate:2"},
      {"the same in a comment", "/* @include */ # @x\n" + text_of({.more = "x = \"@include\";"}),
       Code::bad_settings, "there is no such key"},
      {"other cores", text_of({.more = "cpu = { workers = [2]; };\n"}), Code::needs_restart,
       "cpu.workers"},
      {"two of them", text_of({.more = "cpu = { workers = [2]; }; memory = { mib = 512; };\n"}),
       Code::needs_restart, "cpu.workers, memory.mib"},
      {"nothing else", first_text(), Code::nothing_to_commit, "confirmed"},
  };
  for (const Case& each : cases) {
    assert_true(is_good(transaction.open(anna, 1, each.text)));
    const Answer<Change> committed = transaction.commit(anna, {.window = {}, .why = "a test"});
    assert_true(is_refused(committed, each.code));
    const bool names = committed.refusal().message.find(each.part) != std::string::npos;
    if (!names) print_message("%s: %s\n", each.description, committed.refusal().message.c_str());
    assert_true(names);
    assert_true(transaction.change()->generation == 0);
  }
  const std::string many = text_of({.more = "nmae = \"x\";\nsecret = 1;\n"});
  assert_true(is_good(transaction.open(anna, 1, many)));
  assert_int_equal(transaction.check(anna).value().mistakes.size(), 2);
  assert_int_equal(transaction.plan(anna).refusal().mistakes.size(), 2);
  assert_true(is_refused(transaction.differences(), Code::bad_settings));
  assert_int_equal(machine.archive->next(), 2);
  assert_true(is_refused(transaction.open(anna, 1, std::string(kMaxSettingsBytes + 1, ' ')),
                         Code::bad_request));
}

void goes_back_to_any_generation_by_the_same_gates(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  assert_true(is_good(transaction.confirm(anna, commit(machine, text_of({.mss = 1'300})))));
  assert_true(is_refused(transaction.restore(anna, 9, "back"), Code::no_generation));
  assert_true(is_refused(transaction.restore(anna, 1, ""), Code::bad_request));
  assert_true(is_good(transaction.restore(anna, 1, "it was better")));
  assert_true(transaction.change()->base == 2);
  assert_true(transaction.change()->text == first_text());
  const Answer<Change> live = transaction.commit(anna, {.window = {}, .why = ""});
  assert_true(is_good(live));
  assert_true(machine.archive->read(live.value().generation).value().why == "it was better");
  assert_true(is_in_force(machine, first_text()));
}

void a_full_disk_stops_commits_only(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const std::string text = text_of({.mss = 1'300});
  assert_true(is_good(transaction.open(anna, 1, text)));
  {
    const FullDisk full;
    const Answer<Change> refused = transaction.commit(anna, {.window = {}, .why = "x"});
    assert_true(is_refused(refused, Code::storage));
    assert_true(is_in_force(machine, first_text()));
    assert_true(transaction.change()->state == ChangeState::planned);
    assert_true(is_refused(
        transaction.set_override(anna, {.backend = "web1", .lasts = kSecond, .reason = "x"}),
        Code::storage));
    assert_true(!transaction.troubles().empty());
  }
  machine.journal->tend(machine.wall);
  const Answer<Change> live = transaction.commit(anna, {.window = {}, .why = "x"});
  assert_true(is_good(live));
  const uint64_t id = live.value().id;
  {
    const FullDisk full;
    assert_true(is_refused(transaction.confirm(anna, id), Code::storage));
    assert_true(is_in_force(machine, text));
    assert_int_equal(machine.archive->confirmed()->number, 1);
    machine.tick(60 * kSecond);
    assert_true(is_in_force(machine, first_text()));
    assert_false(transaction.change().has_value());
  }
  // The latch that the disk did not take is made up for: in this process, and by the next.
  machine.journal->tend(machine.wall);
  assert_true(is_good(transaction.open(machine.caller("anna"), 1, text)));
  assert_true(is_refused(transaction.commit(machine.caller("anna"), {.window = {}, .why = "x"}),
                         Code::latched));
  machine.restart();
  const Caller later = machine.caller("anna");
  assert_true(is_good(machine.transaction->open(later, 1, text)));
  assert_true(
      is_refused(machine.transaction->commit(later, {.window = {}, .why = "x"}), Code::latched));
}

void what_cannot_be_published_leaves_the_old(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const std::string text = text_of({.mss = 1'300});
  assert_true(is_good(transaction.open(anna, 1, text)));
  machine.box->refuses = true;
  const Answer<Change> refused = transaction.commit(anna, {.window = {}, .why = "x"});
  assert_true(is_refused(refused, Code::not_published));
  assert_true(refused.refusal().message.find("no plan today") != std::string::npos);
  assert_true(transaction.change()->state == ChangeState::planned);
  assert_true(is_in_force(machine, first_text()));
  assert_true(machine.archive->read(2).value().outcome.find("not put in force") !=
              std::string::npos);
  machine.box->refuses = false;
  assert_true(is_good(transaction.commit(anna, {.window = {}, .why = "x"})));
  const uint64_t id = transaction.change()->id;

  // Going back is tried until it is done, and nothing else happens before.
  machine.box->refuses = true;
  const Answer<Change> going = transaction.rollback(anna, id, "");
  assert_true(is_good(going));
  assert_true(going.value().state == ChangeState::going_back);
  assert_int_equal(transaction.in_force(), id);
  assert_true(!transaction.troubles().empty());
  assert_true(is_refused(transaction.confirm(anna, id), Code::wrong_state));
  assert_true(is_refused(transaction.open(anna, 1, text), Code::pending_change));
  machine.tick(2 * kSecond);
  assert_true(transaction.change().has_value());
  machine.box->refuses = false;
  machine.tick(2 * kSecond);
  assert_false(transaction.change().has_value());
  assert_true(transaction.troubles().empty());
  assert_true(is_in_force(machine, first_text()));
}

void overrides_last_over_all_but_their_end(void** state) {
  Machine& machine = machine_of(state);
  const Caller anna = machine.caller("anna");
  const auto backend = [&](size_t number) {
    return machine.box->in_force().settings->services.front().backends.at(number);
  };
  const OverrideRequest drain = {
      .backend = "shop/web1", .lasts = 100 * kSecond, .reason = "a new disk"};
  assert_true(is_refused(
      machine.transaction->set_override(machine.caller("v", Role::viewer), drain), Code::role));
  const Answer<Override> set = machine.transaction->set_override(anna, drain);
  assert_true(is_good(set));
  assert_true(set.value().request.who == "anna");
  assert_int_equal(backend(0).weight, 0);
  assert_true(has_event(machine, "override", "shop/web1: drain for 100 s: a new disk"));

  const std::string text = text_of({.mss = 1'300});
  assert_true(is_good(machine.transaction->confirm(anna, commit(machine, text))));
  assert_int_equal(backend(0).weight, 0);
  assert_true(machine.transaction->confirmed().text.find("weight") == std::string::npos);
  assert_true(is_good(machine.transaction->set_override(anna, {.backend = "web2",
                                                               .kind = OverrideKind::maintenance,
                                                               .lasts = 10 * kSecond,
                                                               .reason = "x"})));
  assert_true(backend(1).in_maintenance);
  assert_false(machine.box->in_force().states[1].usable);
  machine.restart();
  assert_int_equal(backend(0).weight, 0);
  assert_true(backend(1).in_maintenance);
  commit(machine, text_of({.mss = 1'200}));
  machine.tick(10 * kSecond);
  assert_false(backend(1).in_maintenance);
  assert_int_equal(backend(0).weight, 0);
  assert_true(has_event(machine, "override", "web2: maintenance has ended"));
  machine.tick(50 * kSecond);
  assert_int_equal(machine.transaction->in_force(), machine.transaction->confirmed().generation);
  assert_int_equal(backend(0).weight, 0);
  const Caller later = machine.caller("anna");
  assert_true(is_refused(machine.transaction->remove_override(later, 99), Code::no_override));
  assert_true(is_good(machine.transaction->remove_override(later, set.value().id)));
  assert_int_equal(backend(0).weight, 1);
}

void no_override_closes_a_service(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const auto set = [&](const std::string& backend, OverrideKind kind) {
    return transaction.set_override(
        anna, {.backend = backend, .kind = kind, .weight = 0, .lasts = kSecond, .reason = "x"});
  };
  assert_true(is_refused(set("web9", OverrideKind::drain), Code::bad_request));
  assert_true(is_refused(set("blog/web1", OverrideKind::drain), Code::bad_request));
  assert_true(is_refused(
      transaction.set_override(anna, {.backend = "web1", .lasts = kSecond, .reason = ""}),
      Code::bad_request));
  assert_true(is_good(set("web1", OverrideKind::drain)));
  assert_true(is_good(set("web2", OverrideKind::maintenance)));
  // The last but one cannot be reached.
  machine.box->unreachable = {*parse_address("10.0.0.3")};
  assert_true(is_good(set("web3", OverrideKind::drain)));
  assert_true(is_refused(set("web4", OverrideKind::maintenance), Code::last_backend));
  assert_true(is_refused(set("shop/web4", OverrideKind::drain), Code::last_backend));
  assert_int_equal(transaction.overrides().all().size(), 3);
}

void no_override_closes_what_comes_after_a_change(void** state) {
  Machine& machine = machine_of(state);
  Transaction& transaction = *machine.transaction;
  const Caller anna = machine.caller("anna");
  const auto drain = [&](const std::string& backend) {
    return transaction.set_override(
        anna,
        {.backend = backend, .kind = OverrideKind::drain, .lasts = 90 * kSecond, .reason = "x"});
  };
  const uint64_t id = commit(machine, text_of({.backends = 7}));
  for (const char* backend : {"web1", "web2", "web3"}) assert_true(is_good(drain(backend)));
  // In force, there are web5 to web7; they go with the change.
  const Answer<Override> refused = drain("web4");
  assert_true(is_refused(refused, Code::last_backend));
  assert_non_null(std::strstr(refused.refusal().message.c_str(), "once the change goes back"));
  assert_true(is_good(drain("web5")));
  assert_true(is_good(transaction.confirm(anna, id)));
  assert_true(is_good(drain("web4")));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      test_of("goes_from_candidate_to_confirmed", goes_from_candidate_to_confirmed),
      test_of("restarts_with_what_is_confirmed", restarts_with_what_is_confirmed),
      test_of("one_change_at_a_time_has_an_owner", one_change_at_a_time_has_an_owner),
      test_of("refuses_an_old_base_with_what_happened_meanwhile",
              refuses_an_old_base_with_what_happened_meanwhile),
      test_of("no_override_closes_what_comes_after_a_change",
              no_override_closes_what_comes_after_a_change),
      test_of("refuses_what_no_box_could_do", refuses_what_no_box_could_do),
      test_of("goes_back_to_any_generation_by_the_same_gates",
              goes_back_to_any_generation_by_the_same_gates),
      test_of("a_full_disk_stops_commits_only", a_full_disk_stops_commits_only),
      test_of("what_cannot_be_published_leaves_the_old", what_cannot_be_published_leaves_the_old),
      test_of("overrides_last_over_all_but_their_end", overrides_last_over_all_but_their_end),
      test_of("no_override_closes_a_service", no_override_closes_a_service),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
