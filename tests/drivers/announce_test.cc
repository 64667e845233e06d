#include "drivers/announce.h"

#include <map>

#include "tests/cmocka.h"
#include "tests/wire/packet.h"

namespace evenkeel {
namespace {

constexpr Mac kMac = {2, 0, 0, 0, 0, 1};
constexpr Microseconds kStart = 5'000'000;

Address vip(uint32_t number) { return Address::v4(Big32(0xc6120000 + number)); }

// As scapy builds them: ARP(op=1, psrc=VIP, pdst=VIP), and IPv6(hlim=255, dst="ff02::1") /
// ICMPv6ND_NA(R=0, S=0, O=1) / ICMPv6NDOptDstLLAddr().
void frames_are_as_they_should_be(void**) {
  const struct {
    const char* description;
    const char* address;
    const char* frame;
  } cases[] = {
      {"gratuitous ARP", "192.0.2.10",
       "ffffffffffff02000000000108060001080006040001020000000001c000020a00000000"
       "0000c000020a"},
      {"unsolicited advertisement", "2001:db8::10",
       "33330000000102000000000186dd6000000000203aff20010db800000000000000000000"
       "0010ff0200000000000000000000000000018800f90c2000000020010db8000000000000"
       "0000000000100201020000000001"},
  };
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    const AnnouncementFrame frame = announcement(*parse_address(example.address), kMac);
    const Packet expected = packet_of(example.frame);
    assert_int_equal(frame.length, expected.length);
    assert_memory_equal(frame.bytes.data(), expected.bytes(), frame.length);
  }
}

struct Count {
  unsigned all = 0;
  std::map<std::pair<Address, size_t>, unsigned> each;
};

// All that is due at a moment.
void take_all(Announcements& announcements, Microseconds now, Count& count) {
  while (const auto one = announcements.next(now)) {
    ++count.all;
    ++count.each[{one->vip, one->port}];
  }
}

void three_rounds_a_second_apart(void**) {
  Announcements announcements(2);
  announcements.set_vips({vip(1), vip(2)}, kStart);
  for (unsigned round = 1; round <= 3; ++round) {
    const Microseconds at = kStart + (round - 1) * Announcements::kInterval;
    Count early;
    if (round > 1) take_all(announcements, at - 1, early);
    assert_int_equal(early.all, 0);
    Count count;
    take_all(announcements, at, count);
    assert_int_equal(count.all, 4);
    assert_int_equal(count.each.size(), 4);
  }
  assert_false(announcements.next(kStart + 1000 * Announcements::kInterval).has_value());
}

void only_new_ones_are_announced(void**) {
  Announcements announcements(1);
  Count first;
  announcements.set_vips({vip(1), vip(2)}, kStart);
  for (unsigned i = 0; i < 3; ++i) {
    take_all(announcements, kStart + i * Announcements::kInterval, first);
  }
  assert_int_equal(first.all, 6);
  Count second;
  const Microseconds later = kStart + 10 * Announcements::kInterval;
  announcements.set_vips({vip(2), vip(3)}, later);
  take_all(announcements, later, second);
  assert_int_equal(second.all, 1);
  assert_true(second.each.contains({vip(3), 0}));
}

void gone_ones_are_not_announced_any_more(void**) {
  Announcements announcements(1);
  Count count;
  announcements.set_vips({vip(1), vip(2)}, kStart);
  take_all(announcements, kStart, count);
  announcements.set_vips({vip(2)}, kStart);
  take_all(announcements, kStart + Announcements::kInterval, count);
  take_all(announcements, kStart + 2 * Announcements::kInterval, count);
  assert_int_equal((count.each[{vip(1), 0}]), 1);
  assert_int_equal((count.each[{vip(2), 0}]), 3);
}

void a_port_that_comes_back_is_told_again(void**) {
  Announcements announcements(2);
  Count count;
  announcements.set_vips({vip(1)}, kStart);
  take_all(announcements, kStart, count);
  announcements.repeat(1, kStart);
  for (unsigned i = 0; i < 4; ++i) {
    take_all(announcements, kStart + i * Announcements::kInterval, count);
  }
  assert_int_equal((count.each[{vip(1), 0}]), 3);
  assert_int_equal((count.each[{vip(1), 1}]), 1 + 3);
}

// Spread out: at no time more than the burst at once, nor more than the rate over time.
void many_are_spread_out(void**) {
  constexpr uint32_t kVips = 3'000;
  Announcements announcements(1);
  std::vector<Address> vips;
  for (uint32_t i = 0; i < kVips; ++i) vips.push_back(vip(i));
  announcements.set_vips(vips, kStart);
  Count all;
  Microseconds now = kStart;
  for (; all.all < 3 * kVips && now < kStart + 10'000'000; now += 1'000) {
    Count count;
    take_all(announcements, now, count);
    assert_in_range(count.all, 0, Announcements::kBurst);
    all.all += count.all;
  }
  assert_int_equal(all.all, 3 * kVips);
  const uint64_t least = uint64_t{3 * kVips} * 1'000'000 / Announcements::kPerSecond;
  assert_in_range(now - kStart, least * 99 / 100, 5 * least);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(frames_are_as_they_should_be),
      cmocka_unit_test(three_rounds_a_second_apart),
      cmocka_unit_test(only_new_ones_are_announced),
      cmocka_unit_test(gone_ones_are_not_announced_any_more),
      cmocka_unit_test(a_port_that_comes_back_is_told_again),
      cmocka_unit_test(many_are_spread_out),
  };
  return cmocka_run_group_tests_name("drivers/announce", tests, nullptr, nullptr);
}
