// Who is at the other end of the Unix socket: the kernel says it, at the moment of the connection,
// and nothing that a client sends can change it. What somebody may do follows from the Unix groups
// that the connecting process is in.
//
// Users and groups have names in directories that may be far away, and slow when they are gone. So
// groups are compared by their numbers, which are looked up once a minute at most, and a user's
// name is looked up only if he may use the box: strangers cost nothing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/change/identity.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// "viewer", "operator", "approver": stable, for programs.
std::string_view name_of(Role role);

class Peers {
 public:
  // Looks the groups up that the settings name.
  Peers(const ApiSettings& settings, Microseconds now);

  // Root and approvers may do everything. An error is for the client: who he is, and which groups
  // there are.
  Result<Identity> identity_of(int socket, Microseconds now);

 private:
  struct Group {
    std::string name;
    std::optional<uint32_t> number;  // none: there is no such group
  };

  void look_up(Microseconds now);
  // None: he may not use the box.
  std::optional<Role> role_of(uint32_t uid, std::span<const uint32_t> groups) const;
  const std::string& name_of_user(uint32_t uid);

  std::array<Group, 3> groups_;            // by Role
  std::map<uint32_t, std::string> names_;  // at most kMaxApiNames
  Microseconds due_ = 0;                   // when all of it is to be looked up again
};

}  // namespace evenkeel
