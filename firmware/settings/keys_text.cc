// What the rows say, in words: for messages and for the reference.
#include <algorithm>
#include <limits>

#include "firmware/base/check.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr const char* kModeNames[] = {"l2_direct", "l3_direct", "ipip",   "gre",
                                      "gue",       "vxlan",     "geneve", "nat"};
static_assert(kAllModes == (1u << std::size(kModeNames)) - 1);
constexpr const char* kCheckTypeNames[] = {"none", "tcp", "http", "tls",  "https", "h2",
                                           "grpc", "udp", "dns",  "icmp", "agent", "command"};
static_assert(kAllCheckTypes == (1u << std::size(kCheckTypeNames)) - 1);

// Of a set, those that are in it.
std::string names_in(std::span<const char* const> names, unsigned set) {
  std::string text;
  for (unsigned i = 0; i < names.size(); ++i) {
    if ((set >> i & 1u) == 0) continue;
    text += (text.empty() ? "" : ", ") + std::string(names[i]);
  }
  return text;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string in_words(const Range& range) {
  return std::to_string(range.least) + " to " + std::to_string(range.most);
}

std::string allowed_choices(std::span<const Choice> choices) {
  std::string text;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (i > 0) text += i + 1 == choices.size() ? " or " : ", ";
    text += quoted(choices[i].name);
  }
  return text;
}

std::string allowed_value(const Key& key) {
  switch (key.form) {
    case Form::text:
      return "text of " + in_words(key.range) + " characters";
    case Form::name:
      return "letters, digits, -, _ and ., at most " + std::to_string(key.range.most) +
             ", the first a letter or digit";
    case Form::path:
      return "a file's path from /";
    case Form::integer:
      return in_words(key.range) + (key.unit.empty() ? "" : " " + std::string(key.unit));
    case Form::number:
      return "a number, as 0.02";
    case Form::duration:
      return duration_text(static_cast<Microseconds>(key.range.least)) + " to " +
             duration_text(static_cast<Microseconds>(key.range.most)) +
             R"(, as "300ms" or "5m", in us, ms, s, m, h or d)";
    case Form::size:
      return size_text(static_cast<uint64_t>(key.range.least)) + " to " +
             size_text(static_cast<uint64_t>(key.range.most)) +
             R"(, as "64k", in k, m or g, or a number of bytes)";
    case Form::prime:
      return "a prime number, " + in_words(key.range);
    case Form::boolean:
      return "true or false";
    case Form::choice:
      return allowed_choices(key.choices);
    case Form::address:
      return R"(an address of one host, as "192.0.2.1" or "2001:db8::1")";
    case Form::vip:
      return R"(a host's address or a prefix, as "192.0.2.1" or "2001:db8::/64")";
    case Form::prefix:
      return R"(a prefix without bits beyond it, as "192.0.2.0/24" or "::/0")";
    case Form::interface_address:
      return R"(a host's address and its prefix length, as "192.0.2.1/24")";
    case Form::ports:
      return R"("80", "8000-8100" or "all")";
    case Form::mac:
      return R"(a MAC address, as "02:00:00:00:00:01")";
    case Form::endpoint:
      return R"(an address and a port, as "192.0.2.2:8443" or "[2001:db8::2]:8443")";
    case Form::url:
      return R"(a URL, as "http://192.0.2.9:9093" or "https://hooks.example.net/box")";
    case Form::method:
      return "capital letters, at most " + std::to_string(key.range.most) + ", as \"GET\"";
    case Form::request_path:
      return "a path from / without spaces, at most " + std::to_string(key.range.most) +
             " characters, as \"/health\"";
    case Form::statuses:
      return R"(statuses from 100 to 599, as "200" or "200-399")";
    case Form::group:
      return "a group { }";
  }
  CHECK(false);
}

// Edits of one character, or of two neighbours that changed places, that make one of the other.
size_t distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before(b.size() + 1);
  std::vector<size_t> last(b.size() + 1);
  std::vector<size_t> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      row[j] =
          std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

// A value as settings write it.
struct Writer {
  std::span<const Choice> choices;

  std::string operator()(int64_t number) const {
    const auto named = std::ranges::find(choices, number, &Choice::value);
    return named == choices.end() ? std::to_string(number) : quoted(named->name);
  }
  std::string operator()(double number) const { return number_text(number); }
  std::string operator()(bool is_true) const { return is_true ? "true" : "false"; }
  std::string operator()(const std::string& text) const { return quoted(text); }
  std::string operator()(const auto& other) const { return quoted(to_string(other)); }
};

}  // namespace

const Key* find_key(std::span<const Key> keys, std::string_view name) {
  const auto found = std::ranges::find(keys, name, &Key::name);
  return found == keys.end() ? nullptr : &*found;
}

std::string suggestion(std::span<const Key> keys, std::string_view misspelt) {
  const Key* best = nullptr;
  size_t best_distance = std::min<size_t>(misspelt.size() / 3 + 1, 4);  // or it is no misspelling
  std::string all;
  for (const Key& key : keys) {
    all += (all.empty() ? "" : ", ") + std::string(key.name);
    const size_t its = misspelt.size() > 64 ? 64 : distance(misspelt, key.name);
    if (its >= best_distance) continue;
    best = &key;
    best_distance = its;
  }
  if (best != nullptr) return "did you mean '" + std::string(best->name) + "'?";
  return "allowed: " + all;
}

std::string allowed_element(const Key& key) {
  std::string text = allowed_value(key);
  if (key.none.empty() || key.form == Form::choice) return text;
  const bool is_number = key.form == Form::integer;
  return text + (is_number ? ", or 0: " : ", or \"\": ") + std::string(key.none);
}

std::string allowed(const Key& key) {
  if (!key.is_list) return allowed_element(key);
  const std::string least =
      key.count.least > 0 ? "at least " + std::to_string(key.count.least) + ", " : "";
  return "a list, " + least + "at most " + std::to_string(key.count.most) +
         ", of: " + allowed_element(key);
}

std::string to_text(const Key& key, const Value& value) {
  const auto* const amount = std::get_if<int64_t>(&value);
  if (amount != nullptr && key.form == Form::duration) {
    return quoted(duration_text(static_cast<Microseconds>(*amount)));
  }
  if (amount != nullptr && key.form == Form::size) {
    return quoted(size_text(static_cast<uint64_t>(*amount)));
  }
  return std::visit(Writer{key.choices}, value);
}

std::string to_text(Modes modes) { return names_in(kModeNames, modes); }

std::string check_types_text(CheckTypes types) { return names_in(kCheckTypeNames, types); }

}  // namespace evenkeel
