#include "firmware/exchange/build.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firmware/base/limits.h"
#include "firmware/exchange/digest.h"
#include "firmware/exchange/replies.h"
#include "firmware/exchange/spec_check.h"
#include "firmware/exchange/verify.h"
#include "firmware/table/maglev.h"
#include "firmware/table/slice.h"

namespace evenkeel {
namespace {

std::string quoted(const std::string& name) { return "'" + name + "'"; }

// Whose slot it is: a server that gets another address is another backend, to which no flow of the
// old one may go. Its MAC address is looked up, and changes with its card.
uint64_t identity_of(const BackendSpec& backend, uint32_t arm) {
  Digest digest;
  digest.add(backend.name).add(arm).add(backend.forwarding.inner_is_v4 ? 1 : 0);
  digest.add(backend.forwarding.destination).add(backend.forwarding.destination_port);
  const bool has_address = backend.forwarding.destination != Address{};
  if (backend.forwarding.mode == Mode::l2_direct && !has_address) {
    for (const uint8_t byte : backend.forwarding.destination_mac) digest.add(byte);
  }
  return digest.value();
}

class Builder {
 public:
  Builder(const PlanSpec& spec, const Secret& secret, const Predecessor& before, Tick now)
      : spec_(spec), secret_(secret), before_(before), now_(now) {}

  Result<std::shared_ptr<const Plan>> build() {
    for (const auto& step :
         {&Builder::check, &Builder::assign_slots, &Builder::name_heirs, &Builder::make_forwardings,
          &Builder::number_services, &Builder::make_tables, &Builder::make_lookup,
          &Builder::make_replies}) {
      if (Status status = (this->*step)(); !status.ok()) return Error{status.message()};
    }
    set_fingerprint();
    if (Status status = verify_plan(*plan_, spec_, before_.plan); !status.ok()) {
      return Error{"the plan was built wrong and is not used: " + status.message()};
    }
    return std::shared_ptr<const Plan>(plan_);
  }

 private:
  Status check() { return check_spec(spec_); }
  Status assign_slots();
  Result<uint16_t> free_slot();
  Status name_heirs();
  Status make_forwardings();
  Status number_services();
  Status make_tables();
  std::shared_ptr<const BucketTable> table_before(const ServiceSpec& spec, uint16_t number) const;
  Status make_table(const ServiceSpec& spec, uint16_t number);
  Status make_open_table(const ServiceSpec& spec, uint16_t number);
  bool may_have_flows(const ServiceSpec& spec) const;
  Result<std::shared_ptr<const BucketTable>> fill_table(const ServiceSpec& spec);
  Status fill_buckets(const std::vector<MemberSpec>& members,
                      std::span<uint16_t> ret_buckets) const;
  bool are_as_in(const std::vector<TableMember>& known,
                 const std::vector<MemberSpec>& members) const {
    return std::ranges::equal(known, members, {}, {},
                              [&](const MemberSpec& member) { return member_of(member); });
  }
  TableMember member_of(const MemberSpec& member) const {
    return {.weight = member.weight, .slot = slots_[member.backend]};
  }
  void keep_table(const ServiceSpec& spec, uint16_t number) const;
  void note_moves(uint16_t number, bool is_v4) const;
  Status make_lookup();
  Status make_replies();
  void set_fingerprint();

  // What the same service was in the plan before: nothing, if its number was another's.
  const ServiceRecord* record_before(uint16_t number) const {
    if (before_.plan == nullptr || number >= before_.plan->service_records.size()) return nullptr;
    const ServiceRecord& record = before_.plan->service_records[number];
    return record.name == plan_->service_records[number].name ? &record : nullptr;
  }
  static bool has_table(const ServiceRecord* known) {
    return known != nullptr && known->table != nullptr;
  }

  const PlanSpec& spec_;
  const Secret& secret_;
  const Predecessor& before_;
  const Tick now_;
  const std::shared_ptr<Plan> plan_ = std::make_shared<Plan>();
  std::vector<uint16_t> slots_;       // by index in spec_.backends
  std::vector<uint64_t> identities_;  // of their names, in bucket tables
  std::vector<uint64_t> armless_;     // their identities, whatever their arms
  std::vector<uint16_t> numbers_;     // by index in spec_.services
  std::vector<uint16_t> resting_;     // free slots, the longest free last
  Pages room_;                        // for the tables that are yet to be filled
};

// A backend keeps its slot for as long as it is in the plans. The slot of one that left rests for a
// window, so that no flow is remembered there; when slots are short, only until the tick in which
// workers forgot it is over, which is what `born` needs at least to tell the owners apart.
Status Builder::assign_slots() {
  boost::unordered_flat_map<uint64_t, uint16_t> known;
  if (before_.plan != nullptr) {
    const std::vector<BackendRecord>& records = before_.plan->backend_records;
    plan_->backend_records.resize(records.size());
    plan_->lives = before_.plan->lives;
    known.reserve(records.size());
    for (size_t slot = 0; slot < records.size(); ++slot) {
      if (records[slot].name.empty()) {
        resting_.push_back(static_cast<uint16_t>(slot));
        plan_->backend_records[slot].left = records[slot].left;
        continue;
      }
      known.emplace(records[slot].identity, static_cast<uint16_t>(slot));
      plan_->backend_records[slot].left = now_;  // until it is found to be still there
      plan_->lives[slot].is_alive = false;
    }
    std::ranges::sort(resting_, std::greater<>(),
                      [&](uint16_t slot) { return plan_->backend_records[slot].left; });
  }
  boost::unordered_flat_set<uint64_t> names;
  names.reserve(spec_.backends.size());
  for (const BackendSpec& backend : spec_.backends) {
    const uint64_t identity = identity_of(backend, backend.arm);
    const uint64_t name = Digest()
                              .add(backend.name)
                              .add(backend.arm)
                              .add(backend.forwarding.inner_is_v4 ? 1 : 0)
                              .value();
    if (!names.insert(name).second) {
      return Error{"backend " + quoted(backend.name) +
                   " is there twice: give each a name of its own"};
    }
    const auto kept = known.find(identity);
    const Result<uint16_t> slot =
        kept != known.end() ? Result<uint16_t>(kept->second) : free_slot();
    if (!slot.ok()) return Error{"backend " + quoted(backend.name) + ": " + slot.message()};
    if (kept == known.end()) plan_->lives[slot.value()].born = now_;
    plan_->lives[slot.value()].is_alive = backend.is_alive;
    plan_->lives[slot.value()].inner_is_v4 = backend.forwarding.inner_is_v4;
    const ForwardingSpec& way = backend.forwarding;
    plan_->backend_records[slot.value()] = {
        .name = backend.name,
        .identity = identity,
        .server = server_digest(backend.name, way.destination, way.destination_port),
        .left = 0};
    slots_.push_back(slot.value());
    identities_.push_back(secret_.hash(backend.name));
    armless_.push_back(identity_of(backend, 0));
  }
  return {};
}

Result<uint16_t> Builder::free_slot() {
  const bool is_full = plan_->backend_records.size() == kMaxBackends;
  if (!resting_.empty() && now_ > before_.settled) {
    const uint16_t oldest = resting_.back();
    const Tick rest = now_ - plan_->backend_records[oldest].left;
    if (rest > before_.window || is_full) {
      resting_.pop_back();
      return oldest;
    }
  }
  if (is_full) {
    return Error{"all " + std::to_string(kMaxBackends) +
                 " slots are in use or were a moment ago; remove other backends first, and add "
                 "this one a second later"};
  }
  plan_->backend_records.emplace_back();
  plan_->lives.emplace_back();
  return static_cast<uint16_t>(plan_->backend_records.size() - 1);
}

// Of a server that leaves as one arm and is a member as another, the flows go on as the latter's.
Status Builder::name_heirs() {
  for (size_t slot = 0; slot < plan_->lives.size(); ++slot) {
    plan_->lives[slot].heir = static_cast<uint16_t>(slot);
  }
  for (const ServiceSpec& service : spec_.services) {
    if (service.leaving.empty()) continue;
    std::unordered_map<uint64_t, uint16_t> members;
    for (const MemberSpec& member : service.members) {
      members.emplace(armless_[member.backend], slots_[member.backend]);
    }
    for (const uint32_t backend : service.leaving) {
      const auto heir = members.find(armless_[backend]);
      if (heir != members.end()) plan_->lives[slots_[backend]].heir = heir->second;
    }
  }
  return {};
}

Status Builder::make_forwardings() {
  Result<PageArray<Forwarding>> made = PageArray<Forwarding>::make(plan_->backend_records.size());
  if (!made.ok()) return Error{made.message()};
  plan_->forwardings = std::move(made.value());
  for (size_t i = 0; i < spec_.backends.size(); ++i) {
    const ForwardingSpec& way = spec_.backends[i].forwarding;
    plan_->forwardings[slots_[i]].inner_is_v4 = way.inner_is_v4;
    if (way.destination_mac == Mac{}) continue;  // it gets no packets, and is to keep its slot
    const Result<Forwarding> forwarding = make_forwarding(way);
    if (!forwarding.ok()) {
      return Error{"backend " + quoted(spec_.backends[i].name) + ": " + forwarding.message()};
    }
    plan_->forwardings[slots_[i]] = forwarding.value();
  }
  return {};
}

Status Builder::number_services() {
  std::unordered_map<std::string_view, uint16_t> known;
  const size_t numbers_before = before_.plan == nullptr ? 0 : before_.plan->service_records.size();
  for (size_t number = 0; number < numbers_before; ++number) {
    const std::string& name = before_.plan->service_records[number].name;
    if (!name.empty()) known.emplace(name, static_cast<uint16_t>(number));
  }
  std::vector<ServiceRecord>& records = plan_->service_records;
  records.resize(numbers_before);
  boost::unordered_flat_set<std::string_view> named;
  for (const ServiceSpec& service : spec_.services) {
    if (!named.insert(service.name).second) {
      return Error{"service " + quoted(service.name) +
                   " is there twice: give each a name of its own"};
    }
    const auto kept = known.find(service.name);
    numbers_.push_back(kept == known.end() ? kNoService : kept->second);
    if (kept != known.end()) records[kept->second].name = service.name;
  }
  size_t next = 0;
  for (size_t i = 0; i < spec_.services.size(); ++i) {
    if (numbers_[i] != kNoService) continue;
    while (next < records.size() && !records[next].name.empty()) ++next;
    if (next == records.size()) records.emplace_back();
    records[next].name = spec_.services[i].name;
    numbers_[i] = static_cast<uint16_t>(next);
  }
  plan_->services.resize(records.size());
  return {};
}

// Tables that are new share huge pages: with hundreds of services, a packet costs a TLB miss
// otherwise.
Status Builder::make_tables() {
  size_t bytes = 0;
  for (size_t i = 0; i < spec_.services.size(); ++i) {
    const ServiceSpec& service = spec_.services[i];
    if (service.closed != Reason::none) continue;
    ServiceRecord& record = plan_->service_records[numbers_[i]];
    record.table = table_before(service, numbers_[i]);
    if (record.table == nullptr) bytes += PageArray<uint16_t>::bytes(service.buckets);
  }
  Result<Pages> room = Pages::make(bytes);
  if (!room.ok()) return Error{"the services' tables: " + room.message()};
  room_ = std::move(room.value());
  for (size_t i = 0; i < spec_.services.size(); ++i) {
    const ServiceSpec& service = spec_.services[i];
    plan_->has_arms = plan_->has_arms || service.trial.is_on() || !service.leaving.empty();
    if (Status status = make_table(service, numbers_[i]); !status.ok()) {
      return Error{"service " + quoted(service.name) + ": " + status.message()};
    }
  }
  return {};
}

// What a service had, if it is as it is to be; else null.
std::shared_ptr<const BucketTable> Builder::table_before(const ServiceSpec& spec,
                                                         uint16_t number) const {
  const ServiceRecord* const known = record_before(number);
  const bool is_same = has_table(known) && known->table->buckets.size() == spec.buckets &&
                       known->table->trial_share == spec.trial.share &&
                       are_as_in(known->table->members, spec.members) &&
                       are_as_in(known->table->trial, spec.trial.members);
  return is_same ? known->table : nullptr;
}

Status Builder::make_table(const ServiceSpec& spec, uint16_t number) {
  ServiceRecord& record = plan_->service_records[number];
  const ServiceRecord* const known = record_before(number);
  Result<std::shared_ptr<const Prefixes>> sources =
      make_sources(spec, known == nullptr ? nullptr : known->sources);
  if (!sources.ok()) return Error{sources.message()};
  record.sources = std::move(sources.value());
  Service& service = plan_->services[number];
  service.hash_over = spec.hash_over;
  service.affinity = spec.affinity;
  service.is_tried = spec.trial.is_on();
  service.guard = guard_of(spec, record.sources.get());
  service.is_plain = service.guard.is_none() && spec.hash_over == HashOver::five_tuple;
  const bool is_open = spec.closed == Reason::none;
  if (!is_open) keep_table(spec, number);
  if (Status status = is_open ? make_open_table(spec, number) : Status(); !status.ok()) {
    return status;
  }
  if (record.table == nullptr || (!is_open && !may_have_flows(spec))) return {};
  service.current = record.table->buckets.data();
  service.buckets = static_cast<uint32_t>(record.table->buckets.size());
  if (record.moves == nullptr) return {};
  service.previous = record.moves->previous.data();
  service.previous_buckets = static_cast<uint32_t>(record.moves->previous.size());
  return {};
}

Status Builder::make_open_table(const ServiceSpec& spec, uint16_t number) {
  ServiceRecord& record = plan_->service_records[number];
  if (record.table == nullptr) {
    Result<std::shared_ptr<const BucketTable>> table = fill_table(spec);
    if (!table.ok()) return Error{table.message()};
    record.table = std::move(table.value());
  }
  if (has_table(record_before(number))) {
    note_moves(number, spec.points.front().address.is_v4());
  }
  return {};
}

// Of a closed service: somebody lives who takes no new flows, and its packets are of flows at all.
bool Builder::may_have_flows(const ServiceSpec& spec) const {
  if (spec.affinity == Affinity::stateless) return false;
  const auto is_alive = [&](uint32_t backend) { return spec_.backends[backend].is_alive; };
  return std::ranges::any_of(spec.members, is_alive, &MemberSpec::backend) ||
         std::ranges::any_of(spec.leaving, is_alive);
}

// What a closed service had is there when it opens, so that its flows stay where they were, and
// before that for those who are on backends that live and just take no new ones; unless
// a backend of it has left, whose slot may be another's by then.
void Builder::keep_table(const ServiceSpec& spec, uint16_t number) const {
  const ServiceRecord* const known = record_before(number);
  if (!has_table(known)) return;
  const bool is_v4 = spec.points.front().address.is_v4();
  const auto is_there = [&](const TableMember& member) {
    return member.weight == 0 || (!plan_->backend_records[member.slot].name.empty() &&
                                  plan_->lives[member.slot].inner_is_v4 == is_v4);
  };
  if (!std::ranges::all_of(known->table->members, is_there) ||
      !std::ranges::all_of(known->table->trial, is_there)) {
    return;
  }
  plan_->service_records[number].table = known->table;
  note_moves(number, is_v4);
}

Result<std::shared_ptr<const BucketTable>> Builder::fill_table(const ServiceSpec& spec) {
  auto table = std::make_shared<BucketTable>();
  table->buckets =
      PageArray<uint16_t>(room_.cut(PageArray<uint16_t>::bytes(spec.buckets)), spec.buckets);
  const std::span<uint16_t> all(table->buckets.data(), table->buckets.size());
  std::vector<uint64_t> by_slot(plan_->lives.size(), 0);
  for (const auto& [wanted, made] :
       {std::pair{&spec.members, &table->members}, std::pair{&spec.trial.members, &table->trial}}) {
    for (const MemberSpec& member : *wanted) {
      const uint16_t slot = made->emplace_back(member_of(member)).slot;
      if (by_slot[slot] != 0) {
        return Error{"backend " + quoted(plan_->backend_records[slot].name) +
                     " is its member twice: name it once"};
      }
      by_slot[slot] = armless_[member.backend];
    }
  }
  if (Status status = fill_buckets(spec.members, all); !status.ok()) return Error{status.message()};
  if (spec.trial.is_on()) {
    std::vector<uint16_t> tried(all.size());
    Status status = fill_buckets(spec.trial.members, tried);
    if (!status.ok()) return Error{"in the trial: " + status.message()};
    for (uint32_t i = 0; i < tried.size(); ++i) {
      if (is_in_slice(i, spec.trial.share)) all[i] = tried[i];
    }
    table->trial_share = spec.trial.share;
  }
  Digest digest;
  for (const uint16_t slot : all) digest.add(by_slot[slot]);
  table->fingerprint = digest.value();
  return std::shared_ptr<const BucketTable>(std::move(table));
}

Status Builder::fill_buckets(const std::vector<MemberSpec>& members,
                             std::span<uint16_t> ret_buckets) const {
  std::vector<MaglevMember> shares;
  shares.reserve(members.size());
  for (const MemberSpec& member : members) {
    shares.push_back({.identity = identities_[member.backend],
                      .weight = member.weight,
                      .value = slots_[member.backend]});
  }
  return build_maglev(shares, ret_buckets);
}

// A service whose VIPs have become another family's can leave no flow where it was.
// REQUIRES: it has a table, and had one before.
void Builder::note_moves(uint16_t number, bool is_v4) const {
  const ServiceRecord& known = *record_before(number);
  ServiceRecord& record = plan_->service_records[number];
  if (known.table == record.table && known.moves == nullptr) return;
  static const Moves kNone;
  const auto span_of = [](const BucketTable& table) {
    return std::span<const uint16_t>(table.buckets.data(), table.buckets.size());
  };
  Moves moves =
      next_moves({.before = span_of(*known.table),
                  .after = span_of(*record.table),
                  .open = known.moves == nullptr ? kNone : *known.moves,
                  .now = now_,
                  .window = before_.window,
                  .quiet_for =
                      [&](uint32_t group) {
                        return before_.quiet_for ? before_.quiet_for(number, group) : ~Tick{0};
                      },
                  .is_gone =
                      [&](uint16_t slot) {
                        return plan_->backend_records[slot].name.empty() ||
                               plan_->lives[slot].inner_is_v4 != is_v4;
                      },
                  .heir_of = [&](uint16_t slot) { return plan_->lives[slot].heir; }});
  if (!moves.empty()) record.moves = std::make_shared<const Moves>(std::move(moves));
}

// Shared with the plan before if no VIP has changed.
Status Builder::make_lookup() {
  for (size_t i = 0; i < spec_.services.size(); ++i) {
    for (ServicePoint point : spec_.services[i].points) {
      point.service = numbers_[i];
      plan_->points.push_back(point);
    }
  }
  if (before_.plan != nullptr && before_.plan->points == plan_->points) {
    plan_->lookup = before_.plan->lookup;
    return {};
  }
  Result<ServiceLookup> lookup = ServiceLookup::build(
      plan_->points, [&](uint16_t number) { return quoted(plan_->service_records[number].name); });
  if (!lookup.ok()) return Error{lookup.message()};
  plan_->lookup = std::make_shared<const ServiceLookup>(std::move(lookup.value()));
  return {};
}

Status Builder::make_replies() {
  Result<std::shared_ptr<const ServerLookup>> servers = make_servers(spec_, numbers_, before_.plan);
  if (!servers.ok()) return Error{servers.message()};
  plan_->servers = std::move(servers.value());
  Result<std::shared_ptr<const Prefixes>> way_numbers = make_way_numbers(spec_, before_.plan);
  if (!way_numbers.ok()) return Error{way_numbers.message()};
  plan_->way_numbers = std::move(way_numbers.value());
  for (const WaySpec& way : spec_.ways) plan_->ways.push_back(way.way);
  return {};
}

// By what the tables hold rather than by weights, so that it says how packets are steered.
void Builder::set_fingerprint() {
  plan_->generation = spec_.generation;
  plan_->sample_shift = spec_.sample_shift;
  plan_->trial = spec_.trial;
  std::vector<uint64_t> digests;
  for (const BackendSpec& backend : spec_.backends) digests.push_back(digest_of(backend));
  for (size_t i = 0; i < spec_.services.size(); ++i) {
    const bool is_open = spec_.services[i].closed == Reason::none;
    digests.push_back(Digest()
                          .add(digest_without_members(spec_.services[i]))
                          .add(is_open ? plan_->service_records[numbers_[i]].table->fingerprint : 0)
                          .value());
  }
  plan_->fingerprint = digest_of_set(std::move(digests));
}

}  // namespace

Result<std::shared_ptr<const Plan>> build_plan(const PlanSpec& spec, const Secret& secret,
                                               const Predecessor& before, Tick now) {
  return Builder(spec, secret, before, now).build();
}

}  // namespace evenkeel
