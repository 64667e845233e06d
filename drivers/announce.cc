#include "drivers/announce.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/endian.h"
#include "firmware/wire/checksum.h"

namespace evenkeel {
namespace {

struct ArpFrame {
  EthernetHeader ethernet;
  Big16 hardware = 1;  // Ethernet
  Big16 protocol = static_cast<uint16_t>(EtherType::ipv4);
  uint8_t hardware_length = 6;
  uint8_t protocol_length = 4;
  Big16 operation = 1;  // request
  Mac sender_mac;
  Big32 sender;
  Mac target_mac{};
  Big32 target;
};
static_assert(sizeof(ArpFrame) == 42);

struct AdvertisementFrame {
  EthernetHeader ethernet;
  Ipv6Header ip;
  IcmpHeader icmp;
  std::array<uint8_t, 16> target;
  uint8_t option = 2;         // target link-layer address
  uint8_t option_length = 1;  // in 8 bytes
  Mac mac;
};
static_assert(sizeof(AdvertisementFrame) == 86);

constexpr Mac kBroadcast = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
constexpr Mac kAllNodesMac = {0x33, 0x33, 0, 0, 0, 1};
constexpr std::array<uint8_t, 16> kAllNodes = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
constexpr uint16_t kArp = 0x0806;
constexpr uint8_t kNeighbourAdvertisement = 136;
constexpr uint32_t kOverride = 0x20000000;

template <typename Frame>
AnnouncementFrame bytes_of(const Frame& frame) {
  AnnouncementFrame result;
  static_assert(sizeof(Frame) <= sizeof(result.bytes));
  std::memcpy(result.bytes.data(), &frame, sizeof(Frame));
  result.length = sizeof(Frame);
  return result;
}

AnnouncementFrame gratuitous_arp(const Address& address, const Mac& mac) {
  return bytes_of(ArpFrame{
      .ethernet = {.destination = kBroadcast, .source = mac, .type = kArp},
      .sender_mac = mac,
      .sender = address.as_v4(),
      .target = address.as_v4(),
  });
}

AnnouncementFrame unsolicited_advertisement(const Address& address, const Mac& mac) {
  constexpr uint16_t kPayload = sizeof(AdvertisementFrame) - offsetof(AdvertisementFrame, icmp);
  constexpr auto kIcmpv6 = static_cast<uint8_t>(Protocol::icmpv6);
  AdvertisementFrame frame{
      .ethernet = {.destination = kAllNodesMac,
                   .source = mac,
                   .type = static_cast<uint16_t>(EtherType::ipv6)},
      .ip = {.version_class_label = 6u << 28,
             .payload_length = kPayload,
             .next_header = kIcmpv6,
             .hop_limit = 255,
             .source = address.bytes,
             .destination = kAllNodes},
      .icmp = {.type = kNeighbourAdvertisement, .code = 0, .checksum = {}, .rest = kOverride},
      .target = address.bytes,
      .mac = mac,
  };
  frame.icmp.checksum =
      finish(sum_pseudo_header(address, Address{.bytes = kAllNodes}, kIcmpv6, kPayload) +
             sum_bytes(&frame.icmp, kPayload));
  return bytes_of(frame);
}

}  // namespace

AnnouncementFrame announcement(const Address& address, const Mac& mac) {
  return address.is_v4() ? gratuitous_arp(address, mac) : unsolicited_advertisement(address, mac);
}

void Announcements::set_vips(const std::vector<Address>& vips, Microseconds now) {
  const std::set<Address> before = std::exchange(vips_, {vips.begin(), vips.end()});
  for (std::deque<Due>& round : rounds_) {
    std::erase_if(round, [&](const Due& due) { return !vips_.contains(due.one.vip); });
  }
  for (const Address& vip : vips_) {
    if (before.contains(vip)) continue;
    for (size_t port = 0; port < ports_; ++port) add(vip, port, now);
  }
}

void Announcements::repeat(size_t port, Microseconds now) {
  REQUIRE(port < ports_);
  for (std::deque<Due>& round : rounds_) {
    std::erase_if(round, [&](const Due& due) { return due.one.port == port; });
  }
  for (const Address& vip : vips_) add(vip, port, now);
}

void Announcements::add(const Address& vip, size_t port, Microseconds now) {
  rounds_[0].push_back({.one = {.vip = vip, .port = port}, .at = now});
}

std::optional<Announcements::One> Announcements::next(Microseconds now) {
  for (size_t round = 0; round < kRounds; ++round) {
    if (rounds_[round].empty() || rounds_[round].front().at > now) continue;
    if (bucket_.take(1, now) == 0) return std::nullopt;
    const One one = rounds_[round].front().one;
    rounds_[round].pop_front();
    if (round + 1 < kRounds) rounds_[round + 1].push_back({.one = one, .at = now + kInterval});
    return one;
  }
  return std::nullopt;
}

}  // namespace evenkeel
