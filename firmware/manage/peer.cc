#include "firmware/manage/peer.h"

#include <grp.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <vector>

#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

// Room for one entry of the user or group database; one of a group lists its members.
constexpr size_t kEntryBytes = 256u << 10;
constexpr Microseconds kLookUpInterval = 60 * kMicrosecondsPerTick;

std::string user_name(uid_t uid) {
  std::vector<char> room(kEntryBytes);
  passwd entry{};
  passwd* found = nullptr;
  getpwuid_r(uid, &entry, room.data(), room.size(), &found);
  const std::string name = found != nullptr ? found->pw_name : "";
  return name.empty() || name.size() > kMaxWho ? "uid " + std::to_string(uid) : name;
}

// Leaves it as it is if the directory does not answer: nobody is locked out by that.
void look_up_group(const std::string& name, std::optional<uint32_t>& ret_number) {
  std::vector<char> room(kEntryBytes);
  group entry{};
  group* found = nullptr;
  if (getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) != 0) return;
  ret_number = found != nullptr ? std::optional<uint32_t>(found->gr_gid) : std::nullopt;
}

// Those that the process had when it connected; more than these are not looked at.
std::vector<gid_t> groups_of(int socket, gid_t primary) {
  std::array<gid_t, 1'024> room{};
  socklen_t size = sizeof room;
  std::vector<gid_t> groups = {primary};
  if (getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, room.data(), &size) == 0) {
    groups.insert(groups.end(), room.begin(), room.begin() + size / sizeof(gid_t));
  }
  return groups;
}

}  // namespace

std::string_view name_of(Role role) {
  constexpr std::array<std::string_view, 3> kNames = {"viewer", "operator", "approver"};
  return kNames.at(static_cast<size_t>(role));
}

Peers::Peers(const ApiSettings& settings, Microseconds now)
    : groups_{Group{.name = settings.viewers, .number = {}},
              Group{.name = settings.operators, .number = {}},
              Group{.name = settings.approvers, .number = {}}} {
  look_up(now);
}

void Peers::look_up(Microseconds now) {
  due_ = now + kLookUpInterval;
  for (Group& group : groups_) look_up_group(group.name, group.number);
  names_.clear();
}

std::optional<Role> Peers::role_of(uint32_t uid, std::span<const uint32_t> groups) const {
  if (uid == 0) return Role::approver;
  for (const Role role : {Role::approver, Role::changer, Role::viewer}) {
    const std::optional<uint32_t>& number = groups_.at(static_cast<size_t>(role)).number;
    if (number && std::ranges::find(groups, *number) != groups.end()) return role;
  }
  return std::nullopt;
}

const std::string& Peers::name_of_user(uint32_t uid) {
  const auto known = names_.find(uid);
  if (known != names_.end()) return known->second;
  if (names_.size() == kMaxApiNames) names_.clear();
  return names_.emplace(uid, user_name(uid)).first->second;
}

Result<Identity> Peers::identity_of(int socket, Microseconds now) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return Error{"the kernel does not say who you are: connect to the API's Unix socket directly"};
  }
  const uint32_t uid = credentials.uid;
  // Root needs no group, and does not wait for any: it is he who mends the box.
  if (uid != 0 && now >= due_) look_up(now);
  const std::optional<Role> role = role_of(uid, groups_of(socket, credentials.gid));
  if (!role) {
    return Error{"uid " + std::to_string(uid) +
                 " is in none of the groups that may use this box (" + groups_[0].name + ", " +
                 groups_[1].name + ", " + groups_[2].name +
                 "): ask to be added to one, then log in again"};
  }
  return Identity{.user = name_of_user(uid), .uid = uid, .role = *role};
}

}  // namespace evenkeel
