// Any series of specifications, bad ones among them: what is refused is refused with a name, what
// is built is right, and no flow loses a backend that stays.
#include "firmware/exchange/build.h"

#include <algorithm>
#include <string>

#include "firmware/base/check.h"
#include "firmware/exchange/verify.h"
#include "firmware/table/mix.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

// The bytes, and then as many more as are wanted, which follow from them.
class Input {
 public:
  Input(const uint8_t* data, size_t size) : data_(data), end_(data + size) {
    for (size_t i = 0; i < size; ++i) state_ = mix(state_ ^ data[i]);
  }
  uint8_t byte() {
    if (data_ != end_) return *data_++;
    return static_cast<uint8_t>(state_ = mix(state_ + size_t{1}));
  }
  uint8_t below(uint8_t range) { return static_cast<uint8_t>(byte() % range); }
  // Now and then: a specification has a hundred places in which to go wrong.
  bool seldom() { return byte() == 0xff && byte() % 2 == 0; }

 private:
  const uint8_t* data_;
  const uint8_t* end_;
  uint64_t state_ = 1;
};

BackendSpec backend_from(Input& input) {
  BackendSpec backend = backend_of(input.below(12), input.below(4) != 0);
  backend.arm = input.seldom() ? 1 : 0;
  backend.is_alive = input.below(5) != 4;
  if (input.seldom()) backend.name.clear();
  if (input.seldom())
    backend.forwarding.destination = Address::v4(Big32(0x0a09'0900u + input.byte()));
  if (input.seldom()) backend.forwarding.mode = static_cast<Mode>(input.below(8));
  if (input.seldom()) backend.forwarding.mtu = input.byte();
  if (!backend.is_alive && input.below(2) == 0) backend.forwarding.destination_mac = {};
  if (input.below(8) == 0) {
    backend.forwarding.mode = Mode::nat;
    backend.forwarding.destination_port = input.below(3);
    backend.forwarding.translation_prefix = address_of("64:ff9b::");
  }
  return backend;
}

Prefix prefix_from(Input& input) {
  const Address address = Address::v4(Big32(0x0a00'0000u + input.below(4) * 0x0040'0000u));
  const auto length = static_cast<uint8_t>(96 + 8 + input.below(4));
  return {.address = input.seldom() ? address : masked(address, length), .length = length};
}

// What stands before its buckets.
void add_guard(Input& input, ServiceSpec& service) {
  for (std::vector<Prefix>* const list : {&service.allow, &service.deny}) {
    if (input.below(8) != 0) continue;
    list->push_back(prefix_from(input));
    if (input.seldom()) list->push_back(prefix_from(input));
  }
  if (input.below(8) == 0) service.mss = static_cast<uint16_t>(530 + input.below(200));
  if (input.below(8) == 0) service.new_flows_per_source = input.byte();
  if (input.below(6) != 0) return;
  service.closed = Reason::no_backend;
  if (input.below(2) == 0) service.members.clear();
}

ServiceSpec service_from(Input& input, const std::vector<BackendSpec>& backends) {
  constexpr uint32_t kSizes[] = {251, 257, 1'009, 256, 0, 4'294'967'291};
  constexpr const char* kVips[] = {"192.0.2.1", "192.0.2.2", "2001:db8::1"};
  const uint8_t choice = input.below(8);
  const char* const vip = kVips[choice % 3];
  ServiceSpec service =
      service_of(input.seldom() ? "" : "service-" + std::to_string(choice), vip, choice, {});
  service.points = {point_of(vip, choice + 1, choice + 1)};
  if (input.seldom()) service.points.push_back(point_of(kVips[input.below(3)], 5, input.byte()));
  if (input.seldom()) service.points[0].prefix_length = input.byte();
  service.affinity = static_cast<Affinity>(input.below(3));
  service.buckets = kSizes[input.seldom() ? input.below(6) : input.below(40) / 36];
  const bool is_v4 = service.points[0].address.is_v4();
  for (uint8_t left = input.below(24); left > 0; --left) {
    const uint8_t backend = input.below(16);
    const uint32_t weight = input.seldom() ? uint32_t{input.byte()} << 24 : input.below(4);
    const bool is_there = std::ranges::any_of(
        service.members, [&](const MemberSpec& other) { return other.backend == backend; });
    const bool is_good = backend < backends.size() && backends[backend].is_alive &&
                         backends[backend].forwarding.inner_is_v4 == is_v4;
    if ((is_good && !is_there) || input.seldom()) service.members.push_back({backend, weight});
  }
  if (!service.members.empty() && !input.seldom()) {
    MemberSpec& first = service.members.front();
    first.weight = std::max(first.weight, 1u);
  }
  if (input.below(4) == 0) add_guard(input, service);
  return service;
}

PlanSpec spec_from(Input& input) {
  PlanSpec spec;
  for (uint8_t left = input.below(32); left > 0; --left) {
    BackendSpec backend = backend_from(input);
    const bool is_there = std::ranges::any_of(spec.backends, [&](const BackendSpec& other) {
      return other.name == backend.name && other.arm == backend.arm;
    });
    if (!is_there || input.seldom()) spec.backends.push_back(std::move(backend));
  }
  for (uint8_t left = input.below(6); left > 0; --left) {
    ServiceSpec service = service_from(input, spec.backends);
    const bool is_there = std::ranges::any_of(
        spec.services, [&](const ServiceSpec& other) { return other.name == service.name; });
    const bool is_empty = service.members.empty() && service.closed == Reason::none;
    if ((!is_there && !is_empty) || input.seldom()) spec.services.push_back(std::move(service));
  }
  for (uint8_t left = input.below(4); left > 0 && input.below(4) == 0; --left) {
    WaySpec way{.to = prefix_from(input), .way = {.resolved = input.below(2) == 0}};
    way.way.source_mac = way.way.destination_mac = {2, 0, 0, 0, 0, input.byte()};
    spec.ways.push_back(way);
  }
  return spec;
}

bool names_something(const std::string& message) {
  return message.find_first_of("'0123456789") != std::string::npos &&
         message.find("built wrong") == std::string::npos;
}

// Where a flow goes that began before all moves, and that no memory knows, or would go if the
// service were open; kNoBackend: that cannot be told, since it has been sent elsewhere meanwhile.
uint16_t place_of_old_flow(const Plan& plan, uint16_t number, uint64_t hash) {
  const ServiceRecord& record = plan.service_records[number];
  const auto bucket_in = [&](size_t buckets) {
    return bucket_of(hash, static_cast<uint32_t>(buckets));
  };
  const uint16_t current = record.table->buckets[bucket_in(record.table->buckets.size())];
  if (record.moves == nullptr) return current;
  const uint16_t previous = record.moves->previous[bucket_in(record.moves->previous.size())];
  if (previous == kNoBackend) return current;
  return plan.lives[previous].is_alive ? previous : kNoBackend;
}

void expect_flows_stay(const Plan& before, const Plan& after, uint16_t number) {
  for (const Plan* const plan : {&before, &after}) {
    if (plan->service_records[number].table == nullptr) return;  // closed, and backends have left
  }
  for (uint64_t i = 0; i < 200; ++i) {
    const uint64_t hash = i * 0x0147'ae14'7ae1'47ae;
    const uint16_t slot = place_of_old_flow(before, number, hash);
    if (slot == kNoBackend || !after.lives[slot].is_alive) continue;
    CHECK(after.lives[slot].born == before.lives[slot].born);  // nobody else's so soon
    CHECK(place_of_old_flow(after, number, hash) == slot);
  }
}

void expect_succession(const Plan& before, const Plan& after) {
  for (size_t slot = 0; slot < before.backend_records.size(); ++slot) {
    const BackendRecord& then = before.backend_records[slot];
    const BackendRecord& now = after.backend_records[slot];
    if (!then.name.empty()) CHECK(now.name.empty() || now.identity == then.identity);
    if (now.name.empty()) CHECK(!after.lives[slot].is_alive);
  }
  for (size_t number = 0; number < before.service_records.size(); ++number) {
    const ServiceRecord& then = before.service_records[number];
    const ServiceRecord& now = after.service_records[number];
    if (then.name.empty() || now.name.empty()) continue;
    if (then.name == now.name) {
      expect_flows_stay(before, after, static_cast<uint16_t>(number));
    } else {
      CHECK(now.moves == nullptr);
    }
  }
}

// None of the windows ever ends, so that old flows stay for ever.
void expect_good_plans(Input& input) {
  PlanPointer plan = built({});
  for (Tick now = kNow; now < kNow + 6; ++now) {
    const PlanSpec spec = spec_from(input);
    const Secret secret = secret_of(1);
    const Result<PlanPointer> next =
        build_plan(spec, secret,
                   {.plan = plan.get(),
                    .settled = now - 1,
                    .window = input.below(3) == 0 ? Tick{0} : Tick{9},
                    .quiet_for = [](uint16_t, uint32_t) { return 0u; }},
                   now);
    if (!next.ok()) {
      CHECK(names_something(next.message()));
      continue;
    }
    CHECK(verify_plan(*next.value(), spec, nullptr).ok());
    CHECK(next.value()->fingerprint == built(spec)->fingerprint);
    expect_succession(*plan, *next.value());
    plan = next.value();
  }
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  evenkeel::Input input(data, size);
  evenkeel::expect_good_plans(input);
  return 0;
}
