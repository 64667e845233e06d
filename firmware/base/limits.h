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

// What people say of a change, an override or an event, and who they are, in bytes; waivers of one
// change.
inline constexpr size_t kMaxWhy = 4'096;
inline constexpr size_t kMaxWho = 64;
inline constexpr size_t kMaxWaivers = 64;

// A generation's number: a change each second would take 30,000 years.
inline constexpr uint64_t kMaxGeneration = 1'000'000'000'000;

// Generations whose texts are read when the archive is opened, to tell damage before it matters.
inline constexpr size_t kGenerationsVerified = 32;

// Generations, damage and events that are told at once.
inline constexpr size_t kMaxHistory = 1'000;
inline constexpr size_t kMaxDamage = 100;
inline constexpr size_t kMaxEventsListed = 10'000;

// An event's text in bytes; texts written in one step; events kept in memory while the journal's
// disk fails; events removed in one step; the journal on the disk, at least.
inline constexpr size_t kMaxEventText = 8'192;
inline constexpr size_t kMaxEventBytesWritten = 131'072;
inline constexpr size_t kEventsPrunedAtOnce = 2'000;
inline constexpr size_t kMaxEventsInMemory = 10'000;
inline constexpr size_t kMinJournalBytes = 1u << 20;

// Overrides at a time, and how long one may hold: what is to hold longer belongs in the settings.
inline constexpr size_t kMaxOverrides = 1'024;
inline constexpr uint64_t kMaxOverrideSeconds = uint64_t{30} * 86'400;
inline constexpr uint64_t kMaxOverrideWeight = 1'000'000;

// Probes of backends under way at a time, each with a socket; sockets of each family that wait for
// a next one; how many probes may be commands.
// Fields that a check adds to its request. Bytes of an HTTP answer's header; of its body, or what
// else is looked through; of a command's output; of what an agent says.
inline constexpr size_t kMaxProbes = 16'384;
inline constexpr size_t kMaxFreeSockets = 1'024;
inline constexpr size_t kMaxCommands = 256;
inline constexpr size_t kMaxCheckHeaders = 16;
inline constexpr size_t kMaxProbeHeader = 16u << 10;
inline constexpr size_t kMaxProbeBody = 64u << 10;
inline constexpr size_t kMaxCommandOutput = 16u << 10;
inline constexpr size_t kMaxAgentLine = 1'024;

// The file of what is held of all backends.
inline constexpr size_t kMaxHealthFile = 64u << 20;

// Steps of a rollout before the whole.
inline constexpr size_t kMaxRolloutSteps = 8;

// Queries of the user's own monitoring, of one service and in all; bytes of one, and of what is
// answered to it; those that are under way at a time.
inline constexpr size_t kMaxQueriesOfService = 16;
inline constexpr size_t kMaxQueries = 256;
inline constexpr size_t kMaxQueryText = 4'096;
inline constexpr size_t kMaxQueryAnswer = 256u << 10;
inline constexpr size_t kMaxQueriesUnderWay = 16;

// For how long a change may be on probation, in seconds.
inline constexpr uint64_t kMinConfirmSeconds = 1;
inline constexpr uint64_t kMaxConfirmSeconds = uint64_t{7} * 86'400;

// Lines taken out and put in that the difference of two texts tells one by one.
inline constexpr size_t kMaxDiffLines = 2'000;

// The API: connections of the box's own users, how many of them one user may have, and how many
// those may have who only look; connections from afar, and of one address. Who may not change
// anything cannot keep out who may.
inline constexpr size_t kMaxApiConnections = 64;
inline constexpr size_t kMaxApiConnectionsOfUser = 16;
inline constexpr size_t kMaxApiLeaving = 64;  // dismissed, and told why
inline constexpr size_t kMaxApiConnectionsOfViewers = 32;
inline constexpr size_t kMaxApiRemoteConnections = 32;
inline constexpr size_t kMaxApiConnectionsOfAddress = 8;

// Bytes of a request's header, and of its body: a text of settings, in which JSON may write a byte
// as two; of who only looks, much less. Bytes of one answer (65,535 backends are some 50 MB), and
// of all bodies and answers at a time. JSON in JSON so deep. Edits in one request, and bytes that
// they may read: each reads the whole text, and nobody else is answered meanwhile. Names of users
// that are remembered.
inline constexpr size_t kMaxApiHeader = 16u << 10;
inline constexpr size_t kMaxApiBody = (2 * kMaxSettingsBytes) + (64u << 10);
inline constexpr size_t kMaxApiSmallBody = 64u << 10;
inline constexpr size_t kMaxApiAnswer = 96u << 20;
inline constexpr size_t kMaxApiBytesInFlight = 256u << 20;
inline constexpr size_t kMaxApiDepth = 8;
inline constexpr size_t kMaxApiEdits = 64;
inline constexpr size_t kMaxApiEditedBytes = 64u << 20;
inline constexpr size_t kMaxApiNames = 256;

// Who is told of alerts, of either kind; bytes of a URL; alerts that fire at a time since something
// is so, and since something happened, of which as many are listed once they are over; bytes of
// what one says.
inline constexpr size_t kMaxAlertReceivers = 8;
inline constexpr size_t kMaxUrl = 1'024;
inline constexpr size_t kMaxAlerts = 1'000;
inline constexpr size_t kMaxAlertsOver = 100;
inline constexpr size_t kMaxAlertText = 1'024;

// Credentials of requests to others; the file with what one proves itself with, and those whose
// certificates are believed: the system's are some 200 KB.
inline constexpr size_t kMaxCredentials = 16;
inline constexpr size_t kMaxAuthorizationFile = 8u << 10;
inline constexpr size_t kMaxAuthoritiesFile = 4u << 20;

// Who fetches metrics without the API, at a time.
inline constexpr size_t kMaxMetricsConnections = 16;

// The token file of the API, and a token.
inline constexpr size_t kMaxTokenFile = 64u << 10;
inline constexpr size_t kMinToken = 20;
inline constexpr size_t kMaxToken = 256;

static_assert(kMaxOuterHeader <= kFrameHeadroom);
static_assert(2 * kMaxEventText <= kMaxEventBytesWritten);
static_assert(4 * kMaxEventBytesWritten <= kMinJournalBytes, "a step fits, with its indexes");
static_assert(kMaxBackends <= kNoBackend, "a backend's slot and 'none' must fit in 16 bits");
static_assert(kMaxServices < kNoService, "a service's number and 'none' must fit in 16 bits");
static_assert(kMaxBackendsPerService <= kMaxBackends);
static_assert(2 * kMaxSettingName + 1 <= kMaxName);
static_assert(kMaxPrefixes < 0xffff, "the number of a way and 'none' must fit in 16 bits");
static_assert(kMaxFlowTimeout + kFlowMemoryPass < kFlowStampRange);
static_assert(kMaxApiConnectionsOfViewers + kMaxApiConnectionsOfUser <= kMaxApiConnections,
              "an operator finds a place, whoever looks");
static_assert(kMaxApiAnswer + kMaxApiBody <= kMaxApiBytesInFlight);
static_assert(kMaxSettingsBytes <= kMaxApiEditedBytes, "one edit is possible, whatever the text");
static_assert(kMinBuckets <= kDefaultBuckets && kDefaultBuckets <= kMaxBuckets);
static_assert(3 * kMaxServicePoints < kNoService, "a range makes at most 3 pages of ports");
static_assert(kMaxBackendsPerService * 100 <= kMaxBuckets,
              "the largest service can be spread to 1 %");

}  // namespace evenkeel
