// How many connections there may be, and whose: one user, one address or all who only look cannot
// take the place of an operator who has a change to take back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "firmware/change/identity.h"

namespace evenkeel {

class Places {
 public:
  // Given back with its end. REQUIRES: the places outlive it.
  class Place {
   public:
    Place(Place&& other) noexcept;
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    Place& operator=(Place&&) = delete;
    ~Place();

   private:
    friend class Places;
    Place(Places& places, std::string whose, bool is_remote, bool only_looks);

    Places* places_;  // null: moved from
    std::string whose_;
    bool is_remote_;
    bool only_looks_;
  };

  // None: there is no place left for him.
  std::optional<Place> take(const Identity& who);
  std::optional<Place> take_remote(const std::string& address);

 private:
  size_t of(const std::string& whose) const;

  size_t local_ = 0;
  size_t viewers_ = 0;  // of the local ones
  size_t remote_ = 0;
  std::map<std::string, size_t> by_whom_;  // never 0
};

}  // namespace evenkeel
