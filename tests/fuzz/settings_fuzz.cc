// Any text as settings, good settings with any values of any keys, and good settings in which a few
// bytes are others: what is refused is refused with a place in it; what is accepted is in its
// limits, and compiles to a plan that was verified, which the rules can judge, or is refused by
// name. At the end it says how many texts became what.
#include "firmware/settings/settings.h"

#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <string>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/change/compile.h"
#include "firmware/change/rules.h"
#include "firmware/exchange/build.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/load.h"
#include "firmware/settings/values.h"
#include "firmware/table/prime.h"
#include "tests/settings/texts.h"

namespace evenkeel {
namespace {

// What became of the texts of this process.
struct Tally {
  uint64_t mistaken = 0;
  uint64_t planned = 0;
  uint64_t refused = 0;

  ~Tally() {
    std::fprintf(stderr,
                 "%" PRIu64 " settings texts: %" PRIu64 " refused with a place, %" PRIu64
                 " compiled to a verified plan, %" PRIu64 " refused a plan by name\n",
                 mistaken + planned + refused, mistaken, planned, refused);
  }
};

Tally& tally() {
  static Tally of_process;
  return of_process;
}

void expect_places(const std::vector<Mistake>& mistakes, std::string_view text) {
  CHECK(mistakes.size() <= kMaxMistakes);
  const auto lines = static_cast<size_t>(std::ranges::count(text, '\n')) + 1;
  for (const Mistake& mistake : mistakes) {
    CHECK(!mistake.what.empty() && mistake.line > 0);
    if (mistake.file == "text") CHECK(mistake.line <= lines);
    for (const char c : mistake.what) CHECK(c >= ' ' && c <= '~');
  }
}

void expect_limits(const Settings& settings) {
  CHECK(!settings.ports.empty() && settings.ports.size() <= kMaxPorts);
  CHECK(!settings.cpu.workers.empty() && settings.cpu.workers.size() <= kMaxWorkers);
  for (const PortSettings& port : settings.ports) {
    CHECK(is_name(port.name) && port.name.size() <= kMaxPortName && port.vlan <= 4'094);
  }
  for (const ServiceSettings& service : settings.services) {
    CHECK(is_name(service.name) && !service.vips.empty() && !service.backends.empty());
    CHECK(is_prime(service.buckets) && service.buckets <= kMaxBuckets);
    for (const BackendSettings& backend : service.backends) {
      CHECK(is_name(backend.name) && is_unicast(backend.address));
    }
  }
}

void expect_hits(const Settings& settings, const Plan& plan, std::span<const BackendState> states) {
  const Side nothing{};
  const Side side{.settings = &settings, .plan = &plan, .states = states};
  for (const Hit& hit : hits(nothing, side, {})) {
    CHECK(find_rule(hit.rule) != nullptr && !hit.where.empty() && !hit.what.empty());
  }
  for (const Hit& hit : hits(side, side, {})) CHECK(hit.severity == Severity::warn);
}

void expect_plan(const Settings& settings) {
  const std::vector<PortState> ports(settings.ports.size(), {.mac = {2, 0, 0, 0, 0, 1}});
  const auto next_hop = [](const Address& address) {
    const bool is_v4 = address.is_v4();
    return NextHop{.resolved = (address.bytes[15] & 1) == 0,
                   .port = 0,
                   .destination = {2, 0, 0, 0, 0, 2},
                   .source = *parse_address(is_v4 ? "203.0.113.254" : "2001:db8:ffff::1"),
                   .gateway = address,
                   .why = "odd"};
  };
  const Compiled compiled =
      compile(settings, {.ports = ports, .next_hop = next_hop, .ways = {}}, 1);
  constexpr uint8_t kKey[] = {1};
  const auto plan = build_plan(compiled.spec, Secret(kKey), {}, 1'000);
  if (plan.ok()) {
    ++tally().planned;
    return expect_hits(settings, *plan.value(), compiled.states);
  }
  ++tally().refused;
  CHECK(plan.message().find('\'') != std::string::npos);
  CHECK(plan.message().find("built wrong") == std::string::npos);
}

// Large tables are slow to fill, and are no other code.
void make_tables_small(Settings& settings) {
  constexpr uint32_t kFewBuckets = 4'099;
  for (ServiceSettings& service : settings.services) {
    service.buckets = std::min(service.buckets, kFewBuckets);
  }
}

constexpr const char* kValues[] = {"0",
                                   "1",
                                   "-1",
                                   "251",
                                   "65535",
                                   "65537",
                                   "4294967297",
                                   "true",
                                   "\"\"",
                                   "\"a\"",
                                   "\"/a\"",
                                   "\"all\"",
                                   "\"1-9\"",
                                   "\"300ms\"",
                                   "\"64k\"",
                                   "{ type = \"http\"; timeout = \"1s\"; path = \"/up\"; }",
                                   "{ confirm = \"1h\"; size = \"1g\"; }",
                                   "\"::/96\"",
                                   "\"10.0.0.2\"",
                                   "\"192.0.2.0/24\"",
                                   "\"2001:db8::2\"",
                                   "\"02:00:00:00:00:04\"",
                                   "[\"192.0.2.2/24\"]",
                                   "[]",
                                   "[\"2001:db8::1\", \"10.0.0.0/8\"]",
                                   "[1, 2]",
                                   "( { } )",
                                   "{ }"};

std::span<const Key> keys_of(Place place) {
  const std::span<const Key> services = find_key(settings_keys(), "services")->members;
  switch (place) {
    case Place::outermost:
      return settings_keys();
    case Place::port:
      return find_key(settings_keys(), "ports")->members;
    case Place::service:
      return services;
    case Place::tunnel:
      return find_key(services, "tunnel")->members;
    case Place::backend:
      return find_key(services, "backends")->members;
  }
  CHECK(false);
}

// Good settings and, for each two bytes, a key in one of the groups with some value.
std::string text_from(const uint8_t* data, size_t size) {
  std::array<std::string, kPlaces> lines;
  for (size_t i = 0; i + 1 < size; i += 2) {
    const size_t place = data[i] % kPlaces;
    const std::span<const Key> keys = keys_of(static_cast<Place>(place));
    const Key& key = keys[data[i] / kPlaces % keys.size()];
    const bool is_there =
        key.is_required || key.name == "tunnel" ||
        lines.at(place).find(" " + std::string(key.name) + " ") != std::string::npos;
    if (is_there) continue;
    const std::string value =
        key.choices.empty()
            ? kValues[data[i + 1] % std::size(kValues)]
            : "\"" + std::string(key.choices[data[i + 1] % key.choices.size()].name) + "\"";
    lines.at(place) += " " + std::string(key.name) + " = " + value + ";";
  }
  return text_with(lines);
}

// Good settings and, for each three bytes, another byte at some place of them.
std::string damaged_from(const uint8_t* data, size_t size) {
  constexpr size_t kMostDamages = 4;
  std::string text = text_with({});
  for (size_t i = 0; i + 2 < std::min(size, 3 * kMostDamages); i += 3) {
    const size_t place = (size_t{data[i]} << 8) + data[i + 1];
    text[place % text.size()] = static_cast<char>(data[i + 2]);
  }
  return text;
}

void expect_all(std::string_view text) {
  Loaded loaded = load_settings_text(text, "text");
  expect_places(loaded.mistakes, text);
  if (!loaded.ok()) {
    ++tally().mistaken;
    return;
  }
  expect_limits(loaded.settings);
  make_tables_small(loaded.settings);
  expect_plan(loaded.settings);
}

}  // namespace
}  // namespace evenkeel

// libconfig 1.5 loses the text before a syntax error: a few bytes each time that a file is refused.
extern "C" const char* __lsan_default_suppressions() { return "leak:libconfig"; }

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  evenkeel::expect_all(std::string_view(reinterpret_cast<const char*>(data), size));
  evenkeel::expect_all(evenkeel::text_from(data, size));
  evenkeel::expect_all(evenkeel::damaged_from(data, size));
  return 0;
}
