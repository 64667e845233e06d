// Every maximum of the product, in one place, with the relations that must hold between them.
//
// A limit that is reached is refused by name; nothing ever wraps or is cut off silently.
#pragma once

#include <cstddef>
#include <cstdint>

namespace evenkeel {

inline constexpr size_t kCacheLine = 64;

// Packets handled together by one worker; what a stage prefetches, the next stage finds in cache.
// Of 64, a miss in 64 MB of tables costs a packet 10 ns less than of 32: prefetches have more time.
inline constexpr size_t kBurst = 64;

// Backends of one plan. A bucket names its backend in 16 bits; one value means "none".
inline constexpr size_t kMaxBackends = 65'535;
inline constexpr uint16_t kNoBackend = 0xffff;

inline constexpr size_t kMaxServices = 4'096;
inline constexpr uint16_t kNoService = 0xffff;
inline constexpr size_t kMaxBackendsPerService = 4'096;

// Buckets of one service's table; always a prime.
inline constexpr uint32_t kMinBuckets = 251;
inline constexpr uint32_t kDefaultBuckets = 65'537;
inline constexpr uint32_t kMaxBuckets = 4'194'301;

// A service's hash space is watched in so many equal parts for flows that still need a moved
// bucket.
inline constexpr size_t kBucketGroups = 1'024;

// Different prefix lengths that the VIPs of one plan may have: each costs a lookup one probe.
inline constexpr size_t kMaxPrefixLengths = 16;

// Pieces into which a packet that does not fit the way to its backend is cut.
inline constexpr size_t kMaxPieces = 8;

// VIPs with a port or range each, over all services of a plan.
inline constexpr size_t kMaxServicePoints = 16'384;

// Prefixes of one list, and in all allow and deny lists of a plan together.
inline constexpr size_t kMaxPrefixes = 16'384;

// Ports or ranges of servers that are translated back (mode nat), over all services of a plan.
inline constexpr size_t kMaxServerPoints = 262'144;

// The least that a service may lower a TCP maximum segment size to (RFC 9293 3.7.1).
inline constexpr uint16_t kMinMss = 536;

// Neighbours and routes through the box's ports that replies to clients may use, and routes looked
// at to find them.
inline constexpr size_t kMaxNeighbours = 4'096;
inline constexpr size_t kMaxRoutes = 1'024;
inline constexpr size_t kMaxRoutesSeen = 16'384;

// Longest name of a service or a backend, in bytes.
inline constexpr size_t kMaxName = 128;

inline constexpr size_t kMaxWorkers = 64;

// IPv6 extension headers and VLAN tags followed before a packet is refused.
inline constexpr size_t kMaxExtensionHeaders = 8;
inline constexpr size_t kMaxVlanTags = 2;

// Bytes in front of the inner IP header that an emitted outer header may need.
inline constexpr size_t kMaxOuterHeader = 112;

// Writable bytes before every frame that the packet path is given: of the 128 that DPDK keeps free,
// AF_PACKET puts a VLAN tag back into 4.
inline constexpr size_t kFrameHeadroom = 120;

// Bytes of IP packet that a way must and may carry (RFC 791, RFC 8200; the largest jumbo frames
// that NICs agree on).
inline constexpr uint32_t kMinMtuIpv4 = 68;
inline constexpr uint32_t kMinMtuIpv6 = 1'280;
inline constexpr uint32_t kMaxMtu = 9'600;

// Longest time that a silent flow is remembered, and how long a pass over all of flow memory takes,
// in seconds: what is forgotten late must not look young again when the 14 bits of its stamp wrap.
inline constexpr uint32_t kMaxFlowTimeout = 8'191;
inline constexpr uint32_t kFlowMemoryPass = 4'096;
inline constexpr uint32_t kFlowStampRange = 1u << 14;

inline constexpr size_t kFlowMemoryBytesDefault = 16u << 20;
inline constexpr size_t kFlowMemoryBytesMin = 64u << 10;
inline constexpr size_t kFlowMemoryBytesMax = size_t{4} << 30;

// Sampled handshakes that one worker follows at a time; powers of two.
inline constexpr size_t kHandshakesMin = 4;
inline constexpr size_t kHandshakesDefault = 16'384;
inline constexpr size_t kHandshakesMax = 131'072;

// All evidence of one worker, with the most of everything above.
inline constexpr size_t kEvidenceBytesMax = 64'000'000;

// Settings: so many bytes and files of text, files that include files so deep, and so many mistakes
// told at once. Ports as DPDK numbers them. A service's or server's name; "service/server" is the
// name of a backend. A port's name is that of a network interface too.
inline constexpr size_t kMaxSettingsBytes = 16u << 20;
inline constexpr size_t kMaxSettingsFiles = 1'024;
inline constexpr size_t kMaxIncludeDepth = 8;
inline constexpr size_t kMaxKeysOfGroup = 256;
inline constexpr size_t kMaxMistakes = 100;
inline constexpr size_t kMaxPorts = 32;
inline constexpr size_t kMaxPortName = 15;
inline constexpr size_t kMaxSettingName = 63;

// Bytes of a secret's file.
inline constexpr size_t kMinSecret = 16;
inline constexpr size_t kMaxSecret = 64;

static_assert(kMaxOuterHeader <= kFrameHeadroom);
static_assert(kMaxBackends <= kNoBackend, "a backend's slot and 'none' must fit in 16 bits");
static_assert(kMaxServices < kNoService, "a service's number and 'none' must fit in 16 bits");
static_assert(kMaxBackendsPerService <= kMaxBackends);
static_assert(2 * kMaxSettingName + 1 <= kMaxName);
static_assert(kMaxPrefixes < 0xffff, "the number of a way and 'none' must fit in 16 bits");
static_assert(kMaxFlowTimeout + kFlowMemoryPass < kFlowStampRange);
static_assert(kMinBuckets <= kDefaultBuckets && kDefaultBuckets <= kMaxBuckets);
static_assert(3 * kMaxServicePoints < kNoService, "a range makes at most 3 pages of ports");
static_assert(kMaxBackendsPerService * 100 <= kMaxBuckets,
              "the largest service can be spread to 1 %");

}  // namespace evenkeel
