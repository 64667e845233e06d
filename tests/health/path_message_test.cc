#include "firmware/health/path_message.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/base/check.h"
#include "firmware/wire/checksum.h"
#include "firmware/wire/parse.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint32_t kToken = 0x2345'6789 % kPathTokens;
constexpr size_t kEthernet = sizeof(EthernetHeader);

PathQuestion question_of(bool is_v4, uint16_t port, uint32_t token = kToken) {
  return {.source = *parse_address(is_v4 ? "10.0.0.2" : "fd00::2"),
          .vip = *parse_address(is_v4 ? "192.0.2.10" : "2001:db8::10"),
          .port = port,
          .token = token};
}

Bytes bytes_of(const Frame& frame) { return Bytes(frame.data, frame.data + frame.length); }

Bytes asked(const PathQuestion& question, size_t length) {
  Bytes room(kPathRoom, 0xee);
  return bytes_of(write_path_question(question, length, room));
}

size_t transport_at(bool is_v4) {
  return kEthernet + (is_v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header));
}

// To whoever asked: the addresses change places.
Bytes turned_round(Bytes frame, bool is_v4) {
  const size_t length = is_v4 ? 4 : 16;
  uint8_t* const source = frame.data() + kEthernet +
                          (is_v4 ? offsetof(Ipv4Header, source) : offsetof(Ipv6Header, source));
  std::swap_ranges(source, source + length, source + length);
  return frame;
}

// A server's answer to a SYN of so many bytes of data, of which it takes so many.
Bytes answered(const PathQuestion& question, uint8_t flags, uint32_t taken) {
  const bool is_v4 = question.vip.is_v4();
  Bytes frame = turned_round(asked(question, least_path_question(is_v4)), is_v4);
  TcpHeader tcp = load<TcpHeader>(&frame[transport_at(is_v4)]);
  std::swap(tcp.source_port, tcp.destination_port);
  tcp.acknowledgement = tcp.sequence.value() + 1 + taken;
  tcp.sequence = 12'345;
  tcp.flags = flags;
  store(&frame[transport_at(is_v4)], tcp);
  return frame;
}

Bytes echoed(const PathQuestion& question) {
  const bool is_v4 = question.vip.is_v4();
  Bytes frame = turned_round(asked(question, 100), is_v4);
  frame[transport_at(is_v4)] = is_v4 ? kIcmpEchoReply : kIcmpv6EchoReply;
  return frame;
}

// An error of a router's about a packet that the question is in, behind so many bytes.
Bytes error_about(const PathQuestion& question, size_t behind, bool is_outer_v4, uint8_t type,
                  uint8_t code, uint32_t rest, size_t quoted = 64) {
  const Bytes inner = asked(question, 200);
  PathQuestion outer = question_of(is_outer_v4, 0);
  outer.vip = *parse_address(is_outer_v4 ? "10.9.9.9" : "fd09::9");
  Bytes frame = turned_round(asked(outer, 100), is_outer_v4);
  frame.resize(transport_at(is_outer_v4));
  const IcmpHeader icmp = {.type = type, .code = code, .checksum = {}, .rest = rest};
  frame.resize(frame.size() + sizeof(icmp) + behind);
  store(&frame[transport_at(is_outer_v4)], icmp);
  frame.insert(frame.end(), inner.begin() + kEthernet,
               inner.begin() + static_cast<ptrdiff_t>(kEthernet + quoted));
  return frame;
}

std::string text_of(const Bytes& frame) {
  const char* const kinds[] = {"accepted", "refused", "echoed", "error"};
  const std::optional<PathAnswer> answer = read_path_answer(frame);
  if (!answer) return "none";
  const bool is_its = answer->token == kToken;
  return std::string(is_its ? "" : "other's ") + kinds[static_cast<size_t>(answer->kind)] + " by " +
         to_string(answer->from) + " " + std::to_string(answer->port) + " " + answer->text;
}

void questions_are_sound(void**) {
  for (const bool is_v4 : {true, false}) {
    for (const uint16_t port : {uint16_t{80}, uint16_t{0}}) {
      for (const size_t length : {least_path_question(is_v4), size_t{1'481}, size_t{kMaxMtu}}) {
        Bytes room(kPathRoom, 0xee);
        const PathQuestion question = question_of(is_v4, port);
        const Frame frame = write_path_question(question, length, room);
        assert_true(frame.data == room.data() + kFrameHeadroom);
        Parsed parsed;
        assert_int_equal(parse(frame, parsed), Reason::none);
        assert_int_equal(parsed.l3_length, length);
        assert_false(parsed.may_fragment);
        assert_true(parsed.key.source == question.source);
        assert_true(parsed.key.destination == question.vip);
        assert_int_equal(parsed.kind, port != 0 ? Kind::transport : Kind::echo);
        assert_int_equal(parsed.key.destination_port.value(), port);
        assert_int_equal(parsed.signals, port != 0 ? kOpening : 0);
        const size_t rest = kEthernet + length - parsed.l4_offset;
        const bool has_pseudo = port != 0 || !is_v4;
        const PartialSum pseudo = sum_pseudo_header(
            question.source, question.vip, parsed.key.protocol, static_cast<uint32_t>(rest));
        assert_int_equal(
            fold((has_pseudo ? pseudo : 0) + sum_bytes(frame.data + parsed.l4_offset, rest)),
            0xffff);
      }
    }
  }
}

void resets_end_what_was_opened(void**) {
  for (const bool is_v4 : {true, false}) {
    Bytes room(kPathRoom, 0xee);
    const PathQuestion question = question_of(is_v4, 80);
    const Frame frame = write_path_reset(question, acknowledged_alone(question), room);
    Parsed parsed;
    assert_int_equal(parse(frame, parsed), Reason::none);
    assert_int_equal(parsed.signals, kReset);
    assert_int_equal(parsed.l3_length, least_path_question(is_v4));
    const auto syn = load<TcpHeader>(&asked(question, 100)[transport_at(is_v4)]);
    const auto reset = load<TcpHeader>(frame.data + parsed.l4_offset);
    assert_true(reset.source_port == syn.source_port);
    assert_int_equal(reset.sequence.value(), syn.sequence.value() + 1);
  }
}

void answers_are_known(void**) {
  const PathQuestion v4 = question_of(true, 80);
  const PathQuestion v6 = question_of(false, 80);
  const PathQuestion v4_echo = question_of(true, 0);
  const PathQuestion v6_echo = question_of(false, 0);
  const struct {
    const char* description;
    Bytes frame;
    const char* expected;
  } cases[] = {
      {"SYN-ACK", answered(v4, kTcpSyn | kTcpAck, 0), "accepted by 192.0.2.10 80 "},
      {"SYN-ACK, IPv6", answered(v6, kTcpSyn | kTcpAck, 0), "accepted by 2001:db8::10 80 "},
      {"of the data too", answered(v4, kTcpSyn | kTcpAck, 1'460), "accepted by 192.0.2.10 80 "},
      {"of the most data", answered(v4, kTcpSyn | kTcpAck, kMaxMtu), "accepted by 192.0.2.10 80 "},
      {"RST", answered(v4, kTcpRst | kTcpAck, 1'460), "refused by 192.0.2.10 80 "},
      {"RST that acknowledges nothing", answered(v4, kTcpRst, 0), "none"},
      {"SYN", answered(v4, kTcpSyn, 0), "none"},
      {"ACK", answered(v4, kTcpAck, 0), "none"},
      {"of another sequence", answered(v4, kTcpSyn | kTcpAck, 1u << 14),
       "other's accepted by 192.0.2.10 80 "},
      {"echo", echoed(v4_echo), "echoed by 192.0.2.10 0 "},
      {"echo, IPv6", echoed(v6_echo), "echoed by 2001:db8::10 0 "},
      {"the request itself", asked(v4_echo, 100), "none"},
      {"the least token", answered(question_of(true, 80, 0), kTcpSyn | kTcpAck, 0),
       "other's accepted by 192.0.2.10 80 "},
      {"the largest token", echoed(question_of(false, 0, kPathTokens - 1)),
       "other's echoed by 2001:db8::10 0 "},
      {"too big, as it is", error_about(v4, 0, true, kIcmpUnreachable, 4, 1'400),
       "error by 10.9.9.9 0 10.9.9.9: packet too big, 1400 bytes fit"},
      {"too big, without how much", error_about(v4, 20, true, kIcmpUnreachable, 4, 0),
       "error by 10.9.9.9 0 10.9.9.9: packet too big"},
      {"in IPIP", error_about(v6, 20, true, kIcmpUnreachable, 2, 0),
       "error by 10.9.9.9 0 10.9.9.9: protocol unreachable"},
      {"in GRE over IPv6", error_about(v4_echo, 44, false, kIcmpv6Parameter, 1, 0),
       "error by fd09::9 0 fd09::9: unknown next header"},
      {"in the longest", error_about(v6_echo, kMaxOuterHeader, false, kIcmpv6TooBig, 0, 1'280),
       "error by fd09::9 0 fd09::9: packet too big, 1280 bytes fit"},
      {"farther in", error_about(v4, kMaxOuterHeader + 2, true, kIcmpUnreachable, 2, 0), "none"},
      {"too little of it", error_about(v4, 20, true, kIcmpUnreachable, 2, 0, 27), "none"},
      {"enough of it", error_about(v4, 20, true, kIcmpUnreachable, 1, 0, 28),
       "error by 10.9.9.9 0 10.9.9.9: host unreachable"},
      {"by an unknown code", error_about(v4, 20, true, kIcmpUnreachable, 7, 0),
       "error by 10.9.9.9 0 10.9.9.9: unreachable (code 7)"},
      {"by a code beyond", error_about(v6, 40, false, kIcmpv6Unreachable, 200, 0),
       "error by fd09::9 0 fd09::9: unreachable (code 200)"},
      {"time is over", error_about(v4, 24, true, kIcmpTimeExceeded, 0, 0),
       "error by 10.9.9.9 0 10.9.9.9: time to live exceeded"},
      {"hops are over", error_about(v4, 24, false, 3, 0, 0),
       "error by fd09::9 0 fd09::9: hop limit exceeded"},
      {"a parameter", error_about(v4, 24, true, kIcmpParameter, 0, 0),
       "error by 10.9.9.9 0 10.9.9.9: parameter problem"},
      {"no error", error_about(v4, 20, true, 13, 0, 0), "none"},
  };
  for (const auto& [description, frame, expected] : cases) {
    const std::string said = text_of(frame);
    if (said != expected) print_error("%s: %s\n", description, said.c_str());
    assert_string_equal(said.c_str(), expected);
  }
}

void what_is_cut_off_is_no_answer(void**) {
  for (const bool is_v4 : {true, false}) {
    for (const Bytes& frame :
         {answered(question_of(is_v4, 80), kTcpSyn | kTcpAck, 0), echoed(question_of(is_v4, 0))}) {
      const size_t least = transport_at(is_v4) + 8;
      for (size_t length = 0; length < least; ++length) {
        // Of its own size, so that reading beyond it shows.
        const Bytes cut(frame.begin(), frame.begin() + static_cast<ptrdiff_t>(length));
        assert_false(read_path_answer(cut).has_value());
      }
    }
  }
}

// A socket with the filter, and one that sends to it.
struct Filtered {
  Filtered() {
    std::array<int, 2> pair{};
    CHECK(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair.data()) == 0);
    from = Descriptor(pair[0]);
    to = Descriptor(pair[1]);
    const auto filter = path_answer_filter();
    const sock_fprog program = {.len = static_cast<unsigned short>(filter.size()),
                                .filter = const_cast<sock_filter*>(filter.data())};
    CHECK(::setsockopt(to.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == 0);
  }
  // -1: nothing comes through.
  ssize_t passes(const Bytes& frame) const {
    std::array<uint8_t, 2 * kMaxMtu> room;
    std::ignore = ::send(from.get(), frame.data(), frame.size(), 0);
    return ::recv(to.get(), room.data(), room.size(), 0);
  }
  Descriptor from;
  Descriptor to;
};

void the_filter_passes_answers_and_little_else(void**) {
  const Filtered filtered;
  Bytes of_others = answered(question_of(true, 80), kTcpSyn | kTcpAck, 0);
  store(&of_others[transport_at(true) + 2], Big16(kLastPathPort + 1));
  Bytes below = answered(question_of(false, 80), kTcpSyn | kTcpAck, 0);
  store(&below[transport_at(false) + 2], Big16(kFirstPathPort - 1));
  Bytes others_echo = echoed(question_of(true, 0));
  store(&others_echo[transport_at(true) + 4], Big16(0xbfff));
  Bytes fragment = echoed(question_of(true, 0));
  store(&fragment[kEthernet + offsetof(Ipv4Header, fragment)], Big16(1));
  Bytes arp = echoed(question_of(true, 0));
  store(&arp[12], Big16(0x0806));
  Bytes udp = answered(question_of(true, 80), kTcpSyn | kTcpAck, 0);
  udp[kEthernet + offsetof(Ipv4Header, protocol)] = 17;
  const Bytes large = error_about(question_of(true, 80), 112, true, kIcmpUnreachable, 4, 0, 200);
  const struct {
    const char* description;
    Bytes frame;
    ssize_t expected;
  } cases[] = {
      {"SYN-ACK", answered(question_of(true, 80), kTcpSyn | kTcpAck, 0), 54},
      {"SYN-ACK, IPv6", answered(question_of(false, 80), kTcpSyn | kTcpAck, 0), 74},
      {"least port", answered(question_of(true, 80, 0), kTcpRst | kTcpAck, 0), 54},
      {"largest port", answered(question_of(false, 80, kPathTokens - 1), kTcpRst | kTcpAck, 0), 74},
      {"echo", echoed(question_of(true, 0)), 114},
      {"echo, IPv6", echoed(question_of(false, 0)), 114},
      {"error", error_about(question_of(true, 80), 20, true, kIcmpUnreachable, 4, 0), 126},
      {"error, IPv6", error_about(question_of(false, 80), 40, false, kIcmpv6TooBig, 0, 0), 166},
      {"the largest parameter problem",
       error_about(question_of(false, 80), 40, false, kIcmpv6Parameter, 0, 0), 166},
      {"what is needed of a long one", large, kPathAnswerBytes},
      {"another port", of_others, -1},
      {"a lower port", below, -1},
      {"another's echo", others_echo, -1},
      {"a request", asked(question_of(true, 0), 100), -1},
      {"a request, IPv6", asked(question_of(false, 0), 100), -1},
      {"a later fragment", fragment, -1},
      {"ARP", arp, -1},
      {"UDP", udp, -1},
      {"a neighbour's", error_about(question_of(false, 80), 40, false, 135, 0, 0), -1},
      {"too short", Bytes(13), -1},
  };
  for (const auto& [description, frame, expected] : cases) {
    const ssize_t passed = filtered.passes(frame);
    if (passed != expected) print_error("%s: %zd\n", description, passed);
    assert_int_equal(passed, expected);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(questions_are_sound),
      cmocka_unit_test(resets_end_what_was_opened),
      cmocka_unit_test(answers_are_known),
      cmocka_unit_test(what_is_cut_off_is_no_answer),
      cmocka_unit_test(the_filter_passes_answers_and_little_else),
  };
  return cmocka_run_group_tests_name("health/path_message", tests, nullptr, nullptr);
}
