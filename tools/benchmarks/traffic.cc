#include "tools/benchmarks/traffic.h"

#include <cstring>
#include <string>

#include "firmware/base/check.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/headers.h"

namespace evenkeel::bench {
namespace {

constexpr size_t kMinFrame = 60;  // without the check sequence

Address random_source(bool is_v4, std::mt19937_64& random) {
  // 64.0.0.0/3 and 2400::/8: nothing that a box refuses as martian.
  if (is_v4) return Address::v4(static_cast<uint32_t>(0x40000000u | (random() & 0x1fffffff)));
  std::array<uint8_t, 16> bytes;
  store(bytes.data(), random());
  store(bytes.data() + 8, random());
  bytes[0] = 0x24;
  return Address::v6(bytes.data());
}

size_t write_ip(uint8_t* at, const Flow& flow) {
  if (flow.source.is_v4()) {
    Ipv4Header ip{.version_length = 0x45,
                  .traffic_class = 0,
                  .total_length = uint16_t{sizeof(Ipv4Header) + sizeof(TcpHeader)},
                  .id = uint16_t{1},
                  .fragment = kDontFragment,
                  .ttl = 60,
                  .protocol = static_cast<uint8_t>(Protocol::tcp),
                  .checksum = {},
                  .source = flow.source.as_v4(),
                  .destination = flow.destination.as_v4()};
    ip.checksum = finish(sum_ipv4_header(&ip));
    store(at, ip);
    return sizeof ip;
  }
  store(at, Ipv6Header{.version_class_label = uint32_t{6} << 28,
                       .payload_length = uint16_t{sizeof(TcpHeader)},
                       .next_header = static_cast<uint8_t>(Protocol::tcp),
                       .hop_limit = 60,
                       .source = flow.source.bytes,
                       .destination = flow.destination.bytes});
  return sizeof(Ipv6Header);
}

// The transport checksum is left out: steering neither reads nor changes it.
size_t write_frame(uint8_t* at, const Flow& flow, bool is_opening) {
  const EtherType type = flow.source.is_v4() ? EtherType::ipv4 : EtherType::ipv6;
  store(at, EthernetHeader{.destination = {2, 0, 0, 0, 0, 1},
                           .source = {2, 0, 0, 0, 0, 2},
                           .type = static_cast<uint16_t>(type)});
  size_t length = sizeof(EthernetHeader);
  length += write_ip(at + length, flow);
  store(at + length, TcpHeader{.source_port = flow.source_port,
                               .destination_port = flow.destination_port,
                               .sequence = uint32_t{1},
                               .acknowledgement = uint32_t{is_opening ? 0u : 1u},
                               .data_offset = 5 << 4,
                               .flags = is_opening ? kTcpSyn : kTcpAck,
                               .window = uint16_t{65535},
                               .checksum = {},
                               .urgent = {}});
  length += sizeof(TcpHeader);
  if (length < kMinFrame) std::memset(at + length, 0, kMinFrame - length);
  return std::max(length, kMinFrame);
}

}  // namespace

Address vip(bool is_v4, uint32_t service) {
  if (is_v4) return Address::v4(0xc6120000u + service);  // 198.18.0.0/15, for benchmarks
  Address address;
  address.bytes = {0x20, 0x01, 0x0d, 0xb8};
  store(address.bytes.data() + 12, Big32(service));
  return address;
}

std::vector<Flow> make_flows(size_t count, uint32_t services, bool is_v4, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Flow> flows(count);
  for (size_t i = 0; i < count; ++i) {
    flows[i] = {.source = random_source(is_v4, random),
                .destination = vip(is_v4, static_cast<uint32_t>(i % services)),
                .source_port = static_cast<uint16_t>(1024 + random() % 64000),
                .destination_port = 443};
  }
  return flows;
}

Buffers::Buffers() {
  Result<PageArray<Place>> made = PageArray<Place>::make(kCount);
  CHECK(made.ok());
  places_ = std::move(made.value());
}

void Buffers::fill(std::span<const Flow* const> flows, bool is_opening) {
  REQUIRE(flows.size() <= kCount);
  for (size_t i = 0; i < flows.size(); ++i) {
    Place& place = places_[i];
    const size_t length = write_frame(place.bytes.data() + kFrameHeadroom, *flows[i], is_opening);
    place.descriptor = {.buffer = place.bytes.data(),
                        .data_offset = kFrameHeadroom,
                        .length = static_cast<uint16_t>(length)};
  }
}

void Buffers::receive(size_t first, std::span<Frame> ret_frames) {
  for (size_t i = 0; i < ret_frames.size(); ++i) {
    const Descriptor& descriptor = places_[first + i].descriptor;
    ret_frames[i] = {.data = descriptor.buffer + descriptor.data_offset,
                     .length = descriptor.length};
  }
}

}  // namespace evenkeel::bench
