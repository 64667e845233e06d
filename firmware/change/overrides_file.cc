#include "firmware/change/overrides_file.h"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <optional>

#include "firmware/base/limits.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

constexpr uint64_t kVersion = 1;
constexpr Microseconds kSecond = 1'000'000;

json::object object_of(const Override& each) {
  const OverrideRequest& request = each.request;
  json::object object{{"id", each.id},
                      {"backend", request.backend},
                      {"kind", name_of(request.kind)},
                      {"for_us", request.lasts},
                      {"made_us", each.made},
                      {"ends_us", each.ends},
                      {"reason", request.reason},
                      {"who", request.who}};
  if (request.kind == OverrideKind::weight) object["weight"] = request.weight;
  return object;
}

// The members of one object, each to be taken once.
class Members {
 public:
  explicit Members(const json::object& object) : object_(object) {}

  uint64_t number(std::string_view key) {
    const json::value* value = member(key);
    // JSON's numbers have no sign of their own: small ones are read as signed.
    if (value != nullptr && value->is_int64() && value->get_int64() >= 0) {
      return static_cast<uint64_t>(value->get_int64());
    }
    if (value != nullptr && value->is_uint64()) return value->get_uint64();
    return wrong<uint64_t>(key, "a whole number");
  }
  std::string text(std::string_view key) {
    const json::value* value = member(key);
    if (value != nullptr && value->is_string()) return std::string(value->get_string());
    return wrong<std::string>(key, "text");
  }
  // Nothing is wrong, and nothing else is there.
  Status done() const {
    if (!wrong_.empty()) return Error{wrong_};
    if (object_.size() == taken_) return {};
    return Error{"it has keys that this version does not know"};
  }

 private:
  const json::value* member(std::string_view key) {
    ++taken_;
    return object_.if_contains(key);
  }
  template <typename T>
  T wrong(std::string_view key, std::string_view what) {
    if (wrong_.empty()) wrong_.append("\"").append(key).append("\" is not ").append(what);
    return {};
  }

  const json::object& object_;
  size_t taken_ = 0;
  std::string wrong_;
};

Result<Override> override_of(const json::value& value) {
  const json::object* object = value.if_object();
  if (object == nullptr) return Error{"an override is not an object"};
  Members members(*object);
  Override result;
  OverrideRequest& request = result.request;
  result.id = members.number("id");
  request.backend = members.text("backend");
  const std::string kind = members.text("kind");
  request.lasts = members.number("for_us");
  result.made = members.number("made_us");
  result.ends = members.number("ends_us");
  request.reason = members.text("reason");
  request.who = members.text("who");
  const std::optional<OverrideKind> known = override_kind_of(kind);
  const uint64_t weight = known == OverrideKind::weight ? members.number("weight") : 0;
  if (Status done = members.done(); !done.ok()) return Error{done.message()};
  if (!known) return Error{"there is no kind of override \"" + kind + "\""};
  request.kind = *known;
  request.weight = static_cast<uint32_t>(std::min<uint64_t>(weight, UINT32_MAX));
  if (result.id == 0) return Error{"an override has no id"};
  if (Status checked = check_override(request); !checked.ok()) return Error{checked.message()};
  return result;
}

// One line that JSON takes: what is not UTF-8 would make the whole file unreadable.
bool is_printable(std::string_view text) {
  json::error_code error;
  const json::value again = json::parse(json::serialize(json::string(text)), error);
  return !error && again.is_string() && std::ranges::none_of(text, [](char each) {
    return static_cast<unsigned char>(each) < ' ' || each == 0x7f;
  });
}

}  // namespace

Status check_override(const OverrideRequest& request) {
  const std::string_view backend = request.backend;
  const std::string_view service = backend.substr(0, backend.find('/'));
  const bool has_service = service.size() < backend.size();
  const std::string_view name = has_service ? backend.substr(service.size() + 1) : backend;
  if (service.empty() || name.empty() || service.size() > kMaxSettingName ||
      name.size() > kMaxSettingName || name.find('/') != std::string_view::npos ||
      !is_printable(backend)) {
    return Error{"an override is for \"SERVICE/BACKEND\" or \"BACKEND\", not for \"" +
                 request.backend + "\""};
  }
  if (request.lasts < kSecond || request.lasts > kMaxOverrideSeconds * kSecond) {
    return Error{"an override of " + request.backend + " lasts 1 second to " +
                 std::to_string(kMaxOverrideSeconds / 86'400) +
                 " days: what is to hold longer belongs in the settings"};
  }
  if (request.reason.empty() || request.reason.size() > kMaxWhy || !is_printable(request.reason)) {
    return Error{"an override of " + request.backend + " needs a reason: one line of at most " +
                 std::to_string(kMaxWhy) + " bytes"};
  }
  if (request.who.empty() || request.who.size() > kMaxWho || !is_printable(request.who)) {
    return Error{"an override of " + request.backend + " needs to say who made it, in at most " +
                 std::to_string(kMaxWho) + " bytes"};
  }
  if (request.weight > kMaxOverrideWeight) {
    return Error{"the weight of " + request.backend + " is 0 to " +
                 std::to_string(kMaxOverrideWeight) + ", not " + std::to_string(request.weight)};
  }
  return {};
}

std::string write_overrides(const OverridesFile& file) {
  json::array list;
  for (const Override& each : file.overrides) list.push_back(object_of(each));
  const json::object whole{
      {"version", kVersion}, {"next_id", file.next_id}, {"overrides", std::move(list)}};
  return json::serialize(whole) + "\n";
}

Result<OverridesFile> read_overrides(std::string_view text) {
  json::error_code error;
  const json::value whole = json::parse(text, error);
  const json::object* object = error ? nullptr : whole.if_object();
  if (object == nullptr) return Error{"it is not a whole JSON object"};
  Members members(*object);
  OverridesFile file;
  const uint64_t version = members.number("version");
  if (version != kVersion) return Error{"it is not of version " + std::to_string(kVersion)};
  file.next_id = members.number("next_id");
  const json::value* value = object->if_contains("overrides");
  const json::array* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr || object->size() != 3) return Error{"it has other keys than it should"};
  if (list->size() > kMaxOverrides) return Error{"it has too many overrides"};
  for (const json::value& each : *list) {
    Result<Override> read = override_of(each);
    if (!read.ok()) return Error{read.message()};
    const uint64_t last = file.overrides.empty() ? 0 : file.overrides.back().id;
    if (read.value().id <= last || read.value().id >= file.next_id) {
      return Error{"the ids in it do not rise"};
    }
    file.overrides.push_back(std::move(read.value()));
  }
  return file;
}

}  // namespace evenkeel
