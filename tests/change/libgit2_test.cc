#include "firmware/change/libgit2.h"

#include <cstring>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

const std::string kId = "0123456789abcdef0123456789abcdef01234567";

void ids(void** /*state*/) {
  const GitLibrary library;
  assert_string_equal(id_of(oid_of(kId)).c_str(), kId.c_str());
  assert_int_equal(oid_of(kId).id[0], 0x01);
}

struct Row {
  const char* in;
  const char* expected;
};

void names_that_git_can_have(void** /*state*/) {
  const Row rows[] = {
      {"anna", "anna"},
      {"", "unknown"},
      {"Anna B. O'C", "Anna B. O'C"},
      {"a<b>\nc\x7f", "abc"},
      {"<>\n", "unknown"},
      {"  anna ", "anna"},
      {"\xc3\xa9va", "\xc3\xa9va"},
      {".,:", "unknown"},
  };
  const GitLibrary library;
  for (const Row& row : rows) {
    const GitSignature signature = signature_of(row.in, 1'763'726'400'999'999);
    assert_string_equal(signature->name, row.expected);
    assert_int_equal(signature->when.time, 1'763'726'400);
    assert_int_equal(signature->when.offset, 0);
  }
}

void failures_say_why(void** /*state*/) {
  const GitLibrary library;
  git_repository* repository = nullptr;
  assert_int_not_equal(git_repository_open_bare(&repository, "/nowhere"), 0);
  const Error error = git_failure("it cannot be opened");
  assert_non_null(strstr(error.message.c_str(), "it cannot be opened: "));
  assert_non_null(strstr(error.message.c_str(), "/nowhere"));
}

void as_long_as_one_lives(void** /*state*/) {
  const GitLibrary first;
  {
    const GitLibrary second;
  }
  git_oid oid{};
  assert_int_equal(git_odb_hash(&oid, "", 0, GIT_OBJECT_BLOB), 0);
  assert_string_equal(id_of(oid).c_str(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(ids),
      cmocka_unit_test(names_that_git_can_have),
      cmocka_unit_test(failures_say_why),
      cmocka_unit_test(as_long_as_one_lives),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
