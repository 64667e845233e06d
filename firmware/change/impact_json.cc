// The impact as JSON, as impact.h documents it.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "firmware/change/impact.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

template <typename Value>
json::object pair_of(Value before, Value after) {
  return {{"before", before}, {"after", after}};
}

template <typename Element, typename Convert>
json::array array_of(const std::vector<Element>& elements, Convert convert) {
  json::array array;
  array.reserve(elements.size());
  for (const Element& each : elements) array.push_back(convert(each));
  return array;
}

json::value value_of(const std::optional<Headroom>& headroom) {
  if (!headroom.has_value()) return nullptr;
  return json::object{{"without", headroom->without},
                      {"fullest", headroom->fullest},
                      {"load", headroom->load},
                      {"by_traffic", headroom->is_by_traffic}};
}

json::value value_of(const BackendImpact& backend) {
  return json::object{
      {"name", backend.name},
      {"fate", name_of(backend.fate)},
      {"share", pair_of(backend.share_before, backend.share_after)},
      {"flows", pair_of(backend.flows_before, backend.flows_after)},
      {"capacity", backend.capacity == 0 ? json::value() : json::value(backend.capacity)},
      {"moved", backend.moved},
      {"trouble", backend.trouble}};
}

json::value value_of(const CheckRow& row) {
  return json::object{{"name", row.name}, {"before", row.before}, {"after", row.after}};
}

json::value value_of(const ServiceImpact& service) {
  return json::object{
      {"name", service.name},
      {"family", service.family.empty() ? json::value() : json::value(service.family)},
      {"fate", name_of(service.fate)},
      {"open", pair_of(service.is_open_before, service.is_open_after)},
      {"buckets", pair_of(service.buckets_before, service.buckets_after)},
      {"moved", service.moved},
      {"moved_flows",
       service.moved_flows.has_value() ? json::value(*service.moved_flows) : json::value()},
      {"flows", service.flows},
      {"backends",
       array_of(service.backends, [](const BackendImpact& each) { return value_of(each); })},
      {"check", array_of(service.check, [](const CheckRow& each) { return value_of(each); })},
      {"headroom",
       {{"before", value_of(service.headroom_before)},
        {"after", value_of(service.headroom_after)}}}};
}

}  // namespace

json::value to_json(const Hit& hit) {
  const Rule* const rule = find_rule(hit.rule);
  return json::object{{"rule", hit.rule},
                      {"severity", name_of(hit.severity)},
                      {"where", hit.where},
                      {"what", hit.what},
                      {"reason", rule == nullptr ? "" : rule->reason},
                      {"outage", rule == nullptr ? "" : rule->outage}};
}

json::value to_json(const Impact& impact) {
  const auto value_of_difference = [](const Difference& each) {
    return json::object{{"path", each.path}, {"before", each.before}, {"after", each.after}};
  };
  return json::object{
      {"summary",
       {{"added", impact.added},
        {"changed", impact.changed},
        {"removed", impact.removed},
        {"unchanged", impact.unchanged}}},
      {"services",
       array_of(impact.services, [](const ServiceImpact& each) { return value_of(each); })},
      {"differences", array_of(impact.differences, value_of_difference)},
      {"hits", array_of(impact.hits, [](const Hit& each) { return to_json(each); })},
      {"refusals",
       array_of(impact.refusals(), [](std::string_view each) { return json::value(each); })},
      {"checklist",
       array_of(impact.checklist, [](const std::string& each) { return json::value(each); })}};
}

}  // namespace evenkeel
