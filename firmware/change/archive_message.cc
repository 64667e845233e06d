#include "firmware/change/archive_message.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <ctime>

#include "firmware/base/limits.h"
#include "firmware/change/repository.h"

namespace evenkeel {
namespace {

constexpr std::string_view kNumber = "Generation: ";
constexpr std::string_view kBase = "Base: ";
constexpr std::string_view kWaived = "Waived: ";
constexpr std::string_view kNoReason = "No reason given";
constexpr std::string_view kCopyTitle = "# Evenkeel's settings, generation ";
constexpr std::string_view kCopyTime = " of second ";
constexpr std::string_view kCopyText = " since 1970, as git's blob ";

// Takes `prefix` off the front of `text`.
bool skip(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool read_number(std::string_view& text, uint64_t& ret_number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), ret_number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

bool read_whole_number(std::string_view text, uint64_t& ret_number) {
  return read_number(text, ret_number) && text.empty();
}

bool has_control(std::string_view text, std::string_view allowed) {
  return std::ranges::any_of(text, [&](char each) {
    const auto byte = static_cast<unsigned char>(each);
    return (byte < ' ' || byte == 0x7f) && allowed.find(each) == std::string_view::npos;
  });
}

bool is_rule_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && !has_control(name, "") &&
         name.find_first_of(": ") == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") + 1 - first);
}

std::string one_line(std::string_view text) {
  std::string line(text);
  std::ranges::replace_if(
      line, [](char each) { return static_cast<unsigned char>(each) < ' ' || each == 0x7f; }, ' ');
  return line;
}

bool read_trailer(std::string_view line, Generation& ret_generation) {
  if (skip(line, kNumber)) return read_whole_number(line, ret_generation.number);
  if (skip(line, kBase)) return read_whole_number(line, ret_generation.base);
  if (!skip(line, kWaived)) return true;  // somebody's own, as of git commit --amend --signoff
  const size_t colon = line.find(": ");
  if (colon == std::string_view::npos) return false;
  ret_generation.waivers.push_back(
      {std::string(line.substr(0, colon)), std::string(line.substr(colon + 2))});
  return true;
}

}  // namespace

Status check_message(const Generation& generation) {
  if (generation.text.size() > kMaxSettingsBytes) {
    return Error{"the settings have more than " + std::to_string(kMaxSettingsBytes) +
                 " bytes: make them shorter"};
  }
  if (generation.who.size() > kMaxWho || has_control(generation.who, "")) {
    return Error{"who makes a change is named in at most " + std::to_string(kMaxWho) +
                 " bytes, without control characters"};
  }
  if (generation.why.size() > kMaxWhy || has_control(generation.why, "\n\t")) {
    return Error{"the reason of a change is text of at most " + std::to_string(kMaxWhy) +
                 " bytes: say it shorter, without control characters"};
  }
  if (generation.waivers.size() > kMaxWaivers) {
    return Error{"a change may waive at most " + std::to_string(kMaxWaivers) + " rules: split it"};
  }
  for (const auto& [rule, reason] : generation.waivers) {
    if (!is_rule_name(rule)) return Error{"\"" + one_line(rule) + "\" is no name of a rule"};
    if (trimmed(reason).empty() || reason.size() > kMaxWhy || has_control(reason, "")) {
      return Error{"the reason to waive " + rule + " is one line of 1 to " +
                   std::to_string(kMaxWhy) + " bytes"};
    }
  }
  return {};
}

std::string write_message(const Generation& generation) {
  const std::string_view why = trimmed(generation.why);
  std::string message(why.empty() ? kNoReason : why);
  message.append("\n\n").append(kNumber).append(std::to_string(generation.number)).append("\n");
  message.append(kBase).append(std::to_string(generation.base)).append("\n");
  for (const auto& [rule, reason] : generation.waivers) {
    message.append(kWaived).append(rule).append(": ").append(trimmed(reason)).append("\n");
  }
  return message;
}

bool read_message(std::string_view message, Generation& ret_generation) {
  message = trimmed(message);
  const size_t end = message.rfind("\n\n");
  if (end == std::string_view::npos) return false;
  Generation read;
  std::string_view trailers = message.substr(end + 2);
  while (!trailers.empty()) {
    const std::string_view line = trailers.substr(0, trailers.find('\n'));
    if (!read_trailer(line, read)) return false;
    trailers.remove_prefix(std::min(line.size() + 1, trailers.size()));
  }
  if (read.number == 0 || read.number > kMaxGeneration) return false;
  const std::string_view why = trimmed(message.substr(0, end));
  ret_generation.why = why == kNoReason ? "" : why;
  ret_generation.number = read.number;
  ret_generation.base = read.base;
  ret_generation.waivers = std::move(read.waivers);
  return true;
}

std::string write_note(std::string_view outcome, std::string_view who, WallTime when) {
  const auto seconds = static_cast<time_t>(when / 1'000'000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 64> time{};
  const size_t length = strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%SZ ", &parts);
  return std::string(time.data(), length) + one_line(who) + ": " + one_line(outcome) + "\n";
}

std::string write_copy(const Generation& generation) {
  std::string copy(kCopyTitle);
  copy.append(std::to_string(generation.number)).append(kCopyTime);
  copy.append(std::to_string(generation.when / 1'000'000)).append(kCopyText);
  copy.append(Repository::id_of_text(generation.text)).append("\n").append(generation.text);
  return copy;
}

std::optional<Generation> read_copy(std::string_view copy) {
  Generation generation;
  uint64_t seconds = 0;
  if (!skip(copy, kCopyTitle) || !read_number(copy, generation.number) || !skip(copy, kCopyTime) ||
      !read_number(copy, seconds) || !skip(copy, kCopyText)) {
    return std::nullopt;
  }
  const size_t end = copy.find('\n');
  if (end == std::string_view::npos || generation.number == 0 ||
      generation.number > kMaxGeneration) {
    return std::nullopt;
  }
  generation.text = copy.substr(end + 1);
  if (Repository::id_of_text(generation.text) != copy.substr(0, end)) return std::nullopt;
  generation.when = seconds * 1'000'000;
  return generation;
}

}  // namespace evenkeel
