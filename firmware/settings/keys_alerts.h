// The rows of the key table that say who is told how the box is: by metrics that are fetched, and
// by alerts that are sent.
#pragma once

#include "firmware/base/limits.h"
#include "firmware/settings/keys_fields.h"

namespace evenkeel::keys_parts {

inline constexpr int64_t kLeastRepeat = 1'000'000;
inline constexpr int64_t kMostRepeat = 3'600'000'000;

inline constexpr Key kMetricsKeys[] = {
    {.name = "listen",
     .since = "0.1",
     .form = Form::endpoint,
     .none = "nowhere",
     .field = field<&MetricsSettings::listen>(),
     .help = "Where `/metrics`, and nothing else, is served without TLS to whoever asks; the API "
             "serves it too."},
};

inline constexpr Key kAlertKeys[] = {
    {.name = "webhooks",
     .since = "0.1",
     .form = Form::url,
     .range = {1, kMaxUrl},
     .is_list = true,
     .count = {0, kMaxAlertReceivers},
     .field = field<&AlertSettings::webhooks>(),
     .help = "Told what begins and what is over, as JSON."},
    {.name = "alertmanagers",
     .since = "0.1",
     .form = Form::url,
     .range = {1, kMaxUrl},
     .is_list = true,
     .count = {0, kMaxAlertReceivers},
     .field = field<&AlertSettings::alertmanagers>(),
     .help = "Prometheus Alertmanagers, told by their API of version 2, which is at "
             "`/api/v2/alerts` below the path given."},
    {.name = "repeat",
     .since = "0.1",
     .form = Form::duration,
     .range = {kLeastRepeat, kMostRepeat},
     .field = field<&AlertSettings::repeat>(),
     .help = "How often Alertmanagers are told again of what goes on; after four times that "
             "without, they take it to be over."},
};

}  // namespace evenkeel::keys_parts
