#include "firmware/settings/document.h"

#include <libconfig.h>

#include <algorithm>
#include <string>
#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

const config_setting_t* setting_of(const void* setting) {
  return static_cast<const config_setting_t*>(setting);
}

std::string in_words(const char* error) {
  const std::string_view text = error == nullptr ? "" : error;
  if (text == "duplicate setting name") return "a key that is in its group already";
  if (text == "mismatched element type in array") {
    return "an array [ ] of values of more than one type; a list ( ) may hold those";
  }
  if (text == "syntax error") {
    return "syntax error: here or shortly before, something is missing or too much";
  }
  return std::string(text);
}

}  // namespace

Node::Kind Node::kind() const {
  switch (config_setting_type(setting_of(setting_))) {
    case CONFIG_TYPE_GROUP:
      return Kind::group;
    case CONFIG_TYPE_INT:
    case CONFIG_TYPE_INT64:
      return Kind::integer;
    case CONFIG_TYPE_FLOAT:
      return Kind::fraction;
    case CONFIG_TYPE_STRING:
      return Kind::text;
    case CONFIG_TYPE_BOOL:
      return Kind::boolean;
    default:
      return Kind::list;
  }
}

std::string_view Node::name() const {
  const char* const name = config_setting_name(setting_of(setting_));
  return name == nullptr ? std::string_view() : name;
}

int64_t Node::integer() const {
  REQUIRE(kind() == Kind::integer);
  return config_setting_get_int64(setting_of(setting_));
}

double Node::fraction() const {
  REQUIRE(kind() == Kind::fraction);
  return config_setting_get_float(setting_of(setting_));
}

bool Node::boolean() const {
  REQUIRE(kind() == Kind::boolean);
  return config_setting_get_bool(setting_of(setting_)) != CONFIG_FALSE;
}

std::string_view Node::text() const {
  REQUIRE(kind() == Kind::text);
  return config_setting_get_string(setting_of(setting_));
}

size_t Node::size() const {
  if (!config_setting_is_aggregate(setting_of(setting_))) return 0;
  return static_cast<size_t>(config_setting_length(setting_of(setting_)));
}

Node Node::operator[](size_t index) const {
  REQUIRE(index < size());
  return Node(config_setting_get_elem(setting_of(setting_), static_cast<unsigned>(index)));
}

std::optional<Node> Node::member(std::string_view name) const {
  for (size_t i = 0; i < size(); ++i) {
    if (const Node member = (*this)[i]; member.name() == name) return member;
  }
  return std::nullopt;
}

struct Document::Tree {
  Tree() { config_init(&config); }
  ~Tree() { config_destroy(&config); }
  Tree(const Tree&) = delete;
  Tree& operator=(const Tree&) = delete;

  config_t config{};
};

Document::Document(Source source) : source_(std::move(source)), tree_(std::make_unique<Tree>()) {
  if (!source_.mistakes.empty()) return;
  if (config_read_string(&tree_->config, source_.text.c_str()) == CONFIG_TRUE) return;
  source_.mistakes.push_back(mistake(static_cast<unsigned>(config_error_line(&tree_->config)), {},
                                     in_words(config_error_text(&tree_->config))));
}

Document::~Document() = default;

Node Document::root() const {
  REQUIRE(mistakes().empty());
  return Node(config_root_setting(&tree_->config));
}

// The root's own is 0.
unsigned Document::position(const Node& node) const { return setting_of(node.setting_)->line; }

Mistake Document::mistake(unsigned position, std::string path, std::string what) const {
  const size_t index = std::clamp<size_t>(position, 1, source_.lines.size()) - 1;
  const Source::Line& line = source_.lines[index];
  return {.file = source_.files[line.file],
          .line = line.number,
          .path = std::move(path),
          .what = std::move(what)};
}

}  // namespace evenkeel
