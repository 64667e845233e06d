// The rows of the key table that say what the user's own monitoring is asked.
#pragma once

#include "firmware/base/limits.h"
#include "firmware/settings/keys_fields.h"

namespace evenkeel::keys_parts {

inline constexpr Key kQueryKeys[] = {
    {.name = "name",
     .since = "0.1",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .is_required = true,
     .field = field<&QuerySettings::name>(),
     .help = "By which it is told."},
    {.name = "query",
     .since = "0.1",
     .form = Form::text,
     .range = {1, kMaxQueryText},
     .is_required = true,
     .field = field<&QuerySettings::query>(),
     .help = "In PromQL, for a scalar or an instant vector: of a vector, each sample must be "
             "inside the bounds."},
    {.name = "at_most",
     .since = "0.1",
     .form = Form::number,
     .none = "no upper bound",
     .field = field<&QuerySettings::at_most>(),
     .help = "A query needs this bound or `at_least`."},
    {.name = "at_least",
     .since = "0.1",
     .form = Form::number,
     .none = "no lower bound",
     .field = field<&QuerySettings::at_least>(),
     .help = "A query needs this bound or `at_most`."},
    {.name = "for",
     .since = "0.1",
     .form = Form::duration,
     .range = {0, 3'600'000'000},
     .field = field<&QuerySettings::lasting>(),
     .help = "Outside its bounds for so long, with a number at each answer, before it takes a "
             "change back."},
};

inline constexpr Key kPrometheusKeys[] = {
    {.name = "url",
     .since = "0.1",
     .form = Form::url,
     .range = {1, kMaxUrl},
     .none = "nobody",
     .field = field<&PrometheusSettings::url>(),
     .help = "A Prometheus, or what has its API, which is at `/api/v1/query` below the path given. "
             "With `https`, its certificate must be good to the system's authorities, or to those "
             "of `credentials`."},
    {.name = "interval",
     .since = "0.1",
     .form = Form::duration,
     .range = {100'000, 60'000'000},
     .field = field<&PrometheusSettings::interval>(),
     .help = "How often each query is asked."},
};

}  // namespace evenkeel::keys_parts
