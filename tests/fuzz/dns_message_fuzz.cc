// Any bytes as if from a DNS server: no answer is taken for one that is not to this very query.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/health/dns_message.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  if (size < 2) return 0;
  CheckSettings check;
  check.type = CheckType::dns;
  check.query_type = (data[0] & 1) != 0 ? DnsType::a : DnsType::srv;
  if ((data[0] & 2) != 0) check.rcodes.push_back(DnsRcode::nxdomain);
  const std::string query = dns_query("www.example", check.query_type, 0x1234);
  std::string answer(reinterpret_cast<const char*>(data + 1), size - 1);
  // Most tries are to get behind the question.
  if ((data[0] & 4) != 0 && answer.size() > query.size()) {
    std::copy(query.begin() + 12, query.end(), answer.begin() + 12);
    answer[0] = query[0];
    answer[1] = query[1];
  }
  const std::optional<ProbeAnswer> judged = judge_dns_answer(check, query, answer);
  if (!judged) return 0;
  CHECK(judged->kind != ProbeAnswer::Kind::not_asked && !judged->text.empty());
  CHECK(answer.size() >= 12 && answer.substr(0, 2) == query.substr(0, 2));
  CHECK((answer[2] & 0x80) != 0);
  const int rcode = answer[3] & 15;
  if (judged->kind == ProbeAnswer::Kind::good) {
    CHECK(rcode == 0 || (rcode == 3 && check.rcodes.size() == 2));
  }
  return 0;
}
