// Any text with a key changed, and good settings in any layout with any key of any group set to any
// value: the edited text means what the same settings mean that were written with that value from
// the beginning, nothing that stood there is gone, and taking the key away again brings back what
// was. Of any text at all, what loads before loads afterwards.
#include "firmware/settings/edit.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/load.h"

namespace evenkeel {
namespace {

struct Group {
  const char* path;
  const char* before;  // the line of the group's keys
};
constexpr Group kGroups[] = {
    {"", ""},
    {"cpu.", "cpu = { control = 0; "},
    {"change.", "}; change = { "},
    {"ports.wan.", "}; ports = ( { name = \"wan\"; device = \"net_null0\"; "},
    {"services.shop.",
     "} ); services = ( { name = \"shop\"; vips = [\"192.0.2.10\"]; ports = \"80\"; "},
    {"services.shop.check.", "check = { type = \"http\"; "},
    {"services[shop].tunnel.", "}; tunnel = { "},
    {"services[shop].backends[web1].",
     "}; backends = ( { name = \"web1\"; address = \"10.0.0.1\"; "},
};
constexpr size_t kCount = std::size(kGroups);
using Lines = std::array<std::string, kCount>;

std::string text_of(const Lines& lines, const std::string& backend) {
  std::string text;
  for (size_t i = 0; i < kCount; ++i) text += kGroups[i].before + lines.at(i);
  return text + "} " + backend + " ); } ); ";
}

std::span<const Key> keys_of(size_t group) {
  const auto inner = [](std::span<const Key> keys, std::string_view name) {
    return find_key(keys, name)->members;
  };
  const std::span<const Key> outermost = settings_keys();
  const std::span<const Key> services = inner(outermost, "services");
  const std::array<std::span<const Key>, kCount> all = {
      outermost, inner(outermost, "cpu"),  inner(outermost, "change"), inner(outermost, "ports"),
      services,  inner(services, "check"), inner(services, "tunnel"),  inner(services, "backends")};
  return all.at(group);
}

constexpr const char* kValues[] = {"0",
                                   "1",
                                   "7",
                                   "251",
                                   "0x100",
                                   "true",
                                   "\"\"",
                                   "\"a\"",
                                   "\"a\" \"b\"",
                                   "\"/a;}#b\"",
                                   "\"all\"",
                                   "\"GET\"",
                                   "\"300ms\"",
                                   "\"2h\"",
                                   "\"::/96\"",
                                   "\"10.0.0.2\"",
                                   "\"192.0.2.0/24\"",
                                   "\"02:00:00:00:00:04\"",
                                   "[\"192.0.2.2/24\"]",
                                   "[]",
                                   "[\"2001:db8::1\", \"10.0.0.0/8\"]",
                                   "[1, 2]",
                                   "(200, \"300-399\")",
                                   "{ }"};

// The bytes of the input, one after the other; 0 behind the last.
class Choices {
 public:
  explicit Choices(std::string_view bytes) : bytes_(bytes) {}
  size_t next(size_t count) {
    return at_ < bytes_.size() ? static_cast<uint8_t>(bytes_[at_++]) % count : 0;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

std::string value_of(const Key& key, Choices& choices) {
  const size_t choice = choices.next(256);
  if (key.choices.empty()) {
    // A bare word is a text where a text belongs.
    const std::string value = kValues[choice % std::size(kValues)];
    const bool is_bare = value.find_first_of("\"[({") != 0;
    const bool is_number =
        key.form == Form::integer || key.form == Form::prime || key.form == Form::boolean;
    return is_bare && !is_number ? "\"" + value + "\"" : value;
  }
  return "\"" + std::string(key.choices[choice % key.choices.size()].name) + "\"";
}

// Every space and every end of a key becomes one of those that mean the same.
std::string laid_out(const std::string& text, Choices choices) {
  constexpr const char* kSpaces[] = {" ",         "\n",      "\t",        " # } c\n",
                                     " // \" \n", "\r\n   ", " /* ; */ ", "/*/\n{*/"};
  constexpr const char* kEnds[] = {";", ",", " ", "\n;", "; // \"\n"};
  std::string result;
  bool is_in_text = false;
  for (const char c : text) {
    if (c == '"') is_in_text = !is_in_text;
    if (!is_in_text && c == ' ') {
      result += kSpaces[choices.next(std::size(kSpaces))];
    } else if (!is_in_text && c == ';') {
      result += kEnds[choices.next(std::size(kEnds))];
    } else {
      result += c;
    }
  }
  return result;
}

bool is_within(std::string_view part, std::string_view whole) {
  size_t found = 0;
  for (const char c : whole) {
    if (found < part.size() && part[found] == c) ++found;
  }
  return found == part.size();
}

Loaded load(const std::string& text) { return load_settings_text(text, "text"); }

void expect_same(const Loaded& found, const Loaded& expected) {
  CHECK(found.ok() == expected.ok());
  CHECK(found.settings == expected.settings);
}

void expect_edits_of_good_text(Choices choices) {
  Lines lines;
  const size_t others = choices.next(4);
  size_t group = 0;
  const Key* key = nullptr;
  const auto choose_key = [&] {
    group = choices.next(kCount);
    const std::span<const Key> keys = keys_of(group);
    key = &keys[choices.next(keys.size())];
    const bool is_there =
        key->is_required || key->name == "control" || key->form == Form::group ||
        lines.at(group).find(" " + std::string(key->name) + " ") != std::string::npos;
    return !is_there;
  };
  const auto line = [&] {
    return " " + std::string(key->name) + " = " + value_of(*key, choices) + "; ";
  };
  for (size_t i = 0; i < others; ++i) {
    if (choose_key()) lines.at(group) += line();
  }
  if (!choose_key()) return;
  const Lines without = lines;
  const bool replaces = choices.next(2) == 1;
  if (replaces) lines.at(group) += line();
  const std::string before = laid_out(text_of(lines, ""), choices);
  const std::string value = value_of(*key, choices);
  lines = without;
  lines.at(group) += " " + std::string(key->name) + " = " + value + "; ";
  const std::string path = std::string(kGroups[group].path) + std::string(key->name);

  const Result<std::string> edited = set_in_text(before, path, value);
  CHECK(edited.ok());
  expect_same(load(edited.value()), load(text_of(lines, "")));
  if (!replaces) CHECK(is_within(before, edited.value()));
  const Result<std::string> again = delete_in_text(edited.value(), path);
  CHECK(again.ok() && is_within(again.value(), edited.value()));
  expect_same(load(again.value()), load(text_of(without, "")));
  CHECK(!delete_in_text(again.value(), path).ok());
}

// A backend more, and one less.
void expect_elements(Choices choices) {
  const std::string before = laid_out(text_of({}, ""), choices);
  const auto added =
      set_in_text(before, "services.shop.backends.web2", R"({ address = "10.0.0.2"; })");
  CHECK(added.ok() && is_within(before, added.value()));
  expect_same(load(added.value()),
              load(text_of({}, R"(, { name = "web2"; address = "10.0.0.2"; })")));
  const auto deeper = set_in_text(before, "services.shop.backends[web2].address", "10.0.0.2");
  CHECK(deeper.ok());
  expect_same(load(deeper.value()), load(added.value()));
  const auto less = delete_in_text(added.value(), "services[shop].backends.web2");
  CHECK(less.ok());
  expect_same(load(less.value()), load(before));
  const auto first_gone = delete_in_text(added.value(), "services[shop].backends.web1");
  CHECK(first_gone.ok());
  Settings settings = load(added.value()).settings;
  settings.services[0].backends.erase(settings.services[0].backends.begin());
  CHECK(load(first_gone.value()).settings == settings);
}

void expect_edits_of_any_text(const std::string& text) {
  const Loaded before = load(text);
  Settings expected = before.settings;
  expected.name = "x1";
  const Result<std::string> edited = set_in_text(text, "name", "x1");
  const Result<std::string> deleted = delete_in_text(text, "name");
  CHECK(edited.ok() || !edited.message().empty());
  if (!before.ok()) return;
  if (edited.ok()) CHECK(load(edited.value()).settings == expected);
  expected.name = Settings{}.name;
  if (deleted.ok()) CHECK(load(deleted.value()).settings == expected);
}

// Whatever path and value are.
void expect_edits_with_any_words(const std::string& words) {
  const size_t middle = words.find('\n');
  if (middle == std::string::npos) return;
  const std::string before = text_of({}, "");
  const std::string path = words.substr(0, middle);
  const std::string value = words.substr(middle + 1);
  const Result<std::string> edited = set_in_text(before, path, value);
  CHECK(edited.ok() || !edited.message().empty());
  // One value, that of `mss`: all else is as it was, or it is refused.
  const Result<std::string> other = set_in_text(before, "services.shop.mss", value);
  if (!other.ok()) return;
  Loaded after = load(other.value());
  if (!after.ok()) return;
  after.settings.services[0].mss = 0;
  CHECK(after.settings == load(before).settings);
}

}  // namespace
}  // namespace evenkeel

// libconfig 1.5 loses the text before a syntax error: a few bytes each time that a file is refused.
extern "C" const char* __lsan_default_suppressions() { return "leak:libconfig"; }

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  evenkeel::expect_edits_of_good_text(evenkeel::Choices(input));
  evenkeel::expect_elements(evenkeel::Choices(input));
  evenkeel::expect_edits_of_any_text(std::string(input));
  evenkeel::expect_edits_with_any_words(std::string(input));
  return 0;
}
