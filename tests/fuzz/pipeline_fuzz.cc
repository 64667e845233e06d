// Any frames in bursts, through services of every kind of which some have moved: nothing is lost
// uncounted, and nothing is written outside of a frame's room (box.h).
#include "firmware/packet/pipeline.h"

#include <numeric>

#include "firmware/base/check.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/packet/box.h"

namespace evenkeel {
namespace {

// By every mode, of both families.
PlanSpec spec_of_everything() {
  constexpr uint32_t kModes = static_cast<uint32_t>(Mode::nat) + 1;
  PlanSpec spec;
  for (uint32_t i = 0; i < 2 * kModes; ++i) {
    BackendSpec backend = backend_of(i, i < kModes);
    ForwardingSpec& way = backend.forwarding;
    way.mode = static_cast<Mode>(i % kModes);
    const bool is_rewriting = way.mode == Mode::l3_direct || way.mode == Mode::nat;
    if (is_rewriting && i >= kModes) way.destination = address_of("2001:db8:b::1");
    way.destination_port = way.mode == Mode::nat ? 0 : 8'080;  // of many VIPs' ports
    way.dscp = 21;
    way.inner_source_mac = {2, 0, 0, 0, 1, 1};
    way.inner_destination_mac = {2, 0, 0, 0, 1, 2};
    spec.backends.push_back(backend);
  }
  const auto add = [&](const char* vip, uint16_t port, Protocol protocol, Affinity affinity) {
    std::vector<MemberSpec> members;
    const uint32_t first = address_of(vip).is_v4() ? 0 : kModes;
    for (uint32_t i = first; i < first + kModes; ++i) members.push_back({i});
    spec.services.push_back(
        service_of("service-" + std::to_string(spec.services.size()), vip, port, members));
    spec.services.back().points[0].protocol = static_cast<uint8_t>(protocol);
    spec.services.back().affinity = affinity;
    spec.services.back().hash_over = static_cast<HashOver>(spec.services.size() % 3);
  };
  for (const char* const vip : {"192.0.2.1", "2001:db8::1"}) {
    add(vip, 80, Protocol::tcp, Affinity::connection);
    add(vip, 80, Protocol::sctp, Affinity::connection);
    add(vip, 53, Protocol::udp, Affinity::sticky);
    add(vip, 53, Protocol::tcp, Affinity::stateless);
    add(vip, 1, Protocol::udp, Affinity::stateless);
    spec.services.back().points[0].last_port = 50;
  }
  return spec;
}

// In order; each leaves buckets moved, and the last one backends dead.
std::array<PlanPointer, 3> plans() {
  PlanSpec spec = spec_of_everything();
  const PlanPointer first = built(spec);
  for (ServiceSpec& service : spec.services) {
    service.members[0].weight = 9;
    service.members[1].weight = 0;
  }
  const PlanPointer second = built_after(first, spec, kNow + 1);
  for (ServiceSpec& service : spec.services) {
    service.members[2].weight = 0;
    spec.backends[service.members[2].backend].is_alive = false;
  }
  return {first, second, built_after(second, spec, kNow + 2)};
}

void expect_nothing_uncounted(const Box& box, uint64_t received) {
  const WorkerCounts counts = box.counts();
  CHECK(counts.received_packets == received);
  CHECK(counts.drops[0] == 0);
  CHECK(received ==
        std::accumulate(counts.drops.begin(), counts.drops.end(), counts.forwarded_packets));
}

// A byte of length, and so many that stand for a packet; of length 0: the burst ends.
void expect_good_bursts(const uint8_t* data, size_t size) {
  static const std::array<PlanPointer, 3> kPlans = plans();
  Box box;
  box.pass(2);
  uint64_t received = 0;
  size_t plan = 0;
  std::vector<Bytes> burst;
  for (size_t at = 0; at < size;) {
    const size_t length = std::min<size_t>(data[at], size - at - 1);
    ++at;
    if (length != 0) {
      burst.push_back(fuzz_packet(data + at, length));
      mend_frame(burst.back().data(), burst.back().size());
      at += length;
    }
    if (length != 0 && burst.size() < kBurst && at < size) continue;
    received += burst.size();
    box.burst(*kPlans[plan], burst);
    burst.clear();
    plan = std::min(plan + 1, kPlans.size() - 1);
    box.now += kMicrosecondsPerTick / 4;
    expect_nothing_uncounted(box, received);
  }
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  evenkeel::expect_good_bursts(data, size);
  return 0;
}
