// The rule on what the box proves itself with, just before and just behind what it allows.
#include "tests/change/rows.h"

namespace evenkeel {
namespace {

void set_credentials(Settings& settings, const char* url, const char* file) {
  settings.credentials = {{.name = "am", .url = url, .authorization_file = file, .ca_file = {}}};
}

const Row kSecretInClear[] = {
    {"to everybody on the way", "secret-in-clear", nothing,
     [](Settings& s) { set_credentials(s, "http://192.0.2.9:9093", "/token"); }, kWarn},
    {"by TLS", "secret-in-clear", nothing,
     [](Settings& s) { set_credentials(s, "https://192.0.2.9:9093", "/token"); }, kNoHit},
    {"within the machine", "secret-in-clear", nothing,
     [](Settings& s) { set_credentials(s, "http://127.0.0.1:9093", "/token"); }, kNoHit},
    {"nothing", "secret-in-clear", nothing,
     [](Settings& s) { set_credentials(s, "http://192.0.2.9:9093", ""); }, kNoHit},
};
void secret_in_clear(void** /*state*/) { expect(kSecretInClear); }

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(secret_in_clear),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
