#include "firmware/change/archive.h"

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "firmware/base/limits.h"
#include "tests/change/generations.h"
#include "tests/change/hanging_disk.h"
#include "tests/change/shell.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

void a_new_one_has_nothing_confirmed(void** /*state*/) {
  const Folder folder;
  const Archive archive = open_archive(folder.path("state"));
  assert_false(archive.confirmed().has_value());
  assert_true(archive.damage().empty());
  assert_true(archive.history(10).value().empty());
  assert_false(archive.read(1).ok());
  assert_false(archive.latched("").value().has_value());
}

struct Row {
  const char* description;
  Generation in;
  const char* why;  // as it is read
};

void what_is_stored_is_read(void** /*state*/) {
  const std::string binary("a\0b\r\n\xff", 6);
  const Row rows[] = {
      {"an ordinary one", generation(text_of(1), 0), "Because it is better"},
      {"no text at all", generation("", 0), "Because it is better"},
      {"any bytes", generation(binary, 0), "Because it is better"},
      {"the most that settings may have", generation(std::string(kMaxSettingsBytes, 'x'), 0),
       "Because it is better"},
      {"no reason", {.text = "a", .who = "bo", .why = "", .when = kNoon}, ""},
      {"spaces around it", {.text = "b", .who = "bo", .why = "\n\n why \n", .when = 0}, "why"},
      {"paragraphs that look like ours",
       {.text = "c",
        .who = "bo b",
        .why = "Two\n\nGeneration: 77\nBase: 5\n\nmore\n\nWaived: x: y"},
       "Two\n\nGeneration: 77\nBase: 5\n\nmore\n\nWaived: x: y"},
      {"waivers",
       {.text = "d",
        .who = "bo",
        .why = "#1",
        .when = 1'000'000,
        .waivers = {{"single-node", "there is but one: today"}, {"n-minus-1", "x"}}},
       "#1"},
  };
  const Folder folder;
  std::vector<uint64_t> numbers;
  {
    Archive archive = open_archive(folder.path("state"));
    for (const Row& row : rows) numbers.push_back(archive.store(row.in).value());
  }
  const Archive archive = open_archive(folder.path("state"));
  for (size_t index = 0; index < std::size(rows); ++index) {
    const Row& row = rows[index];
    print_message("%s\n", row.description);
    const Generation read = archive.read(numbers[index]).value();
    assert_int_equal(read.number, index + 1);
    assert_true(read.text == row.in.text);
    assert_string_equal(read.who.c_str(), row.in.who.c_str());
    assert_string_equal(read.why.c_str(), row.why);
    assert_int_equal(read.when, row.in.when);
    assert_true(read.waivers == row.in.waivers);
    assert_int_equal(read.base, 0);
    assert_string_equal(read.outcome.c_str(), "");
  }
}

void what_cannot_be_read_again_is_refused(void** /*state*/) {
  struct {
    const char* description;
    Generation in;
    const char* expected;
  } const rows[] = {
      {"a text too long", generation(std::string(kMaxSettingsBytes + 1, 'x'), 0), "more than"},
      {"a name too long", {.text = "", .who = std::string(kMaxWho + 1, 'x')}, "who makes"},
      {"a name of two lines", {.text = "", .who = "a\nb"}, "who makes"},
      {"a reason too long", {.text = "", .why = std::string(kMaxWhy + 1, 'x')}, "reason"},
      {"a reason that ends early", {.text = "", .why = std::string("a\0b", 3)}, "reason"},
      {"too many waivers",
       {.text = "", .waivers = std::vector<Waiver>(kMaxWaivers + 1, {"rule", "x"})},
       "at most 64 rules"},
      {"a waiver without a rule", {.text = "", .waivers = {{"", "x"}}}, "no name of a rule"},
      {"a rule of two words", {.text = "", .waivers = {{"a b", "x"}}}, "no name of a rule"},
      {"a rule with a colon", {.text = "", .waivers = {{"a:", "x"}}}, "no name of a rule"},
      {"a waiver without a reason", {.text = "", .waivers = {{"rule", " "}}}, "to waive rule"},
      {"a waiver of two lines", {.text = "", .waivers = {{"rule", "a\nb"}}}, "to waive rule"},
  };
  const Folder folder;
  Archive archive = open_archive(folder.path("state"));
  for (const auto& row : rows) {
    print_message("%s\n", row.description);
    const Result<uint64_t> stored = archive.store(row.in);
    assert_false(stored.ok());
    assert_non_null(strstr(stored.message().c_str(), row.expected));
  }
  assert_true(archive.history(10).value().empty());
}

void only_confirm_confirms(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 2);
  {
    Archive archive = open_archive(path);
    assert_int_equal(archive.confirmed()->number, 2);
    assert_string_equal(archive.confirmed()->text.c_str(), text_of(2).c_str());
    assert_true(archive.damage().empty());
    assert_false(archive.confirm(4).ok());
    assert_false(archive.confirm(0).ok());
    assert_true(archive.latch(3).ok());
    assert_true(archive.note(3, "rolled back", "keeld", kNoon).ok());
    assert_int_equal(archive.confirmed()->number, 2);
  }
  {
    Archive archive = open_archive(path);
    assert_int_equal(archive.confirmed()->number, 2);
    assert_true(archive.confirm(3).ok());
    assert_int_equal(archive.confirmed()->number, 3);
    // Back to an old one, and the same one twice.
    assert_true(archive.confirm(1).ok());
    assert_true(archive.confirm(1).ok());
  }
  const Archive archive = open_archive(path);
  assert_int_equal(archive.confirmed()->number, 1);
  assert_true(archive.damage().empty());
  assert_int_equal(archive.history(10).value().size(), 3);
}

void numbers_are_never_given_twice(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 1);
  Archive archive = open_archive(path);
  assert_false(archive.store({.text = "", .who = "\n"}).ok());
  const uint64_t after = archive.store(generation("x", 2)).value();
  assert_true(after > 2);
  assert_true(archive.store(generation("x", 2)).value() > after);
}

void the_newest_comes_first_in_history(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 11);
  const Archive archive = open_archive(path);
  const std::vector<Generation> all = archive.history(100).value();
  assert_int_equal(all.size(), 12);
  for (size_t index = 0; index < all.size(); ++index) {
    assert_int_equal(all[index].number, 12 - index);
    assert_int_equal(all[index].base, 11 - index);
    assert_string_equal(all[index].who.c_str(), "anna");
    assert_string_equal(all[index].text.c_str(), "");
  }
  assert_int_equal(archive.history(3).value().size(), 3);
  assert_int_equal(archive.history(3).value()[2].number, 10);
  assert_true(archive.history(0).value().empty());
}

void outcomes_add_up(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 1);
  {
    Archive archive = open_archive(path);
    assert_true(archive.note(2, "on probation\nfor 10m", "keeld", kNoon).ok());
    assert_true(archive.note(1, "confirmed", "anna", kNoon + 1'000'000).ok());
    assert_true(archive.note(2, "rolled back", "keeld", kNoon + 2'000'000).ok());
    assert_false(archive.note(3, "x", "keeld", kNoon).ok());
  }
  const Archive archive = open_archive(path);
  assert_string_equal(archive.read(2).value().outcome.c_str(),
                      "2025-11-21T12:00:00Z keeld: on probation for 10m\n"
                      "2025-11-21T12:00:02Z keeld: rolled back\n");
  assert_string_equal(archive.history(5).value()[1].outcome.c_str(),
                      "2025-11-21T12:00:01Z anna: confirmed\n");
  const std::string log = output_of(git(path + "/settings.git") + "log -1 refs/generations/2");
  assert_non_null(strstr(log.c_str(), "keeld: rolled back"));
}

void a_latch_is_on_the_text(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 2);
  {
    Archive archive = open_archive(path);
    assert_true(archive.latch(3).ok());
    assert_false(archive.latch(9).ok());
  }
  Archive archive = open_archive(path);
  assert_int_equal(archive.latched(text_of(3)).value().value(), 3);
  assert_false(archive.latched(text_of(2)).value().has_value());
  assert_false(archive.latched(text_of(3) + " ").value().has_value());
  const uint64_t again = archive.store(generation(text_of(3), 2)).value();
  assert_int_equal(archive.latched(text_of(3)).value().value(), 3);
  assert_true(archive.latch(again).ok());
  assert_int_equal(archive.latched(text_of(3)).value().value(), again);
  assert_true(archive.confirm(again).ok());
  assert_false(archive.latched(text_of(3)).value().has_value());
  assert_true(archive.damage().empty());
}

void plain_git_reads_it(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 2);
  {
    Archive archive = open_archive(path);
    Generation waived = generation(text_of(4), 2);
    waived.why = "Take web7 out\n\nIts disk is new.";
    waived.waivers = {{"n-minus-1", "closed tonight"}};
    assert_int_equal(archive.store(waived).value(), 4);
    assert_true(archive.confirm(4).ok());
    assert_true(archive.note(4, "confirmed", "anna", kNoon).ok());
  }
  const std::string repository = path + "/settings.git";
  assert_string_equal(output_of(git(repository) + "fsck --full --strict --no-progress").c_str(),
                      "");
  const std::string log = output_of(git(repository) + "log --date=iso-strict");
  for (const char* part :
       {"Author: anna <anna@evenkeel>", "2025-11-21T12:00:00+00:00", "Take web7 out",
        "Its disk is new.", "Generation: 4", "Base: 2", "Waived: n-minus-1: closed tonight",
        "Notes:", "2025-11-21T12:00:00Z anna: confirmed", "Generation: 1"}) {
    if (strstr(log.c_str(), part) == nullptr) print_message("%s: not in\n%s", part, log.c_str());
    assert_non_null(strstr(log.c_str(), part));
  }
  const std::string trailers =
      output_of(git(repository) + "log -1 --format='%(trailers:key=Waived,valueonly)'");
  assert_string_equal(trailers.c_str(), "n-minus-1: closed tonight\n\n");
  assert_string_equal(output_of(git(repository) + "rev-list --count HEAD").c_str(), "3\n");
  output_of("git clone -q " + repository + " " + folder.path("clone"));
  std::ifstream file(folder.path("clone") + "/evenkeel.conf");
  const std::string cloned((std::istreambuf_iterator<char>(file)), {});
  assert_string_equal(cloned.c_str(), text_of(4).c_str());
}

// An operator may pack it, and push all of it to where it is reviewed.
void plain_git_may_pack_and_push_it(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  const std::string repository = path + "/settings.git";
  make_archive(path, 3);
  Archive archive = open_archive(path);
  assert_true(archive.note(3, "confirmed", "anna", kNoon).ok());
  assert_true(archive.latch(4).ok());
  output_of(git(repository) + "gc --quiet --aggressive --prune=now");
  assert_int_equal(archive.read(2).value().number, 2);
  assert_int_equal(archive.store(generation(text_of(5), 3)).value(), 5);
  assert_true(archive.confirm(5).ok());
  assert_true(archive.note(3, "left", "anna", kNoon).ok());
  assert_int_equal(archive.latched(text_of(4)).value().value(), 4);
  assert_true(archive.confirm(4).ok());
  assert_false(archive.latched(text_of(4)).value().has_value());
  output_of(git(repository) + "gc --quiet --prune=now");
  archive = open_archive(folder.path("other"));  // lets go of the first
  const Archive again = open_archive(path);
  assert_true(again.damage().empty());
  assert_int_equal(again.confirmed()->number, 4);
  assert_int_equal(again.history(10).value().size(), 5);
  assert_int_equal(again.read(1).value().text.size(), text_of(1).size());
  output_of("git init -q --bare " + folder.path("review"));
  output_of(git(repository) + "push -q " + folder.path("review") + " 'refs/*:refs/*'");
  assert_string_equal(
      output_of(git(folder.path("review")) + "rev-parse refs/heads/confirmed").c_str(),
      output_of(git(repository) + "rev-parse HEAD").c_str());
}

// What somebody does by hand is not undone behind their back; a restart takes it over.
void a_reference_moved_by_hand(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 2);
  {
    Archive archive = open_archive(path);
    output_of(git(path + "/settings.git") + "update-ref refs/heads/confirmed refs/generations/1");
    assert_false(archive.confirm(3).ok());
    assert_int_equal(archive.confirmed()->number, 2);
  }
  Archive archive = open_archive(path);
  assert_int_equal(archive.confirmed()->number, 1);
  assert_true(archive.confirm(3).ok());
}

void one_at_a_time(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  {
    const Archive archive = open_archive(path);
    const Result<Archive> second = Archive::open(path);
    assert_false(second.ok());
    assert_non_null(strstr(second.message().c_str(), "another keeld"));
  }
  assert_true(Archive::open(path).ok());
}

void the_copy_is_the_confirmed_text(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 2);
  std::ifstream file(path + "/last-forwarded.conf");
  std::string title;
  assert_true(static_cast<bool>(std::getline(file, title)));
  assert_true(title.starts_with("# "));
  const std::string text((std::istreambuf_iterator<char>(file)), {});
  assert_string_equal(text.c_str(), text_of(2).c_str());
  // A crash came between the reference and the copy.
  std::filesystem::remove(path + "/last-forwarded.conf");
  assert_true(open_archive(path).damage().empty());
  assert_true(std::filesystem::exists(path + "/last-forwarded.conf"));
}

void nobodys_git_configuration_counts(void** /*state*/) {
  const Folder folder;
  folder.write(".gitconfig", "[core\n\tthis is none");
  setenv("HOME", folder.path("").c_str(), 1);
  make_archive(folder.path("state"), 1);
  assert_int_equal(open_archive(folder.path("state")).confirmed()->number, 1);
}

void folders_that_cannot_be(void** /*state*/) {
  const Folder folder;
  folder.write("file", "");
  for (const char* name : {"file", "file/state", "no/such/folder"}) {
    const Result<Archive> archive = Archive::open(folder.path(name));
    assert_false(archive.ok());
    assert_non_null(strstr(archive.message().c_str(), folder.path(name).c_str()));
  }
}

// The disk answers again: until it has, and what it did meanwhile is taken back.
void answer_until_well(Archive& archive) {
  the_disk().answer();
  archive.set_patience(std::nullopt);
  while (!archive.damage().empty()) {
    usleep(1'000);
    archive.tend();
  }
}

// A confirmation that was refused does not come true later, and nobody waits twice.
void a_disk_that_hangs_and_answers(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 2);
  {
    Archive archive = open_archive(path);
    archive.set_patience(Errand::Patience(20));
    the_disk().hang();
    const Status confirmed = archive.confirm(3);
    assert_false(confirmed.ok());
    assert_non_null(strstr(confirmed.message().c_str(), (path + "/settings.git").c_str()));
    assert_int_equal(archive.damage().size(), 1);
    for (int tries = 0; tries < 1'000; ++tries) {
      assert_false(archive.confirm(3).ok());
      assert_false(archive.store(generation(text_of(4), 2)).ok());
      assert_false(archive.read(2).ok());
      assert_false(archive.history(1).ok());
      assert_false(archive.latched(text_of(2)).ok());
      archive.tend();
      assert_int_equal(archive.confirmed()->number, 2);
    }
    assert_int_equal(archive.next(), 4);
    answer_until_well(archive);
    assert_int_equal(archive.confirmed()->number, 2);
    assert_string_equal(archive.read(2).value().text.c_str(), text_of(2).c_str());
  }
  Archive archive = open_archive(path);
  assert_int_equal(archive.confirmed()->number, 2);
  assert_true(archive.damage().empty());
  assert_true(archive.confirm(3).ok());
}

// A number is never used again, even if nobody heard of it.
void a_generation_stored_late(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("state");
  make_archive(path, 2);
  Archive archive = open_archive(path);
  archive.set_patience(Errand::Patience(20));
  the_disk().hang();
  assert_false(archive.store(generation(text_of(4), 2)).ok());
  answer_until_well(archive);
  assert_int_equal(archive.next(), 5);
  assert_int_equal(archive.store(generation(text_of(5), 2)).value(), 5);
  assert_int_equal(archive.confirmed()->number, 2);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_new_one_has_nothing_confirmed),
      cmocka_unit_test(what_is_stored_is_read),
      cmocka_unit_test(what_cannot_be_read_again_is_refused),
      cmocka_unit_test(only_confirm_confirms),
      cmocka_unit_test(numbers_are_never_given_twice),
      cmocka_unit_test(the_newest_comes_first_in_history),
      cmocka_unit_test(outcomes_add_up),
      cmocka_unit_test(a_latch_is_on_the_text),
      cmocka_unit_test(plain_git_reads_it),
      cmocka_unit_test(plain_git_may_pack_and_push_it),
      cmocka_unit_test(a_reference_moved_by_hand),
      cmocka_unit_test(one_at_a_time),
      cmocka_unit_test(the_copy_is_the_confirmed_text),
      cmocka_unit_test(nobodys_git_configuration_counts),
      cmocka_unit_test(folders_that_cannot_be),
      cmocka_unit_test(a_disk_that_hangs_and_answers),
      cmocka_unit_test(a_generation_stored_late),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
