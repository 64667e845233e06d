// Any bytes as if a port's kernel end had heard them: what is taken for an answer has a token that
// may have been given out, and is the same by what the filter lets through of it. A question is no
// answer.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/health/path_message.h"

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  // Of their own size, so that reading beyond them shows.
  const std::vector<uint8_t> frame(data, data + size);
  const std::optional<PathAnswer> answer = read_path_answer(frame);
  if (!answer) return 0;
  CHECK(answer->token < kPathTokens);
  CHECK((answer->kind == PathAnswer::Kind::error) == !answer->text.empty());
  const size_t passed = std::min<size_t>(size, kPathAnswerBytes);
  const std::optional<PathAnswer> again = read_path_answer(std::span(frame).first(passed));
  CHECK(again && again->token == answer->token && again->kind == answer->kind);

  const PathQuestion question = {.source = *parse_address("10.0.0.2"),
                                 .vip = *parse_address("192.0.2.10"),
                                 .port = answer->port,
                                 .token = answer->token};
  std::vector<uint8_t> room(kPathRoom);
  const Frame asked = write_path_question(question, 100, room);
  CHECK(!read_path_answer({asked.data, asked.length}));
  return 0;
}
