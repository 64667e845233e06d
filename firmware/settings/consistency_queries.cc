#include "firmware/settings/consistency_queries.h"

#include <cmath>
#include <string>

#include "firmware/base/limits.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

void object_to_bounds(const QuerySettings& query, const KeyPath& path,
                      std::vector<Objection>& found) {
  const auto path_to = [&path](std::string_view key) {
    KeyPath longer = path;
    longer.push_back({key});
    return longer;
  };
  const std::vector<KeyPath> judges = {path_to("at_most"), path_to("at_least")};
  const double at_most = query.at_most.value_or(HUGE_VAL);
  const double at_least = query.at_least.value_or(-HUGE_VAL);
  if (!query.at_most && !query.at_least) {
    found.push_back({.path = path,
                     .what = "has neither at_most nor at_least, so that nothing would be outside; "
                             "allowed: with at least one of them",
                     .judges = judges});
  } else if (at_least > at_most) {
    found.push_back(
        {.path = path_to("at_least"),
         .what = "found " + number_text(at_least) +
                 ", so that everything would be outside; allowed: no more than at_most, "
                 "which is " +
                 number_text(at_most),
         .judges = judges});
  }
}

}  // namespace

void object_to_queries(const Settings& settings, std::vector<Objection>& found) {
  size_t count = 0;
  for (size_t i = 0; i < settings.services.size(); ++i) {
    const std::vector<QuerySettings>& queries = settings.services[i].queries;
    count += queries.size();
    for (size_t j = 0; j < queries.size(); ++j) {
      object_to_bounds(queries[j], {{"services", i}, {"queries", j}}, found);
    }
    if (queries.empty() || !settings.prometheus.url.empty()) continue;
    found.push_back({.path = {{"services", i}, {"queries"}},
                     .what = "is set, but prometheus.url is not, so that nobody could be asked; "
                             "allowed: with it",
                     .judges = {{{"prometheus"}, {"url"}}}});
  }
  if (count <= kMaxQueries) return;
  found.push_back({.path = {{"services"}},
                   .what = "found " + std::to_string(count) +
                           " queries; allowed: " + std::to_string(kMaxQueries) + " in all",
                   .judges = {}});
}

}  // namespace evenkeel
