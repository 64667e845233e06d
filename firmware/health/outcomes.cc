#include "firmware/health/outcomes.h"

#include <limits>

namespace evenkeel {
namespace {

uint64_t added(uint64_t left, uint64_t right) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  return right > kMost - left ? kMost : left + right;
}

}  // namespace

Outcomes& Outcomes::operator+=(const Outcomes& more) {
  good = added(good, more.good);
  bad = added(bad, more.bad);
  return *this;
}

uint64_t Outcomes::all() const { return added(good, bad); }

std::string in_words(uint64_t count) {
  std::string digits = std::to_string(count);
  for (size_t end = digits.size(); end > 3; end -= 3) digits.insert(end - 3, ",");
  return digits;
}

std::string in_words(const Outcomes& outcomes, const std::string& of_whom,
                     const std::string& what_bad_ones_did) {
  return "of " + in_words(outcomes.all()) + " " + of_whom + " " +
         (outcomes.bad > 0 ? in_words(outcomes.bad) : "none") +
         (what_bad_ones_did.empty() ? "" : " " + what_bad_ones_did);
}

}  // namespace evenkeel
