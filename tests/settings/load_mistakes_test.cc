// Each value that is not allowed, key by key: what is told of it, and for which line.
#include "firmware/settings/load.h"
#include "tests/cmocka.h"
#include "tests/settings/texts.h"

namespace evenkeel {
namespace {

// One line that is wrong, and what is told of it; the rest of the text is good.
struct Row {
  Place place;
  const char* line;
  const char* path;
  const char* what;
};

constexpr const char* kName =
    "allowed: letters, digits, -, _ and ., at most 63, the first a letter or digit";
constexpr const char* kBuckets = "allowed: a prime number, 251 to 4194301";
constexpr const char* kPrefix =
    R"(allowed: a prefix without bits beyond it, as "192.0.2.0/24" or "::/0")";
constexpr const char* kInterface =
    R"(allowed: a host's address and its prefix length, as "192.0.2.1/24")";
constexpr const char* kMac = R"(allowed: a MAC address, as "02:00:00:00:00:01")";

constexpr const char* kTime = R"(allowed: 1ms to 1h, as "300ms" or "5m", in us, ms, s, m, h or d)";
constexpr const char* kSize =
    R"(allowed: 1m to 1024g, as "64k", in k, m or g, or a number of bytes)";
constexpr const char* kStatuses = R"(allowed: statuses from 100 to 599, as "200" or "200-399")";

// What the first part of `what` is followed by, if it is one of those above.
struct RowWithAllowed {
  Row row;
  const char* allowed = "";
};

constexpr RowWithAllowed kRows[] = {
    // types
    {{Place::outermost, "name = 5;", "name", "found 5; "}, kName},
    {{Place::outermost, "name = true;", "name", "found true; "}, kName},
    {{Place::outermost, "name = 1.5;", "name", "found a fraction; "}, kName},
    {{Place::outermost, "name = { };", "name", "found a group { }; "}, kName},
    {{Place::outermost, "name = [\"a\"];", "name", "found a list; "}, kName},
    {{Place::outermost, "cpu = 5;", "cpu", "found 5; allowed: a group { }"}},
    {{Place::outermost, "cpu = ( );", "cpu", "found a list; allowed: a group { }"}},
    {{Place::outermost, "eal_extra = \"-v\";", "eal_extra",
      "found \"-v\"; allowed: a list, at most 256, of: text of 1 to 256 characters"}},
    {{Place::outermost, "memory = { hugepages = 1; };", "memory.hugepages",
      "found 1; allowed: true or false"}},
    {{Place::outermost, "memory = { mib = \"1g\"; };", "memory.mib",
      "found \"1g\"; allowed: 64 to 1048576 MiB"}},
    // numbers, of which libconfig alone would make others
    {{Place::port, "mtu = 4294968796;", "ports[wan].mtu",
      "found 4294968796; allowed: 576 to 9600 bytes"}},
    {{Place::port, "mtu = 99999999999999999999999;", "ports[wan].mtu",
      "found a huge number; allowed: 576 to 9600 bytes"}},
    {{Place::port, "mtu = 0x1000005DC;", "ports[wan].mtu",
      "found 4294968796; allowed: 576 to 9600 bytes"}},
    {{Place::port, "mtu = -1;", "ports[wan].mtu", "found -1; allowed: 576 to 9600 bytes"}},
    {{Place::port, "mtu = 575;", "ports[wan].mtu", "found 575; allowed: 576 to 9600 bytes"}},
    {{Place::port, "mtu = 9601;", "ports[wan].mtu", "found 9601; allowed: 576 to 9600 bytes"}},
    {{Place::port, "vlan = 4095;", "ports[wan].vlan",
      "found 4095; allowed: 1 to 4094, or 0: untagged"}},
    {{Place::tunnel, "ttl = 0;", "services[shop].tunnel.ttl", "found 0; allowed: 1 to 255"}},
    {{Place::service, "mss = 535;", "services[shop].mss",
      "found 535; allowed: 536 to 9560 bytes, or 0: as the client says"}},
    {{Place::backend, "weight = 1000001;", "services[shop].backends[web1].weight",
      "found 1000001; allowed: 0 to 1000000"}},
    {{Place::service, "buckets = 65536;", "services[shop].buckets", "found 65536; "}, kBuckets},
    {{Place::service, "buckets = 241;", "services[shop].buckets", "found 241; "}, kBuckets},
    {{Place::service, "buckets = 4194319;", "services[shop].buckets", "found 4194319; "}, kBuckets},
    {{Place::service, "buckets = 4295032833;", "services[shop].buckets", "found 4295032833; "},
     kBuckets},
    {{Place::outermost, "prometheus = { interval = \"99ms\"; };", "prometheus.interval",
      "found \"99ms\"; allowed: 100ms to 1m, as \"300ms\" or \"5m\", in us, ms, s, m, h or d"}},
    {{Place::outermost, "prometheus = { url = \"prometheus:9090\"; };", "prometheus.url",
      "found \"prometheus:9090\"; allowed: a URL, as \"http://192.0.2.9:9093\" or "
      "\"https://hooks.example.net/box\", or \"\": nobody"}},
    // words
    {{Place::service, "protocol = \"TCP\";", "services[shop].protocol",
      "found \"TCP\"; allowed: \"tcp\", \"udp\" or \"sctp\""}},
    {{Place::service, "protocol = 6;", "services[shop].protocol",
      "found 6; allowed: \"tcp\", \"udp\" or \"sctp\""}},
    {{Place::service, "affinity = \"\";", "services[shop].affinity",
      "found \"\"; allowed: \"connection\", \"stateless\" or \"sticky\""}},
    {{Place::outermost, "idle = \"poll \";", "idle",
      "found \"poll \"; allowed: \"adaptive\" or \"poll\""}},
    // texts
    {{Place::outermost, "name = \"\";", "name", "found \"\"; "}, kName},
    {{Place::outermost, "name = \"a b\";", "name", "found \"a b\"; "}, kName},
    {{Place::outermost, "name = \"../x\";", "name", "found \"../x\"; "}, kName},
    {{Place::outermost, "name = \"a\\n\\x1bb\";", "name", "found \"a??b\"; "}, kName},
    {{Place::outermost,
      "name = \"123456789-123456789-123456789-123456789-123456789-123456789-1234\";", "name",
      "found \"123456789-123456789-123456789-123456789-123456789-123456789-...\"; "},
     kName},
    {{Place::outermost, "secret_file = \"secret\";", "secret_file",
      "found \"secret\"; allowed: a file's path from /"}},
    {{Place::outermost, "eal_extra = [\"-v\", \"\"];", "eal_extra[#2]",
      "found \"\"; allowed: text of 1 to 256 characters"}},
    {{Place::outermost, "cpu = { workers = []; };", "cpu.workers",
      "found a list of 0; allowed: a list, at least 1, at most 64, of: 0 to 1023"}},
    {{Place::outermost, "cpu = { workers = (1, \"2\", 3); };", "cpu.workers[#2]",
      "found \"2\"; allowed: 0 to 1023"}},
    // times and sizes
    {{Place::service, "check = { type = \"tcp\"; interval = 5; };", "services[shop].check.interval",
      "found 5; "},
     kTime},
    {{Place::service, "check = { type = \"tcp\"; interval = \"5\"; };",
      "services[shop].check.interval", "found \"5\"; "},
     kTime},
    {{Place::service, "check = { type = \"tcp\"; interval = \"5 s\"; };",
      "services[shop].check.interval", "found \"5 s\"; "},
     kTime},
    {{Place::service, "check = { type = \"tcp\"; interval = \"999us\"; };",
      "services[shop].check.interval", "found \"999us\"; "},
     kTime},
    {{Place::service, "check = { type = \"tcp\"; interval = \"61m\"; };",
      "services[shop].check.interval", "found \"61m\"; "},
     kTime},
    {{Place::outermost, "journal = { size = \"1kb\"; };", "journal.size", "found \"1kb\"; "},
     kSize},
    {{Place::outermost, "journal = { size = 1048575; };", "journal.size", "found 1048575; "},
     kSize},
    {{Place::outermost, "journal = { size = -1; };", "journal.size", "found -1; "}, kSize},
    {{Place::outermost, "journal = { size = \"99999999999999999999g\"; };", "journal.size",
      "found \"99999999999999999999g\"; "},
     kSize},
    // what a check asks and takes for good
    {{Place::service, "check = { fall = 2; };", "services[shop].check.type",
      "is missing; allowed: \"none\", \"tcp\", \"http\", \"tls\", \"https\", \"h2\", \"grpc\", "
      "\"udp\", \"dns\", \"icmp\", \"agent\" or \"command\""}},
    {{Place::service, "check = { type = \"http\"; path = \"/a b\"; };", "services[shop].check.path",
      "found \"/a b\"; allowed: a path from / without spaces, at most 1024 characters, as "
      "\"/health\""}},
    {{Place::service, "check = { type = \"http\"; method = \"get\"; };",
      "services[shop].check.method",
      "found \"get\"; allowed: capital letters, at most 16, as \"GET\""}},
    {{Place::service, "check = { type = \"http\"; expect = [200, 600]; };",
      "services[shop].check.expect[#2]", "found 600; "},
     kStatuses},
    {{Place::service, "check = { type = \"http\"; expect = (\"399-200\"); };",
      "services[shop].check.expect[#1]", "found \"399-200\"; "},
     kStatuses},
    {{Place::outermost, "api = { listen = \"192.0.2.2\"; };", "api.listen",
      "found \"192.0.2.2\"; allowed: an address and a port, as \"192.0.2.2:8443\" or "
      "\"[2001:db8::2]:8443\", or \"\": nowhere"}},
    {{Place::outermost, "alerts = { webhooks = [\"ftp://a\"]; };", "alerts.webhooks[#1]",
      "found \"ftp://a\"; allowed: a URL, as \"http://192.0.2.9:9093\" or "
      "\"https://hooks.example.net/box\""}},
    {{Place::outermost, "alerts = { alertmanagers = \"http://a\"; };", "alerts.alertmanagers",
      "found \"http://a\"; allowed: a list, at most 8, of: a URL, as \"http://192.0.2.9:9093\" or "
      "\"https://hooks.example.net/box\""}},
    {{Place::outermost, "alerts = { repeat = \"0s\"; };", "alerts.repeat",
      "found \"0s\"; allowed: 1s to 1h, as \"300ms\" or \"5m\", in us, ms, s, m, h or d"}},
    // addresses
    {{Place::port, "addresses = [\"192.0.2.2\"];", "ports[wan].addresses[#1]",
      "found \"192.0.2.2\"; "},
     kInterface},
    {{Place::port, "addresses = [\"192.0.2.2/33\"];", "ports[wan].addresses[#1]",
      "found \"192.0.2.2/33\"; "},
     kInterface},
    {{Place::port, "addresses = [\"224.0.0.1/4\"];", "ports[wan].addresses[#1]",
      "found \"224.0.0.1/4\"; "},
     kInterface},
    {{Place::service, "allow = [\"192.0.2.1/24\"];", "services[shop].allow[#1]",
      "found \"192.0.2.1/24\"; "},
     kPrefix},
    {{Place::service, "deny = [\"10.0.0.0/8\", \"ten\"];", "services[shop].deny[#2]",
      "found \"ten\"; "},
     kPrefix},
    {{Place::tunnel, "source = \"0.0.0.0\";", "services[shop].tunnel.source",
      "found \"0.0.0.0\"; allowed: an address of one host, as \"192.0.2.1\" or \"2001:db8::1\", "
      "or \"\": that of the route to the backend"}},
    {{Place::tunnel, "inner_source_mac = \"020000000001\";",
      "services[shop].tunnel.inner_source_mac", "found \"020000000001\"; "},
     kMac},
    // keys
    {{Place::service, "buckts = 251;", "services[shop].buckts",
      "there is no such key; did you mean 'buckets'?"}},
    {{Place::service, "Buckets = 251;", "services[shop].Buckets",
      "there is no such key; did you mean 'buckets'?"}},
    {{Place::backend, "wieght = 1;", "services[shop].backends[web1].wieght",
      "there is no such key; did you mean 'weight'?"}},
    {{Place::outermost, "kernel = { packet_per_second = 1; };", "kernel.packet_per_second",
      "there is no such key; did you mean 'packets_per_second'?"}},
    {{Place::backend, "x = 1;", "services[shop].backends[web1].x",
      "there is no such key; allowed: name, address, port, weight, capacity"}},
    // keys of other modes
    {{Place::backend, "port = 8080;", "services[shop].backends[web1].port",
      "has no effect in mode \"ipip\"; allowed in: nat"}},
    {{Place::tunnel, "vni = 5;", "services[shop].tunnel.vni",
      "has no effect in mode \"ipip\"; allowed in: vxlan, geneve"}},
    {{Place::tunnel, "port = 4789;", "services[shop].tunnel.port",
      "has no effect in mode \"ipip\"; allowed in: gue, vxlan, geneve"}},
    {{Place::service, "dscp = 1;", "services[shop].dscp",
      "has no effect in mode \"ipip\"; allowed in: l3_direct"}},
    {{Place::service, "translation_prefix = \"64:ff9c::/96\";", "services[shop].translation_prefix",
      "has no effect in mode \"ipip\"; allowed in: nat"}},
    // syntax
    {{Place::service, "mss = = 5;", "",
      "syntax error: here or shortly before, something is missing or too much"}},
    {{Place::service, "mss = 5; mss = 6;", "", "a key that is in its group already"}},
    {{Place::service, "allow = [\"::/0\", 5];", "",
      "an array [ ] of values of more than one type; a list ( ) may hold those"}},
};

void each_mistake_is_told_with_its_line_and_key(void** /*state*/) {
  for (const auto& [row, allowed] : kRows) {
    const Loaded result = load_settings_text(text_with(row.place, row.line), "text");
    const std::string path = row.path;
    const std::string expected = "text:" + std::to_string(line_of(row.place)) + ": " +
                                 (path.empty() ? "" : path + ": ") + row.what + allowed + "\n";
    if (result.message() != expected) print_error("%s\n", row.line);
    assert_string_equal(result.message().c_str(), expected.c_str());
  }
}

// Texts of their own, for keys that the good text has.
struct Text {
  const char* text;
  const char* message;
};

constexpr Text kTexts[] = {
    {"", "text:1: ports: is missing; allowed: a list, at least 1, at most 32, of: a group { }\n"},
    {"ports = ( { } );",
     "text:1: ports[#1].name: is missing; allowed: letters, digits, -, _ and ., at most 15, the "
     "first a letter or digit\n"
     "text:1: ports[#1].device: is missing; allowed: text of 1 to 256 characters\n"},
    {"ports = ( 5 );", "text:1: ports[#1]: found 5; allowed: a group { }\n"},
    {"ports = { };",
     "text:1: ports: found a group { }; allowed: a list, at least 1, at most 32, of: a group { "
     "}\n"},
    // Of a service whose mode is not known, no key is known to be without effect.
    {"ports = ( { name = \"a\"; device = \"b\"; } );\n"
     "services = ( { name = \"s\"; vips = (\"127.0.0.1\"); ports = -1; mode = \"ip\"; dscp = 5;\n"
     "  backends = ( { name = \"x\"; address = \"::1\"; port = 5; } ); } );",
     "text:2: services[s].vips[#1]: found \"127.0.0.1\"; allowed: a host's address or a prefix, as "
     "\"192.0.2.1\" or \"2001:db8::/64\"\n"
     "text:2: services[s].ports: found -1; allowed: \"80\", \"8000-8100\" or \"all\"\n"
     "text:2: services[s].mode: found \"ip\"; allowed: \"l2_direct\", \"l3_direct\", \"ipip\", "
     "\"gre\", \"gue\", \"vxlan\", \"geneve\" or \"nat\"\n"
     "text:3: services[s].backends[x].address: found \"::1\"; allowed: an address of one host, as "
     "\"192.0.2.1\" or \"2001:db8::1\"\n"},
};

void mistakes_of_whole_texts(void** /*state*/) {
  for (const Text& row : kTexts) {
    assert_string_equal(load_settings_text(row.text, "text").message().c_str(), row.message);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(each_mistake_is_told_with_its_line_and_key),
      cmocka_unit_test(mistakes_of_whole_texts),
  };
  return cmocka_run_group_tests_name("settings/load_mistakes", tests, nullptr, nullptr);
}
