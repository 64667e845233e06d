#include "firmware/health/grpc_message.h"

#include <cstddef>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

constexpr size_t kPrefix = 5;  // whether it is compressed, and its length
constexpr uint8_t kServiceField = 1 << 3 | 2;
constexpr uint64_t kStatusField = 1;
constexpr unsigned kMostVarint = 10;  // bytes

// Protocol Buffers' encoding; none: it is broken. Takes the bytes of it.
std::optional<uint64_t> take_varint(std::string_view& bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < kMostVarint && !bytes.empty(); ++i) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    number |= static_cast<uint64_t>(byte & 0x7f) << (7 * i);
    if (byte < 0x80) return number;
  }
  return std::nullopt;
}

// Of a field that is not looked at. False: it is broken.
bool skip(std::string_view& bytes, uint64_t wire_type) {
  uint64_t length = 0;
  switch (wire_type) {
    case 0:
      return take_varint(bytes).has_value();
    case 1:
      length = 8;
      break;
    case 2: {
      const std::optional<uint64_t> its = take_varint(bytes);
      if (!its) return false;
      length = *its;
      break;
    }
    case 5:
      length = 4;
      break;
    default:
      return false;
  }
  if (length > bytes.size()) return false;
  bytes.remove_prefix(length);
  return true;
}

}  // namespace

const char* name_of(ServingStatus status) {
  switch (status) {
    case ServingStatus::unknown:
      return "UNKNOWN";
    case ServingStatus::serving:
      return "SERVING";
    case ServingStatus::not_serving:
      return "NOT_SERVING";
    case ServingStatus::service_unknown:
      return "SERVICE_UNKNOWN";
  }
  return "UNKNOWN";
}

std::string grpc_health_request(std::string_view service) {
  REQUIRE(service.size() < 1u << 14);
  std::string body;
  if (!service.empty()) {
    body += static_cast<char>(kServiceField);
    if (service.size() >= 0x80) body += static_cast<char>((service.size() & 0x7f) | 0x80);
    body += static_cast<char>(service.size() < 0x80 ? service.size() : service.size() >> 7);
    body += service;
  }
  std::string message(3, '\0');
  message += static_cast<char>(body.size() >> 8);
  message += static_cast<char>(body.size() & 0xff);
  return message + body;
}

std::optional<ServingStatus> grpc_serving_status(std::string_view message) {
  if (message.size() < kPrefix || message[0] != 0) return std::nullopt;
  size_t length = 0;
  for (size_t i = 1; i < kPrefix; ++i) length = length << 8 | static_cast<uint8_t>(message[i]);
  message.remove_prefix(kPrefix);
  if (length != message.size()) return std::nullopt;
  uint64_t status = 0;
  while (!message.empty()) {
    const std::optional<uint64_t> tag = take_varint(message);
    if (!tag) return std::nullopt;
    if (*tag == kStatusField << 3) {
      const std::optional<uint64_t> its = take_varint(message);
      if (!its) return std::nullopt;
      status = *its;
    } else if (!skip(message, *tag & 7)) {
      return std::nullopt;
    }
  }
  if (status > static_cast<uint64_t>(ServingStatus::service_unknown)) return std::nullopt;
  return static_cast<ServingStatus>(status);
}

}  // namespace evenkeel
