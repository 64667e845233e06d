// Buffers: large enough for every port, enough for every queue, and all of them back at the end.
#include "drivers/pool.h"

#include <rte_mbuf.h>

#include <array>
#include <cstring>
#include <memory>

#include "drivers/port.h"
#include "tests/cmocka.h"
#include "tests/drivers/own_eal.h"

namespace evenkeel {
namespace {

int setup(void** state) {
  *state = start_own_eal(own_eal_spec("pool", {})).release();
  return 0;
}

int teardown(void** state) {
  delete static_cast<Eal*>(*state);
  return 0;
}

PoolSpec::OfPort of(std::string_view name, uint16_t mtu) {
  for (const DeviceTraits& traits : device_table()) {
    if (traits.name == name) return {.traits = &traits, .mtu = mtu};
  }
  return {};
}

// Without an end: a failed assert must not leave a pool behind, whose name is taken.
struct Made {
  bool ok = false;
  uint32_t room = 0;
  size_t size = 0;
  size_t free_at_first = 0;
  size_t free_without_ten = 0;
  size_t free_at_last = 0;
  bool has_headroom = false;
  std::string message;
};

Made make(uint32_t buffers, uint16_t workers, std::span<const PoolSpec::OfPort> ports) {
  Made made;
  const Result<Pool> pool = Pool::make({.buffers = buffers, .workers = workers, .ports = ports});
  made.ok = pool.ok();
  if (!made.ok) {
    made.message = pool.message();
    return made;
  }
  made.size = pool.value().size();
  made.free_at_first = pool.value().free_buffers();
  std::array<rte_mbuf*, 10> taken{};
  if (rte_pktmbuf_alloc_bulk(pool.value().get(), taken.data(), taken.size()) != 0) return made;
  made.room = taken[0]->buf_len - RTE_PKTMBUF_HEADROOM;
  made.has_headroom = rte_pktmbuf_headroom(taken[0]) == 128;
  made.free_without_ten = pool.value().free_buffers();
  rte_pktmbuf_free_bulk(taken.data(), taken.size());
  made.free_at_last = pool.value().free_buffers();
  return made;
}

void buffers_hold_what_ports_bring(void** /*state*/) {
  const struct {
    const char* description;
    std::vector<PoolSpec::OfPort> ports;
    uint32_t room;
  } rows[] = {
      {"at least what drivers want", {of("net_null", 1500)}, 2048},
      {"jumbo frames", {of("net_null", 1500), of("net_vhost", 9000)}, 9022},
      {"jumbo frames of PACKET_MMAP", {of("net_af_packet", 9000), of("net_vhost", 9000)}, 10240},
      {"XDP's own headroom", {of("net_af_xdp", 3000)}, 3278},
  };
  for (const auto& row : rows) {
    const auto* const made = new Made(make(8'192, 1, row.ports));
    if (!made->ok) fail_msg("%s: %s", row.description, made->message.c_str());
    if (made->room != row.room) fail_msg("%s: %u", row.description, made->room);
    assert_true(made->has_headroom);
    assert_int_equal(made->size, 8'192);
    assert_int_equal(made->free_at_first, 8'192);
    assert_int_equal(made->free_without_ten, 8'182);
    assert_int_equal(made->free_at_last, 8'192);
    delete made;
  }
}

void what_cannot_be_is_refused(void** /*state*/) {
  const struct {
    const char* description;
    uint32_t buffers;
    uint16_t workers;
    std::vector<PoolSpec::OfPort> ports;
    const char* expected;
  } rows[] = {
      {"queues could not be filled",
       9'215,
       2,
       {of("net_null", 1500), of("net_ring", 1500)},
       "memory.buffers = 9215 are too few to fill the queues of 2 ports for 2 workers; set it to "
       "9216 or more."},
      {"more than a page for XDP",
       8'192,
       1,
       {of("net_af_xdp", 1500), of("net_null", 9000)},
       "but net_af_xdp takes only 4096; lower the mtu"},
      {"one byte too many for XDP's page",
       8'192,
       1,
       {of("net_af_xdp", 3499)},
       "take 4160 bytes each"},
      {"too little memory",
       65'536,
       1,
       {of("net_null", 1500)},
       "memory.buffers = 65536 of 2176 bytes do not fit the memory there is"},
      {"how much it would take",
       65'536,
       1,
       {of("net_null", 1500)},
       "they take 145 MiB: raise memory.mib"},
  };
  for (const auto& row : rows) {
    const auto* const made = new Made(make(row.buffers, row.workers, row.ports));
    if (made->message.find(row.expected) == std::string::npos) {
      fail_msg("%s: %s", row.description, made->message.c_str());
    }
    delete made;
  }
}

void the_least_suffices(void** /*state*/) {
  const PoolSpec::OfPort ports[] = {of("net_null", 1500), of("net_ring", 1500)};
  assert_int_equal(Pool::least_buffers({.buffers = 0, .workers = 2, .ports = ports}), 9'216);
  const auto* const made = new Made(make(9'216, 2, ports));
  assert_true(made->ok);
  delete made;
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(buffers_hold_what_ports_bring),
      cmocka_unit_test(what_cannot_be_is_refused),
      cmocka_unit_test(the_least_suffices),
  };
  return cmocka_run_group_tests_name("drivers/pool", tests, setup, teardown);
}
