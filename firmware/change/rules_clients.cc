// A rule on who may use a service. Lists of clients and their limits come into force for everybody
// at once, with a rollout's last step; and whom they refuse is nobody's failed flow, so that no
// evidence takes them back.
#include <algorithm>
#include <cmath>
#include <ranges>
#include <span>
#include <string>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/change/rules_facts.h"
#include "firmware/settings/settings.h"
#include "firmware/table/prefixes.h"

namespace evenkeel {
namespace {

constexpr uint16_t kIn = 1;
constexpr uint16_t kOut = 0;

// More than a network of so many addresses is more than one customer or attacker: /16 of IPv4, /32
// of IPv6.
const double kManyOfV4 = std::exp2(16);
const double kManyOfV6 = std::exp2(96);

// Behind the last one comes the first one.
Address successor(Address address) {
  for (uint8_t& byte : address.bytes | std::views::reverse) {
    ++byte;
    if (byte != 0) break;
  }
  return address;
}

// Whom a service lets in.
class Clients {
 public:
  explicit Clients(const ServiceSettings& service) : lets_others_in_(service.allow.empty()) {
    std::vector<Prefixes::Entry> entries;
    for (const Prefix& prefix : service.allow) entries.push_back({prefix, kIn});
    for (const Prefix& prefix : service.deny) entries.push_back({prefix, kOut});
    Result<Prefixes> built = Prefixes::build(std::move(entries));
    CHECK(built.ok());  // such settings are mistakes
    prefixes_ = std::move(built.value());
  }

  bool lets_in(const Address& address) const {
    const uint16_t said = prefixes_.find(address);
    return said == Prefixes::kNone ? lets_others_in_ : said == kIn;
  }

  // Where it may say otherwise than before of addresses that follow each other.
  void add_borders(bool is_v4, std::vector<Address>& ret_borders) const {
    for (const Prefixes::Entry& entry : prefixes_.entries()) {
      if (entry.prefix.address.is_v4() != is_v4) continue;
      ret_borders.push_back(entry.prefix.address);
      const Address next = successor(last_of(entry.prefix));
      if (entry.prefix.address < next && next.is_v4() == is_v4) ret_borders.push_back(next);
    }
  }

 private:
  bool lets_others_in_;
  Prefixes prefixes_;
};

double number_of(const Address& address) {
  double number = 0;
  for (const uint8_t byte : address.bytes) number = 256 * number + byte;
  return number;
}

// Of the addresses of a family.
struct Refused {
  double were_in = 0;  // so many
  double are_out = 0;  // of these
  Address first;       // of these
};

Refused refused(const Clients& before, const Clients& after, bool is_v4) {
  const Address begin = is_v4 ? Address::v4(Big32(0)) : Address();
  std::vector<Address> borders = {begin};
  before.add_borders(is_v4, borders);
  after.add_borders(is_v4, borders);
  std::ranges::sort(borders);
  const double end = number_of(begin) + std::exp2(is_v4 ? 32 : 128);
  Refused result;
  for (size_t i = 0; i < borders.size(); ++i) {
    const double next = i + 1 < borders.size() ? number_of(borders[i + 1]) : end;
    const double count = next - number_of(borders[i]);
    if (count == 0 || !before.lets_in(borders[i])) continue;
    result.were_in += count;
    if (after.lets_in(borders[i])) continue;
    if (result.are_out == 0) result.first = borders[i];
    result.are_out += count;
  }
  return result;
}

void add_refused(const ServiceSettings& before, const ServiceSettings& after, bool is_v4,
                 Findings& ret_findings) {
  const Refused found = refused(Clients(before), Clients(after), is_v4);
  if (found.are_out == 0) return;
  const double part = found.are_out / found.were_in;
  const bool are_many = found.are_out > (is_v4 ? kManyOfV4 : kManyOfV6) || part > 0.5;
  ret_findings.push_back(
      {.where = path_of(after) + (before.allow == after.allow ? ".deny" : ".allow"),
       .what = quoted(after.name) + " has clients now, and would refuse " +
               (part < 0.001 ? "some" : percent(part)) + " of the IP" + (is_v4 ? "v4" : "v6") +
               " addresses that it lets in, " + to_string(found.first) +
               " for one; all at once, and no trial tells whom that hurts",
       .severity = are_many ? Severity::refuse : Severity::warn});
}

void add_lower_limit(const ServiceSettings& before, const ServiceSettings& after,
                     Findings& ret_findings) {
  const uint32_t was = before.new_flows_per_source;
  const uint32_t is = after.new_flows_per_source;
  if (is == 0 || (was != 0 && is >= was)) return;
  ret_findings.push_back(
      {.where = path_of(after) + ".new_flows_per_source",
       .what = quoted(after.name) + " has clients now, and would take " + std::to_string(is) +
               " new flows a second of one address, where it takes " +
               (was == 0 ? "any number" : std::to_string(was)) +
               "; many clients may share one, and no trial tells whom that hurts"});
}

bool has_family(const ServiceSettings& service, bool is_v4) {
  return std::ranges::any_of(service.vips,
                             [is_v4](const Prefix& vip) { return vip.address.is_v4() == is_v4; });
}

}  // namespace

// Of services that have clients. To keep out an attacker's network is no more than a warning.
void judge_clients_refused(const Facts& facts, Findings& ret_findings) {
  for (const ServicePair& pair : facts.pairs) {
    if (pair.before == ServicePair::kNone || pair.after == ServicePair::kNone) continue;
    const ServiceSettings& before = facts.before.settings->services[pair.before];
    const ServiceSettings& after = facts.after.settings->services[pair.after];
    const Flows flows = facts.traffic_of_service(before.name);
    if (flows.new_flows == 0 && flows.packets == 0) continue;
    for (const bool is_v4 : {true, false}) {
      if (before.allow == after.allow && before.deny == after.deny) break;
      if (has_family(before, is_v4)) add_refused(before, after, is_v4, ret_findings);
    }
    add_lower_limit(before, after, ret_findings);
  }
}

}  // namespace evenkeel
