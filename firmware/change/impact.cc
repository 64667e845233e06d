#include "firmware/change/impact.h"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "firmware/change/impact_checklist.h"
#include "firmware/change/rules_facts.h"

namespace evenkeel {
namespace {

using FamilyShares = std::optional<TableShares>;

const ServiceSettings* settings_of(const View& view, size_t place) {
  return place == ServicePair::kNone ? nullptr : &view.settings->services[place];
}

const FamilyShares& shares_of(const View& view, size_t place, size_t family) {
  static const FamilyShares kNone;
  return place == ServicePair::kNone || view.shares.empty() ? kNone : view.shares[place][family];
}

bool is_same(const FamilyShares& a, const FamilyShares& b) {
  if (a.has_value() != b.has_value()) return false;
  if (!a.has_value()) return true;
  return a->is_open() == b->is_open() && a->buckets() == b->buckets() &&
         (!a->is_open() || *a->counts == *b->counts);
}

// Of a service's backends by name; most are where they were.
class PlacesBefore {
 public:
  explicit PlacesBefore(const ServiceSettings* service) : service_(service) {}

  std::optional<size_t> find(const std::string& name, size_t likely) {
    if (service_ == nullptr) return std::nullopt;
    const std::vector<BackendSettings>& backends = service_->backends;
    if (likely < backends.size() && backends[likely].name == name) return likely;
    if (places_.empty()) {
      for (size_t i = 0; i < backends.size(); ++i) places_.emplace(backends[i].name, i);
    }
    const auto found = places_.find(name);
    return found == places_.end() ? std::nullopt : std::optional(found->second);
  }

 private:
  const ServiceSettings* service_;
  std::unordered_map<std::string_view, size_t> places_;
};

// A service of one or two sides, and what is to be told of it.
class Teller {
 public:
  Teller(const Facts& facts, const ServicePair& pair)
      : facts_(facts),
        pair_(pair),
        before_(settings_of(facts.before, pair.before)),
        after_(settings_of(facts.after, pair.after)),
        fate_(find_fate()) {}

  Fate fate() const { return fate_; }

  void tell(std::vector<ServiceImpact>& ret_services) const {
    const bool has_v4 = has(0);
    const bool are_alike = !has_v4 || !has(1) || is_alike();
    if (are_alike) {
      ret_services.push_back(told(has_v4 ? 0 : 1, ""));
      return;
    }
    ret_services.push_back(told(0, "ipv4"));
    ret_services.push_back(told(1, "ipv6"));
  }

 private:
  Fate find_fate() const {
    if (before_ == nullptr) return Fate::added;
    if (after_ == nullptr) return Fate::removed;
    if (!(*before_ == *after_)) return Fate::changed;
    for (size_t family = 0; family < 2; ++family) {
      const std::optional<Moved>& moved = pair_.moved[family];
      if ((moved.has_value() && moved->part > 0) ||
          !is_same(shares(true, family), shares(false, family))) {
        return Fate::changed;
      }
    }
    return Fate::same;
  }

  const FamilyShares& shares(bool is_before, size_t family) const {
    return is_before ? shares_of(facts_.before, pair_.before, family)
                     : shares_of(facts_.after, pair_.after, family);
  }
  bool has(size_t family) const {
    return shares(true, family).has_value() || shares(false, family).has_value();
  }
  bool is_alike() const {
    const auto part = [&](size_t family) {
      return pair_.moved[family].has_value() ? pair_.moved[family]->part : 0;
    };
    return is_same(shares(true, 0), shares(true, 1)) &&
           is_same(shares(false, 0), shares(false, 1)) && part(0) == part(1);
  }

  ServiceImpact told(size_t family, std::string name_of_family) const {
    const ServiceSettings& named = after_ == nullptr ? *before_ : *after_;
    const FamilyShares& old_shares = shares(true, family);
    const FamilyShares& new_shares = shares(false, family);
    ServiceImpact impact;
    impact.name = named.name;
    impact.family = std::move(name_of_family);
    impact.fate = fate_;
    impact.is_open_before = old_shares.has_value() && old_shares->is_open();
    impact.is_open_after = new_shares.has_value() && new_shares->is_open();
    impact.buckets_before = old_shares.has_value() ? old_shares->buckets() : 0;
    impact.buckets_after = new_shares.has_value() ? new_shares->buckets() : 0;
    impact.flows = facts_.flows_of_service(named.name);
    const std::optional<Moved>& moved = pair_.moved[family];
    if (moved.has_value()) impact.moved = moved->part;
    if (impact.fate == Fate::removed && impact.is_open_before) impact.moved = 1;
    add_backends(family, impact);
    weigh_moved(impact);
    impact.check = check_rows(before_ == nullptr ? nullptr : &before_->check,
                              after_ == nullptr ? nullptr : &after_->check);
    if (impact.is_open_before) {
      impact.headroom_before = headroom_of(*before_, *old_shares, impact.flows);
    }
    if (impact.is_open_after) {
      impact.headroom_after = headroom_of(*after_, *new_shares, impact.flows);
    }
    return impact;
  }

  void add_backends(size_t family, ServiceImpact& impact) const {
    const size_t old_ones = before_ == nullptr ? 0 : before_->backends.size();
    const size_t new_ones = after_ == nullptr ? 0 : after_->backends.size();
    impact.backends.reserve(std::max(old_ones, new_ones));
    PlacesBefore places(before_);
    std::vector<bool> stays(old_ones, false);
    for (size_t i = 0; i < new_ones; ++i) {
      const BackendSettings& backend = after_->backends[i];
      BackendImpact& told = impact.backends.emplace_back();
      told.name = backend.name;
      told.fate = Fate::added;
      told.capacity = backend.capacity;
      if (const std::optional<size_t> known = places.find(backend.name, i); known.has_value()) {
        told.fate = before_->backends[*known] == backend ? Fate::same : Fate::changed;
        tell_before(*known, family, told);
        stays[*known] = true;
      }
      const FamilyShares& shares_after = shares(false, family);
      if (shares_after.has_value()) told.share_after = shares_after->share(i);
      told.flows_after = impact.flows * told.share_after;
      told.trouble = trouble_of(i);
    }
    for (size_t i = 0; i < old_ones; ++i) {
      if (stays[i]) continue;
      BackendImpact& told = impact.backends.emplace_back();
      told.name = before_->backends[i].name;
      told.fate = Fate::removed;
      tell_before(i, family, told);
    }
  }

  void tell_before(size_t place, size_t family, BackendImpact& told) const {
    const FamilyShares& known = shares(true, family);
    if (known.has_value()) told.share_before = known->share(place);
    told.flows_before = facts_.flows_of_backend(before_->name + "/" + told.name);
    const std::optional<Moved>& moved = pair_.moved[family];
    if (moved.has_value() && !moved->of_backend.empty()) told.moved = moved->of_backend[place];
    if (after_ == nullptr && told.share_before > 0) told.moved = 1;
  }

  std::string trouble_of(size_t backend) const {
    const auto state = std::ranges::lower_bound(
        facts_.after.states, std::pair(pair_.after, backend), {}, [](const BackendState& each) {
          return std::pair<size_t, size_t>(each.service, each.backend);
        });
    const bool is_found = state != facts_.after.states.end() && state->service == pair_.after &&
                          state->backend == backend;
    return is_found && !state->usable ? state->why : "";
  }

  static void weigh_moved(ServiceImpact& impact) {
    double all = 0;
    double moved = 0;
    for (const BackendImpact& backend : impact.backends) {
      all += backend.flows_before;
      moved += backend.flows_before * backend.moved;
    }
    if (all > 0) impact.moved_flows = moved / all;
  }

  const Facts& facts_;
  const ServicePair& pair_;
  const ServiceSettings* before_;
  const ServiceSettings* after_;
  Fate fate_;
};

}  // namespace

std::string_view name_of(Fate fate) {
  switch (fate) {
    case Fate::same:
      return "same";
    case Fate::added:
      return "added";
    case Fate::changed:
      return "changed";
    case Fate::removed:
      return "removed";
  }
  return "";
}

std::vector<std::string_view> Impact::refusals() const {
  std::vector<std::string_view> names;
  for (const Hit& hit : hits) {
    if (hit.severity != Severity::refuse || std::ranges::find(names, hit.rule) != names.end()) {
      continue;
    }
    names.push_back(hit.rule);
  }
  return names;
}

Impact impact_of(const Side& before, const Side& after, const Traffic& traffic, uint32_t cores) {
  const Facts facts = gather(before, after, traffic, cores);
  Impact impact;
  for (const ServicePair& pair : facts.pairs) {
    const Teller teller(facts, pair);
    const Fate fate = teller.fate();
    impact.added += fate == Fate::added ? 1 : 0;
    impact.changed += fate == Fate::changed ? 1 : 0;
    impact.removed += fate == Fate::removed ? 1 : 0;
    impact.unchanged += fate == Fate::same ? 1 : 0;
    if (fate != Fate::same) teller.tell(impact.services);
  }
  impact.differences = differences(*facts.before.settings, *facts.after.settings);
  impact.hits = hits(facts);
  impact.checklist = checklist_of(impact, *facts.after.settings);
  return impact;
}

}  // namespace evenkeel
