// Where the box's own requests go - queries to Prometheus, alerts to their receivers - and which
// credentials are for which of them.
#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "firmware/settings/settings.h"
#include "firmware/settings/url.h"

namespace evenkeel {

// REQUIRES, of all of these: settings that were loaded without mistakes.

// Where queries are asked; none: nowhere.
std::optional<Url> query_url(const PrometheusSettings& settings);
// Where a webhook, and an Alertmanager, is told.
Url webhook_url(std::string_view text);
Url alertmanager_url(std::string_view text);
// Where alerts are told.
std::vector<Url> alert_urls(const AlertSettings& settings);

// Whether it is of the same scheme, host and port, and its path is the other's or below it.
bool is_within(const Url& url, const Url& start);

// Those of a request: of several, the one with the longest path, the first of equals. Null: none.
const CredentialSettings* credentials_of(const Url& url,
                                         std::span<const CredentialSettings> credentials);
// Those that requests to any of these take, in their order.
std::vector<CredentialSettings> credentials_of(std::span<const Url> urls,
                                               std::span<const CredentialSettings> credentials);

// Whether what is sent there stays within the machine.
bool is_loopback(const Url& url);

}  // namespace evenkeel
