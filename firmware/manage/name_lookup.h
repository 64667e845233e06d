// Addresses of names, for somebody who may not wait: the system's resolver is asked by threads that
// are the C library's own, a name that it does not find out holds up no other one, and nobody waits
// for it when keeld ends.
//
// What was found is good for kFresh; then it is asked again, and waited for a little: by the old
// address there may be a stranger by now. But that name servers are silent is no reason to tell
// nobody: then what is known is used.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"

namespace evenkeel {

// Control thread only.
class NameLookup {
 public:
  using Addresses = std::vector<boost::asio::ip::address>;
  static constexpr Microseconds kFresh = 60 * kMicrosecondsPerTick;
  static constexpr std::chrono::milliseconds kLittle{300};

  NameLookup();
  ~NameLookup();
  NameLookup(const NameLookup&) = delete;
  NameLookup& operator=(const NameLookup&) = delete;

  // Often: what time it is.
  void tick(Microseconds now) { now_ = now; }

  // Of a name or an address; says why there are none. One who is not known yet is waited for so
  // long.
  // REQUIRES: this outlives it.
  boost::asio::awaitable<Result<Addresses>> addresses_of(std::string host,
                                                         std::chrono::milliseconds patience);

 private:
  struct Request;

  struct Known {
    Addresses addresses;
    std::string why;                   // the last lookup failed; empty: it did not
    Microseconds again = 0;            // ask, not before
    std::unique_ptr<Request> request;  // null: none is under way
  };

  void tend(const std::string& host, Known& known) const;

  Microseconds now_ = 0;
  std::map<std::string, Known> known_;  // by name
};

}  // namespace evenkeel
