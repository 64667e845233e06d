#include "firmware/health/health_memory.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <initializer_list>
#include <limits>
#include <optional>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/exchange/digest.h"
#include "firmware/settings/keys.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr uint64_t kVersion = 1;
constexpr size_t kMostText = 512;
// Answers in a row: more than any check needs.
constexpr uint64_t kMostAgainst = 100u << Verdict::kMaxDoublings;
constexpr uint64_t kMostOfAgent = 1'000'000'000;

constexpr std::array<std::string_view, 2> kStates{"up", "down"};
constexpr std::array<std::string_view, 3> kWishes{"ready", "drain", "maint"};

// --- Writing: by hand, for tens of thousands of them are written while others wait ---------------

class Writer {
 public:
  explicit Writer(std::string& ret_text) : text_(ret_text) {}

  void begin() {
    text_ += '{';
    is_first_ = true;
  }
  void end() { text_ += '}'; }
  void key(std::string_view name) {
    if (!std::exchange(is_first_, false)) text_ += ',';
    text_.append("\"").append(name).append("\":");
  }
  // What is 0 or empty is left out.
  void number(std::string_view name, uint64_t number) {
    if (number == 0) return;
    key(name);
    text_ += std::to_string(number);
  }
  void text(std::string_view name, std::string_view text) {
    if (text.empty()) return;
    key(name);
    text_ += '"';
    for (const char each : text.substr(0, kMostText)) {
      if (each == '"' || each == '\\') text_ += '\\';
      text_ += each < ' ' || each > '~' ? '?' : each;
    }
    text_ += '"';
  }
  template <typename Number>
  void optional(std::string_view name, const std::optional<Number>& number) {
    if (!number) return;
    key(name);
    text_ += std::to_string(*number);
  }

 private:
  std::string& text_;
  bool is_first_ = true;
};

template <size_t kSize, typename Enum>
std::string_view word_of(const std::array<std::string_view, kSize>& words, Enum value) {
  return words.at(static_cast<size_t>(value));
}

void write_agent(Writer& writer, const AgentReport& agent) {
  if (agent == AgentReport()) return;
  writer.key("agent");
  writer.begin();
  if (agent.state) writer.text("state", word_of(kStates, *agent.state));
  if (agent.wish) writer.text("wish", word_of(kWishes, *agent.wish));
  writer.optional("weight", agent.weight);
  writer.optional("load", agent.load);
  writer.optional("connections", agent.connections);
  writer.text("reason", agent.reason);
  writer.end();
}

void write_backend(Writer& writer, const RememberedBackend& each, Microseconds now) {
  const Verdict::Kept& verdict = each.verdict;
  // One more than it is: 0 is never.
  const auto ago = [&](Microseconds time) -> uint64_t {
    REQUIRE(time <= now);
    return time == 0 ? 0 : now - time + 1;
  };
  writer.begin();
  writer.text("service", each.service);
  writer.text("backend", each.backend);
  writer.text("address", to_string(each.address));
  writer.number("port", each.port);
  writer.number("check", each.check);
  writer.text("is", name_of(verdict.decided));
  writer.number("first", verdict.is_first ? 1 : 0);
  writer.number("against", verdict.against);
  writer.number("doublings", verdict.doublings);
  writer.number("since", ago(verdict.since));
  writer.number("fell", ago(verdict.fell));
  writer.number("recovered", ago(verdict.recovered));
  writer.text("complaint", verdict.complaint);
  write_agent(writer, each.agent);
  writer.end();
}

// --- Reading ------------------------------------------------------------------------------------

// The members of one object, each to be taken once; what is left out is 0 or empty.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  uint64_t number(std::string_view key, uint64_t most) {
    const json::value* value = member(key);
    if (value == nullptr) return 0;
    std::optional<uint64_t> number;
    if (value->is_int64() && value->get_int64() >= 0) {
      number = static_cast<uint64_t>(value->get_int64());
    }
    if (value->is_uint64()) number = value->get_uint64();
    is_good_ = is_good_ && number && *number <= most;
    return number.value_or(0);
  }
  std::string text(std::string_view key, size_t most = kMostText) {
    const json::value* value = member(key);
    if (value == nullptr) return {};
    is_good_ =
        is_good_ && value->is_string() && value->get_string().size() <= most &&
        std::ranges::all_of(value->get_string(), [](char c) { return c >= ' ' && c <= '~'; });
    return is_good_ ? std::string(value->get_string()) : "";
  }
  template <typename Enum, size_t kSize>
  std::optional<Enum> word(std::string_view key, const std::array<std::string_view, kSize>& words) {
    const std::string text = this->text(key);
    if (text.empty()) return std::nullopt;
    const auto found = std::ranges::find(words, text);
    is_good_ = is_good_ && found != words.end();
    return is_good_ ? std::optional(static_cast<Enum>(found - words.begin())) : std::nullopt;
  }
  std::optional<uint32_t> optional(std::string_view key) {
    if (!object_.contains(key)) return std::nullopt;
    return static_cast<uint32_t>(number(key, kMostOfAgent));
  }
  const json::object* object(std::string_view key) {
    const json::value* value = member(key);
    is_good_ = is_good_ && (value == nullptr || value->is_object());
    return value == nullptr ? nullptr : value->if_object();
  }
  // Nothing is wrong, and nothing else is there.
  bool is_done() const { return is_good_ && object_.size() == taken_; }

 private:
  const json::value* member(std::string_view key) {
    const json::value* value = object_.if_contains(key);
    taken_ += value == nullptr ? 0 : 1;
    return value;
  }

  const json::object& object_;
  size_t taken_ = 0;
  bool is_good_ = true;
};

std::optional<AgentReport> agent_of(const json::object& object) {
  Members members(object);
  AgentReport agent;
  agent.state = members.word<AgentReport::State>("state", kStates);
  agent.wish = members.word<AgentReport::Wish>("wish", kWishes);
  agent.weight = members.optional("weight");
  agent.load = members.optional("load");
  agent.connections = members.optional("connections");
  agent.reason = members.text("reason");
  return members.is_done() ? std::optional(std::move(agent)) : std::nullopt;
}

// `age` is the text's.
Verdict::Kept verdict_of(Members& members, Microseconds now, Microseconds age) {
  const auto time = [&](std::string_view key) -> Microseconds {
    const uint64_t ago = members.number(key, std::numeric_limits<int64_t>::max());
    if (ago == 0) return 0;
    const uint64_t before = ago - 1 + age;
    return before < now ? now - before : 1;
  };
  const std::optional<AgentReport::State> is =
      members.word<AgentReport::State>("is", kStates);  // by the same words
  Verdict::Kept kept;
  if (is) kept.decided = *is == AgentReport::State::up ? Health::up : Health::down;
  kept.is_first = members.number("first", 1) != 0;
  kept.against = static_cast<uint32_t>(members.number("against", kMostAgainst));
  kept.doublings = static_cast<uint32_t>(members.number("doublings", Verdict::kMaxDoublings));
  kept.since = time("since");
  kept.fell = time("fell");
  kept.recovered = time("recovered");
  kept.complaint = members.text("complaint");
  return kept;
}

std::optional<RememberedBackend> backend_of(const json::value& value, Microseconds now,
                                            Microseconds age) {
  const json::object* object = value.if_object();
  if (object == nullptr) return std::nullopt;
  Members members(*object);
  RememberedBackend backend;
  backend.service = members.text("service", kMaxSettingName);
  backend.backend = members.text("backend", kMaxSettingName);
  const std::optional<Address> address = parse_address(members.text("address"));
  backend.port = static_cast<uint16_t>(members.number("port", 65'535));
  backend.check = members.number("check", std::numeric_limits<uint64_t>::max());
  backend.verdict = verdict_of(members, now, age);
  const json::object* agent = members.object("agent");
  const std::optional<AgentReport> report = agent == nullptr ? AgentReport() : agent_of(*agent);
  if (!members.is_done() || !address || !report) return std::nullopt;
  if (backend.service.empty() || backend.backend.empty()) return std::nullopt;
  if (backend.verdict.decided == Health::unknown || backend.verdict.since == 0) return std::nullopt;
  backend.address = *address;
  backend.agent = *report;
  return backend;
}

Result<Microseconds> age_of(uint64_t saved, WallTime wall, Microseconds max_age) {
  if (saved > wall) return Error{"it is of the future: see the box's clock"};
  if (wall - saved > max_age) {
    return Error{"it is " + std::to_string((wall - saved) / kMicrosecondsPerTick) +
                 " seconds old, which is too long ago"};
  }
  return wall - saved;
}

}  // namespace

uint64_t check_digest(const CheckSettings& check) {
  const Key* services = find_key(settings_keys(), "services");
  Digest digest;
  for (const Key& key : find_key(services->members, "check")->members) {
    const std::vector<Value> values = key.field.values(&check);
    digest.add(values.size());
    for (const Value& value : values) digest.add(to_text(key, value));
  }
  return digest.value();
}

std::string write_health(const std::vector<RememberedBackend>& backends, Microseconds now,
                         WallTime wall) {
  std::string text;
  text.reserve(200 * backends.size());
  Writer writer(text);
  writer.begin();
  writer.number("version", kVersion);
  writer.number("saved_us", wall);
  writer.key("backends");
  text += "[\n";
  for (size_t i = 0; i < backends.size(); ++i) {
    write_backend(writer, backends[i], now);
    text += i + 1 < backends.size() ? ",\n" : "\n";
  }
  text += "]}\n";
  return text;
}

Result<std::vector<RememberedBackend>> read_health(std::string_view text, Microseconds now,
                                                   WallTime wall, Microseconds max_age) {
  json::error_code error;
  const json::value whole = json::parse(text, error);
  const json::object* object = error ? nullptr : whole.if_object();
  if (object == nullptr) return Error{"it is not a whole JSON object"};
  Members members(*object);
  if (members.number("version", kVersion) != kVersion) {
    return Error{"it is not of version " + std::to_string(kVersion)};
  }
  const uint64_t saved = members.number("saved_us", std::numeric_limits<int64_t>::max());
  const json::value* value = object->if_contains("backends");
  const json::array* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr || object->size() != 3) return Error{"it has other keys than it should"};
  if (list->size() > kMaxBackends) return Error{"it has too many backends"};
  const Result<Microseconds> age = age_of(saved, wall, max_age);
  if (!age.ok()) return Error{age.message()};
  std::vector<RememberedBackend> backends;
  backends.reserve(list->size());
  for (const json::value& each : *list) {
    std::optional<RememberedBackend> backend = backend_of(each, now, age.value());
    if (!backend) {
      return Error{"backend " + std::to_string(backends.size() + 1) +
                   " in it is not as this version writes them"};
    }
    backends.push_back(std::move(*backend));
  }
  return backends;
}

}  // namespace evenkeel
