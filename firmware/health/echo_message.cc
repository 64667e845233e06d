#include "firmware/health/echo_message.h"

#include <cstddef>
#include <cstring>

namespace evenkeel {
namespace {

constexpr size_t kHeader = 8;
constexpr size_t kMessage = kHeader + sizeof(EchoToken);
constexpr uint8_t kRequestV4 = 8;
constexpr uint8_t kReplyV4 = 0;
constexpr uint8_t kRequestV6 = 128;
constexpr uint8_t kReplyV6 = 129;

// Of an even number of bytes (RFC 1071). In ICMPv6 the kernel makes it.
uint16_t checksum_of(std::string_view bytes) {
  uint32_t sum = 0;
  for (size_t i = 0; i + 1 < bytes.size(); i += 2) {
    sum += static_cast<uint32_t>(static_cast<uint8_t>(bytes[i]) << 8) +
           static_cast<uint8_t>(bytes[i + 1]);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

}  // namespace

std::string echo_request(bool is_v4, const EchoToken& token) {
  std::string message(kMessage, '\0');
  message[0] = static_cast<char>(is_v4 ? kRequestV4 : kRequestV6);
  std::memcpy(&message[4], token.data(), 2);  // identifier
  std::memcpy(&message[kHeader], token.data(), sizeof(token));
  const uint16_t checksum = checksum_of(message);
  message[2] = static_cast<char>(checksum >> 8);
  message[3] = static_cast<char>(checksum & 0xff);
  return message;
}

bool is_echo_reply(bool is_v4, std::string_view message, const EchoToken& token) {
  // No message of ICMP that is looked for begins with a 4.
  if (is_v4 && !message.empty() && static_cast<uint8_t>(message[0]) >> 4 == 4) {
    const size_t header = size_t{static_cast<uint8_t>(message[0]) & 0xfu} * 4;
    if (message.size() < header) return false;
    message.remove_prefix(header);
  }
  return message.size() == kMessage &&
         static_cast<uint8_t>(message[0]) == (is_v4 ? kReplyV4 : kReplyV6) && message[1] == 0 &&
         std::memcmp(&message[kHeader], token.data(), sizeof(token)) == 0;
}

}  // namespace evenkeel
