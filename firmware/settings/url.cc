#include "firmware/settings/url.h"

#include <algorithm>
#include <charconv>

#include "firmware/base/address.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr uint16_t kHttpPort = 80;
constexpr uint16_t kHttpsPort = 443;
constexpr size_t kMaxHost = 253;  // of a name (RFC 1035)

// Labels of letters, digits and '-', with '.' between them.
bool is_host_name(std::string_view text) {
  if (text.size() > kMaxHost || !is_name(text) || text.find('_') != std::string_view::npos) {
    return false;
  }
  return text.find("..") == std::string_view::npos && !text.ends_with('-') && !text.ends_with('.');
}

// What is only digits and dots is meant as an address.
bool is_host(std::string_view text, bool is_in_brackets) {
  const bool is_address = parse_address(text).has_value();
  if (is_in_brackets) return is_address && text.find(':') != std::string_view::npos;
  const bool has_letter = text.find_first_not_of("0123456789.") != std::string_view::npos;
  return has_letter ? is_host_name(text) : is_address;
}

std::optional<uint16_t> parse_port(std::string_view text) {
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole && port != 0 ? std::optional(port) : std::nullopt;
}

}  // namespace

std::optional<Url> parse_url(std::string_view text) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  Url url;
  url.is_https = text.starts_with(kHttps);
  if (!url.is_https && !text.starts_with(kHttp)) return std::nullopt;
  text.remove_prefix(url.is_https ? kHttps.size() : kHttp.size());

  const size_t slash = std::min(text.find('/'), text.size());
  if (slash < text.size()) url.path = text.substr(slash);
  if (!is_request_path(url.path)) return std::nullopt;
  text = text.substr(0, slash);

  const bool is_in_brackets = text.starts_with('[');
  const size_t end = is_in_brackets ? text.find(']') : std::min(text.find(':'), text.size());
  if (end == std::string_view::npos) return std::nullopt;
  url.host = is_in_brackets ? text.substr(1, end - 1) : text.substr(0, end);
  if (!is_host(url.host, is_in_brackets)) return std::nullopt;

  text.remove_prefix(end + (is_in_brackets ? 1 : 0));
  url.port = url.is_https ? kHttpsPort : kHttpPort;
  if (text.empty()) return url;
  const std::optional<uint16_t> port =
      text.starts_with(':') ? parse_port(text.substr(1)) : std::nullopt;
  if (!port) return std::nullopt;
  url.port = *port;
  return url;
}

std::string host_of(const Url& url) {
  const bool is_v6 = url.host.find(':') != std::string::npos;
  const std::string host = is_v6 ? "[" + url.host + "]" : url.host;
  const bool is_own = url.port == (url.is_https ? kHttpsPort : kHttpPort);
  return is_own ? host : host + ":" + std::to_string(url.port);
}

}  // namespace evenkeel
