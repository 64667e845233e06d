#include "firmware/appliance/views.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "firmware/base/names.h"
#include "firmware/change/shares.h"
#include "firmware/manage/row.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr double kPerSecond = kMicrosecondsPerTick;

// Of a service or a backend.
struct Load {
  BackendCounts counts;
  double packets_per_second = 0;
  double bytes_per_second = 0;
  double new_flows_per_second = 0;

  void add(const Load& other) {
    counts += other.counts;
    packets_per_second += other.packets_per_second;
    bytes_per_second += other.bytes_per_second;
    new_flows_per_second += other.new_flows_per_second;
  }
  template <typename Fields>  // an object, or a Row
  void tell(Fields& ret_row) const {
    ret_row["packets"] = counts.packets;
    ret_row["bytes"] = counts.bytes;
    ret_row["new_flows"] = counts.new_flows;
    ret_row["packets_per_s"] = packets_per_second;
    ret_row["bytes_per_s"] = bytes_per_second;
    ret_row["new_flows_per_s"] = new_flows_per_second;
  }
};

void tell_outcomes(const BackendCounts& counts, Row& ret_row) {
  ret_row["retried_flows"] = counts.retried_flows;
  ret_row["good"] = counts.good;
  ret_row["bad"] = counts.bad;
  json::value& of_row = ret_row["responses"];
  json::object& responses = of_row.is_object() ? of_row.as_object() : of_row.emplace_object();
  responses["asked"] = counts.asked;
  responses["answered"] = counts.answered;
  responses["unanswered"] = counts.unanswered;
  ret_row["server_resets"] = counts.server_resets;
  ret_row["zero_windows"] = counts.zero_windows;
}

double seconds_between(const Sample& before, const Sample& now) {
  return static_cast<double>(now.taken - before.taken) / kPerSecond;
}

// Numbers in the plan of a service of the settings: compile() makes two of one with VIPs of both IP
// versions.
std::vector<uint16_t> numbers_of(const Plan& plan, const std::string& service) {
  std::vector<uint16_t> numbers;
  for (size_t i = 0; i < plan.service_records.size(); ++i) {
    const std::string& name = plan.service_records[i].name;
    if (service_part(name) == service) numbers.push_back(static_cast<uint16_t>(i));
  }
  return numbers;
}

// A backend that serves both IP versions has a slot for each.
class Loads {
 public:
  // REQUIRES: the plan and `before` outlive it.
  Loads(const Plan& plan, const Sample& before, Sample now)
      : plan_(plan),
        before_(before),
        now_(std::move(now)),
        seconds_(seconds_between(before, now_)) {}

  // By place in ServiceSettings::backends.
  std::vector<Load> of(const ServiceSettings& service) {
    std::vector<Load> loads(service.backends.size());
    const std::vector<uint16_t> numbers = numbers_of(plan_, service.name);
    const bool has_one_slot =
        !plan_.has_arms && std::ranges::all_of(numbers, [this](uint16_t number) {
          return plan_.services[number].guard.closed == Reason::none;
        });
    for (size_t i = 0; i < loads.size(); ++i) {
      if (!has_one_slot) {
        add_by_name(service.name + "/" + service.backends[i].name, loads[i]);
        continue;
      }
      for (const uint16_t number : numbers) {
        loads[i].add(of_slot(plan_.service_records[number].table->members[i].slot));
      }
    }
    return loads;
  }

 private:
  Load of_slot(size_t slot) const {
    const Sample::OfSlot& is = now_.slots[slot];
    Load load{.counts = is.counts};
    if (seconds_ > 0 && slot < before_.slots.size() &&
        before_.slots[slot].identity == is.identity) {
      const BackendCounts grown = is.counts.since(before_.slots[slot].counts);
      load.packets_per_second = static_cast<double>(grown.packets) / seconds_;
      load.bytes_per_second = static_cast<double>(grown.bytes) / seconds_;
      load.new_flows_per_second = static_cast<double>(grown.new_flows) / seconds_;
    }
    return load;
  }

  // Of a closed service, whose table is gone or another's; or if backends have several arms.
  void add_by_name(const std::string& name, Load& ret_load) {
    if (slots_.empty()) {
      for (size_t slot = 0; slot < now_.slots.size(); ++slot) {
        if (now_.slots[slot].identity != 0) slots_.emplace(plan_.backend_records[slot].name, slot);
      }
    }
    const auto [first, last] = slots_.equal_range(name);
    for (auto at = first; at != last; ++at) ret_load.add(of_slot(at->second));
  }

  const Plan& plan_;
  const Sample& before_;
  const Sample now_;
  const double seconds_;
  std::unordered_multimap<std::string_view, size_t> slots_;  // by name; empty: never needed
};

json::array texts_of(const std::vector<Prefix>& prefixes, const json::storage_ptr& storage) {
  json::array texts(storage);
  for (const Prefix& prefix : prefixes) texts.emplace_back(to_string(prefix));
  return texts;
}

const char* name_of(Protocol protocol) {
  return protocol == Protocol::tcp ? "tcp" : protocol == Protocol::udp ? "udp" : "sctp";
}

void tell_table(const Plan& plan, const ServiceSettings& service, json::object& ret_row) {
  bool is_open = false;
  bool has_moved = false;
  std::string why;
  uint32_t buckets = 0;
  for (const uint16_t number : numbers_of(plan, service.name)) {
    const Service& found = plan.services[number];
    is_open = is_open || found.guard.closed == Reason::none;
    if (found.guard.closed != Reason::none) why = to_string(found.guard.closed);
    has_moved = has_moved || found.previous != nullptr;
    buckets = std::max(buckets, found.buckets);
  }
  ret_row["state"] = is_open ? "open" : "closed";
  ret_row["why"] = is_open ? "" : why;
  ret_row["buckets"] = buckets;
  ret_row["moved"] = has_moved;
}

json::value to_json(const Override& one, Microseconds now, const json::storage_ptr& storage) {
  json::object value(storage);
  value["id"] = one.id;
  value["kind"] = name_of(one.request.kind);
  value["left_s"] =
      one.ends_at > now ? (one.ends_at - now + kMicrosecondsPerTick - 1) / kMicrosecondsPerTick : 0;
  value["reason"] = one.request.reason;
  value["who"] = one.request.who;
  return value;
}

// The part of new flows, by the tables that forward.
// As it is written, overrides aside. While going back cannot be published, what is in force may
// have backends that are written no more.
uint32_t weight_of(const Settings& configured, const BackendState& place, std::string_view service,
                   const BackendSettings& in_force) {
  if (place.service >= configured.services.size()) return in_force.weight;
  const ServiceSettings& of = configured.services[place.service];
  if (of.name != service || place.backend >= of.backends.size()) return in_force.weight;
  const BackendSettings& backend = of.backends[place.backend];
  return backend.name == in_force.name ? backend.weight : in_force.weight;
}

}  // namespace

void BoxViews::tell(const Rollout& rollout, json::object& ret_answer) {
  ret_answer["share"] = rollout.share() * 100 / kWholeSlice;
  json::array& services = ret_answer["services"].emplace_array();
  const auto tell_outcomes = [](const Outcomes& outcomes, json::value& ret_value) {
    json::object& object = ret_value.emplace_object();
    object["good"] = outcomes.good;
    object["bad"] = outcomes.bad;
  };
  for (size_t i = 0; i < rollout.services().size(); ++i) {
    const Judge& judge = rollout.judge(i);
    json::object& row = services.emplace_back(json::object_kind).as_object();
    row["service"] = rollout.services()[i];
    row["verdict"] = name_of(judge.judgement());
    row["evidence"] = judge.evidence();
    tell_outcomes(judge.old_arm(), row["old_arm"]);
    tell_outcomes(judge.new_arm(), row["new_arm"]);
  }
}

Status BoxViews::has_service(const Settings& settings, std::string_view service) {
  const bool is_known =
      service.empty() || std::ranges::find(settings.services, service, &ServiceSettings::name) !=
                             settings.services.end();
  if (is_known) return {};
  return Error{"there is no service '" + std::string(service) + "'"};
}

const char* BoxViews::state_of(const BackendState& state, const Override* one) {
  if (one != nullptr && one->request.kind == OverrideKind::maintenance) {
    return "maintenance";
  }
  if (!state.usable) return "down";
  if (one != nullptr && one->request.kind == OverrideKind::drain) return "drain";
  return "usable";
}

json::object BoxViews::status(json::storage_ptr storage) const {
  json::object status(storage);
  status["name"] = control_.settings().name;
  status["uptime_s"] = (now() - started_) / kMicrosecondsPerTick;
  status["eal_prefix"] = control_.settings().eal_prefix;
  status["rollout"] = nullptr;
  if (const Rollout* const rollout = control_.rollout()) {
    tell(*rollout, status["rollout"].emplace_object());
  }
  json::array& troubles = status["troubles"].emplace_array();
  for (const std::string& trouble : control_.troubles()) troubles.emplace_back(trouble);
  return status;
}

json::array BoxViews::services(json::storage_ptr storage) const {
  const Plan& plan = control_.plan();
  Loads loads(plan, samples_.before(), sample_of(control_, now()));
  std::vector<size_t> usable(control_.settings().services.size());
  for (const BackendState& state : control_.backends()) usable[state.service] += state.usable;
  json::array rows(storage);
  for (size_t i = 0; i < usable.size(); ++i) {
    const ServiceSettings& service = control_.settings().services[i];
    json::object row(storage);
    row["name"] = service.name;
    tell_table(plan, service, row);
    row["protocol"] = name_of(service.protocol);
    row["vips"] = texts_of(service.vips, storage);
    row["ports"] = to_string(service.ports);
    row["mode"] = to_text(modes_of(service.mode));
    row["backends"] = service.backends.size();
    row["usable"] = usable[i];
    Load sum;
    for (const Load& load : loads.of(service)) sum.add(load);
    sum.tell(row);
    rows.push_back(std::move(row));
  }
  return rows;
}

Status BoxViews::backends(std::string_view service, const RowSink& sink) const {
  const Settings& settings = control_.settings();
  if (Status known = has_service(settings, service); !known.ok()) return known;
  Loads loads(control_.plan(), samples_.before(), sample_of(control_, now()));
  std::vector<Load> loads_of_service;
  const std::vector<ServiceShares> shares = ShareCounter().count(settings, control_.plan());
  const Settings& configured = configured_();
  Row row;
  for (const BackendState& state : control_.backends()) {
    const ServiceSettings& of = settings.services[state.service];
    if (!service.empty() && of.name != service) continue;
    const BackendSettings& backend = of.backends[state.backend];
    const Override* const one = overrides_.of(of.name, backend.name);
    row.begin();
    row["service"] = of.name;
    row["name"] = backend.name;
    row["state"] = state_of(state, one);
    row["why"] = state.why;
    row["address"] = to_string(backend.address);
    row["port"] = backend.port == 0 ? json::value(nullptr) : json::value(backend.port);
    row["weight"] = backend.weight;
    row["configured_weight"] = weight_of(configured, state, of.name, backend);
    row["share"] = share_of(shares[state.service], state.backend);
    row["override"] = one == nullptr ? json::value(nullptr) : to_json(*one, now(), {});
    if (state.backend == 0) loads_of_service = loads.of(of);  // a service's states follow another
    const Load& load = loads_of_service[state.backend];
    load.tell(row);
    row["opened"] = load.counts.opened;
    row["completed"] = load.counts.completed;
    row["retried"] = load.counts.retried;
    row["lost"] = load.counts.lost;
    row["reset"] = load.counts.reset;
    tell_outcomes(load.counts, row);
    sink(row.object());
  }
  return {};
}

json::array BoxViews::workers(json::storage_ptr storage) const {
  const Dataplane& dataplane = control_.dataplane();
  const Sample& before = samples_.before();
  const Microseconds elapsed = now() - before.taken;
  json::array rows(storage);
  for (size_t i = 0; i < dataplane.workers(); ++i) {
    const Liveness& liveness = dataplane.liveness(i);
    const WorkerCounts counts = dataplane.evidence(i).worker();
    double busy = 0;
    if (i < before.busy_cycles.size() && elapsed > 0) {
      busy = static_cast<double>(dataplane.clock().microseconds(liveness.busy_cycles.read() -
                                                                before.busy_cycles[i])) /
             static_cast<double>(elapsed);
    }
    json::object row(storage);
    row["worker"] = i;
    row["core"] = control_.settings().cpu.workers[i];
    row["running"] = liveness.is_running.read() != 0 ? "yes" : "no";
    row["busy"] = std::min(busy, 1.0);
    row["received"] = counts.received_packets;
    row["received_bytes"] = counts.received_bytes;
    row["forwarded"] = counts.forwarded_packets;
    row["forwarded_bytes"] = counts.forwarded_bytes;
    row["dropped"] = std::accumulate(counts.drops.begin(), counts.drops.end(), uint64_t{0});
    row["held"] = liveness.held.read();
    row["answers"] = liveness.answers.read();
    row["untold"] = liveness.untold.read();
    row["no_buffer"] = liveness.no_buffer.read();
    row["evicted_flows"] = counts.evictions;
    row["refused_flows"] = counts.refused_insertions;
    row["naps"] = liveness.naps.read();
    rows.push_back(std::move(row));
  }
  return rows;
}

json::array BoxViews::ports(json::storage_ptr storage) const {
  const Dataplane& dataplane = control_.dataplane();
  json::array rows(storage);
  for (size_t i = 0; i < dataplane.ports().size(); ++i) {
    const Port& port = *dataplane.ports()[i];
    const PortCounts device = port.counts();
    std::array<uint64_t, 5> sums{};
    for (size_t worker = 0; worker < dataplane.workers(); ++worker) {
      const PortTally& tally = dataplane.liveness(worker).ports[i];
      const std::array counters = {&tally.received, &tally.transmitted, &tally.transmit_full,
                                   &tally.to_kernel, &tally.from_kernel};
      for (size_t j = 0; j < sums.size(); ++j) sums[j] += counters[j]->read();
    }
    json::object row(storage);
    row["name"] = port.name();
    row["device"] = control_.settings().ports[i].device;
    row["mac"] = to_string(port.mac());
    row["link"] = port.link_is_up() ? "up" : "down";
    row["received"] = sums[0];
    row["transmitted"] = sums[1];
    row["transmit_full"] = sums[2];
    row["to_kernel"] = sums[3];
    row["from_kernel"] = sums[4];
    row["missed"] = device.missed;
    row["no_buffer"] = device.no_buffer;
    row["receive_errors"] = device.receive_errors;
    row["transmit_errors"] = device.transmit_errors;
    rows.push_back(std::move(row));
  }
  return rows;
}

json::array BoxViews::queries(json::storage_ptr storage) const {
  const auto or_null = [](const std::optional<double>& number) {
    return number.has_value() ? json::value(*number) : json::value(nullptr);
  };
  json::array rows(storage);
  for (const QueryState& state : queries_.states()) {
    const bool has_numbers = state.verdict() != QueryVerdict::unknown;
    const bool is_number = has_numbers && std::isfinite(state.value());  // as JSON has it
    json::object row(storage);
    row["service"] = state.service;
    row["name"] = state.settings.name;
    row["query"] = state.settings.query;
    row["state"] = name_of(state.verdict());
    row["value"] = is_number ? json::value(state.value()) : json::value(nullptr);
    row["at_most"] = or_null(state.settings.at_most);
    row["at_least"] = or_null(state.settings.at_least);
    row["judges"] = state.judges;
    row["what"] = state.text();
    rows.push_back(std::move(row));
  }
  return rows;
}

json::array BoxViews::drops(json::storage_ptr storage) const {
  const Sample sample = sample_of(control_, now());
  const double seconds = seconds_between(samples_.before(), sample);
  std::array<size_t, kReasons - 1> order{};
  std::iota(order.begin(), order.end(), size_t{1});
  std::ranges::sort(order, [&](size_t one, size_t other) {
    const uint64_t of_one = sample.drops[one];
    const uint64_t of_other = sample.drops[other];
    return of_one != of_other ? of_one > of_other : one < other;
  });
  json::array rows(storage);
  for (const size_t reason : order) {
    const uint64_t grown = sample.drops[reason] - samples_.before().drops[reason];
    json::object row(storage);
    row["reason"] = to_string(static_cast<Reason>(reason));
    row["packets"] = sample.drops[reason];
    row["per_s"] = seconds > 0 ? static_cast<double>(grown) / seconds : 0;
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace evenkeel
