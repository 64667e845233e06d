// Whatever state the archive is in, the newest settings that can be used are booted.
#include "firmware/appliance/boot.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "firmware/base/check.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

constexpr WallTime kWall = 1'700'000'000'000'000;

std::string settings_named(const std::string& name) {
  return "name = \"" + name +
         "\"; # of the test\n"
         "ports = ( { name = \"wan\"; device = \"net_null\"; addresses = [\"192.0.2.2/24\"]; } );\n"
         "services = ( { name = \"web\"; vips = [\"192.0.2.10\"]; ports = \"80\";\n"
         "  backends = ( { name = \"a\"; address = \"192.0.2.11\"; } ); } );\n";
}

// A folder of its own, which goes with it.
struct World {
  std::string folder;

  World() {
    std::string pattern = std::filesystem::temp_directory_path() / "boot_test.XXXXXX";
    CHECK(mkdtemp(pattern.data()) != nullptr);
    folder = pattern;
  }
  ~World() { std::filesystem::remove_all(folder); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  std::string state() const { return folder + "/state"; }
  std::string file(const std::string& text) const {
    const std::string path = folder + "/seed.conf";
    std::ofstream(path) << text;
    return path;
  }
};

int setup(void** state) {
  *state = new World;
  return 0;
}
int teardown(void** state) {
  delete static_cast<World*>(*state);
  return 0;
}
const World& of(void** state) { return *static_cast<World*>(*state); }

void test_a_new_archive_begins_with_the_file(void** state) {
  const World& world = of(state);
  {
    const Result<Boot> first = boot(world.state(), world.file(settings_named("one")), kWall);
    assert_true(first.ok());
    assert_int_equal(first.value().confirmed.generation, 1);
    assert_string_equal(first.value().confirmed.settings.name.c_str(), "one");
    assert_true(first.value().warnings.empty());
  }
  // From then on the file has no say.
  const Result<Boot> second = boot(world.state(), world.file("nonsense"), kWall);
  assert_true(second.ok());
  assert_int_equal(second.value().confirmed.generation, 1);
  assert_true(second.value().confirmed.text == settings_named("one"));
}

void test_what_is_imported_is_booted(void** state) {
  const World& world = of(state);
  const bool is_first_ok = boot(world.state(), world.file(settings_named("one")), kWall).ok();
  assert_true(is_first_ok);
  const Result<uint64_t> number =
      import_settings(world.state(), world.file(settings_named("two")), kWall);
  assert_true(number.ok());
  assert_int_equal(number.value(), 2);
  const Result<Boot> next = boot(world.state(), "", kWall);
  assert_true(next.ok());
  assert_string_equal(next.value().confirmed.settings.name.c_str(), "two");
}

// Nothing else judges the keys that only a restart changes.
void test_what_rules_refuse_is_not_imported(void** state) {
  const World& world = of(state);
  const std::string shared = "cpu = { control = 0; workers = [0]; };\n";
  const struct {
    const char* description;
    std::string confirmed;
    std::string imported;
    const char* error;  // null: it is imported
  } rows[] = {
      {"a core for two", "", shared, "worker-cores: cpu.workers"},
      {"a core that is not there", "", "cpu = { workers = [1023]; };\n", "worker-cores"},
      {"it is so already", shared, shared + "idle = \"poll\";\n", nullptr},
  };
  for (const auto& row : rows) {
    std::filesystem::remove_all(world.state());
    const bool is_booted =
        boot(world.state(), world.file(settings_named("one") + row.confirmed), kWall).ok();
    assert_true(is_booted);
    const Result<uint64_t> number =
        import_settings(world.state(), world.file(settings_named("one") + row.imported), kWall);
    const bool is_as_expected =
        row.error == nullptr
            ? number.ok()
            : !number.ok() && number.message().find(row.error) != std::string::npos;
    if (!is_as_expected) {
      fail_msg("%s: %s", row.description, number.ok() ? "imported" : number.message().c_str());
    }
    const Result<Boot> next = boot(world.state(), "", kWall);
    assert_true(next.ok());
    assert_int_equal(next.value().confirmed.generation, row.error == nullptr ? 2 : 1);
  }
}

// What has no check is refused of new settings too; an empty archive begins with a seed.
void test_an_empty_archive_excuses_nothing(void** state) {
  const World& world = of(state);
  const Result<uint64_t> number =
      import_settings(world.state(), world.file(settings_named("one")), kWall);
  assert_false(number.ok());
  assert_true(number.message().find("no-health-check: services.web") != std::string::npos);
}

// keeld alone writes it.
void test_nothing_is_imported_into_an_archive_in_use(void** state) {
  const World& world = of(state);
  const Result<Boot> running = boot(world.state(), world.file(settings_named("one")), kWall);
  assert_true(running.ok());
  const bool is_refused =
      !import_settings(world.state(), world.file(settings_named("two")), kWall).ok();
  assert_true(is_refused);
}

void test_what_cannot_be_begun_with(void** state) {
  const World& world = of(state);
  const struct {
    const char* description;
    std::string seed;
    const char* error;
  } rows[] = {
      {"no file", world.folder + "/none.conf", "none.conf"},
      {"a file with mistakes", world.file("nmae = \"x\";"), "nmae"},
  };
  for (const auto& row : rows) {
    const Result<Boot> booted = boot(world.state(), row.seed, kWall);
    if (booted.ok() || booted.message().find(row.error) == std::string::npos) {
      fail_msg("%s: %s", row.description, booted.ok() ? "booted" : booted.message().c_str());
    }
  }
}

// As after a downgrade: the newest that this keeld understands, said loudly.
void test_settings_that_this_version_does_not_know(void** state) {
  const World& world = of(state);
  {
    Boot booted = std::move(boot(world.state(), world.file(settings_named("one")), kWall).value());
    const uint64_t number = booted.archive
                                .store({.text = settings_named("new") + "from_the_future = 1;\n",
                                        .who = "alice",
                                        .why = "because",
                                        .when = kWall,
                                        .base = 1})
                                .value();
    assert_true(booted.archive.confirm(number).ok());
  }
  const Result<Boot> next = boot(world.state(), "", kWall);
  assert_true(next.ok());
  assert_int_equal(next.value().confirmed.generation, 1);
  assert_int_equal(next.value().warnings.size(), 1);
  assert_true(next.value().warnings[0].find("from_the_future") != std::string::npos);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(test_a_new_archive_begins_with_the_file, setup, teardown),
      cmocka_unit_test_setup_teardown(test_what_is_imported_is_booted, setup, teardown),
      cmocka_unit_test_setup_teardown(test_what_rules_refuse_is_not_imported, setup, teardown),
      cmocka_unit_test_setup_teardown(test_an_empty_archive_excuses_nothing, setup, teardown),
      cmocka_unit_test_setup_teardown(test_nothing_is_imported_into_an_archive_in_use, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(test_what_cannot_be_begun_with, setup, teardown),
      cmocka_unit_test_setup_teardown(test_settings_that_this_version_does_not_know, setup,
                                      teardown),
  };
  return cmocka_run_group_tests_name("appliance/boot", tests, nullptr, nullptr);
}
