#include "firmware/settings/consistency.h"

#include <string>

#include "firmware/settings/load.h"
#include "tests/cmocka.h"
#include "tests/settings/texts.h"

namespace evenkeel {
namespace {

// Texts of which every value is allowed. `message` is all that is told; "": nothing.
struct Row {
  const char* description;
  std::string text;
  const char* message;
};

std::string service(const std::string& name, const std::string& keys,
                    const std::string& backends = "{ name = \"a\"; address = \"10.0.0.1\"; }") {
  return "{ name = \"" + name + "\"; " + keys + " backends = ( " + backends + " ); }";
}

std::string services(const std::string& list) { return text_with_services(list); }

std::string ports(const std::string& list) { return "ports = (\n" + list + ");\n"; }

const Row kPorts[] = {
    {"names are their own",
     ports("{ name = \"a\"; device = \"x\"; },\n{ name = \"b\"; device = \"y\"; },\n"
           "{ name = \"a\"; device = \"z\"; }\n"),
     "text:4: ports[a].name: found \"a\", the name of number 1 too; allowed: a name of its own\n"},
    {"addresses are their own",
     ports("{ name = \"a\"; device = \"x\"; addresses = [\"10.0.0.1/8\"]; },\n"
           "{ name = \"b\"; device = \"y\"; addresses = [\"10.0.0.2/8\", \"10.0.0.1/24\"]; }\n"),
     "text:3: ports[b].addresses: found 10.0.0.1, an address of port \"a\" already; allowed: "
     "addresses of its own\n"},
    {"a router is of the route's family",
     ports("{ name = \"a\"; device = \"x\"; addresses = [\"10.0.0.1/8\"];\n"
           "routes = ( { to = \"::/0\"; via = \"10.0.0.2\"; } ); }\n"),
     "text:3: ports[a].routes[#1].via: found 10.0.0.2 for ::/0; allowed: both of one IP version\n"},
    {"a router is on the link",
     ports("{ name = \"a\"; device = \"x\"; addresses = [\"10.0.0.1/24\"];\n"
           "routes = ( { to = \"0.0.0.0/0\"; via = \"10.0.0.2\"; },\n"
           "{ to = \"192.0.2.0/24\"; via = \"10.0.1.2\"; },\n"
           "{ to = \"::/0\"; via = \"fe80::1\"; } ); }\n"),
     "text:4: ports[a].routes[#2].via: found 10.0.1.2; allowed: a router in the subnet of one of "
     "the port's addresses\n"},
};

const Row kServices[] = {
    {"names are their own",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80\";") + ",\n" +
              service("a", "vips = [\"192.0.2.2\"]; ports = \"80\";")),
     "text:4: services[a].name: found \"a\", the name of number 1 too; allowed: a name of its "
     "own\n"},
    {"backends' names are their own within a service",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80\";",
                      "{ name = \"x\"; address = \"10.0.0.1\"; },\n"
                      "{ name = \"x\"; address = \"10.0.0.2\"; }") +
              "," +
              service("b", "vips = [\"192.0.2.2\"]; ports = \"80\";",
                      "{ name = \"x\"; address = \"10.0.0.1\"; }")),
     "text:4: services[a].backends[x].name: found \"x\", the name of number 1 too; allowed: a name "
     "of its own\n"},
    {"UDP has no connections",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; protocol = \"udp\";\n"
                      "affinity = \"connection\";")),
     "text:4: services[a].affinity: found \"connection\", which UDP has none of; allowed: "
     "\"stateless\" or \"sticky\"\n"},
    {"somebody takes new flows",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80\";",
                      "{ name = \"x\"; address = \"10.0.0.1\"; weight = 0; },\n"
                      "{ name = \"y\"; address = \"10.0.0.2\"; weight = 0; }")),
     "text:3: services[a].backends: found weight 0 only, so that nobody may take a new flow; "
     "allowed: at least one above 0\n"},
    {"a client is allowed or denied once",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                      "allow = [\"10.0.0.0/8\", \"::/0\"];\ndeny = [\"10.0.0.0/9\",\n"
                      "\"10.0.0.0/8\"];")),
     "text:5: services[a].deny: found 10.0.0.0/8 twice; allowed: once, in allow or in deny\n"},
};

const Row kVips[] = {
    {"two services of one VIP and port",
     services(service("a", "vips = [\"192.0.2.1\", \"192.0.2.2\"]; ports = \"80\";") + ",\n" +
              service("b", "vips = [\"192.0.2.2\"]; ports = \"80\";")),
     "text:4: services[b].vips: found 192.0.2.2/32 with ports 80, where service \"a\" has ports "
     "80; allowed: ports of its own, or a narrower range within\n"},
    {"the same VIP twice",
     services(service("a", "vips = [\"192.0.2.1\", \"192.0.2.1\"]; ports = \"80\";")),
     "text:3: services[a].vips: found 192.0.2.1/32 with ports 80, where service \"a\" has ports "
     "80; allowed: ports of its own, or a narrower range within\n"},
    {"ranges that cross",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80-90\";") + ",\n" +
              service("b", "vips = [\"192.0.2.1\"]; ports = \"85-95\";")),
     "text:4: services[b].vips: found 192.0.2.1/32 with ports 85-95, where service \"a\" has ports "
     "80-90; allowed: ports of its own, or a narrower range within\n"},
    {"ranges that cross behind a nested one",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80-90\";") + ",\n" +
              service("b", "vips = [\"192.0.2.1\"]; ports = \"81-82\";") + ",\n" +
              service("c", "vips = [\"192.0.2.1\"]; ports = \"90-91\";")),
     "text:5: services[c].vips: found 192.0.2.1/32 with ports 90-91, where service \"a\" has ports "
     "80-90; allowed: ports of its own, or a narrower range within\n"},
    {"ranges within, neighbours, other protocols, other prefixes",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"all\";") + ",\n" +
              service("b", "vips = [\"192.0.2.1\"]; ports = \"80-90\";") + ",\n" +
              service("c", "vips = [\"192.0.2.1\"]; ports = \"80\";") + ",\n" +
              service("d", "vips = [\"192.0.2.1\"]; ports = \"90\";") + ",\n" +
              service("e", "vips = [\"192.0.2.1\"]; ports = \"91-95\";") + ",\n" +
              service("f", "vips = [\"192.0.2.1\"]; ports = \"80\"; protocol = \"udp\";") + ",\n" +
              service("g", "vips = [\"192.0.2.0/24\"]; ports = \"80\";")),
     ""},
};

const Row kModes[] = {
    {"a tunnel's ends are of one family",
     services(service("a",
                      "vips = [\"2001:db8::1\"]; ports = \"80\"; tunnel = { source = "
                      "\"192.0.2.9\"; };",
                      "{ name = \"x\"; address = \"10.0.0.1\"; },\n"
                      "{ name = \"y\"; address = \"2001:db8::9\"; }")),
     "text:4: services[a].backends[y].address: found 2001:db8::9, but tunnel.source is 192.0.2.9; "
     "allowed: addresses of one IP version\n"},
    {"IPv4 has room for 16 bits of entropy",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                      "tunnel = { source_entropy_bits = 17; };")),
     "text:4: services[a].tunnel.source_entropy_bits: found 17, for backend 10.0.0.1; allowed: 0 "
     "to 16 with IPv4\n"},
    {"IPv6 has room for 32",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                      "tunnel = { source_entropy_bits = 32; };",
                      "{ name = \"x\"; address = \"2001:db8::9\"; }")),
     ""},
    {"l3_direct has a mark",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80\"; mode = \"l3_direct\";")),
     "text:3: services[a].dscp: is not set, but mode l3_direct needs it; allowed: 1 to 63\n"},
    {"l3_direct keeps the family",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; mode = \"l3_direct\"; dscp = 1;",
                      "{ name = \"x\"; address = \"10.0.0.1\"; },\n"
                      "{ name = \"y\"; address = \"2001:db8::9\"; }")),
     "text:4: services[a].backends[y].address: found 2001:db8::9; allowed in mode l3_direct: one "
     "of the IP version of all VIPs\n"},
    {"nat of many ports to one",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80-81\"; mode = \"nat\";",
                      "{ name = \"x\"; address = \"10.0.0.1\";\nport = 8080; }")),
     "text:4: services[a].backends[x].port: found 8080 for ports 80-81; allowed: none, for many "
     "ports cannot become one and come back\n"},
    {"nat of many VIPs",
     services(service("a", "vips = [\"192.0.2.0/24\"]; ports = \"80\"; mode = \"nat\";")),
     "text:3: services[a].vips: found 192.0.2.0/24; allowed in mode nat: single addresses, in "
     "whose name replies can be sent\n"},
    {"a translation prefix has room for an IPv4 address",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; mode = \"nat\";\n"
                      "translation_prefix = \"2001:db8::/64\";")),
     "text:4: services[a].translation_prefix: found 2001:db8::/64; allowed: an IPv6 prefix of 96 "
     "bits\n"},
};

// A service whose check this is, from the third line on.
std::string with_check(const std::string& keys) {
  return services(
      service("a", "vips = [\"192.0.2.1\"]; ports = \"80\"; check = { " + keys + " };"));
}

const Row kChecks[] = {
    {"who asks by the traffic's own way has an address of the VIP's family",
     services(service("a",
                      "vips = [\"2001:db8::1\"]; ports = \"80\"; check = { type = \"tcp\";\n"
                      "same_path = true; };")),
     "text:4: services[a].check.same_path: is set, but no port has an address of IPv6 to ask the "
     "service's VIPs of IPv6 from; allowed: with one, or false\n"},
    {"of one family, it has one",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; "
                      "check = { type = \"tcp\"; same_path = true; };")),
     ""},
    {"translated, the check goes the traffic's own way anyhow",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; mode = \"nat\";\n"
                      "check = { type = \"tcp\"; same_path = true; };")),
     "text:4: services[a].check.same_path: has no effect in mode nat, whose servers have no VIP: "
     "the check itself asks where traffic goes; allowed: false\n"},
    {"who does not check asks by no way",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                      "check = { type = \"none\"; same_path = true; };")),
     ""},
    {"an answer comes before the next question",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; check = { type = \"tcp\";\n"
                      "timeout = \"2s\"; };")),
     "text:4: services[a].check.timeout: found \"2s\"; allowed: less than the interval, which is "
     "\"2s\"\n"},
    {"a shorter interval is judged too",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; check = { type = \"tcp\";\n"
                      "interval = \"500ms\"; };")),
     "text:3: services[a].check.timeout: found \"1s\"; allowed: less than the interval, which is "
     "\"500ms\"\n"},
    {"who has no TCP port says where to ask",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"53\"; protocol = \"udp\";\n"
                      "check = { type = \"tcp\"; };")),
     "text:4: services[a].check.port: is not set, but the service has no TCP port; allowed: 1 to "
     "65535, a TCP port that every backend answers on\n"},
    {"who has many says which",
     services(
         service("a", "vips = [\"192.0.2.1\"]; ports = \"all\"; check = { type = \"http\"; };")),
     "text:3: services[a].check.port: is not set, but the service has many ports; allowed: 1 to "
     "65535, a TCP port that every backend answers on\n"},
    {"with a port, both are fine",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"53\"; protocol = \"udp\"; "
                      "check = { type = \"tcp\"; port = 53; };") +
              ",\n" +
              service("b",
                      "vips = [\"192.0.2.2\"]; ports = \"all\"; "
                      "check = { type = \"http\"; port = 80; };")),
     ""},
    {"who is not asked may say anything",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"all\"; protocol = \"udp\"; check = { "
                      "type = \"none\"; timeout = \"1h\"; path = \"/up\"; };")),
     ""},
    {"TCP has no requests",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; check = { type = \"tcp\";\n"
                      "method = \"HEAD\";\npath = \"/up\";\nhost = \"a\";\nexpect = [200]; "
                      "};")),
     "text:4: services[a].check.method: has no effect in a check of type \"tcp\"; allowed in: "
     "http, https, h2\n"
     "text:5: services[a].check.path: has no effect in a check of type \"tcp\"; allowed in: http, "
     "https, h2\n"
     "text:6: services[a].check.host: has no effect in a check of type \"tcp\"; allowed in: http, "
     "https, h2, grpc\n"
     "text:7: services[a].check.expect: has no effect in a check of type \"tcp\"; allowed in: "
     "http, https, h2\n"},
    {"doubt is no slower", with_check("type = \"tcp\";\nfast_interval = \"3s\";"),
     "text:4: services[a].check.fast_interval: found \"3s\"; allowed: at most the interval, which "
     "is \"2s\"\n"},
    {"TLS alone looks at certificates",
     with_check("type = \"h2\";\nverify = false;\nca = \"/a\";\nserver_name = \"a\";"),
     "text:4: services[a].check.verify: has no effect without TLS; allowed with: tls = true\n"
     "text:5: services[a].check.ca: has no effect without TLS; allowed with: tls = true\n"
     "text:6: services[a].check.server_name: has no effect without TLS; allowed with: tls = "
     "true\n"},
    {"with it, it does",
     with_check("type = \"grpc\"; tls = true; verify = false; server_name = \"a\";"), ""},
    {"a field is one of HTTP", with_check("type = \"http\";\nheaders = [\"a: b\", \"no colon\"];"),
     "text:4: services[a].check.headers: found a field that HTTP has not; allowed: \"Name: value\" "
     "in printable characters\n"},
    {"no second line hides in a field",
     with_check("type = \"https\";\nheaders = [\"a: b\\r\\nc: d\"];"),
     "text:4: services[a].check.headers: found a field that HTTP has not; allowed: \"Name: value\" "
     "in printable characters\n"},
    {"HEAD has no body", with_check("type = \"http\"; method = \"HEAD\";\ncontains = \"a\";"),
     "text:4: services[a].check.contains: has no effect with method HEAD, which is answered "
     "without "
     "a body\n"},
    {"a backslash stands before what it goes with",
     with_check("type = \"agent\";\nsend = \"a\\\\q\";"),
     "text:4: services[a].check.send: has a backslash before what it does not go with; allowed: "
     "\\\\r, \\\\n, \\\\t, \\\\x00 to \\\\xff, and \\\\\\\\ for itself\n"},
    {"DNS is asked for a name", with_check("type = \"dns\"; port = 53;"),
     "text:3: services[a].check.query: is not set, but a check of type \"dns\" needs it; allowed: "
     "a "
     "name\n"},
    {"for one of DNS", with_check("type = \"dns\"; port = 53;\nquery = \"a..b\";"),
     "text:4: services[a].check.query: found what is no name of DNS; allowed: labels of letters, "
     "digits, - and _, at most 63 each, with dots between them\n"},
    {"by UDP", with_check("type = \"dns\"; query = \"a\";"),
     "text:3: services[a].check.port: is not set, but the service has no UDP port; allowed: 1 to "
     "65535, a UDP port that every backend answers on\n"},
    {"where it is the traffic's, nobody needs to say so",
     services(
         service("a",
                 "vips = [\"192.0.2.1\"]; ports = \"53\"; protocol = \"udp\"; "
                 "check = { type = \"dns\"; query = \"_a.example.\"; };") +
         ",\n" +
         service("b", "vips = [\"192.0.2.2\"]; ports = \"all\"; check = { type = \"icmp\"; };") +
         ",\n" +
         service("c",
                 "vips = [\"192.0.2.3\"]; ports = \"all\"; "
                 "check = { type = \"command\"; command = [\"/a\"]; };")),
     ""},
    {"an echo has no port", with_check("type = \"icmp\";\nport = 80;"),
     "text:4: services[a].check.port: has no effect in a check of type \"icmp\"; allowed in: tcp, "
     "http, tls, https, h2, grpc, udp, dns, agent, command\n"},
    {"a command is there", with_check("type = \"command\";"),
     "text:3: services[a].check.command: is not set, but a check of type \"command\" needs it; "
     "allowed: a list that begins with a program's path from /\n"},
    {"and a whole path", with_check("type = \"command\";\ncommand = [\"true\"];"),
     "text:4: services[a].check.command: found \"true\" as its program; allowed: a path from /\n"},
};

const Row kApi[] = {
    {"TLS needs its files",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80\";")) +
         "api = {\nlisten = \"[::]:8443\"; };",
     "text:4: api.certificate: is not set, but listen needs it; allowed: a file's path from /\n"
     "text:4: api.certificate_key: is not set, but listen needs it; allowed: a file's path from /\n"
     "text:5: api.listen: is set, but neither client_ca nor tokens, so that nobody could be known; "
     "allowed: with at least one of them\n"},
    {"with them it is served",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"80\";")) +
         "api = { listen = \"0.0.0.0:443\"; certificate = \"/c\"; certificate_key = \"/k\"; tokens "
         "= \"/t\"; };",
     ""},
};

// What could not be read is not judged.
const Row kQueries[] = {
    {"somebody is asked",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                      "queries = ( { name = \"q\"; query = \"up\"; at_least = 1; } );")),
     "text:4: services[a].queries: is set, but prometheus.url is not, so that nobody could be "
     "asked; allowed: with it\n"},
    {"there is a bound, a name of its own, and something inside",
     "prometheus = { url = \"http://127.0.0.1:9090\"; };" +
         services(service("a",
                          "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                          "queries = ( { name = \"q\"; query = \"up\"; },\n"
                          "{ name = \"r\"; query = \"up\"; at_least = 0.5; at_most = 0.25; },\n"
                          "{ name = \"s\"; query = \"up\"; at_least = 1; at_most = 1; },\n"
                          "{ name = \"s\"; query = \"up\"; at_least = 1; } );")),
     "text:4: services[a].queries[q]: has neither at_most nor at_least, so that nothing would be "
     "outside; allowed: with at least one of them\n"
     "text:5: services[a].queries[r].at_least: found 0.5, so that everything would be outside; "
     "allowed: no more than at_most, which is 0.25\n"
     "text:7: services[a].queries[s].name: found \"s\", the name of number 3 too; allowed: a name "
     "of its own\n"},
    {"bounds are numbers",
     "prometheus = { url = \"http://127.0.0.1:9090\"; };" +
         services(service("a",
                          "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                          "queries = ( { name = \"q\"; query = \"up\"; at_most = \"2 %\"; },\n"
                          "{ name = \"r\"; query = \"\"; at_least = 0; },\n"
                          "{ name = \"s\"; query = \"up\"; at_least = 1e999; } );")),
     "text:4: services[a].queries[q].at_most: found \"2 %\"; allowed: a number, as 0.02, or \"\": "
     "no "
     "upper bound\n"
     "text:5: services[a].queries[r].query: found \"\"; allowed: text of 1 to 4096 characters\n"
     "text:6: services[a].queries[s].at_least: found a fraction; allowed: a number, as 0.02, or "
     "\"\": no lower bound\n"},
};

const Row kConsequences[] = {
    {"a bound and a URL",
     "prometheus = { url = \"nonsense\"; };" +
         services(service("a",
                          "vips = [\"192.0.2.1\"]; ports = \"80\";\n"
                          "queries = ( { name = \"q\"; query = \"up\"; at_least = true; } );")),
     "text:1: prometheus.url: found \"nonsense\"; allowed: a URL, as \"http://192.0.2.9:9093\" or "
     "\"https://hooks.example.net/box\", or \"\": nobody\n"
     "text:4: services[a].queries[q].at_least: found true; allowed: a number, as 0.02, or \"\": no "
     "lower bound\n"},
    {"ports",
     services(service("a", "vips = [\"192.0.2.1\"]; ports = \"eighty\";") + ",\n" +
              service("b", "vips = [\"192.0.2.1\"]; ports = \"all\";")),
     "text:3: services[a].ports: found \"eighty\"; allowed: \"80\", \"8000-8100\" or \"all\"\n"},
    {"a check's interval",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; check = { type = \"tcp\";\n"
                      "interval = \"0s\"; timeout = \"3s\"; };")),
     "text:4: services[a].check.interval: found \"0s\"; allowed: 1ms to 1h, as \"300ms\" or "
     "\"5m\", "
     "in us, ms, s, m, h or d\n"},
    {"a mark",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; mode = \"l3_direct\";\n"
                      "dscp = 64;")),
     "text:4: services[a].dscp: found 64; allowed: 1 to 63, or 0: not set\n"},
    {"a backend's address",
     services(service("a",
                      "vips = [\"192.0.2.1\"]; ports = \"80\"; mode = \"l3_direct\"; dscp = 1;",
                      "{ name = \"x\"; address = \"10.0.0\"; }")),
     "text:3: services[a].backends[x].address: found \"10.0.0\"; allowed: an address of one host, "
     "as \"192.0.2.1\" or \"2001:db8::1\"\n"},
    {"a port's addresses",
     ports("{ name = \"a\"; device = \"x\"; addresses = \"10.0.0.1/24\";\n"
           "routes = ( { to = \"0.0.0.0/0\"; via = \"10.0.0.2\"; } ); }\n"),
     "text:2: ports[a].addresses: found \"10.0.0.1/24\"; allowed: a list, at most 256, of: a "
     "host's address and its prefix length, as \"192.0.2.1/24\"\n"},
};

template <typename Rows>
void expect_rows(const Rows& rows) {
  for (const Row& row : rows) {
    const std::string message = load_settings_text(row.text, "text").message();
    if (message != row.message) print_error("%s\n", row.description);
    assert_string_equal(message.c_str(), row.message);
  }
}

void of_ports(void** /*state*/) { expect_rows(kPorts); }
void of_services(void** /*state*/) { expect_rows(kServices); }
void of_vips(void** /*state*/) { expect_rows(kVips); }
void of_modes(void** /*state*/) { expect_rows(kModes); }
void of_checks(void** /*state*/) { expect_rows(kChecks); }
void of_the_api(void** /*state*/) { expect_rows(kApi); }
void of_queries(void** /*state*/) { expect_rows(kQueries); }
void what_could_not_be_read_is_not_judged(void** /*state*/) { expect_rows(kConsequences); }

void totals_are_bounded(void** /*state*/) {
  Settings settings;
  settings.services.resize(kMaxServices / 2 + 1);
  for (size_t i = 0; i < settings.services.size(); ++i) {
    ServiceSettings& service = settings.services[i];
    service.vips = {{.address = Address::v4(Big32(static_cast<uint32_t>(0x0a00'0000 + i)))}};
    service.backends.resize(1);
  }
  assert_true(objections_to(settings).empty());
  for (ServiceSettings& service : settings.services) {
    Prefix second = {.address = *parse_address("2001:db8::")};
    store(second.address.bytes.data() + 8, service.vips[0].address.low());
    service.vips.push_back(second);
  }
  const std::vector<Objection> found = objections_to(settings);
  assert_int_equal(found.size(), 1);
  assert_string_equal(found[0].what.c_str(),
                      "found 4098 services, twice those with VIPs of both IP versions; allowed: "
                      "4096 in all");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(of_ports),
      cmocka_unit_test(of_services),
      cmocka_unit_test(of_vips),
      cmocka_unit_test(of_modes),
      cmocka_unit_test(of_checks),
      cmocka_unit_test(of_the_api),
      cmocka_unit_test(of_queries),
      cmocka_unit_test(what_could_not_be_read_is_not_judged),
      cmocka_unit_test(totals_are_bounded),
  };
  return cmocka_run_group_tests_name("settings/consistency", tests, nullptr, nullptr);
}
