// By which ways backends are reached: whose next hops are watched, and what is known of them.
#include <poll.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "firmware/appliance/control.h"
#include "firmware/settings/way.h"

namespace evenkeel {
namespace {

// How long a preview waits for next hops that nobody has asked for before, and how often it looks.
// Then none waits for so many times as long: who may only look does not hold up control.
constexpr Microseconds kNextHopPatience = 400'000;
constexpr int kNextHopPollMilliseconds = 5;
constexpr Microseconds kWaitingShare = 9;

}  // namespace

// What is in force or kept ready stays watched.
void Control::wait_for_next_hops(const std::vector<Address>& destinations) {
  std::vector<Address> added;
  std::ranges::set_difference(destinations, watched_, std::back_inserter(added));
  if (added.empty()) return;
  watch(all_destinations(destinations));
  const Microseconds begin = now();
  if (begin < wait_again_) return;
  for (Microseconds time = begin; time - begin < kNextHopPatience; time = now()) {
    look_up(kTurnsForAll, time);
    wait_again_ = time + kWaitingShare * (time - begin);
    if (are_resolved(added)) return;
    pollfd readable{.fd = dataplane_.neighbours().descriptor(), .events = POLLIN, .revents = 0};
    if (poll(&readable, 1, kNextHopPollMilliseconds) > 0) on_netlink();
  }
}

// Of all settings that plans are made of, or may be in a moment.
std::vector<Address> Control::all_destinations(std::vector<Address> also) const {
  std::vector<const Settings*> known = {settings_.get(), way_back_.get()};
  if (change_ != nullptr) known.push_back(change_->wanted.get());
  for (const Leaving& each : leaving_) known.push_back(&each.settings);
  for (const Settings* const settings : known) {
    if (settings == nullptr) continue;
    std::ranges::copy(destinations_of(*settings), std::back_inserter(also));
  }
  std::ranges::sort(also);  // once, however many settings leave
  const auto repeated = std::ranges::unique(also);
  also.erase(repeated.begin(), repeated.end());
  return also;
}

void Control::watch(std::vector<Address> destinations) {
  if (destinations == watched_) return;
  watched_ = destinations;
  surroundings_changed_ |=
      dataplane_.neighbours().watch(std::move(destinations), dataplane_.clock().now());
}

bool Control::are_resolved(const std::vector<Address>& destinations) const {
  return std::ranges::all_of(destinations,
                             [&](const Address& address) { return next_hop(address).resolved; });
}

void Control::look_up(size_t turns, Microseconds now) {
  Neighbours& neighbours = dataplane_.neighbours();
  surroundings_changed_ |= neighbours.on_timer(now);
  for (size_t i = 1; i < turns && neighbours.is_busy(); ++i) {
    surroundings_changed_ |= neighbours.on_timer(now);
  }
}

void Control::on_netlink() {
  surroundings_changed_ |= dataplane_.neighbours().on_readable(dataplane_.clock().now());
}

// The kernel tells of a cable up to a second later than we know of it.
NextHop Control::next_hop(const Address& address) const {
  NextHop hop = dataplane_.neighbours().next_hop(address, dataplane_.clock().now());
  if (hop.resolved && !links_[hop.port]) {
    hop.resolved = false;
    hop.why = "the link of port " + settings_->ports[hop.port].name + " is down";
  }
  return hop;
}

// The very bytes that the plan has for it, or will have: made of the same by the same function. So
// backends that are only prepared for are asked alike.
Result<SamePath::Way> Control::own_way(ForwardingSpec way) const {
  const NextHop hop = next_hop(way.destination);
  const std::string why = complete_way(way, hop, *settings_, ports_);
  if (!why.empty()) return Error{why};
  const std::optional<Address> source = own_address(*settings_, way.port, way.inner_is_v4);
  if (!source) {
    return Error{std::string("no port has an address of IPv") + (way.inner_is_v4 ? "4" : "6") +
                 " to ask from"};
  }
  way.vlan = 0;  // the kernel path adds it
  const Result<Forwarding> forwarding = make_forwarding(way);
  if (!forwarding.ok()) return Error{forwarding.message()};
  return SamePath::Way{.forwarding = forwarding.value(), .source = *source};
}

}  // namespace evenkeel
