#include "tools/keel/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <ctime>

namespace evenkeel::keel {
namespace {

constexpr uint64_t kMostSeconds = 30 * uint64_t{86'400};

uint64_t seconds_of_unit(std::string_view unit) {
  if (unit == "s") return 1;
  if (unit == "m" || unit == "min") return 60;
  if (unit == "h") return 3'600;
  if (unit == "d") return 86'400;
  return 0;
}

// As printf would, but not as slow: lists have hundreds of thousands of these.
std::string with_decimals(double number, int decimals) {
  std::array<char, 512> text;  // NOLINT(cppcoreguidelines-pro-type-member-init): the largest fits
  const auto [end, error] = std::to_chars(text.data(), text.data() + text.size(), number,
                                          std::chars_format::fixed, decimals);
  return {text.data(), end};
}

std::string two_digits(uint64_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

}  // namespace

Result<uint64_t> parse_seconds(std::string_view text) {
  const Error wrong{"'" + std::string(text) +
                    "' is no time; write it like 90s, 5m, 1h30m or 2d, from 1s to 30d"};
  uint64_t total = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    uint64_t number = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    if (error != std::errc() || number > kMostSeconds) return wrong;
    rest.remove_prefix(static_cast<size_t>(end - rest.data()));
    const size_t unit_length = std::min(rest.find_first_of("0123456789"), rest.size());
    const uint64_t unit = seconds_of_unit(rest.substr(0, unit_length));
    if (unit == 0) return wrong;
    total += number * unit;
    if (total > kMostSeconds) return wrong;
    rest.remove_prefix(unit_length);
  }
  if (total == 0) return wrong;
  return total;
}

std::string countdown(uint64_t seconds) {
  const std::string end = ":" + two_digits(seconds % 60);
  if (seconds < 3'600) return std::to_string(seconds / 60) + end;
  return std::to_string(seconds / 3'600) + ":" + two_digits(seconds / 60 % 60) + end;
}

std::string how_long(uint64_t seconds) {
  const auto two = [](uint64_t big, const char* unit, uint64_t small, const char* part) {
    return std::to_string(big) + unit + (small > 0 ? " " + std::to_string(small) + part : "");
  };
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3'600) return two(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 86'400) return two(seconds / 3'600, "h", seconds / 60 % 60, "m");
  return two(seconds / 86'400, "d", seconds / 3'600 % 24, "h");
}

std::string utc(uint64_t seconds) {
  constexpr uint64_t kMost = 253'402'300'799;  // the end of the year 9999
  const auto time = static_cast<std::time_t>(std::min(seconds, kMost));
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string grouped(uint64_t number) {
  std::string text = std::to_string(number);
  for (size_t at = text.size(); at > 3;) {
    at -= 3;
    text.insert(at, 1, ',');
  }
  return text;
}

std::string shortened(double number) {
  constexpr std::array<const char*, 6> kUnits = {"", "k", "M", "G", "T", "P"};
  size_t unit = 0;
  while (number >= 999.5 && unit + 1 < kUnits.size()) {
    number /= 1'000;
    ++unit;
  }
  if (unit == 0) return with_decimals(number, number < 10 && number != std::floor(number) ? 1 : 0);
  return with_decimals(number, number < 9.995 ? 2 : number < 99.95 ? 1 : 0) + kUnits[unit];
}

std::string percent(double percentage) {
  const double size = std::abs(percentage);
  if (size == 0) return "0 %";
  if (size < 0.01) return percentage < 0 ? "-<0.01 %" : "<0.01 %";
  if (size >= 99.95 && size <= 100.05) return percentage < 0 ? "-100 %" : "100 %";
  return with_decimals(percentage, size < 0.995 ? 2 : 1) + " %";
}

std::string milliseconds(double number) {
  return with_decimals(number, number < 1 ? 2 : number < 100 ? 1 : 0) + " ms";
}

std::optional<uint64_t> parse_id(std::string_view text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number == 0) return std::nullopt;
  return number;
}

}  // namespace evenkeel::keel
