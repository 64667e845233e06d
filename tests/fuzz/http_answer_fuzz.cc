// Any bytes as if from a server that is asked whether it is well: they end in an answer or need
// more, within their bound, and the answer is as good in whatever pieces they come.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/health/http_answer.h"

namespace evenkeel {
namespace {

std::optional<ProbeAnswer> read(const CheckSettings& check, std::string_view bytes, size_t piece) {
  HttpAnswer reader(check);
  CHECK(!reader.has_begun());
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const std::optional<ProbeAnswer> answer = reader.take(bytes.substr(at, piece));
    if (!answer) continue;
    CHECK(answer->kind != ProbeAnswer::Kind::not_asked && !answer->text.empty());
    CHECK(answer->text.size() < 256);
    return answer;
  }
  CHECK(bytes.size() <= kMaxProbeHeader || !check.contains.empty());
  CHECK(bytes.size() < kMaxProbeHeader + kMaxProbeBody);
  CHECK(reader.has_begun() == !bytes.empty());
  CHECK(reader.end().kind == ProbeAnswer::Kind::bad);
  return std::nullopt;
}

bool is_good(const std::optional<ProbeAnswer>& answer) {
  return answer && answer->kind == ProbeAnswer::Kind::good;
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  if (size == 0) return 0;
  CheckSettings check;
  check.type = CheckType::http;
  if ((data[0] & 1) != 0) check.contains = "well";
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::optional<ProbeAnswer> whole = read(check, bytes, SIZE_MAX / 2);
  CHECK(is_good(read(check, bytes, 1u + data[0])) == is_good(whole));
  if (bytes.size() < 4'096) CHECK(is_good(read(check, bytes, 1)) == is_good(whole));
  return 0;
}
