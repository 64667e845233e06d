#include "firmware/manage/places.h"

#include <utility>

#include "firmware/base/limits.h"

namespace evenkeel {

Places::Place::Place(Places& places, std::string whose, bool is_remote, bool only_looks)
    : places_(&places), whose_(std::move(whose)), is_remote_(is_remote), only_looks_(only_looks) {
  ++places.by_whom_[whose_];
  ++(is_remote ? places.remote_ : places.local_);
  if (only_looks) ++places.viewers_;
}

Places::Place::Place(Place&& other) noexcept
    : places_(std::exchange(other.places_, nullptr)),
      whose_(std::move(other.whose_)),
      is_remote_(other.is_remote_),
      only_looks_(other.only_looks_) {}

Places::Place::~Place() {
  if (places_ == nullptr) return;
  const auto entry = places_->by_whom_.find(whose_);
  if (--entry->second == 0) places_->by_whom_.erase(entry);
  --(is_remote_ ? places_->remote_ : places_->local_);
  if (only_looks_) --places_->viewers_;
}

size_t Places::of(const std::string& whose) const {
  const auto entry = by_whom_.find(whose);
  return entry == by_whom_.end() ? 0 : entry->second;
}

std::optional<Places::Place> Places::take(const Identity& who) {
  const bool only_looks = who.role == Role::viewer;
  const std::string whose = "uid " + std::to_string(who.uid);
  const bool is_full = local_ == kMaxApiConnections || of(whose) == kMaxApiConnectionsOfUser ||
                       (only_looks && viewers_ == kMaxApiConnectionsOfViewers);
  if (is_full) return std::nullopt;
  return Place(*this, whose, false, only_looks);
}

std::optional<Places::Place> Places::take_remote(const std::string& address) {
  if (remote_ == kMaxApiRemoteConnections || of(address) == kMaxApiConnectionsOfAddress) {
    return std::nullopt;
  }
  return Place(*this, address, true, false);
}

}  // namespace evenkeel
