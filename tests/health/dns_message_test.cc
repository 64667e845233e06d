#include "firmware/health/dns_message.h"

#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

std::string text_of(const std::optional<ProbeAnswer>& answer) {
  if (!answer) return "not it";
  return (answer->kind == ProbeAnswer::Kind::good ? "good: " : "bad: ") + answer->text;
}

std::string bytes(std::initializer_list<int> numbers) {
  std::string text;
  for (const int number : numbers) text += static_cast<char>(number);
  return text;
}

void a_query_is_as_rfc_1035_has_it(void**) {
  assert_true(dns_query("www.example", DnsType::aaaa, 0x1234) ==
              bytes({0x12, 0x34, 1,   0,   0,   1,   0,   0,   0,   0, 0, 0,  3, 'w', 'w',
                     'w',  7,    'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 28, 0, 1}));
  assert_true(dns_query("a.", DnsType::ns, 7) == dns_query("a", DnsType::ns, 7));
  assert_true(dns_query(".", DnsType::ns, 7) ==
              bytes({0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1}));
}

const std::string kQuery = dns_query("www.example", DnsType::a, 0x1234);

// The answer's first bytes, with the question.
std::string answer_with(int flags, int rcode, int records) {
  std::string answer = kQuery;
  answer[2] = static_cast<char>(flags);
  answer[3] = static_cast<char>(rcode);
  answer[7] = static_cast<char>(records);
  return answer;
}

const std::string kAddress = bytes({0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1});
const std::string kAlias = bytes({0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 3, 1, 'a', 0});
const std::string kOther = bytes({1, 'x', 0, 0, 46, 0, 1, 0, 0, 0, 60, 0, 2, 9, 9});

void answers_are_judged(void**) {
  std::string other_case = answer_with(0x81, 0x80, 1) + kAddress;
  other_case[13] = 'W';
  std::string other_id = answer_with(0x81, 0x80, 1) + kAddress;
  other_id[0] = 9;
  std::string other_name = answer_with(0x81, 0x80, 1) + kAddress;
  other_name[13] = 'x';
  std::string no_question = answer_with(0x81, 0x81, 0).substr(0, 12);
  no_question[5] = 0;
  const struct {
    const char* description;
    std::string answer;
    const char* expected;
  } rows[] = {
      {"an address", answer_with(0x81, 0x80, 1) + kAddress, "good: NOERROR"},
      {"in other letters", other_case, "good: NOERROR"},
      {"an alias", answer_with(0x81, 0x80, 1) + kAlias, "good: NOERROR"},
      {"behind another record", answer_with(0x81, 0x80, 2) + kOther + kAddress, "good: NOERROR"},
      {"cut off", answer_with(0x83, 0x80, 0), "good: NOERROR"},
      {"no record", answer_with(0x81, 0x80, 0),
       "bad: NOERROR, but no record of what was asked for"},
      {"another record only", answer_with(0x81, 0x80, 1) + kOther,
       "bad: NOERROR, but no record of what was asked for"},
      {"fewer records than it says", answer_with(0x81, 0x80, 2) + kOther,
       "bad: an answer that is broken"},
      {"a record that is cut", answer_with(0x81, 0x80, 1) + kAddress.substr(0, 15),
       "bad: an answer that is broken"},
      {"a name without an end", answer_with(0x81, 0x80, 1) + std::string(30, '\x09'),
       "bad: an answer that is broken"},
      {"a label of a kind there is not", answer_with(0x81, 0x80, 1) + std::string(30, '\x40'),
       "bad: an answer that is broken"},
      {"no such name", answer_with(0x81, 0x83, 0), "bad: NXDOMAIN"},
      {"refused", answer_with(0x81, 0x85, 0), "bad: REFUSED"},
      {"failed", answer_with(0x81, 0x82, 0), "bad: SERVFAIL"},
      {"a rare rcode", answer_with(0x81, 0x89, 0), "bad: rcode 9"},
      {"not understood, without the question", no_question, "bad: FORMERR"},
      {"another's answer", other_id, "not it"},
      {"an answer to another question", other_name, "not it"},
      {"the query itself", kQuery, "not it"},
      {"too short", kQuery.substr(0, 11), "not it"},
      {"nothing", "", "not it"},
  };
  CheckSettings check;
  check.type = CheckType::dns;
  check.query = "www.example";
  for (const auto& row : rows) {
    const std::string answer = text_of(judge_dns_answer(check, kQuery, row.answer));
    if (answer != row.expected) print_error("%s\n", row.description);
    assert_string_equal(answer.c_str(), row.expected);
  }
}

void other_rcodes_may_be_good(void**) {
  CheckSettings check;
  check.type = CheckType::dns;
  check.rcodes = {DnsRcode::nxdomain, DnsRcode::refused};
  const auto judged = [&](int rcode, int records, const std::string& behind) {
    return text_of(
        judge_dns_answer(check, kQuery, answer_with(0x81, 0x80 | rcode, records) + behind));
  };
  assert_string_equal(judged(3, 0, "").c_str(), "good: NXDOMAIN");
  assert_string_equal(judged(5, 0, "").c_str(), "good: REFUSED");
  assert_string_equal(judged(0, 1, kAddress).c_str(), "bad: NOERROR");
  assert_string_equal(judged(2, 0, "").c_str(), "bad: SERVFAIL");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_query_is_as_rfc_1035_has_it),
      cmocka_unit_test(answers_are_judged),
      cmocka_unit_test(other_rcodes_may_be_good),
  };
  return cmocka_run_group_tests_name("health/dns_message", tests, nullptr, nullptr);
}
