#include "firmware/change/gates.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/arms.h"
#include "firmware/change/impact_checklist.h"
#include "firmware/change/override_settings.h"
#include "firmware/settings/load.h"

namespace evenkeel {
namespace {

constexpr const char* kCandidate = "candidate";  // what messages call the text

// Behind what begins at `at`, if that is a comment or a text in quotes; else `at`.
size_t behind_comment_or_text(std::string_view text, size_t at) {
  const auto behind = [&](std::string_view end, size_t from) {
    const size_t found = text.find(end, from);
    return found == std::string_view::npos ? text.size() : found + end.size();
  };
  const std::string_view rest = text.substr(at);
  if (rest.starts_with('#') || rest.starts_with("//")) return behind("\n", at);
  if (rest.starts_with("/*")) return behind("*/", at + 2);
  if (!rest.starts_with('"')) return at;
  size_t end = at + 1;
  while (end < text.size() && text[end] != '"' && text[end] != '\n') {
    end += text[end] == '\\' ? 2 : 1;
  }
  return std::min(text.size(), end + 1);
}

// What a generation says must not depend on files that change without it; and who may propose a
// change may not therefore read any file of the box.
std::optional<Mistake> find_include(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    const size_t behind = behind_comment_or_text(text, at);
    if (behind == at && text[at] == '@') {
      const auto line = 1 + std::ranges::count(text.substr(0, at), '\n');
      return Mistake{.file = kCandidate,
                     .line = static_cast<uint32_t>(line),
                     .path = {},
                     .what = "found @; a change is one text: put in its place what it includes"};
    }
    at = std::max(behind, at + 1);
  }
  return std::nullopt;
}

// Of what is confirmed already, the box tells by itself when a file goes bad: that is to keep
// nobody from changing something else.
std::vector<CredentialSettings> new_credentials(const Settings* before, const Settings& after) {
  std::vector<CredentialSettings> found = after.credentials;
  if (before == nullptr) return found;
  std::erase_if(found, [&](const CredentialSettings& each) {
    return std::ranges::find(before->credentials, each) != before->credentials.end();
  });
  return found;
}

bool is_waived(std::string_view rule, std::span<const Waiver> waivers) {
  return std::ranges::find(waivers, rule, &Waiver::rule) != waivers.end();
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Refusal wrong_waiver(const std::string& rule, const std::string& why) {
  return {.code = Code::wrong_waiver,
          .message = "the waiver of " + rule + " " + why,
          .advice = "waive only what refuses this change, as check tells it"};
}

bool is_overridden(const ServiceSettings& service, const Overrides& overrides) {
  return std::ranges::any_of(service.backends, [&](const BackendSettings& backend) {
    return overrides.of(service.name, backend.name) != nullptr;
  });
}

// Services that the change touches and that overrides hide something of: it is theirs, or was.
std::vector<std::string> hidden_services(const Settings& before, const Settings& after,
                                         const Overrides& overrides) {
  std::vector<std::string> names;
  for (const ServiceSettings& service : after.services) {
    const auto known = std::ranges::find(before.services, service.name, &ServiceSettings::name);
    const bool is_new = known == before.services.end();
    if (!is_new && *known == service) continue;
    if (is_overridden(service, overrides) || (!is_new && is_overridden(*known, overrides))) {
      names.push_back(service.name);
    }
  }
  return names;
}

// How it is once the overrides have ended. With them, what is wrong then may be hidden, or be there
// before the change, and so be excused. Of the services only in which they hide anything: to
// prepare all once more, and what is confirmed, would keep control from its work three times as
// long. What a rule says of one service does not depend on the others, and what it adds up of all
// (probe-rate) not on overrides.
//
// Only rules on how it is then. What comes into force at once comes with the overrides, and is
// judged with them: else who has drained a server could not take it out of the settings, for its
// buckets would count as moved.
Status judge_without_overrides(const Settings& confirmed, const Overrides& overrides, Box& box,
                               Assessment& assessment) {
  if (overrides.all().empty()) return {};
  const auto names = hidden_services(confirmed, assessment.settings, overrides);
  if (names.empty()) return {};
  const Settings old_ones = only_services(confirmed, names);
  const Settings new_ones = only_services(assessment.settings, names);
  const Result<Preview> now = box.look_at(old_ones);
  const Result<Preview> then = box.look_at(new_ones);
  if (!then.ok()) return Error{"when the overrides have ended: " + then.message()};
  Side before = {.settings = &old_ones, .plan = nullptr, .states = {}};
  if (now.ok()) {
    before.plan = now.value().plan.get();
    before.states = now.value().states;
  }
  const Side after = {
      .settings = &new_ones, .plan = then.value().plan.get(), .states = then.value().states};
  std::vector<Hit> hits = hits_of_side(before, after, box.traffic(), box.cores());
  for (Hit& hit : hits) hit.what += " (it will be so when the overrides have ended)";
  add_worse(std::move(hits), assessment.impact.hits);
  return {};
}

}  // namespace

Assessment assess(const std::string& text, const Overrides& overrides, const Settings& confirmed,
                  const Side& before, Box& box) {
  Assessment assessment;
  Checked& checked = assessment.checked;
  if (std::optional<Mistake> include = find_include(text)) {
    checked.mistakes.push_back(std::move(*include));
    return assessment;
  }
  Loaded loaded = load_settings_text(text, kCandidate);
  checked.mistakes = std::move(loaded.mistakes);
  if (!checked.mistakes.empty()) return assessment;
  assessment.settings = std::move(loaded.settings);
  checked.needs_restart = box.needs_restart(assessment.settings);
  if (!checked.needs_restart.empty()) return assessment;
  checked.mistakes = box.mistakes_in_files(new_credentials(before.settings, assessment.settings));
  for (Mistake& mistake : checked.mistakes) mistake.file = kCandidate;
  if (!checked.mistakes.empty()) return assessment;
  assessment.wanted =
      std::make_shared<const Settings>(with_overrides(assessment.settings, overrides));
  const Result<Preview> preview = box.preview(assessment.wanted);
  if (!preview.ok()) {
    checked.no_plan = preview.message();
    return assessment;
  }
  const Side after = {.settings = assessment.wanted.get(),
                      .plan = preview.value().plan.get(),
                      .states = preview.value().states};
  assessment.impact = impact_of(before, after, box.traffic(), box.cores());
  const Status judged = judge_without_overrides(confirmed, overrides, box, assessment);
  if (!judged.ok()) {
    checked.no_plan = judged.message();
    return assessment;
  }
  assessment.impact.checklist = checklist_of(assessment.impact, assessment.settings);
  checked.hits = assessment.impact.hits;
  return assessment;
}

std::optional<Refusal> refusal_of(const Checked& checked) {
  if (!checked.mistakes.empty()) {
    const size_t count = checked.mistakes.size();
    return Refusal{.code = Code::bad_settings,
                   .message = count == 1
                                  ? to_string(checked.mistakes.front())
                                  : "the settings have " + std::to_string(count) + " mistakes",
                   .advice = "mend the text",
                   .mistakes = checked.mistakes};
  }
  if (!checked.needs_restart.empty()) {
    return Refusal{.code = Code::needs_restart,
                   .message = "not as keeld was started with: " + joined(checked.needs_restart),
                   .advice = "leave them as they are; they change with a restart of keeld only"};
  }
  if (!checked.no_plan.empty()) {
    return Refusal{.code = Code::bad_settings,
                   .message = "no plan can be made of it: " + checked.no_plan,
                   .advice = "change what the message names"};
  }
  return std::nullopt;
}

std::optional<Refusal> refusal_of_unwaived(const std::vector<Hit>& hits,
                                           std::span<const Waiver> waivers) {
  std::vector<Hit> open;
  std::vector<std::string> names;
  for (const Hit& hit : hits) {
    if (hit.severity != Severity::refuse || is_waived(hit.rule, waivers)) continue;
    open.push_back(hit);
    if (std::ranges::find(names, hit.rule) == names.end()) names.emplace_back(hit.rule);
  }
  if (open.empty()) return std::nullopt;
  return Refusal{.code = Code::needs_waiver,
                 .message = "refused by " + joined(names) + ": " + open.front().what,
                 .advice = "change the settings, or waive each rule by its name and with a reason",
                 .mistakes = {},
                 .hits = std::move(open)};
}

std::optional<Refusal> refusal_of_waivers(const std::vector<Hit>& hits,
                                          std::span<const Waiver> waivers, bool is_latched) {
  for (size_t i = 0; i < waivers.size(); ++i) {
    const Waiver& waiver = waivers[i];
    const bool refuses = std::ranges::any_of(hits, [&](const Hit& hit) {
      return hit.rule == waiver.rule && hit.severity == Severity::refuse;
    });
    if (waiver.rule != kLatched && waiver.rule != kTrial && find_rule(waiver.rule) == nullptr) {
      return wrong_waiver(waiver.rule, "is of no rule that there is");
    }
    if (is_waived(waiver.rule, waivers.first(i)))
      return wrong_waiver(waiver.rule, "is there twice");
    const bool is_needed =
        waiver.rule == kTrial || (waiver.rule == kLatched ? is_latched : refuses);
    if (!is_needed) {
      return wrong_waiver(waiver.rule, "is not needed: it does not refuse this change");
    }
    if (auto refusal = refusal_of_reason(waiver.reason, "to waive " + waiver.rule)) return refusal;
  }
  return std::nullopt;
}

std::optional<Refusal> refusal_of_reason(std::string_view reason, std::string_view what) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; };
  const bool is_blank = reason.find_first_not_of(' ') == std::string_view::npos;
  if (!is_blank && reason.size() <= kMaxWhy && std::ranges::none_of(reason, is_control)) {
    return std::nullopt;
  }
  return Refusal{.code = Code::bad_request,
                 .message = "the reason " + std::string(what) + " is " +
                            (is_blank ? "missing" : "not one line of text"),
                 .advice = "give one, of 1 to " + std::to_string(kMaxWhy) + " bytes on one line"};
}

}  // namespace evenkeel
