// Plain IPv4 packets eight at a time: 40 instructions a packet, where parse() takes 95
// (gcc 12).
//
// The first 32 bytes from kRowStart on of eight frames are turned round, so that a vector holds the
// same word of all eight: one comparison then is eight. Only who passes every check is answered;
// all others - other families, tags, options, fragments, and whatever is wrong - are for parse(),
// which knows the reasons. tests/wire/parse_burst_test.cc holds the two against each other.
#pragma once

#include <immintrin.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>

#include "firmware/wire/frame.h"
#include "firmware/wire/headers.h"
#include "firmware/wire/lanes.h"
#include "firmware/wire/parse.h"

namespace evenkeel {

namespace parse_parts {

using namespace lanes;  // NOLINT(google-build-using-namespace)

// From here on, Ethernet's type ends the first word and the IP header begins the second.
inline constexpr size_t kRowStart = 10;
inline constexpr size_t kTcpLengthFlags =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + offsetof(TcpHeader, data_offset);
inline constexpr size_t kPlainBytes =
    sizeof(EthernetHeader) + sizeof(Ipv4Header) + sizeof(TcpHeader);

// kTcpSignals by the flags' 16 combinations without PSH.
inline Lanes tcp_signals(Lanes flags) {
  static constexpr std::array<uint8_t, 16> kTable = [] {
    std::array<uint8_t, 16> table{};
    for (size_t i = 0; i < table.size(); ++i) table[i] = kTcpSignals[(i & 7) | ((i & 8) << 1)];
    return table;
  }();
  const Lanes index = (flags & 7) | ((flags >> 1) & 8);
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kTable.data())));
  return reinterpret_cast<Lanes>(_mm256_shuffle_epi8(table, reinterpret_cast<__m256i>(index))) &
         0xff;
}

inline Lanes tcp_lengths_flags(const Frame* frames) {
  const auto of = [&](size_t i) { return load<int16_t>(frames[i].data + kTcpLengthFlags); };
  return reinterpret_cast<Lanes>(_mm256_cvtepu16_epi32(
      _mm_setr_epi16(of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7))));
}

inline Lanes addresses_are_right(Lanes source, Lanes destination) {
  const Lanes net = source & 0xff;
  return less(all(0), net) & less(net, all(224)) & ~equal(net, all(127)) &
         ~equal(source, destination);
}

}  // namespace parse_parts

// The plain packets of a burst, each at its frame's index: words of their headers as they stand in
// memory, so that eight are worked on at once. Who wants all of one has it described.
struct PlainPackets {
  template <typename T>
  using Column = std::array<T, kBurst>;

  alignas(32) Column<uint32_t> first;  // version, traffic class, total length
  alignas(32) Column<uint32_t> fragment;
  alignas(32) Column<uint32_t> ttl;  // protocol, checksum
  alignas(32) Column<uint32_t> source;
  alignas(32) Column<uint32_t> destination;
  alignas(32) Column<uint32_t> ports;
  alignas(32) Column<uint32_t> signals;
  uint64_t good = 0;     // which there are, as a set of bits
  uint64_t opening = 0;  // of those, the ones whose signals have kOpening

  uint16_t length(size_t i) const { return byte_swap(static_cast<uint16_t>(first[i] >> 16)); }
  // What parse() says of it.
  void describe(size_t i, Parsed& ret_parsed) const;
};

// By whole stores, which whoever reads it right after need not wait for.
inline void PlainPackets::describe(size_t i, Parsed& ret_parsed) const {
  const auto words = [](uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
    return _mm_setr_epi32(static_cast<int>(a), static_cast<int>(b), static_cast<int>(c),
                          static_cast<int>(d));
  };
  constexpr uint32_t kMapped = 0xffff0000;
  constexpr uint32_t kL4 = sizeof(EthernetHeader) + sizeof(Ipv4Header);
  const uint32_t may_fragment = (fragment[i] >> 16 & Big16(kDontFragment).raw()) == 0 ? 1 : 0;
  auto* const at = reinterpret_cast<uint8_t*>(&ret_parsed);
  store(at, words(0, 0, kMapped, source[i]));
  store(at + 16, words(0, 0, kMapped, destination[i]));
  store(at + 32, words(ports[i], ttl[i] >> 8 & 0xff,
                       uint32_t{length(i)} << 16 | sizeof(EthernetHeader), kL4));
  store(at + 48, words((first[i] & 0xff00) << 16 | signals[i] << 16 | 0x0100,
                       (ttl[i] & 0xff) | may_fragment << 8, 0, 0));
}

// Of eight frames, those at index `at` of the burst and on, parses the ones that are plain IPv4,
// untagged, and adds them.
[[gnu::always_inline]] inline void parse_eight(const Frame* frames, size_t at,
                                               PlainPackets& packets) {
  using namespace parse_parts;
  frames += at;
  const Lanes lengths = gathered([&](size_t i) { return frames[i].length; });
  if (bits_of(less(lengths, all(kPlainBytes))) != 0) [[unlikely]]
    return;
  const auto [type, first, fragment, ttl] =
      load_turned([&](size_t i) { return frames[i].data + kRowStart; });
  const Lanes is_v4 = equal(type >> 16, all(Big16(static_cast<uint16_t>(EtherType::ipv4)).raw()));
  if (bits_of(is_v4) == 0) return;  // spares IPv6 30 instructions a packet
  const auto [source, destination, ports, behind_ports] =
      load_turned([&](size_t i) { return frames[i].data + kRowStart + 16; });
  // Not 0, since the version is not.
  const Lanes sum = halves_of(halves_of(first) + halves_of(fragment) + halves_of(ttl) +
                              halves_of(source) + halves_of(destination));
  const Lanes length = (first >> 24) | ((first >> 8) & 0xff00);
  const Lanes protocol = (ttl >> 8) & 0xff;
  Lanes good = is_v4 & equal(first & 0xff, all(0x45)) & equal(fragment & 0xff3f'0000, all(0)) &
               ~less(lengths - uint32_t{sizeof(EthernetHeader)}, length) & equal(sum, all(0xffff)) &
               addresses_are_right(source, destination) & ~equal(ports >> 16, all(0)) &
               ~equal(ports & 0xffff, all(0));

  const Lanes length_flags = tcp_lengths_flags(frames);
  const Lanes is_tcp = equal(protocol, all(static_cast<uint8_t>(Protocol::tcp)));
  const Lanes is_udp = equal(protocol, all(static_cast<uint8_t>(Protocol::udp)));
  const Lanes udp_length = ((behind_ports & 0xff) << 8) | ((behind_ports >> 8) & 0xff);
  const Lanes l4_length = either(is_tcp, (length_flags & 0xf0) >> 2, udp_length);
  const Lanes least = either(is_tcp, all(sizeof(TcpHeader)), all(sizeof(UdpHeader)));
  const Lanes signals = tcp_signals(length_flags >> 8) & is_tcp;
  good &= (is_tcp | is_udp) & ~less(l4_length, least) &
          ~less(length - uint32_t{sizeof(Ipv4Header)}, l4_length) &
          equal(signals & kUnacceptable, all(0));

  store(packets.first.data() + at, first);
  store(packets.fragment.data() + at, fragment);
  store(packets.ttl.data() + at, ttl);
  store(packets.source.data() + at, source);
  store(packets.destination.data() + at, destination);
  store(packets.ports.data() + at, ports);
  store(packets.signals.data() + at, signals);
  static_assert(kOpening == 1);
  packets.good |= uint64_t{bits_of(good)} << at;
  packets.opening |= uint64_t{bits_of(good & (signals << 31))} << at;
}

// Of a burst, parses the plain IPv4 packets among all whole eights.
inline void parse_eights(std::span<const Frame> frames, PlainPackets& ret_packets) {
  ret_packets.good = ret_packets.opening = 0;
  for (size_t i = 0; i + lanes::kLanes <= frames.size(); i += lanes::kLanes) {
    parse_eight(frames.data(), i, ret_packets);
  }
}

}  // namespace evenkeel
