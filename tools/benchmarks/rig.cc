#include "tools/benchmarks/rig.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/wire/emit.h"

namespace evenkeel::bench {
namespace {

constexpr Tick kWindow = 1000;

template <typename T>
T must(Result<T> result) {
  if (!result.ok()) std::fprintf(stderr, "%s\n", result.message().c_str());
  CHECK(result.ok());
  return std::move(result.value());
}

BackendSpec make_backend(const Scale& shape, char wave, uint32_t number) {
  BackendSpec backend;
  backend.name = wave + std::to_string(number);
  ForwardingSpec& way = backend.forwarding;
  way.mode = Mode::ipip;
  way.inner_is_v4 = shape.is_v4;
  way.source_mac = {2, 0, 0, 0, 0, 3};
  way.destination_mac = {2, 0, 0, 0, 0, 4};
  way.source_entropy_bits = 8;
  const uint32_t host = static_cast<uint32_t>(wave) << 16 | number;
  if (shape.is_v4) {
    way.tunnel_source = Address::v4(0x0a640000);
    way.destination = Address::v4(0x0a000000 | host);
  } else {
    way.tunnel_source.bytes = {0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0};
    way.destination.bytes = {0xfd};
    store(way.destination.bytes.data() + 12, Big32(host));
  }
  return backend;
}

std::shared_ptr<const Plan> must_build(const PlanSpec& spec, const Plan* before, Tick now) {
  return must(build_plan(spec, Rig::secret(),
                         {.plan = before, .settled = now - 1, .window = kWindow, .quiet_for = {}},
                         now));
}

}  // namespace

const Secret& Rig::secret() {
  static constexpr std::array<uint8_t, 32> kKey = {1, 2, 3, 4, 5, 6, 7, 8};
  static const Secret kSecret{kKey};
  return kSecret;
}

PlanSpec make_spec(const Scale& shape, char wave, char older) {
  PlanSpec spec;
  spec.sample_shift = shape.sample_shift;
  std::vector<MemberSpec> members;
  for (uint32_t i = 0; i < shape.backends; ++i) {
    members.push_back({.backend = i});
    spec.backends.push_back(make_backend(shape, wave, i));
  }
  for (uint32_t i = 0; older != 0 && i < shape.backends; ++i) {
    members.push_back({.backend = shape.backends + i, .weight = 0});
    spec.backends.push_back(make_backend(shape, older, i));
  }
  for (uint32_t i = 0; i < shape.services; ++i) {
    ServiceSpec service;
    service.name = "service" + std::to_string(i);
    service.points.push_back({.address = vip(shape.is_v4, i),
                              .protocol = static_cast<uint8_t>(Protocol::tcp),
                              .first_port = 443,
                              .last_port = 443});
    service.buckets = shape.buckets;
    service.members = members;
    spec.services.push_back(std::move(service));
  }
  return spec;
}

Rig::Rig(const Scale& shape)
    : shape_(shape),
      slot_(1, must_build(make_spec(shape, 'a'), nullptr, tick_of(now_))),
      evidence_(must(Evidence::make({.slots = kMaxBackends, .services = kMaxServices}))),
      memory_(must(FlowMemory::make(kFlowMemoryBytesDefault, {}))),
      handshakes_(must(Handshakes::make(*evidence_))),
      turns_(must(Turns::make())),
      pipeline_(secret(), *evidence_, memory_, handshakes_, turns_) {
  settle();
}

// One loop, as a worker's.
void Rig::run(std::span<Frame> frames, std::span<Reason> ret_reasons) {
  pipeline_.run(reader_.read(), frames, now_, ret_reasons);
  reader_.quiescent();
}

// Lets flow memory look after itself, as an idle worker does between bursts.
void Rig::settle() {
  for (size_t i = 0; i < memory_.capacity() / FlowMemory::kWays; ++i) run({}, {});
}

void Rig::move_every_bucket() {
  now_ += 10 * kMicrosecondsPerTick;
  const Plan* const before = slot_.current().get();
  CHECK(slot_.publish(must_build(make_spec(shape_, 'b', 'a'), before, tick_of(now_))).ok());
  settle();
  CHECK(!slot_.reclaim().has_value());
}

double Rig::run_block(std::span<const Flow* const> flows, bool is_opening) {
  buffers_.fill(flows, is_opening);
  std::array<Frame, kBurst> frames;
  std::array<Reason, kBurst> reasons;
  const double start = seconds_now();
  for (size_t first = 0; first < flows.size(); first += kBurst) {
    const size_t count = std::min(kBurst, flows.size() - first);
    buffers_.receive(first, std::span(frames).first(count));
    uint64_t bytes = 0;
    for (const Frame& frame : std::span(frames).first(count)) bytes += frame.length;
    evidence_->count_received(count, bytes);
    run(std::span(frames).first(count), std::span(reasons).first(count));
    now_ += 1;
  }
  const double time = seconds_now() - start;
  // A packet that is dropped costs less than one that is sent: none may be, in any burst.
  const WorkerCounts counts = evidence_->worker();
  CHECK(counts.forwarded_packets == counts.received_packets);
  return time;
}

double Rig::run_plain_block(std::span<const Flow* const> flows) {
  buffers_.fill(flows, false);
  std::array<Frame, 1> frame;
  const Plan& plan = reader_.read();
  const double start = seconds_now();
  for (size_t i = 0; i < flows.size(); ++i) {
    buffers_.receive(i, frame);
    Parsed parsed;
    CHECK(parse(frame[0], parsed) == Reason::none);
    const uint64_t flow = secret().flow_hash(parsed.key);
    const uint16_t service =
        plan.lookup->find(parsed.key.destination, parsed.key.protocol, parsed.key.destination_port);
    const uint16_t backend = plan.bucket(service, flow).current;
    CHECK(emit(plan.forwardings[backend], frame[0], parsed, static_cast<uint32_t>(flow)) ==
          Reason::none);
  }
  return seconds_now() - start;
}

template <typename RunBlock>
std::vector<double> Rig::rounds_of(const std::vector<Flow>& flows, size_t packets, size_t rounds,
                                   const RunBlock& run_block) {
  std::vector<double> nanoseconds;
  std::array<const Flow*, Buffers::kCount> block;
  for (size_t round = 0; round <= rounds; ++round) {
    double time = 0;
    size_t done = 0;
    for (; done < packets; done += block.size()) {
      for (const Flow*& flow : block) flow = &flows[random_() % flows.size()];
      time += run_block(std::span<const Flow* const>(block));
    }
    if (round > 0) nanoseconds.push_back(time * 1e9 / static_cast<double>(done));
  }
  return nanoseconds;  // of all rounds but the first, which warms up
}

std::vector<double> Rig::measure(const std::vector<Flow>& flows, size_t packets, size_t rounds) {
  return rounds_of(flows, packets, rounds, [&](auto block) { return run_block(block, false); });
}

std::vector<double> Rig::measure_plain(const std::vector<Flow>& flows, size_t packets,
                                       size_t rounds) {
  return rounds_of(flows, packets, rounds, [&](auto block) { return run_plain_block(block); });
}

std::vector<double> Rig::measure_flood(const Scale& shape, size_t packets, size_t rounds) {
  std::vector<double> nanoseconds;
  for (size_t round = 0; round <= rounds; ++round) {
    const std::vector<Flow> flows = make_flows(packets, shape.services, shape.is_v4, random_());
    double time = 0;
    size_t done = 0;
    std::vector<const Flow*> block;
    for (const Flow& flow : flows) {
      block.push_back(&flow);
      if (block.size() < Buffers::kCount) continue;
      time += run_block(block, true);
      done += block.size();
      block.clear();
    }
    if (round > 0) nanoseconds.push_back(time * 1e9 / static_cast<double>(done));
  }
  return nanoseconds;
}

void Rig::establish(const std::vector<Flow>& flows) {
  std::vector<const Flow*> block;
  for (const Flow& flow : flows) {
    block.push_back(&flow);
    if (block.size() < Buffers::kCount && &flow != &flows.back()) continue;
    (void)run_block(block, true);
    (void)run_block(block, false);
    block.clear();
  }
}

}  // namespace evenkeel::bench
