#include "tools/benchmarks/options.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace evenkeel::bench {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view text,
                         std::span<const NumberOption> numbers) {
  std::string known;
  for (const NumberOption& each : numbers) {
    known.append(each.name).append(" ").append(std::to_string(each.least));
    known.append("..").append(std::to_string(each.most)).append(", ");
  }
  std::fprintf(stderr, "'%s %s' is not understood; there are %s--json FILE\n",
               std::string(name).c_str(), std::string(text).c_str(), known.c_str());
  std::exit(2);
}

bool is_read(std::string_view text, const NumberOption& option) {
  size_t number = 0;
  const auto [after, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || after != text.end()) return false;
  if (number < option.least || number > option.most) return false;
  *option.value = number;
  return true;
}

}  // namespace

std::string read_options(int count, char** arguments, std::span<const NumberOption> numbers) {
  std::string json;
  for (int i = 1; i < count; i += 2) {
    const std::string_view name = arguments[i];
    const std::string_view text = i + 1 < count ? arguments[i + 1] : "";
    const auto known = std::ranges::find(
        numbers, name, [](const NumberOption& each) -> std::string_view { return each.name; });
    if (name == "--json" && !text.empty()) {
      json = text;
    } else if (known == numbers.end() || !is_read(text, *known)) {
      refuse(name, text, numbers);
    }
  }
  return json;
}

}  // namespace evenkeel::bench
