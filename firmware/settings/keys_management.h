// The rows of the key table that say how the settings themselves may be changed, and by whom.
#pragma once

#include "firmware/base/limits.h"
#include "firmware/settings/keys_fields.h"

namespace evenkeel::keys_parts {

inline constexpr int64_t kSecond = 1'000'000;
inline constexpr int64_t kDay = 86'400 * kSecond;

inline constexpr Choice kApprovals[] = {choice("none", Approval::none),
                                        choice("required", Approval::required)};

inline constexpr Key kRuleKeys[] = {
    {.name = "max_share",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 100},
     .unit = "percent",
     .field = field<&RuleSettings::max_share>(),
     .help = "Of a service's new flows, for one of several backends (rule `single-node`)."},
    {.name = "max_deviation",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 100},
     .unit = "percent",
     .field = field<&RuleSettings::max_deviation>(),
     .help = "By which a backend's part of the table may differ from that of its weight (rule "
             "`uneven-spread`)."},
    {.name = "max_moved_buckets",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 100},
     .unit = "percent",
     .field = field<&RuleSettings::max_moved_buckets>(),
     .help = "Of a service's table that one change may move (rule `mass-change`)."},
    {.name = "max_changed_backends",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 100},
     .unit = "percent",
     .field = field<&RuleSettings::max_changed_backends>(),
     .help = "Of all backends that one change may touch (rule `mass-change`)."},
    {.name = "max_changed_services",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 100},
     .unit = "percent",
     .field = field<&RuleSettings::max_changed_services>(),
     .help = "Of all services that one change may touch (rule `mass-change`)."},
};

inline constexpr Key kChangeKeys[] = {
    {.name = "confirm",
     .since = "0.1",
     .form = Form::duration,
     .range = {kMinConfirmSeconds * kSecond, kMaxConfirmSeconds* kSecond},
     .field = field<&ChangeSettings::confirm>(),
     .help = "How long a change waits to be confirmed before it is taken back, unless its commit "
             "says otherwise."},
    {.name = "approval",
     .since = "0.1",
     .form = Form::choice,
     .choices = kApprovals,
     .field = field<&ChangeSettings::approval>(),
     .help = "Whether somebody else than who made a change must release it."},
};

inline constexpr Key kRolloutKeys[] = {
    {.name = "steps",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 99},
     .unit = "percent",
     .is_list = true,
     .count = {0, kMaxRolloutSteps},
     .field = field<&RolloutSettings::steps>(),
     .help = "Of the flows of each service that a change touches: so many follow it first, then "
             "more, then all. Empty: all at once, and nothing is compared."},
    {.name = "step_time",
     .since = "0.1",
     .form = Form::duration,
     .range = {2 * kSecond, 3'600 * kSecond},
     .field = field<&RolloutSettings::step_time>(),
     .help = "How long a step lasts at most. It is shorter if the evidence is plain sooner."},
    {.name = "tolerance",
     .since = "0.1",
     .form = Form::integer,
     .range = {1, 50},
     .unit = "percent",
     .field = field<&RolloutSettings::tolerance>(),
     .help = "Of the flows that follow a change, so many more than of the others may fare badly "
             "before it is taken back."},
};

inline constexpr Key kEvidenceKeys[] = {
    {.name = "max_ejected",
     .since = "0.1",
     .form = Form::integer,
     .range = {0, 50},
     .unit = "percent",
     .field = field<&EvidenceSettings::max_ejected>(),
     .help = "Of a service's backends, left out at a time because their flows fail more often than "
             "the others', whatever their checks say; one may always be, if there are three. 0: "
             "nobody is."},
};

inline constexpr Key kApiKeys[] = {
    {.name = "socket",
     .since = "0.1",
     .form = Form::path,
     .range = {2, kMaxSocketPath},
     .field = field<&ApiSettings::socket>(),
     .help = "Unix socket of the API."},
    {.name = "viewers",
     .since = "0.1",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .field = field<&ApiSettings::viewers>(),
     .help = "Unix group that may look."},
    {.name = "operators",
     .since = "0.1",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .field = field<&ApiSettings::operators>(),
     .help = "Unix group that may change settings and set overrides."},
    {.name = "approvers",
     .since = "0.1",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .field = field<&ApiSettings::approvers>(),
     .help = "Unix group that may release other people's changes."},
    {.name = "listen",
     .since = "0.1",
     .form = Form::endpoint,
     .none = "nowhere",
     .field = field<&ApiSettings::listen>(),
     .help = "Where the API is served with TLS as well."},
    {.name = "certificate",
     .since = "0.1",
     .form = Form::path,
     .range = {2, kMaxPath},
     .none = "none",
     .field = field<&ApiSettings::certificate>(),
     .help = "The server's certificate, PEM."},
    {.name = "certificate_key",
     .since = "0.1",
     .form = Form::path,
     .range = {2, kMaxPath},
     .none = "none",
     .field = field<&ApiSettings::certificate_key>(),
     .help = "Its private key, PEM; for its owner's eyes only."},
    {.name = "client_ca",
     .since = "0.1",
     .form = Form::path,
     .range = {2, kMaxPath},
     .none = "none",
     .field = field<&ApiSettings::client_ca>(),
     .help = "Who issues certificates of clients, PEM; clients need one then."},
    {.name = "tokens",
     .since = "0.1",
     .form = Form::path,
     .range = {2, kMaxPath},
     .none = "none",
     .field = field<&ApiSettings::tokens>(),
     .help =
         "Of clients without a certificate, who may only look: a line `NAME viewer TOKEN` each, as "
         "`openssl rand -hex 32` makes one; for its owner's eyes only."},
};

inline constexpr Key kJournalKeys[] = {
    {.name = "age",
     .since = "0.1",
     .form = Form::duration,
     .range = {3'600 * kSecond, 3'650 * kDay},
     .field = field<&JournalSettings::age>(),
     .help = "How long an event is kept."},
    {.name = "size",
     .since = "0.1",
     .form = Form::size,
     .range = {kMinJournalBytes, int64_t{1} << 40},
     .field = field<&JournalSettings::size>(),
     .help = "How large the journal may become; the oldest events go first."},
};

}  // namespace evenkeel::keys_parts
