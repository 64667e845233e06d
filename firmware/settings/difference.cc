#include "firmware/settings/difference.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/settings/keys.h"

namespace evenkeel {
namespace {

using Keys = std::span<const Key>;

// The owner of a group's keys on either side; null: that side has no such group.
struct Owners {
  const void* before = nullptr;
  const void* after = nullptr;
};

bool is_unset(const Key& key, const Value& value) {
  if (key.none.empty()) return false;
  const auto* const number = std::get_if<int64_t>(&value);
  const auto* const text = std::get_if<std::string>(&value);
  return (number != nullptr && *number == 0 && key.form != Form::choice) ||
         (text != nullptr && text->empty());
}

std::string text_of_values(const Key& key, const std::vector<Value>& values) {
  if (!key.is_list) {
    return values.empty() || is_unset(key, values.front()) ? "" : to_text(key, values.front());
  }
  if (values.empty()) return "";
  std::string text;
  for (const Value& value : values) text += (text.empty() ? "[" : ", ") + to_text(key, value);
  return text + "]";
}

// Of groups without names, which are told as a whole.
std::string text_of_groups(const Key& key, const void* owner) {
  std::string text;
  for (const void* const group : key.field.groups(owner)) {
    text += text.empty() ? "( {" : ", {";
    for (const Key& member : key.members) {
      const std::string value = text_of_values(member, member.field.values(group));
      if (!value.empty()) text += " " + std::string(member.name) + " = " + value + ";";
    }
    text += " }";
  }
  return text.empty() ? text : text + " )";
}

// Or some of its keys, of a group.
bool may_need_restart(const Key& key) {
  return key.needs_restart || std::ranges::any_of(key.members, may_need_restart);
}

class Comparison {
 public:
  // Of all keys, or only of those that need a restart.
  explicit Comparison(bool is_of_restarts) : is_of_restarts_(is_of_restarts) {}

  std::vector<Difference> take() && { return std::move(found_); }

  void compare(const std::string& path, Keys keys, const Owners& owners,
               bool needs_restart = false) {
    const bool are_both = owners.before != nullptr && owners.after != nullptr;
    for (const Key& key : keys) {
      if (is_of_restarts_ && !needs_restart && !may_need_restart(key)) continue;
      if (are_both && key.field.is_same(owners.before, owners.after)) continue;
      const std::string its = path_to_key(path, key.name);
      if (key.form != Form::group) {
        add(its, value_text(key, owners, owners.before), value_text(key, owners, owners.after));
      } else if (!key.is_list) {
        const auto group = [&](const void* owner) {
          return owner == nullptr ? nullptr : key.field.groups(owner).front();
        };
        compare(its, key.members, {group(owners.before), group(owners.after)},
                needs_restart || key.needs_restart);
      } else if (const Key* const name = find_key(key.members, "name"); name != nullptr) {
        compare_named(its, key, *name, owners);
      } else {
        const auto groups = [&](const void* owner) {
          return owner == nullptr ? "" : text_of_groups(key, owner);
        };
        add(its, groups(owners.before), groups(owners.after));
      }
    }
  }

 private:
  void add(const std::string& path, std::string before, std::string after) {
    if (before == after) return;
    found_.push_back({.path = path, .before = std::move(before), .after = std::move(after)});
  }

  // Of an element that only one side has, its defaults say nothing.
  static std::string value_text(const Key& key, const Owners& owners, const void* owner) {
    if (owner == nullptr) return "";
    const std::vector<Value> values = key.field.values(owner);
    const bool is_alone = owners.before == nullptr || owners.after == nullptr;
    if (is_alone && !key.is_required && values == key.field.defaults()) return "";
    return text_of_values(key, values);
  }

  struct Element {
    std::string name;
    const void* owner = nullptr;
  };
  using Elements = std::vector<Element>;

  static Elements elements_of(const Key& list, const Key& name, const void* owner) {
    Elements elements;
    if (owner == nullptr) return elements;
    for (const void* const group : list.field.groups(owner)) {
      elements.push_back({std::get<std::string>(name.field.values(group).front()), group});
    }
    return elements;
  }

  void compare_named(const std::string& path, const Key& list, const Key& name,
                     const Owners& owners) {
    const Elements before = elements_of(list, name, owners.before);
    const Elements after = elements_of(list, name, owners.after);
    std::unordered_map<std::string_view, const void*> found;
    for (const Element& element : after) found.emplace(element.name, element.owner);
    Elements common_before;
    std::unordered_map<std::string_view, const void*> known;
    for (const Element& element : before) {
      known.emplace(element.name, element.owner);
      const auto other = found.find(element.name);
      if (other != found.end()) common_before.push_back(element);
      compare(path_to_element(path, element.name), list.members,
              {element.owner, other == found.end() ? nullptr : other->second});
    }
    Elements common_after;
    for (const Element& element : after) {
      if (known.contains(element.name)) {
        common_after.push_back(element);
      } else {
        compare(path_to_element(path, element.name), list.members, {nullptr, element.owner});
      }
    }
    if (!std::ranges::equal(common_before, common_after, {}, &Element::name, &Element::name)) {
      add(path, names_text(name, common_before), names_text(name, common_after));
    }
  }

  static std::string names_text(const Key& name, const Elements& elements) {
    std::string text;
    for (const Element& element : elements) {
      text += (text.empty() ? "[" : ", ") + to_text(name, element.name);
    }
    return text + "]";
  }

  const bool is_of_restarts_;
  std::vector<Difference> found_;
};

}  // namespace

std::vector<Difference> differences(const Settings& before, const Settings& after) {
  Comparison comparison(false);
  comparison.compare("", settings_keys(), {&before, &after});
  return std::move(comparison).take();
}

std::vector<std::string> restarting_differences(const Settings& before, const Settings& after) {
  Comparison comparison(true);
  comparison.compare("", settings_keys(), {&before, &after});
  std::vector<std::string> paths;
  for (Difference& each : std::move(comparison).take()) paths.push_back(std::move(each.path));
  return paths;
}

std::string path_to_key(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : path + "." + std::string(key);
}

std::string path_to_element(const std::string& path, std::string_view name) {
  const bool has_dots = name.find('.') != std::string_view::npos;
  return has_dots ? path + "[" + std::string(name) + "]" : path + "." + std::string(name);
}

}  // namespace evenkeel
