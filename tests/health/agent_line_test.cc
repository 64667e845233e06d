#include "firmware/health/agent_line.h"

#include <string>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using State = AgentReport::State;
using Wish = AgentReport::Wish;

std::string text_of(const std::optional<ProbeAnswer>& answer) {
  if (!answer) return "more";
  return (answer->kind == ProbeAnswer::Kind::good ? "good: " : "bad: ") + answer->text;
}

void lines_are_understood(void**) {
  const struct {
    const char* line;
    std::optional<AgentReport> expected;
  } rows[] = {
      {"up", AgentReport{.state = State::up}},
      {"UP", AgentReport{.state = State::up}},
      {"down", AgentReport{.state = State::down}},
      {"fail", AgentReport{.state = State::down}},
      {"failed", AgentReport{.state = State::down}},
      {"stopped", AgentReport{.state = State::down}},
      {"ready", AgentReport{.wish = Wish::ready}},
      {"drain", AgentReport{.wish = Wish::drain}},
      {"maint", AgentReport{.wish = Wish::maintenance}},
      {"75%", AgentReport{.weight = 75}},
      {"0%", AgentReport{.weight = 0}},
      {"1000%", AgentReport{.weight = 1'000}},
      {"maxconn:30", AgentReport{.connections = 30}},
      {"load:93", AgentReport{.load = 93}},
      {"load:93%", AgentReport{.load = 93}},
      {"up ready 75% maxconn:30 load:5",
       AgentReport{
           .state = State::up, .wish = Wish::ready, .weight = 75, .load = 5, .connections = 30}},
      {"up,ready,\t75%", AgentReport{.state = State::up, .wish = Wish::ready, .weight = 75}},
      {"  drain  ", AgentReport{.wish = Wish::drain}},
      {"down # disk is full ", AgentReport{.state = State::down, .reason = "disk is full"}},
      {"down#up", AgentReport{.state = State::down, .reason = "up"}},
      {"up \x1b[2J #\x1b[2J", AgentReport{.state = State::up, .reason = "?[2J"}},
      {"up down", AgentReport{.state = State::down}},
      {"well up", AgentReport{.state = State::up}},
      {"", std::nullopt},
      {"# up", std::nullopt},
      {"upp", std::nullopt},
      {"%", std::nullopt},
      {"-5%", std::nullopt},
      {"7.5%", std::nullopt},
      {"1001%", std::nullopt},
      {"99999999999999999999%", std::nullopt},
      {"75", std::nullopt},
      {"maxconn:", std::nullopt},
      {"maxconn:x", std::nullopt},
      {"HTTP/1.1 200 OK", std::nullopt},
  };
  for (const auto& row : rows) {
    const bool is_good = parse_agent_line(row.line) == row.expected;
    if (!is_good) print_error("%s\n", row.line);
    assert_true(is_good);
  }
}

std::string answer_to(const std::string& bytes, size_t piece, bool closes) {
  CheckSettings check;
  check.type = CheckType::agent;
  AgentDialogue dialogue(check);
  assert_string_equal(dialogue.to_send().c_str(), "");
  for (size_t at = 0; at < bytes.size(); at += piece) {
    const auto answer = dialogue.take(std::string_view(bytes).substr(at, piece));
    if (answer) return text_of(answer);
  }
  return closes ? text_of(dialogue.end()) : dialogue.how_far();
}

void a_line_ends_where_it_says_or_with_the_connection(void**) {
  const struct {
    std::string bytes;
    bool closes;
    const char* expected;
  } rows[] = {
      {"up\n", false, "good: its agent says: up"},
      {"up\r\n", false, "good: its agent says: up"},
      {"75% drain #why\ndown\n", false, "good: its agent says: 75% drain #why"},
      {"up", true, "good: its agent says: up"},
      {"maint", true, "good: its agent says: maint"},
      {"down #a\x01", true, "bad: its agent says: down #a?"},
      {"stopped\n", false, "bad: its agent says: stopped"},
      {"", true, "bad: closed without an answer"},
      {"\n", false, "bad: no agent's answer: \"\""},
      {"SSH-2.0-x\r\n", false, "bad: no agent's answer: \"SSH-2.0-x\""},
      {"", false, "connected, but no answer"},
      {"up", false, "only a part of a line"},
      {"up #" + std::string(kMaxAgentLine - 4, 'x') + "\n", false, "good: its agent says: up #xxx"},
      {"up #" + std::string(kMaxAgentLine - 3, 'x') + "\n", false,
       "bad: a line of more than 1024 bytes"},
  };
  for (const auto& row : rows) {
    for (const size_t piece : {size_t{1}, size_t{7}, size_t{100'000}}) {
      const std::string answer = answer_to(row.bytes, piece, row.closes);
      if (!answer.starts_with(row.expected)) print_error("%s\n", answer.c_str());
      assert_true(answer.starts_with(row.expected));
      assert_true(answer.size() < 150);
    }
  }
}

void what_is_sent_may_have_any_bytes(void**) {
  CheckSettings check;
  check.type = CheckType::agent;
  check.send = R"(web1\n\x00)";
  AgentDialogue dialogue(check);
  assert_true(dialogue.to_send() == std::string("web1\n\0", 6));
  assert_string_equal(dialogue.to_send().c_str(), "");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_understood),
      cmocka_unit_test(a_line_ends_where_it_says_or_with_the_connection),
      cmocka_unit_test(what_is_sent_may_have_any_bytes),
  };
  return cmocka_run_group_tests_name("health/agent_line", tests, nullptr, nullptr);
}
