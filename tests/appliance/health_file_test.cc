#include "firmware/appliance/health_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <thread>

#include "firmware/change/files.h"
#include "tests/cmocka.h"

namespace evenkeel {
namespace {

// A folder of its own, and what is to be kept.
struct Desk {
  Desk() {
    std::string name = "/tmp/health-XXXXXX";
    folder = mkdtemp(name.data());
    file.emplace(folder);
  }
  ~Desk() { std::filesystem::remove_all(folder); }
  Desk(const Desk&) = delete;
  Desk& operator=(const Desk&) = delete;

  HealthFile::Source source() {
    return {.revision = revision, .text = [this] {
              ++asked;
              return text;
            }};
  }
  std::string content() const {
    return read_file(folder + "/health.json", 100).value().value_or("none");
  }
  // Ticks without time until that is true: a write under way ends when the disk likes.
  template <typename Condition>
  bool comes_true(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!condition() && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
      file->tick(source(), now);
    }
    return condition();
  }
  bool has(const char* wanted) {
    return comes_true([&] { return content() == wanted; });
  }

  std::string folder;
  std::optional<HealthFile> file;
  Microseconds now = 5;
  uint64_t revision = 1;
  std::string text = "one";
  size_t asked = 0;
};

void it_is_written_when_it_changes_and_not_too_often(void**) {
  Desk desk;
  assert_false(desk.file->read().value().has_value());
  assert_true(desk.has("one"));
  assert_string_equal(desk.file->read().value()->c_str(), "one");
  desk.text = "two";
  ++desk.revision;
  desk.now += HealthFile::kInterval - 1;
  desk.file->tick(desk.source(), desk.now);
  assert_int_equal(desk.asked, 1);
  ++desk.now;
  assert_true(desk.has("two"));
  assert_int_equal(desk.asked, 2);

  // Unchanged, it is written anew now and then: it is as old as its file.
  desk.text = "two again";
  desk.now += HealthFile::kRefresh - 1;
  for (int i = 0; i < 10; ++i) desk.file->tick(desk.source(), desk.now);
  assert_int_equal(desk.asked, 2);
  ++desk.now;
  assert_true(desk.has("two again"));
  assert_string_equal(desk.file->trouble().c_str(), "");
  struct stat status{};
  assert_int_equal(lstat((desk.folder + "/health.json.new").c_str(), &status), -1);
}

void nothing_to_keep_is_not_written(void**) {
  Desk desk;
  desk.text = "";
  desk.file->tick(desk.source(), desk.now);
  desk.file->finish(desk.source());
  assert_string_equal(desk.content().c_str(), "none");
  assert_int_equal(desk.asked, 2);
}

void the_end_writes_at_once(void**) {
  Desk desk;
  assert_true(desk.has("one"));
  desk.text = "the last";
  ++desk.revision;
  desk.file->finish(desk.source());
  assert_string_equal(desk.content().c_str(), "the last");
  desk.text = "later";  // and it may go while it writes
  desk.now += HealthFile::kRefresh;
  desk.file->tick(desk.source(), desk.now);
  desk.file.reset();
  assert_string_equal(desk.content().c_str(), "later");
}

void a_failing_disk_is_told_and_tried_again(void**) {
  Desk desk;
  std::filesystem::create_directory(desk.folder + "/health.json");  // in its place
  assert_true(desk.comes_true([&] { return !desk.file->trouble().empty(); }));
  assert_true(desk.file->trouble().find("health.json cannot be replaced") != std::string::npos);
  assert_false(desk.file->read().ok());
  std::filesystem::remove(desk.folder + "/health.json");
  desk.now += HealthFile::kInterval;  // though nothing has changed
  assert_true(desk.has("one"));
  assert_true(desk.comes_true([&] { return desk.file->trouble().empty(); }));
}

void what_is_too_large_is_not_read(void**) {
  Desk desk;
  const std::string path = desk.folder + "/health.json";
  assert_true(replace_file(path, "x").ok());
  assert_int_equal(truncate(path.c_str(), (64 << 20) + 1), 0);
  assert_false(desk.file->read().ok());
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_is_written_when_it_changes_and_not_too_often),
      cmocka_unit_test(nothing_to_keep_is_not_written),
      cmocka_unit_test(the_end_writes_at_once),
      cmocka_unit_test(a_failing_disk_is_told_and_tried_again),
      cmocka_unit_test(what_is_too_large_is_not_read),
  };
  return cmocka_run_group_tests_name("appliance/health_file", tests, nullptr, nullptr);
}
