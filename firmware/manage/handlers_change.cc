// A change on its way, and overrides: the transaction does all of it, and says why not.
#include <boost/json/array.hpp>
#include <utility>
#include <vector>

#include "firmware/manage/arguments.h"
#include "firmware/manage/handlers.h"
#include "firmware/manage/values.h"

namespace evenkeel::handlers {
namespace {

namespace json = boost::json;

Outcome refused(const Refusal& refusal) {
  return {.status = status_of(refusal.code), .body = error_of(refusal)};
}

Outcome told(const Answer<Change>& answer, const Call& call) {
  if (!answer.ok()) return refused(answer.refusal());
  return {.body = to_json(answer.value(), call.caller.now)};
}

Outcome told(const Answer<Override>& answer, const Call& call) {
  if (!answer.ok()) return refused(answer.refusal());
  return {.body = to_json(answer.value(), call.caller.now)};
}

uint64_t id_of(const Call& call) { return number_of(call.arguments, "id").value_or(0); }

// Nothing: it is neither `set` with a value nor `delete`.
std::optional<Edit> edit_of(const json::object& element) {
  const std::string set = text_of(element, "set");
  const std::string gone = text_of(element, "delete");
  const bool has_value = element.contains("value");
  if (!set.empty() && gone.empty() && has_value) {
    return Edit{.path = set, .value = text_of(element, "value")};
  }
  if (set.empty() && !gone.empty() && !has_value) return Edit{.path = gone, .value = {}};
  return std::nullopt;
}

std::vector<Waiver> waivers_of(const json::object& arguments) {
  std::vector<Waiver> waivers;
  const json::value* list = arguments.if_contains("waivers");
  if (list == nullptr) return waivers;
  for (const json::value& element : list->as_array()) {
    const json::object& waiver = element.as_object();
    waivers.push_back({.rule = text_of(waiver, "rule"), .reason = text_of(waiver, "reason")});
  }
  return waivers;
}

}  // namespace

Outcome show_change(Managed& managed, const Call& call) {
  const std::optional<Change>& change = managed.transaction.change();
  if (change) return {.body = to_json(*change, call.caller.now)};
  return {.status = 404,
          .body = error_of("no-change", "there is no change on its way",
                           "open one with POST /v1/change or /v1/change/edit")};
}

Outcome open_change(Managed& managed, const Call& call) {
  return told(managed.transaction.open(call.caller, number_of(call.arguments, "base").value_or(0),
                                       text_of(call.arguments, "text")),
              call);
}

Outcome edit_change(Managed& managed, const Call& call) {
  std::vector<Edit> edits;
  for (const json::value& element : call.arguments.at("edits").as_array()) {
    std::optional<Edit> edit = edit_of(element.as_object());
    if (!edit) {
      return {.status = 400,
              .body = error_of("bad-request", "an edit is neither one nor the other",
                               "give {\"set\": PATH, \"value\": TEXT} or {\"delete\": PATH}")};
    }
    edits.push_back(std::move(*edit));
  }
  return told(managed.transaction.edit(call.caller, edits), call);
}

Outcome discard_change(Managed& managed, const Call& call) {
  return told(managed.transaction.discard(call.caller), call);
}

Outcome check_change(Managed& managed, const Call& call) {
  const Answer<Checked> answer = managed.transaction.check(call.caller);
  if (!answer.ok()) return refused(answer.refusal());
  return {.body = to_json(answer.value())};
}

Outcome plan_change(Managed& managed, const Call& call) {
  const Answer<Impact> answer = managed.transaction.plan(call.caller);
  if (!answer.ok()) return refused(answer.refusal());
  return {.body = to_json(answer.value())};
}

// A text with mistakes differs, too, if not by keys.
Outcome diff_change(Managed& managed, const Call& call) {
  const Answer<std::string> text = managed.transaction.diff();
  if (!text.ok()) return refused(text.refusal());
  const Answer<std::vector<Difference>> differences = managed.transaction.differences();
  json::array rows(call.storage);
  if (differences.ok()) {
    for (const Difference& difference : differences.value()) {
      rows.emplace_back(to_json(difference));
    }
  }
  return {.body = json::object{{"text", text.value()}, {"differences", std::move(rows)}}};
}

Outcome commit_change(Managed& managed, const Call& call) {
  CommitRequest request{.window = std::nullopt,
                        .why = text_of(call.arguments, "why"),
                        .waivers = waivers_of(call.arguments)};
  if (const std::optional<uint64_t> seconds = number_of(call.arguments, "confirm_s")) {
    request.window = *seconds * kMicrosecondsPerTick;
  }
  return told(managed.transaction.commit(call.caller, request), call);
}

Outcome approve_change(Managed& managed, const Call& call) {
  return told(managed.transaction.approve(call.caller, id_of(call)), call);
}

Outcome confirm_change(Managed& managed, const Call& call) {
  return told(managed.transaction.confirm(call.caller, id_of(call)), call);
}

Outcome roll_back_change(Managed& managed, const Call& call) {
  return told(
      managed.transaction.rollback(call.caller, id_of(call), text_of(call.arguments, "why")), call);
}

Outcome restore_generation(Managed& managed, const Call& call) {
  const uint64_t generation = number_of(call.arguments, "generation").value_or(0);
  return told(managed.transaction.restore(call.caller, generation, text_of(call.arguments, "why")),
              call);
}

Outcome unlatch_generation(Managed& managed, const Call& call) {
  const uint64_t generation = number_of(call.arguments, "generation").value_or(0);
  const Answer<Generation> answer =
      managed.transaction.unlatch(call.caller, generation, text_of(call.arguments, "why"));
  if (!answer.ok()) return refused(answer.refusal());
  return {.body = to_json(answer.value(), managed.transaction.confirmed().generation)};
}

Outcome set_override(Managed& managed, const Call& call) {
  const std::optional<uint64_t> weight = number_of(call.arguments, "weight");
  const OverrideKind kind =
      override_kind_of(text_of(call.arguments, "kind")).value_or(OverrideKind::drain);
  if (weight.has_value() != (kind == OverrideKind::weight)) {
    return {.status = 400,
            .body = error_of("bad-request", "'weight' goes with the kind weight, and only there",
                             "give both, or neither")};
  }
  const uint64_t seconds = number_of(call.arguments, "for_s").value_or(0);
  return told(managed.transaction.set_override(call.caller,
                                               {.backend = text_of(call.arguments, "backend"),
                                                .kind = kind,
                                                .weight = static_cast<uint32_t>(weight.value_or(0)),
                                                .lasts = seconds * kMicrosecondsPerTick,
                                                .reason = text_of(call.arguments, "reason"),
                                                .who = call.caller.who.user}),
              call);
}

Outcome remove_override(Managed& managed, const Call& call) {
  return told(managed.transaction.remove_override(call.caller, id_of(call)), call);
}

}  // namespace evenkeel::handlers
