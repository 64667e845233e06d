// Any bytes as if from an agent: they end in an answer or need more, within their bound, the same
// in whatever pieces they come; and what is understood is within what it may say.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/health/agent_line.h"

namespace evenkeel {
namespace {

ProbeAnswer read(std::string_view bytes, size_t piece) {
  CheckSettings check;
  check.type = CheckType::agent;
  AgentDialogue dialogue(check);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const std::optional<ProbeAnswer> answer = dialogue.take(bytes.substr(at, piece));
    if (answer) return *answer;
  }
  CHECK(bytes.size() <= kMaxAgentLine);
  return dialogue.end();
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const ProbeAnswer answer = read(bytes, SIZE_MAX / 2);
  CHECK(answer == read(bytes, 1u + data[0]));
  CHECK(answer.kind != ProbeAnswer::Kind::not_asked && answer.text.size() < 256);
  for (const char c : answer.text) CHECK(c >= ' ' && c <= '~');
  const bool is_good = answer.kind == ProbeAnswer::Kind::good;
  CHECK(!is_good || answer.report);
  if (!answer.report) return 0;
  CHECK(is_good == (answer.report->state != AgentReport::State::down));
  CHECK(answer.report->weight.value_or(0) <= 1'000 && answer.report->load.value_or(0) <= 1'000);
  for (const char c : answer.report->reason) CHECK(c >= ' ' && c <= '~');
  return 0;
}
