// An ICMP error is a message about a packet, and most of the work is in the packet that it quotes:
// both headers change, and the message's checksum covers all of it.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "firmware/wire/emit.h"
#include "firmware/wire/translate_header.h"

namespace evenkeel::translate_parts {
namespace {

// Of a quoted transport header, what can change lies in its first bytes.
constexpr size_t kChangingTransport = 20;

constexpr uint32_t kFamilyGrowth = sizeof(Ipv6Header) - sizeof(Ipv4Header);

// The parts of an error, as offsets from the frame's first byte.
struct Error {
  IpView outer;
  IpView quoted;
  size_t message;    // the ICMP header
  size_t transport;  // the quoted transport header, which does not move
  size_t end;        // of what is kept
};

Error read_error(const Frame& frame, const Parsed& parsed) {
  Error error{.outer = read_ip(frame.data + parsed.l3_offset),
              .quoted = read_ip(frame.data + parsed.quoted_offset),
              .message = parsed.l4_offset,
              .transport = 0,
              .end = size_t{parsed.l3_offset} + parsed.l3_length};
  error.transport = size_t{parsed.quoted_offset} + error.quoted.header_length;
  return error;
}

Transport quoted_transport(const Frame& frame, const Error& error) {
  const size_t length = error.quoted.is_whole() ? error.quoted.payload_length : 0;
  return Transport{.at = frame.data + error.transport,
                   .available = error.end - error.transport,
                   .length = length,
                   .protocol = error.quoted.protocol};
}

PartialSum sum_changing(const Transport& transport) {
  return sum_bytes(transport.at, std::min(transport.available, kChangingTransport));
}

// The quoted packet went the other way.
void replace_quoted_ports(const Transport& transport, const Translation& translation,
                          const Covered& addresses) {
  replace_ports(transport, translation.destination_port, translation.source_port, addresses);
}

Address source_of(const uint8_t* ip, bool is_v4) {
  return is_v4 ? Address::v4(load<Big32>(ip + offsetof(Ipv4Header, source)))
               : Address::v6(ip + offsetof(Ipv6Header, source));
}

Reason translate_within(Frame& frame, const Parsed& parsed, const Translation& translation) {
  if (parsed.l3_length > translation.mtu) return Reason::too_big;

  uint8_t* const ip = frame.data + parsed.l3_offset;
  uint8_t* const quoted = frame.data + parsed.quoted_offset;
  const bool is_v4 = parsed.is_v4;
  const Error error = read_error(frame, parsed);
  const Transport transport = quoted_transport(frame, error);
  const Address sender = source_of(ip, is_v4);
  const Covered outer =
      replace_addresses(ip, is_v4, sender == parsed.key.source ? translation.source : sender,
                        translation.destination);
  Covered message = is_v4 ? Covered{} : outer;
  message.before += sum_bytes(quoted, error.quoted.header_length) + sum_changing(transport);
  replace_quoted_ports(
      transport, translation,
      replace_addresses(quoted, is_v4, translation.destination, translation.source));
  message.after += sum_bytes(quoted, error.quoted.header_length) + sum_changing(transport);
  update_checksum(frame.data + error.message + offsetof(IcmpHeader, checksum), message);
  emit_parts::decrement_ttl(ip, is_v4);
  enframe(frame, parsed.l3_offset, parsed.l3_length, translation);
  return Reason::none;
}

// --- Between families: types and codes (RFC 7915 4.2, 5.2) ---------------------------------------

struct TypeCode {
  uint8_t type = 0;
  uint8_t code = 0;
  uint8_t pointer = 0;
};
using Meaning = std::optional<TypeCode>;

constexpr uint8_t kNowhere = 0xff;  // a field without counterpart

constexpr uint8_t kIcmpv6TimeExceeded = 3;
constexpr TypeCode kNoRoute{kIcmpv6Unreachable, 0};
constexpr TypeCode kProhibited{kIcmpv6Unreachable, 1};
constexpr TypeCode kUnknownNextHeader{kIcmpv6Parameter, 1, offsetof(Ipv6Header, next_header)};

// By the code of ICMP's "unreachable". "Fragmentation needed" comes with its MTU elsewhere; 14 is
// about IPv4's precedence alone.
constexpr std::array<Meaning, 16> kUnreachableInV6 = {
    kNoRoute,     kNoRoute,    kUnknownNextHeader, TypeCode{kIcmpv6Unreachable, 4},
    std::nullopt, kNoRoute,    kNoRoute,           kNoRoute,
    kNoRoute,     kProhibited, kProhibited,        kNoRoute,
    kNoRoute,     kProhibited, std::nullopt,       kProhibited};

// By the code of ICMPv6's "unreachable".
constexpr std::array<TypeCode, 5> kUnreachableInV4 = {
    TypeCode{kIcmpUnreachable, 1}, TypeCode{kIcmpUnreachable, 10}, TypeCode{kIcmpUnreachable, 1},
    TypeCode{kIcmpUnreachable, 1}, TypeCode{kIcmpUnreachable, 3}};

// Where a byte of one header is in the other.
constexpr std::array<uint8_t, 20> kPointerInV6 = {
    0,        1,        4, 4, kNowhere, kNowhere, kNowhere, kNowhere, 7,  6,
    kNowhere, kNowhere, 8, 8, 8,        8,        24,       24,       24, 24};
uint8_t pointer_in_v4(uint32_t pointer) {
  constexpr std::array<uint8_t, 8> kFirst = {0, 1, kNowhere, kNowhere, 2, 2, 9, 8};
  if (pointer < kFirst.size()) return kFirst.at(pointer);
  if (pointer < offsetof(Ipv6Header, destination)) return offsetof(Ipv4Header, source);
  return pointer < sizeof(Ipv6Header) ? offsetof(Ipv4Header, destination) : kNowhere;
}

Big32 first_byte(uint8_t value) { return uint32_t{value} << 24; }

// Routers older than RFC 1191 tell no MTU: then it is the next of the usual ones below the packet.
uint32_t plateau_below(uint32_t length) {
  for (const uint32_t plateau : {32'000u, 17'914u, 8'166u, 4'352u, 2'002u, 1'492u}) {
    if (plateau < length) return plateau;
  }
  return kMinMtuIpv6;
}

Big32 mtu_in_v6(const IcmpHeader& icmp, const IpView& quoted, uint32_t mtu) {
  uint32_t told = icmp.rest.value() & 0xffff;
  if (told == 0) told = plateau_below(uint32_t{quoted.header_length} + quoted.payload_length);
  return std::max(kMinMtuIpv6, std::min(told + kFamilyGrowth, mtu));
}

Big32 mtu_in_v4(const IcmpHeader& icmp, uint32_t mtu) {
  const uint32_t told = std::max(icmp.rest.value(), kMinMtuIpv4 + kFamilyGrowth);
  return std::min(told - kFamilyGrowth, mtu);
}

using Icmp = std::optional<IcmpHeader>;  // without checksum

Icmp icmpv6_of(const IcmpHeader& icmp, const IpView& quoted, uint32_t mtu) {
  if (icmp.type == kIcmpTimeExceeded) return IcmpHeader{kIcmpv6TimeExceeded, icmp.code, {}, {}};
  if (icmp.type == kIcmpUnreachable) {
    if (icmp.code == kIcmpFragmentationNeeded) {
      return IcmpHeader{kIcmpv6TooBig, 0, {}, mtu_in_v6(icmp, quoted, mtu)};
    }
    if (icmp.code >= kUnreachableInV6.size()) return std::nullopt;
    const Meaning& meaning = kUnreachableInV6.at(icmp.code);
    if (!meaning) return std::nullopt;
    return IcmpHeader{meaning->type, meaning->code, {}, Big32(meaning->pointer)};
  }
  const uint32_t pointer = icmp.rest.value() >> 24;
  const bool tells = icmp.code == 0 || icmp.code == 2;  // the pointer; the length is bad
  if (!tells || pointer >= kPointerInV6.size() || kPointerInV6.at(pointer) == kNowhere) {
    return std::nullopt;
  }
  return IcmpHeader{kIcmpv6Parameter, 0, {}, Big32(kPointerInV6.at(pointer))};
}

Icmp icmp_of(const IcmpHeader& icmp, uint32_t mtu) {
  switch (icmp.type) {
    case kIcmpv6Unreachable: {
      if (icmp.code >= kUnreachableInV4.size()) return std::nullopt;
      const TypeCode& meaning = kUnreachableInV4.at(icmp.code);
      return IcmpHeader{meaning.type, meaning.code, {}, {}};
    }
    case kIcmpv6TooBig:
      return IcmpHeader{kIcmpUnreachable, kIcmpFragmentationNeeded, {}, mtu_in_v4(icmp, mtu)};
    case kIcmpv6TimeExceeded:
      return IcmpHeader{kIcmpTimeExceeded, icmp.code, {}, {}};
    default:
      break;
  }
  if (icmp.code == kUnknownNextHeader.code) return IcmpHeader{kIcmpUnreachable, 2, {}, {}};
  const uint8_t pointer = pointer_in_v4(icmp.rest.value());
  if (icmp.code != 0 || pointer == kNowhere) return std::nullopt;
  return IcmpHeader{kIcmpParameter, 0, {}, first_byte(pointer)};
}

// --- Between families: the packet ----------------------------------------------------------------

// How many bytes the quoted packet has where extensions follow it (RFC 4884 4.1, 4.2); 0: none do.
size_t quoted_length_told(const IcmpHeader& icmp, bool is_v4) {
  const uint32_t rest = icmp.rest.value();
  if (is_v4) return (rest >> 16 & size_t{0xff}) * 4;
  const bool may = icmp.type == kIcmpv6Unreachable || icmp.type == kIcmpv6TimeExceeded;
  return may ? size_t{rest >> 24} * 8 : 0;
}

// What of the quoted transport on is kept: extensions go, and what would make the error more than
// `largest` bytes of IP packet. Cut at an even byte, so that checksums can follow.
size_t kept_length(const Error& error, const IcmpHeader& icmp, size_t headers, size_t largest) {
  const size_t told = quoted_length_told(icmp, error.outer.is_v4);
  const size_t available = error.end - error.transport;
  const size_t quoted =
      told <= error.quoted.header_length ? available : told - error.quoted.header_length;
  return std::min({available, quoted, (largest - headers) & ~size_t{1}});
}

PartialSum sum_icmpv6_pseudo_header(const uint8_t* ip, size_t length) {
  return sum_addresses(ip, false) + Big32(static_cast<uint32_t>(length)).raw() +
         Big32(static_cast<uint32_t>(Protocol::icmpv6)).raw();
}

// The error as it is to be. Its parts are written from the quoted transport backwards: all that is
// overwritten has been read before.
struct Draft {
  Error error;
  IcmpHeader old_icmp{};
  IcmpHeader icmp{};
  size_t outer_length = 0;
  size_t quoted_length = 0;
  size_t kept = 0;

  size_t headers() const { return outer_length + sizeof(IcmpHeader) + quoted_length; }
  size_t length() const { return headers() + kept; }
  ptrdiff_t ip_at() const {
    return static_cast<ptrdiff_t>(error.transport) - static_cast<ptrdiff_t>(headers());
  }
};

Reason make_draft(const Frame& frame, const Parsed& parsed, const Translation& translation,
                  Draft& ret_draft) {
  constexpr size_t kLeastQuote = 8;  // RFC 792
  const bool to_v4 = !parsed.is_v4;
  Draft draft{.error = read_error(frame, parsed)};
  const Error& error = draft.error;
  draft.old_icmp = load<IcmpHeader>(frame.data + error.message);
  const Icmp icmp = to_v4 ? icmp_of(draft.old_icmp, translation.mtu)
                          : icmpv6_of(draft.old_icmp, error.quoted, translation.mtu);
  if (!icmp || !error.outer.has_counterpart || !error.quoted.has_counterpart) {
    return Reason::untranslatable;
  }
  draft.icmp = *icmp;
  draft.outer_length = translated_header_length(error.outer, to_v4);
  draft.quoted_length = translated_header_length(error.quoted, to_v4);
  const size_t largest = std::min<size_t>(translation.mtu, kMinMtuIpv6);
  if (draft.headers() + kLeastQuote > largest) return Reason::too_big;
  draft.kept = kept_length(error, draft.old_icmp, draft.headers(), largest);
  if (draft.kept < kLeastQuote) return Reason::untranslatable;
  ret_draft = draft;
  return Reason::none;
}

// What the message's checksum covered of all that changes.
PartialSum sum_before(const Frame& frame, const Parsed& parsed, const Draft& draft,
                      const Transport& transport) {
  const Error& error = draft.error;
  IcmpHeader icmp = draft.old_icmp;
  icmp.checksum = 0;
  const size_t cut_from = error.transport + draft.kept;
  const PartialSum sum = sum_bytes(&icmp, sizeof(icmp)) +
                         sum_bytes(frame.data + parsed.quoted_offset, error.quoted.header_length) +
                         sum_changing(transport) +
                         sum_bytes(frame.data + cut_from, error.end - cut_from);
  if (parsed.is_v4) return sum;
  return sum + sum_icmpv6_pseudo_header(frame.data + parsed.l3_offset, error.end - error.message);
}

Reason translate_between(Frame& frame, const Parsed& parsed, const Translation& translation) {
  Draft draft;
  const Reason reason = make_draft(frame, parsed, translation, draft);
  if (reason != Reason::none) return reason;

  const bool to_v4 = !parsed.is_v4;
  IpView& outer = draft.error.outer;
  const IpView& quoted = draft.error.quoted;
  Transport transport = quoted_transport(frame, draft.error);
  transport.available = draft.kept;
  Covered message{.before = sum_before(frame, parsed, draft, transport)};
  Covered addresses{.before = sum_addresses(frame.data + parsed.quoted_offset, parsed.is_v4)};

  uint8_t* const quoted_at = transport.at - draft.quoted_length;
  write_translated_header(quoted_at, quoted, translation.destination, translation.source,
                          quoted.ttl, Big16());
  addresses.after = sum_addresses(quoted_at, to_v4);
  replace_quoted_ports(transport, translation, addresses);
  uint8_t* const ip = frame.data + draft.ip_at();
  outer.payload_length = static_cast<uint16_t>(draft.length() - draft.outer_length);
  write_translated_header(ip, outer, translation.source, translation.destination,
                          static_cast<uint8_t>(outer.ttl - 1), draft.old_icmp.checksum);
  message.after = sum_bytes(&draft.icmp, sizeof(draft.icmp)) +
                  sum_bytes(quoted_at, draft.quoted_length) + sum_changing(transport);
  if (!to_v4) message.after += sum_icmpv6_pseudo_header(ip, outer.payload_length);
  draft.icmp.checksum = updated(draft.old_icmp.checksum, message.before, message.after);
  store(quoted_at - sizeof(IcmpHeader), draft.icmp);
  enframe(frame, draft.ip_at(), draft.length(), translation);
  return Reason::none;
}

}  // namespace

Reason translate_error(Frame& frame, const Parsed& parsed, const Translation& translation) {
  return parsed.is_v4 == translation.destination.is_v4()
             ? translate_within(frame, parsed, translation)
             : translate_between(frame, parsed, translation);
}

}  // namespace evenkeel::translate_parts
