#include "firmware/packet/fragments.h"

#include <algorithm>

#include "firmware/base/check.h"

namespace evenkeel {

void Fragments::remember(const Parsed& parsed, uint64_t hash, Microseconds now) {
  REQUIRE(parsed.kind == Kind::fragment_first);
  Set& set = sets_[set_of(parsed, hash)];
  auto place = std::ranges::find_if(set, [&](const Entry& entry) { return entry.is_of(parsed); });
  if (place == set.end()) place = std::ranges::min_element(set, {}, &Entry::seen);
  *place = {.source = parsed.key.source,
            .destination = parsed.key.destination,
            .id = parsed.fragment_id,
            .protocol = parsed.key.protocol,
            .source_port = parsed.key.source_port,
            .destination_port = parsed.key.destination_port,
            .seen = std::max<Microseconds>(now, 1)};
  ++learned_;
}

bool Fragments::give_ports(Parsed& parsed, uint64_t hash, Microseconds now) const {
  REQUIRE(parsed.kind == Kind::fragment_later);
  for (const Entry& entry : sets_[set_of(parsed, hash)]) {
    if (entry.seen == 0 || now - entry.seen > kLife || !entry.is_of(parsed)) continue;
    parsed.key.protocol = entry.protocol;
    parsed.key.source_port = entry.source_port;
    parsed.key.destination_port = entry.destination_port;
    return true;
  }
  return false;
}

}  // namespace evenkeel
