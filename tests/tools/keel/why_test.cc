#include "tools/keel/why.h"

#include <boost/json/parse.hpp>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel::keel {
namespace {

void assert_text(const char* answer, const char* expected) {
  const std::string text = render_why(boost::json::parse(answer), {});
  if (text != expected) print_message("%s", text.c_str());
  assert_string_equal(text.c_str(), expected);
}

void test_a_flow_that_is_forwarded(void**) {
  assert_text(R"({"protocol":"tcp","source":"198.51.100.7:40000","vip":"203.0.113.10:443",
      "generation":12,"verdict":"forwarded","because":"the bucket is steady","reason":null,
      "service":"shop","hash":"00ff","bucket":4711,"arm":null,"moved":false,
      "memory":"not-remembered","current":"shop/web1","previous":null,"backend":"shop/web1",
      "address":"10.0.0.1","mode":"gue",
      "next_hop":{"address":"10.0.0.1","port":"lan","mac":"02:00:00:00:00:01","state":"reachable"},
      "headers":[{"name":"ethernet","text":"a > b"},{"name":"ipv4","text":"c > d, ttl 64"}]})",
              "tcp 198.51.100.7:40000 → 203.0.113.10:443, by generation 12\n"
              "  service   shop\n"
              "  hash      00ff\n"
              "  bucket    4711, steady\n"
              "  memory    the flow is not remembered\n"
              "  current   shop/web1\n"
              "  backend   shop/web1   10.0.0.1\n"
              "  mode      gue\n"
              "  next hop  10.0.0.1 by port lan, 02:00:00:00:00:01, reachable\n"
              "  headers   ethernet  a > b\n"
              "            ipv4  c > d, ttl 64\n"
              "✓ forwarded: the bucket is steady\n");
}

void test_an_echo_request(void**) {
  assert_text(R"({"protocol":"icmp","source":"198.51.100.7:4711","vip":"203.0.113.10:4711",
      "generation":12,"verdict":"answered","because":"the box does it itself","reason":null,
      "service":null,"next_hop":null,
      "headers":[{"name":"icmp","text":"echo reply, identifier 4711"}]})",
              "icmp 198.51.100.7:4711 → 203.0.113.10:4711, by generation 12\n"
              "  headers  icmp  echo reply, identifier 4711\n"
              "✓ answered: the box does it itself\n");
}

void test_a_flow_that_is_not(void**) {
  assert_text(R"({"protocol":"udp","source":"198.51.100.7:1","vip":"203.0.113.99:53",
      "generation":12,"verdict":"dropped","because":"nobody \u001b[2Jasks","reason":"no_service",
      "service":null,"next_hop":null,"headers":[]})",
              "udp 198.51.100.7:1 → 203.0.113.99:53, by generation 12\n"
              "✗ dropped (no_service): nobody \\x1b[2Jasks\n");
  assert_text("{}", "  → , by generation \n✗ : \n");
}

}  // namespace
}  // namespace evenkeel::keel

int main() {
  using namespace evenkeel::keel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_a_flow_that_is_forwarded),
      cmocka_unit_test(test_an_echo_request),
      cmocka_unit_test(test_a_flow_that_is_not),
  };
  return cmocka_run_group_tests_name("tools/keel/why", tests, nullptr, nullptr);
}
