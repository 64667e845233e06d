#include "firmware/settings/load.h"

#include <algorithm>
#include <cstdio>

#include "firmware/base/check.h"
#include "tests/cmocka.h"
#include "tests/settings/texts.h"

namespace evenkeel {
namespace {

Settings loaded(const std::string& text) {
  const Loaded result = load_settings_text(text, "text");
  if (!result.ok()) std::fprintf(stderr, "%s", result.message().c_str());
  CHECK(result.ok());
  return result.settings;
}

Address address_of(const char* text) { return *parse_address(text); }

PortSettings port_of(const char* name, const char* device) {
  PortSettings port;
  port.name = name;
  port.device = device;
  return port;
}

ServiceSettings service_of(const char* name, const char* vip, uint16_t port, const char* backend,
                           const char* address) {
  ServiceSettings service;
  service.name = name;
  service.vips = {{.address = address_of(vip)}};
  service.ports = {.first = port, .last = port};
  service.backends = {{.name = backend, .address = address_of(address)}};
  return service;
}

void what_is_not_said_is_default(void** /*state*/) {
  Settings expected;
  expected.ports = {port_of("wan", "net_null0")};
  expected.services = {service_of("shop", "192.0.2.10", 80, "web1", "10.0.0.1")};
  assert_true(loaded(text_with(Place::outermost, "")) == expected);
}

// Every key but those of modes that exclude each other.
constexpr const char* kEveryKey = R"(
name = "lb1";
secret_file = "/etc/secret";
cpu = { control = 3; workers = [4, 5]; };
memory = { mib = 512; hugepages = false; buffers = 0x4000; flow_memory_mib = 64; };
idle = "poll";
eal_extra = [ "--log-level=8", "--no-pci" ];
eal_prefix = "box";
kernel = { namespace = "taps"; packets_per_second = 500; };
rules = { max_share = 70; max_deviation = 6; max_moved_buckets = 51; max_changed_backends = 52;
          max_changed_services = 53; };
change = { confirm = "90s"; approval = "required"; };
api = { socket = "/run/api"; viewers = "v"; operators = "o"; approvers = "a";
        listen = "[2001:db8::2]:8443"; certificate = "/c"; certificate_key = "/k";
        client_ca = "/ca"; tokens = "/t"; };
journal = { age = "7d"; size = 2097152; };
metrics = { listen = "127.0.0.1:9880"; };
alerts = { webhooks = ["https://hooks.example.net/box"]; alertmanagers = ["http://127.0.0.1:9093"];
           repeat = "30s"; };
prometheus = { url = "https://prometheus.example.net:9090/p"; interval = "5s"; };
credentials = ( { name = "prometheus"; url = "https://prometheus.example.net:9090";
                  authorization_file = "/etc/token"; ca_file = "/etc/ca.pem"; } );
ports = (
  { name = "wan0"; device = "0000:03:00.0"; mtu = 9000; vlan = 7;
    addresses = ["192.0.2.2/24", "2001:db8::2/64"];
    routes = ( { to = "0.0.0.0/0"; via = "192.0.2.254"; }, { to = "::/0"; via = "fe80::1"; } ); },
  { name = "lan0"; device = "net_null0"; }
);
services = (
  { name = "tunnelled"; vips = ["198.51.100.0/24"]; protocol = "sctp"; ports = "8000-8100";
    mode = "vxlan"; affinity = "sticky"; hash = "source_destination"; buckets = 251; mss = 1400;
    allow = ["10.0.0.0/8", "::/0"]; deny = ("10.1.0.0/16"); new_flows_per_source = 50;
    tunnel = { port = 8472; source = "192.0.2.9"; ttl = 9; vni = 16777215;
               inner_source_mac = "02:00:00:00:00:0a";
               inner_destination_mac = "02:00:00:00:00:0B"; };
    check = { type = "https"; port = 8080; interval = "500ms"; timeout = "1000us"; rise = 1;
              fall = 9; jitter = 0; fast_interval = "100ms"; fail_open = 50;
              slow_start = "30s"; same_path = true; method = "PUT"; path = "/health?a=b";
              host = "shop.example"; expect = (204, "300-399"); headers = ["X-A: b", "C:d"];
              contains = "well\\x00"; verify = false; ca = "/ca.pem"; server_name = "a.b"; };
    backends = ( { name = "a"; address = "10.0.0.1"; weight = 0; capacity = 1200; },
                 { name = "b"; address = "10.0.0.2"; weight = 7; } );
    queries = ( { name = "errors"; query = "e{a=\"b\"} > 0"; at_most = 0.02; for = "0s"; },
                { name = "free"; query = "free"; at_most = 7; at_least = -1.5e3; } ); },
  { name = "marked"; vips = ["2001:db8::10"]; ports = "all"; mode = "l3_direct"; dscp = 9;
    check = { type = "dns"; port = 53; query = "www.example"; query_type = "AAAA";
              rcodes = ["NOERROR", "REFUSED"]; };
    backends = ( { name = "a"; address = "2001:db8::20"; } ); },
  { name = "spread"; vips = ["192.0.2.11"]; protocol = "udp"; ports = 53; mode = "gre";
    tunnel = { source_entropy_bits = 16; };
    check = { type = "udp"; send = "PING\r\n"; };
    backends = ( { name = "a"; address = "10.0.0.1"; } ); },
  { name = "translated"; vips = ["192.0.2.12"]; ports = "443"; mode = "nat";
    translation_prefix = "2001:db8:64::/96";
    check = { type = "grpc"; tls = true; grpc_service = "shop"; };
    backends = ( { name = "a"; address = "10.0.0.1"; port = 8443; } ); },
  { name = "commanded"; vips = ["192.0.2.13"]; ports = "443";
    check = { type = "command"; command = ["/bin/test", "-e", "/a b"]; user = "daemon"; };
    backends = ( { name = "a"; address = "10.0.0.1"; } ); }
);
)";

ServiceSettings tunnelled() {
  ServiceSettings service = service_of("tunnelled", "198.51.100.0", 8'000, "a", "10.0.0.1");
  service.vips[0].length = 120;
  service.protocol = Protocol::sctp;
  service.ports.last = 8'100;
  service.mode = Mode::vxlan;
  service.affinity = Affinity::sticky;
  service.hash = HashOver::source_destination;
  service.buckets = 251;
  service.mss = 1'400;
  service.allow = {{address_of("10.0.0.0"), 104}, {address_of("::"), 0}};
  service.deny = {{address_of("10.1.0.0"), 112}};
  service.new_flows_per_source = 50;
  service.tunnel.port = 8'472;
  service.tunnel.source = address_of("192.0.2.9");
  service.tunnel.ttl = 9;
  service.tunnel.vni = 0xff'ffff;
  service.tunnel.inner_source_mac = {2, 0, 0, 0, 0, 10};
  service.tunnel.inner_destination_mac = {2, 0, 0, 0, 0, 11};
  service.check = {.type = CheckType::https,
                   .port = 8'080,
                   .interval = 500'000,
                   .timeout = 1'000,
                   .rise = 1,
                   .fall = 9,
                   .jitter = 0,
                   .fast_interval = 100'000,
                   .fail_open = 50,
                   .slow_start = 30'000'000,
                   .same_path = true,
                   .method = "PUT",
                   .path = "/health?a=b",
                   .host = "shop.example",
                   .expect = {{204, 204}, {300, 399}},
                   .headers = {"X-A: b", "C:d"},
                   .contains = R"(well\x00)",
                   .verify = false,
                   .ca = "/ca.pem",
                   .server_name = "a.b"};
  service.backends[0].weight = 0;
  service.backends[0].capacity = 1'200;
  service.backends.push_back({.name = "b", .address = address_of("10.0.0.2"), .weight = 7});
  service.queries = {
      {.name = "errors", .query = R"(e{a="b"} > 0)", .at_most = 0.02, .at_least = {}, .lasting = 0},
      {.name = "free", .query = "free", .at_most = 7, .at_least = -1'500}};
  return service;
}

ServiceSettings marked() {
  ServiceSettings service = service_of("marked", "2001:db8::10", 0, "a", "2001:db8::20");
  service.ports = {.first = 0, .last = 65'535};
  service.mode = Mode::l3_direct;
  service.dscp = 9;
  service.check.type = CheckType::dns;
  service.check.port = 53;
  service.check.query = "www.example";
  service.check.query_type = DnsType::aaaa;
  service.check.rcodes = {DnsRcode::noerror, DnsRcode::refused};
  return service;
}

ServiceSettings commanded() {
  ServiceSettings service = service_of("commanded", "192.0.2.13", 443, "a", "10.0.0.1");
  service.check.type = CheckType::command;
  service.check.command = {"/bin/test", "-e", "/a b"};
  service.check.user = "daemon";
  return service;
}

ServiceSettings spread() {
  ServiceSettings service = service_of("spread", "192.0.2.11", 53, "a", "10.0.0.1");
  service.protocol = Protocol::udp;
  service.mode = Mode::gre;
  service.tunnel.source_entropy_bits = 16;
  service.check.type = CheckType::udp;
  service.check.send = "PING\r\n";
  return service;
}

ServiceSettings translated() {
  ServiceSettings service = service_of("translated", "192.0.2.12", 443, "a", "10.0.0.1");
  service.mode = Mode::nat;
  service.translation_prefix = {address_of("2001:db8:64::"), 96};
  service.backends[0].port = 8'443;
  service.check.type = CheckType::grpc;
  service.check.tls = true;
  service.check.grpc_service = "shop";
  return service;
}

Settings every_key() {
  Settings all;
  all.name = "lb1";
  all.secret_file = "/etc/secret";
  all.cpu = {.control = 3, .workers = {4, 5}};
  all.memory = {.mib = 512, .hugepages = false, .buffers = 16'384, .flow_memory_mib = 64};
  all.idle = Idle::poll;
  all.eal_extra = {"--log-level=8", "--no-pci"};
  all.eal_prefix = "box";
  all.kernel = {.network_namespace = "taps", .packets_per_second = 500};
  all.ports = {port_of("wan0", "0000:03:00.0"), port_of("lan0", "net_null0")};
  all.ports[0].mtu = 9'000;
  all.ports[0].vlan = 7;
  all.ports[0].addresses = {{address_of("192.0.2.2"), 120}, {address_of("2001:db8::2"), 64}};
  all.ports[0].routes = {{.to = {address_of("0.0.0.0"), 96}, .via = address_of("192.0.2.254")},
                         {.to = {address_of("::"), 0}, .via = address_of("fe80::1")}};
  all.rules = {.max_share = 70,
               .max_deviation = 6,
               .max_moved_buckets = 51,
               .max_changed_backends = 52,
               .max_changed_services = 53};
  all.change = {.confirm = 90'000'000, .approval = Approval::required};
  all.api = {.socket = "/run/api",
             .viewers = "v",
             .operators = "o",
             .approvers = "a",
             .listen = "[2001:db8::2]:8443",
             .certificate = "/c",
             .certificate_key = "/k",
             .client_ca = "/ca",
             .tokens = "/t"};
  all.journal = {.age = 604'800'000'000, .size = 2'097'152};
  all.metrics = {.listen = "127.0.0.1:9880"};
  all.alerts = {.webhooks = {"https://hooks.example.net/box"},
                .alertmanagers = {"http://127.0.0.1:9093"},
                .repeat = 30'000'000};
  all.prometheus = {.url = "https://prometheus.example.net:9090/p", .interval = 5'000'000};
  all.credentials = {{.name = "prometheus",
                      .url = "https://prometheus.example.net:9090",
                      .authorization_file = "/etc/token",
                      .ca_file = "/etc/ca.pem"}};
  all.services = {tunnelled(), marked(), spread(), translated(), commanded()};
  return all;
}

void every_key_is_where_it_belongs(void** /*state*/) {
  assert_true(loaded(kEveryKey) == every_key());
}

// Accepted, though at an edge.
struct Accepted {
  const char* description;
  Place place;
  const char* line;
};

constexpr Accepted kAccepted[] = {
    {"no address of this service's own family in the tunnel: any pair will do", Place::service,
     R"(mode = "ipip";)"},
    {"0 and \"\" where they mean something", Place::service,
     R"(mss = 0; dscp = 0; new_flows_per_source = 0;)"},
    {"keys of other modes that say what holds anyway", Place::service,
     R"(translation_prefix = "64:ff9b::/96"; dscp = 0;)"},
    {"tunnel keys of other modes", Place::tunnel,
     R"(port = 0; vni = 0; source = ""; inner_source_mac = "02:45:4b:00:00:01";)"},
    {"a port of nat's", Place::backend, "port = 0;"},
    {"a check that is switched off keeps the rest", Place::service,
     R"(check = { type = "none"; path = "/up"; timeout = "1h"; };)"},
    {"the shortest and the longest times", Place::service,
     R"(check = { type = "tcp"; timeout = "1ms"; interval = "60m"; };)"},
    {"a size in bytes as text", Place::outermost, R"(journal = { size = "1048576"; };)"},
    {"an empty list", Place::service, "allow = [ ]; deny = ( );"},
    {"the largest table", Place::service, "buckets = 4194301;"},
    {"the longest name", Place::outermost,
     R"(name = "123456789-123456789-123456789-123456789-123456789-123456789-123";)"},
    {"text in parts", Place::outermost, "name = \"lb\" \"1\";"},
    {"other separators", Place::outermost, "name : \"lb1\", idle : \"poll\""},
    {"hexadecimal", Place::port, "mtu = 0x5DC;"},
    {"digits in a comment and in text", Place::outermost,
     "name = \"99999999999999999999\"; # 99999999999999999999"},
};

void edges_are_accepted(void** /*state*/) {
  for (const Accepted& row : kAccepted) {
    const Loaded result = load_settings_text(text_with(row.place, row.line), "text");
    if (!result.ok()) print_error("%s: %s", row.description, result.message().c_str());
    assert_true(result.ok());
  }
}

void all_mistakes_are_told_in_the_order_of_the_text(void** /*state*/) {
  const Loaded result = load_settings_text(
      "cpu = { workers = [1, 1]; };\n"
      "ports = ( { name = \"a-name-that-is-too-long\"; device = \"\"; mtu = 99999;\n"
      "            addresses = [\"192.0.2.2\",\n"
      "                         \"nonsense\"\n"
      "                        ]; } );\n"
      "colour = \"red\";\n"
      "services = ( { name = \"shop\"; vips = []; ports = \"0\"; } );\n",
      "text");
  constexpr const char* kExpected =
      "text:1: cpu.workers: found core 1 twice; allowed: a core of its own for each worker\n"
      "text:2: ports[a-name-that-is-too-long].name: found \"a-name-that-is-too-long\"; "
      "allowed: letters, digits, -, _ and ., at most 15, the first a letter or digit\n"
      "text:2: ports[a-name-that-is-too-long].device: found \"\"; allowed: text of 1 to 256 "
      "characters\n"
      "text:2: ports[a-name-that-is-too-long].mtu: found 99999; allowed: 576 to 9600 bytes\n"
      "text:3: ports[a-name-that-is-too-long].addresses[#1]: found \"192.0.2.2\"; allowed: a "
      "host's address and its prefix length, as \"192.0.2.1/24\"\n"
      "text:4: ports[a-name-that-is-too-long].addresses[#2]: found \"nonsense\"; allowed: a "
      "host's address and its prefix length, as \"192.0.2.1/24\"\n"
      "text:6: colour: there is no such key; allowed: name, secret_file, cpu, memory, idle, "
      "eal_extra, eal_prefix, kernel, ports, services, rules, change, rollout, evidence, "
      "prometheus, api, journal, metrics, alerts, credentials\n"
      "text:7: services[shop].vips: found a list of 0; allowed: a list, at least 1, at most "
      "16384, of: a host's address or a prefix, as \"192.0.2.1\" or \"2001:db8::/64\"\n"
      "text:7: services[shop].ports: found \"0\"; allowed: \"80\", \"8000-8100\" or \"all\"\n"
      "text:7: services[shop].backends: is missing; allowed: a list, at least 1, at most 4096, "
      "of: a group { }\n";
  assert_string_equal(result.message().c_str(), kExpected);
}

void mistakes_are_bounded(void** /*state*/) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "no_key_" + std::to_string(i) + " = 1;\n";
  const Loaded result = load_settings_text(text, "text");
  assert_int_equal(result.mistakes.size(), kMaxMistakes);
  assert_true(result.message().ends_with("and perhaps more\n"));
  const Settings defaults;  // named, for gcc 12 takes a temporary one for uninitialized
  assert_true(result.settings == defaults);
}

// As many services and backends as there may be.
void the_largest_settings_load(void** /*state*/) {
  constexpr size_t kServices = 16;
  std::string services;
  for (size_t i = 0; i < kServices; ++i) {
    services += (i == 0 ? "" : ",\n") + std::string("{ name = \"s") + std::to_string(i) +
                "\"; vips = [\"192.0.2." + std::to_string(i) +
                "\"]; ports = \"80\"; backends = (\n";
    const size_t count = i + 1 == kServices ? kMaxBackendsPerService - 1 : kMaxBackendsPerService;
    for (size_t j = 0; j < count; ++j) {
      services += (j == 0 ? "" : ",\n") + std::string("{ name = \"b") + std::to_string(j) +
                  "\"; address = \"10." + std::to_string(i) + "." + std::to_string(j / 256) + "." +
                  std::to_string(j % 256) + "\"; }";
    }
    services += "); }";
  }
  const Settings settings = loaded(text_with_services(services));
  size_t backends = 0;
  for (const ServiceSettings& service : settings.services) backends += service.backends.size();
  assert_int_equal(backends, kMaxBackends);
  assert_true(settings.services.back().backends.back().address == address_of("10.15.15.254"));
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_is_not_said_is_default),
      cmocka_unit_test(every_key_is_where_it_belongs),
      cmocka_unit_test(edges_are_accepted),
      cmocka_unit_test(all_mistakes_are_told_in_the_order_of_the_text),
      cmocka_unit_test(mistakes_are_bounded),
      cmocka_unit_test(the_largest_settings_load),
  };
  return cmocka_run_group_tests_name("settings/load", tests, nullptr, nullptr);
}
