// Rules on addresses, ways and cores, each just before and just behind what it allows.
#include "tests/change/rows.h"

namespace evenkeel {
namespace {

const Row kVipConflict[] = {
    {"own address, one port", "vip-conflict", nothing,
     [](Settings& s) { shop(s).vips.push_back(single("192.0.2.2")); }, kWarn},
    {"own address, all ports", "vip-conflict", nothing,
     [](Settings& s) {
       shop(s).vips = {single("192.0.2.2")};
       shop(s).ports = {};
     },
     kRefuse},
    {"one beside it", "vip-conflict", nothing,
     [](Settings& s) { shop(s).vips.push_back(single("192.0.2.3")); }, kNoHit},
    {"a backend at a VIP", "vip-conflict", nothing,
     [](Settings& s) { shop(s).backends[0].address = address_of("198.51.100.2"); }, kRefuse},
    {"it was so, and one more", "vip-conflict",
     [](Settings& s) { shop(s).backends[0].address = address_of("198.51.100.2"); },
     [](Settings& s) { shop(s).backends[1].address = address_of("198.51.100.3"); }, kRefuse},
    {"a narrower service takes flows", "vip-conflict",
     [](Settings& s) { shop(s).ports = {.first = 80, .last = 90}; },
     [](Settings& s) {
       s.services.push_back(service_of("new", "198.51.100.1", 2));
       s.services.back().ports = {.first = 85, .last = 85};
     },
     kWarn},
    {"of one that has clients, some", "vip-conflict",
     [](Settings& s) { shop(s).ports = {.first = 80, .last = 90}; },
     [](Settings& s) {
       s.services.push_back(service_of("new", "198.51.100.1", 2));
       s.services.back().ports = {.first = 85, .last = 85};
     },
     kWarn, 1},
    {"a new name", "vip-conflict", nothing, [](Settings& s) { shop(s).name = "store"; }, kWarn},
    {"a new name, where clients are", "vip-conflict", nothing,
     [](Settings& s) { shop(s).name = "store"; }, kRefuse, 1},
    {"its VIP goes to a service beside it", "vip-conflict",
     [](Settings& s) { shop(s).vips.push_back(single("198.51.100.77")); },
     [](Settings& s) {
       shop(s).vips.pop_back();
       s.services.push_back(service_of("new", "198.51.100.77", 2));
     },
     kRefuse, 1},
    {"a port that nobody had", "vip-conflict", nothing,
     [](Settings& s) {
       s.services.push_back(service_of("new", "198.51.100.1", 2));
       s.services.back().ports = {.first = 85, .last = 85};
     },
     kNoHit},
};
void vip_conflict(void** /*state*/) { expect(kVipConflict); }

const Row kUnreachableNextHop[] = {
    {"a new one does not answer", "unreachable-next-hop", nothing,
     [](Settings& s) { shop(s).backends.push_back(server(9)); }, kRefuse, 0, 0, "10.0.0.12"},
    {"a new one does", "unreachable-next-hop", nothing,
     [](Settings& s) { shop(s).backends.push_back(server(9)); }, kNoHit},
    {"it has weight 0", "unreachable-next-hop", nothing,
     [](Settings& s) { shop(s).backends.push_back(server(9, 0)); }, kNoHit, 0, 0, "10.0.0.12"},
    {"an old one does not answer", "unreachable-next-hop", nothing,
     [](Settings& s) { shop(s).mss = 1'300; }, kWarn, 0, 0, "10.0.0.4"},
};
void unreachable_next_hop(void** /*state*/) { expect(kUnreachableNextHop); }

const Row kTunnelMtu[] = {
    {"no mss", "tunnel-mtu", nothing, [](Settings& s) { shop(s).mss = 0; }, kWarn},
    {"no mss, larger frames", "tunnel-mtu", [](Settings& s) { s.ports[1].mtu = 1'520; },
     [](Settings& s) { shop(s).mss = 0; }, kNoHit},
    {"no mss, a byte less", "tunnel-mtu", [](Settings& s) { s.ports[1].mtu = 1'519; },
     [](Settings& s) { shop(s).mss = 0; }, kWarn},
    {"mss just small enough", "tunnel-mtu", nothing, [](Settings& s) { shop(s).mss = 1'440; },
     kNoHit},
    {"mss too large", "tunnel-mtu", nothing, [](Settings& s) { shop(s).mss = 1'441; }, kWarn},
    {"no tunnel", "tunnel-mtu", nothing,
     [](Settings& s) {
       shop(s).mss = 0;
       shop(s).mode = Mode::l2_direct;
     },
     kNoHit},
};
void tunnel_mtu(void** /*state*/) { expect(kTunnelMtu); }

const Row kNatAmbiguous[] = {
    {"one server for two VIPs", "nat-ambiguous", nothing,
     [](Settings& s) { s.services[0].mode = s.services[1].mode = Mode::nat; }, kRefuse},
    {"by ports of their own", "nat-ambiguous", nothing,
     [](Settings& s) {
       s.services[0].mode = s.services[1].mode = Mode::nat;
       for (BackendSettings& backend : shop(s).backends) backend.port = 8'080;
     },
     kNoHit},
    {"by protocols", "nat-ambiguous", nothing,
     [](Settings& s) {
       s.services[0].mode = s.services[1].mode = Mode::nat;
       shop(s).protocol = Protocol::udp;
     },
     kNoHit},
    {"within a range", "nat-ambiguous", nothing,
     [](Settings& s) {
       s.services[0].mode = s.services[1].mode = Mode::nat;
       shop(s).ports = {.first = 70, .last = 90};
     },
     kRefuse},
};
void nat_ambiguous(void** /*state*/) { expect(kNatAmbiguous); }

const Row kWorkerCores[] = {
    {"a worker on control's core", "worker-cores", nothing,
     [](Settings& s) { s.cpu.workers = {0, 1}; }, kRefuse},
    {"the last core", "worker-cores", nothing, [](Settings& s) { s.cpu.workers = {1, 3}; }, kNoHit,
     0, 4},
    {"one that is not there", "worker-cores", nothing, [](Settings& s) { s.cpu.workers = {1, 4}; },
     kRefuse, 0, 4},
    {"nobody knows", "worker-cores", nothing, [](Settings& s) { s.cpu.workers = {1, 4}; }, kNoHit,
     0, 0},
    {"control is not there", "worker-cores", nothing, [](Settings& s) { s.cpu.control = 4; },
     kRefuse, 0, 4},
    {"it was so, and one more", "worker-cores", [](Settings& s) { s.cpu.workers = {0, 1}; },
     [](Settings& s) { s.cpu.workers = {0, 1, 4}; }, kRefuse, 0, 4},
};
void worker_cores(void** /*state*/) { expect(kWorkerCores); }

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(vip_conflict), cmocka_unit_test(unreachable_next_hop),
      cmocka_unit_test(tunnel_mtu),   cmocka_unit_test(nat_ambiguous),
      cmocka_unit_test(worker_cores),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
