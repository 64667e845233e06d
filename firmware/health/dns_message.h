// DNS (RFC 1035) as a probe needs it: a query, and whether a datagram is a good answer to it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// REQUIRES: is_dns_name(name)
std::string dns_query(std::string_view name, DnsType type, uint16_t id);

// None: it is no answer to this query, and the right one may still come.
// REQUIRES: `query` is of dns_query().
std::optional<ProbeAnswer> judge_dns_answer(const CheckSettings& check, std::string_view query,
                                            std::string_view answer);

}  // namespace evenkeel
