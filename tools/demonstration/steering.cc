// What `tools/demo` shows: the steering core at work on generated flows, from frame in to frame
// out. Each statement that it prints is counted from the frames that came out, and the
// demonstration fails if one does not hold.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/exchange/build.h"
#include "firmware/exchange/slot.h"
#include "firmware/packet/pipeline.h"
#include "firmware/wire/headers.h"
#include "tools/benchmarks/traffic.h"

namespace evenkeel {
namespace {

using bench::Buffers;
using bench::Flow;

constexpr size_t kFlows = 60'000;
constexpr size_t kFlood = 1'000'000;
constexpr Tick kWindow = 1'000;

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) std::printf("%s\n", result.message().c_str());
  CHECK(result.ok());
  return std::move(result.value());
}

struct Server {
  const char* name;
  uint32_t weight;
  bool is_alive;
};

PlanSpec spec_of(const std::vector<Server>& servers) {
  PlanSpec spec;
  ServiceSpec service;
  service.name = "shop";
  service.points.push_back({.address = bench::vip(true, 0),
                            .protocol = static_cast<uint8_t>(Protocol::tcp),
                            .first_port = 443,
                            .last_port = 443});
  for (uint32_t i = 0; i < servers.size(); ++i) {
    BackendSpec backend;
    backend.name = servers[i].name;
    backend.is_alive = servers[i].is_alive;
    backend.forwarding.source_mac = {2, 0, 0, 0, 0, 3};
    backend.forwarding.destination_mac = {2, 0, 0, 0, 0, 4};
    backend.forwarding.tunnel_source = Address::v4(0x0a640001);
    backend.forwarding.destination = Address::v4(0x0a000001u + i);
    spec.backends.push_back(backend);
    service.members.push_back({.backend = i, .weight = servers[i].weight});
  }
  spec.services.push_back(service);
  return spec;
}

// One worker, its plan, and the wire behind it, on which outer destinations tell who got a packet.
class Box {
 public:
  explicit Box(const std::vector<Server>& servers)
      : slot_(1, must(build_plan(spec_of(servers), secret_, {}, tick_of(now_)))) {}

  // What the control thread does with settings: a plan, verified as built, and one pointer store.
  Status change(const std::vector<Server>& servers) {
    now_ += 5 * kMicrosecondsPerTick;
    auto plan = build_plan(spec_of(servers), secret_,
                           {.plan = slot_.current().get(),
                            .settled = tick_of(now_) - 1,
                            .window = kWindow,
                            .quiet_for = {}},
                           tick_of(now_));
    if (!plan.ok()) return Error{plan.message()};
    Status status = slot_.publish(plan.value());
    reader_.quiescent();
    CHECK(!slot_.reclaim().has_value());
    return status;
  }

  // Sends one packet of each flow; answers the last byte of the address of the server that each
  // reached.
  std::vector<uint8_t> send(const std::vector<Flow>& flows, bool is_opening) {
    std::vector<uint8_t> servers;
    servers.reserve(flows.size());
    std::vector<const Flow*> block;
    for (const Flow& flow : flows) {
      block.push_back(&flow);
      if (block.size() < Buffers::kCount && &flow != &flows.back()) continue;
      buffers_.fill(block, is_opening);
      for (size_t first = 0; first < block.size(); first += kBurst) {
        send_burst(first, std::min(kBurst, block.size() - first), servers);
      }
      block.clear();
    }
    return servers;
  }

  WorkerCounts counts() const { return evidence_->worker(); }

 private:
  void send_burst(size_t first, size_t count, std::vector<uint8_t>& servers) {
    std::array<Frame, kBurst> frames;
    std::array<Reason, kBurst> reasons;
    const std::span<Frame> burst(frames.data(), count);
    buffers_.receive(first, burst);
    uint64_t bytes = 0;
    for (const Frame& frame : burst) bytes += frame.length;
    evidence_->count_received(count, bytes);
    pipeline_.run(reader_.read(), burst, ++now_, std::span(reasons.data(), count));
    for (size_t i = 0; i < count; ++i) {
      CHECK(reasons[i] == Reason::none);
      const auto outer = load<Ipv4Header>(frames[i].data + sizeof(EthernetHeader));
      CHECK(outer.protocol == static_cast<uint8_t>(Protocol::ipv4));
      servers.push_back(static_cast<uint8_t>(outer.destination.value()));
    }
    reader_.quiescent();
  }

  static constexpr std::array<uint8_t, 32> kKey = {42};
  const Secret secret_{kKey};
  Microseconds now_ = 1'000'000'000;
  std::unique_ptr<Evidence> evidence_ = must(Evidence::make({.slots = 64, .services = 4}));
  FlowMemory memory_ = must(FlowMemory::make(kFlowMemoryBytesDefault, {}));
  Handshakes handshakes_ = must(Handshakes::make(*evidence_));
  Turns turns_ = must(Turns::make());
  Pipeline pipeline_{secret_, *evidence_, memory_, handshakes_, turns_};
  Buffers buffers_;
  Slot<Plan> slot_;
  Slot<Plan>::Reader reader_{slot_, 0};
};

std::string spread(const std::vector<uint8_t>& reached) {
  std::map<uint8_t, size_t> counts;
  for (const uint8_t server : reached) ++counts[server];
  std::string text;
  for (const auto& [server, count] : counts) {
    std::array<char, 64> part;
    std::snprintf(part.data(), part.size(), "  web%u %5.1f %%", server,
                  100.0 * static_cast<double>(count) / static_cast<double>(reached.size()));
    text += part.data();
  }
  return text;
}

size_t moved(const std::vector<uint8_t>& before, const std::vector<uint8_t>& after) {
  size_t count = 0;
  for (size_t i = 0; i < before.size(); ++i) count += before[i] != after[i] ? 1 : 0;
  return count;
}

size_t on(const std::vector<uint8_t>& reached, uint8_t server) {
  return static_cast<size_t>(std::ranges::count(reached, server));
}

class Story {
 public:
  // Answers whether every statement held.
  bool tell();

 private:
  void expect(bool holds, const char* statement) {
    std::printf("  %-6s %s\n", holds ? "yes" : "NO", statement);
    all_well_ = all_well_ && holds;
  }
  void expect_refusal(const char* what, const std::vector<Server>& servers) {
    const Status status = box_.change(servers);
    std::printf("  %s:\n    %s\n", what, status.ok() ? "accepted" : status.message().c_str());
    all_well_ = all_well_ && !status.ok();
  }
  void open();
  void drain();
  void flood();
  void fail();
  void refuse();

  Box box_{{{"web1", 3, true}, {"web2", 2, true}, {"web3", 1, true}}};
  const std::vector<Flow> older_ = bench::make_flows(kFlows, 1, true, 1);
  const std::vector<Flow> newer_ = bench::make_flows(kFlows, 1, true, 2);
  std::vector<uint8_t> older_on_;
  std::vector<uint8_t> newer_on_;
  bool all_well_ = true;
};

void Story::open() {
  std::printf("\nA service on 198.18.0.0:443 with three servers of weights 3, 2 and 1, by IPIP\n");
  older_on_ = box_.send(older_, true);
  std::printf("  60,000 connections opened:%s\n", spread(older_on_).c_str());
  expect(moved(older_on_, box_.send(older_, false)) == 0,
         "every later packet goes where its SYN went");
}

void Story::drain() {
  std::printf("\nweb2 is drained: weight 0, while its connections are open\n");
  CHECK(box_.change({{"web1", 3, true}, {"web2", 0, true}, {"web3", 1, true}}).ok());
  newer_on_ = box_.send(newer_, true);
  std::printf("  60,000 new connections:   %s\n", spread(newer_on_).c_str());
  expect(on(newer_on_, 2) == 0, "no new connection goes to web2");
  expect(moved(older_on_, box_.send(older_, false)) == 0 &&
             moved(newer_on_, box_.send(newer_, false)) == 0,
         "no open connection moves, on web2 or elsewhere");
}

void Story::flood() {
  std::printf("\nA flood of 1,000,000 SYNs from everywhere, in the middle of that\n");
  box_.send(bench::make_flows(kFlood, 1, true, 3), true);
  std::printf("  flow memory is %zu MB before and after; %llu unfinished handshakes gave way\n",
              kFlowMemoryBytesDefault >> 20,
              static_cast<unsigned long long>(box_.counts().evictions));
  expect(moved(older_on_, box_.send(older_, false)) == 0 &&
             moved(newer_on_, box_.send(newer_, false)) == 0,
         "still no open connection has moved");
}

void Story::fail() {
  std::printf("\nweb3 fails\n");
  CHECK(box_.change({{"web1", 3, true}, {"web2", 0, true}, {"web3", 0, false}}).ok());
  const std::vector<uint8_t> now_on = box_.send(older_, false);
  expect(moved(older_on_, now_on) == on(older_on_, 3), "its connections move, and only those");
  expect(on(now_on, 3) == 0, "nothing goes to web3 any more");
  older_on_ = now_on;
}

void Story::refuse() {
  std::printf("\nSettings that cannot be honoured\n");
  expect_refusal("all weights 0", {{"web1", 0, true}, {"web2", 0, true}, {"web3", 0, true}});
  expect_refusal("a dead server with weight", {{"web1", 3, true}, {"web2", 2, false}});
  expect_refusal("a server named twice", {{"web1", 3, true}, {"web1", 2, true}});
  expect(moved(older_on_, box_.send(older_, false)) == 0,
         "each is refused, and traffic does not notice");
}

bool Story::tell() {
  open();
  drain();
  flood();
  fail();
  refuse();
  const WorkerCounts counts = box_.counts();
  std::printf("\n%llu packets came in, %llu went out\n",
              static_cast<unsigned long long>(counts.received_packets),
              static_cast<unsigned long long>(counts.forwarded_packets));
  expect(counts.received_packets == counts.forwarded_packets, "none was lost");
  return all_well_;
}

}  // namespace
}  // namespace evenkeel

int main() {
  evenkeel::Story story;
  return story.tell() ? EXIT_SUCCESS : EXIT_FAILURE;
}
