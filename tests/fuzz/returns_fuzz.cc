// Any frame, as a reply of a server in any pair of families: none, or refused and untouched, or
// what the client gets is from a VIP, to a client that has a way, and as right or wrong as it was.
#include "firmware/packet/returns.h"

#include <vector>

#include "firmware/base/check.h"
#include "tests/exchange/specs.h"
#include "tests/fuzz/fuzz_packet.h"
#include "tests/fuzz/fuzz_room.h"

namespace evenkeel {
namespace {

// The senders of the packets that the input changes.
constexpr const char* kServers[] = {"198.51.100.7", "203.0.113.9", "2001:db8:c::7",
                                    "2001:db8:c::9"};
constexpr const char* kVips[] = {"192.0.2.77", "192.0.2.78", "2001:db8:7::77", "2001:db8:7::78"};

Way way_by(uint8_t port, uint16_t vlan, uint16_t mtu) {
  return {.resolved = true,
          .is_own = false,
          .port = port,
          .vlan = vlan,
          .mtu = mtu,
          .source_mac = {2, 0, 0, 0, 0, 1},
          .destination_mac = {2, 0, 0, 0, 0, 2}};
}

// Within the family or to the other one.
PlanPointer plan_of_returns(bool is_between) {
  PlanSpec spec;
  for (uint32_t i = 0; i < 4; ++i) {
    const char* const vip = kVips[is_between ? 3 - i : i];
    BackendSpec backend = backend_of(i, address_of(vip).is_v4());
    backend.forwarding.mode = Mode::nat;
    backend.forwarding.destination = address_of(kServers[i]);
    backend.forwarding.translation_prefix = address_of(i % 2 == 0 ? "2001:db8::" : "64:ff9b::");
    spec.backends.push_back(backend);
    ServiceSpec service = service_of("service-" + std::to_string(i), vip, 1, {{i}});
    service.points.clear();
    for (const Protocol protocol : {Protocol::tcp, Protocol::udp, Protocol::sctp}) {
      service.points.push_back(point_of(vip, 1, 65'535, protocol));
    }
    service.mss = i % 2 == 0 ? kMinMss : 0;
    spec.services.push_back(service);
  }
  spec.ways = {{{address_of("0.0.0.0"), 96}, way_by(1, 0, 1'500)},
               {{address_of("192.0.2.0"), 96 + 24}, way_by(2, 7, 400)},
               {{address_of("2001:db8::"), 32}, way_by(3, 0, 1'280)},
               {{address_of("64:ff9b::"), 96}, {}},
               {{address_of("10.0.0.0"), 96 + 8}, {.resolved = false, .is_own = true}}};
  return built(spec);
}

bool is_vip(const Address& address) {
  for (const char* const vip : kVips) {
    if (address == address_of(vip)) return true;
  }
  return false;
}

void expect_returned(const Plan& plan, const std::vector<uint8_t>& bytes, bool knows_ports) {
  const FuzzRoom room(bytes);
  Frame frame = room.frame();
  Parsed before;
  if (parse(frame, before) != Reason::none) return;
  if (before.kind == Kind::fragment_later && knows_ports) {
    before.key.source_port = before.key.destination_port = 80;
  }
  uint16_t mtu = 0;
  const Reason reason = translate_reply(plan, frame, before, mtu);
  CHECK((mtu != 0) == (reason == Reason::too_big));
  if (reason != Reason::none) {
    room.expect_untouched(frame);
    return;
  }
  room.expect_within(frame);
  Parsed after;
  CHECK(parse(frame, after) == Reason::none);
  CHECK(is_vip(after.key.source) && after.kind == before.kind);
  CHECK(after.key.destination_port == before.key.destination_port || knows_ports);
  CHECK(after.ttl == before.ttl - 1);
  const Way& way = plan.ways[plan.way_numbers->find(after.key.destination)];
  CHECK(way.resolved && frame.port == way.port && after.l3_length <= way.mtu);
}

}  // namespace
}  // namespace evenkeel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  static const PlanPointer kPlans[] = {plan_of_returns(false), plan_of_returns(true)};
  constexpr size_t kChoices = 1;
  if (size < kChoices) return 0;
  std::vector<uint8_t> bytes = fuzz_packet(data + kChoices, size - kChoices);
  if (bytes.size() > FuzzRoom::kLargest) return 0;
  mend_frame(bytes.data(), bytes.size());
  expect_returned(*kPlans[data[0] % 2], bytes, (data[0] & 2) != 0);
  return 0;
}
