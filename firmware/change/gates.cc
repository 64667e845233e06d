#include "firmware/change/gates.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "firmware/base/limits.h"
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

}  // namespace

Assessment assess(const std::string& text, const Overrides& overrides, const Side& before,
                  Box& box) {
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
