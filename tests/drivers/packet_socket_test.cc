#include "drivers/packet_socket.h"

#include <net/if.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <optional>
#include <utility>
#include <vector>

#include "tests/cmocka.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {
namespace {

// Frames whose 13th byte is 0x12, and 20 bytes of each.
constexpr sock_filter kFilter[] = {BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 12),
                                   BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x12, 0, 1),
                                   BPF_STMT(BPF_RET | BPF_K, 20), BPF_STMT(BPF_RET | BPF_K, 0)};

PacketSocket open_on(const char* name) {
  Result<PacketSocket> socket = PacketSocket::open(::if_nametoindex(name), kFilter);
  CHECK(socket.ok());
  return std::move(socket.value());
}

std::vector<uint8_t> frame_of(uint8_t type, uint8_t mark, size_t size = 60) {
  std::vector<uint8_t> frame(size, mark);
  std::fill_n(frame.begin(), 6, uint8_t{0xff});
  frame[12] = type;
  return frame;
}

struct Cable {
  PacketSocket one = open_on("one");
  PacketSocket other = open_on("other");
};

int set_up(void** state) {
  *state = new Cable;
  return 0;
}

int tear_down(void** state) {
  delete static_cast<Cable*>(*state);
  return 0;
}

void what_passes_the_filter_is_heard(void** state) {
  auto& cable = *static_cast<Cable*>(*state);
  for (const auto& [type, mark] : {std::pair<uint8_t, uint8_t>{0x13, 1}, {0x12, 2}, {0x12, 3}}) {
    assert_int_equal(cable.one.send(frame_of(type, mark)), 0);
  }
  std::array<uint8_t, 100> room{};
  for (const uint8_t mark : {uint8_t{2}, uint8_t{3}}) {
    assert_true(eventually([&] { return cable.other.receive(room) == std::optional<size_t>(20); },
                           cable.other.descriptor()));
    assert_int_equal(room[19], mark);
  }
  assert_false(cable.other.receive(room).has_value());
  // Nor what it sends itself.
  assert_false(cable.one.receive(room).has_value());
}

void what_cannot_be_sent_is_told(void** state) {
  auto& cable = *static_cast<Cable*>(*state);
  assert_int_equal(cable.one.send(frame_of(0x12, 1, 2'000)), EMSGSIZE);
  CHECK(shell("ip link set one down"));
  assert_int_equal(cable.one.send(frame_of(0x12, 1)), ENETDOWN);
  std::array<uint8_t, 100> room{};
  assert_false(cable.one.receive(room).has_value());
  CHECK(shell("ip link set one up") && carries("one") && carries("other"));
  assert_true(eventually([&] { return cable.one.send(frame_of(0x12, 7)) == 0; }));
  assert_true(eventually([&] { return cable.other.receive(room).has_value() && room[19] == 7; },
                         cable.other.descriptor()));
}

void there_must_be_an_interface(void**) {
  const Result<PacketSocket> socket = PacketSocket::open(9'999, kFilter);
  assert_false(socket.ok());
  assert_string_equal(socket.message().c_str(),
                      "A packet socket cannot be set up: No such device; run as root "
                      "(CAP_NET_RAW).");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  CHECK(shell("ip link add one type veth peer other; ip link set one up; ip link set other up"));
  CHECK(carries("one") && carries("other"));
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(what_passes_the_filter_is_heard, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_told, set_up, tear_down),
      cmocka_unit_test(there_must_be_an_interface),
  };
  return cmocka_run_group_tests_name("drivers/packet_socket", tests, nullptr, nullptr);
}
