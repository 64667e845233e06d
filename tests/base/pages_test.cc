#include "firmware/base/pages.h"

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <memory>
#include <utility>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

static_assert(!std::is_copy_constructible_v<PageArray<int>>);
static_assert(!std::is_copy_assignable_v<PageArray<int>>);
static_assert(PageArray<uint64_t>::bytes(0) == 0);
static_assert(PageArray<uint64_t>::bytes(1) == kPageBytes);
static_assert(PageArray<uint64_t>::bytes(512) == kPageBytes);
static_assert(PageArray<uint64_t>::bytes(513) == 2 * kPageBytes);

// Bytes of address space that the process holds.
size_t mapped_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  size_t pages = 0;
  const int found = file == nullptr ? 0 : std::fscanf(file, "%zu", &pages);
  if (file != nullptr) std::fclose(file);
  assert_int_equal(found, 1);
  return pages * kPageBytes;
}

struct State {
  PageArray<uint64_t> array;
  PageArray<uint64_t> other;
  Pages pages;
};

int setup(void** state) {
  *state = std::make_unique<State>().release();
  return 0;
}

int teardown(void** state) {
  std::unique_ptr<State>(static_cast<State*>(*state));
  return 0;
}

State& of(void** state) { return *static_cast<State*>(*state); }

bool make(PageArray<uint64_t>& array, size_t count) {
  Result<PageArray<uint64_t>> made = PageArray<uint64_t>::make(count);
  if (!made.ok()) return false;
  array = std::move(made.value());
  return true;
}

bool make(Pages& pages, size_t bytes) {
  Result<Pages> made = Pages::make(bytes);
  if (!made.ok()) return false;
  pages = std::move(made.value());
  return true;
}

bool is_zero(const PageArray<uint64_t>& array) {
  return std::all_of(array.data(), array.data() + array.size(),
                     [](uint64_t value) { return value == 0; });
}

void sizes_and_alignment(void** state) {
  constexpr size_t kHugeCount = kHugePageBytes / sizeof(uint64_t);
  const struct {
    const char* description;
    size_t count;
    size_t alignment;
  } cases[] = {
      {"one element", 1, kPageBytes},
      {"one page", 512, kPageBytes},
      {"one page and one element", 513, kPageBytes},
      {"one element less than a huge page's last page", kHugeCount - 512, kPageBytes},
      {"one huge page", kHugeCount, kHugePageBytes},
      {"two huge pages and one element", 2 * kHugeCount + 1, kHugePageBytes},
  };
  State& it = of(state);
  for (const auto& example : cases) {
    print_message("  %s\n", example.description);
    assert_true(make(it.array, example.count));
    assert_int_equal(it.array.size(), example.count);
    assert_int_equal(reinterpret_cast<uintptr_t>(it.array.data()) % example.alignment, 0);
    assert_true(is_zero(it.array));
    it.array[0] = 1;
    it.array[example.count - 1] = 2;
    assert_int_equal(it.array.data()[example.count - 1], 2);
  }
}

void none_is_empty(void** state) {
  State& it = of(state);
  assert_int_equal(it.array.size(), 0);
  assert_null(it.array.data());
  assert_true(make(it.array, 0));
  assert_int_equal(it.array.size(), 0);
  assert_null(it.array.data());
}

void moving_hands_over_the_memory(void** state) {
  State& it = of(state);
  assert_true(make(it.array, 1000));
  it.array[999] = 7;
  const uint64_t* memory = it.array.data();
  it.other = std::move(it.array);
  assert_ptr_equal(it.other.data(), memory);
  assert_int_equal(it.other.size(), 1000);
  assert_int_equal(it.other[999], 7);

  PageArray<uint64_t> third(std::move(it.other));
  const bool emptied = it.other.data() == nullptr && it.other.size() == 0;
  const bool handed_over = third.data() == memory && third.size() == 1000 && third[999] == 7;
  it.other = std::move(third);
  assert_true(emptied);
  assert_true(handed_over);
}

// The kernel's count, not ours, must come back to where it was, trimmed edges included.
void memory_is_given_back(void** state) {
  constexpr size_t kBytes = size_t{64} << 20;
  State& it = of(state);
  const size_t before = mapped_bytes();
  assert_true(make(it.array, kBytes / sizeof(uint64_t)));
  const size_t during = mapped_bytes();
  it.array = PageArray<uint64_t>();
  const size_t after = mapped_bytes();
  assert_true(during >= before + kBytes);
  assert_true(during < before + kBytes + kHugePageBytes);
  assert_true(after < before + kHugePageBytes);
}

// Arrays in one mapping: each as long as its pages, and given back alone.
void mappings_are_cut(void** state) {
  constexpr size_t kCount = 513;  // two pages
  State& it = of(state);
  assert_true(make(it.pages, kHugePageBytes));
  const size_t before = mapped_bytes();
  const auto* const begin = static_cast<const uint8_t*>(it.pages.begin());
  it.array = PageArray<uint64_t>(it.pages.cut(kCount * sizeof(uint64_t)), kCount);
  it.other = PageArray<uint64_t>(it.pages.cut(kCount * sizeof(uint64_t)), kCount);
  assert_ptr_equal(it.array.data(), begin);
  assert_ptr_equal(it.other.data(), begin + 2 * kPageBytes);
  assert_ptr_equal(it.pages.begin(), begin + 4 * kPageBytes);
  assert_true(is_zero(it.array) && is_zero(it.other));
  it.other[kCount - 1] = 7;
  it.array = PageArray<uint64_t>();
  assert_int_equal(mapped_bytes(), before - 2 * kPageBytes);
  assert_int_equal(it.other[kCount - 1], 7);
  it.pages = Pages();
  assert_int_equal(mapped_bytes(), before - kHugePageBytes + 2 * kPageBytes);
  assert_int_equal(it.other[kCount - 1], 7);
}

struct Initialised {
  uint32_t value = 5;
};

void elements_get_their_initial_value(void**) {
  bool right = false;
  {
    Result<PageArray<Initialised>> made = PageArray<Initialised>::make(3000);
    right = made.ok() && made.value()[0].value == 5 && made.value()[2999].value == 5;
  }
  assert_true(right);
}

void what_cannot_be_is_refused_by_size(void**) {
  constexpr size_t kMost = std::numeric_limits<size_t>::max();
  const struct {
    const char* description;
    size_t count;
    const char* named;
  } cases[] = {
      {"bytes overflow size_t", kMost, "18446744073709551615 elements"},
      {"bytes wrap to a small number", kMost / 8 + 2, "2305843009213693953 elements"},
      {"more than the address space", size_t{1} << 57, "1152921504606846976 bytes"},
  };
  for (const auto& example : cases) {
    bool refused = false;
    {
      Result<PageArray<uint64_t>> made = PageArray<uint64_t>::make(example.count);
      refused = !made.ok() && made.message().find(example.named) != std::string::npos;
    }
    print_message("  %s\n", example.description);
    assert_true(refused);
  }
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(sizes_and_alignment, setup, teardown),
      cmocka_unit_test_setup_teardown(none_is_empty, setup, teardown),
      cmocka_unit_test_setup_teardown(moving_hands_over_the_memory, setup, teardown),
      cmocka_unit_test_setup_teardown(memory_is_given_back, setup, teardown),
      cmocka_unit_test_setup_teardown(mappings_are_cut, setup, teardown),
      cmocka_unit_test(elements_get_their_initial_value),
      cmocka_unit_test(what_cannot_be_is_refused_by_size),
  };
  return cmocka_run_group_tests_name("base/pages", tests, nullptr, nullptr);
}
