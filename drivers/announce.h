// Tells a link that an address is here now, so that neighbours which remember another MAC address
// for it learn the new one at once: gratuitous ARP, unsolicited neighbour advertisements.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/base/clock.h"
#include "firmware/base/token_bucket.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

struct AnnouncementFrame {
  std::array<uint8_t, 86> bytes{};
  size_t length = 0;
};

// IPv4: a gratuitous ARP request (RFC 5944, 4.6); IPv6: an unsolicited neighbour advertisement to
// all nodes that overrides what they know (RFC 4861, 7.2.6). Untagged.
AnnouncementFrame announcement(const Address& address, const Mac& mac);

// What to announce when: each VIP on each port kRounds times, a kInterval apart, and never so many
// at once that they fill a switch's or a worker's queue.
class Announcements {
 public:
  static constexpr unsigned kRounds = 3;
  static constexpr Microseconds kInterval = 1'000'000;
  static constexpr uint32_t kPerSecond = 4'000;
  static constexpr uint32_t kBurst = 16;

  struct One {
    Address vip;
    size_t port = 0;
  };

  explicit Announcements(size_t ports) : ports_(ports) {}

  // VIPs that were not among the ones before are to be announced on every port; of those that are
  // no longer, nothing more is said.
  void set_vips(const std::vector<Address>& vips, Microseconds now);
  // All of them once more on this port: its link has come back.
  void repeat(size_t port, Microseconds now);

  // The next one that is due, if any; taken off.
  std::optional<One> next(Microseconds now);

 private:
  struct Due {
    One one;
    Microseconds at = 0;
  };

  void add(const Address& vip, size_t port, Microseconds now);

  size_t ports_;
  std::set<Address> vips_;
  std::array<std::deque<Due>, kRounds> rounds_;  // by rounds done; each in the order of time
  TokenBucket bucket_{kPerSecond, kBurst};
};

}  // namespace evenkeel
