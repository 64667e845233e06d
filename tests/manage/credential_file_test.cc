#include "firmware/manage/credential_file.h"

#include <sys/stat.h>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"
#include "tests/manage/remote_client.h"
#include "tests/manage/secret_file.h"

namespace evenkeel {
namespace {

CredentialSettings of_files(const std::string& authorization, const std::string& authorities) {
  return {.name = "am",
          .url = "https://a",
          .authorization_file = authorization,
          .ca_file = authorities};
}

void test_one_authorization_is_taken(void**) {
  const Folder folder;
  struct {
    const char* text;
    const char* value;
  } const rows[] = {
      {"Bearer abc", "Bearer abc"},
      {"Bearer abc\n", "Bearer abc"},
      {"Basic dXNlcjpwYXNz\r\n", "Basic dXNlcjpwYXNz"},
      {"GenieKey a=b,c~", "GenieKey a=b,c~"},
  };
  for (const auto& row : rows) {
    write_secret(folder, "token", row.text);
    const Result<Credential> found =
        read_credential(of_files(folder.path("token"), ""), std::nullopt);
    assert_true(found.ok());
    assert_string_equal(found.value().authorization.c_str(), row.value);
    assert_null(found.value().tls.get());
  }
}

// Any other file of the box stays its own; and what is in it is in no message.
void test_no_other_file_is_sent(void**) {
  const Folder folder;
  const std::string texts[] = {
      "",
      "\n",
      "s3cret",
      "s3cret\n",
      " s3cret",
      "Bearer ",
      "Bearer  s3cret",
      "Bearer s3cret ",
      "Bearer s3 cret",
      "Bearer s3cret\nBearer s3cret\n",
      "Bearer s3cret\n\n",
      "Bearer s3cret\rX: y",
      std::string("Bearer s3\0cret", 14),
      "Bearer s3\x7f",
      "Bearer s3\xc3\xa9",
      "Bearer\ts3cret",
      "root:s3cret:0:0: x",
      "carla viewer s3cret",
      "-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n",
  };
  for (const std::string& text : texts) {
    write_secret(folder, "token", text);
    const Result<Credential> found =
        read_credential(of_files(folder.path("token"), ""), std::nullopt);
    if (found.ok()) print_error("%s\n", text.c_str());
    assert_false(found.ok());
    assert_string_equal(found.message().c_str(),
                        ("the authorization file " + folder.path("token") +
                         " is not `SCHEME CREDENTIALS` on its only line, as `Bearer abc` or "
                         "`Basic dXNlcjpwYXNz`")
                            .c_str());
  }
  write_secret(folder, "token", "Bearer " + std::string(kMaxAuthorizationFile, 'x'));
  const Result<Credential> found =
      read_credential(of_files(folder.path("token"), ""), std::nullopt);
  assert_true(found.message().ends_with("has more than 8192 bytes: shorten it"));
}

void test_what_others_may_read_is_no_secret(void**) {
  const Folder folder;
  write_secret(folder, "token", "Bearer abc");
  CHECK(chmod(folder.path("token").c_str(), 0604) == 0);
  const std::vector<CredentialSettings> all = {of_files(folder.path("token"), "")};
  const std::vector<Mistake> found = mistakes_in(all);
  assert_int_equal(found.size(), 1);
  assert_string_equal(found[0].path.c_str(), "credentials[am].authorization_file");
  assert_true(found[0].what.find("is open to others: chmod 600") != std::string::npos);
}

void test_mistakes_name_key_and_file(void**) {
  const Folder folder;
  folder.write("empty", "");
  folder.write("half", "-----BEGIN CERTIFICATE-----\nAAAA\n");
  const std::vector<CredentialSettings> all = {
      of_files(folder.path("none"), folder.path("none")), of_files("", folder.path("empty")),
      of_files("", folder.path("half")), of_files("", folder.path(""))};
  const std::vector<Mistake> found = mistakes_in(all);
  assert_int_equal(found.size(), 5);
  const std::string expected[] = {
      "credentials[am].authorization_file: the authorization file " + folder.path("none") +
          " cannot be opened: No such file",
      "credentials[am].ca_file: the CA file " + folder.path("none") + " is not there",
      "credentials[am].ca_file: the CA file " + folder.path("empty") +
          " has no PEM certificates that can be used (",
      "credentials[am].ca_file: the CA file " + folder.path("half") +
          " has no PEM certificates that can be used (",
      "credentials[am].ca_file: the CA file " + folder.path("") + " is not a regular file"};
  for (size_t i = 0; i < found.size(); ++i) {
    const std::string said = found[i].path + ": " + found[i].what;
    if (!said.starts_with(expected[i])) print_error("%s\n", said.c_str());
    assert_true(said.starts_with(expected[i]));
  }
}

void test_authorities_are_parsed_when_they_change(void**) {
  const Certificates certificates;
  const CredentialSettings settings = of_files("", certificates.folder.path("ca.pem"));
  const Result<Credential> first = read_credential(settings, std::nullopt);
  assert_true(first.ok());
  assert_non_null(first.value().tls.get());
  const Result<Credential> second = read_credential(settings, first.value());
  assert_ptr_equal(second.value().tls.get(), first.value().tls.get());
  std::filesystem::copy_file(certificates.folder.path("stranger_ca.pem"),
                             certificates.folder.path("ca.pem"),
                             std::filesystem::copy_options::overwrite_existing);
  const Result<Credential> third = read_credential(settings, second.value());
  assert_ptr_not_equal(third.value().tls.get(), first.value().tls.get());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_one_authorization_is_taken),
      cmocka_unit_test(test_no_other_file_is_sent),
      cmocka_unit_test(test_what_others_may_read_is_no_secret),
      cmocka_unit_test(test_mistakes_name_key_and_file),
      cmocka_unit_test(test_authorities_are_parsed_when_they_change),
  };
  return cmocka_run_group_tests_name("manage/credential_file", tests, nullptr, nullptr);
}
