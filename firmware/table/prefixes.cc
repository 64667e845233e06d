#include "firmware/table/prefixes.h"

#include <algorithm>
#include <bit>
#include <tuple>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

constexpr uint8_t kIpv4Bits = 96;  // prefix length of all of IPv4 among 128 bits
const Prefix kAllOfIpv4 = {.address = Address::v4(Big32(0)), .length = kIpv4Bits};

// Outer prefixes before those within them.
bool comes_before(const Prefixes::Entry& a, const Prefixes::Entry& b) {
  return std::tie(a.prefix.address, a.prefix.length) < std::tie(b.prefix.address, b.prefix.length);
}

Status validate(const Prefix& prefix) {
  const bool is_too_short = prefix.address.is_v4() && prefix.length < kIpv4Bits;
  if (prefix.length > 128 || is_too_short) {
    return Error{"prefix " + to_string(prefix.address) + " has " + std::to_string(prefix.length) +
                 " bits of 128, which its address cannot have"};
  }
  const Address first = masked(prefix.address, prefix.length);
  if (first != prefix.address) {
    return Error{"prefix " + to_string(prefix) + " has bits set beyond its length: write " +
                 to_string(Prefix{first, prefix.length})};
  }
  return {};
}

}  // namespace

std::string to_string(const Prefix& prefix) {
  const unsigned before = prefix.address.is_v4() ? kIpv4Bits : 0;
  const unsigned shown = prefix.length < before ? 0 : prefix.length - before;
  return to_string(prefix.address) + "/" + std::to_string(shown);
}

Address last_of(const Prefix& prefix) {
  Address last;
  last.bytes.fill(0xff);
  const Address mask = masked(last, prefix.length);
  for (size_t i = 0; i < last.bytes.size(); ++i) {
    last.bytes[i] = static_cast<uint8_t>(prefix.address.bytes[i] | ~mask.bytes[i]);
  }
  return last;
}

Result<Prefixes> Prefixes::build(std::vector<Entry> entries) {
  if (entries.size() > kMaxPrefixes) {
    return Error{std::to_string(entries.size()) + " prefixes; a list has at most " +
                 std::to_string(kMaxPrefixes)};
  }
  std::vector<Entry> ordered = entries;
  std::ranges::sort(ordered, comes_before);
  const Prefix* before = nullptr;
  for (const Entry& entry : ordered) {
    REQUIRE(entry.value != kNone);
    if (Status status = validate(entry.prefix); !status.ok()) return Error{status.message()};
    if (before != nullptr && *before == entry.prefix) {
      return Error{"prefix " + to_string(entry.prefix) + " is there twice: give it once"};
    }
    before = &entry.prefix;
  }
  return Prefixes(std::move(entries), std::move(ordered));
}

// Walks through the prefixes as through brackets: one that opens begins an interval, and so does
// what is around it where it ends. All of IPv4 is a prefix in any case, so that it is cut out of
// the IPv6 around it.
Prefixes::Prefixes(std::vector<Entry> entries, std::vector<Entry> ordered)
    : entries_(std::move(entries)) {
  const Entry ipv4{.prefix = kAllOfIpv4, .value = kNone};
  const auto place = std::ranges::lower_bound(ordered, ipv4, comes_before);
  if (place == ordered.end() || place->prefix != kAllOfIpv4) ordered.insert(place, ipv4);

  std::vector<Open> open;  // around the present place, outermost first
  begin_interval({}, kNone);
  const auto close_before = [&](const Position& position) {
    while (!open.empty() && open.back().last < position) {
      const Position end = open.back().last;
      open.pop_back();
      begin_interval({.high = end.high + (end.low == UINT64_MAX ? 1 : 0), .low = end.low + 1},
                     open.empty() ? kNone : open.back().value);
    }
  };
  for (const Entry& entry : ordered) {
    const Position first = position_of(entry.prefix.address);
    close_before(first);
    begin_interval(first, entry.value);
    open.push_back({.last = position_of(last_of(entry.prefix)), .value = entry.value});
  }
  close_before({.high = UINT64_MAX, .low = UINT64_MAX});  // what ends there has nothing behind it
}

// Where two begin at one place, the last one is the inner one; what goes on as before is no new
// one.
void Prefixes::begin_interval(const Position& start, uint16_t value) {
  if (!starts_.empty() && starts_.back() == start) {
    starts_.pop_back();
    values_.pop_back();
  }
  if (!values_.empty() && values_.back() == value) return;
  starts_.push_back(start);
  values_.push_back(value);
}

uint16_t Prefixes::find(const Address& address) const {
  const Position wanted = position_of(address);
  size_t at = 0;
  for (size_t step = std::bit_floor(starts_.size()); step != 0; step /= 2) {
    const size_t next = at + step;
    if (next < starts_.size() && starts_[next] <= wanted) at = next;
  }
  return values_[at];
}

}  // namespace evenkeel
