// Clients of "web", which steers by source: each opens a flow now and then, and all are served but
// those that are not. Through a worker's pipeline, a tenth of a second at a time.
#pragma once

#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/packet/box.h"

namespace evenkeel {

// "web" of ten backends; on trial, of the same servers.
inline PlanSpec spec_by_source(uint32_t share = 0) {
  constexpr uint32_t kBackends = 10;
  PlanSpec spec;
  ServiceSpec web = service_of("web", "192.0.2.1", 80, {}, kDefaultBuckets);
  web.hash_over = HashOver::source;
  for (uint32_t i = 0; i < kBackends; ++i) {
    spec.backends.push_back(backend_of(i));
    spec.backends.back().name = "web/" + std::to_string(i);
    web.members.push_back({i});
  }
  for (uint32_t i = 0; i < kBackends && share > 0; ++i) {
    spec.backends.push_back(spec.backends[i]);
    spec.backends.back().arm = 1;
    web.trial.members.push_back({kBackends + i});
  }
  web.trial.share = share;
  spec.services = {web};
  return spec;
}

class Crowd {
 public:
  static constexpr Microseconds kInterval = 100'000;

  explicit Crowd(size_t clients, uint64_t seed = 1) : random_(seed) {
    for (size_t i = 0; i < clients; ++i) {
      const uint32_t number = static_cast<uint32_t>(random_()) & 0xff'ffff;
      addresses_.push_back("11." + std::to_string(number >> 16) + '.' +
                           std::to_string(number >> 8 & 0xff) + '.' +
                           std::to_string(number & 0xff));
    }
  }

  // What chooses the bucket of a client.
  uint64_t steering_hash(size_t client) const {
    return secret_.hash(address_of(addresses_[client].c_str()));
  }
  // One whose bucket is so.
  size_t find(const std::function<bool(uint32_t bucket)>& is_wanted) const {
    size_t client = 0;
    while (!is_wanted(bucket_of(steering_hash(client), kDefaultBuckets))) ++client;
    return client;
  }

  // Whether a client is not served by whom it comes to.
  using Fails = std::function<bool(size_t client, uint16_t slot)>;

  // The first clients so many, each with so many flows a second, and one of all with more of them.
  struct Flows {
    size_t clients = 200;
    double of_each = 0.5;
    size_t busy = 0;
    double of_busy = 0.5;
  };
  void pass(const Plan& plan, const Flows& flows, const Fails& fails) {
    box.now += kInterval;
    send_again(plan);
    for (size_t client = 0; client < flows.clients; ++client) {
      if (client != flows.busy) open(plan, client, flows.of_each, fails);
    }
    open(plan, flows.busy, flows.of_busy, fails);
    box.idle(plan);
  }

  // As if there were no turns.
  void forget_turns() { turns_ = std::move(Turns::make().value()); }

 private:
  struct Opening {
    Microseconds due = 0;
    unsigned doublings = 0;
    Bytes packet;
  };

  Bytes segment(const Client& client, uint8_t flags, uint32_t acknowledgement, size_t payload) {
    Bytes bytes = packet_from(client, flags, payload);
    const size_t l4 = bytes.size() - payload - sizeof(TcpHeader);
    store(bytes.data() + l4 + offsetof(TcpHeader, acknowledgement), Big32(acknowledgement));
    mend_transport(bytes, l4 + offsetof(TcpHeader, checksum));
    return bytes;
  }

  void open(const Plan& plan, size_t number, double rate, const Fails& fails) {
    const double mean = rate * kInterval / kMicrosecondsPerTick;
    const uint16_t slot = plan.bucket(number_of(plan, "web"), steering_hash(number)).current;
    for (int count = std::poisson_distribution<int>(mean)(random_); count > 0; --count) {
      Client client{.address = addresses_[number].c_str()};
      client.port = static_cast<uint16_t>(1'024 + random_() % 60'000);
      const Bytes opening = segment(client, kTcpSyn, 0, 0);
      if (fails(number, slot)) {
        box.send(plan, opening);
        waiting_.push_back({.due = box.now + kSecond, .packet = opening});
      } else {
        box.burst(plan, {opening, segment(client, kTcpAck, 5, 9), segment(client, kTcpAck, 70, 0)});
      }
    }
  }

  // After one second, two more, and so on (RFC 6298).
  void send_again(const Plan& plan) {
    for (Opening& each : waiting_) {
      if (each.due > box.now) continue;
      box.send(plan, each.packet);
      each.due += kSecond << ++each.doublings;
    }
    std::erase_if(waiting_, [](const Opening& each) { return each.doublings == 6; });
  }

  static constexpr Microseconds kSecond = 1'000'000;

  const Secret secret_ = secret_of(1);  // as built() takes
  std::mt19937_64 random_;
  std::vector<std::string> addresses_;
  std::vector<Opening> waiting_;
  Turns turns_{std::move(Turns::make().value())};

 public:
  Box box{kHandshakesDefault, &turns_};
};

}  // namespace evenkeel
