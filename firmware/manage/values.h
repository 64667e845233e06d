// What the parts of a change look like in JSON; the fields are in answers.cc.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

#include "firmware/base/clock.h"
#include "firmware/change/archive.h"
#include "firmware/change/change.h"
#include "firmware/change/journal.h"
#include "firmware/change/overrides.h"
#include "firmware/change/refusal.h"
#include "firmware/settings/difference.h"
#include "firmware/settings/source.h"

namespace evenkeel {

// "2026-11-21T09:34:39.250Z"
std::string utc_text(WallTime time);
// Seconds from `now` to `then`, begun ones too; 0: it is over.
uint64_t seconds_left(Microseconds then, Microseconds now);

boost::json::object to_json(const Change& change, Microseconds now);
boost::json::object to_json(const Checked& checked);
boost::json::object to_json(const Mistake& mistake);
boost::json::object to_json(const Difference& difference);
boost::json::object to_json(const Generation& generation, uint64_t confirmed);
boost::json::object to_json(const Event& event);
boost::json::object to_json(const Override& one, Microseconds now);

// {"error": {...}}: as everything that is not done is answered.
boost::json::object error_of(std::string_view code, std::string_view message,
                             std::string_view advice);
boost::json::object error_of(const Refusal& refusal);
// Of HTTP.
unsigned status_of(Code code);

}  // namespace evenkeel
