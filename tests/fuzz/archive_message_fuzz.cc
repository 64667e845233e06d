// Any bytes as what people say of a generation, and as what is found in a repository: what is
// accepted is read as it was meant, and no message or copy reads as something that it is not.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/change/archive_message.h"
#include "firmware/change/libgit2.h"

namespace {

using namespace evenkeel;

// As an operator's reason and waiver.
void say(const std::string& text) {
  const size_t half = text.size() / 2;
  Generation said{.text = text, .who = "anna", .why = text.substr(0, half), .base = 3};
  said.number = 4;
  said.waivers = {{"single-node", text.substr(half)}};
  if (!check_message(said).ok()) said.waivers.clear();
  if (!check_message(said).ok()) return;
  Generation read;
  CHECK(read_message(write_message(said), read));
  CHECK(read.number == 4 && read.base == 3);
  CHECK(read.waivers.size() == said.waivers.size());
  CHECK(said.why.find(read.why) != std::string::npos);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const GitLibrary kLibrary;  // starting it takes longer than all the rest
  const std::string text(reinterpret_cast<const char*>(data), size);
  say(text);
  Generation read;
  if (read_message(text, read)) CHECK(read.number > 0 && read.number <= kMaxGeneration);
  if (const std::optional<Generation> copy = read_copy(text)) CHECK(text.ends_with(copy->text));
  Generation original{.text = text, .when = 5'000'000};
  original.number = 7;
  const std::optional<Generation> again = read_copy(write_copy(original));
  CHECK(again && again->text == text && again->number == 7 && again->when == 5'000'000);
  return 0;
}
