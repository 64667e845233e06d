#include "firmware/change/repository_layout.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/change/disk.h"
#include "tests/change/shell.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> mend(const std::string& path) {
  std::vector<std::string> damage;
  mend_repository(path, damage);
  return damage;
}

void git_takes_it_for_one(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("r.git");
  assert_true(make_repository(path).ok());
  assert_string_equal(output_of(git(path) + "rev-parse --is-bare-repository").c_str(), "true\n");
  assert_string_equal(output_of(git(path) + "symbolic-ref HEAD").c_str(), "refs/heads/confirmed\n");
  output_of(git(path) + "fsck --strict");
  assert_true(mend(path).empty());
  assert_false(fs::exists(path + ".new"));
}

void what_is_in_its_place_is_kept(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("r.git");
  folder.write("r.git", "a file");
  fs::create_directories(path + ".new/objects");
  assert_true(make_repository(path).ok());
  assert_true(make_repository(path).ok());
  assert_true(fs::is_regular_file(path + ".damaged-1"));
  assert_true(fs::is_directory(path + ".damaged-2/objects"));
  assert_true(fs::is_directory(path + "/objects"));
}

// Nothing is put aside for a new one that there is no room for.
void a_full_disk_leaves_what_was_there(void** /*state*/) {
  const Disk disk(64);
  const std::string path = disk.path("r.git");
  assert_true(make_repository(path).ok());
  disk.fill();
  assert_false(make_repository(path).ok());
  assert_true(mend(path).empty());
  assert_false(fs::exists(path + ".damaged-1"));
  assert_false(fs::exists(path + ".new"));
}

void packed_references(void** /*state*/) {
  const std::string id(40, 'a');
  const std::string good = id + " refs/heads/x\n";
  const struct {
    const char* description;
    std::string content;
    bool is_whole;
  } rows[] = {
      {"none", "", true},
      {"as git writes it", "# pack-refs with: peeled\n" + good + "^" + id + "\n" + good, true},
      {"cut short", good.substr(0, good.size() - 1), false},
      {"an ID too short", id.substr(1) + " refs/heads/x\n", false},
      {"no ID", std::string(40, 'x') + " refs/heads/x\n", false},
      {"no name", id + "\n", false},
      {"an empty line", good + "\n", false},
      {"too much peeled", "^" + good, false},
      {"zeros", std::string(100, '\0'), false},
  };
  for (const auto& row : rows) {
    print_message("%s\n", row.description);
    const Folder folder;
    const std::string path = folder.path("r.git");
    assert_true(make_repository(path).ok());
    folder.write("r.git/packed-refs", row.content);
    assert_int_equal(mend(path).empty(), row.is_whole);
    assert_int_equal(fs::exists(path + "/packed-refs"), row.is_whole);
    assert_int_equal(fs::exists(path + "/packed-refs.damaged-1"), !row.is_whole);
    assert_true(mend(path).empty());
  }
}

void leftovers_go(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("r.git");
  assert_true(make_repository(path).ok());
  const char* names[] = {"HEAD.lock",         "config.lock",         "packed-refs.lock",
                         "refs/heads/a.lock", "refs/notes/b/c.lock", "objects/tmp_obj_evenkeel"};
  fs::create_directory(path + "/refs/notes/b");
  for (const char* name : names) folder.write(std::string("r.git/") + name, "x");
  folder.write("r.git/objects/pack/keep.lock", "x");
  assert_true(mend(path).empty());
  for (const char* name : names) assert_false(fs::exists(path + "/" + name));
  assert_true(fs::exists(path + "/objects/pack/keep.lock"));
}

void a_disk_that_cannot_be_written_is_told(void** /*state*/) {
  const Disk disk(256);
  const std::string path = disk.path("r.git");
  assert_true(make_repository(path).ok());
  fs::remove(path + "/HEAD");
  fs::remove(path + "/refs/notes");
  disk.set_read_only(true);
  assert_int_equal(mend(path).size(), 2);
  disk.set_read_only(false);
  assert_int_equal(mend(path).size(), 1);
  assert_true(mend(path).empty());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_mounts()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(git_takes_it_for_one),
      cmocka_unit_test(what_is_in_its_place_is_kept),
      cmocka_unit_test(a_full_disk_leaves_what_was_there),
      cmocka_unit_test(packed_references),
      cmocka_unit_test(leftovers_go),
      cmocka_unit_test(a_disk_that_cannot_be_written_is_told),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
