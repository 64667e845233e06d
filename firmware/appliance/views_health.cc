// What the box holds of its backends: the state of each, why, since when, and what its check last
// said.
#include <algorithm>
#include <boost/json/value.hpp>

#include "firmware/appliance/views.h"
#include "firmware/base/check.h"
#include "firmware/manage/row.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

// What an operator or the backend's agent wants goes before what its check says.
struct HealthShown {
  std::string_view name;
  Microseconds since = 0;  // 0: nobody knows
};

// By the clock of this process, which may be younger.
Microseconds begin_of(const Override& one) {
  return std::max(one.ends_at, one.request.lasts + 1) - one.request.lasts;
}

HealthShown health_of(const Override* one, const CheckState& check) {
  const struct {
    OverrideKind kind;
    AgentReport::Wish wish;
    const char* name;
  } wanted[] = {{OverrideKind::maintenance, AgentReport::Wish::maintenance, "maintenance"},
                {OverrideKind::drain, AgentReport::Wish::drain, "draining"}};
  for (const auto& [kind, wish, name] : wanted) {
    if (one != nullptr && one->request.kind == kind) return {name, begin_of(*one)};
    if (check.wish == wish) return {name, check.wished};
  }
  return {check.is_checked ? name_of(check.health) : "unchecked", check.since};
}

std::string note_of(const CheckState& check) {
  std::string note = check.fault.empty() ? check.note : "the box could not ask: " + check.fault;
  if (check.is_overruled) {
    note.append(note.empty() ? "" : "; ").append("may take flows although its check is against it");
  }
  return note;
}

json::value seconds_since(Microseconds event, Microseconds now) {
  if (event == 0) return nullptr;
  return (now - std::min(event, now)) / kMicrosecondsPerTick;
}

// In short, and in words: "5 s ago, bad: status 503".
void tell_answers(const std::vector<Verdict::Heard>& answers, Microseconds now, Row& ret_row) {
  std::string marks;
  json::array texts;
  for (const Verdict::Heard& heard : answers) {
    marks += heard.is_good ? '+' : '-';
    texts.emplace_back(std::to_string((now - std::min(heard.when, now)) / kMicrosecondsPerTick) +
                       " s ago, " + (heard.is_good ? "good: " : "bad: ") + heard.text);
  }
  ret_row["marks"] = marks;
  ret_row["answers"] = std::move(texts);
}

}  // namespace

Status BoxViews::health(std::string_view service, const RowSink& sink) const {
  const Settings& settings = control_.settings();
  if (Status known = has_service(settings, service); !known.ok()) return known;
  Row row;
  for (const BackendState& state : control_.backends()) {
    const ServiceSettings& of = settings.services[state.service];
    if (!service.empty() && of.name != service) continue;
    const std::string& name = of.backends[state.backend].name;
    const CheckState check = control_.prober().describe(of.name, name);
    row.begin();
    row["service"] = of.name;
    row["name"] = name;
    const HealthShown shown = health_of(overrides_.of(of.name, name), check);
    row["state"] = shown.name;
    row["for_s"] = seconds_since(shown.since, now());
    row["why"] = state.why;
    row["answer"] = check.answers.empty() ? "" : check.answers.back().text;
    row["answered_s"] = seconds_since(check.answered, now());
    row["took_ms"] = check.answered == 0 ? json::value(nullptr)
                                         : json::value(static_cast<double>(check.took) / 1'000);
    tell_answers(check.answers, now(), row);
    row["note"] = note_of(check);
    row["part"] = check.part;
    row["load"] = check.load ? json::value(*check.load) : json::value(nullptr);
    sink(row.object());
  }
  return {};
}

}  // namespace evenkeel
