// Whatever comes back from whom a query is asked of: it is numbers in their order, no data, or a
// short sentence that is text.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/manage/query_answer.h"
#include "firmware/manage/utf8.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  if (size < 2) return 0;
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const unsigned status = data[0] < 128 ? 200 : 100 + data[0];
  const size_t reason = data[1] < all.size() - 2 ? data[1] : 0;
  const std::string_view body = all.substr(2 + (status == 200 ? 0 : reason));
  const QueryAnswer answer = read_query_answer(status, all.substr(2, reason), body);
  const bool has_reason =
      answer.kind == QueryAnswer::Kind::refused || answer.kind == QueryAnswer::Kind::none;
  CHECK(has_reason == !answer.why.empty() && answer.why.size() < 600);
  std::string text = answer.why;
  make_utf8(text);
  CHECK(text == answer.why && text.find_first_of("\n\r\x1b") == std::string::npos);
  CHECK(!std::isnan(answer.least) && !std::isnan(answer.most) && answer.least <= answer.most);
  QueryState state;
  state.settings.at_most = 1;
  state.answer = answer;
  CHECK((state.verdict() == QueryVerdict::unknown) == (answer.kind != QueryAnswer::Kind::numbers));
  CHECK(!state.text().empty());
  return 0;
}
