// A rule on what the box proves itself with to others: that not everybody on the way can read it.
#include <optional>
#include <string>

#include "firmware/change/rules_facts.h"
#include "firmware/settings/difference.h"
#include "firmware/settings/requests.h"
#include "firmware/settings/url.h"

namespace evenkeel {

// A warning only: where monitoring has a network of its own, that is how many have it.
void judge_secret_in_clear(const Facts& /*facts*/, const View& side, Findings& ret_findings) {
  for (const CredentialSettings& each : side.settings->credentials) {
    const std::optional<Url> url = parse_url(each.url);
    if (!url || url->is_https || is_loopback(*url) || each.authorization_file.empty()) continue;
    ret_findings.push_back({.where = path_to_element("credentials", each.name) + ".url",
                            .what = "the authorization of " + quoted(each.name) + " goes to " +
                                    host_of(*url) +
                                    " by http, where everybody on the way can read it; use https",
                            .severity = Severity::warn});
  }
}

}  // namespace evenkeel
