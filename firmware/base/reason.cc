#include "firmware/base/reason.h"

#include <array>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

constexpr std::array kNames = {
    "none",
    "not_ours",
    "not_ip",
    "truncated",
    "bad_header",
    "too_many_headers",
    "unsupported_protocol",
    "icmp_other",
    "icmp_mismatch",
    "fragment_later",
    "bad_checksum",
    "bad_address",
    "zero_port",
    "no_service",
    "no_backend",
    "next_hop_unresolved",
    "denied",
    "over_limit",
    "ttl_expired",
    "too_big",
    "no_headroom",
    "kernel_limited",
    "kernel_full",
    "untranslatable",
};
static_assert(kNames.size() == kReasons, "every reason has a name");

}  // namespace

const char* to_string(Reason reason) {
  const auto index = static_cast<size_t>(reason);
  REQUIRE(index < kReasons);
  return kNames.at(index);
}

}  // namespace evenkeel
