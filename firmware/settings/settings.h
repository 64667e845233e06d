// What the operator wants, as plain values with their defaults. load.h makes them from text and
// has checked whatever can be told from the text alone; keys.cc says of every key what it means.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/clock.h"
#include "firmware/base/limits.h"
#include "firmware/table/hash.h"
#include "firmware/table/prefixes.h"
#include "firmware/table/steer.h"
#include "firmware/wire/forwarding.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

// Of a port: its own address, and how many of the first bits are its subnet's.
struct InterfaceAddress {
  Address address;
  uint8_t length = 128;  // counted from 128 bits: an IPv4 /n is 96 + n

  friend bool operator==(const InterfaceAddress&, const InterfaceAddress&) = default;
};

struct CpuSettings {
  uint32_t control = 0;
  std::vector<uint32_t> workers = {1};

  friend bool operator==(const CpuSettings&, const CpuSettings&) = default;
};

struct MemorySettings {
  uint32_t mib = 1'024;
  bool hugepages = true;
  uint32_t buffers = 16'384;
  uint32_t flow_memory_mib = kFlowMemoryBytesDefault >> 20;  // of each worker

  friend bool operator==(const MemorySettings&, const MemorySettings&) = default;
};

// What a worker does while no packet comes.
enum class Idle : uint8_t { adaptive, poll };

struct KernelSettings {
  std::string network_namespace;  // name in /run/netns; empty: our own
  uint32_t packets_per_second = 20'000;

  friend bool operator==(const KernelSettings&, const KernelSettings&) = default;
};

struct RouteSettings {
  Prefix to;
  Address via;

  friend bool operator==(const RouteSettings&, const RouteSettings&) = default;
};

struct PortSettings {
  std::string name;    // of its TAP interface too
  std::string device;  // PCI address, or DPDK virtual device with its arguments
  uint16_t mtu = 1'500;
  uint16_t vlan = 0;  // 0: untagged
  std::vector<InterfaceAddress> addresses;
  std::vector<RouteSettings> routes;

  friend bool operator==(const PortSettings&, const PortSettings&) = default;
};

struct TunnelSettings {
  uint16_t port = 0;  // 0: the encapsulation's standard one
  // None: the address that the kernel would send from.
  std::optional<Address> source = std::nullopt;
  uint8_t source_entropy_bits = 0;
  uint8_t ttl = 64;
  uint32_t vni = 0;
  Mac inner_source_mac = {0x02, 0x45, 0x4b, 0, 0, 1};
  Mac inner_destination_mac = {0x02, 0x45, 0x4b, 0, 0, 2};

  friend bool operator==(const TunnelSettings&, const TunnelSettings&) = default;
};

// Of HTTP statuses.
struct StatusRange {
  uint16_t first = 200;
  uint16_t last = 399;

  friend bool operator==(const StatusRange&, const StatusRange&) = default;
};

enum class CheckType : uint8_t {
  none,
  tcp,
  http,
  tls,
  https,
  h2,
  grpc,
  udp,
  dns,
  icmp,
  agent,
  command
};

// Types of records, as DNS numbers them (RFC 1035 3.2.2 and later ones).
enum class DnsType : uint16_t {
  a = 1,
  ns = 2,
  cname = 5,
  soa = 6,
  ptr = 12,
  mx = 15,
  txt = 16,
  aaaa = 28,
  srv = 33,
};

// What a DNS server says of a question, as DNS numbers it (RFC 1035 4.1.1).
enum class DnsRcode : uint8_t { noerror, formerr, servfail, nxdomain, notimp, refused };

// How a service's backends are asked whether they are well.
struct CheckSettings {
  CheckType type = CheckType::none;
  uint16_t port = 0;  // 0: the one that traffic goes to
  Microseconds interval = 2'000'000;
  Microseconds timeout = 1'000'000;
  uint32_t rise = 2;     // good answers in a row until it is up
  uint32_t fall = 3;     // bad ones until it is down
  uint32_t jitter = 10;  // percent of an interval, by which it is shortened at most
  std::optional<Microseconds> fast_interval = std::nullopt;  // none: half the interval
  // If no more than so many percent of the backends would be left by it, it is not believed.
  uint32_t fail_open = 0;
  Microseconds slow_start = 0;  // until who has recovered has its whole weight
  bool same_path = false;       // asks its VIPs too, by the way that traffic goes
  // Of HTTP.
  std::string method = "GET";
  std::string path = "/";
  std::string host;  // empty: the backend's address
  std::vector<StatusRange> expect = {StatusRange{}};
  // NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.
  std::vector<std::string> headers = {};  // each "Name: value"
  std::string contains = {};              // with escapes, as unescape() has them; empty: anything
  // Of TLS.
  bool tls = false;              // where it is not the type that says so
  bool verify = true;            // the server's certificate
  std::string ca = {};           // a file; empty: the system's
  std::string server_name = {};  // empty: `host`, or the backend's address
  // Of types udp and agent: with escapes.
  std::string send = {};
  // Of type dns.
  std::string query = {};
  DnsType query_type = DnsType::a;
  std::vector<DnsRcode> rcodes = {DnsRcode::noerror};
  // Of type grpc.
  std::string grpc_service = {};  // empty: the whole server
  // Of type command.
  std::vector<std::string> command = {};
  std::string user = "nobody";
  // NOLINTEND(readability-redundant-member-init)

  friend bool operator==(const CheckSettings&, const CheckSettings&) = default;
};

// Whether a check of this type speaks HTTP, of any version; and whether it is within TLS.
constexpr bool is_http(CheckType type) {
  return type == CheckType::http || type == CheckType::https || type == CheckType::h2;
}
constexpr bool uses_tls(const CheckSettings& check) {
  const bool may = check.type == CheckType::h2 || check.type == CheckType::grpc;
  return check.type == CheckType::tls || check.type == CheckType::https || (may && check.tls);
}

struct BackendSettings {
  std::string name;
  Address address;
  uint16_t port = 0;  // mode nat; 0: the port that the client asked for
  uint32_t weight = 1;
  uint64_t capacity = 0;        // new flows a second that it can take; 0: not known
  bool in_maintenance = false;  // takes no flows at all; by an override, never by the text

  friend bool operator==(const BackendSettings&, const BackendSettings&) = default;
};

struct PortRange {
  uint16_t first = 0;
  uint16_t last = 65'535;

  friend bool operator==(const PortRange&, const PortRange&) = default;
};

// Asked of the user's own monitoring: inside are bounds and what is between them.
struct QuerySettings {
  std::string name;
  std::string query;  // PromQL
  std::optional<double> at_most = std::nullopt;
  std::optional<double> at_least = std::nullopt;
  Microseconds lasting = 3'000'000;  // outside for so long, before a change is to blame

  friend bool operator==(const QuerySettings&, const QuerySettings&) = default;
};

struct ServiceSettings {
  std::string name;
  std::vector<Prefix> vips;  // of one family or both
  Protocol protocol = Protocol::tcp;
  PortRange ports;
  Mode mode = Mode::ipip;
  std::optional<Affinity> affinity = std::nullopt;  // none: connection; of UDP, stateless
  HashOver hash = HashOver::five_tuple;
  uint32_t buckets = kDefaultBuckets;
  uint16_t mss = 0;           // 0: clients' own stays
  std::vector<Prefix> allow;  // empty: everybody
  std::vector<Prefix> deny;
  uint32_t new_flows_per_source = 0;  // in a second; 0: any number
  CheckSettings check;
  TunnelSettings tunnel;
  uint8_t dscp = 0;  // mode l3_direct
  // Mode nat, between the families: where in IPv6 the IPv4 addresses are (RFC 6052).
  Prefix translation_prefix = {.address = {.bytes = {0, 0x64, 0xff, 0x9b}}, .length = 96};
  std::vector<BackendSettings> backends;
  std::vector<QuerySettings> queries;

  friend bool operator==(const ServiceSettings&, const ServiceSettings&) = default;
};

// Beyond which a change is refused, in percent.
struct RuleSettings {
  uint32_t max_share = 60;  // of a service's new flows, for one of several backends
  uint32_t max_deviation = 5;
  uint32_t max_moved_buckets = 50;
  uint32_t max_changed_backends = 50;
  uint32_t max_changed_services = 50;

  friend bool operator==(const RuleSettings&, const RuleSettings&) = default;
};

enum class Approval : uint8_t { none, required };

struct ChangeSettings {
  Microseconds confirm = 600'000'000;
  Approval approval = Approval::none;

  friend bool operator==(const ChangeSettings&, const ChangeSettings&) = default;
};

// How a change that is committed comes into force.
struct RolloutSettings {
  // First for so many percent of the buckets of each service that it changes; then for all. None:
  // for all at once.
  std::vector<uint32_t> steps = {1, 10, 50};
  Microseconds step_time = 10'000'000;  // of each step, unless the evidence decides sooner
  uint32_t tolerance = 1;               // percent of flows that may fare worse

  friend bool operator==(const RolloutSettings&, const RolloutSettings&) = default;
};

// What the traffic itself may do to backends.
struct EvidenceSettings {
  uint32_t max_ejected = 10;  // percent of a service's backends, left out at a time

  friend bool operator==(const EvidenceSettings&, const EvidenceSettings&) = default;
};

// Whom queries are asked of.
struct PrometheusSettings {
  std::string url;  // as parse_url() has them; empty: nobody
  Microseconds interval = 1'000'000;

  friend bool operator==(const PrometheusSettings&, const PrometheusSettings&) = default;
};

struct ApiSettings {
  std::string socket = "/run/evenkeel/api.sock";
  std::string viewers = "evenkeel-viewer";  // Unix groups
  std::string operators = "evenkeel-operator";
  std::string approvers = "evenkeel-approver";
  std::string listen;  // address and port, as parse_endpoint() has them; empty: the socket only
  // Files of TLS.
  std::string certificate;
  std::string certificate_key;
  std::string client_ca;
  std::string tokens;

  friend bool operator==(const ApiSettings&, const ApiSettings&) = default;
};

struct JournalSettings {
  Microseconds age = 7'776'000'000'000;
  uint64_t size = 256u << 20;  // in bytes

  friend bool operator==(const JournalSettings&, const JournalSettings&) = default;
};

// Where /metrics is served without TLS.
struct MetricsSettings {
  std::string listen;  // address and port, as parse_endpoint() has them; empty: nowhere

  friend bool operator==(const MetricsSettings&, const MetricsSettings&) = default;
};

// Who is told what is wrong, by URLs as parse_url() has them.
struct AlertSettings {
  std::vector<std::string> webhooks;
  std::vector<std::string> alertmanagers;
  Microseconds repeat = 60'000'000;

  friend bool operator==(const AlertSettings&, const AlertSettings&) = default;
};

// What requests of the box to one place bring along, and whom they believe there.
struct CredentialSettings {
  std::string name;
  std::string url;  // as parse_url() has them: what requests' URLs begin with
  // Files; empty: none, and whom the system believes.
  std::string authorization_file;
  std::string ca_file;

  friend bool operator==(const CredentialSettings&, const CredentialSettings&) = default;
};

struct Settings {
  std::string name = "evenkeel";
  std::string secret_file = "/var/lib/evenkeel/secret";
  CpuSettings cpu;
  MemorySettings memory;
  Idle idle = Idle::adaptive;
  std::vector<std::string> eal_extra;
  std::string eal_prefix = "evenkeel";
  KernelSettings kernel;
  std::vector<PortSettings> ports;  // a port's number is its place here
  std::vector<ServiceSettings> services;
  RuleSettings rules;
  ChangeSettings change;
  RolloutSettings rollout;
  EvidenceSettings evidence;
  PrometheusSettings prometheus;
  ApiSettings api;
  JournalSettings journal;
  MetricsSettings metrics;
  AlertSettings alerts;
  std::vector<CredentialSettings> credentials;

  friend bool operator==(const Settings&, const Settings&) = default;
};

}  // namespace evenkeel
