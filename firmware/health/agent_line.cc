#include "firmware/health/agent_line.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

using State = AgentReport::State;
using Wish = AgentReport::Wish;

constexpr std::string_view kBetween = " \t,";
// Percent of a weight, and connections, that an agent may ask for at most: more is not understood.
constexpr uint32_t kMostWeight = 1'000;
constexpr uint32_t kMostConnections = 1'000'000'000;
constexpr size_t kMostReason = 100;

std::optional<uint32_t> number_in(std::string_view text, uint32_t most) {
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_good = error == std::errc() && end == text.data() + text.size() && number <= most;
  return is_good ? std::optional(number) : std::nullopt;
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return result;
}

// What nobody's terminal obeys.
std::string printable(std::string_view text) {
  std::string result(text.substr(0, kMostReason));
  std::ranges::replace_if(result, [](char c) { return c < ' ' || c > '~'; }, '?');
  return result;
}

std::string_view trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(kBetween), text.size()));
  return text.substr(0, text.find_last_not_of(kBetween) + 1);
}

bool take_number(std::string_view word, AgentReport& report) {
  constexpr std::string_view kConnections = "maxconn:";
  constexpr std::string_view kLoad = "load:";
  std::optional<uint32_t>* into = nullptr;
  uint32_t most = kMostWeight;
  if (word.starts_with(kConnections)) {
    into = &report.connections;
    most = kMostConnections;
    word.remove_prefix(kConnections.size());
  } else if (word.starts_with(kLoad)) {
    into = &report.load;
    word.remove_prefix(kLoad.size());
    if (word.ends_with('%')) word.remove_suffix(1);
  } else if (word.ends_with('%')) {
    into = &report.weight;
    word.remove_suffix(1);
  }
  const std::optional<uint32_t> number = number_in(word, most);
  if (into == nullptr || !number) return false;
  *into = number;
  return true;
}

// False: it is not known.
bool take_word(std::string_view word, AgentReport& report) {
  if (word == "up") {
    report.state = State::up;
  } else if (word == "down" || word == "fail" || word == "failed" || word == "stopped") {
    report.state = State::down;
  } else if (word == "ready") {
    report.wish = Wish::ready;
  } else if (word == "drain") {
    report.wish = Wish::drain;
  } else if (word == "maint") {
    report.wish = Wish::maintenance;
  } else {
    return take_number(word, report);
  }
  return true;
}

ProbeAnswer judge(std::string_view line) {
  std::optional<AgentReport> report = parse_agent_line(line);
  if (!report) {
    return {.kind = ProbeAnswer::Kind::bad,
            .text = "no agent's answer: \"" + printable(line) + "\""};
  }
  const bool is_down = report->state == State::down;
  return {.kind = is_down ? ProbeAnswer::Kind::bad : ProbeAnswer::Kind::good,
          .text = "its agent says: " + printable(trimmed(line)),
          .report = std::move(report)};
}

}  // namespace

std::optional<AgentReport> parse_agent_line(std::string_view line) {
  AgentReport report;
  const size_t hash = std::min(line.find('#'), line.size());
  if (hash < line.size()) report.reason = printable(trimmed(line.substr(hash + 1)));
  const std::string words = lower(line.substr(0, hash));
  std::string_view rest = words;
  bool is_any_known = false;
  while (!(rest = trimmed(rest)).empty()) {
    const size_t end = std::min(rest.find_first_of(kBetween), rest.size());
    is_any_known = take_word(rest.substr(0, end), report) || is_any_known;
    rest.remove_prefix(end);
  }
  return is_any_known ? std::optional(std::move(report)) : std::nullopt;
}

AgentDialogue::AgentDialogue(const CheckSettings& check)
    : question_(unescape(check.send).value_or(check.send)) {}

std::string AgentDialogue::to_send() { return std::exchange(question_, {}); }

std::optional<ProbeAnswer> AgentDialogue::take(std::string_view bytes) {
  const size_t end = bytes.find_first_of("\r\n");
  line_ += bytes.substr(0, std::min(end, kMaxAgentLine + 1 - line_.size()));
  if (line_.size() > kMaxAgentLine) {
    return ProbeAnswer{.kind = ProbeAnswer::Kind::bad,
                       .text = "a line of more than " + std::to_string(kMaxAgentLine) + " bytes"};
  }
  return end == std::string_view::npos ? std::nullopt : std::optional(judge(line_));
}

ProbeAnswer AgentDialogue::end() {
  if (!line_.empty()) return judge(line_);
  return {.kind = ProbeAnswer::Kind::bad, .text = "closed without an answer"};
}

std::string AgentDialogue::how_far() const {
  return line_.empty() ? "connected, but no answer" : "only a part of a line";
}

}  // namespace evenkeel
