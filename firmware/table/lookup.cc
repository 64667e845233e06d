#include "firmware/table/lookup.h"

#include <algorithm>
#include <bit>
#include <string>
#include <tuple>

#include "firmware/base/check.h"
#include "firmware/wire/headers.h"

namespace evenkeel {
namespace {

// Home places per key. At 8, hardly a table has nine keys contending for eight places; the next
// size is tried then.
constexpr size_t kPlacesPerKey = 8;

constexpr uint8_t kIpv4Bits = 96;  // prefix length of all of IPv4 among 128 bits

std::string describe(const ServicePoint& point) {
  const bool whole = point.prefix_length == 128;
  const unsigned shown =
      point.address.is_v4() ? point.prefix_length - unsigned{kIpv4Bits} : point.prefix_length;
  return to_string(point.address) + (whole ? "" : "/" + std::to_string(shown)) + " protocol " +
         std::to_string(point.protocol) + " ports " + std::to_string(point.first_port) + "-" +
         std::to_string(point.last_port);
}

Status validate(const ServicePoint& point, const NameOfService& name_of) {
  if (point.prefix_length > 128 || (point.address.is_v4() && point.prefix_length < kIpv4Bits)) {
    return Error{"VIP " + to_string(point.address) + " of service " + name_of(point.service) +
                 " has a prefix of " + std::to_string(point.prefix_length) +
                 " bits of 128, which its address cannot have"};
  }
  if (masked(point.address, point.prefix_length) != point.address) {
    return Error{"VIP " + describe(point) + " has bits set beyond its prefix: write " +
                 to_string(masked(point.address, point.prefix_length))};
  }
  if (point.last_port < point.first_port || point.last_port == 0) {
    return Error{"VIP " + describe(point) + ": a range of ports goes upwards, and not to 0"};
  }
  const auto protocol = static_cast<Protocol>(point.protocol);
  if (protocol != Protocol::tcp && protocol != Protocol::udp && protocol != Protocol::sctp) {
    return Error{"VIP " + describe(point) + ": only TCP, UDP and SCTP have ports to serve"};
  }
  if (point.service >= kMaxServices) {
    return Error{"VIP " + describe(point) + ": a plan has at most " + std::to_string(kMaxServices) +
                 " services"};
  }
  return {};
}

auto prefix_of(const ServicePoint& point) {
  return std::tie(point.address, point.prefix_length, point.protocol);
}

// Prefix by prefix, and within one from outer to inner ranges.
bool comes_before(const ServicePoint& a, const ServicePoint& b) {
  if (prefix_of(a) != prefix_of(b)) return prefix_of(a) < prefix_of(b);
  if (a.first_port != b.first_port) return a.first_port < b.first_port;
  return a.last_port > b.last_port;
}

// REQUIRES: points in order.
Status refuse_conflicts(std::span<const ServicePoint> points, const NameOfService& name_of) {
  std::vector<const ServicePoint*> open;  // ranges around the present one, outermost first
  for (const ServicePoint& point : points) {
    if (!open.empty() && prefix_of(*open.back()) != prefix_of(point)) open.clear();
    while (!open.empty() && open.back()->last_port < point.first_port) open.pop_back();
    if (!open.empty()) {
      const ServicePoint& around = *open.back();
      const bool equal =
          around.first_port == point.first_port && around.last_port == point.last_port;
      if (equal || around.last_port < point.last_port) {
        return Error{"VIP " + describe(point) + " of service " + name_of(point.service) +
                     (equal ? " is also that of service " : " crosses that of service ") +
                     name_of(around.service) + " (" + describe(around) +
                     "): give each its own ports"};
      }
    }
    open.push_back(&point);
  }
  return {};
}

bool is_exact(const ServicePoint& point) {
  return point.prefix_length == 128 && point.first_port == point.last_port;
}

void add_length(std::vector<uint8_t>& lengths, uint8_t length) {
  if (std::find(lengths.begin(), lengths.end(), length) == lengths.end()) lengths.push_back(length);
  std::sort(lengths.begin(), lengths.end(), std::greater<>());
}

}  // namespace

ProbeTable::ProbeTable(std::span<const Entry> entries) {
  auto bits = static_cast<unsigned>(std::bit_width(entries.size() * kPlacesPerKey));
  while (!fill(entries, bits)) {
    ++bits;
    CHECK(bits < 24);  // keys differ, so some size separates them long before
  }
}

bool ProbeTable::fill(std::span<const Entry> entries, unsigned bits) {
  shift_ = 64 - std::max(bits, 1u);
  places_.assign((size_t{1} << (64 - shift_)) + kProbes, Place{});
  for (const Entry& entry : entries) {
    Place* place = places_.data() + home(entry.address, entry.more);
    uint32_t i = 0;
    while (i < kProbes && place[i].entry.used) ++i;
    if (i == kProbes) return false;
    place[i].entry = entry;
    place[i].entry.used = true;
  }
  return true;
}

WordTable::WordTable(std::span<const Entry> entries) {
  auto bits = static_cast<unsigned>(std::bit_width(entries.size() * kPlacesPerKey));
  while (!fill(entries, bits)) {
    ++bits;
    CHECK(bits < 24);  // as above
  }
}

bool WordTable::fill(std::span<const Entry> entries, unsigned bits) {
  shift_ = 64 - std::max(bits, 1u);
  places_.assign((size_t{1} << (64 - shift_)) + ProbeTable::kProbes, Entry{});
  for (const Entry& entry : entries) {
    Entry* const first = places_.data() + home(entry.key, shift_);
    Entry* const last = first + ProbeTable::kProbes;
    Entry* const place = std::find_if(first, last, [](const Entry& at) { return at.key == 0; });
    if (place == last) return false;
    *place = entry;
  }
  return true;
}

Result<ServiceLookup> ServiceLookup::build(std::span<const ServicePoint> points,
                                           const NameOfService& name_of) {
  if (points.size() > kMaxServicePoints) {
    return Error{std::to_string(points.size()) + " VIPs with ports are more than the " +
                 std::to_string(kMaxServicePoints) + " of one plan: join ports into ranges"};
  }
  for (const ServicePoint& point : points) {
    if (Status status = validate(point, name_of); !status.ok()) return Error{status.message()};
  }
  std::vector<ServicePoint> ordered(points.begin(), points.end());
  std::sort(ordered.begin(), ordered.end(), comes_before);
  if (Status status = refuse_conflicts(ordered, name_of); !status.ok())
    return Error{status.message()};

  ServiceLookup lookup;
  PageNumbers page_numbers;
  std::vector<ProbeTable::Entry> exact;
  std::vector<WordTable::Entry> exact_v4;
  std::vector<ProbeTable::Entry> wide;
  for (auto first = ordered.begin(); first != ordered.end();) {
    const auto last = std::find_if(first, ordered.end(), [&](const ServicePoint& point) {
      return prefix_of(point) != prefix_of(*first);
    });
    std::vector<ServicePoint> ranges;
    for (auto point = first; point != last; ++point) {
      if (is_exact(*point) && point->address.is_v4()) {
        exact_v4.push_back({.key = word_key(point->address, point->protocol, point->first_port),
                            .value = point->service});
      } else if (is_exact(*point)) {
        exact.push_back({.address = point->address,
                         .more = exact_key(point->protocol, point->first_port),
                         .value = point->service});
      } else {
        ranges.push_back(*point);
      }
    }
    const uint8_t length = first->prefix_length;
    if (!ranges.empty()) {
      wide.push_back({.address = first->address,
                      .more = wide_key(length, first->protocol),
                      .value = lookup.make_map(ranges, page_numbers)});
      add_length(lookup.lengths_, length);
    }
    // The order keeps one prefix's protocols together, so its mark is set at its first one.
    const bool first_protocol = first == ordered.begin() ||
                                (first - 1)->address != first->address ||
                                (first - 1)->prefix_length != length;
    if (first_protocol) {
      wide.push_back({.address = first->address, .more = wide_key(length, 0)});
      add_length(lookup.all_lengths_, length);
    }
    first = last;
  }
  if (lookup.all_lengths_.size() > kMaxPrefixLengths) {
    return Error{"VIPs have " + std::to_string(lookup.all_lengths_.size()) +
                 " different prefix lengths; at most " + std::to_string(kMaxPrefixLengths) +
                 " are possible: split or join prefixes"};
  }
  lookup.exact_v4_ = WordTable(exact_v4);
  lookup.exact_ = ProbeTable(exact);
  lookup.wide_ = ProbeTable(wide);
  return lookup;
}

bool ServiceLookup::has_address(const Address& address) const {
  return std::any_of(all_lengths_.begin(), all_lengths_.end(), [&](uint8_t length) {
    return (length >= kIpv4Bits || !address.is_v4()) &&
           wide_.find(masked(address, length), wide_key(length, 0), kNoService) != kNoService;
  });
}

uint16_t ServiceLookup::find_wide(const Address& address, uint8_t protocol, Big16 port) const {
  for (const uint8_t length : lengths_) {
    if (length < kIpv4Bits && address.is_v4())
      break;  // IPv4 is not part of the IPv6 prefixes around it
    const uint16_t map =
        wide_.find(masked(address, length), wide_key(length, protocol), kNoService);
    if (map == kNoService) continue;
    const uint16_t service = pages_[maps_[map][port.value() / 256]][port.value() % 256];
    if (service != kNoService) return service;
  }
  return kNoService;
}

// REQUIRES: points of one prefix and protocol, outer ranges before inner ones.
uint16_t ServiceLookup::make_map(std::span<const ServicePoint> points, PageNumbers& page_numbers) {
  std::vector<uint16_t> services(65'536, kNoService);
  for (const ServicePoint& point : points) {
    std::fill(services.begin() + point.first_port, services.begin() + point.last_port + 1,
              point.service);
  }
  Page map{};
  for (size_t high = 0; high < map.size(); ++high) {
    Page page;
    std::copy_n(services.begin() + static_cast<ptrdiff_t>(high * page.size()), page.size(),
                page.begin());
    map[high] =
        high > 0 && page == pages_[map[high - 1]] ? map[high - 1] : page_with(page, page_numbers);
  }
  maps_.push_back(map);
  return static_cast<uint16_t>(maps_.size() - 1);
}

uint16_t ServiceLookup::page_with(const Page& page, PageNumbers& page_numbers) {
  const auto [known, is_new] = page_numbers.try_emplace(page, pages_.size());
  if (is_new) pages_.push_back(page);
  return known->second;
}

}  // namespace evenkeel
