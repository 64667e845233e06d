#include "firmware/settings/load.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/settings/consistency.h"
#include "firmware/settings/document.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/url.h"
#include "firmware/settings/values.h"
#include "firmware/table/prime.h"

namespace evenkeel {
namespace {

using Kind = Node::Kind;

// What stands there, as a message shows it: short, and nothing that a terminal would obey.
std::string in_words(const Node& node) {
  switch (node.kind()) {
    case Kind::group:
      return "a group { }";
    case Kind::list:
      return "a list";
    case Kind::fraction:
      return "a fraction";
    case Kind::boolean:
      return node.boolean() ? "true" : "false";
    case Kind::integer:
      return node.integer() == std::numeric_limits<int64_t>::max() ? "a huge number"
                                                                   : std::to_string(node.integer());
    case Kind::text:
      break;
  }
  constexpr size_t kShown = 60;
  std::string text;
  for (const char c : node.text().substr(0, kShown)) {
    text += c >= ' ' && c <= '~' ? c : '?';
  }
  return "\"" + text + (node.text().size() > kShown ? "...\"" : "\"");
}

bool is_in(int64_t number, const Range& range) {
  return range.least <= number && number <= range.most;
}

template <typename T>
std::optional<Value> as_value(const std::optional<T>& parsed) {
  return parsed.has_value() ? std::optional<Value>(*parsed) : std::nullopt;
}

std::optional<Value> read_number(int64_t number, const Key& key) {
  if (key.form == Form::ports) return as_value(parse_ports(std::to_string(number)));
  if (key.form == Form::statuses) return as_value(parse_statuses(std::to_string(number)));
  if (key.form == Form::number) return static_cast<double>(number);
  if (key.form == Form::size) {
    return is_in(number, key.range) ? std::optional<Value>(number) : std::nullopt;
  }
  const bool is_prime_or_any =
      key.form == Form::integer || (key.form == Form::prime && is_in(number, key.range) &&
                                    is_prime(static_cast<uint32_t>(number)));
  const bool is_none = number == 0 && !key.none.empty();
  if (!is_prime_or_any || !(is_in(number, key.range) || is_none)) return std::nullopt;
  return number;
}

// A number with its unit.
std::optional<Value> read_amount(std::optional<uint64_t> amount, const Key& key) {
  const auto number = static_cast<int64_t>(amount.value_or(0));
  return amount.has_value() && is_in(number, key.range) ? std::optional<Value>(number)
                                                        : std::nullopt;
}

std::optional<Value> read_choice(std::string_view text, const Key& key) {
  const auto found = std::ranges::find(key.choices, text, &Choice::name);
  return found == key.choices.end() ? std::nullopt : std::optional<Value>(found->value);
}

std::optional<Value> read_address(std::string_view text) {
  const std::optional<Address> address = parse_address(text);
  return address.has_value() && is_unicast(*address) ? as_value(address) : std::nullopt;
}

std::optional<Value> read_vip(std::string_view text) {
  const std::optional<Prefix> vip = parse_prefix(text);
  const bool is_bad_host = vip.has_value() && vip->length == 128 && !is_unicast(vip->address);
  return is_bad_host ? std::nullopt : as_value(vip);
}

std::optional<Value> read_text(std::string_view text, const Key& key) {
  const bool fits = is_in(static_cast<int64_t>(text.size()), key.range);
  const auto text_if = [&](bool is_good) {
    return is_good ? std::optional<Value>(std::string(text)) : std::nullopt;
  };
  switch (key.form) {
    case Form::text:
      return text_if(fits);
    case Form::name:
      return text_if(fits && is_name(text));
    case Form::path:
      return text_if(fits && text.front() == '/');
    case Form::method:
      return text_if(fits && is_method(text));
    case Form::request_path:
      return text_if(fits && is_request_path(text));
    case Form::endpoint:
      return text_if(parse_endpoint(text).has_value());
    case Form::url:
      return text_if(fits && parse_url(text).has_value());
    case Form::statuses:
      return as_value(parse_statuses(text));
    case Form::duration:
      return read_amount(parse_duration(text), key);
    case Form::size:
      return read_amount(parse_size(text), key);
    case Form::choice:
      return read_choice(text, key);
    case Form::address:
      return read_address(text);
    case Form::vip:
      return read_vip(text);
    case Form::prefix:
      return as_value(parse_prefix(text));
    case Form::interface_address:
      return as_value(parse_interface_address(text));
    case Form::ports:
      return as_value(parse_ports(text));
    case Form::mac:
      return as_value(parse_mac(text));
    default:
      return std::nullopt;
  }
}

// Nothing: it is not allowed.
std::optional<Value> read_value(const Node& node, const Key& key) {
  switch (node.kind()) {
    case Kind::integer:
      return read_number(node.integer(), key);
    case Kind::fraction:
      return key.form == Form::number && std::isfinite(node.fraction())
                 ? std::optional<Value>(node.fraction())
                 : std::nullopt;
    case Kind::boolean:
      return key.form == Form::boolean ? std::optional<Value>(node.boolean()) : std::nullopt;
    case Kind::text:
      return read_text(node.text(), key);
    default:
      return std::nullopt;
  }
}

// "" where it says that the key is not set.
bool is_unset(const Node& node, const Key& key) {
  const bool is_text = key.form != Form::integer && key.form != Form::choice;
  return is_text && !key.none.empty() && node.kind() == Kind::text && node.text().empty();
}

class Loader {
 public:
  explicit Loader(const Document& document) : document_(document) {}

  Loaded load() && {
    Settings settings;
    read_group(document_.root(), settings_keys(), &settings);
    for (Objection& objection : objections_to(settings)) object(std::move(objection));
    Loaded loaded;
    if (found_.empty()) loaded.settings = std::move(settings);
    for (auto& [position, mistake] : found_) loaded.mistakes.push_back(std::move(mistake));
    return loaded;
  }

 private:
  void read_group(const Node& node, std::span<const Key> keys, void* owner) {
    for (size_t i = 0; i < node.size(); ++i) {
      const Node child = node[i];
      path_.push_back({child.name()});
      if (const Key* const key = find_key(keys, child.name()); key == nullptr) {
        refuse(child, "there is no such key; " + suggestion(keys, child.name()));
      } else if (key->is_list) {
        read_list(child, *key, owner);
      } else {
        read_one(child, *key, owner);
      }
      path_.pop_back();
    }
    for (const Key& key : keys) {
      if (!key.is_required || node.member(key.name).has_value()) continue;
      path_.push_back({key.name});
      refuse(node, "is missing; allowed: " + allowed(key));
      path_.pop_back();
    }
    if (const Key* const mode = find_key(keys, "mode"); mode != nullptr) {
      check_modes(node, keys, *mode);
    }
  }

  void read_list(const Node& node, const Key& key, void* owner) {
    if (node.kind() != Kind::list || !is_in(static_cast<int64_t>(node.size()), key.count)) {
      const bool is_list = node.kind() == Kind::list;
      return refuse(
          node, "found " + (is_list ? "a list of " + std::to_string(node.size()) : in_words(node)) +
                    "; allowed: " + allowed(key));
    }
    key.field.clear(owner);
    for (size_t i = 0; i < node.size(); ++i) {
      path_.back().index = i;
      read_one(node[i], key, owner);
    }
    path_.back().index = Step::kNone;
  }

  void read_one(const Node& node, const Key& key, void* owner) {
    if (key.form == Form::group && node.kind() == Kind::group) {
      return read_group(node, key.members, key.field.open(owner));
    }
    if (is_unset(node, key)) return;
    const std::optional<Value> value = read_value(node, key);
    if (value.has_value()) return key.field.store(owner, *value);
    refuse(node, "found " + in_words(node) + "; allowed: " + allowed_element(key));
  }

  // Keys that have no effect in the service's mode are mistakes, unless they say what holds anyway.
  void check_modes(const Node& service, std::span<const Key> keys, const Key& mode_key) {
    const std::optional<Node> node = service.member(mode_key.name);
    const std::optional<Value> mode = node.has_value()
                                          ? read_value(*node, mode_key)
                                          : std::optional(mode_key.field.defaults().front());
    if (!mode.has_value()) return;
    const auto bit = modes_of(static_cast<Mode>(std::get<int64_t>(*mode)));
    check_modes_of_members(service, keys, bit, to_text(mode_key, *mode));
  }

  void check_modes_of_members(const Node& group, std::span<const Key> keys, Modes mode,
                              const std::string& mode_text) {
    for (size_t i = 0; i < group.size(); ++i) {
      const Node child = group[i];
      const Key* const key = find_key(keys, child.name());
      if (key == nullptr) continue;
      path_.push_back({key->name});
      if (key->form == Form::group) {
        check_modes_within(child, *key, mode, mode_text);
      } else if ((key->modes & mode) == 0 && changes_default(child, *key)) {
        refuse(child,
               "has no effect in mode " + mode_text + "; allowed in: " + to_text(key->modes));
      }
      path_.pop_back();
    }
  }

  void check_modes_within(const Node& node, const Key& key, Modes mode,
                          const std::string& mode_text) {
    if (!key.is_list) return check_modes_of_members(node, key.members, mode, mode_text);
    for (size_t i = 0; i < node.size(); ++i) {
      path_.back().index = i;
      check_modes_of_members(node[i], key.members, mode, mode_text);
    }
  }

  // Of what could not be read, that has been told.
  static bool changes_default(const Node& node, const Key& key) {
    const std::optional<Value> value = read_value(node, key);
    const std::vector<Value> defaults = key.field.defaults();
    return value.has_value() && (defaults.empty() || defaults.front() != *value);
  }

  void refuse(const Node& node, std::string what) {
    failed_.push_back(path_);
    add(document_.position(node), path_, std::move(what));
  }

  void object(Objection objection) {
    const auto is_unread = [&](const KeyPath& path) {
      return std::ranges::find(failed_, path) != failed_.end();
    };
    if (is_unread(objection.path) || std::ranges::any_of(objection.judges, is_unread)) return;
    add(document_.position(node_at(objection.path).first), objection.path,
        std::move(objection.what));
  }

  void add(unsigned position, const KeyPath& path, std::string what) {
    if (found_.size() == kMaxMistakes) return;
    found_.emplace(position, document_.mistake(position, node_at(path).second, std::move(what)));
  }

  // Where a path leads, or as far as it does, and the whole path in words: elements go by name.
  std::pair<Node, std::string> node_at(const KeyPath& path) const {
    Node node = document_.root();
    bool is_there = true;
    std::string text;
    for (const Step& step : path) {
      text += (text.empty() ? "" : ".") + std::string(step.key);
      const std::optional<Node> member = is_there ? node.member(step.key) : std::nullopt;
      is_there = member.has_value();
      if (is_there) node = *member;
      if (step.index == Step::kNone) continue;
      is_there = is_there && step.index < node.size();
      if (is_there) node = node[step.index];
      const std::optional<Node> name = is_there ? node.member("name") : std::nullopt;
      const bool has_name = name.has_value() && name->kind() == Kind::text && is_name(name->text());
      text += has_name ? "[" + std::string(name->text()) + "]"
                       : "[#" + std::to_string(step.index + 1) + "]";
    }
    return {node, text};
  }

  const Document& document_;
  KeyPath path_;
  std::vector<KeyPath> failed_;
  std::multimap<unsigned, Mistake> found_;  // by position
};

Loaded load(Source source) {
  const Document document(std::move(source));
  if (!document.mistakes().empty()) return {.settings = {}, .mistakes = document.mistakes()};
  return Loader(document).load();
}

}  // namespace

std::string Loaded::message() const {
  std::string text;
  for (const Mistake& mistake : mistakes) text += to_string(mistake) + "\n";
  if (mistakes.size() == kMaxMistakes) text += "and perhaps more\n";
  return text;
}

Loaded load_settings_file(const std::string& path) { return load(read_source_file(path)); }

Loaded load_settings_text(std::string_view text, const std::string& name) {
  return load(read_source_text(text, name));
}

}  // namespace evenkeel
