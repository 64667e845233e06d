#include "firmware/base/address.h"

#include <arpa/inet.h>

#include "firmware/base/check.h"

namespace evenkeel {

std::optional<Address> parse_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // where inet_pton() ends
  const std::string copy(text);
  in_addr v4{};
  if (inet_pton(AF_INET, copy.c_str(), &v4) == 1) return Address::v4(load<Big32>(&v4));
  in6_addr v6{};
  if (inet_pton(AF_INET6, copy.c_str(), &v6) == 1) return Address::v6(&v6);
  return std::nullopt;
}

std::string to_string(const Address& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.is_v4()) {
    inet_ntop(AF_INET, address.bytes.data() + 12, text.data(), text.size());
  } else {
    inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
  }
  return text.data();
}

Address masked(const Address& address, unsigned length) {
  REQUIRE(length <= 128);
  Address result;
  const unsigned whole = length / 8;
  for (unsigned i = 0; i < whole; ++i) result.bytes[i] = address.bytes[i];
  if (length % 8 != 0) {
    result.bytes[whole] = static_cast<uint8_t>(address.bytes[whole] & (0xff00u >> (length % 8)));
  }
  return result;
}

}  // namespace evenkeel
