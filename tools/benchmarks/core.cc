// `tools/bench core`: what steering costs, on one core, everything switched on - parse, lookup,
// steer, IPIP, counters, evidence - beside a plain loop without evidence and a calibration of the
// machine.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "firmware/base/check.h"
#include "firmware/exchange/slot.h"
#include "firmware/table/maglev.h"
#include "firmware/table/prime.h"
#include "tools/benchmarks/options.h"
#include "tools/benchmarks/report.h"
#include "tools/benchmarks/rig.h"

namespace evenkeel::bench {
namespace {

struct Options {
  size_t rounds = 31;
  size_t packets = 1u << 18;
  size_t flows = 1'000'000;
  std::string json;
};

// How fast this machine is just now: a chain of multiplications tells the clock, a chain of loads
// over 64 MiB the memory.
void calibrate(Report& report, const Options& options) {
  report.section("Calibration", "ns per step");
  std::vector<double> multiplications;
  std::vector<double> loads;
  std::vector<uint32_t> next((64u << 20) / sizeof(uint32_t));
  for (size_t i = 0; i < next.size(); ++i) next[i] = static_cast<uint32_t>(i);
  std::mt19937_64 random(1);
  for (size_t i = next.size() - 1; i > 0; --i) std::swap(next[i], next[random() % i]);  // one cycle
  uint64_t value = 1;
  uint32_t at = 0;
  constexpr size_t kSteps = 100'000;
  for (size_t round = 0; round < options.rounds; ++round) {
    double start = seconds_now();
    for (size_t i = 0; i < kSteps; ++i) {
      value *= 0x9e3779b97f4a7c15;
      asm volatile("" : "+r"(value));
    }
    multiplications.push_back((seconds_now() - start) * 1e9 / kSteps);
    start = seconds_now();
    for (size_t i = 0; i < kSteps; ++i) at = next[at];
    asm volatile("" : "+r"(at));
    loads.push_back((seconds_now() - start) * 1e9 / kSteps);
  }
  report.row("dependent multiplication (3 cycles)", figure_of(multiplications));
  report.row("dependent load, random over 64 MiB", figure_of(loads));
}

void packet_cases(Report& report, const Options& options) {
  report.section("A packet, 64 bytes TCP, IPIP, evidence on", "ns per packet");
  const auto steady = [&](const char* name, const Scale& shape, double goal) {
    Rig rig(shape);
    const auto flows = make_flows(options.flows, shape.services, shape.is_v4, 1);
    report.row(std::string(name) + ", plain loop without evidence",
               figure_of(rig.measure_plain(flows, options.packets, options.rounds)));
    report.row(name, figure_of(rig.measure(flows, options.packets, options.rounds)), goal);
  };
  steady("1 service, 10 backends, 1 M flows", {}, 11);
  steady("1 service, 1,000 backends, 1 M flows", {.backends = 1000}, 12);
  steady("512 services, 1,000 backends, 1 M flows", {.services = 512, .backends = 1000}, 22);
  steady("IPv6, 1 service, 1,000 backends, 1 M flows", {.backends = 1000, .is_v4 = false}, 15);

  const Scale followed{.backends = 1000, .sample_shift = 0};
  Rig every(followed);
  const auto clients = make_flows(options.flows, 1, true, 1);
  report.row("every flow followed, 1,000 backends, 1 M flows",
             figure_of(every.measure(clients, options.packets, options.rounds)));
  report.row("SYN flood of new flows, every flow followed",
             figure_of(every.measure_flood(followed, options.packets, options.rounds)));

  const Scale moved{.backends = 1000};
  const auto flows = make_flows(options.flows, 1, true, 1);
  Rig old(moved);
  old.move_every_bucket();
  report.row("every bucket moved, 1 M flows from before",
             figure_of(old.measure(flows, options.packets, options.rounds)));

  Rig rig(moved);
  rig.move_every_bucket();
  rig.establish(flows);
  report.row("every bucket moved, 1 M flows in memory",
             figure_of(rig.measure(flows, options.packets, options.rounds)), 30);
  const WorkerCounts counts = rig.evidence().worker();
  report.note(std::to_string(flows.size()) + " flows opened; evicted " +
              std::to_string(counts.evictions) + ", refused a place " +
              std::to_string(counts.refused_insertions));
  report.row("SYN flood of new flows, every bucket moved",
             figure_of(rig.measure_flood(moved, options.packets, options.rounds)), 35);
}

void packet_curves(Report& report, const Options& options) {
  const size_t rounds = std::max<size_t>(3, options.rounds / 4);
  const auto measure = [&](const Scale& shape, size_t flow_count) {
    Rig rig(shape);
    const auto flows = make_flows(flow_count, shape.services, shape.is_v4, 1);
    return figure_of(rig.measure(flows, options.packets, rounds));
  };
  report.section("A packet, over backends (1 service, 1 M flows)", "ns per packet");
  for (const uint32_t backends : {1u, 10u, 100u, 1000u, 4096u}) {
    report.point("backends", backends, measure({.backends = backends}, options.flows));
  }
  report.section("A packet, over services (100 backends, 1 M flows)", "ns per packet");
  for (const uint32_t services : {1u, 8u, 64u, 512u, 1024u}) {
    report.point("services", services,
                 measure({.services = services, .backends = 100}, options.flows));
  }
  report.section("A packet, over flows (1 service, 1,000 backends)", "ns per packet");
  for (const size_t count : {size_t{1}, size_t{1000}, size_t{64000}, options.flows}) {
    report.point("flows", static_cast<double>(count), measure({.backends = 1000}, count));
  }
}

std::vector<MaglevMember> make_members(size_t count) {
  std::vector<MaglevMember> members;
  for (size_t i = 0; i < count; ++i) {
    const std::string name = "member" + std::to_string(i);
    members.push_back(
        {.identity = Rig::secret().hash(name), .weight = 1, .value = static_cast<uint16_t>(i)});
  }
  return members;
}

void table_build(Report& report, const Options& options) {
  report.section("A table built", "ms");
  const auto measure = [&](size_t count, uint32_t buckets) {
    const auto members = make_members(count);
    std::vector<uint16_t> table(buckets);
    std::vector<double> times;
    for (size_t round = 0; round < options.rounds; ++round) {
      const double start = seconds_now();
      CHECK(build_maglev(members, table).ok());
      times.push_back((seconds_now() - start) * 1e3);
    }
    return figure_of(times);
  };
  report.row("1,000 backends, 65,537 buckets", measure(1000, 65'537), 1.5);
  report.row("1,000 backends, 655,373 buckets", measure(1000, 655'373), 6);
  for (const size_t count : {10u, 100u, 1000u, 4096u}) {
    report.point("65,537 buckets, backends", static_cast<double>(count), measure(count, 65'537));
  }
}

// Of the buckets of the others, how many move when one member goes; for each of a number of
// members.
void disruption(Report& report) {
  report.section("One of N members goes: buckets of others that move", "%");
  constexpr size_t kRemovals = 12;
  for (const size_t per_member : {100u, 655u}) {
    for (const size_t count : {10u, 30u, 100u, 300u, 1000u}) {
      const auto members = make_members(count);
      const uint32_t buckets = prime_at_least(static_cast<uint32_t>(count * per_member));
      std::vector<uint16_t> before(buckets);
      std::vector<uint16_t> after(buckets);
      CHECK(build_maglev(members, before).ok());
      std::vector<double> moved;
      for (size_t removal = 0; removal < kRemovals; ++removal) {
        auto rest = members;
        const auto gone = static_cast<uint16_t>(removal * count / kRemovals);
        rest.erase(rest.begin() + gone);
        CHECK(build_maglev(rest, after).ok());
        size_t others = 0;
        for (size_t i = 0; i < buckets; ++i) {
          others += before[i] != gone && before[i] != after[i] ? 1 : 0;
        }
        moved.push_back(100.0 * static_cast<double>(others) / buckets);
      }
      report.point(std::to_string(per_member) + " buckets each, members",
                   static_cast<double>(count), figure_of(moved));
    }
  }
}

size_t bytes_of(const Plan& plan) {
  size_t bytes = plan.services.size() * sizeof(Service) +
                 plan.forwardings.size() * sizeof(Forwarding) + plan.lives.size() * sizeof(Life);
  for (const ServiceRecord& record : plan.service_records) {
    bytes += PageArray<uint16_t>::bytes(record.table->buckets.size());
  }
  return bytes;
}

// A whole change, from the specification to the pointer that workers read.
void plan_change(Report& report, const Options& options) {
  report.section("A plan of 512 services of which one changed, to the published pointer", "ms");
  const Scale shape{.services = 512, .backends = 1000};
  PlanSpec spec = make_spec(shape, 'a');
  Tick now = 100;
  auto first = build_plan(spec, Rig::secret(), {}, now);
  CHECK(first.ok());
  const size_t bytes = bytes_of(*first.value());
  Slot<Plan> slot(1, first.value());
  std::vector<double> times;
  for (size_t round = 0; round < options.rounds; ++round) {
    now += 10;
    spec.services[round % 512].members[round % 1000].weight = 2 + static_cast<uint32_t>(round % 3);
    const double start = seconds_now();
    const auto plan = build_plan(
        spec, Rig::secret(),
        {.plan = slot.current().get(), .settled = now - 1, .window = 1, .quiet_for = {}}, now);
    CHECK(plan.ok() && slot.publish(plan.value()).ok());
    times.push_back((seconds_now() - start) * 1e3);
    CHECK(!slot.reclaim().has_value());
  }
  report.row("one weight changed", figure_of(times), 5);

  report.section("Memory", "MB");
  const auto megabytes = [](size_t count) {
    const double value = static_cast<double>(count) / 1e6;
    return Figure{value, value, value};
  };
  report.row("plan of 512 services, 65,537 buckets each, 1,000 backends", megabytes(bytes), 72);
  report.row("flow memory of a worker, by default", megabytes(kFlowMemoryBytesDefault));
  report.row("evidence of a worker, 65,535 backends, 4,096 services",
             megabytes(Evidence::bytes({.slots = kMaxBackends, .services = kMaxServices}) +
                       Handshakes::bytes(kHandshakesDefault)),
             64);
}

Options options_of(int count, char** arguments) {
  Options options;
  const NumberOption numbers[] = {{"--rounds", 1, 10'000, &options.rounds},
                                  {"--packets", Buffers::kCount, 1u << 26, &options.packets},
                                  {"--flows", 1, 10'000'000, &options.flows}};
  options.json = read_options(count, arguments, numbers);
  return options;
}

int run(const Options& options) {
  Report report;
  calibrate(report, options);
  packet_cases(report, options);
  packet_curves(report, options);
  table_build(report, options);
  disruption(report);
  plan_change(report, options);
  return report.save(options.json) ? 0 : 1;
}

}  // namespace
}  // namespace evenkeel::bench

int main(int count, char** arguments) {
  return evenkeel::bench::run(evenkeel::bench::options_of(count, arguments));
}
