#include "firmware/settings/consistency_credentials.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/settings/requests.h"
#include "firmware/settings/url.h"

namespace evenkeel {
namespace {

KeyPath path_to(size_t index, std::string_view key) { return {{"credentials", index}, {key}}; }

// Whatever requests there are: of what could not be read nothing is known.
std::vector<KeyPath> all_urls() {
  std::vector<KeyPath> paths = {{{"prometheus"}, {"url"}}};
  for (const std::string_view key : {"webhooks", "alertmanagers"}) {
    paths.push_back({{"alerts"}, {key}});
    for (size_t i = 0; i < kMaxAlertReceivers; ++i) paths.push_back({{"alerts"}, {key, i}});
  }
  return paths;
}

std::vector<Url> urls_of(const Settings& settings) {
  std::vector<Url> urls = alert_urls(settings.alerts);
  if (std::optional<Url> url = query_url(settings.prometheus)) urls.push_back(std::move(*url));
  return urls;
}

class CredentialObjections {
 public:
  CredentialObjections(const Settings& settings, std::vector<Objection>& found)
      : settings_(settings), urls_(urls_of(settings)), found_(found) {}

  void find(size_t index) {
    const CredentialSettings& each = settings_.credentials[index];
    if (each.authorization_file.empty() && each.ca_file.empty()) {
      object({{"credentials", index}},
             "has neither authorization_file nor ca_file, so that it would change nothing; "
             "allowed: with at least one of them",
             {path_to(index, "authorization_file"), path_to(index, "ca_file")});
    }
    const std::optional<Url> url = parse_url(each.url);
    if (!url) return;  // could not be read
    if (url->path.find('?') != std::string::npos) {
      object(path_to(index, "url"), "found a query in it; allowed: up to its path", {});
    }
    if (!url->is_https && !each.ca_file.empty()) {
      object(path_to(index, "ca_file"),
             "is set, but url is of http, where nobody shows a certificate; allowed: with https",
             {path_to(index, "url")});
    }
    object_to_same(index, *url);
    if (std::ranges::none_of(urls_, [&](const Url& one) { return is_within(one, *url); })) {
      object(path_to(index, "url"),
             "found what no request goes to; allowed: what prometheus.url or a URL of alerts "
             "begins with",
             all_urls());
    }
  }

 private:
  // Of two for one place, chance would choose.
  void object_to_same(size_t index, const Url& url) {
    for (size_t i = 0; i < index; ++i) {
      const std::optional<Url> other = parse_url(settings_.credentials[i].url);
      if (!other || !is_within(url, *other) || !is_within(*other, url)) continue;
      return object(path_to(index, "url"),
                    "found \"" + settings_.credentials[index].url + "\", which is that of \"" +
                        settings_.credentials[i].name + "\" too; allowed: a URL of its own",
                    {});
    }
  }

  void object(KeyPath path, std::string what, std::vector<KeyPath> judges) {
    found_.push_back(
        {.path = std::move(path), .what = std::move(what), .judges = std::move(judges)});
  }

  const Settings& settings_;
  const std::vector<Url> urls_;
  std::vector<Objection>& found_;
};

}  // namespace

void object_to_credentials(const Settings& settings, std::vector<Objection>& found) {
  CredentialObjections objections(settings, found);
  for (size_t i = 0; i < settings.credentials.size(); ++i) objections.find(i);
}

}  // namespace evenkeel
