// Who asks for something, and what he may do. Whoever takes the request in finds that out, by the
// peer of a socket or by a certificate; here it is only compared.
#pragma once

#include <cstdint>
#include <string>

#include "firmware/base/clock.h"

namespace evenkeel {

// Each may do whatever those before it may.
enum class Role : uint8_t {
  viewer,    // look
  changer,   // change; an operator, for people
  approver,  // release the changes of others, and discard them
};

struct Identity {
  std::string user;
  uint32_t uid = 0;
  Role role = Role::viewer;

  friend bool operator==(const Identity&, const Identity&) = default;
};

// Two names of one uid are one person.
inline bool is_same_person(const Identity& one, const Identity& other) {
  return one.uid == other.uid || one.user == other.user;
}

// Who asks, and when.
struct Caller {
  Identity who;
  Microseconds now = 0;  // monotonic: all that is waited for
  WallTime wall = 0;     // for the record only
};

}  // namespace evenkeel
