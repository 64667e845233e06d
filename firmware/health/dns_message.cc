#include "firmware/health/dns_message.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "firmware/base/check.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr size_t kHeader = 12;
constexpr uint16_t kIsAnswer = 0x8000;
constexpr uint16_t kIsCut = 0x0200;
constexpr uint16_t kWantsRecursion = 0x0100;
constexpr uint16_t kClassInternet = 1;
constexpr size_t kTypeAndClass = 4;
constexpr size_t kRecordFixed = 10;  // type, class, time to live, length of the rest
// Records that are looked at: an answer to one name has no more.
constexpr unsigned kMostRecords = 64;

constexpr std::array<std::string_view, 6> kRcodes = {"NOERROR",  "FORMERR", "SERVFAIL",
                                                     "NXDOMAIN", "NOTIMP",  "REFUSED"};

void append(std::string& bytes, uint16_t number) {
  bytes += static_cast<char>(number >> 8);
  bytes += static_cast<char>(number & 0xff);
}

// REQUIRES: at + 2 <= bytes.size()
uint16_t number_at(std::string_view bytes, size_t at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(bytes[at]) << 8 |
                               static_cast<uint8_t>(bytes[at + 1]));
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_same_but_for_case(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, {}, lower, lower);
}

// Where it ends: names are skipped, not followed. None: it does not, within the message.
std::optional<size_t> end_of_name(std::string_view message, size_t at) {
  while (at < message.size()) {
    const auto length = static_cast<uint8_t>(message[at]);
    if (length == 0) return at + 1;
    if (length >= 0xc0) return at + 2 <= message.size() ? std::optional(at + 2) : std::nullopt;
    if (length >= 0x40) return std::nullopt;
    at += 1u + length;
  }
  return std::nullopt;
}

enum class Records : uint8_t { wanted, none, broken };

// Whether there is a record of what was asked for, or an alias that leads to it.
Records look_for(DnsType type, std::string_view message, size_t at, unsigned count) {
  for (unsigned i = 0; i < std::min(count, kMostRecords); ++i) {
    const std::optional<size_t> behind_name = end_of_name(message, at);
    if (!behind_name || *behind_name + kRecordFixed > message.size()) return Records::broken;
    const uint16_t its_type = number_at(message, *behind_name);
    at = *behind_name + kRecordFixed + number_at(message, *behind_name + kRecordFixed - 2);
    if (at > message.size()) return Records::broken;
    const bool is_alias = its_type == static_cast<uint16_t>(DnsType::cname);
    if (is_alias || its_type == static_cast<uint16_t>(type)) return Records::wanted;
  }
  return Records::none;
}

std::string name_of_rcode(unsigned rcode) {
  return rcode < kRcodes.size() ? std::string(kRcodes[rcode]) : "rcode " + std::to_string(rcode);
}

ProbeAnswer bad(std::string text) {
  return {.kind = ProbeAnswer::Kind::bad, .text = std::move(text)};
}

}  // namespace

std::string dns_query(std::string_view name, DnsType type, uint16_t id) {
  REQUIRE(is_dns_name(name));
  std::string query;
  append(query, id);
  append(query, kWantsRecursion);
  append(query, 1);  // question
  query.append(6, '\0');
  if (name.ends_with('.')) name.remove_suffix(1);
  while (!name.empty()) {
    const size_t dot = std::min(name.find('.'), name.size());
    query += static_cast<char>(dot);
    query += name.substr(0, dot);
    name.remove_prefix(std::min(dot + 1, name.size()));
  }
  query += '\0';
  append(query, static_cast<uint16_t>(type));
  append(query, kClassInternet);
  return query;
}

std::optional<ProbeAnswer> judge_dns_answer(const CheckSettings& check, std::string_view query,
                                            std::string_view answer) {
  REQUIRE(query.size() > kHeader + kTypeAndClass);
  if (answer.size() < kHeader || answer.substr(0, 2) != query.substr(0, 2)) return std::nullopt;
  const uint16_t flags = number_at(answer, 2);
  if ((flags & kIsAnswer) == 0) return std::nullopt;
  const unsigned rcode = flags & 0xf;
  // Who cannot read a question need not repeat it.
  const uint16_t questions = number_at(answer, 4);
  const std::string_view question = query.substr(kHeader);
  const bool repeats = questions == 1 && answer.size() >= query.size() &&
                       is_same_but_for_case(answer.substr(kHeader, question.size()), question);
  if (!repeats && (questions != 0 || rcode == 0)) return std::nullopt;
  const bool is_good = std::ranges::any_of(
      check.rcodes, [rcode](DnsRcode each) { return rcode == static_cast<unsigned>(each); });
  if (!is_good) return bad(name_of_rcode(rcode));
  if (rcode == 0 && (flags & kIsCut) == 0) {
    switch (look_for(check.query_type, answer, query.size(), number_at(answer, 6))) {
      case Records::none:
        return bad("NOERROR, but no record of what was asked for");
      case Records::broken:
        return bad("an answer that is broken");
      case Records::wanted:
        break;
    }
  }
  return ProbeAnswer{.kind = ProbeAnswer::Kind::good, .text = name_of_rcode(rcode)};
}

}  // namespace evenkeel
