#include "firmware/exchange/digest.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr uint64_t kEmpty = 0xe514fd3ba51117ad;
constexpr uint64_t kNumbers = 0xc809a8272d59b2f3;
constexpr uint64_t kText = 0x3de2d8f514092b17;
constexpr uint64_t kSet = 0xddc79dcd24c60e85;

uint64_t of(const std::vector<uint64_t>& numbers) {
  Digest digest;
  for (const uint64_t number : numbers) digest.add(number);
  return digest.value();
}

void expect_distinct(std::vector<uint64_t> digests) {
  std::ranges::sort(digests);
  assert_true(std::ranges::adjacent_find(digests) == digests.end());
}

// A fingerprint is told to operators and compared between versions of boxes: it never changes.
void values_are_for_ever(void** /*state*/) {
  assert_true(Digest().value() == kEmpty);
  assert_true(of({1, 2, 3}) == kNumbers);
  assert_true(Digest().add("web").value() == kText);
  assert_true(digest_of_set({3, 1, 2}) == kSet);
}

void values_order_and_borders_count(void** /*state*/) {
  const Address address = *parse_address("192.0.2.1");
  expect_distinct({
      of({}),
      of({0}),
      of({0, 0}),
      of({0, 0, 0}),
      of({1}),
      of({~uint64_t{0}}),
      of({1, 0}),
      of({0, 1}),
      of({1, 2}),
      of({2, 1}),
      Digest().add("").value(),
      Digest().add("").add("").value(),
      Digest().add("ab").value(),
      Digest().add("ba").value(),
      Digest().add("ab").add("").value(),
      Digest().add("").add("ab").value(),
      Digest().add("a").add("b").value(),
      Digest().add(std::string_view("ab\0", 3)).value(),
      Digest().add(address).value(),
      Digest().add(to_string(address)).value(),
  });
}

void small_numbers_do_not_collide(void** /*state*/) {
  std::vector<uint64_t> digests;
  for (uint64_t i = 0; i < 500; ++i) {
    for (uint64_t k = 0; k < 500; ++k) digests.push_back(of({i, k}));
  }
  for (unsigned bit = 0; bit < 64; ++bit) {
    digests.push_back(of({uint64_t{1} << bit}));
    for (unsigned other = 0; other < bit; ++other) {
      digests.push_back(of({uint64_t{1} << bit | uint64_t{1} << other}));
    }
  }
  expect_distinct(digests);
}

void a_set_has_no_order(void** /*state*/) {
  std::vector<uint64_t> set = {5, 1, ~uint64_t{0}, 0};
  std::ranges::sort(set);
  const uint64_t expected = digest_of_set(set);
  do {
    assert_true(digest_of_set(set) == expected);
  } while (std::ranges::next_permutation(set).found);
  expect_distinct({digest_of_set({}), digest_of_set({0}), digest_of_set({0, 0}), digest_of_set({1}),
                   digest_of_set({0, 1}), digest_of_set({1, 1})});
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(values_are_for_ever),
      cmocka_unit_test(values_order_and_borders_count),
      cmocka_unit_test(small_numbers_do_not_collide),
      cmocka_unit_test(a_set_has_no_order),
  };
  return cmocka_run_group_tests_name("exchange/digest", tests, nullptr, nullptr);
}
