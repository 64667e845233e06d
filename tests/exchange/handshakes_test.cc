#include "firmware/exchange/handshakes.h"

#include <array>

#include "tests/exchange/handshakes.h"

namespace evenkeel {
namespace {

struct Step {
  enum Kind { none, syn, ack, data, fin, data_fin, rst, rst_ack, bare, idle } kind = none;
  Microseconds now = 0;
  uint32_t number = 1;  // acknowledged
  uint16_t slot = 0;
};

struct Story {
  const char* description;
  std::array<Step, 7> steps;
  BackendCounts first;     // of slot 0
  BackendCounts second{};  // of slot 1
  // Of slot 0's one completed handshake and answered request; -1: there is none.
  int handshake_bucket = -1;
  int response_bucket = -1;
};

constexpr Microseconds kWrap = Microseconds{1} << 32;

constexpr int latency(Microseconds time) { return static_cast<int>(latency_bucket(time)); }

// Of one flow.
const Story kHandshakeStories[] = {
    {"answered", {{{Step::syn, 100}, {Step::ack, 140}}}, kCompleted, {}, latency(40)},
    {"answered in the same microsecond",
     {{{Step::syn, 100}, {Step::ack, 100}}},
     kCompleted,
     {},
     latency(0)},
    {"only the first answer counts",
     {{{Step::syn, 100}, {Step::ack, 150}, {Step::ack, 600}, {Step::ack, 900}}},
     kCompleted,
     {},
     latency(50)},
    {"an answer without SYN", {{{Step::ack, 100}}}, {}},
    {"a request without SYN", {{{Step::data, 100}, {Step::ack, 200, 50}}}, {}},
    {"given up by the client", {{{Step::syn, 100}, {Step::rst, 110}}}, {.opened = 1, .reset = 1}},
    {"given up after a retry, which was known to be bad",
     {{{Step::syn, 100}, {Step::syn, 105}, {Step::rst, 110}}},
     {.opened = 1, .retried = 1, .reset = 1, .retried_flows = 1, .bad = 1}},
    {"retried: known to be bad at once",
     {{{Step::syn, 0}, {Step::syn, 1'000'000}}},
     {.opened = 1, .retried = 1, .retried_flows = 1, .bad = 1}},
    {"retried twice, then answered: the time is the client's whole wait, and it is bad once",
     {{{Step::syn, 0}, {Step::syn, 200}, {Step::syn, 400}, {Step::ack, 600}}},
     {.opened = 1, .retried = 2, .completed = 1, .retried_flows = 1, .bad = 1},
     {},
     latency(600)},
    {"retried, then answered and asking in vain: bad once",
     {{{Step::syn, 0}, {Step::syn, 2}, {Step::data, 4}, {Step::rst, 6}}},
     {.opened = 1,
      .retried = 1,
      .completed = 1,
      .retried_flows = 1,
      .asked = 1,
      .unanswered = 1,
      .bad = 1},
     {},
     latency(4)},
    {"retried, then all is well: bad, and not good",
     {{{Step::syn, 0}, {Step::syn, 2}, {Step::data, 4}, {Step::ack, 50, 9}}},
     {.opened = 1,
      .retried = 1,
      .completed = 1,
      .retried_flows = 1,
      .asked = 1,
      .answered = 1,
      .bad = 1},
     {},
     latency(4),
     latency(46)},
    {"retried and lost: bad once",
     {{{Step::syn, 0}, {Step::syn, 1'000'000}, {Step::idle, kDeadline}}},
     {.opened = 1, .retried = 1, .lost = 1, .retried_flows = 1, .bad = 1}},
    {"a retry sent elsewhere",
     {{{Step::syn, 100}, {Step::syn, 200, 0, 1}, {Step::ack, 250}}},
     kLost,
     kCompleted},
    {"one microsecond before the deadline",
     {{{Step::syn, 50}, {Step::idle, 49 + kDeadline}, {Step::ack, 49 + kDeadline}}},
     kCompleted,
     {},
     latency(kDeadline - 1)},
    {"at the deadline, found by the sweep",
     {{{Step::syn, 50}, {Step::idle, 50 + kDeadline}}},
     kLost},
    {"at the deadline, found by its own answer",
     {{{Step::syn, 50}, {Step::ack, 50 + kDeadline}}},
     kLost},
    {"at the deadline, found by a retry, which comes from who is lost",
     {{{Step::syn, 50}, {Step::syn, 50 + kDeadline}}},
     {.opened = 1, .retried = 1, .lost = 1, .bad = 1}},
    {"an answer after the verdict",
     {{{Step::syn, 50}, {Step::idle, 50 + kDeadline}, {Step::ack, 51 + kDeadline}}},
     kLost},
    {"answered across the wrap of 32 bits of time",
     {{{Step::syn, kWrap - 4}, {Step::idle, kWrap}, {Step::ack, kWrap + 60}}},
     kCompleted,
     {},
     latency(64)},
    {"lost across the wrap of 32 bits of time",
     {{{Step::syn, kWrap - 4}, {Step::idle, kWrap - 4 + kDeadline}}},
     kLost},
    {"nothing is acknowledged, as by SCTP: completed is all that can be known",
     {{{Step::syn, 1}, {Step::bare, 2}, {Step::bare, 3}}},
     kNoRequest,
     {},
     latency(1)},
};

constexpr uint32_t kMost = 0xffff'ffff;

const Story kResponseStories[] = {
    {"asked and answered",
     {{{Step::syn, 0}, {Step::ack, 10}, {Step::data, 20}, {Step::ack, 220, 101}}},
     kAnswered,
     {},
     latency(10),
     latency(200)},
    {"the request is the handshake's end",
     {{{Step::syn, 0}, {Step::data, 40}, {Step::ack, 140, 101}}},
     kAnswered,
     {},
     latency(40),
     latency(100)},
    {"a long request, sent again: the time is from its first packet",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::data, 80}, {Step::data, 90}, {Step::ack, 100, 9}}},
     kAnswered,
     {},
     latency(0),
     latency(100)},
    {"the server speaks first: its greeting is no answer",
     {{{Step::syn, 0}, {Step::ack, 1}, {Step::ack, 2, 80}, {Step::data, 3, 80}}},
     kAsked,
     {},
     latency(1)},
    {"the server speaks first, and answers",
     {{{Step::syn, 0}, {Step::ack, 1, 80}, {Step::data, 3, 80}, {Step::ack, 103, 90}}},
     kAnswered,
     {},
     latency(1),
     latency(100)},
    {"answered by the client's next request",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::data, 50, 500}}},
     kAnswered,
     {},
     latency(0),
     latency(50)},
    {"answered and closed",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::fin, 50, 500}}},
     kAnswered,
     {},
     latency(0),
     latency(50)},
    {"answered, and reset by a client in a hurry",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::rst_ack, 50, 500}}},
     kAnswered,
     {},
     latency(0),
     latency(50)},
    {"answered across the wrap of the server's numbers",
     {{{Step::syn, 0}, {Step::data, 0, kMost - 1}, {Step::ack, 50, 30}}},
     kAnswered,
     {},
     latency(0),
     latency(50)},
    {"an older packet comes late",
     {{{Step::syn, 0}, {Step::data, 0, 100}, {Step::ack, 50, 99}, {Step::ack, 51, kMost}}},
     kAsked,
     {},
     latency(0)},
    {"half closed, and answered",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::fin, 10}, {Step::ack, 50, 30}}},
     kAnswered,
     {},
     latency(0),
     latency(50)},
    {"request and FIN in one, and answered",
     {{{Step::syn, 0}, {Step::data_fin, 0}, {Step::ack, 50, 30}}},
     kAnswered,
     {},
     latency(0),
     latency(50)},
    {"one byte more is not yet an answer",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::ack, 50, 2}}},
     kAsked,
     {},
     latency(0)},
    {"one byte, and the client goes on",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::ack, 50, 2}, {Step::data, 60, 2}}},
     kAnswered,
     {},
     latency(0),
     latency(60)},
    {"the server closes without a word, and so does the client",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::ack, 50, 2}, {Step::fin, 60, 2}}},
     kUnanswered,
     {},
     latency(0)},
    {"the server closes without a word, and the client stays",
     {{{Step::syn, 0}, {Step::data, 0}, {Step::ack, 50, 2}, {Step::idle, kDeadline}}},
     kUnanswered,
     {},
     latency(0)},
    {"silence up to the deadline",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::ack, 20}, {Step::idle, 6 + kDeadline}}},
     kAsked,
     {},
     latency(7)},
    {"silence until the deadline, which begins with the request",
     {{{Step::syn, 0},
       {Step::ack, 7},
       {Step::data, 1'000'000},
       {Step::idle, 1'000'000 + kDeadline}}},
     kUnanswered,
     {},
     latency(7)},
    {"an answer at the deadline",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::ack, 7 + kDeadline, 50}}},
     kUnanswered,
     {},
     latency(7)},
    {"the client closes, and nothing comes",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::fin, 20}, {Step::idle, 7 + kDeadline}}},
     kUnanswered,
     {},
     latency(7)},
    {"the client resets before an answer",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::rst, 20}}},
     kUnanswered,
     {},
     latency(7)},
    {"the client resets when the server's FIN comes",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::rst_ack, 20, 2}}},
     kUnanswered,
     {},
     latency(7)},
    {"the client opens anew with the same port, for no answer came",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::syn, 20}}},
     {.opened = 2, .completed = 1, .asked = 1, .unanswered = 1, .bad = 1},
     {},
     latency(7)},
    {"another connection with the same port, when the first is over",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::ack, 20, 9}, {Step::syn, 30}}},
     {.opened = 2, .completed = 1, .asked = 1, .answered = 1, .good = 1},
     {},
     latency(7),
     latency(13)},
    {"no request before the deadline, which begins with the handshake's end",
     {{{Step::syn, 0}, {Step::ack, 7}, {Step::idle, 7 + kDeadline}, {Step::data, 8 + kDeadline}}},
     kNoRequest,
     {},
     latency(7)},
    {"one microsecond before that",
     {{{Step::syn, 0}, {Step::ack, 7}, {Step::idle, 6 + kDeadline}, {Step::data, 6 + kDeadline}}},
     kAsked,
     {},
     latency(7)},
    {"no request, and closed",
     {{{Step::syn, 0}, {Step::ack, 7}, {Step::fin, 9}, {Step::ack, 10, 50}}},
     kNoRequest,
     {},
     latency(7)},
    {"no request, and reset",
     {{{Step::syn, 0}, {Step::ack, 7}, {Step::rst, 9}}},
     kNoRequest,
     {},
     latency(7)},
    {"closed by its first packet", {{{Step::syn, 0}, {Step::fin, 7}}}, kNoRequest, {}, latency(7)},
    {"no request, and another connection with the same port",
     {{{Step::syn, 0}, {Step::ack, 7}, {Step::syn, 9, 0, 1}}},
     kNoRequest,
     {.opened = 1},
     latency(7)},
    {"a fragment behind the first says nothing",
     {{{Step::syn, 0}, {Step::data, 7}, {Step::bare, 9}}},
     kAsked,
     {},
     latency(7)},
};

Handshakes::Segment segment_of(const Step& step) {
  if (step.kind == Step::bare) return {};
  return {.acknowledgement = step.kind == Step::rst ? 0 : step.number,
          .acknowledges = step.kind != Step::rst,
          .has_payload = step.kind == Step::data || step.kind == Step::data_fin,
          .is_closing = step.kind == Step::fin || step.kind == Step::data_fin,
          .is_reset = step.kind == Step::rst || step.kind == Step::rst_ack};
}

void tell(State& it, const Step& step) {
  if (step.kind == Step::none) return;
  if (step.kind == Step::syn) {
    it.opened(flow(0), step.slot, step.now);
  } else if (step.kind == Step::idle) {
    it.handshakes->expire_some(step.now);
  } else {
    it.handshakes->heard(flow(0), segment_of(step), step.now);
  }
}

void expect_times(const LatencyCounts& times, int bucket) {
  for (size_t i = 0; i < kLatencyBuckets; ++i) {
    assert_int_equal(times.counts[i], bucket == static_cast<int>(i) ? 1 : 0);
  }
}

template <size_t kCount>
void play(void** state, const Story (&stories)[kCount]) {
  for (const Story& story : stories) {
    print_message("  %s\n", story.description);
    void* fresh = nullptr;
    assert_int_equal(setup_one_set(&fresh), 0);
    teardown(state);
    *state = fresh;
    State& it = of(state);
    for (const Step& step : story.steps) tell(it, step);
    expect_counts(it.counts(0), story.first);
    expect_counts(it.counts(1), story.second);
    assert_int_equal(it.untracked(), 0);
    expect_times(it.evidence->handshake_times(0), story.handshake_bucket);
    expect_times(it.evidence->response_times(0), story.response_bucket);
  }
}

void stories_of_handshakes(void** state) { play(state, kHandshakeStories); }
void stories_of_responses(void** state) { play(state, kResponseStories); }

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(stories_of_handshakes, setup_one_set, teardown),
      cmocka_unit_test_setup_teardown(stories_of_responses, setup_one_set, teardown),
  };
  return cmocka_run_group_tests_name("exchange/handshakes", tests, nullptr, nullptr);
}
