// What stands before a service's buckets: whether it can take anybody at all, whom it takes, how
// often, and what their handshakes may agree on. Most services have nothing of it, and their
// packets do not pass here.
#pragma once

#include <cstdint>
#include <memory>

#include "firmware/base/address.h"
#include "firmware/base/reason.h"
#include "firmware/base/status.h"
#include "firmware/exchange/spec.h"
#include "firmware/table/prefixes.h"

namespace evenkeel {

struct Guard {
  static constexpr uint16_t kDenied = 0;  // in `sources`
  static constexpr uint16_t kAllowed = 1;

  const Prefixes* sources = nullptr;  // null: anybody is allowed
  uint32_t new_flows_per_source = 0;  // a second, over all workers; 0: any number
  uint16_t mss = 0;                   // 0: whatever is announced
  Reason closed = Reason::none;       // if not none, no flow may begin
  bool allows_others = true;          // those of whom `sources` does not speak

  bool is_none() const {
    return sources == nullptr && new_flows_per_source == 0 && mss == 0 && closed == Reason::none;
  }
  bool allows(const Address& source) const {
    if (sources == nullptr) return true;
    const uint16_t verdict = sources->find(source);
    return verdict == Prefixes::kNone ? allows_others : verdict == kAllowed;
  }
};

// Whom a service takes, by its allow and deny lists: `before` itself, if it says the same; null, if
// the lists are empty. Refuses with the prefix at fault.
Result<std::shared_ptr<const Prefixes>> make_sources(const ServiceSpec& service,
                                                     std::shared_ptr<const Prefixes> before);

// REQUIRES: sources is what make_sources() made for this service.
Guard guard_of(const ServiceSpec& service, const Prefixes* sources);

}  // namespace evenkeel
