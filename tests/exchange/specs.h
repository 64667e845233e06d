// Specifications of plans for tests, and plans built from them: everything is good unless a test
// makes it bad.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/exchange/build.h"

namespace evenkeel {

inline constexpr Tick kNow = 100'000;
inline constexpr Tick kWindow = 1'000;

inline Address address_of(const char* text) {
  const std::optional<Address> address = parse_address(text);
  CHECK(address.has_value());
  return *address;
}

inline Secret secret_of(uint8_t seed) { return Secret(std::span<const uint8_t>(&seed, 1)); }

// Behind an IPIP tunnel of its own.
inline BackendSpec backend_of(uint32_t number, bool inner_is_v4 = true) {
  BackendSpec backend;
  backend.name = (inner_is_v4 ? "four-" : "six-") + std::to_string(number);
  backend.forwarding.inner_is_v4 = inner_is_v4;
  backend.forwarding.source_mac = {2, 0, 0, 0, 0, 1};
  backend.forwarding.destination_mac = {2, 0, 0, 0, 0, 2};
  backend.forwarding.destination = Address::v4(Big32(0x0a00'0001 + number));
  backend.forwarding.tunnel_source = address_of("172.16.0.1");
  return backend;
}

inline ServicePoint point_of(const char* vip, uint16_t first_port, uint16_t last_port,
                             Protocol protocol = Protocol::tcp) {
  return {.address = address_of(vip),
          .protocol = static_cast<uint8_t>(protocol),
          .first_port = first_port,
          .last_port = last_port};
}

inline ServiceSpec service_of(std::string name, const char* vip, uint16_t port,
                              std::vector<MemberSpec> members, uint32_t buckets = kMinBuckets) {
  ServiceSpec service;
  service.name = std::move(name);
  service.points = {point_of(vip, port, port)};
  service.buckets = buckets;
  service.members = std::move(members);
  return service;
}

// Three services of two families; "web" and "mail" have one backend in common.
inline PlanSpec good_spec() {
  PlanSpec spec;
  for (uint32_t i = 0; i < 4; ++i) spec.backends.push_back(backend_of(i));
  for (uint32_t i = 4; i < 6; ++i) spec.backends.push_back(backend_of(i, false));
  spec.services = {service_of("web", "192.0.2.1", 80, {{0}, {1}, {2}}),
                   service_of("mail", "192.0.2.2", 25, {{1}, {3, 3}}),
                   service_of("web6", "2001:db8::1", 80, {{4}, {5}})};
  return spec;
}

using PlanPointer = std::shared_ptr<const Plan>;

inline PlanPointer built(const PlanSpec& spec, const Predecessor& before = {}, Tick now = kNow,
                         uint8_t secret = 1) {
  Result<PlanPointer> plan = build_plan(spec, secret_of(secret), before, now);
  if (!plan.ok()) std::fprintf(stderr, "refused: %s\n", plan.message().c_str());
  CHECK(plan.ok());
  return plan.value();
}

// After `before`, on which all workers are.
inline PlanPointer built_after(const PlanPointer& before, const PlanSpec& spec, Tick now) {
  return built(spec, {.plan = before.get(), .settled = now - 1, .window = kWindow, .quiet_for = {}},
               now);
}

inline uint16_t number_of(const Plan& plan, const std::string& service) {
  for (size_t i = 0; i < plan.service_records.size(); ++i) {
    if (plan.service_records[i].name == service) return static_cast<uint16_t>(i);
  }
  return kNoService;
}

// kNoBackend: not in the plan, or there more than once.
inline uint16_t slot_of(const Plan& plan, const std::string& backend) {
  uint16_t slot = kNoBackend;
  for (size_t i = 0; i < plan.backend_records.size(); ++i) {
    if (plan.backend_records[i].name != backend) continue;
    if (slot != kNoBackend) return kNoBackend;
    slot = static_cast<uint16_t>(i);
  }
  return slot;
}

inline const ServiceRecord& record_of(const Plan& plan, const std::string& service) {
  const uint16_t number = number_of(plan, service);
  CHECK(number != kNoService);
  return plan.service_records[number];
}

}  // namespace evenkeel
