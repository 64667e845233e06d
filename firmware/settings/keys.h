// The key table: one row says all there is to say of one key. Loading, its messages and the
// reference (config/README.md) come from these rows, so none of them can know a key that the others
// do not.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "firmware/base/address.h"
#include "firmware/settings/settings.h"
#include "firmware/table/prefixes.h"
#include "firmware/wire/forwarding.h"
#include "firmware/wire/headers.h"

namespace evenkeel {

// How a value is written.
enum class Form : uint8_t {
  text,
  name,  // as is_name() has it
  path,  // of a file, from the root
  integer,
  number,    // with a fraction or without
  duration,  // "300ms"
  size,      // "64k", in bytes
  prime,
  boolean,
  choice,   // one of a few words
  address,  // of one host
  vip,      // of hosts: one, or a prefix
  prefix,   // any
  interface_address,
  ports,
  mac,
  endpoint,      // an address and a port
  url,           // of HTTP or HTTPS
  method,        // of HTTP
  request_path,  // of HTTP
  statuses,      // of HTTP: one, or a range
  group,         // keys of its own
};

// A choice is its number, a duration its microseconds, a size its bytes.
using Value = std::variant<int64_t, bool, double, std::string, Address, Prefix, InterfaceAddress,
                           PortRange, Mac, StatusRange>;

struct Choice {
  std::string_view name;
  int64_t value = 0;
};

struct Range {
  int64_t least = 0;
  int64_t most = 0;
};

// A set of enum Mode.
using Modes = uint16_t;
inline constexpr Modes kAllModes = 0xff;
constexpr Modes modes_of(Mode mode) {
  return static_cast<Modes>(1u << static_cast<unsigned>(mode));
}

// A set of enum CheckType.
using CheckTypes = uint16_t;
inline constexpr CheckTypes kAllCheckTypes = 0xfff;
template <typename... Types>
constexpr CheckTypes check_types_of(Types... types) {
  return static_cast<CheckTypes>(((1u << static_cast<unsigned>(types)) | ...));
}

// Where the value of a key belongs. An owner is the struct of the key's group.
struct Field {
  // Of a list: what the struct says before the first value is stored goes.
  void (*clear)(void* owner) = nullptr;
  // Of a list, one more value.
  void (*store)(void* owner, const Value& value) = nullptr;
  // What the struct says; nothing: it is unset, or an empty list.
  std::vector<Value> (*values)(const void* owner) = nullptr;
  // What the struct says if nothing is stored; nothing: it is unset, or an empty list.
  std::vector<Value> (*defaults)() = nullptr;
  // Of a group: the owner of its keys. Of a list of groups: of one more.
  void* (*open)(void* owner) = nullptr;
  // Of a group: the owner of its keys. Of a list of groups: of each.
  std::vector<const void*> (*groups)(const void* owner) = nullptr;
  // Whether two owners say the same of it.
  bool (*is_same)(const void* one, const void* other) = nullptr;
};

// NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.
struct Key {
  std::string_view name = {};
  std::string_view since = {};  // the product's first version that knows it
  Form form = Form::text;
  Range range = {};            // of an integer, a duration, a size; of a text, its length
  std::string_view unit = {};  // of an integer
  // What it means that it is not set, which 0 and "" say too, though out of range; empty: it always
  // is, and they may not.
  std::string_view none = {};
  std::span<const Choice> choices = {};
  bool is_list = false;
  Range count = {};  // of a list's values
  bool is_required = false;
  bool needs_restart = false;          // to come into force; of a group: all its keys do
  Modes modes = kAllModes;             // of a service: those that make use of it
  CheckTypes checks = kAllCheckTypes;  // of a check: those that make use of it
  std::span<const Key> members = {};   // of a group
  Field field = {};
  std::string_view help = {};
  // NOLINTEND(readability-redundant-member-init)
};

// The keys of the outermost group, whose owner is a Settings.
std::span<const Key> settings_keys();

const Key* find_key(std::span<const Key> keys, std::string_view name);
// The key that was meant, or what keys there are: "did you mean 'buckets'?"
std::string suggestion(std::span<const Key> keys, std::string_view misspelt);

// "1 to 65535", "\"tcp\", \"udp\" or \"sctp\"" ...
std::string allowed(const Key& key);
// The same, of one value of a list.
std::string allowed_element(const Key& key);
// As the settings would have it, quotes included.
std::string to_text(const Key& key, const Value& value);
// "ipip, gre"
std::string to_text(Modes modes);
// "http, https"
std::string check_types_text(CheckTypes types);

}  // namespace evenkeel
