// Any set of prefixes is refused, or answered as a search through all of them would.
#include "firmware/table/prefixes.h"

#include <cstring>
#include <vector>

#include "firmware/base/check.h"
#include "tests/table/naive_prefixes.h"

namespace evenkeel {
namespace {

// How a prefix is written in the input: addresses by few bytes, so that they meet.
struct Written {
  uint8_t flags;  // 1: IPv4; 2: bits beyond the prefix are cut off; 4: among the highest addresses
  uint8_t length;
  std::array<uint8_t, 2> first;
  std::array<uint8_t, 3> last;
  uint8_t value;
};
static_assert(sizeof(Written) == 8);

Prefixes::Entry read_entry(const Written& written) {
  Address address;
  address.bytes.fill((written.flags & 4) != 0 ? 0xff : 0);
  std::memcpy(address.bytes.data(), written.first.data(), written.first.size());
  if ((written.flags & 1) != 0) address = Address::v4(Big32(0x0a00'0000));
  std::memcpy(address.bytes.data() + 13, written.last.data(), written.last.size());
  const bool is_cut = (written.flags & 2) != 0 && written.length <= 128;
  return {.prefix = {is_cut ? masked(address, written.length) : address, written.length},
          .value = written.value};
}

// Where an interval may begin: at a prefix, behind it, and the last place before each.
std::vector<Address> places_around(const Prefix& prefix) {
  Address last = prefix.address;
  for (unsigned bit = prefix.length; bit < 128; ++bit) {
    last.bytes[bit / 8] = static_cast<uint8_t>(last.bytes[bit / 8] | 0x80 >> bit % 8);
  }
  Address before = prefix.address;
  for (size_t i = 16; i-- > 0 && before.bytes[i]-- == 0;) {
  }
  Address behind = last;
  for (size_t i = 16; i-- > 0 && ++behind.bytes[i] == 0;) {
  }
  return {prefix.address, last, before, behind};
}

}  // namespace
}  // namespace evenkeel

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace evenkeel;
  constexpr size_t kMostPrefixes = 48;  // more would find nothing new, only slower
  std::vector<Prefixes::Entry> entries;
  for (; size >= sizeof(Written) && entries.size() < kMostPrefixes; size -= sizeof(Written)) {
    Written written{};
    std::memcpy(&written, data, sizeof written);
    data += sizeof written;
    entries.push_back(read_entry(written));
  }
  const Result<Prefixes> prefixes = Prefixes::build(entries);
  if (!prefixes.ok()) {
    CHECK(prefixes.message().find("prefix ") == 0);
    return 0;
  }
  for (const Prefixes::Entry& entry : entries) {
    for (const Address& place : places_around(entry.prefix)) {
      CHECK(prefixes.value().find(place) == naive_find(entries, place));
    }
  }
  return 0;
}
