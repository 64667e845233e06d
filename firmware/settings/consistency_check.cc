#include "firmware/settings/consistency_check.h"

#include <algorithm>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/settings/keys.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

std::span<const Key> check_keys() {
  const Key* const services = find_key(settings_keys(), "services");
  const Key* const check = find_key(services->members, "check");
  return check->members;
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// In the name of the protocol by which a backend is asked where traffic goes, if it goes there.
bool asks_traffic_port(CheckType type, Protocol protocol) {
  switch (type) {
    case CheckType::udp:
    case CheckType::dns:
      return protocol == Protocol::udp;
    case CheckType::command:
    case CheckType::icmp:
      return true;
    default:
      return protocol == Protocol::tcp;
  }
}

class CheckObjections {
 public:
  CheckObjections(const ServiceSettings& service, const KeyPath& path,
                  std::vector<Objection>& found)
      : service_(service), check_(service.check), path_(path), found_(found) {}

  void find() {
    object_to_times();
    object_to_port();
    object_to_same_path();
    object_to_keys_without_effect();
    object_to_request();
    object_to_escapes(check_.send, "send");
    object_to_escapes(check_.contains, "contains");
    if (check_.type == CheckType::dns) object_to_query();
    if (check_.type == CheckType::command) object_to_command();
  }

 private:
  KeyPath path_to(std::initializer_list<Step> behind) const {
    KeyPath path = path_;
    path.insert(path.end(), behind);
    return path;
  }
  KeyPath path_to_key(std::string_view key) const { return path_to({{"check"}, {key}}); }

  void object(std::string_view key, std::string what, std::vector<KeyPath> judges = {}) {
    judges.push_back(path_to_key("type"));
    found_.push_back(
        {.path = path_to_key(key), .what = std::move(what), .judges = std::move(judges)});
  }

  void object_to_times() {
    if (check_.timeout >= check_.interval) {
      object("timeout",
             "found " + quoted(duration_text(check_.timeout)) +
                 "; allowed: less than the interval, which is " +
                 quoted(duration_text(check_.interval)),
             {path_to_key("interval")});
    }
    const Microseconds fast = check_.fast_interval.value_or(0);
    if (fast > check_.interval) {
      object("fast_interval",
             "found " + quoted(duration_text(fast)) + "; allowed: at most the interval, which is " +
                 quoted(duration_text(check_.interval)),
             {path_to_key("interval")});
    }
  }

  void object_to_port() {
    if (check_.port != 0 || check_.type == CheckType::icmp) return;
    if (check_.type == CheckType::command) return;  // may do without
    const bool has_one_port = service_.ports.first == service_.ports.last;
    if (has_one_port && asks_traffic_port(check_.type, service_.protocol)) return;
    const bool is_of_udp = asks_traffic_port(check_.type, Protocol::udp) &&
                           !asks_traffic_port(check_.type, Protocol::tcp);
    const std::string protocol = is_of_udp ? "UDP" : "TCP";
    object("port",
           "is not set, but the service has " +
               (has_one_port ? "no " + protocol + " port" : std::string("many ports")) +
               "; allowed: 1 to 65535, a " + protocol + " port that every backend answers on",
           {path_to({{"protocol"}}), path_to({{"ports"}})});
  }

  // There the check itself goes to the address and the port that traffic goes to.
  void object_to_same_path() {
    if (!check_.same_path || service_.mode != Mode::nat) return;
    object("same_path",
           "has no effect in mode nat, whose servers have no VIP: the check itself asks where "
           "traffic goes; allowed: false",
           {path_to({{"mode"}})});
  }

  void object_to_keys_without_effect() {
    const auto type = check_types_of(check_.type);
    for (const Key& key : check_keys()) {
      if (key.field.values(&check_) == key.field.defaults()) continue;
      if ((key.checks & type) == 0) {
        object(key.name, "has no effect in a check of type " + quoted(check_types_text(type)) +
                             "; allowed in: " + check_types_text(key.checks));
      } else if (is_of_tls(key.name) && !uses_tls(check_)) {
        object(key.name, "has no effect without TLS; allowed with: tls = true",
               {path_to_key("tls")});
      }
    }
  }

  static bool is_of_tls(std::string_view key) {
    return key == "verify" || key == "ca" || key == "server_name";
  }

  void object_to_request() {
    if (!is_http(check_.type)) return;
    for (const std::string& field : check_.headers) {
      if (is_header_field(field)) continue;
      object("headers",
             "found a field that HTTP has not; allowed: \"Name: value\" in printable characters");
    }
    if (check_.method == "HEAD" && !check_.contains.empty()) {
      object("contains", "has no effect with method HEAD, which is answered without a body",
             {path_to_key("method")});
    }
  }

  void object_to_escapes(const std::string& text, std::string_view key) {
    if (unescape(text).has_value()) return;
    object(key,
           R"(has a backslash before what it does not go with; allowed: \\r, \\n, \\t, \\x00 to )"
           R"(\\xff, and \\\\ for itself)");
  }

  void object_to_query() {
    if (check_.query.empty()) {
      object("query", "is not set, but a check of type \"dns\" needs it; allowed: a name");
    } else if (!is_dns_name(check_.query)) {
      object("query",
             "found what is no name of DNS; allowed: labels of letters, digits, - and _, at most "
             "63 each, with dots between them");
    }
  }

  void object_to_command() {
    if (check_.command.empty()) {
      object("command",
             "is not set, but a check of type \"command\" needs it; allowed: a list that begins "
             "with a program's path from /");
    } else if (!check_.command.front().starts_with('/')) {
      object("command",
             "found " + quoted(check_.command.front()) + " as its program; allowed: a path from /");
    }
  }

  const ServiceSettings& service_;
  const CheckSettings& check_;
  const KeyPath& path_;
  std::vector<Objection>& found_;
};

}  // namespace

void object_to_check(const ServiceSettings& service, const KeyPath& path,
                     std::vector<Objection>& found) {
  REQUIRE(service.check.type != CheckType::none);
  CheckObjections(service, path, found).find();
}

}  // namespace evenkeel
