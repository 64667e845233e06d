#include "firmware/wire/forwarding.h"

#include <cstring>
#include <string_view>

#include "firmware/wire/checksum.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

Address address(const char* text) { return *parse_address(text); }

// Good in every mode.
ForwardingSpec good(Mode mode) {
  ForwardingSpec spec;
  spec.mode = mode;
  spec.source_mac = {2, 0, 0, 0, 0, 1};
  spec.destination_mac = {2, 0, 0, 0, 0, 2};
  spec.inner_source_mac = {2, 0, 0, 0, 1, 1};
  spec.inner_destination_mac = {2, 0, 0, 0, 1, 2};
  spec.destination = address("10.1.2.3");
  spec.tunnel_source = address("172.16.255.255");
  spec.destination_port = mode == Mode::nat ? 8080 : 0;
  spec.translation_prefix = address("64:ff9b::");
  spec.dscp = 21;
  spec.vni = 0x123456;
  return spec;
}

constexpr Mode kModes[] = {Mode::l2_direct, Mode::l3_direct, Mode::ipip,   Mode::gre,
                           Mode::gue,       Mode::vxlan,     Mode::geneve, Mode::nat};

void translate_by(ForwardingSpec& spec, const char* prefix) {
  spec.destination = address("2001:db8::1");
  spec.translation_prefix = address(prefix);
}

using Change = void (*)(ForwardingSpec&);

struct Case {
  Mode mode;
  Change change;
  const char* words;  // of the message; nullptr: accepted
};

const Case kCases[] = {
    {Mode::ipip, [](ForwardingSpec& s) { s.source_mac = {}; }, "source_mac is not set"},
    {Mode::ipip, [](ForwardingSpec& s) { s.source_mac[0] = 3; }, "source_mac is a group's"},
    {Mode::ipip, [](ForwardingSpec& s) { s.destination_mac = {}; }, "destination_mac is not set"},
    {Mode::ipip, [](ForwardingSpec& s) { s.destination_mac[0] = 3; }, nullptr},
    {Mode::l2_direct, [](ForwardingSpec& s) { s.vlan = 4094; }, nullptr},
    {Mode::l2_direct, [](ForwardingSpec& s) { s.vlan = 4095; }, "vlan 4095"},
    {Mode::l2_direct, [](ForwardingSpec& s) { s.destination = {}; }, nullptr},
    {Mode::ipip, [](ForwardingSpec& s) { s.destination = {}; }, "destination is not set"},
    {Mode::nat, [](ForwardingSpec& s) { s.destination = {}; }, "destination is not set"},
    {Mode::ipip, [](ForwardingSpec& s) { s.destination = address("0.0.0.0"); }, "not set"},
    {Mode::ipip, [](ForwardingSpec& s) { s.destination = address("224.0.0.1"); },
     "destination 224.0.0.1 is not a single host's"},
    {Mode::ipip, [](ForwardingSpec& s) { s.destination = address("255.255.255.255"); },
     "not a single host's"},
    {Mode::ipip, [](ForwardingSpec& s) { s.destination = address("223.255.255.255"); }, nullptr},
    {Mode::nat, [](ForwardingSpec& s) { s.destination = address("ff02::1"); },
     "not a single host's"},
    {Mode::ipip, [](ForwardingSpec& s) { s.tunnel_source = {}; }, "tunnel_source is not set"},
    {Mode::gue, [](ForwardingSpec& s) { s.tunnel_source = address("239.0.0.1"); },
     "tunnel_source 239.0.0.1"},
    {Mode::ipip, [](ForwardingSpec& s) { s.tunnel_source = address("2001:db8::1"); },
     "different families"},
    {Mode::geneve, [](ForwardingSpec& s) { s.destination = address("2001:db8::1"); },
     "different families"},
    {Mode::ipip, [](ForwardingSpec& s) { s.tunnel_ttl = 0; }, "tunnel_ttl is 0"},
    {Mode::ipip, [](ForwardingSpec& s) { s.source_entropy_bits = 16; }, nullptr},
    {Mode::gre, [](ForwardingSpec& s) { s.source_entropy_bits = 17; }, "source_entropy_bits 17"},
    {Mode::gue, [](ForwardingSpec& s) { s.source_entropy_bits = 17; }, nullptr},
    {Mode::ipip,
     [](ForwardingSpec& s) {
       s.destination = address("2001:db8::1");
       s.tunnel_source = address("2001:db8:1::");
       s.source_entropy_bits = 32;
     },
     nullptr},
    {Mode::ipip,
     [](ForwardingSpec& s) {
       s.destination = address("2001:db8::1");
       s.tunnel_source = address("2001:db8:1::");
       s.source_entropy_bits = 33;
     },
     "source_entropy_bits 33"},
    {Mode::vxlan, [](ForwardingSpec& s) { s.tunnel_source = s.destination; }, "is among"},
    {Mode::ipip,
     [](ForwardingSpec& s) {
       s.destination = address("172.16.1.0");
       s.source_entropy_bits = 15;
     },
     nullptr},
    {Mode::ipip,
     [](ForwardingSpec& s) {
       s.destination = address("172.16.1.0");
       s.source_entropy_bits = 16;
     },
     "destination 172.16.1.0 is among the addresses of tunnel_source"},
    {Mode::vxlan, [](ForwardingSpec& s) { s.vni = 0xffffff; }, nullptr},
    {Mode::vxlan, [](ForwardingSpec& s) { s.vni = 0x1000000; }, "vni 16777216"},
    {Mode::geneve, [](ForwardingSpec& s) { s.vni = 0x1000000; }, "vni 16777216"},
    {Mode::gue, [](ForwardingSpec& s) { s.vni = 0x1000000; }, nullptr},
    {Mode::vxlan, [](ForwardingSpec& s) { s.inner_source_mac = {}; }, "inner_source_mac is not"},
    {Mode::geneve, [](ForwardingSpec& s) { s.inner_source_mac[0] = 1; }, "inner_source_mac is a"},
    {Mode::geneve, [](ForwardingSpec& s) { s.inner_destination_mac = {}; },
     "inner_destination_mac is not set"},
    {Mode::l3_direct, [](ForwardingSpec& s) { s.destination = address("2001:db8::1"); },
     "not of the VIP's family"},
    {Mode::l3_direct, [](ForwardingSpec& s) { s.inner_is_v4 = false; }, "not of the VIP's family"},
    {Mode::l3_direct, [](ForwardingSpec& s) { s.dscp = 0; }, "dscp is 0"},
    {Mode::l3_direct, [](ForwardingSpec& s) { s.dscp = 63; }, nullptr},
    {Mode::l3_direct, [](ForwardingSpec& s) { s.dscp = 64; }, "dscp 64"},
    {Mode::nat, [](ForwardingSpec& s) { s.destination_port = 0; }, nullptr},
    {Mode::nat, [](ForwardingSpec& s) { s.destination = address("2001:db8::1"); }, nullptr},
    {Mode::nat, [](ForwardingSpec& s) { s.inner_is_v4 = false; }, nullptr},
    {Mode::nat, [](ForwardingSpec& s) { s.translation_prefix = address("10.0.0.0"); }, nullptr},
    {Mode::nat,
     [](ForwardingSpec& s) {
       s.inner_is_v4 = false;
       s.translation_prefix = {};
     },
     "translation_prefix is not set, and destination 10.1.2.3"},
    {Mode::nat, [](ForwardingSpec& s) { translate_by(s, "64:ff9b::1"); },
     "translation_prefix 64:ff9b::1 is no IPv6 /96"},
    {Mode::nat, [](ForwardingSpec& s) { translate_by(s, "64:ff9b:0:0:100::"); }, "is no IPv6 /96"},
    {Mode::nat, [](ForwardingSpec& s) { translate_by(s, "64:ff9b:0:1:ff:ffff::"); }, nullptr},
    {Mode::nat, [](ForwardingSpec& s) { translate_by(s, "ff02::"); }, "is no IPv6 /96"},
    {Mode::nat, [](ForwardingSpec& s) { translate_by(s, "0.0.0.0"); }, "is no IPv6 /96"},
    {Mode::nat, [](ForwardingSpec& s) { translate_by(s, "2001:db8::"); },
     "destination 2001:db8::1 lies in translation_prefix"},
    {Mode::ipip, [](ForwardingSpec& s) { s.mtu = 9600; }, nullptr},
    {Mode::ipip, [](ForwardingSpec& s) { s.mtu = 9601; }, "mtu 9601 is too large"},
};

void refuses_by_name(void** /*state*/) {
  for (const Case& row : kCases) {
    ForwardingSpec spec = good(row.mode);
    row.change(spec);
    const Result<Forwarding> result = make_forwarding(spec);
    if (row.words == nullptr) {
      if (!result.ok()) fail_msg("%s", result.message().c_str());
    } else {
      if (result.ok()) fail_msg("accepted, not refused for: %s", row.words);
      if (result.message().find(row.words) == std::string::npos) {
        fail_msg("'%s' does not say '%s'", result.message().c_str(), row.words);
      }
    }
  }
}

struct Overhead {
  Mode mode;
  uint8_t in_v4;
  uint8_t in_v6;  // IPv6 outside, or to
};

const Overhead kOverheads[] = {
    {Mode::l2_direct, 0, 0}, {Mode::ipip, 20, 40},   {Mode::gre, 24, 44}, {Mode::gue, 32, 52},
    {Mode::vxlan, 50, 70},   {Mode::geneve, 50, 70}, {Mode::nat, 0, 20},
};

void smallest_mtu_has_room_for_smallest_packet(void** /*state*/) {
  for (const Overhead& row : kOverheads) {
    for (const bool outer_is_v4 : {true, false}) {
      ForwardingSpec spec = good(row.mode);
      spec.destination = address(outer_is_v4 ? "10.1.2.3" : "2001:db8::3");
      spec.tunnel_source = address(outer_is_v4 ? "10.1.2.4" : "2001:db8::4");
      const uint8_t overhead = outer_is_v4 ? row.in_v4 : row.in_v6;
      spec.mtu = static_cast<uint16_t>(68 + overhead);
      assert_true(make_forwarding(spec).ok());
      assert_int_equal(make_forwarding(spec).value().overhead, overhead);
      --spec.mtu;
      assert_false(make_forwarding(spec).ok());
      if (row.mode == Mode::nat) continue;
      spec.inner_is_v4 = false;
      spec.mtu = static_cast<uint16_t>(1280 + overhead);
      assert_true(make_forwarding(spec).ok());
      --spec.mtu;
      assert_false(make_forwarding(spec).ok());
    }
  }
}

void front_ends_where_it_must(void** /*state*/) {
  for (const Mode mode : kModes) {
    for (const bool is_v4 : {true, false}) {
      for (const uint16_t vlan : {uint16_t{0}, uint16_t{7}}) {
        ForwardingSpec spec = good(mode);
        spec.inner_is_v4 = is_v4;
        spec.destination = address(is_v4 ? "10.1.2.3" : "2001:db8::3");
        spec.tunnel_source = address(is_v4 ? "10.1.2.4" : "2001:db8::4");
        spec.vlan = vlan;
        const Forwarding result = make_forwarding(spec).value();
        const int overhead = mode == Mode::nat ? 0 : result.overhead;
        assert_int_equal(result.header_length, overhead + (vlan == 0 ? 14 : 18));
        assert_int_equal(result.header_end(),
                         result.header_length <= 48 ? Forwarding::kShortHeader : kMaxOuterHeader);
        const uint8_t* front = result.header.data() + result.header_end() - result.header_length;
        assert_memory_equal(front, spec.destination_mac.data(), 6);
        assert_memory_equal(front + 6, spec.source_mac.data(), 6);
        assert_int_equal(load<Big16>(front + 12).value(),
                         vlan == 0 ? is_v4 ? 0x0800 : 0x86dd : 0x8100);
      }
    }
  }
}

void entropy_bits_are_cleared_and_masked(void** /*state*/) {
  ForwardingSpec spec = good(Mode::ipip);
  for (uint8_t bits = 0; bits <= 16; ++bits) {
    spec.source_entropy_bits = bits;
    const Forwarding result = make_forwarding(spec).value();
    const uint32_t mask = (1u << bits) - 1;
    assert_int_equal(result.entropy_mask, Big32(mask).raw());
    const auto header = load<Ipv4Header>(result.header.data() + 28);
    assert_int_equal(header.source.value(), 0xac10ffff & ~mask);
    assert_int_equal(result.checksum_base,
                     fold(sum_ipv4_header(&header) - load<uint32_t>(&header)));
  }
  spec.mode = Mode::gue;  // whose entropy is in its port
  assert_int_equal(make_forwarding(spec).value().entropy_mask, 0);
}

void standard_ports_unless_others_are_given(void** /*state*/) {
  for (const auto& [mode, standard] :
       {std::pair{Mode::gue, 6080}, {Mode::vxlan, 4789}, {Mode::geneve, 6081}}) {
    for (const uint16_t given : {uint16_t{0}, uint16_t{1234}}) {
      ForwardingSpec spec = good(mode);
      spec.destination_port = given;
      const Forwarding result = make_forwarding(spec).value();
      const uint8_t* udp = result.header.data() + result.header_end() - result.overhead + 20;
      assert_int_equal(load<UdpHeader>(udp).destination_port.value(), given == 0 ? standard : 1234);
    }
  }
}

void what_is_written_into_the_packet_is_kept(void** /*state*/) {
  const ForwardingSpec nat = good(Mode::nat);
  const Forwarding translated = make_forwarding(nat).value();
  assert_int_equal(static_cast<int>(translated.shape), static_cast<int>(Shape::rewritten));
  assert_true(translated.new_destination() == nat.destination);
  assert_int_equal(translated.new_port().value(), 8080);
  assert_true(translated.translation_prefix() == address("64:ff9b::"));
  ForwardingSpec tagged = nat;
  tagged.vlan = 4'094;
  tagged.destination_port = 0;
  translate_by(tagged, "2001:db8:122:344:ff:ffff::");
  const Forwarding with_tag = make_forwarding(tagged).value();
  assert_true(with_tag.new_destination() == tagged.destination);
  assert_int_equal(with_tag.new_port().value(), 0);
  assert_true(with_tag.translation_prefix() == tagged.translation_prefix);

  const ForwardingSpec l3 = good(Mode::l3_direct);
  const Forwarding marked = make_forwarding(l3).value();
  assert_true(marked.new_destination() == l3.destination);
  assert_int_equal(marked.new_dscp(), 21);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(refuses_by_name),
      cmocka_unit_test(smallest_mtu_has_room_for_smallest_packet),
      cmocka_unit_test(front_ends_where_it_must),
      cmocka_unit_test(entropy_bits_are_cleared_and_masked),
      cmocka_unit_test(standard_ports_unless_others_are_given),
      cmocka_unit_test(what_is_written_into_the_packet_is_kept),
  };
  return cmocka_run_group_tests_name("wire/forwarding", tests, nullptr, nullptr);
}
