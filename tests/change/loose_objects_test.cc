#include "firmware/change/loose_objects.h"

#include <zlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "firmware/base/limits.h"
#include "tests/change/shell.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

// A repository of plain git's, and what is in its folder of objects.
class Repository {
 public:
  Repository() { output_of("git init -q --bare " + path()); }

  std::string path() const { return folder_.path("r.git"); }
  std::string objects() const { return path() + "/objects"; }
  std::string file_of(const std::string& id) const {
    return objects() + "/" + id.substr(0, 2) + "/" + id.substr(2);
  }
  void write(const std::string& id, const std::string& bytes) const {
    std::filesystem::create_directories(objects() + "/" + id.substr(0, 2));
    std::filesystem::remove(file_of(id));
    std::ofstream(file_of(id), std::ios::binary) << bytes;
  }

 private:
  GitLibrary library_;
  Folder folder_;
};

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string compressed(const std::string& whole) {
  uLongf length = compressBound(whole.size());
  std::string result(length, '\0');
  compress(reinterpret_cast<Bytef*>(result.data()), &length,
           reinterpret_cast<const Bytef*>(whole.data()), whole.size());
  result.resize(length);
  return result;
}

void what_we_write_git_reads(void** /*state*/) {
  const Repository repository;
  const LooseObjects objects(repository.objects());
  for (const std::string& content :
       {std::string(), std::string("a\0b\n", 4), std::string(1 << 20, 'x')}) {
    const std::string id = objects.write(GIT_OBJECT_BLOB, content).value();
    assert_true(output_of(git(repository.path()) + "cat-file blob " + id) == content);
    const auto read = objects.read(id).value();
    assert_true(read->type == GIT_OBJECT_BLOB && read->content == content);
    assert_true(objects.is_safe(id));
    assert_string_equal(objects.write(GIT_OBJECT_BLOB, content).value().c_str(), id.c_str());
  }
  output_of(git(repository.path()) + "fsck --strict --no-dangling");
  assert_false(std::filesystem::exists(repository.objects() + "/tmp_obj_evenkeel"));
}

void what_git_writes_we_read(void** /*state*/) {
  const Repository repository;
  const LooseObjects objects(repository.objects());
  std::string id =
      output_of("printf 'some text' | " + git(repository.path()) + "hash-object -w --stdin");
  id.pop_back();
  assert_string_equal(objects.read(id).value()->content.c_str(), "some text");
  assert_false(objects.read(std::string(40, '1')).value().has_value());
  assert_false(objects.is_safe(std::string(40, '1')));
}

struct Row {
  const char* description;
  std::string bytes;
};

// None of it may be taken for an object, hang, or touch memory that is not ours.
void damage_is_an_error_and_is_written_over(void** /*state*/) {
  const Repository repository;
  const LooseObjects objects(repository.objects());
  const std::string text = "a text that is long enough to be cut in two, three or four";
  const std::string id = objects.write(GIT_OBJECT_BLOB, text).value();
  const std::string whole = "blob " + std::to_string(text.size()) + '\0' + text;
  const std::string size = std::to_string(text.size());
  std::vector<Row> rows = {
      {"empty", ""},
      {"not compressed", whole},
      {"something behind", compressed(whole) + "x"},
      {"another text", compressed("blob 1" + std::string("\0x", 2))},
      {"another kind", compressed("tree " + size + '\0' + text)},
      {"no kind", compressed("blib " + size + '\0' + text)},
      {"shorter than it says", compressed("blob 999" + std::string(1, '\0') + text)},
      {"longer than it says", compressed("blob 3" + std::string(1, '\0') + text)},
      {"a size in letters", compressed("blob x" + std::string(1, '\0') + text)},
      {"a size with a zero before", compressed("blob 0" + size + '\0' + text)},
      {"no size", compressed("blob " + std::string(1, '\0') + text)},
      {"no header", compressed(text)},
      {"no end of a header", compressed(std::string(100, 'b'))},
      {"far too much", compressed(std::string(5 * kMaxSettingsBytes, 'x'))},
  };
  const std::string good = bytes_of(repository.file_of(id));
  for (size_t length = 1; length < good.size(); ++length) {
    rows.push_back({"cut", good.substr(0, length)});
    std::string other = good;
    other[length] = static_cast<char>(other[length] ^ 1);
    rows.push_back({"another byte", other});
  }
  for (const Row& row : rows) {
    repository.write(id, row.bytes);
    if (objects.read(id).ok()) print_message("%s\n", row.description);
    assert_false(objects.read(id).ok());
    assert_false(objects.is_safe(id));
    assert_string_equal(objects.write(GIT_OBJECT_BLOB, text).value().c_str(), id.c_str());
    assert_true(objects.read(id).value()->content == text);
  }
}

// libgit2 with ours in the place of its own.
void libgit2_reads_and_writes_by_it(void** /*state*/) {
  const Repository repository;
  const GitObjects database = std::move(object_database(repository.objects()).value());
  const auto reads = [&](const git_oid& oid) {
    git_odb_object* made = nullptr;
    const int error = git_odb_read(&made, database.get(), &oid);
    const GitObject object(made);
    return error == 0 ? std::string(static_cast<const char*>(git_odb_object_data(made)),
                                    git_odb_object_size(made))
                      : "error " + std::to_string(error);
  };
  git_oid oid{};
  assert_int_equal(git_odb_write(&oid, database.get(), "text", 4, GIT_OBJECT_BLOB), 0);
  assert_string_equal(reads(oid).c_str(), "text");
  assert_int_equal(git_odb_exists(database.get(), &oid), 1);
  size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  assert_int_equal(git_odb_read_header(&size, &type, database.get(), &oid), 0);
  assert_true(size == 4 && type == GIT_OBJECT_BLOB);
  // Damaged: not there, and so written anew.
  repository.write(id_of(oid), "x");
  assert_int_equal(git_odb_exists(database.get(), &oid), 0);
  assert_int_equal(git_odb_read_header(&size, &type, database.get(), &oid), GIT_ENOTFOUND);
  assert_string_equal(reads(oid).c_str(), ("error " + std::to_string(GIT_ENOTFOUND)).c_str());
  assert_int_equal(git_odb_write(&oid, database.get(), "text", 4, GIT_OBJECT_BLOB), 0);
  assert_string_equal(reads(oid).c_str(), "text");
  // In a pack, with a damaged one beside it.
  output_of("echo " + id_of(oid) + " | " + git(repository.path()) + "pack-objects -q " +
            repository.objects() + "/pack/pack");
  repository.write(id_of(oid), "x");
  assert_string_equal(reads(oid).c_str(), "text");
}

void a_disk_without_a_folder(void** /*state*/) {
  const Repository repository;
  const LooseObjects objects(repository.objects());
  std::filesystem::remove_all(repository.objects());
  const Result<std::string> written = objects.write(GIT_OBJECT_BLOB, "x");
  assert_false(written.ok());
  assert_non_null(strstr(written.message().c_str(), repository.objects().c_str()));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_we_write_git_reads),
      cmocka_unit_test(what_git_writes_we_read),
      cmocka_unit_test(damage_is_an_error_and_is_written_over),
      cmocka_unit_test(libgit2_reads_and_writes_by_it),
      cmocka_unit_test(a_disk_without_a_folder),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
