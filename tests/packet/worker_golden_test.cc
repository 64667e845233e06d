// The golden packets of every mode through a whole worker, from port to port. What depends on the
// flow's hash, which the table cannot know, is found out by emitting with other hashes, and left
// out of the comparison; everything else must be as the table says.
#include <cstring>
#include <random>

#include "firmware/packet/worker.h"
#include "firmware/wire/emit.h"
#include "tests/cmocka.h"
#include "tests/packet/desk.h"
#include "tests/wire/emit_cases.h"
#include "tests/wire/room.h"

namespace evenkeel {
namespace {

Desk& desk_of(void** state) { return **static_cast<std::unique_ptr<Desk>*>(*state); }

int open_desk(void** state) {
  *state = new std::unique_ptr<Desk>(new Desk("worker_golden"));
  return 0;
}
int close_desk(void** state) {
  delete static_cast<std::unique_ptr<Desk>*>(*state);
  return 0;
}

Bytes bytes_of(const char* hex) {
  Room room(hex);
  return Bytes(room.data(), room.data() + room.frame().length);
}

Bytes emitted(const EmitCase& row, const Forwarding& forwarding, uint32_t entropy) {
  Room room(row.in);
  Frame frame = room.frame();
  Parsed parsed;
  CHECK(parse(frame, parsed) == Reason::none);
  CHECK(emit(forwarding, frame, parsed, entropy) == Reason::none);
  return Bytes(frame.data, frame.data + frame.length);
}

// Which bytes are the same for all hashes.
std::vector<bool> steady_bytes(const EmitCase& row, const Forwarding& forwarding) {
  std::mt19937 random(1);
  const Bytes first = emitted(row, forwarding, kEntropy);
  std::vector<bool> steady(first.size(), true);
  for (int i = 0; i < 64; ++i) {
    const Bytes other = emitted(row, forwarding, static_cast<uint32_t>(random()));
    for (size_t k = 0; k < first.size(); ++k) steady[k] = steady[k] && other[k] == first[k];
  }
  return steady;
}

// One service for what the packet asks for, one backend as the case says, behind port 1.
PlanSpec spec_for(const EmitCase& row, const Parsed& parsed) {
  PlanSpec spec;
  spec.backends = {backend_of(0, parsed.is_v4)};
  spec.backends[0].forwarding = spec_of(row, parsed.is_v4);
  spec.backends[0].forwarding.port = 1;
  ServiceSpec service = service_of("golden", "192.0.2.1", 80, {{0}});
  service.points[0].address = parsed.key.destination;
  service.points[0].protocol = parsed.key.protocol;
  service.points[0].first_port = service.points[0].last_port = parsed.key.destination_port.value();
  spec.services = {service};
  return spec;
}

void every_mode_from_port_to_port(void** state) {
  size_t passed = 0;
  for (const EmitCase& row : kEmitCases) {
    Bytes in = bytes_of(row.in);
    store(in.data(), BusyDesk::kMac);
    const Bytes out = bytes_of(row.out);
    Room room(row.in);
    Parsed parsed;
    assert_int_equal(parse(room.frame(), parsed), Reason::none);
    if (parsed.kind == Kind::fragment_later || parsed.kind == Kind::echo) continue;
    const std::vector<bool> steady = steady_bytes(row, forwarding_of(row, parsed.is_v4));
    BusyDesk desk(desk_of(state), spec_for(row, parsed));
    const std::vector<Bytes> left = desk.pass(in, 0, 1);
    if (left.size() != 1 || left[0].size() != out.size()) fail_msg("%s", row.description);
    for (size_t i = 0; i < out.size(); ++i) {
      if (steady[i] && left[0][i] != out[i]) fail_msg("%s: byte %zu", row.description, i);
    }
    assert_true(desk.adds_up());
    ++passed;
  }
  assert_true(passed >= 20);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const CMUnitTest tests[] = {cmocka_unit_test(every_mode_from_port_to_port)};
  return cmocka_run_group_tests_name("packet/worker_golden", tests, open_desk, close_desk);
}
