#include "firmware/change/rules_facts.h"

#include <cstdio>

#include "firmware/base/check.h"
#include "firmware/settings/difference.h"

namespace evenkeel {
namespace {

View view_of(const Side& side, ShareCounter& counter) {
  static const Settings kNothing;
  View view{.settings = side.settings == nullptr ? &kNothing : side.settings,
            .plan = side.settings == nullptr ? nullptr : side.plan,
            .states = side.states,
            .shares = {},
            .places = {}};
  if (view.plan != nullptr) view.shares = counter.count(*view.settings, *view.plan);
  for (size_t i = 0; i < view.settings->services.size(); ++i) {
    view.places.emplace(view.settings->services[i].name, i);
  }
  return view;
}

std::vector<ServicePair> pairs_of(const View& before, const View& after) {
  std::vector<ServicePair> pairs;
  for (size_t i = 0; i < after.settings->services.size(); ++i) {
    const auto known = before.places.find(after.settings->services[i].name);
    pairs.push_back({.before = known == before.places.end() ? ServicePair::kNone : known->second,
                     .after = i,
                     .moved = {}});
  }
  for (size_t i = 0; i < before.settings->services.size(); ++i) {
    if (after.places.contains(before.settings->services[i].name)) continue;
    pairs.push_back({.before = i, .after = ServicePair::kNone, .moved = {}});
  }
  return pairs;
}

Flows find_flows(const std::unordered_map<std::string, Flows>& flows, const std::string& name) {
  const auto found = flows.find(name);
  return found == flows.end() ? Flows{} : found->second;
}

double per_second(const Flows& flows, Microseconds measured) {
  if (measured == 0) return 0;
  return static_cast<double>(flows.new_flows) * static_cast<double>(kMicrosecondsPerTick) /
         static_cast<double>(measured);
}

}  // namespace

Facts gather(const Side& before, const Side& after, const Traffic& traffic, uint32_t cores) {
  REQUIRE(after.settings != nullptr);
  ShareCounter counter;
  Facts facts{.is_first = before.settings == nullptr,
              .before = view_of(before, counter),
              .after = view_of(after, counter),
              .pairs = {},
              .traffic = &traffic,
              .cores = cores};
  facts.pairs = pairs_of(facts.before, facts.after);
  if (facts.before.plan == nullptr || facts.after.plan == nullptr) return facts;
  MoveCounter moves(*facts.before.plan, *facts.after.plan);
  for (ServicePair& pair : facts.pairs) {
    if (pair.before == ServicePair::kNone || pair.after == ServicePair::kNone) continue;
    for (size_t family = 0; family < pair.moved.size(); ++family) {
      const auto& old_shares = facts.before.shares[pair.before][family];
      const auto& new_shares = facts.after.shares[pair.after][family];
      if (!old_shares.has_value() || !new_shares.has_value()) continue;
      pair.moved[family] = moves.count(*old_shares, *new_shares);
    }
  }
  return facts;
}

Flows Facts::traffic_of_service(const std::string& name) const {
  return find_flows(traffic->by_service, name);
}

double Facts::flows_of_service(const std::string& name) const {
  return per_second(traffic_of_service(name), traffic->measured);
}

double Facts::flows_of_backend(const std::string& name) const {
  return per_second(find_flows(traffic->by_backend, name), traffic->measured);
}

std::string path_of(const ServiceSettings& service) {
  return path_to_element("services", service.name);
}

std::string path_of(const ServiceSettings& service, const BackendSettings& backend) {
  return path_to_element(path_of(service) + ".backends", backend.name);
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string percent(double part) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %%", 100 * part);
  return text.data();
}

}  // namespace evenkeel
