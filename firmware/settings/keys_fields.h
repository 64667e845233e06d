// From a member of a settings struct to the Field of its row in the key table: the table names the
// member, and how to store in it and to read it follows from its type.
#pragma once

#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "firmware/base/limits.h"
#include "firmware/settings/keys.h"

namespace evenkeel {
namespace keys_parts {

inline constexpr int64_t kMaxText = 256;
inline constexpr int64_t kMaxPath = 4'095;
inline constexpr int64_t kMaxSocketPath = 107;  // of sun_path, without its end
inline constexpr int64_t kMaxRate = 100'000'000;
inline constexpr int64_t kMaxList = kMaxPrefixes;

template <typename T>
constexpr Choice choice(std::string_view name, T value) {
  return {.name = name, .value = static_cast<int64_t>(value)};
}

template <typename T>
struct MemberTraits;
template <typename OwnerType, typename ValueType>
struct MemberTraits<ValueType OwnerType::*> {
  using Owner = OwnerType;
  using Type = ValueType;
};

template <typename T>
struct Contents {
  using Type = T;
  static constexpr bool kIsList = false;
};
template <typename T>
struct Contents<std::vector<T>> {
  using Type = T;
  static constexpr bool kIsList = true;
};
template <typename T>
struct Contents<std::optional<T>> {
  using Type = T;
  static constexpr bool kIsList = false;
};

template <typename T>
T from_value(const Value& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return std::get<bool>(value);
  } else if constexpr (std::is_integral_v<T> || std::is_enum_v<T>) {
    return static_cast<T>(std::get<int64_t>(value));
  } else {
    return std::get<T>(value);
  }
}

template <typename T>
void append(std::vector<Value>& values, const T& value) {
  constexpr bool kIsNumber = std::is_integral_v<T> && !std::is_same_v<T, bool>;
  if constexpr (kIsNumber || std::is_enum_v<T>) {
    values.emplace_back(static_cast<int64_t>(value));
  } else {
    values.emplace_back(value);
  }
}
template <typename T>
void append(std::vector<Value>& values, const std::vector<T>& list) {
  for (const T& value : list) append(values, value);
}
template <typename T>
void append(std::vector<Value>& values, const std::optional<T>& value) {
  if (value.has_value()) append(values, *value);
}

template <auto kMember>
using OwnerOf = typename MemberTraits<decltype(kMember)>::Owner;
template <auto kMember>
using ContentsOf = Contents<typename MemberTraits<decltype(kMember)>::Type>;

template <auto kMember>
void clear(void* owner) {
  if constexpr (ContentsOf<kMember>::kIsList) {
    (static_cast<OwnerOf<kMember>*>(owner)->*kMember).clear();
  }
}

template <auto kMember>
void store(void* owner, const Value& value) {
  auto& member = static_cast<OwnerOf<kMember>*>(owner)->*kMember;
  using Type = typename ContentsOf<kMember>::Type;
  if constexpr (ContentsOf<kMember>::kIsList) {
    member.push_back(from_value<Type>(value));
  } else {
    member = from_value<Type>(value);
  }
}

template <auto kMember>
std::vector<Value> values(const void* owner) {
  std::vector<Value> values;
  append(values, static_cast<const OwnerOf<kMember>*>(owner)->*kMember);
  return values;
}

template <auto kMember>
bool is_same(const void* one, const void* other) {
  using Owner = OwnerOf<kMember>;
  return static_cast<const Owner*>(one)->*kMember == static_cast<const Owner*>(other)->*kMember;
}

template <auto kMember>
std::vector<Value> defaults() {
  const OwnerOf<kMember> owner;
  return values<kMember>(&owner);
}

template <auto kMember>
void* open(void* owner) {
  auto& member = static_cast<OwnerOf<kMember>*>(owner)->*kMember;
  if constexpr (ContentsOf<kMember>::kIsList) {
    return &member.emplace_back();
  } else {
    return &member;
  }
}

template <auto kMember>
std::vector<const void*> groups(const void* owner) {
  const auto& member = static_cast<const OwnerOf<kMember>*>(owner)->*kMember;
  std::vector<const void*> groups;
  if constexpr (ContentsOf<kMember>::kIsList) {
    groups.reserve(member.size());
    for (const auto& group : member) groups.push_back(&group);
  } else {
    groups.push_back(&member);
  }
  return groups;
}

}  // namespace keys_parts

// Of a member that is a value, or a list of values.
template <auto kMember>
constexpr Field field() {
  using namespace keys_parts;
  return {.clear = clear<kMember>,
          .store = store<kMember>,
          .values = values<kMember>,
          .defaults = defaults<kMember>,
          .is_same = is_same<kMember>};
}

// Of a member that is a struct, or a list of structs.
template <auto kMember>
constexpr Field group() {
  using namespace keys_parts;
  return {.clear = clear<kMember>,
          .open = open<kMember>,
          .groups = groups<kMember>,
          .is_same = is_same<kMember>};
}

}  // namespace evenkeel
