#include "firmware/change/impact_checklist.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

#include "firmware/change/rules_facts.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr size_t kMostOfOneQuestion = 3;
constexpr double kNearlyFull = 0.8;
constexpr double kNotable = 0.01;  // of a service's flows

std::string label_of(const ServiceImpact& service) {
  const std::string family = service.family.empty() ? "" : " (" + service.family + ")";
  return quoted(service.name) + family;
}

std::string rate(double flows) {
  return std::to_string(static_cast<uint64_t>(std::llround(flows)));
}

// Each answers with its question about one service; empty: it has none.
using Question = std::string (*)(const ServiceImpact&);

std::string ask_of_removed(const ServiceImpact& service) {
  if (service.fate != Fate::removed) return "";
  return label_of(service) + " is removed, with " + rate(service.flows) +
         " new flows a second lately: does nobody need it any more?";
}

std::string ask_of_added(const ServiceImpact& service) {
  if (service.fate != Fate::added) return "";
  return label_of(service) +
         " is new: do its servers answer on every VIP, and do routers send those VIPs here?";
}

std::string ask_of_most_loaded(const ServiceImpact& service) {
  if (service.fate != Fate::changed || service.backends.empty()) return "";
  const auto gain = [](const BackendImpact& backend) {
    return backend.share_after - backend.share_before;
  };
  const auto most = std::ranges::max_element(service.backends, {}, gain);
  if (gain(*most) < kNotable) return "";
  return "the share of " + quoted(most->name) + " in " + label_of(service) + " goes from " +
         percent(most->share_before) + " to " + percent(most->share_after) +
         ": can it take that, and what is behind it too?";
}

std::string ask_of_moved(const ServiceImpact& service) {
  if (service.fate != Fate::changed) return "";
  const double moved = service.moved_flows.value_or(service.moved);
  if (moved < kNotable) return "";
  return percent(moved) + " of the new flows of " + label_of(service) +
         " go to other servers: do sessions and caches allow for that?";
}

std::string ask_of_left(const ServiceImpact& service) {
  if (service.fate != Fate::changed) return "";
  const auto left = std::ranges::find_if(service.backends, [](const BackendImpact& backend) {
    return backend.fate == Fate::removed && (backend.share_before > 0 || backend.flows_before > 0);
  });
  if (left == service.backends.end()) return "";
  return quoted(left->name) + " leaves " + label_of(service) +
         " while it takes flows: should it be drained first?";
}

std::string ask_of_joined(const ServiceImpact& service) {
  if (service.fate != Fate::changed) return "";
  const auto joined = std::ranges::find(service.backends, Fate::added, &BackendImpact::fate);
  if (joined == service.backends.end()) return "";
  return quoted(joined->name) + " joins " + label_of(service) +
         ": does it serve the same as the others, from the same data?";
}

std::string ask_of_check(const ServiceImpact& service) {
  const bool differs = std::ranges::any_of(
      service.check, [](const CheckRow& row) { return row.before != row.after; });
  if (service.fate != Fate::changed || !differs) return "";
  return "the health check of " + label_of(service) +
         " differs: does it still fail when a server is of no use?";
}

std::string ask_of_headroom(const ServiceImpact& service) {
  if (!service.headroom_after.has_value() || service.headroom_after->load < kNearlyFull) return "";
  const Headroom& headroom = *service.headroom_after;
  return "without " + quoted(headroom.without) + ", " + quoted(headroom.fullest) + " of " +
         label_of(service) + " has " + percent(headroom.load) +
         " of its capacity: is that enough to lose one server?";
}

void ask(const Impact& impact, Question question, std::vector<std::string>& checklist) {
  size_t asked = 0;
  for (const ServiceImpact& service : impact.services) {
    std::string text = question(service);
    if (text.empty()) continue;
    if (++asked <= kMostOfOneQuestion) checklist.push_back(std::move(text));
  }
  if (asked > kMostOfOneQuestion) {
    checklist.back() +=
        " (the same of " + std::to_string(asked - kMostOfOneQuestion) + " more services)";
  }
}

}  // namespace

std::vector<std::string> checklist_of(const Impact& impact, const Settings& after) {
  std::vector<std::string> checklist;
  if (impact.services.empty() && impact.differences.empty()) return checklist;
  for (const std::string_view rule : impact.refusals()) {
    checklist.push_back("rule " + std::string(rule) + " refuses it (" +
                        std::string(find_rule(rule)->reason) +
                        "): is there a reason good enough to waive it?");
  }
  for (const Question question : {ask_of_removed, ask_of_added, ask_of_most_loaded, ask_of_moved,
                                  ask_of_left, ask_of_joined, ask_of_check, ask_of_headroom}) {
    ask(impact, question, checklist);
  }
  checklist.push_back("what will tell you within " + duration_text(after.change.confirm) +
                      " that it works, before you confirm it?");
  return checklist;
}

}  // namespace evenkeel
