#include "firmware/health/health_memory.h"

#include <random>
#include <string_view>

#include "firmware/base/limits.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using State = AgentReport::State;
using Wish = AgentReport::Wish;

constexpr Microseconds kNow = 1'000'000'000'000;
constexpr WallTime kWall = 1'800'000'000'000'000;
constexpr Microseconds kMaxAge = 600'000'000;

RememberedBackend backend_of(const char* name) {
  return {.service = "shop",
          .backend = name,
          .address = *parse_address("10.0.0.1"),
          .port = 80,
          .check = 7,
          .verdict = {.decided = Health::up, .is_first = false, .since = kNow - 5},
          .agent = {}};
}

using Backends = std::vector<RememberedBackend>;

Result<Backends> read(std::string_view text, Microseconds now = kNow, WallTime wall = kWall) {
  return read_health(text, now, wall, kMaxAge);
}

void what_is_written_is_read(void**) {
  Backends backends = {backend_of("a"), backend_of("b"), backend_of("c")};
  backends[1].address = *parse_address("2001:db8::1");
  backends[1].check = UINT64_MAX;
  backends[1].port = 0;
  backends[1].verdict = {.decided = Health::down,
                         .is_first = true,
                         .against = 1'599,
                         .doublings = 4,
                         .since = 1,
                         .fell = kNow,
                         .recovered = kNow - 1,
                         .complaint = R"(it said "no" \ or so)"};
  backends[2].agent = {.state = State::down,
                       .wish = Wish::maintenance,
                       .weight = 0,
                       .load = 101,
                       .connections = 1'000'000'000,
                       .reason = "disk"};
  const std::string text = write_health(backends, kNow, kWall);
  const Result<Backends> again = read(text);
  if (!again.ok()) print_error("%s\n%s", again.message().c_str(), text.c_str());
  assert_true(again.ok() && again.value() == backends);
  assert_true(read(write_health({}, kNow, kWall)).value().empty());
}

// Another run has another clock, and was down for a while.
void times_are_how_long_ago(void**) {
  const std::string text = write_health({backend_of("a")}, kNow, kWall);
  assert_int_equal(read(text, 100, kWall + 10).value()[0].verdict.since, 85);
  assert_int_equal(read(text, 100, kWall + 94).value()[0].verdict.since, 1);
  assert_int_equal(read(text, 100, kWall + 200).value()[0].verdict.since, 1);  // before the clock
  assert_int_equal(read(text, 0, kWall + 200).value()[0].verdict.recovered, 0);
}

void what_is_old_or_of_the_future_is_refused(void**) {
  const std::string text = write_health({backend_of("a")}, kNow, kWall);
  assert_true(read(text, kNow, kWall + kMaxAge).ok());
  const Result<Backends> old = read(text, kNow, kWall + kMaxAge + 1);
  assert_string_equal(old.message().c_str(), "it is 600 seconds old, which is too long ago");
  const Result<Backends> early = read(text, kNow, kWall - 1);
  assert_string_equal(early.message().c_str(), "it is of the future: see the box's clock");
}

std::string with(std::string text, std::string_view old, std::string_view wanted) {
  const size_t at = text.find(old);
  assert_true(at != std::string::npos);
  return text.replace(at, old.size(), wanted);
}

void what_is_damaged_is_refused(void**) {
  RememberedBackend backend = backend_of("a");
  backend.verdict.against = 2;
  backend.agent.weight = 50;
  const std::string good = write_health({backend}, kNow, kWall);
  assert_true(read(good).ok());
  const struct {
    const char* description;
    std::string_view old, wanted;
  } cases[] = {
      {"another version", "\"version\":1", "\"version\":2"},
      {"no version", "\"version\":1,", ""},
      {"no list", "\"backends\":[", "\"others\":["},
      {"a key more", "{\"version\"", "{\"x\":1,\"version\""},
      {"when is no number", "\"saved_us\":", "\"saved_us\":\"x\",\"y\":"},
      {"no backend", "{\"service\"", "1,{\"service\""},
      {"an unknown key", "\"against\"", "\"againts\""},
      {"no name", "\"backend\":\"a\"", "\"backend\":\"\""},
      {"an address", "10.0.0.1", "10.0.0.256"},
      {"a port", "\"port\":80", "\"port\":65536"},
      {"a negative number", "\"port\":80", "\"port\":-1"},
      {"a fraction", "\"port\":80", "\"port\":1.5"},
      {"neither up nor down", "\"is\":\"up\"", "\"is\":\"unknown\""},
      {"too many answers", "\"against\":2", "\"against\":1601"},
      {"a shift too far", "\"against\":2", "\"doublings\":5"},
      {"a wish", "\"agent\":{", "\"agent\":{\"wish\":\"x\","},
      {"an agent's weight", "\"weight\":50", "\"weight\":1000000001"},
      {"an agent that is none", "\"agent\":{\"weight\":50}", "\"agent\":7"},
      {"a name that rings", "\"backend\":\"a\"", "\"backend\":\"\\u0007\""},
      {"cut off", "]}\n", ""},
      {"more behind it", "]}\n", "]}x"},
      {"no since", "\"since\":6", "\"fell\":6"},
  };
  for (const auto& row : cases) {
    const Result<Backends> bad = read(with(good, row.old, row.wanted));
    if (bad.ok()) print_error("%s\n", row.description);
    assert_false(bad.ok());
    assert_false(bad.message().empty());
  }
  for (size_t length = 0; length + 1 < good.size(); ++length) {
    assert_false(read(std::string_view(good).substr(0, length)).ok());
  }
}

void what_is_not_printable_is_written_so(void**) {
  RememberedBackend backend = backend_of("a");
  backend.verdict.complaint = "\xff\n\x7f\"" + std::string(1'000, 'x');
  const Result<Backends> again = read(write_health({backend}, kNow, kWall));
  assert_true(again.ok());
  const std::string& complaint = again.value()[0].verdict.complaint;
  assert_true(complaint.starts_with("???\"x"));
  assert_int_equal(complaint.size(), 512);
}

void any_state_is_read_as_it_was_written(void**) {
  std::mt19937_64 random(3);
  const auto below = [&](uint64_t limit) { return random() % limit; };
  const auto time = [&] { return below(3) == 0 ? 0 : kNow - below(kNow); };
  for (int round = 0; round < 300; ++round) {
    Backends backends;
    for (uint64_t i = below(20); i > 0; --i) {
      RememberedBackend backend = backend_of("web");
      backend.check = random();
      backend.verdict = {.decided = below(2) == 0 ? Health::up : Health::down,
                         .is_first = below(2) == 0,
                         .against = static_cast<uint32_t>(below(1'601)),
                         .doublings = static_cast<uint32_t>(below(5)),
                         .since = kNow - below(kNow),
                         .fell = time(),
                         .recovered = time(),
                         .complaint = std::string(below(100), static_cast<char>(' ' + below(95)))};
      if (below(2) == 0) backend.agent.state = State::up;
      if (below(2) == 0) backend.agent.wish = static_cast<Wish>(below(3));
      if (below(2) == 0) backend.agent.weight = static_cast<uint32_t>(below(1'001));
      if (below(2) == 0) backend.agent.load = static_cast<uint32_t>(below(101));
      backends.push_back(backend);
    }
    const std::string text = write_health(backends, kNow, kWall);
    const Result<Backends> again = read(text);
    assert_true(again.ok() && again.value() == backends);
    assert_true(write_health(again.value(), kNow, kWall) == text);
  }
}

void the_most_fits_into_the_file(void**) {
  RememberedBackend backend = backend_of("a");
  backend.service = backend.backend = std::string(kMaxSettingName, 'x');
  backend.address = *parse_address("2001:db8:1111:2222:3333:4444:5555:6666");
  backend.check = UINT64_MAX;
  backend.verdict.complaint = std::string(200, 'x');
  backend.agent = {State::down, Wish::drain, 1, 2, 3, std::string(100, 'x')};
  const std::string text = write_health(Backends(1'000, backend), kNow, kWall);
  assert_true(text.size() / 1'000 * kMaxBackends < kMaxHealthFile);
}

void digests_tell_checks_apart(void**) {
  const CheckSettings check;
  CheckSettings other = check;
  assert_true(check_digest(check) == check_digest(other));
  other.path = "/x";
  assert_true(check_digest(check) != check_digest(other));
  other = check;
  other.slow_start = 1;
  assert_true(check_digest(check) != check_digest(other));
  other = check;
  other.headers = {"a: b"};
  assert_true(check_digest(check) != check_digest(other));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(times_are_how_long_ago),
      cmocka_unit_test(what_is_old_or_of_the_future_is_refused),
      cmocka_unit_test(what_is_damaged_is_refused),
      cmocka_unit_test(what_is_not_printable_is_written_so),
      cmocka_unit_test(any_state_is_read_as_it_was_written),
      cmocka_unit_test(the_most_fits_into_the_file),
      cmocka_unit_test(digests_tell_checks_apart),
  };
  return cmocka_run_group_tests_name("health/health_memory", tests, nullptr, nullptr);
}
