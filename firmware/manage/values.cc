#include "firmware/manage/values.h"

#include <array>
#include <boost/json/array.hpp>
#include <cstdio>
#include <span>

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr uint64_t kMicroseconds = 1'000'000;

template <typename T, typename ToValue>
json::array list_of(std::span<const T> elements, ToValue to_value) {
  json::array list;
  list.reserve(elements.size());
  for (const T& element : elements) list.push_back(to_value(element));
  return list;
}

json::array to_json(const std::vector<Waiver>& waivers) {
  return list_of(std::span(waivers), [](const Waiver& waiver) -> json::value {
    return {{"rule", waiver.rule}, {"reason", waiver.reason}};
  });
}

json::array to_json(const std::vector<Mistake>& mistakes) {
  return list_of(std::span(mistakes), [](const Mistake& mistake) { return to_json(mistake); });
}

json::array to_json(const std::vector<Hit>& hits) {
  return list_of(std::span(hits), [](const Hit& hit) { return to_json(hit); });
}

json::value number_or_null(uint64_t number) {
  return number == 0 ? json::value(nullptr) : json::value(number);
}

// The civil date of a day since 1970-01-01, which the years of 400 repeat every 146,097 days.
struct Date {
  uint64_t year = 1970;
  uint64_t month = 1;
  uint64_t day = 1;
};
Date date_of(uint64_t days) {
  const uint64_t shifted = days + 719'468;  // since 0000-03-01: leap days end a year
  const uint64_t era = shifted / 146'097;
  const uint64_t day_of_era = shifted % 146'097;
  const uint64_t year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const uint64_t day_of_year =
      day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const uint64_t month = (5 * day_of_year + 2) / 153;  // from March
  const bool is_next_year = month >= 10;
  return {.year = year_of_era + era * 400 + (is_next_year ? 1 : 0),
          .month = is_next_year ? month - 9 : month + 3,
          .day = day_of_year - (153 * month + 2) / 5 + 1};
}

}  // namespace

std::string utc_text(WallTime time) {
  const uint64_t seconds = time / kMicroseconds;
  const Date date = date_of(seconds / 86'400);
  std::array<char, 96> text{};
  std::snprintf(text.data(), text.size(), "%04llu-%02llu-%02lluT%02llu:%02llu:%02llu.%03lluZ",
                static_cast<unsigned long long>(date.year),
                static_cast<unsigned long long>(date.month),
                static_cast<unsigned long long>(date.day),
                static_cast<unsigned long long>(seconds / 3'600 % 24),
                static_cast<unsigned long long>(seconds / 60 % 60),
                static_cast<unsigned long long>(seconds % 60),
                static_cast<unsigned long long>(time % kMicroseconds / 1'000));
  return text.data();
}

uint64_t seconds_left(Microseconds then, Microseconds now) {
  return then <= now ? 0 : (then - now - 1) / kMicroseconds + 1;
}

json::object to_json(const Change& change, Microseconds now) {
  json::value left = nullptr;
  if (change.deadline) left = seconds_left(*change.deadline, now);
  return {{"id", change.id},
          {"owner", change.owner.user},
          {"state", name_of(change.state)},
          {"base", change.base},
          {"generation", number_or_null(change.generation)},
          {"opened", utc_text(change.opened)},
          {"window_s", number_or_null(change.window / kMicroseconds)},
          {"deadline_s", left},
          {"why", change.why},
          {"waivers", to_json(change.waivers)},
          {"needs_approval", change.needs_approval},
          {"approver", change.approver},
          {"outcome", change.outcome}};
}

json::object to_json(const Checked& checked) {
  return {
      {"ok", checked.ok()},
      {"mistakes", to_json(checked.mistakes)},
      {"needs_restart", json::array(checked.needs_restart.begin(), checked.needs_restart.end())},
      {"no_plan", checked.no_plan},
      {"hits", to_json(checked.hits)}};
}

json::object to_json(const Mistake& mistake) {
  return {{"file", mistake.file},
          {"line", mistake.line},
          {"path", mistake.path},
          {"what", mistake.what}};
}

json::object to_json(const Difference& difference) {
  return {{"path", difference.path}, {"before", difference.before}, {"after", difference.after}};
}

json::object to_json(const Generation& generation, uint64_t confirmed) {
  return {{"generation", generation.number},
          {"who", generation.who},
          {"why", generation.why},
          {"when", utc_text(generation.when)},
          {"waivers", to_json(generation.waivers)},
          {"base", generation.base},
          {"outcome", generation.outcome},
          {"confirmed", generation.number == confirmed}};
}

json::object to_json(const Event& event) {
  return {{"id", event.id},          {"when", utc_text(event.when)},
          {"kind", event.kind},      {"who", event.who},
          {"what", event.what},      {"generation", number_or_null(event.generation)},
          {"subject", event.subject}};
}

json::object to_json(const Override& one, Microseconds now) {
  const OverrideRequest& request = one.request;
  json::value weight = nullptr;
  if (request.kind == OverrideKind::weight) weight = request.weight;
  return {{"id", one.id},
          {"backend", request.backend},
          {"kind", name_of(request.kind)},
          {"weight", weight},
          {"left_s", seconds_left(one.ends_at, now)},
          {"made", utc_text(one.made)},
          {"ends", utc_text(one.ends)},
          {"who", request.who},
          {"reason", request.reason}};
}

json::object error_of(std::string_view code, std::string_view message, std::string_view advice) {
  return {{"error", {{"code", code}, {"message", message}, {"advice", advice}}}};
}

json::object error_of(const Refusal& refusal) {
  json::object answer = error_of(name_of(refusal.code), refusal.message, refusal.advice);
  json::object& error = answer["error"].as_object();
  if (!refusal.mistakes.empty()) error["mistakes"] = to_json(refusal.mistakes);
  if (!refusal.hits.empty()) error["hits"] = to_json(refusal.hits);
  if (!refusal.diff.empty()) error["diff"] = refusal.diff;
  return answer;
}

unsigned status_of(Code code) {
  switch (code) {
    case Code::bad_request:
      return 400;
    case Code::not_owner:
    case Code::own_change:
    case Code::role:
      return 403;
    case Code::no_change:
    case Code::no_generation:
    case Code::no_override:
      return 404;
    case Code::stale_base:
    case Code::pending_change:
    case Code::wrong_state:
    case Code::wrong_id:
    case Code::nothing_to_commit:
    case Code::latched:
    case Code::awaiting_approval:
      return 409;
    case Code::bad_settings:
    case Code::needs_restart:
    case Code::needs_waiver:
    case Code::wrong_waiver:
    case Code::last_backend:
      return 422;
    case Code::storage:
      return 507;
    case Code::not_published:
      return 503;
  }
  return 500;
}

}  // namespace evenkeel
