#include "firmware/health/grpc_message.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

std::string message(std::string_view body) {
  std::string bytes(3, '\0');
  bytes += static_cast<char>(body.size() >> 8);
  bytes += static_cast<char>(body.size() & 0xff);
  return bytes.append(body);
}

void requests_name_the_service(void**) {
  assert_true(grpc_health_request("") == std::string(5, '\0'));
  assert_true(grpc_health_request("shop") == message("\x0a\x04shop"));
  const std::string name(256, 'x');
  assert_true(grpc_health_request(name) == message("\x0a\x80\x02" + name));
}

void answers_are_understood(void**) {
  using namespace std::string_view_literals;
  const struct {
    const char* description;
    std::string bytes;
    const char* expected;
  } rows[] = {
      {"serving", message("\x08\x01"), "SERVING"},
      {"not serving", message("\x08\x02"), "NOT_SERVING"},
      {"not known there", message("\x08\x03"), "SERVICE_UNKNOWN"},
      {"unknown is not written", message(""), "UNKNOWN"},
      {"the last one counts", message("\x08\x02\x08\x01"), "SERVING"},
      {"fields of later versions",
       message("\x12\x02xy\x18\x05\x08\x01\x25"
               "abcd\x29"
               "abcdefgh"),
       "SERVING"},
      {"a long varint", message("\x08\x81\x80\x80\x00"sv), "SERVING"},
      {"another status", message("\x08\x04"), "none"},
      {"a varint without an end", message("\x08\x80"), "none"},
      {"a varint too long", message("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "none"},
      {"a text beyond the end", message("\x12\x7fxy"), "none"},
      {"a text longer than anything", message("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
       "none"},
      {"a group", message("\x0b"), "none"},
      {"less than it says", message("\x08\x01").substr(0, 6), "none"},
      {"more than it says", message("\x08\x01") + "x", "none"},
      {"compressed", "\x01" + message("\x08\x01").substr(1), "none"},
      {"nothing", "", "none"},
  };
  for (const auto& row : rows) {
    const auto status = grpc_serving_status(row.bytes);
    const std::string text = status ? name_of(*status) : "none";
    if (text != row.expected) print_error("%s\n", row.description);
    assert_string_equal(text.c_str(), row.expected);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(requests_name_the_service),
      cmocka_unit_test(answers_are_understood),
  };
  return cmocka_run_group_tests_name("health/grpc_message", tests, nullptr, nullptr);
}
