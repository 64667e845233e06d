// A worker on a desk: real ports, made of rings of which the test has the other ends, and a step
// whenever the test says so.
#pragma once

#include <rte_eth_ring.h>
#include <rte_ethdev.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "drivers/pool.h"
#include "firmware/packet/worker.h"
#include "tests/drivers/fake_root.h"
#include "tests/drivers/own_eal.h"
#include "tests/packet/box.h"

namespace evenkeel {

// DPDK, once per program.
struct Desk {
  static constexpr uint32_t kBuffers = 6'000;

  explicit Desk(const std::string& name) : eal(start_own_eal(own_eal_spec(name, {}))) {
    const std::array ports = {PoolSpec::OfPort{device_table().data(), 1'500}};
    pool = std::make_unique<Pool>(
        std::move(Pool::make({.buffers = kBuffers, .workers = 1, .ports = ports}).value()));
  }

  // DPDK keeps a closed device's name.
  std::string new_name(const std::string& name) { return name + std::to_string(++names); }

  FakeRoot folder;
  std::unique_ptr<Eal> eal;
  std::unique_ptr<Pool> pool;
  unsigned names = 0;
};

// One port, seen from its other side.
class RingPort {
 public:
  static constexpr unsigned kRing = 128;  // of which one place stays empty

  RingPort(const std::string& name, unsigned transmit_ring = kRing)
      : in_(ring(name + "in", kRing)), out_(ring(name + "out", transmit_ring)) {
    const int id = rte_eth_from_rings(name.c_str(), &in_, 1, &out_, 1, 0);
    CHECK(id >= 0);
    ethdev_ = static_cast<uint16_t>(id);
    const rte_eth_conf conf{};
    CHECK(rte_eth_dev_configure(ethdev_, 1, 1, &conf) == 0);
    CHECK(rte_eth_tx_queue_setup(ethdev_, 0, kRing, 0, nullptr) == 0);
  }
  ~RingPort() {
    rte_eth_dev_stop(ethdev_);
    rte_eth_dev_close(ethdev_);
    rte_ring_free(in_);
    rte_ring_free(out_);
  }
  RingPort(const RingPort&) = delete;
  RingPort& operator=(const RingPort&) = delete;

  void start(rte_mempool* pool) {
    CHECK(rte_eth_rx_queue_setup(ethdev_, 0, kRing, 0, nullptr, pool) == 0);
    CHECK(rte_eth_dev_start(ethdev_) == 0);
  }
  uint16_t ethdev() const { return ethdev_; }

  bool arrive(rte_mbuf* packet) { return rte_ring_enqueue(in_, packet) == 0; }
  // What has left, oldest first.
  std::vector<Bytes> left() {
    std::vector<Bytes> all;
    void* packet = nullptr;
    while (rte_ring_dequeue(out_, &packet) == 0) {
      auto* const mbuf = static_cast<rte_mbuf*>(packet);
      CHECK(mbuf->nb_segs == 1 && mbuf->pkt_len == mbuf->data_len);
      const auto* data = rte_pktmbuf_mtod(mbuf, const uint8_t*);
      all.emplace_back(data, data + mbuf->data_len);
      rte_pktmbuf_free(mbuf);
    }
    return all;
  }

 private:
  static rte_ring* ring(const std::string& name, unsigned size) {
    rte_ring* const made = rte_ring_create(name.c_str(), size, 0, 0);
    CHECK(made != nullptr);
    return made;
  }

  rte_ring* in_;
  rte_ring* out_;
  uint16_t ethdev_ = 0;
};

// A worker of two ports: 0, by which clients come, and 1, where backend_of() with port 1 is.
class BusyDesk {
 public:
  static constexpr Mac kMac = {2, 0, 0, 0, 0, 1};  // of packet_from()'s destination
  static constexpr uint32_t kKernelRate = 100;

  BusyDesk(Desk& desk, PlanSpec spec, unsigned transmit_ring = RingPort::kRing)
      : desk_(desk),
        ports_{std::make_unique<RingPort>(desk.new_name("wan"), transmit_ring),
               std::make_unique<RingPort>(desk.new_name("lan"))},
        to_kernel_(rte_ring_create(desk.new_name("to").c_str(), 32, 0, 0)),
        from_kernel_(rte_ring_create(desk.new_name("from").c_str(), 32, 0, 0)),
        slot_(1, build_plan(spec, secret_, {}, tick_of(clock_.now())).value()) {
    WorkerSpec worker{.number = 0,
                      .ports = {},
                      .pool = desk.pool->get(),
                      .to_kernel = to_kernel_,
                      .from_kernel = from_kernel_,
                      .kernel_packets_per_second = kKernelRate,
                      .is_adaptive = false};
    for (const auto& port : ports_) {
      port->start(desk.pool->get());
      worker.ports.push_back({.ethdev = port->ethdev(), .receives = true, .mac = kMac});
    }
    worker_ = std::make_unique<Worker>(worker, slot_, clock_, pipeline_, *evidence_, liveness_);
    reader_ = std::make_unique<Slot<Plan>::Reader>(slot_, 0);
  }
  // Every buffer must be back.
  ~BusyDesk() {
    worker_->clear();
    reader_.reset();
    for (const auto& port : ports_) port->left();
    given_to_kernel();
    rte_ring_free(to_kernel_);
    rte_ring_free(from_kernel_);
    CHECK(liveness_.held.read() == 0);
    CHECK(desk_.pool->free_buffers() == desk_.pool->size());
  }
  BusyDesk(const BusyDesk&) = delete;
  BusyDesk& operator=(const BusyDesk&) = delete;

  rte_mbuf* mbuf_of(const Bytes& bytes) {
    rte_mbuf* const packet = rte_pktmbuf_alloc(desk_.pool->get());
    CHECK(packet != nullptr && bytes.size() <= rte_pktmbuf_tailroom(packet));
    std::memcpy(rte_pktmbuf_append(packet, static_cast<uint16_t>(bytes.size())), bytes.data(),
                bytes.size());
    return packet;
  }
  void arrive(const Bytes& bytes, size_t port = 0) { CHECK(ports_[port]->arrive(mbuf_of(bytes))); }
  void arrive_as_it_is(rte_mbuf* packet) { CHECK(ports_[0]->arrive(packet)); }
  size_t step() { return worker_->step(*reader_); }
  // Until nothing is held any more, or for long enough to know that it will be.
  void let_in() {
    const Microseconds end = clock_.now() + 2'000'000;
    do {
      step();
    } while (liveness_.held.read() != 0 && clock_.now() < end);
  }
  std::vector<Bytes> left(size_t port) { return ports_[port]->left(); }
  // In, one loop, out.
  std::vector<Bytes> pass(const Bytes& bytes, size_t port_in, size_t port_out) {
    arrive(bytes, port_in);
    step();
    return left(port_out);
  }
  bool kernel_sends(const Bytes& bytes, uint16_t port) {
    rte_mbuf* const packet = mbuf_of(bytes);
    packet->port = port;
    return rte_ring_enqueue(from_kernel_, packet) == 0;
  }
  size_t given_to_kernel() {
    size_t count = 0;
    for (void* packet = nullptr; rte_ring_dequeue(to_kernel_, &packet) == 0; ++count) {
      rte_pktmbuf_free(static_cast<rte_mbuf*>(packet));
    }
    return count;
  }

  uint64_t drops(Reason reason) const {
    return evidence_->worker().drops[static_cast<size_t>(reason)];
  }
  // Received and made by cutting == forwarded + dropped + given to the kernel + held + cut.
  bool adds_up() const {
    const WorkerCounts counts = evidence_->worker();
    uint64_t received = 0;
    uint64_t rest = counts.forwarded_packets + liveness_.held.read() + liveness_.split.read();
    for (const uint64_t drops : counts.drops) rest += drops;
    for (const PortTally& port : liveness_.ports) {
      received += port.received.read();
      rest += port.to_kernel.read();
    }
    return received == counts.received_packets && received + liveness_.pieces.read() == rest;
  }
  const Liveness& liveness() const { return liveness_; }
  const Evidence& evidence() const { return *evidence_; }
  Desk& desk() { return desk_; }

 private:
  Desk& desk_;
  const Secret secret_ = secret_of(1);
  const TscClock clock_;
  std::unique_ptr<Evidence> evidence_ =
      std::move(Evidence::make({.slots = 64, .services = 16}).value());
  FlowMemory memory_{std::move(FlowMemory::make(kFlowMemoryBytesMin, {}).value())};
  Handshakes handshakes_{std::move(Handshakes::make(*evidence_, kHandshakesMin).value())};
  Turns turns_{std::move(Turns::make().value())};
  Pipeline pipeline_{secret_, *evidence_, memory_, handshakes_, turns_};
  Liveness liveness_;
  std::array<std::unique_ptr<RingPort>, 2> ports_;
  rte_ring* to_kernel_;
  rte_ring* from_kernel_;
  Slot<Plan> slot_;
  std::unique_ptr<Worker> worker_;
  std::unique_ptr<Slot<Plan>::Reader> reader_;
};

// As good_spec(), with all backends behind port 1.
inline PlanSpec spec_of_two_ports() {
  PlanSpec spec = good_spec();
  for (BackendSpec& backend : spec.backends) backend.forwarding.port = 1;
  return spec;
}

}  // namespace evenkeel
