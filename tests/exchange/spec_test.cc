#include "firmware/exchange/spec.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "firmware/exchange/build.h"
#include "tests/cmocka.h"
#include "tests/exchange/specs.h"

namespace evenkeel {
namespace {

// Every field of a backend that tells packets, or where they go.
PlanSpec spec_of_all_modes() {
  PlanSpec spec = good_spec();
  spec.backends[0].forwarding.mode = Mode::vxlan;
  spec.backends[0].forwarding.vni = 7;
  spec.backends[0].forwarding.inner_source_mac = {2, 0, 0, 0, 1, 1};
  spec.backends[0].forwarding.inner_destination_mac = {2, 0, 0, 0, 1, 2};
  spec.backends[1].forwarding.mode = Mode::l3_direct;
  spec.backends[1].forwarding.dscp = 21;
  spec.backends[2].forwarding.mode = Mode::l2_direct;
  spec.backends[2].forwarding.destination = {};
  spec.backends[3].forwarding.mode = Mode::gue;
  spec.services[0].points.push_back(point_of("192.0.2.7", 80, 90));
  spec.services[0].points.push_back(point_of("10.0.0.0", 80, 80));
  spec.services[0].points.back().prefix_length = 96 + 8;
  return spec;
}

struct Change {
  const char* description;
  void (*apply)(PlanSpec& spec);
};

ServiceSpec& web(PlanSpec& spec) { return spec.services[0]; }
ForwardingSpec& way(PlanSpec& spec, size_t backend) { return spec.backends[backend].forwarding; }

// Each makes some packet go elsewhere, or arrive otherwise.
const Change kRelevant[] = {
    {"backend's name", [](PlanSpec& spec) { spec.backends[0].name = "four-x"; }},
    {"health",
     [](PlanSpec& spec) {
       spec.backends[0].is_alive = false;
       web(spec).members[0].weight = 0;
     }},
    {"health of one that is drained either way",
     [](PlanSpec& spec) {
       spec.backends.push_back(backend_of(9));
       spec.backends.back().is_alive = false;
     }},
    {"backend's address",
     [](PlanSpec& spec) { way(spec, 0).destination = address_of("10.9.9.9"); }},
    {"backend's port", [](PlanSpec& spec) { way(spec, 3).destination_port = 6000; }},
    {"mode", [](PlanSpec& spec) { way(spec, 0).mode = Mode::geneve; }},
    {"tunnel's TTL", [](PlanSpec& spec) { way(spec, 3).tunnel_ttl = 9; }},
    {"VNI", [](PlanSpec& spec) { way(spec, 0).vni = 8; }},
    {"inner MAC", [](PlanSpec& spec) { way(spec, 0).inner_destination_mac[5] = 3; }},
    {"mark", [](PlanSpec& spec) { way(spec, 1).dscp = 22; }},
    {"translation prefix",
     [](PlanSpec& spec) { way(spec, 3).translation_prefix = address_of("64:ff9b::"); }},
    {"neighbour's MAC", [](PlanSpec& spec) { way(spec, 2).destination_mac[5] = 3; }},

    {"weight", [](PlanSpec& spec) { web(spec).members[1].weight = 2; }},
    {"drained", [](PlanSpec& spec) { web(spec).members[1].weight = 0; }},
    {"member less", [](PlanSpec& spec) { web(spec).members.pop_back(); }},
    {"member more", [](PlanSpec& spec) { web(spec).members.push_back({3}); }},
    {"other member", [](PlanSpec& spec) { web(spec).members[2].backend = 3; }},
    {"members of two services exchanged",
     [](PlanSpec& spec) { std::swap(web(spec).members, spec.services[1].members); }},

    {"service's name", [](PlanSpec& spec) { web(spec).name = "www"; }},
    {"VIP", [](PlanSpec& spec) { web(spec).points[0].address = address_of("192.0.2.9"); }},
    {"protocol", [](PlanSpec& spec) { web(spec).points[0].protocol = 17; }},
    {"first port", [](PlanSpec& spec) { web(spec).points[1].first_port = 79; }},
    {"last port", [](PlanSpec& spec) { web(spec).points[1].last_port = 91; }},
    {"prefix length", [](PlanSpec& spec) { web(spec).points[2].prefix_length = 96 + 9; }},
    {"VIP less", [](PlanSpec& spec) { web(spec).points.pop_back(); }},
    {"VIP of the other service",
     [](PlanSpec& spec) {
       spec.services[1].points.push_back(web(spec).points.back());
       web(spec).points.pop_back();
     }},
    {"affinity", [](PlanSpec& spec) { web(spec).affinity = Affinity::sticky; }},
    {"no affinity", [](PlanSpec& spec) { web(spec).affinity = Affinity::stateless; }},
    {"hash", [](PlanSpec& spec) { web(spec).hash_over = HashOver::source; }},
    {"hash over two", [](PlanSpec& spec) { web(spec).hash_over = HashOver::source_destination; }},
    {"table's size", [](PlanSpec& spec) { web(spec).buckets = 257; }},
    {"closed", [](PlanSpec& spec) { web(spec).closed = Reason::no_backend; }},
    {"closed for another reason",
     [](PlanSpec& spec) { web(spec).closed = Reason::next_hop_unresolved; }},
    {"largest segment", [](PlanSpec& spec) { web(spec).mss = 1'400; }},
    {"limit", [](PlanSpec& spec) { web(spec).new_flows_per_source = 1'400; }},
    {"allowed client", [](PlanSpec& spec) { web(spec).allow = {{address_of("10.0.0.0"), 104}}; }},
    {"denied client", [](PlanSpec& spec) { web(spec).deny = {{address_of("10.0.0.0"), 104}}; }},
    {"longer prefix", [](PlanSpec& spec) { web(spec).deny = {{address_of("10.0.0.0"), 105}}; }},
    {"other prefix", [](PlanSpec& spec) { web(spec).deny = {{address_of("11.0.0.0"), 104}}; }},
    {"clients of another service",
     [](PlanSpec& spec) { spec.services[1].deny = {{address_of("10.0.0.0"), 104}}; }},
    {"service less", [](PlanSpec& spec) { spec.services.pop_back(); }},
};

// What is a box's own, and how the settings are written down.
const Change kIrrelevant[] = {
    {"generation", [](PlanSpec& spec) { spec.generation = 99; }},
    {"how many flows are followed", [](PlanSpec& spec) { spec.sample_shift = 0; }},
    {"whose turn it is", [](PlanSpec& spec) { spec.trial = {.since = 7, .step = 1, .steps = 2}; }},
    {"port's MAC", [](PlanSpec& spec) { way(spec, 0).source_mac[5] = 9; }},
    {"next hop", [](PlanSpec& spec) { way(spec, 0).destination_mac[5] = 9; }},
    {"VLAN", [](PlanSpec& spec) { way(spec, 0).vlan = 9; }},
    {"MTU", [](PlanSpec& spec) { way(spec, 0).mtu = 9'000; }},
    {"tunnel's source",
     [](PlanSpec& spec) { way(spec, 0).tunnel_source = address_of("172.16.9.9"); }},
    {"ways back",
     [](PlanSpec& spec) { spec.ways = {{.to = {address_of("10.0.0.0"), 104}, .way = {}}}; }},
    {"entropy in the source", [](PlanSpec& spec) { way(spec, 0).source_entropy_bits = 4; }},
    {"inner source MAC", [](PlanSpec& spec) { way(spec, 0).inner_source_mac[5] = 9; }},
    {"order of services", [](PlanSpec& spec) { std::swap(spec.services[0], spec.services[2]); }},
    {"order of members",
     [](PlanSpec& spec) { std::swap(web(spec).members[0], web(spec).members[2]); }},
    {"order of VIPs", [](PlanSpec& spec) { std::swap(web(spec).points[0], web(spec).points[1]); }},
    {"order of backends",
     [](PlanSpec& spec) {
       std::swap(spec.backends[0], spec.backends[3]);
       web(spec).members[0].backend = 3;
       spec.services[1].members[1].backend = 0;
     }},
    {"numbers of services", [](PlanSpec& spec) { web(spec).points[0].service = 5; }},
};

void what_steers_changes_both_fingerprints(void** /*state*/) {
  const PlanSpec spec = spec_of_all_modes();
  const uint64_t before = fingerprint(spec);
  const uint64_t plan_before = built(spec)->fingerprint;
  std::vector<uint64_t> all = {before};
  for (const Change& row : kRelevant) {
    PlanSpec changed = spec;
    row.apply(changed);
    all.push_back(fingerprint(changed));
    if (all.back() == before) fail_msg("settings: %s", row.description);
    if (built(changed)->fingerprint == plan_before) fail_msg("plan: %s", row.description);
  }
  std::ranges::sort(all);
  assert_true(std::ranges::adjacent_find(all) == all.end());
}

void what_does_not_steer_changes_neither(void** /*state*/) {
  const PlanSpec spec = spec_of_all_modes();
  for (const Change& row : kIrrelevant) {
    PlanSpec changed = spec;
    row.apply(changed);
    if (fingerprint(changed) != fingerprint(spec)) fail_msg("settings: %s", row.description);
    if (built(changed)->fingerprint != built(spec)->fingerprint) {
      fail_msg("plan: %s", row.description);
    }
  }
}

void only_ratios_of_weights_steer(void** /*state*/) {
  PlanSpec spec = good_spec();
  for (MemberSpec& member : web(spec).members) member.weight *= 1'000;
  assert_true(built(spec)->fingerprint == built(good_spec())->fingerprint);
  assert_false(fingerprint(spec) == fingerprint(good_spec()));
}

// Two boxes steer alike although one of them has had more rollouts.
void arms_do_not_matter(void** /*state*/) {
  PlanSpec spec = good_spec();
  for (BackendSpec& backend : spec.backends) backend.arm = 7;
  assert_true(fingerprint(spec) == fingerprint(good_spec()));
  assert_true(built(spec)->fingerprint == built(good_spec())->fingerprint);
}

// Both arms of a rollout are there, and which of them serves is all that differs.
void arms_of_one_server_are_told_apart(void** /*state*/) {
  PlanSpec spec = good_spec();
  spec.backends.push_back(spec.backends[0]);
  spec.backends.back().arm = 1;
  spec.backends.back().forwarding.destination = address_of("10.9.9.9");
  const PlanPointer old_arm = built(spec);
  web(spec).members[0].backend = 6;
  const PlanPointer new_arm = built(spec);
  assert_false(old_arm->fingerprint == new_arm->fingerprint);
}

void plans_of_another_secret_differ(void** /*state*/) {
  const PlanSpec spec = good_spec();
  assert_false(built(spec, {}, kNow, 1)->fingerprint == built(spec, {}, kNow, 2)->fingerprint);
}

// A specification that cannot be built has a fingerprint nevertheless.
void any_settings_have_a_fingerprint(void** /*state*/) {
  PlanSpec spec = good_spec();
  web(spec).members[0].backend = 1'000;
  assert_false(fingerprint(spec) == fingerprint(good_spec()));
  assert_false(fingerprint({}) == fingerprint(good_spec()));
}

// --- Two boxes -----------------------------------------------------------------------------------

PlanSpec large_spec() {
  PlanSpec spec;
  for (uint32_t i = 0; i < 40; ++i) spec.backends.push_back(backend_of(i, i % 4 != 3));
  for (uint16_t port = 1; port <= 12; ++port) {
    std::vector<MemberSpec> members;
    const bool is_v4 = port % 4 != 0;
    for (uint32_t i = 0; i < 40; ++i) {
      if ((i % 4 != 3) == is_v4 && (i + port) % 3 != 0) members.push_back({i, i % 5});
    }
    spec.services.push_back(service_of("service-" + std::to_string(port),
                                       is_v4 ? "192.0.2.1" : "2001:db8::1", port, members, 2'003));
    spec.services.back().hash_over = static_cast<HashOver>(port % 3);
  }
  return spec;
}

PlanSpec shuffled(PlanSpec spec, std::mt19937& random) {
  std::vector<uint32_t> order(spec.backends.size());
  for (uint32_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::shuffle(order, random);
  std::vector<BackendSpec> backends(order.size());
  for (size_t i = 0; i < order.size(); ++i) backends[order[i]] = spec.backends[i];
  spec.backends = backends;
  for (ServiceSpec& service : spec.services) {
    for (MemberSpec& member : service.members) member.backend = order[member.backend];
    std::ranges::shuffle(service.members, random);
  }
  std::ranges::shuffle(spec.services, random);
  for (BackendSpec& backend : spec.backends) {
    backend.forwarding.source_mac = {2, 7, 7, 7, 7, static_cast<uint8_t>(random())};
    backend.forwarding.destination_mac = {2, 8, 8, 8, 8, static_cast<uint8_t>(random())};
    backend.forwarding.tunnel_source = Address::v4(Big32(0xac10'0000 | (random() & 0xffff)));
  }
  return spec;
}

// Ten plans of what comes and goes, and then the same settings as everyone, settled.
PlanPointer after_a_history(const PlanSpec& spec, uint32_t seed) {
  std::mt19937 random(seed);
  PlanPointer plan = built({}, {}, kNow);
  for (Tick i = 1; i <= 10; ++i) {
    PlanSpec then = shuffled(spec, random);
    for (uint32_t k = 0; k < random() % 9; ++k) {
      then.backends.push_back(backend_of(static_cast<uint32_t>(1'000 + random() % 1'000'000)));
    }
    for (ServiceSpec& service : then.services) {
      if (random() % 3 == 0) service.members[random() % service.members.size()].weight = 9;
      if (random() % 5 == 0) service.buckets = 1'009;
    }
    then.services.resize(random() % (then.services.size() + 1));
    plan = built_after(plan, then, kNow + i * 600);
  }
  plan = built_after(plan, shuffled(spec, random), kNow + 7'000);
  return built_after(plan, shuffled(spec, random), kNow + 9'000);
}

void boxes_with_different_histories_steer_alike(void** /*state*/) {
  const PlanSpec spec = large_spec();
  const PlanPointer fresh = built(spec);
  const PlanPointer old = after_a_history(spec, 1);
  const PlanPointer older = after_a_history(spec, 2);
  assert_true(old->fingerprint == fresh->fingerprint && older->fingerprint == fresh->fingerprint);
  const Secret secret = secret_of(1);
  std::mt19937 random(3);
  size_t differing_slots = 0;
  for (size_t i = 0; i < 10'000; ++i) {
    const auto port = static_cast<uint16_t>(1 + random() % 12);
    const bool is_v4 = port % 4 != 0;
    FlowKey key;
    key.source = address_of("2001:db8:7::");
    store(key.source.bytes.data() + 8, uint64_t{random()} << 32 | random());
    if (is_v4) key.source = Address::v4(Big32(static_cast<uint32_t>(random())));
    key.destination = address_of(is_v4 ? "192.0.2.1" : "2001:db8::1");
    key.source_port = static_cast<uint16_t>(1 + random() % 65'535);
    key.destination_port = port;
    key.protocol = 6;
    const uint64_t flow = secret.flow_hash(key);
    std::string chosen;
    for (const PlanPointer& plan : {fresh, old, older}) {
      const uint16_t number = plan->lookup->find(key.destination, key.protocol, port);
      const HashOver over = plan->services[number].hash_over;
      const Bucket bucket = plan->bucket(number, secret.steering_hash(over, key, flow));
      assert_false(bucket.moved());
      const std::string& name = plan->backend_records[bucket.current].name;
      if (plan == fresh) chosen = name;
      assert_string_equal(name.c_str(), chosen.c_str());
      differing_slots += slot_of(*fresh, name) != bucket.current ? 1 : 0;
    }
  }
  assert_true(differing_slots > 1'000);  // or their histories were the same
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_steers_changes_both_fingerprints),
      cmocka_unit_test(what_does_not_steer_changes_neither),
      cmocka_unit_test(only_ratios_of_weights_steer),
      cmocka_unit_test(arms_do_not_matter),
      cmocka_unit_test(arms_of_one_server_are_told_apart),
      cmocka_unit_test(plans_of_another_secret_differ),
      cmocka_unit_test(any_settings_have_a_fingerprint),
      cmocka_unit_test(boxes_with_different_histories_steer_alike),
  };
  return cmocka_run_group_tests_name("exchange/spec", tests, nullptr, nullptr);
}
