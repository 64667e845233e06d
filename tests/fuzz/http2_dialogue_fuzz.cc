// Any bytes as if from a server of HTTP/2: they end in an answer or need more, within a bound of
// bytes and of what is sent for them, and the answer is as good in whatever pieces they come.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/health/http2_dialogue.h"

namespace evenkeel {
namespace {

bool is_good(const CheckSettings& check, std::string_view bytes, size_t piece) {
  Http2Dialogue dialogue(check, *parse_address("10.0.0.1"), 80);
  size_t sent = dialogue.to_send().size();
  CHECK(sent > 24);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const std::optional<ProbeAnswer> answer = dialogue.take(bytes.substr(at, piece));
    sent += dialogue.to_send().size();
    CHECK(sent < 1'000 + 9 * bytes.size());
    if (!answer) continue;
    CHECK(answer->kind != ProbeAnswer::Kind::not_asked && !answer->text.empty());
    CHECK(answer->text.size() < 256);
    return answer->kind == ProbeAnswer::Kind::good;
  }
  CHECK(!dialogue.how_far().empty());
  CHECK(dialogue.end().kind == ProbeAnswer::Kind::bad);
  return false;
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  if (size == 0) return 0;
  CheckSettings check;
  check.type = (data[0] & 1) != 0 ? CheckType::grpc : CheckType::h2;
  if (data[0] == 2) check.contains = "well";
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const bool whole = is_good(check, bytes, SIZE_MAX / 2);
  // What comes behind an answer may make a good one bad if it comes at once.
  if (whole) CHECK(is_good(check, bytes, 1u + data[0]));
  return 0;
}
