#include "firmware/manage/alert_messages.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cctype>
#include <cstdint>
#include <utility>

#include "firmware/manage/utf8.h"
#include "firmware/manage/values.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

// By which `journalctl MESSAGE_ID=` finds all that ever began, or ended.
constexpr std::string_view kBegins = "6f6a1a4cbb1d4dd0a4c97a27be3bcf10";
constexpr std::string_view kEnds = "b1f9e8dd27b54d7e8ae0b3b5c5f0a2c7";

std::string utf8(const json::value& value) {
  std::string text = json::serialize(value);
  make_utf8(text);
  return text;
}

json::object labels_of(const Alert& alert) {
  json::object labels;
  for (const auto& [name, value] : alert.labels) labels[name] = value;
  return labels;
}

// Syslog's: critical, warning or notice.
std::string_view priority_of(const Alerts::Entry& entry) {
  if (!entry.fires()) return "5";
  return info_of(entry.alert.kind).severity == AlertSeverity::critical ? "2" : "4";
}

// With its length, so that the value may have any bytes.
void add_field(std::string& message, std::string_view name, std::string_view value) {
  message.append(name).append("\n");
  for (unsigned shift = 0; shift < 64; shift += 8) {
    message += static_cast<char>(static_cast<uint64_t>(value.size()) >> shift & 0xff);
  }
  message.append(value).append("\n");
}

}  // namespace

json::object to_json(const Alerts::Entry& entry) {
  const AlertInfo& info = info_of(entry.alert.kind);
  json::value over = nullptr;
  if (!entry.fires()) over = utc_text(entry.ended);
  return {{"id", id_of(entry.alert)},
          {"name", info.name},
          {"state", entry.fires() ? "firing" : "over"},
          {"severity", name_of(info.severity)},
          {"labels", labels_of(entry.alert)},
          {"what", entry.alert.text},
          {"since", utc_text(entry.began)},
          {"over", std::move(over)},
          {"summary", info.summary},
          {"advice", info.advice}};
}

std::string webhook_message(const std::vector<const Alerts::Entry*>& entries, std::string_view box,
                            WallTime now) {
  json::array alerts;
  for (const Alerts::Entry* const entry : entries) alerts.push_back(to_json(*entry));
  return utf8(json::object{
      {"version", 1}, {"box", box}, {"sent", utc_text(now)}, {"alerts", std::move(alerts)}});
}

std::string alertmanager_message(const std::vector<const Alerts::Entry*>& entries,
                                 std::string_view box, WallTime ends) {
  json::array alerts;
  for (const Alerts::Entry* const entry : entries) {
    const AlertInfo& info = info_of(entry->alert.kind);
    json::object labels = labels_of(entry->alert);
    labels["alertname"] = info.name;
    labels["severity"] = name_of(info.severity);
    labels["box"] = box;
    alerts.push_back(
        {{"labels", std::move(labels)},
         {"annotations",
          {{"summary", info.summary}, {"description", entry->alert.text}, {"advice", info.advice}}},
         {"startsAt", utc_text(entry->began)},
         {"endsAt", utc_text(entry->fires() ? ends : entry->ended)}});
  }
  return utf8(alerts);
}

std::string journal_message(const Alerts::Entry& entry) {
  const AlertInfo& info = info_of(entry.alert.kind);
  std::string message;
  add_field(message, "MESSAGE", line_of(entry));
  add_field(message, "MESSAGE_ID", entry.fires() ? kBegins : kEnds);
  add_field(message, "PRIORITY", priority_of(entry));
  add_field(message, "SYSLOG_IDENTIFIER", "keeld");
  add_field(message, "EVENKEEL_ALERT", info.name);
  add_field(message, "EVENKEEL_STATE", entry.fires() ? "firing" : "over");
  add_field(message, "EVENKEEL_SEVERITY", name_of(info.severity));
  add_field(message, "EVENKEEL_ADVICE", info.advice);
  for (const auto& [name, value] : entry.alert.labels) {
    std::string field = "EVENKEEL_";
    for (const char c : name) {
      field += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    add_field(message, field, value);
  }
  return message;
}

std::string line_of(const Alerts::Entry& entry) {
  return id_of(entry.alert) + (entry.fires() ? ": " : " is over: ") + entry.alert.text;
}

}  // namespace evenkeel
