#include "firmware/table/slice.h"

#include <array>
#include <cstdlib>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr uint32_t kBuckets = 65'537;

uint32_t size_of(uint32_t share) { return slice_size(kBuckets, share); }

// To four standard deviations.
void a_slice_is_as_large_as_wanted(void** /*state*/) {
  for (const uint32_t share : {100U, 1'000U, 5'000U, 9'900U}) {
    const int expected = static_cast<int>(uint64_t{kBuckets} * share / kWholeSlice);
    assert_in_range(size_of(share), expected - 512, expected + 512);
  }
  assert_in_range(size_of(100), 655 - 103, 655 + 103);
  assert_int_equal(size_of(0), 0);
  assert_int_equal(size_of(kWholeSlice), kBuckets);
}

void a_smaller_slice_lies_in_a_larger_one(void** /*state*/) {
  for (uint32_t i = 0; i < kBuckets; ++i) {
    if (is_in_slice(i, 100)) assert_true(is_in_slice(i, 1'000));
    if (is_in_slice(i, 1'000)) assert_true(is_in_slice(i, 5'000));
  }
}

// Whatever its stride, one that walks the table meets the slice as often as others do.
void strides_do_not_matter(void** /*state*/) {
  for (const uint32_t stride : {1U, 2U, 3U, 64U, 1'021U, 32'768U, 40'503U}) {
    std::array<int, 16> parts{};
    uint32_t at = 0;
    for (uint32_t i = 0; i < 16 * 4'096; ++i, at = (at + stride) % kBuckets) {
      parts[i / 4'096] += is_in_slice(at, 1'000) ? 1 : 0;
    }
    for (const int part : parts) assert_in_range(part, 409 - 100, 409 + 100);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_slice_is_as_large_as_wanted),
      cmocka_unit_test(a_smaller_slice_lies_in_a_larger_one),
      cmocka_unit_test(strides_do_not_matter),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
