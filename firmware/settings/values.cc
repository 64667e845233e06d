#include "firmware/settings/values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <span>

#include "firmware/base/check.h"

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

struct Unit {
  std::string_view name;
  uint64_t factor = 1;
};
// The largest first.
constexpr Unit kTimes[] = {{"d", 86'400'000'000}, {"h", 3'600'000'000}, {"m", 60'000'000},
                           {"s", 1'000'000},      {"ms", 1'000},        {"us", 1}};
constexpr Unit kSizes[] = {{"g", 1u << 30}, {"m", 1u << 20}, {"k", 1u << 10}, {"", 1}};

std::optional<uint64_t> parse_amount(std::string_view text, std::span<const Unit> units) {
  const std::string_view digits = text.substr(0, text.find_first_not_of("0123456789"));
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (digits.empty() || error != std::errc()) return std::nullopt;
  const auto unit = std::ranges::find(units, text.substr(digits.size()), &Unit::name);
  constexpr uint64_t kMost = std::numeric_limits<int64_t>::max();
  if (unit == units.end() || number > kMost / unit->factor) return std::nullopt;
  return number * unit->factor;
}

std::string amount_text(uint64_t amount, std::span<const Unit> units) {
  const auto unit = std::ranges::find_if(
      units, [&](const Unit& each) { return amount != 0 && amount % each.factor == 0; });
  const Unit& best = unit == units.end() ? units.back() : *unit;
  return std::to_string(amount / best.factor) + std::string(best.name);
}

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
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

std::optional<StatusRange> parse_statuses(std::string_view text) {
  constexpr uint32_t kLeast = 100;
  constexpr uint32_t kMost = 599;
  const size_t dash = text.find('-');
  const auto first = parse_number(text.substr(0, dash), kMost);
  const auto last =
      dash == std::string_view::npos ? first : parse_number(text.substr(dash + 1), kMost);
  if (!first.has_value() || !last.has_value() || *first < kLeast || *first > *last) {
    return std::nullopt;
  }
  return StatusRange{.first = static_cast<uint16_t>(*first), .last = static_cast<uint16_t>(*last)};
}

std::optional<Microseconds> parse_duration(std::string_view text) {
  return parse_amount(text, kTimes);
}

std::optional<uint64_t> parse_size(std::string_view text) { return parse_amount(text, kSizes); }

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_v6 = host.starts_with('[') && host.ends_with(']') && host.size() > 2;
  if (is_v6) host = host.substr(1, host.size() - 2);
  if (is_v6 != (host.find(':') != std::string_view::npos)) return std::nullopt;
  const std::optional<Address> address = parse_address(host);
  const uint32_t port = parse_number(text.substr(colon + 1), 65'535).value_or(0);
  if (!address.has_value() || port == 0) return std::nullopt;
  return Endpoint{.address = *address, .port = static_cast<uint16_t>(port)};
}

std::string duration_text(Microseconds duration) { return amount_text(duration, kTimes); }

std::string size_text(uint64_t bytes) { return amount_text(bytes, kSizes); }

std::string number_text(double number) {
  std::array<char, 32> room{};
  const auto [end, error] = std::to_chars(room.data(), room.data() + room.size(), number);
  REQUIRE(error == std::errc());
  return {room.data(), end};
}

std::string to_string(const StatusRange& statuses) {
  const std::string first = std::to_string(statuses.first);
  return statuses.first == statuses.last ? first : first + "-" + std::to_string(statuses.last);
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
  return !text.empty() && is_alphanumeric(text.front()) && std::ranges::all_of(text, [&](char c) {
    return is_alphanumeric(c) || c == '-' || c == '_' || c == '.';
  });
}

bool is_request_path(std::string_view text) {
  return text.starts_with('/') &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~' && c != '#'; });
}

bool is_method(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

bool is_header_field(std::string_view text) {
  constexpr std::string_view kOfTokens = "!#$%&'*+-.^_`|~";
  const size_t colon = text.find(':');
  if (colon == 0 || colon == std::string_view::npos) return false;
  const bool has_name = std::ranges::all_of(text.substr(0, colon), [&](char c) {
    return is_alphanumeric(c) || kOfTokens.find(c) != std::string_view::npos;
  });
  return has_name && std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

bool is_dns_name(std::string_view text) {
  constexpr size_t kMaxLabel = 63;
  if (text == ".") return true;
  if (text.ends_with('.')) text.remove_suffix(1);
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const size_t dot = std::min(text.find('.'), text.size());
    const std::string_view label = text.substr(0, dot);
    const bool is_good =
        !label.empty() && label.size() <= kMaxLabel && std::ranges::all_of(label, [](char c) {
          return is_alphanumeric(c) || c == '-' || c == '_';
        });
    if (!is_good) return false;
    if (dot == text.size()) return true;
    text.remove_prefix(dot + 1);
  }
}

std::optional<std::string> unescape(std::string_view text) {
  constexpr std::string_view kLetters = "rnt\\";
  constexpr std::string_view kBytes = "\r\n\t\\";
  std::string bytes;
  while (!text.empty()) {
    const size_t plain = std::min(text.find('\\'), text.size());
    bytes += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const size_t letter = text.size() < 2 ? std::string_view::npos : kLetters.find(text[1]);
    if (letter != std::string_view::npos) {
      bytes += kBytes[letter];
      text.remove_prefix(2);
      continue;
    }
    uint8_t byte = 0;
    if (!text.starts_with("\\x") || text.size() < 4) return std::nullopt;
    const auto [end, error] = std::from_chars(text.data() + 2, text.data() + 4, byte, 16);
    if (error != std::errc() || end != text.data() + 4) return std::nullopt;
    bytes += static_cast<char>(byte);
    text.remove_prefix(4);
  }
  return bytes;
}

bool is_same_but_for_queries(const ServiceSettings& one, const ServiceSettings& other) {
  if (one.queries == other.queries) return one == other;
  ServiceSettings same = one;
  same.queries = other.queries;
  return same == other;
}

bool is_link_local(const Address& address) {
  return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0) == 0x80;
}

bool has_vips(const ServiceSettings& service, bool is_v4) {
  return std::ranges::any_of(service.vips,
                             [&](const Prefix& vip) { return vip.address.is_v4() == is_v4; });
}

}  // namespace evenkeel
