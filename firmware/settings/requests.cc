#include "firmware/settings/requests.h"

#include <algorithm>
#include <string>
#include <utility>

#include "firmware/base/address.h"
#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// Without the query, and without a / at its end.
std::string_view path_of(const Url& url) {
  std::string_view path = url.path;
  path = path.substr(0, path.find('?'));
  if (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

Url below(Url url, std::string_view path) {
  if (url.path.ends_with('/')) url.path.pop_back();
  url.path += path;
  return url;
}

// DNS takes capital letters for small ones; an address may be written in several ways.
bool is_same_host(std::string_view one, std::string_view other) {
  const std::optional<Address> address = parse_address(one);
  if (address) return address == parse_address(other);
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(one, other, {}, small, small);
}

}  // namespace

std::optional<Url> query_url(const PrometheusSettings& settings) {
  std::optional<Url> url = parse_url(settings.url);
  return url ? std::optional(below(std::move(*url), "/api/v1/query")) : std::nullopt;
}

Url webhook_url(std::string_view text) {
  std::optional<Url> url = parse_url(text);
  REQUIRE(url.has_value());
  return std::move(*url);
}

Url alertmanager_url(std::string_view text) { return below(webhook_url(text), "/api/v2/alerts"); }

std::vector<Url> alert_urls(const AlertSettings& settings) {
  std::vector<Url> urls;
  for (const std::string& text : settings.webhooks) urls.push_back(webhook_url(text));
  for (const std::string& text : settings.alertmanagers) urls.push_back(alertmanager_url(text));
  return urls;
}

bool is_within(const Url& url, const Url& start) {
  if (url.is_https != start.is_https || url.port != start.port) return false;
  if (!is_same_host(url.host, start.host)) return false;
  const std::string_view path = path_of(url);
  const std::string_view outer = path_of(start);
  return path.starts_with(outer) && (path.size() == outer.size() || path[outer.size()] == '/');
}

const CredentialSettings* credentials_of(const Url& url,
                                         std::span<const CredentialSettings> credentials) {
  const CredentialSettings* found = nullptr;
  size_t longest = 0;
  for (const CredentialSettings& each : credentials) {
    const std::optional<Url> start = parse_url(each.url);
    REQUIRE(start.has_value());
    if (!is_within(url, *start)) continue;
    const size_t length = path_of(*start).size();
    if (found != nullptr && length <= longest) continue;
    found = &each;
    longest = length;
  }
  return found;
}

std::vector<CredentialSettings> credentials_of(std::span<const Url> urls,
                                               std::span<const CredentialSettings> credentials) {
  std::vector<CredentialSettings> taken;
  for (const CredentialSettings& each : credentials) {
    const auto takes_it = [&](const Url& url) { return credentials_of(url, credentials) == &each; };
    if (std::ranges::any_of(urls, takes_it)) taken.push_back(each);
  }
  return taken;
}

bool is_loopback(const Url& url) {
  constexpr uint32_t kFirstOfV4 = 127;
  const std::optional<Address> address = parse_address(url.host);
  if (!address) return is_same_host(url.host, "localhost");
  if (address->is_v4()) return address->as_v4().value() >> 24 == kFirstOfV4;
  return address == parse_address("::1");
}

}  // namespace evenkeel
