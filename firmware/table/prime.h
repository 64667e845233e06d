// Table sizes are primes, so that every backend's stride visits every bucket.
#pragma once

#include <cstdint>

namespace evenkeel {

constexpr bool is_prime(uint32_t number) {
  if (number < 4) return number >= 2;
  if (number % 2 == 0) return false;
  for (uint32_t divisor = 3; divisor <= number / divisor; divisor += 2) {
    if (number % divisor == 0) return false;
  }
  return true;
}

// The smallest prime that is not less; for an error message that tells what would be right.
constexpr uint32_t prime_at_least(uint32_t number) {
  while (!is_prime(number)) ++number;
  return number;
}

}  // namespace evenkeel
