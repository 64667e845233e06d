#include "firmware/change/repository.h"

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/change/shell.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

constexpr WallTime kNoon = 1'763'726'400'000'000;

Commit commit(const std::string& text, const std::optional<ObjectId>& parent = std::nullopt) {
  return {.text = text, .author = "anna", .message = "why\n", .when = kNoon, .parent = parent};
}

Repository open(const std::string& path) {
  std::vector<std::string> damage;
  Result<Repository> opened = Repository::open(path, damage);
  assert_true(opened.ok() && damage.empty());
  return std::move(opened.value());
}

Repository make(const std::string& path) {
  assert_true(Repository::create(path).ok());
  return open(path);
}

void commits(void** /*state*/) {
  const Folder folder;
  Repository repository = make(folder.path("r.git"));
  const ObjectId first = repository.put(commit("one")).value();
  const ObjectId second = repository.put(commit("two", first)).value();
  assert_string_equal(repository.put(commit("one")).value().c_str(), first.c_str());
  const Commit read = repository.get(second).value();
  assert_string_equal(read.text.c_str(), "two");
  assert_string_equal(read.author.c_str(), "anna");
  assert_string_equal(read.message.c_str(), "why\n");
  assert_int_equal(read.when, kNoon);
  assert_string_equal(read.parent->c_str(), first.c_str());
  assert_string_equal(repository.get_message(second).value().text.c_str(), "");
  assert_false(repository.get(first).value().parent.has_value());
  const ObjectId none(40, '1');
  assert_false(repository.get(none).ok());
  assert_false(repository.put(commit("three", none)).ok());
  assert_false(repository.get(Repository::id_of_text("one")).ok());  // no commit
}

void references(void** /*state*/) {
  const Folder folder;
  Repository repository = make(folder.path("r.git"));
  const ObjectId first = repository.put(commit("one")).value();
  const ObjectId second = repository.put(commit("two")).value();
  const std::string name = "refs/generations/1";
  assert_false(repository.reference(name).value().has_value());
  assert_false(repository.remove_reference(name).ok() &&
               repository.reference(name).value().has_value());
  assert_true(repository.move_reference(name, first, std::nullopt).ok());
  assert_string_equal(repository.reference(name).value()->c_str(), first.c_str());
  assert_false(repository.move_reference(name, second, second).ok());
  assert_string_equal(repository.reference(name).value()->c_str(), first.c_str());
  assert_true(repository.move_reference(name, second, first).ok());
  assert_true(repository.move_reference("refs/generations/2", first, std::nullopt).ok());
  assert_false(repository.move_reference("refs/generations/3", std::string(40, '1'), {}).ok());
  output_of(git(folder.path("r.git")) + "pack-refs --all");
  assert_true(repository.move_reference("refs/generations/30", first, std::nullopt).ok());
  folder.write("r.git/refs/generations/4", "damaged");
  assert_true(repository.references("refs/generations") ==
              (std::vector<std::string>{"1", "2", "30", "4"}));
  assert_false(repository.reference("refs/generations/4").ok());
  assert_true(repository.references("refs/none").empty());
  assert_true(repository.remove_reference(name).ok());
  assert_false(repository.reference(name).value().has_value());
}

void notes(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("r.git");
  Repository repository = make(path);
  const ObjectId first = repository.put(commit("one")).value();
  const ObjectId second = repository.put(commit("two")).value();
  assert_string_equal(repository.note(first).c_str(), "");
  assert_true(repository.set_note(first, "a\n", "anna", kNoon).ok());
  assert_true(repository.set_note(second, "b\n", "bo", kNoon).ok());
  assert_true(repository.set_note(first, "a\nc\n", "anna", kNoon).ok());
  assert_string_equal(repository.note(first).c_str(), "a\nc\n");
  assert_string_equal(repository.note(second).c_str(), "b\n");
  assert_string_equal(output_of(git(path) + "notes show " + second).c_str(), "b\n");
  assert_string_equal(output_of(git(path) + "rev-list --count refs/notes/commits").c_str(), "3\n");
  // A note writes the names of few others again.
  const std::string tree = output_of(git(path) + "ls-tree --name-only refs/notes/commits");
  assert_true(tree.size() % 3 == 0 && !tree.empty() && tree[2] == '\n');
  // Damaged, they are begun anew.
  for (const std::string& damage : {std::string(40, '1') + "\n", std::string("x")}) {
    folder.write("r.git/refs/notes/commits", damage);
    assert_string_equal(repository.note(first).c_str(), "");
    const Status noted = repository.set_note(first, "d\n", "anna", kNoon);
    if (!noted.ok()) print_message("%s\n", noted.message().c_str());
    assert_true(noted.ok());
    assert_string_equal(repository.note(first).c_str(), "d\n");
  }
}

void what_is_no_repository(void** /*state*/) {
  const Folder folder;
  folder.write("file", "");
  std::vector<std::string> damage;
  assert_false(Repository::open(folder.path("none"), damage).ok());
  assert_false(Repository::open(folder.path("file"), damage).ok());
  assert_false(Repository::create(folder.path("none/below")).ok());
  // A folder with nothing in it is mended, and told of.
  std::filesystem::create_directory(folder.path("empty"));
  assert_true(Repository::open(folder.path("empty"), damage).ok());
  assert_int_equal(damage.size(), 1);
}

void ids_of_texts(void** /*state*/) {
  assert_string_equal(Repository::id_of_text("").c_str(),
                      "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
  const Folder folder;
  folder.write("text", "some\n");
  assert_string_equal((Repository::id_of_text("some\n") + "\n").c_str(),
                      output_of("git hash-object " + folder.path("text")).c_str());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(commits),      cmocka_unit_test(references),
      cmocka_unit_test(notes),        cmocka_unit_test(what_is_no_repository),
      cmocka_unit_test(ids_of_texts),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
