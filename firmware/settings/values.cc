#include "firmware/settings/values.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace evenkeel {
namespace {

// Digits and nothing else, at most `most`.
std::optional<uint32_t> parse_number(std::string_view text, uint32_t most) {
  if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
  uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number > most) {
    return std::nullopt;
  }
  return number;
}

struct Pair {
  InterfaceAddress value;
  bool has_length = false;
};

std::optional<Pair> parse_pair(std::string_view text) {
  const size_t slash = text.find('/');
  const std::optional<Address> address = parse_address(text.substr(0, slash));
  if (!address.has_value()) return std::nullopt;
  if (slash == std::string_view::npos) return Pair{.value = {.address = *address}};
  const bool is_written_v4 = text.find(':') == std::string_view::npos;
  const auto length = parse_number(text.substr(slash + 1), is_written_v4 ? 32 : 128);
  if (!length.has_value()) return std::nullopt;
  const uint32_t bits = *length + (is_written_v4 ? 96 : 0);
  if (address->is_v4() && bits < 96) return std::nullopt;
  return Pair{.value = {.address = *address, .length = static_cast<uint8_t>(bits)},
              .has_length = true};
}

}  // namespace

std::optional<Prefix> parse_prefix(std::string_view text) {
  const std::optional<Pair> pair = parse_pair(text);
  if (!pair.has_value()) return std::nullopt;
  const auto [address, length] = pair->value;
  if (masked(address, length) != address) return std::nullopt;
  return Prefix{.address = address, .length = length};
}

std::optional<InterfaceAddress> parse_interface_address(std::string_view text) {
  const std::optional<Pair> pair = parse_pair(text);
  if (!pair.has_value() || !pair->has_length || !is_unicast(pair->value.address)) {
    return std::nullopt;
  }
  return pair->value;
}

std::optional<PortRange> parse_ports(std::string_view text) {
  if (text == "all") return PortRange{.first = 0, .last = 65'535};
  const size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), 65'535);
  const auto last =
      dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), 65'535);
  if (!first.has_value() || !last.has_value() || *first == 0 || *first > *last) {
    return std::nullopt;
  }
  return PortRange{.first = static_cast<uint16_t>(*first), .last = static_cast<uint16_t>(*last)};
}

std::optional<Mac> parse_mac(std::string_view text) {
  Mac mac{};
  if (text.size() != 3 * mac.size() - 1) return std::nullopt;
  for (size_t i = 0; i < mac.size(); ++i) {
    const char* const digits = text.data() + 3 * i;
    const auto [end, error] = std::from_chars(digits, digits + 2, mac[i], 16);
    if (error != std::errc() || end != digits + 2) return std::nullopt;
    if (i + 1 < mac.size() && *end != ':') return std::nullopt;
  }
  return mac;
}

std::string to_string(const InterfaceAddress& address) {
  const unsigned length = address.address.is_v4() ? address.length - 96u : address.length;
  return to_string(address.address) + "/" + std::to_string(length);
}

std::string to_string(const PortRange& ports) {
  if (ports == PortRange{}) return "all";
  const std::string first = std::to_string(ports.first);
  return ports.first == ports.last ? first : first + "-" + std::to_string(ports.last);
}

std::string to_string(const Mac& mac) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const uint8_t byte : mac) {
    if (!text.empty()) text += ':';
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool is_unicast(const Address& address) {
  if (address.is_v4()) {
    const uint8_t first = address.bytes[12];
    return first != 0 && first != 127 && first < 224;
  }
  constexpr Address kLoopback = {.bytes = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
  return address != Address{} && address != kLoopback && address.bytes[0] != 0xff;
}

bool is_name(std::string_view text) {
  const auto is_alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && is_alphanumeric(text.front()) && std::ranges::all_of(text, [&](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
  });
}

bool has_vips(const ServiceSettings& service, bool is_v4) {
  return std::ranges::any_of(service.vips,
                             [&](const Prefix& vip) { return vip.address.is_v4() == is_v4; });
}

}  // namespace evenkeel
