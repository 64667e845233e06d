// What `keel plan` shows, and people read before every commit: what the change does to each
// service, which rules it breaks and how to go on. Drawn from the API's JSON
// (firmware/change/impact.h).
#pragma once

#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "tools/keel/style.h"

namespace evenkeel::keel {

// `change` is that of GET /v1/change: whose it is, and what comes next.
std::string render_plan(const boost::json::value& impact, const boost::json::value& change,
                        const Style& style);

// One service of it.
std::string render_service_impact(const boost::json::value& service, const Style& style);

// "lb.conf:12: services.shop.buckets: found 7; ..."
std::string render_mistake(const boost::json::value& mistake, const Style& style);

bool is_waived(const boost::json::value& change, std::string_view rule);

// A rule that is broken: where, what it is, why there is such a rule. `change` may waive it.
std::string render_hit(const boost::json::value& hit, const boost::json::value& change,
                       const Style& style);

// A unified diff, coloured.
std::string render_diff(std::string_view text, const Style& style);

// "→ keel commit": what to type next.
std::string next_step(const Style& style, std::string_view command, std::string_view meaning = "");

}  // namespace evenkeel::keel
