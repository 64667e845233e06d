// Rules on health checks: that there is one, that it can fail, and that it stays as strict as it
// was.
#include <algorithm>
#include <cmath>
#include <span>
#include <string>
#include <utility>

#include "firmware/change/rules_check_rows.h"
#include "firmware/change/rules_facts.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr Microseconds kMaxNotice = 300 * kMicrosecondsPerTick;
constexpr uint32_t kFirstServerError = 500;
constexpr uint32_t kLastServerError = 599;

// How long it takes at most until a dead server is known to be dead.
Microseconds notice_of(const CheckSettings& check) {
  return check.fall * check.interval + check.timeout;
}

bool accepts(const CheckSettings& check, uint32_t status) {
  return std::ranges::any_of(check.expect, [&](const StatusRange& range) {
    return range.first <= status && status <= range.last;
  });
}

bool accepts_every_error(const CheckSettings& check) {
  for (uint32_t status = kFirstServerError; status <= kLastServerError; ++status) {
    if (!accepts(check, status)) return false;
  }
  return true;
}

bool accepts_more(const CheckSettings& before, const CheckSettings& after) {
  for (uint32_t status = 100; status <= kLastServerError; ++status) {
    if (accepts(after, status) && !accepts(before, status)) return true;
  }
  return false;
}

std::string text_of(const std::vector<StatusRange>& ranges) {
  std::string text;
  for (const StatusRange& range : ranges) text += (text.empty() ? "" : ", ") + to_string(range);
  return text;
}

// A row's value, as settings have it but for quotes; empty: it is not set.
std::string text_of(const Key& key, const CheckSettings& check) {
  std::string text;
  for (const Value& value : key.field.values(&check)) {
    std::string its = to_text(key, value);
    if (its.starts_with('"')) its = its.substr(1, its.size() - 2);
    if (!its.empty()) text += (text.empty() ? "" : ", ") + its;
  }
  return text;
}

std::string percent_of(uint32_t share) { return std::to_string(share) + " %"; }

std::string text_of(CheckType type) { return check_types_text(check_types_of(type)); }

// How much of a server a check looks at; what is as deep sees other things, not less.
unsigned depth_of(CheckType type) {
  switch (type) {
    case CheckType::none:
      return 0;
    case CheckType::icmp:  // that there is a host
      return 1;
    case CheckType::tcp:  // that somebody listens
      return 2;
    case CheckType::tls:  // that he says something
    case CheckType::udp:
    case CheckType::agent:
      return 3;
    case CheckType::http:  // that it is the right thing
    case CheckType::h2:
    case CheckType::grpc:
    case CheckType::dns:
    case CheckType::command:
      return 4;
    case CheckType::https:
      return 5;
  }
  return 0;
}

std::span<const Key> check_keys() {
  return find_key(find_key(settings_keys(), "services")->members, "check")->members;
}

// What few ever set is told if somebody has.
bool is_told_if_set(const Key& key) {
  constexpr std::string_view kRare[] = {"jitter", "tls", "fail_open", "slow_start", "same_path"};
  return std::ranges::find(kRare, key.name) != std::end(kRare);
}

std::string text_of(const Key& key, const CheckSettings* check) {
  if (check == nullptr) return "";
  if (check->type == CheckType::none && key.name != "type") return "";
  if ((key.checks & check_types_of(check->type)) == 0) return "";
  if (key.name == "port" && check->port == 0) return "the traffic's";
  const bool is_of_tls = key.name == "verify" || key.name == "ca" || key.name == "server_name";
  if (is_of_tls && !uses_tls(*check)) return "";
  if (is_told_if_set(key) && key.field.values(check) == key.field.defaults()) return "";
  return text_of(key, *check);
}

std::string notice_text(const CheckSettings* check) {
  if (check == nullptr || check->type == CheckType::none) return "";
  return duration_text(notice_of(*check));
}

// What a check looks for in an answer.
std::string contents_of(const CheckSettings& check) {
  const bool may = is_http(check.type) || check.type == CheckType::udp;
  return may ? check.contains : "";
}

// What the kernel is given of a server's packets for one answer, about: of a connection, of TLS on
// it, and of what is said. What a command asks is its own business.
uint32_t packets_of(const CheckSettings& check) {
  constexpr uint32_t kTls = 4;
  constexpr uint32_t kTalk = 3;
  const uint32_t path = check.same_path ? 1 : 0;
  switch (check.type) {
    case CheckType::none:
    case CheckType::command:
      return path;
    case CheckType::icmp:
    case CheckType::udp:
    case CheckType::dns:
    case CheckType::tcp:
      return path + 1;
    case CheckType::tls:
      return path + 1 + kTls;
    case CheckType::http:
    case CheckType::https:
    case CheckType::h2:
    case CheckType::grpc:
    case CheckType::agent:
      return path + 1 + (uses_tls(check) ? kTls : 0) + kTalk;
  }
  return 0;
}

bool verifies(const CheckSettings& check) { return uses_tls(check) && check.verify; }

void find_weaker_answers(const CheckSettings& before, const CheckSettings& after,
                         std::vector<std::string>& found) {
  if (is_http(before.type) && is_http(after.type) && accepts_more(before, after)) {
    found.push_back("it accepts more (" + text_of(before.expect) + " -> " + text_of(after.expect) +
                    ")");
  }
  const bool are_dns = before.type == CheckType::dns && after.type == CheckType::dns;
  if (are_dns && !std::ranges::all_of(after.rcodes, [&](DnsRcode rcode) {
        return std::ranges::find(before.rcodes, rcode) != before.rcodes.end();
      })) {
    found.emplace_back("it accepts more answers of DNS");
  }
  if (!contents_of(before).empty() && contents_of(after).empty()) {
    found.push_back("it no longer looks for \"" + before.contains + "\" in the answer");
  }
  if (uses_tls(before) && after.type == before.type && !uses_tls(after)) {
    found.emplace_back("it no longer uses TLS");
  } else if (verifies(before) && !verifies(after)) {
    found.emplace_back("it no longer verifies certificates");
  }
}

}  // namespace

std::vector<CheckRow> check_rows(const CheckSettings* before, const CheckSettings* after) {
  std::vector<CheckRow> rows;
  const auto add = [&](std::string_view name, std::string old_value, std::string new_value) {
    if (old_value.empty() && new_value.empty()) return;
    rows.push_back(
        {.name = std::string(name), .before = std::move(old_value), .after = std::move(new_value)});
  };
  for (const Key& key : check_keys()) {
    add(key.name, text_of(key, before), text_of(key, after));
    if (key.name == "fall") add("dead after", notice_text(before), notice_text(after));
  }
  return rows;
}

std::vector<std::string> weakenings(const CheckSettings& before, const CheckSettings& after) {
  std::vector<std::string> found;
  if (before.type == CheckType::none) return found;
  if (after.type == CheckType::none) return {"it is switched off"};
  const auto changes = [](const std::string& old_value, const std::string& new_value) {
    return " (" + old_value + " -> " + new_value + ")";
  };
  if (depth_of(after.type) < depth_of(before.type)) {
    found.push_back("it looks at less" + changes(text_of(before.type), text_of(after.type)));
  }
  if (notice_of(after) > notice_of(before)) {
    found.push_back("a dead server is noticed later" +
                    changes(duration_text(notice_of(before)), duration_text(notice_of(after))));
  }
  if (after.timeout > before.timeout) {
    found.push_back("it waits longer" +
                    changes(duration_text(before.timeout), duration_text(after.timeout)));
  }
  if (after.rise < before.rise) {
    found.push_back("fewer successes make a server healthy" +
                    changes(std::to_string(before.rise), std::to_string(after.rise)));
  }
  if (after.fail_open > before.fail_open) {
    found.push_back("fewer failures are enough not to believe it" +
                    changes(percent_of(before.fail_open), percent_of(after.fail_open)));
  }
  if (before.same_path && !after.same_path) {
    found.emplace_back("it no longer asks by the way that traffic goes");
  }
  find_weaker_answers(before, after, found);
  return found;
}

void judge_no_health_check(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  for (const ServiceSettings& service : side.settings->services) {
    if (service.check.type != CheckType::none) continue;
    ret_findings.push_back({.where = path_of(service) + ".check",
                            .what = quoted(service.name) +
                                    " has no health check, so a dead server keeps its share of "
                                    "flows; set check.type to tcp or http"});
  }
}

void judge_check_cannot_fail(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  for (const ServiceSettings& service : side.settings->services) {
    const CheckSettings& check = service.check;
    if (is_http(check.type) && check.contains.empty() && accepts_every_error(check)) {
      ret_findings.push_back({.where = path_of(service) + ".check.expect",
                              .what = "the check of " + quoted(service.name) +
                                      " takes every server error (500-599) for health; expect "
                                      "200-399, or less"});
    }
    if (check.type != CheckType::none && check.fail_open == 100) {
      ret_findings.push_back({.where = path_of(service) + ".check.fail_open",
                              .what = "the check of " + quoted(service.name) +
                                      " is never believed (fail_open is 100 %), so a dead server "
                                      "keeps its flows; lower fail_open"});
    }
    if (check.type != CheckType::none && notice_of(check) > kMaxNotice) {
      ret_findings.push_back({.where = path_of(service) + ".check.fall",
                              .what = "the check of " + quoted(service.name) + " needs " +
                                      duration_text(notice_of(check)) +
                                      " to find a server dead, of " + duration_text(kMaxNotice) +
                                      " allowed; lower fall, interval or timeout",
                              .badness = static_cast<double>(notice_of(check))});
    }
  }
}

// All servers may be behind one port.
void judge_probe_rate(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  double answers = 0;  // packets a second
  for (const ServiceSettings& service : side.settings->services) {
    answers += static_cast<double>(service.backends.size() * packets_of(service.check)) *
               static_cast<double>(kMicrosecondsPerTick) /
               static_cast<double>(service.check.interval);
  }
  const auto workers = static_cast<double>(side.settings->cpu.workers.size());
  const double most = side.settings->kernel.packets_per_second * workers;
  // Flows do not fall evenly to workers, and health checks are not all that the kernel is for.
  if (2 * answers <= most) return;
  const std::string key = "kernel.packets_per_second";
  ret_findings.push_back({.where = key,
                          .what = "servers answer the health checks with about " +
                                  std::to_string(std::llround(answers)) + " packets a second, of " +
                                  std::to_string(std::llround(most)) +
                                  " that the workers pass on; what they drop makes good servers "
                                  "look dead; set " +
                                  key + " to " +
                                  std::to_string(std::llround(std::ceil(2 * answers / workers))) +
                                  " or more, or check less often",
                          .badness = answers / most,
                          .severity = answers > most ? Severity::refuse : Severity::warn});
}

void judge_weakened_health_check(const Facts& facts, Findings& ret_findings) {
  for (const ServicePair& pair : facts.pairs) {
    if (pair.before == ServicePair::kNone || pair.after == ServicePair::kNone) continue;
    const ServiceSettings& service = facts.after.settings->services[pair.after];
    const auto found =
        weakenings(facts.before.settings->services[pair.before].check, service.check);
    if (found.empty()) continue;
    std::string what = "the check of " + quoted(service.name) + " is weaker than before: ";
    for (size_t i = 0; i < found.size(); ++i) what += (i == 0 ? "" : ", ") + found[i];
    ret_findings.push_back(
        {.where = path_of(service) + ".check", .what = what + "; leave it as strict as it was"});
  }
}

}  // namespace evenkeel
