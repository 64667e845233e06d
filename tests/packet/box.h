// What a client sees of a worker: packets into a pipeline with all that belongs to it, and packets
// out. Every packet lies in a buffer of its own, between bytes that nobody may write.
#pragma once

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "firmware/base/check.h"
#include "firmware/packet/pipeline.h"
#include "tests/exchange/specs.h"
#include "tests/wire/packet.h"

namespace evenkeel {

using Bytes = std::vector<uint8_t>;

inline constexpr size_t kEthernet = sizeof(EthernetHeader);

struct Client {
  const char* address = "198.51.100.7";
  const char* vip = "192.0.2.1";
  uint16_t port = 40'000;
  uint16_t vip_port = 80;
  Protocol protocol = Protocol::tcp;
};

inline FlowKey key_of(const Client& client) {
  return {.source = address_of(client.address),
          .destination = address_of(client.vip),
          .source_port = client.port,
          .destination_port = client.vip_port,
          .protocol = static_cast<uint8_t>(client.protocol),
          .zero = {}};
}

template <typename Header>
void append(Bytes& bytes, const Header& header) {
  const size_t end = bytes.size();
  bytes.resize(end + sizeof header);
  store(bytes.data() + end, header);
}

inline void append_ip(Bytes& bytes, const Address& source, const Address& destination,
                      Protocol protocol, size_t payload) {
  if (source.is_v4()) {
    append(bytes, Ipv4Header{.version_length = 0x45,
                             .traffic_class = 0,
                             .total_length = static_cast<uint16_t>(sizeof(Ipv4Header) + payload),
                             .id = 0x1234,
                             .fragment = kDontFragment,
                             .ttl = 64,
                             .protocol = static_cast<uint8_t>(protocol),
                             .checksum = 0,
                             .source = source.as_v4(),
                             .destination = destination.as_v4()});
    mend_ipv4_checksum(bytes.data() + bytes.size() - sizeof(Ipv4Header));
    return;
  }
  append(bytes, Ipv6Header{.version_class_label = 6u << 28,
                           .payload_length = static_cast<uint16_t>(payload),
                           .next_header = static_cast<uint8_t>(protocol),
                           .hop_limit = 64,
                           .source = source.bytes,
                           .destination = destination.bytes});
}

inline Bytes ethernet_of(const Address& address) {
  Bytes bytes;
  const EtherType type = address.is_v4() ? EtherType::ipv4 : EtherType::ipv6;
  append(bytes,
         EthernetHeader{{2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 9}, static_cast<uint16_t>(type)});
  return bytes;
}

// Sets the checksum at `at` of the transport header that begins at `l4`.
inline void mend_transport(Bytes& bytes, size_t at) {
  bytes[at] = bytes[at + 1] = 0;
  const auto sum = static_cast<uint16_t>(~plain_transport_sum(bytes.data() + kEthernet));
  bytes[at] = static_cast<uint8_t>(sum >> 8);
  bytes[at + 1] = static_cast<uint8_t>(sum);
}

// A frame of this client, with a payload that is told apart from any other's.
inline Bytes packet_from(const Client& client, uint8_t tcp_flags = kTcpAck, size_t payload = 6) {
  const FlowKey key = key_of(client);
  Bytes bytes = ethernet_of(key.source);
  const bool is_tcp = client.protocol == Protocol::tcp;
  const size_t header = is_tcp                             ? sizeof(TcpHeader)
                        : client.protocol == Protocol::udp ? sizeof(UdpHeader)
                                                           : sizeof(SctpHeader);
  append_ip(bytes, key.source, key.destination, client.protocol, header + payload);
  const size_t l4 = bytes.size();
  if (is_tcp) {
    append(bytes, TcpHeader{.source_port = client.port,
                            .destination_port = client.vip_port,
                            .sequence = 1,
                            .acknowledgement = 2,
                            .data_offset = 0x50,
                            .flags = tcp_flags,
                            .window = 0xffff,
                            .checksum = 0,
                            .urgent = 0});
  } else if (client.protocol == Protocol::udp) {
    append(bytes, UdpHeader{.source_port = client.port,
                            .destination_port = client.vip_port,
                            .length = static_cast<uint16_t>(header + payload),
                            .checksum = 0});
  } else {
    append(bytes, SctpHeader{client.port, client.vip_port, 7, 0});
  }
  for (size_t i = 0; i < payload; ++i) bytes.push_back(static_cast<uint8_t>(client.port + i));
  if (is_tcp) mend_transport(bytes, l4 + offsetof(TcpHeader, checksum));
  if (client.protocol == Protocol::udp) mend_transport(bytes, l4 + offsetof(UdpHeader, checksum));
  return bytes;
}

inline Bytes echo_from(const Client& client) {
  const FlowKey key = key_of(client);
  const bool is_v4 = key.source.is_v4();
  Bytes bytes = ethernet_of(key.source);
  append_ip(bytes, key.source, key.destination, is_v4 ? Protocol::icmp : Protocol::icmpv6,
            sizeof(IcmpHeader) + 4);
  append(bytes, IcmpHeader{is_v4 ? kIcmpEchoRequest : kIcmpv6EchoRequest, 0, 0, 0x0001'0002});
  for (const char letter : {'p', 'i', 'n', 'g'}) bytes.push_back(static_cast<uint8_t>(letter));
  mend_transport(bytes, bytes.size() - 4 - sizeof(IcmpHeader) + offsetof(IcmpHeader, checksum));
  return bytes;
}

// A router on the way tells the VIP that a packet to this client did not fit.
inline Bytes too_big_about(const Client& client) {
  const FlowKey key = key_of(client);
  const bool is_v4 = key.source.is_v4();
  Bytes bytes = ethernet_of(key.source);
  constexpr size_t kQuoted = 8;
  const size_t quote = (is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header)) + kQuoted;
  append_ip(bytes, address_of(is_v4 ? "203.0.113.9" : "2001:db8:f::9"), key.destination,
            is_v4 ? Protocol::icmp : Protocol::icmpv6, sizeof(IcmpHeader) + quote);
  const size_t icmp = bytes.size();
  append(bytes, IcmpHeader{is_v4 ? kIcmpUnreachable : kIcmpv6TooBig,
                           is_v4 ? kIcmpFragmentationNeeded : uint8_t{0}, 0, 1'400});
  append_ip(bytes, key.destination, key.source, client.protocol, 1'400);
  append(bytes, std::array<Big16, 4>{client.vip_port, client.port, 0, 1});
  mend_transport(bytes, icmp + offsetof(IcmpHeader, checksum));
  return bytes;
}

class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { show(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  // From here to holds(), a sanitizer lets nobody read behind the packet.
  void fill(const Bytes& bytes) {
    CHECK(bytes.size() <= kLargest);
    show();
    bytes_.fill(kPattern);
    end_ = kStart + kFrameHeadroom + bytes.size();
    std::copy(bytes.begin(), bytes.end(), bytes_.data() + kStart + kFrameHeadroom);
    ASAN_POISON_MEMORY_REGION(bytes_.data() + end_, bytes_.size() - end_);
  }

  Frame frame() {
    return {.data = bytes_.data() + kStart + kFrameHeadroom,
            .length = static_cast<uint32_t>(end_ - kStart - kFrameHeadroom)};
  }

  // Nothing outside of the frame's room was written, nor is the frame outside of it.
  bool holds(const Frame& frame) const {
    show();
    const auto is_pattern = [](uint8_t byte) { return byte == kPattern; };
    return frame.data >= bytes_.data() + kStart &&
           frame.data + frame.length <= bytes_.data() + end_ &&
           std::all_of(bytes_.data(), bytes_.data() + kStart, is_pattern) &&
           std::all_of(bytes_.data() + end_, bytes_.data() + bytes_.size(), is_pattern);
  }

 private:
  static constexpr size_t kStart = 256;
  static constexpr size_t kLargest = 1'600;
  static constexpr uint8_t kPattern = 0xa5;

  void show() const { ASAN_UNPOISON_MEMORY_REGION(bytes_.data(), bytes_.size()); }

  std::array<uint8_t, 2 * kStart + kFrameHeadroom + kLargest> bytes_{};
  size_t end_ = 0;
};

struct Sent {
  Reason reason = Reason::none;
  Bytes bytes;  // of a packet that was not dropped
};

// A worker.
class Box {
 public:
  // With turns of its own, or those of another worker.
  explicit Box(size_t handshakes = kHandshakesMin, Turns* turns = nullptr)
      : evidence_(std::move(Evidence::make({.slots = 64, .services = 16}).value())),
        memory_(std::move(FlowMemory::make(kFlowMemoryBytesMin, {}).value())),
        handshakes_(std::move(Handshakes::make(*evidence_, handshakes).value())),
        own_turns_(turns == nullptr ? std::make_unique<Turns>(std::move(Turns::make().value()))
                                    : nullptr),
        pipeline_(secret_, *evidence_, memory_, handshakes_,
                  turns == nullptr ? *own_turns_ : *turns) {}

  // One burst. CHECKs that no byte outside of frames and their room was touched.
  std::vector<Sent> burst(const Plan& plan, const std::vector<Bytes>& packets) {
    std::array<Frame, kBurst> frames;
    std::array<Reason, kBurst> reasons;
    CHECK(packets.size() <= kBurst);
    for (size_t i = 0; i < packets.size(); ++i) {
      buffers_[i].fill(packets[i]);
      frames[i] = buffers_[i].frame();
    }
    pipeline_.run(plan, std::span(frames.data(), packets.size()), now,
                  std::span(reasons.data(), packets.size()));
    for (const Bytes& packet : packets) evidence_->count_received(1, packet.size());
    std::vector<Sent> sent;
    for (size_t i = 0; i < packets.size(); ++i) {
      CHECK(buffers_[i].holds(frames[i]));
      sent.push_back({.reason = reasons[i], .bytes = {}});
      const Frame& frame = frames[i];
      if (reasons[i] == Reason::none) {
        sent.back().bytes.assign(frame.data, frame.data + frame.length);
      } else {
        evidence_->count_drop(reasons[i]);
        CHECK(Bytes(frame.data, frame.data + frame.length) == packets[i]);
      }
    }
    return sent;
  }
  Sent send(const Plan& plan, const Bytes& packet) { return burst(plan, {packet}).front(); }

  // The number of the backend (of backend_of()) that a packet goes to; -1: it is dropped.
  int64_t backend_for(const Plan& plan, const Bytes& packet) {
    const Sent sent = send(plan, packet);
    if (sent.reason != Reason::none) return -1;
    const auto outer = load<Ipv4Header>(sent.bytes.data() + kEthernet);
    return int64_t{outer.destination.value()} - 0x0a00'0001;
  }
  void idle(const Plan& plan, size_t loops = 1) {
    for (size_t i = 0; i < loops; ++i) burst(plan, {});
  }
  void pass(Tick seconds) { now += seconds * kMicrosecondsPerTick; }
  Tick tick() const { return tick_of(now); }

  uint64_t flow_hash(const Client& client) const { return secret_.flow_hash(key_of(client)); }
  // This client, or one with another port whose handshake is followed.
  Client sampled(Client client) const {
    while (!Handshakes::is_sampled(flow_hash(client))) ++client.port;
    return client;
  }

  Pipeline& pipeline() { return pipeline_; }
  const Evidence& evidence() const { return *evidence_; }
  const FlowMemory& memory() const { return memory_; }
  WorkerCounts counts() const { return evidence_->worker(); }
  BackendCounts counts(const Plan& plan, const char* backend) const {
    return evidence_->backend(slot_of(plan, backend));
  }

  Microseconds now = kNow * kMicrosecondsPerTick;

 private:
  const Secret secret_ = secret_of(1);  // as built() takes
  std::unique_ptr<Evidence> evidence_;
  FlowMemory memory_;
  Handshakes handshakes_;
  std::unique_ptr<Turns> own_turns_;
  Pipeline pipeline_;
  std::array<Buffer, kBurst> buffers_;
};

}  // namespace evenkeel
