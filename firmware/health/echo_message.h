// ICMP echo (RFC 792, RFC 4443) as a probe needs it. What is sent and comes back is a token that
// nobody else has: the kernel may set the identifier, and others' answers come too.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace evenkeel {

using EchoToken = std::array<uint64_t, 2>;

std::string echo_request(bool is_v4, const EchoToken& token);

// With its IPv4 header before it, as raw sockets have it, or without.
bool is_echo_reply(bool is_v4, std::string_view message, const EchoToken& token);

}  // namespace evenkeel
