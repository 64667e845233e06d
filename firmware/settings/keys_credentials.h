// The rows of the key table that say what requests of the box bring along, and whom they believe.
#pragma once

#include "firmware/base/limits.h"
#include "firmware/settings/keys_fields.h"

namespace evenkeel::keys_parts {

inline constexpr Key kCredentialKeys[] = {
    {.name = "name",
     .since = "0.1",
     .form = Form::name,
     .range = {1, kMaxSettingName},
     .is_required = true,
     .field = field<&CredentialSettings::name>(),
     .help = "By which it is told."},
    {.name = "url",
     .since = "0.1",
     .form = Form::url,
     .range = {1, kMaxUrl},
     .is_required = true,
     .field = field<&CredentialSettings::url>(),
     .help = "Of requests to this scheme, host and port, and if it has a path, to this path and "
             "what is below it. Nobody else is sent the authorization."},
    {.name = "authorization_file",
     .since = "0.1",
     .form = Form::path,
     .range = {2, kMaxPath},
     .none = "none",
     .field = field<&CredentialSettings::authorization_file>(),
     .help = "Its only line is the value of the header `Authorization`, as `Bearer abc` or `Basic "
             "dXNlcjpwYXNz`; for its owner's eyes only. An entry needs this or `ca_file`."},
    {.name = "ca_file",
     .since = "0.1",
     .form = Form::path,
     .range = {2, kMaxPath},
     .none = "the system's",
     .field = field<&CredentialSettings::ca_file>(),
     .help = "Who issues the certificates that are believed there, PEM, in place of the system's "
             "authorities. Of `https` only."},
};

}  // namespace evenkeel::keys_parts
