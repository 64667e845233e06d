// Plain packets eight at a time: 40 instructions a packet, where parse() takes 95
// (gcc 12).
//
// From kRowStart on, 32 bytes (IPv6: 64) of eight frames are turned round, so that a vector holds
// the same word of all eight: one comparison then is eight. Only who passes every check is
// answered; all others - tags, options, extension headers, fragments, IPv6 among other packets, and
// whatever is wrong - are for parse(), which knows the reasons. tests/wire/parse_burst_test.cc
// holds the two against each other.
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
inline constexpr size_t kPlainBytesIpv6 =
    sizeof(EthernetHeader) + sizeof(Ipv6Header) + sizeof(TcpHeader);
static_assert(kPlainBytesIpv6 == kRowStart + 4 * sizeof(std::array<uint32_t, 4>));

// kTcpSignals by the flags' 16 combinations without PSH.
inline Lanes tcp_signals(Lanes flags) {
  static constexpr std::array<uint8_t, 16> kTable = [] {
    std::array<uint8_t, 16> table{};
    for (size_t i = 0; i < table.size(); ++i) table[i] = kTcpSignals[(i & 7) | ((i & 8) << 1)];
    return table;
  }();
  const Lanes index = (flags & all<7>()) | ((flags >> 1) & all<8>());
  const __m256i table =
      _mm256_broadcastsi128_si256(_mm_loadu_si128(reinterpret_cast<const __m128i*>(kTable.data())));
  return reinterpret_cast<Lanes>(_mm256_shuffle_epi8(table, reinterpret_cast<__m256i>(index))) &
         all<0xff>();
}

inline Lanes tcp_lengths_flags(const Frame* frames) {
  const auto of = [&](size_t i) { return load<int16_t>(frames[i].data + kTcpLengthFlags); };
  return reinterpret_cast<Lanes>(_mm256_cvtepu16_epi32(
      _mm_setr_epi16(of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7))));
}

inline Lanes addresses_are_right(Lanes source, Lanes destination) {
  const Lanes net = source & all<0xff>();
  return less(all(0), net) & less(net, all<224>()) & ~equal(net, all<127>()) &
         ~equal(source, destination);
}

// Of an IPv6 address, each of its words.
using Words = std::array<Lanes, 4>;

// Addresses in ::/64 are parse_slow()'s.
inline Lanes addresses_are_right(const Words& source, const Words& destination) {
  const Lanes differing = (source[0] ^ destination[0]) | (source[1] ^ destination[1]) |
                          (source[2] ^ destination[2]) | (source[3] ^ destination[3]);
  return ~equal(source[0] | source[1], all(0)) & ~equal(destination[0] | destination[1], all(0)) &
         ~equal(source[0] & all<0xff>(), all<0xff>()) & ~equal(differing, all(0));
}

// A number of 16 bits that begins a word, or ends it.
inline Lanes front_number(Lanes word) {
  return ((word & all<0xff>()) << 8) | ((word >> 8) & all<0xff>());
}
inline Lanes back_number(Lanes word) { return (word >> 24) | ((word >> 8) & all<0xff00>()); }

struct Transport {
  Lanes good;
  Lanes signals;
};

// What plain_signals() and has_zero_port() say. `length_flags` begins with TCP's data_offset.
[[gnu::always_inline]] inline Transport read_transport(Lanes protocol, Lanes room, Lanes ports,
                                                       Lanes behind_ports, Lanes length_flags) {
  const Lanes is_tcp = equal(protocol, all<static_cast<uint8_t>(Protocol::tcp)>());
  const Lanes is_udp = equal(protocol, all<static_cast<uint8_t>(Protocol::udp)>());
  const Lanes length =
      either(is_tcp, (length_flags & all<0xf0>()) >> 2, front_number(behind_ports));
  const Lanes least = either(is_tcp, all<sizeof(TcpHeader)>(), all<sizeof(UdpHeader)>());
  const Lanes signals = tcp_signals(length_flags >> 8) & is_tcp;
  return {.good = (is_tcp | is_udp) & ~less(length, least) & ~less(room, length) &
                  equal(signals & all<kUnacceptable>(), all(0)) & ~equal(ports >> 16, all(0)) &
                  ~equal(ports & all<0xffff>(), all(0)),
          .signals = signals};
}

}  // namespace parse_parts

// The plain packets of a burst, each at its frame's index: words of their headers as they stand in
// memory, so that eight are worked on at once. Who wants all of one has it described.
//
// Of the eight that begin at a multiple of eight, the plain ones are of one family.
struct PlainPackets {
  template <typename T>
  using Column = std::array<T, kBurst>;

  alignas(32) Column<uint32_t> first;      // IPv4: version, traffic class, total length;
                                           // IPv6: version, traffic class, flow label
  alignas(32) Column<uint32_t> fragment;   // IPv4 only
  alignas(32) Column<uint32_t> ttl;        // IPv4 only, with protocol and checksum
  alignas(32) Column<uint32_t> hop_limit;  // IPv6 only, behind payload length and next header
  alignas(32) std::array<Column<uint32_t>, 4> source;       // IPv4: the last word only
  alignas(32) std::array<Column<uint32_t>, 4> destination;  // likewise
  alignas(32) Column<uint32_t> ports;
  alignas(32) Column<uint32_t> signals;
  alignas(32) Column<uint32_t> lengths;  // of the IP packets: numbers
  uint64_t good = 0;                     // which there are, as a set of bits
  uint64_t ipv6 = 0;                     // of those, the ones of that family
  uint64_t opening = 0;                  // of those, the ones whose signals have kOpening

  uint16_t length(size_t i) const { return static_cast<uint16_t>(lengths[i]); }
  // As it stands in an Address.
  __m128i source_of(size_t i) const;
  // What parse() says of it.
  void describe(size_t i, Parsed& ret_parsed) const;
};

namespace parse_parts {

inline constexpr uint32_t kMapped = 0xffff0000;

inline __m128i words(uint32_t a, uint32_t b, uint32_t c, uint32_t d) {
  return _mm_setr_epi32(static_cast<int>(a), static_cast<int>(b), static_cast<int>(c),
                        static_cast<int>(d));
}

}  // namespace parse_parts

inline __m128i PlainPackets::source_of(size_t i) const {
  using parse_parts::words;
  return (ipv6 >> i & 1) != 0 ? words(source[0][i], source[1][i], source[2][i], source[3][i])
                              : words(0, 0, parse_parts::kMapped, source[3][i]);
}

// By whole stores, which whoever reads it right after need not wait for.
inline void PlainPackets::describe(size_t i, Parsed& ret_parsed) const {
  using namespace parse_parts;  // NOLINT(google-build-using-namespace)
  auto* const at = reinterpret_cast<uint8_t*>(&ret_parsed);
  const uint32_t l3 = lengths[i] << 16 | sizeof(EthernetHeader);
  if ((ipv6 >> i & 1) != 0) {
    constexpr uint32_t kL4 = sizeof(EthernetHeader) + sizeof(Ipv6Header);
    const uint32_t traffic_class = (first[i] & 0xf) << 4 | (first[i] >> 12 & 0xf);
    store(at, source_of(i));
    store(at + 16,
          words(destination[0][i], destination[1][i], destination[2][i], destination[3][i]));
    store(at + 32, words(ports[i], hop_limit[i] >> 16 & 0xff, l3, kL4));
    store(at + 48, words(traffic_class << 24 | signals[i] << 16, hop_limit[i] >> 24, 0, 0));
    return;
  }
  constexpr uint32_t kL4 = sizeof(EthernetHeader) + sizeof(Ipv4Header);
  const uint32_t may_fragment = (fragment[i] >> 16 & Big16(kDontFragment).raw()) == 0 ? 1 : 0;
  store(at, source_of(i));
  store(at + 16, words(0, 0, kMapped, destination[3][i]));
  store(at + 32, words(ports[i], ttl[i] >> 8 & 0xff, l3, kL4));
  store(at + 48, words((first[i] & 0xff00) << 16 | signals[i] << 16 | 0x0100,
                       (ttl[i] & 0xff) | may_fragment << 8, 0, 0));
}

namespace parse_parts {

// What both families' answers have. Answers which are good, as a set of bits.
[[gnu::always_inline]] inline uint64_t keep(Lanes good, Lanes first, Lanes length, Lanes ports,
                                            Lanes signals, size_t at, PlainPackets& packets) {
  store(packets.first.data() + at, first);
  store(packets.lengths.data() + at, length);
  store(packets.ports.data() + at, ports);
  store(packets.signals.data() + at, signals);
  static_assert(kOpening == 1);
  const uint64_t answer = uint64_t{bits_of(good)} << at;
  packets.good |= answer;
  packets.opening |= uint64_t{bits_of(good & (signals << 31))} << at;
  return answer;
}

// From the first row's words on; `lengths` are those of the frames, from index `at` on.
[[gnu::always_inline]] inline void parse_eight_v4(const Frame* frames, Lanes lengths,
                                                  const Words& row, size_t at,
                                                  PlainPackets& packets) {
  const auto [type, first, fragment, ttl] = row;
  const auto [source, destination, ports, behind_ports] =
      load_turned([&](size_t i) { return frames[i].data + kRowStart + 16; });
  const Lanes is_v4 = equal(type >> 16, all<Big16(static_cast<uint16_t>(EtherType::ipv4)).raw()>());
  // Not 0, since the version is not.
  const Lanes sum = halves_of(halves_of(first) + halves_of(fragment) + halves_of(ttl) +
                              halves_of(source) + halves_of(destination));
  const Lanes length = back_number(first);
  const auto [transport_is_good, signals] =
      read_transport((ttl >> 8) & all<0xff>(), length - all<sizeof(Ipv4Header)>(), ports,
                     behind_ports, tcp_lengths_flags(frames));
  const Lanes good = is_v4 & equal(first & all<0xff>(), all<0x45>()) &
                     equal(fragment & all<0xff3f'0000>(), all(0)) &
                     ~less(lengths - all<sizeof(EthernetHeader)>(), length) &
                     equal(sum, all<0xffff>()) & addresses_are_right(source, destination) &
                     transport_is_good;

  store(packets.fragment.data() + at, fragment);
  store(packets.ttl.data() + at, ttl);
  store(packets.source[3].data() + at, source);
  store(packets.destination[3].data() + at, destination);
  keep(good, first, length, ports, signals, at, packets);
}

// As parse_eight_v4(). REQUIRES: all eight are IPv6, and of kPlainBytesIpv6.
[[gnu::always_inline]] inline void parse_eight_v6(const Frame* frames, Lanes lengths,
                                                  const Words& row, size_t at,
                                                  PlainPackets& packets) {
  const auto turned = [&](size_t row_start) {
    return load_turned([&](size_t i) { return frames[i].data + row_start; });
  };
  const auto [type, first, hop_limit, source0] = row;
  const auto [source1, source2, source3, destination0] = turned(kRowStart + 16);
  const auto [destination1, destination2, destination3, ports] = turned(kRowStart + 32);
  const auto [behind_ports, acknowledgement, length_flags, end] = turned(kRowStart + 48);
  const Words source = {source0, source1, source2, source3};
  const Words destination = {destination0, destination1, destination2, destination3};
  const Lanes room = front_number(hop_limit);
  const Lanes length = room + all<sizeof(Ipv6Header)>();
  const auto [transport_is_good, signals] =
      read_transport((hop_limit >> 16) & all<0xff>(), room, ports, behind_ports, length_flags);
  const Lanes good = equal(first & all<0xf0>(), all<0x60>()) & less(length, all<UINT16_MAX + 1>()) &
                     ~less(lengths - all<sizeof(EthernetHeader)>(), length) &
                     addresses_are_right(source, destination) & transport_is_good;

  store(packets.hop_limit.data() + at, hop_limit);
#pragma GCC unroll 4  // a loop, gcc 12 would fill from copies of them in memory
  for (size_t word = 0; word < source.size(); ++word) {
    store(packets.source[word].data() + at, source[word]);
    store(packets.destination[word].data() + at, destination[word]);
  }
  packets.ipv6 |= keep(good, first, length, ports, signals, at, packets);
}

}  // namespace parse_parts

// Of eight frames, those at index `at` of the burst and on, parses the ones that are plain,
// untagged, and adds them: IPv6 where all are, else IPv4.
[[gnu::always_inline]] inline void parse_eight(const Frame* frames, size_t at,
                                               PlainPackets& packets) {
  using namespace parse_parts;
  constexpr uint32_t kAll = 0xff;
  frames += at;
  const Lanes lengths = gathered([&](size_t i) { return frames[i].length; });
  if (bits_of(less(lengths, all<kPlainBytes>())) != 0) [[unlikely]]
    return;
  const Words row = load_turned([&](size_t i) { return frames[i].data + kRowStart; });
  const Lanes is_v6 =
      equal(row[0] >> 16, all<Big16(static_cast<uint16_t>(EtherType::ipv6)).raw()>());
  const uint32_t which_are_v6 = bits_of(is_v6);
  if (which_are_v6 != kAll) {
    parse_eight_v4(frames, lengths, row, at, packets);
  } else if (bits_of(less(lengths, all<kPlainBytesIpv6>())) == 0) {
    parse_eight_v6(frames, lengths, row, at, packets);
  }
}

// Of a burst, parses the plain packets among all whole eights.
inline void parse_eights(std::span<const Frame> frames, PlainPackets& ret_packets) {
  ret_packets.good = ret_packets.ipv6 = ret_packets.opening = 0;
  for (size_t i = 0; i + lanes::kLanes <= frames.size(); i += lanes::kLanes) {
    parse_eight(frames.data(), i, ret_packets);
  }
}

}  // namespace evenkeel
