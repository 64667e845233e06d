// Plain packets put into packets of their own family (IPIP and GRE), eight at a time: lengths,
// checksums and limits of eight outer headers are worked out at once, which spares 45 instructions
// a packet (gcc 12). Byte for byte what emit() does, which takes all others.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

#include "firmware/wire/emit.h"
#include "firmware/wire/forwarding.h"
#include "firmware/wire/frame.h"
#include "firmware/wire/lanes.h"
#include "firmware/wire/parse_burst.h"

namespace evenkeel {

namespace emit_parts {

using namespace lanes;  // NOLINT(google-build-using-namespace)

struct OuterHeaders {
  alignas(32) std::array<std::array<uint32_t, 4>, kLanes> words;  // the first 16 bytes of each
  alignas(32) std::array<uint32_t, kLanes> length;                // of the frame
  alignas(32) std::array<uint32_t, kLanes> inner_ttl;             // with protocol and checksum
  uint32_t good = 0;  // those that emit() would not refuse, as a set of bits
};

// As patch_ipv4() and decrement_ttl(), for eight plain packets from index `at` on.
template <typename ForwardingOf>
[[gnu::always_inline]] inline void make_outer(const ForwardingOf& forwarding_of, Lanes entropy,
                                              const PlainPackets& packets, size_t at,
                                              OuterHeaders& ret_outer) {
  constexpr uint32_t kAtomic = uint32_t{Big16(kDontFragment).raw()} << 16;
  constexpr uint32_t kShapeAndFamily = static_cast<uint32_t>(Shape::ipv4) << 8 | 1u << 16;
  const auto first = load<Lanes>(packets.first.data() + at);
  const auto fragment = load<Lanes>(packets.fragment.data() + at);
  const auto ttl = load<Lanes>(packets.ttl.data() + at);
  const auto [shape, limits, base, mask] =
      load_turned([&](size_t i) { return reinterpret_cast<const uint8_t*>(forwarding_of(i)); });
  const auto inner_length = load<Lanes>(packets.lengths.data() + at);
  const Lanes length = inner_length + ((limits >> 8) & all<0xff>());
  ret_outer.good = bits_of(equal(shape & all<0xffff00>(), all<kShapeAndFamily>()) &
                           less(all<1>(), ttl & all<0xff>()) & ~less(limits >> 16, length));

  const Lanes lengths =
      (first & all<0xff00>()) | (length << 24) | ((length << 8) & all<0xff0000>()) | all<0x45>();
  const Lanes identity = either(equal(fragment & all<kAtomic>(), all<kAtomic>()), all<kAtomic>(),
                                (fragment ^ (fragment >> 16) ^ entropy) & all<0xffff>());
  const Lanes source_bits = entropy & mask;
  const Lanes sum = halves_of(
      halves_of(halves_of(lengths) + halves_of(identity) + halves_of(source_bits) + base));
  store_turned(lengths, identity, (sum ^ all<0xffff>()) << 16, source_bits,
               [&](size_t i) { return ret_outer.words[i].data(); });
  const Lanes carry = less(all<0xfffd>(), ttl >> 16) & all<0x1'0000>();
  store(ret_outer.inner_ttl.data(), ttl + carry + all<0xffff>());
  store(ret_outer.length.data(), inner_length + (shape >> 24));
  static_assert(offsetof(Forwarding, header_length) == 3);
}

struct OuterHeadersIpv6 {
  alignas(32) std::array<uint32_t, kLanes> first;
  alignas(32) std::array<uint32_t, kLanes> payload_length;  // in network order
  alignas(32) std::array<uint32_t, kLanes> source_bits;     // of the last word
  alignas(32) std::array<uint32_t, kLanes> length;          // of the frame
  uint32_t good = 0;                                        // as above
};

// As patch_ipv6(), for eight plain packets from index `at` on.
template <typename ForwardingOf>
[[gnu::always_inline]] inline void make_outer_v6(const ForwardingOf& forwarding_of, Lanes entropy,
                                                 const PlainPackets& packets, size_t at,
                                                 OuterHeadersIpv6& ret_outer) {
  constexpr uint32_t kShapeAndFamily = static_cast<uint32_t>(Shape::ipv6) << 8;
  const auto first = load<Lanes>(packets.first.data() + at);
  const auto hop_limit = load<Lanes>(packets.hop_limit.data() + at) >> 24;
  const auto inner_length = load<Lanes>(packets.lengths.data() + at);
  const auto [shape, limits, base, mask] =
      load_turned([&](size_t i) { return reinterpret_cast<const uint8_t*>(forwarding_of(i)); });
  const Lanes length = inner_length + ((limits >> 8) & all<0xff>());
  ret_outer.good = bits_of(equal(shape & all<0xffff00>(), all<kShapeAndFamily>()) &
                           less(all<1>(), hop_limit) & ~less(limits >> 16, length));

  const Lanes label = entropy & all<0xfffff>();
  const Lanes label_in_place = byte_swapped(label | (equal(label, all(0)) & all<1>()));
  store(ret_outer.first.data(), (first & all<0xf0ff>()) | label_in_place);
  store(ret_outer.payload_length.data(), byte_swapped((length - all<sizeof(Ipv6Header)>()) << 16));
  store(ret_outer.source_bits.data(), entropy & mask);
  store(ret_outer.length.data(), inner_length + (shape >> 24));
}

}  // namespace emit_parts

// Of eight plain IPv4 packets from index `at` of the burst on, emits those that it can: answers
// which, as a set of bits. The others are untouched. `entropy` is that of each; `note(i, length)`
// is told each that is emitted, and its frame's new length.
template <typename ForwardingOf, typename Note>
[[gnu::always_inline]] inline uint32_t emit_eight(const ForwardingOf& forwarding_of,
                                                  const Note& note, lanes::Lanes entropy,
                                                  const PlainPackets& packets, size_t at,
                                                  Frame* frames) {
  emit_parts::OuterHeaders outer;
  emit_parts::make_outer(forwarding_of, entropy, packets, at, outer);
  frames += at;
  lanes::for_each(outer.good, [&](size_t i) {
    const Forwarding& forwarding = *forwarding_of(i);
    uint8_t* const ip = frames[i].data + sizeof(EthernetHeader);
    emit_parts::copy_front<Shape::ipv4>(forwarding, ip);
    const auto ready = load<__m128i>(emit_parts::ready_outer(forwarding, Forwarding::kShortHeader));
    store(ip - forwarding.overhead, _mm_or_si128(ready, load<__m128i>(outer.words[i].data())));
    store(ip + offsetof(Ipv4Header, ttl), outer.inner_ttl[i]);
    frames[i] = Frame{
        .data = ip - forwarding.header_length, .length = outer.length[i], .port = forwarding.port};
    note(i, outer.length[i]);
  });
  return outer.good;
}

// As emit_eight(), of eight plain IPv6 packets.
template <typename ForwardingOf, typename Note>
[[gnu::always_inline]] inline uint32_t emit_eight_v6(const ForwardingOf& forwarding_of,
                                                     const Note& note, lanes::Lanes entropy,
                                                     const PlainPackets& packets, size_t at,
                                                     Frame* frames) {
  // Ethernet, tag, IPv6 and GRE: what the front has on its second cache line.
  constexpr size_t kFront = kMaxOuterHeader - Forwarding::kShortHeader;
  static_assert(kFront == kCacheLine && kFront >= sizeof(EthernetHeader) + sizeof(VlanTag) +
                                                      sizeof(Ipv6Header) + sizeof(GreHeader));
  constexpr size_t kSourceEnd = offsetof(Ipv6Header, source) + 12;
  emit_parts::OuterHeadersIpv6 outer;
  emit_parts::make_outer_v6(forwarding_of, entropy, packets, at, outer);
  frames += at;
  lanes::for_each(outer.good, [&](size_t i) {
    const Forwarding& forwarding = *forwarding_of(i);
    uint8_t* const ip = frames[i].data + sizeof(EthernetHeader);
    uint8_t* const to = ip - forwarding.overhead;
    const auto ready =
        load<uint32_t>(emit_parts::ready_outer(forwarding, kMaxOuterHeader) + kSourceEnd);
    const uint8_t* const front = forwarding.header.data() + Forwarding::kShortHeader;
    store(ip - kFront, load<__m256i>(front));
    store(ip - kFront / 2, load<__m256i>(front + kFront / 2));
    store(to, outer.first[i]);
    store(to + offsetof(Ipv6Header, payload_length),
          static_cast<uint16_t>(outer.payload_length[i]));
    store(to + kSourceEnd, ready | outer.source_bits[i]);
    --ip[offsetof(Ipv6Header, hop_limit)];
    frames[i] = Frame{
        .data = ip - forwarding.header_length, .length = outer.length[i], .port = forwarding.port};
    note(i, outer.length[i]);
  });
  return outer.good;
}

}  // namespace evenkeel
