// Any bytes as if from the kernel: what is read of them is within its limits, and the neighbour
// table that it is told to keeps its own.
#include <cstring>
#include <vector>

#include "drivers/neighbour_table.h"
#include "drivers/netlink_messages.h"
#include "firmware/base/check.h"

namespace evenkeel {
namespace {

void expect_sane(const AddressMessage& it) { CHECK(it.length <= 128); }

void expect_sane(const RouteMessage& it) {
  CHECK(it.length <= 128 && it.hop_count <= it.hops.size());
  CHECK(masked(it.to, it.length) == it.to);
  for (size_t i = 0; i < it.hop_count; ++i) CHECK(it.hops[i].interface != 0);
}

void expect_sane(const LinkMessage& it) { CHECK(it.name.size() < 17); }

void tell(NeighbourTable& table, const NeighbourMessage& it, Microseconds now) {
  // So few that they meet each other again.
  Neighbour::Key key{.port = static_cast<uint8_t>(it.interface % 2), .address = {}};
  key.address.bytes[15] = it.address.bytes[15] & 7u;
  if (it.interface % 5 == 0) table.acquire(key, now);
  table.update(key, it.state, it.mac, now);
  for (const auto& [known, neighbour] : table.all()) {
    CHECK(neighbour.is_usable || neighbour.users > 0);
    CHECK(neighbour.is_usable || neighbour.ask_at != Neighbour::kNever);
    CHECK(!neighbour.is_usable || (neighbour.mac != Mac{} && (neighbour.mac[0] & 1u) == 0));
  }
  for (const Neighbour::Key& asked : table.due(now, 4)) CHECK(table.all().contains(asked));
}

}  // namespace
}  // namespace evenkeel

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  // As they lie in a receive buffer: aligned, and nothing behind them.
  std::vector<uint32_t> aligned((size + 3) / 4);
  if (size > 0) std::memcpy(aligned.data(), data, size);
  NeighbourTable table;
  Microseconds now = 1;
  each_netlink_message(reinterpret_cast<const char*>(aligned.data()), size,
                       [&](const nlmsghdr* message) {
                         const NetlinkMessage parsed = parse_netlink(message);
                         if (const auto* link = std::get_if<LinkMessage>(&parsed))
                           expect_sane(*link);
                         if (const auto* address = std::get_if<AddressMessage>(&parsed))
                           expect_sane(*address);
                         if (const auto* route = std::get_if<RouteMessage>(&parsed))
                           expect_sane(*route);
                         if (const auto* it = std::get_if<NeighbourMessage>(&parsed))
                           tell(table, *it, now += 500'000);
                         return true;
                       });
  return 0;
}
