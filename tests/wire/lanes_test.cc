#include "firmware/wire/lanes.h"

#include "tests/cmocka.h"

namespace evenkeel::lanes {
namespace {

using Words = std::array<uint32_t, kLanes>;

Words words_of(Lanes lanes) { return load<Words>(&lanes); }

Lanes counted(uint32_t start) {
  return gathered([=](size_t i) { return start + i; });
}

void turns_rows_into_words(void** /*state*/) {
  std::array<std::array<uint32_t, 4>, kLanes> rows;
  for (uint32_t i = 0; i < kLanes; ++i) rows[i] = {10 * i, 10 * i + 1, 10 * i + 2, 10 * i + 3};
  const auto words = load_turned([&](size_t i) { return rows[i].data(); });
  for (uint32_t word = 0; word < 4; ++word) {
    for (uint32_t i = 0; i < kLanes; ++i) {
      assert_int_equal(words_of(words[word])[i], 10 * i + word);
    }
  }
  std::array<std::array<uint32_t, 4>, kLanes> again;
  store_turned(words[0], words[1], words[2], words[3], [&](size_t i) { return again[i].data(); });
  assert_memory_equal(again.data(), rows.data(), sizeof rows);
}

void gathers_in_order(void** /*state*/) {
  const Words words = words_of(counted(0xffff'fff0));
  for (uint32_t i = 0; i < kLanes; ++i) assert_int_equal(words[i], 0xffff'fff0 + i);
}

void compares_each(void** /*state*/) {
  assert_int_equal(bits_of(less(counted(0), all(3))), 0x07);
  assert_int_equal(bits_of(less(all(3), counted(0))), 0xf0);
  assert_int_equal(bits_of(equal(counted(0), all(7))), 0x80);
  const Words chosen = words_of(either(less(counted(0), all(1)), all(5), counted(100)));
  assert_int_equal(chosen[0], 5);
  assert_int_equal(chosen[1], 101);
}

void adds_halves(void** /*state*/) {
  assert_int_equal(words_of(halves_of(all(0xffff'ffff)))[3], 0x1'fffe);
  assert_int_equal(words_of(halves_of(all(0x0001'0002)))[7], 3);
}

void swaps_bytes_of_each(void** /*state*/) {
  for (uint32_t i = 0; i < kLanes; ++i) {
    assert_int_equal(words_of(byte_swapped(counted(0x0102'0304)))[i], 0x0403'0201 + (i << 24));
  }
}

void visits_whose_bits_are_set(void** /*state*/) {
  for (uint32_t bits = 0; bits <= 0xff; ++bits) {
    uint32_t visited = 0;
    for_each(bits, [&](size_t i) {
      assert_true(visited < 1u << i);  // in order, each once
      visited |= 1u << i;
    });
    assert_int_equal(visited, bits);
  }
}

}  // namespace
}  // namespace evenkeel::lanes

int main() {
  using namespace evenkeel::lanes;
  const CMUnitTest tests[] = {
      cmocka_unit_test(turns_rows_into_words), cmocka_unit_test(gathers_in_order),
      cmocka_unit_test(compares_each),         cmocka_unit_test(adds_halves),
      cmocka_unit_test(swaps_bytes_of_each),   cmocka_unit_test(visits_whose_bits_are_set),
  };
  return cmocka_run_group_tests_name("wire/lanes", tests, nullptr, nullptr);
}
