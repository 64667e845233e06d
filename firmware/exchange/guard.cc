#include "firmware/exchange/guard.h"

#include <utility>
#include <vector>

namespace evenkeel {

Result<std::shared_ptr<const Prefixes>> make_sources(const ServiceSpec& service,
                                                     std::shared_ptr<const Prefixes> before) {
  std::shared_ptr<const Prefixes> sources;
  if (service.allow.empty() && service.deny.empty()) return sources;
  std::vector<Prefixes::Entry> entries;
  for (const Prefix& prefix : service.allow) entries.push_back({prefix, Guard::kAllowed});
  for (const Prefix& prefix : service.deny) entries.push_back({prefix, Guard::kDenied});
  if (before != nullptr && before->entries() == entries) return before;
  Result<Prefixes> made = Prefixes::build(std::move(entries));
  if (!made.ok()) return Error{"its allow and deny lists: " + made.message()};
  sources = std::make_shared<const Prefixes>(std::move(made.value()));
  return sources;
}

Guard guard_of(const ServiceSpec& service, const Prefixes* sources) {
  return {.sources = sources,
          .new_flows_per_source = service.new_flows_per_source,
          .mss = service.mss,
          .closed = service.closed,
          .allows_others = service.allow.empty()};
}

}  // namespace evenkeel
