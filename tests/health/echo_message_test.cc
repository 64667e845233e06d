#include "firmware/health/echo_message.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr EchoToken kToken = {0x0123'4567'89ab'cdef, 0xfeed'beef'0000'0001};

std::string reply_to(std::string request, bool is_v4) {
  request[0] = is_v4 ? '\0' : '\x81';
  return request;
}

void its_checksum_is_right(void**) {
  const std::string request = echo_request(true, kToken);
  uint32_t sum = 0;
  for (size_t i = 0; i < request.size(); i += 2) {
    sum += static_cast<uint32_t>(static_cast<uint8_t>(request[i]) << 8 |
                                 static_cast<uint8_t>(request[i + 1]));
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  assert_int_equal(sum, 0xffff);
  assert_int_equal(request[0], 8);
  assert_int_equal(echo_request(false, kToken)[0], static_cast<char>(128));
}

void its_own_reply_is_told_from_others(void**) {
  const std::string header = std::string("\x45", 1) + std::string(19, '\0');
  const std::string long_header = std::string("\x46", 1) + std::string(23, '\0');
  for (const bool is_v4 : {true, false}) {
    const std::string request = echo_request(is_v4, kToken);
    const std::string reply = reply_to(request, is_v4);
    assert_true(is_echo_reply(is_v4, reply, kToken));
    assert_int_equal(is_echo_reply(is_v4, header + reply, kToken), is_v4);
    assert_int_equal(is_echo_reply(is_v4, long_header + reply, kToken), is_v4);
    std::string with_other_identifier = reply;
    with_other_identifier[4] ^= 1;
    assert_true(is_echo_reply(is_v4, with_other_identifier, kToken));
    assert_false(is_echo_reply(is_v4, request, kToken));
    assert_false(is_echo_reply(is_v4, reply, {kToken[0], kToken[1] + 1}));
    assert_false(is_echo_reply(is_v4, reply + "x", kToken));
    assert_false(is_echo_reply(!is_v4, reply, kToken));
    for (size_t size = 0; size < reply.size(); ++size) {
      assert_false(is_echo_reply(is_v4, reply.substr(0, size), kToken));
      assert_false(is_echo_reply(is_v4, header.substr(0, size), kToken));
      assert_false(is_echo_reply(is_v4, "\x4f" + reply.substr(0, size), kToken));
    }
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(its_checksum_is_right),
      cmocka_unit_test(its_own_reply_is_told_from_others),
  };
  return cmocka_run_group_tests_name("health/echo_message", tests, nullptr, nullptr);
}
