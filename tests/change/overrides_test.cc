#include "firmware/change/overrides.h"

#include <sys/stat.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "firmware/base/limits.h"
#include "tests/change/disk.h"
#include "tests/change/hanging_disk.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

constexpr Microseconds kSecond = 1'000'000;
constexpr Microseconds kMinute = 60 * kSecond;
constexpr Microseconds kStart = 5 * kMinute;  // of the monotonic clock
constexpr WallTime kNoon = 1'763'726'400 * kSecond;

OverrideRequest request(const std::string& backend, OverrideKind kind = OverrideKind::drain,
                        Microseconds lasts = 30 * kMinute) {
  return {.backend = backend, .kind = kind, .lasts = lasts, .reason = "new disk", .who = "anna"};
}

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void they_survive_a_restart(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("overrides.json");
  {
    Overrides overrides(path, kStart, kNoon);
    assert_true(overrides.all().empty());
    assert_false(overrides.next_end().has_value());
    assert_false(std::filesystem::exists(path));
    assert_int_equal(overrides.add(request("shop/web1"), kStart, kNoon).value(), 1);
    OverrideRequest weight = request("web2", OverrideKind::weight, 10 * kMinute);
    weight.weight = 3;
    assert_int_equal(overrides.add(weight, kStart, kNoon + kSecond).value(), 2);
    assert_int_equal(overrides.next_end().value(), kStart + 10 * kMinute);
  }
  // Another monotonic clock, four minutes later.
  Overrides overrides(path, 77, kNoon + 4 * kMinute);
  assert_string_equal(overrides.trouble().c_str(), "");
  assert_int_equal(overrides.all().size(), 2);
  const Override& first = overrides.all()[0];
  assert_int_equal(first.id, 1);
  assert_string_equal(first.request.backend.c_str(), "shop/web1");
  assert_true(first.request.kind == OverrideKind::drain);
  assert_string_equal(first.request.reason.c_str(), "new disk");
  assert_string_equal(first.request.who.c_str(), "anna");
  assert_int_equal(first.request.lasts, 30 * kMinute);
  assert_int_equal(first.made, kNoon);
  assert_int_equal(first.ends, kNoon + 30 * kMinute);
  assert_int_equal(first.ends_at, 77 + 26 * kMinute);
  assert_int_equal(overrides.all()[1].request.weight, 3);
  // No id is given twice, whatever has ended.
  assert_true(overrides.remove(2).ok());
  assert_int_equal(overrides.add(request("web3"), 77, kNoon).value(), 3);
}

void while_running_the_monotonic_clock_counts(void** /*state*/) {
  const Folder folder;
  Overrides overrides(folder.path("overrides.json"), kStart, kNoon);
  overrides.add(request("a", OverrideKind::drain, kMinute), kStart, kNoon).value();
  overrides.add(request("b", OverrideKind::drain, 2 * kMinute), kStart, kNoon).value();
  assert_true(overrides.expire(kStart + kMinute - 1).empty());
  const std::vector<Override> ended = overrides.expire(kStart + kMinute);
  assert_int_equal(ended.size(), 1);
  assert_string_equal(ended[0].request.backend.c_str(), "a");
  assert_int_equal(overrides.all().size(), 1);
  assert_int_equal(Overrides(folder.path("overrides.json"), 0, kNoon).all().size(), 1);
  assert_int_equal(overrides.expire(UINT64_MAX).size(), 1);
  assert_true(overrides.expire(UINT64_MAX).empty());
}

struct Restart {
  const char* description;
  WallTime wall;
  Microseconds left;
};

void across_a_restart_the_wall_clock_counts(void** /*state*/) {
  const Restart rows[] = {
      {"at once", kNoon, 30 * kMinute},
      {"ten minutes later", kNoon + 10 * kMinute, 20 * kMinute},
      {"at its end", kNoon + 30 * kMinute, 0},
      {"much later", kNoon * 2, 0},
      {"the clock stepped back", kNoon - 86'400 * kSecond, 30 * kMinute},
      {"the clock is lost", 0, 30 * kMinute},
  };
  const Folder folder;
  const std::string path = folder.path("overrides.json");
  Overrides(path, kStart, kNoon).add(request("a"), kStart, kNoon).value();
  for (const Restart& row : rows) {
    print_message("%s\n", row.description);
    Overrides overrides(path, 1'000, row.wall);
    assert_int_equal(overrides.all().size(), 1);  // until it is told that it has ended
    assert_int_equal(overrides.next_end().value(), 1'000 + row.left);
  }
}

void the_strictest_and_then_the_nearest(void** /*state*/) {
  const Folder folder;
  Overrides overrides(folder.path("overrides.json"), kStart, kNoon);
  const auto add = [&](const std::string& backend, OverrideKind kind) {
    return overrides.add(request(backend, kind), kStart, kNoon).value();
  };
  assert_null(overrides.of("shop", "web1"));
  const uint64_t everywhere = add("web1", OverrideKind::weight);
  assert_int_equal(overrides.of("shop", "web1")->id, everywhere);
  const uint64_t here = add("shop/web1", OverrideKind::weight);
  assert_int_equal(overrides.of("shop", "web1")->id, here);
  assert_int_equal(overrides.of("mail", "web1")->id, everywhere);
  assert_null(overrides.of("shop", "web10"));
  const uint64_t drained = add("web1", OverrideKind::drain);
  assert_int_equal(overrides.of("shop", "web1")->id, drained);
  const uint64_t out = add("shop/web1", OverrideKind::maintenance);
  assert_int_equal(overrides.of("shop", "web1")->id, out);
  assert_int_equal(overrides.of("mail", "web1")->id, drained);
  // The same again takes the place of what was there.
  const uint64_t again = add("web1", OverrideKind::drain);
  assert_int_equal(overrides.all().size(), 4);
  assert_int_equal(overrides.of("mail", "web1")->id, again);
  assert_int_equal(overrides.remove(out).value().id, out);
  assert_int_equal(overrides.of("shop", "web1")->id, again);
  assert_false(overrides.remove(out).ok());
}

struct Refused {
  const char* description;
  OverrideRequest in;
  const char* expected;
};

void what_is_refused(void** /*state*/) {
  OverrideRequest heavy = request("a", OverrideKind::weight);
  heavy.weight = kMaxOverrideWeight + 1;
  OverrideRequest unsaid = request("a");
  unsaid.reason = "";
  OverrideRequest verbose = request("a");
  verbose.reason = std::string(kMaxWhy + 1, 'x');
  OverrideRequest broken = request("a");
  broken.reason = "a\nb";
  OverrideRequest garbled = request("a");
  garbled.reason = "\xff";
  OverrideRequest nobody = request("a");
  nobody.who = "";
  const Refused rows[] = {
      {"no backend", request(""), "not for \"\""},
      {"no service", request("/web1"), "not for \"/web1\""},
      {"a service alone", request("shop/"), "not for"},
      {"too deep", request("a/b/c"), "not for"},
      {"a name too long", request(std::string(kMaxSettingName + 1, 'x')), "not for"},
      {"a name with a line break", request("a\nb"), "not for"},
      {"no time", request("a", OverrideKind::drain, 0), "lasts"},
      {"less than a second", request("a", OverrideKind::drain, kSecond - 1), "lasts"},
      {"for ever", request("a", OverrideKind::drain, kMaxOverrideSeconds * kSecond + 1), "lasts"},
      {"more than for ever", request("a", OverrideKind::drain, UINT64_MAX), "lasts"},
      {"no reason", unsaid, "needs a reason"},
      {"too much reason", verbose, "needs a reason"},
      {"two lines of reason", broken, "needs a reason"},
      {"no text at all", garbled, "needs a reason"},
      {"nobody", nobody, "who made it"},
      {"too heavy", heavy, "1000001"},
  };
  const Folder folder;
  Overrides overrides(folder.path("overrides.json"), kStart, kNoon);
  for (const Refused& row : rows) {
    print_message("%s\n", row.description);
    const Result<uint64_t> added = overrides.add(row.in, kStart, kNoon);
    assert_false(added.ok());
    assert_non_null(strstr(added.message().c_str(), row.expected));
  }
  assert_true(overrides.all().empty());
  assert_false(std::filesystem::exists(folder.path("overrides.json")));
}

void as_many_as_may_be(void** /*state*/) {
  const Folder folder;
  Overrides overrides(folder.path("overrides.json"), kStart, kNoon);
  for (size_t number = 0; number < kMaxOverrides; ++number) {
    OverrideRequest each = request("web" + std::to_string(number));
    each.reason = std::string(kMaxWhy, '"');  // the most that it becomes as JSON
    overrides.add(each, kStart, kNoon).value();
  }
  assert_false(overrides.add(request("one"), kStart, kNoon).ok());
  assert_true(overrides.add(request("web0"), kStart, kNoon).ok());  // in place of another
  const Overrides again(folder.path("overrides.json"), kStart, kNoon);
  assert_string_equal(again.trouble().c_str(), "");
  assert_int_equal(again.all().size(), kMaxOverrides);
}

void a_file_that_is_not_understood_is_kept(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("overrides.json");
  for (int time = 1; time <= 2; ++time) {
    const std::string damaged = "{ half " + std::to_string(time);
    folder.write("overrides.json", damaged);
    // It says so at each start, until somebody does something.
    for (int start = 0; start < 2; ++start) {
      Overrides overrides(path, kStart, kNoon);
      assert_true(overrides.all().empty());
      assert_non_null(strstr(overrides.trouble().c_str(), path.c_str()));
      assert_true(overrides.expire(UINT64_MAX).empty());
      assert_string_equal(bytes_of(path).c_str(), damaged.c_str());
    }
    Overrides overrides(path, kStart, kNoon);
    assert_true(overrides.add(request("a"), kStart, kNoon).ok());
    assert_string_equal(overrides.trouble().c_str(), "");
    assert_string_equal(bytes_of(path + ".damaged-" + std::to_string(time)).c_str(),
                        damaged.c_str());
    assert_int_equal(Overrides(path, kStart, kNoon).all().size(), 1);
  }
}

void a_folder_in_its_place(void** /*state*/) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("overrides.json"));
  Overrides overrides(folder.path("overrides.json"), kStart, kNoon);
  assert_string_not_equal(overrides.trouble().c_str(), "");
  assert_false(overrides.add(request("a"), kStart, kNoon).ok());
  assert_true(overrides.all().empty());
}

// A disk that takes nothing: what was asked for is refused, what has ended ends all the same.
void disks_that_take_nothing(void** /*state*/) {
  const Disk disk(64);
  const std::string path = disk.path("overrides.json");
  Overrides overrides(path, kStart, kNoon);
  overrides.add(request("a", OverrideKind::drain, kMinute), kStart, kNoon).value();
  overrides.add(request("b"), kStart, kNoon).value();
  for (const bool is_full : {true, false}) {
    if (is_full) {
      disk.fill();
    } else {
      disk.set_read_only(true);
    }
    const Result<uint64_t> added = overrides.add(request("c"), kStart, kNoon);
    assert_false(added.ok());
    assert_non_null(strstr(added.message().c_str(), path.c_str()));
    assert_false(overrides.remove(2).ok());
    assert_int_equal(Overrides(path, kStart, kNoon).all().size(), 2);
    if (is_full) disk.make_room();
  }
  assert_int_equal(overrides.expire(kStart + kMinute).size(), 1);
  assert_string_not_equal(overrides.trouble().c_str(), "");
  assert_int_equal(overrides.all().size(), 1);
  // What is still in the file is over by the wall clock.
  Overrides restarted(path, kStart, kNoon + kMinute);
  assert_int_equal(restarted.expire(kStart).size(), 1);
  assert_int_equal(restarted.all().size(), 1);
  disk.set_read_only(false);
  assert_true(overrides.add(request("c"), kStart, kNoon).ok());
  assert_string_equal(overrides.trouble().c_str(), "");
  assert_int_equal(Overrides(path, kStart, kNoon).all().size(), 2);
}

// What was refused since the disk hung is not there later either, and nobody waits twice.
void a_disk_that_hangs_and_answers(void** /*state*/) {
  const Folder folder;
  const std::string path = folder.path("overrides.json");
  Overrides overrides(path, kStart, kNoon);
  overrides.add(request("a"), kStart, kNoon).value();
  overrides.add(request("b", OverrideKind::drain, kMinute), kStart, kNoon).value();
  overrides.set_patience(Errand::Patience(20));
  the_disk().hang();
  for (int tries = 0; tries < 200; ++tries) {
    const Result<uint64_t> added = overrides.add(request("c"), kStart, kNoon);
    assert_false(added.ok());
    assert_non_null(strstr(added.message().c_str(), path.c_str()));
    assert_false(overrides.remove(1).ok());
  }
  assert_int_equal(overrides.all().size(), 2);
  assert_int_equal(overrides.expire(kStart + kMinute).size(), 1);
  assert_string_not_equal(overrides.trouble().c_str(), "");
  the_disk().answer();
  const auto in_file = [&] { return Overrides(path, kStart, kNoon).all().size(); };
  while (in_file() != 1 || !overrides.trouble().empty()) {
    usleep(1'000);
    overrides.expire(kStart);
  }
  assert_string_equal(overrides.all()[0].request.backend.c_str(), "a");
  overrides.set_patience(std::nullopt);
  assert_true(overrides.add(request("c"), kStart, kNoon).ok());
  assert_int_equal(in_file(), 2);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_mounts()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(they_survive_a_restart),
      cmocka_unit_test(while_running_the_monotonic_clock_counts),
      cmocka_unit_test(across_a_restart_the_wall_clock_counts),
      cmocka_unit_test(the_strictest_and_then_the_nearest),
      cmocka_unit_test(what_is_refused),
      cmocka_unit_test(as_many_as_may_be),
      cmocka_unit_test(a_file_that_is_not_understood_is_kept),
      cmocka_unit_test(a_folder_in_its_place),
      cmocka_unit_test(disks_that_take_nothing),
      cmocka_unit_test(a_disk_that_hangs_and_answers),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
