// How alerts are written for each of those who are told: the API, webhooks, Alertmanager, and
// systemd's journal.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/manage/alerts.h"

namespace evenkeel {

// Component "Alert" of answers.h; webhooks get the same.
boost::json::object to_json(const Alerts::Entry& entry);

// {"version": 1, "box": "lb1", "sent": "2026-...", "alerts": [...]}: what has begun or ended.
std::string webhook_message(const std::vector<const Alerts::Entry*>& entries, std::string_view box,
                            WallTime now);

// As POST /api/v2/alerts takes it. What fires ends at `ends` unless it is told again.
std::string alertmanager_message(const std::vector<const Alerts::Entry*>& entries,
                                 std::string_view box, WallTime ends);

// One entry of systemd's journal, in its native protocol. Its fields EVENKEEL_ALERT,
// EVENKEEL_STATE, EVENKEEL_SEVERITY and, of each label, EVENKEEL_SERVICE or the like are for who
// looks for it: `journalctl EVENKEEL_ALERT=evenkeel_link_down`.
std::string journal_message(const Alerts::Entry& entry);

// One line: "evenkeel_link_down{port="wan"}: the link is down".
std::string line_of(const Alerts::Entry& entry);

}  // namespace evenkeel
