// Whatever is damaged, the archive opens, says so, and goes on with a generation that was
// confirmed; and the next change is stored and confirmed as ever.
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>

#include "firmware/change/archive.h"
#include "tests/change/generations.h"
#include "tests/change/shell.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

namespace fs = std::filesystem;

std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_bytes(const std::string& path, const std::string& bytes) {
  const fs::path folder = fs::path(path).parent_path();
  if (!fs::is_directory(folder)) fs::remove_all(folder);
  fs::create_directories(folder);
  fs::remove_all(path);  // objects are read-only
  std::ofstream(path, std::ios::binary) << bytes;
}

// A state folder that damage is done to, once for each case.
class State {
 public:
  State() { make_archive(path(), 2); }

  std::string path(const std::string& name = "") const {
    return folder_.path("state" + (name.empty() ? "" : "/" + name));
  }
  std::string repository(const std::string& name = "") const {
    return path("settings.git" + (name.empty() ? "" : "/" + name));
  }
  std::string object(const std::string& revision) const {
    const std::string id = output_of(git(repository()) + "rev-parse " + revision).substr(0, 40);
    return repository("objects/" + id.substr(0, 2) + "/" + id.substr(2));
  }
  void set(const std::string& path, const std::string& bytes) const { write_bytes(path, bytes); }
  void remove(const std::string& path) const { fs::remove_all(path); }
  void halve(const std::string& path) const {
    set(path, bytes_of(path).substr(0, bytes_of(path).size() / 2));
  }
  void flip(const std::string& path) const {
    std::string bytes = bytes_of(path);
    bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 0x10);
    set(path, bytes);
  }
  void pack() const { output_of(git(repository()) + "gc --quiet --prune=now"); }
  std::string packed(const std::string& ending) const {
    for (const auto& entry : fs::directory_iterator(repository("objects/pack"))) {
      if (entry.path().extension() == ending) return entry.path();
    }
    return {};
  }

 private:
  Folder folder_;
};

struct Row {
  const char* description;
  std::function<void(const State&)> damage;
  std::set<uint64_t> expected{2};  // texts that may be confirmed
  bool is_told = true;
};

const Row kRows[] = {
    {"nothing", [](const State&) {}, {2}, false},
    {"HEAD is missing", [](const State& s) { s.remove(s.repository("HEAD")); }},
    {"HEAD is empty", [](const State& s) { s.set(s.repository("HEAD"), ""); }},
    {"HEAD is anything", [](const State& s) { s.set(s.repository("HEAD"), "\0\1\2"); }},
    {"HEAD is a folder", [](const State& s) { s.set(s.repository("HEAD/x"), ""); }},
    {"config is missing", [](const State& s) { s.remove(s.repository("config")); }, {2}, false},
    {"config is anything", [](const State& s) { s.set(s.repository("config"), "[core\n\\"); }},
    {"folders are missing that packing removes",
     [](const State& s) { s.remove(s.repository("refs/notes")); },
     {2},
     false},
    {"objects are missing", [](const State& s) { s.remove(s.repository("objects")); }},
    {"objects is a file", [](const State& s) { s.set(s.repository("objects"), "x"); }},
    {"references are missing", [](const State& s) { s.remove(s.repository("refs")); }},
    {"generations are a file", [](const State& s) { s.set(s.repository("refs/generations"), ""); }},
    {"the repository is missing", [](const State& s) { s.remove(s.repository()); }},
    {"the repository is empty",
     [](const State& s) {
       s.remove(s.repository());
       fs::create_directory(s.repository());
     }},
    {"the repository is a file", [](const State& s) { s.set(s.repository(), "x"); }},
    {"confirmed is missing",
     [](const State& s) { s.remove(s.repository("refs/heads/confirmed")); }},
    {"confirmed is empty", [](const State& s) { s.set(s.repository("refs/heads/confirmed"), ""); }},
    {"confirmed is half there",
     [](const State& s) { s.halve(s.repository("refs/heads/confirmed")); }},
    {"confirmed is zeros",
     [](const State& s) { s.set(s.repository("refs/heads/confirmed"), std::string(41, '\0')); }},
    {"confirmed is a folder",
     [](const State& s) { s.set(s.repository("refs/heads/confirmed/x"), ""); }},
    {"confirmed names nothing",
     [](const State& s) {
       s.set(s.repository("refs/heads/confirmed"), std::string(40, '1') + "\n");
     }},
    {"confirmed names itself",
     [](const State& s) {
       s.set(s.repository("refs/heads/confirmed"), "ref: refs/heads/confirmed\n");
     }},
    {"confirmed names a text",
     [](const State& s) {
       s.set(s.repository("refs/heads/confirmed"),
             output_of(git(s.repository()) + "rev-parse HEAD:evenkeel.conf"));
     }},
    {"the confirmed commit is missing", [](const State& s) { s.remove(s.object("HEAD")); }},
    {"the confirmed commit is empty", [](const State& s) { s.set(s.object("HEAD"), ""); }},
    {"the confirmed commit is half there", [](const State& s) { s.halve(s.object("HEAD")); }},
    {"the confirmed commit is another", [](const State& s) { s.flip(s.object("HEAD")); }},
    {"the confirmed commit has the bytes of the one before",
     [](const State& s) { s.set(s.object("HEAD"), bytes_of(s.object("HEAD~1"))); }},
    {"the confirmed tree is missing", [](const State& s) { s.remove(s.object("HEAD^{tree}")); }},
    {"the confirmed tree is half there", [](const State& s) { s.halve(s.object("HEAD^{tree}")); }},
    {"the confirmed text is missing",
     [](const State& s) { s.remove(s.object("HEAD:evenkeel.conf")); }},
    {"the confirmed text is half there",
     [](const State& s) { s.halve(s.object("HEAD:evenkeel.conf")); }},
    {"the confirmed text is another",
     [](const State& s) { s.flip(s.object("HEAD:evenkeel.conf")); }},
    {"the confirmed text is another, and there is no copy",
     [](const State& s) {
       s.flip(s.object("HEAD:evenkeel.conf"));
       s.remove(s.path("last-forwarded.conf"));
     },
     {1}},
    {"an old generation is damaged", [](const State& s) { s.halve(s.object("HEAD~1")); }},
    {"the candidate is damaged", [](const State& s) { s.halve(s.object("refs/generations/3")); }},
    {"the candidate's reference is damaged",
     [](const State& s) { s.set(s.repository("refs/generations/3"), "x"); }},
    {"a reference names another generation",
     [](const State& s) {
       s.set(s.repository("refs/generations/3"), bytes_of(s.repository("refs/generations/1")));
     }},
    {"the copy is missing",
     [](const State& s) { s.remove(s.path("last-forwarded.conf")); },
     {2},
     false},
    {"the copy is half there", [](const State& s) { s.halve(s.path("last-forwarded.conf")); }},
    {"the copy is a folder", [](const State& s) { s.set(s.path("last-forwarded.conf/x"), ""); }},
    {"neither reference nor copy",
     [](const State& s) {
       s.remove(s.repository("refs/heads/confirmed"));
       s.remove(s.path("last-forwarded.conf"));
     }},
    {"neither reference, nor copy, nor candidate",
     [](const State& s) {
       s.remove(s.repository("refs/heads/confirmed"));
       s.flip(s.path("last-forwarded.conf"));
       s.flip(s.object("refs/generations/3"));
     },
     {1}},
    {"locks and drafts that a crash left",
     [](const State& s) {
       s.set(s.repository("refs/heads/confirmed.lock"), "");
       s.set(s.repository("refs/generations/4.lock"), "x");
       s.set(s.repository("packed-refs.lock"), "x");
       s.set(s.repository("objects/tmp_object_git2_x"), "x");
       s.set(s.path("settings.git.new/HEAD"), "x");
       s.set(s.path("last-forwarded.conf.new"), "x");
     },
     {2},
     false},
    {"packed, and packed-refs is damaged",
     [](const State& s) {
       s.pack();
       s.set(s.repository("packed-refs"), "# pack-refs with: peeled\n\1\2\3");
     }},
    {"packed, and the pack is half there",
     [](const State& s) {
       s.pack();
       s.halve(s.packed(".pack"));
     }},
    {"packed, and the pack's index is half there",
     [](const State& s) {
       s.pack();
       s.halve(s.packed(".idx"));
     }},
    {"packed, and the pack is missing",
     [](const State& s) {
       s.pack();
       s.remove(s.packed(".pack"));
     }},
    {"packed, and a byte of the pack is another",
     [](const State& s) {
       s.pack();
       s.flip(s.packed(".pack"));
     }},
};

bool is_expected(const std::optional<Generation>& confirmed, const std::set<uint64_t>& expected) {
  if (!confirmed) return false;
  for (const uint64_t number : expected) {
    if (confirmed->text == text_of(number)) return true;
  }
  print_message("confirmed: %s", confirmed->text.c_str());
  return false;
}

void tell(const Archive& archive) {
  for (const std::string& damage : archive.damage()) print_message("  %s\n", damage.c_str());
}

void it_goes_on(void** /*state*/) {
  for (const Row& row : kRows) {
    print_message("%s\n", row.description);
    const State state;
    row.damage(state);
    uint64_t number = 0;
    {
      Archive archive = open_archive(state.path());
      tell(archive);
      assert_true(is_expected(archive.confirmed(), row.expected));
      assert_int_equal(archive.damage().empty(), !row.is_told);
      // As if nothing had been.
      const uint64_t base = archive.confirmed()->number;
      const Result<uint64_t> stored = archive.store(generation(text_of(4), base));
      if (!stored.ok()) print_message("%s\n", stored.message().c_str());
      assert_true(stored.ok());
      number = stored.value();
      assert_true(number >= 3);
      assert_int_equal(archive.confirmed()->number, base);
    }
    {
      Archive archive = open_archive(state.path());
      assert_true(is_expected(archive.confirmed(), row.expected));
      const Status confirmed = archive.confirm(number);
      if (!confirmed.ok()) print_message("%s\n", confirmed.message().c_str());
      assert_true(confirmed.ok());
      assert_true(archive.note(number, "confirmed", "anna", kNoon).ok());
      assert_true(archive.latch(number).ok());
    }
    const Archive archive = open_archive(state.path());
    assert_true(is_expected(archive.confirmed(), {4}));
    assert_non_null(strstr(archive.read(number).value().outcome.c_str(), "confirmed"));
    assert_string_equal(
        output_of(git(state.repository()) + "show refs/heads/confirmed:evenkeel.conf 2>/dev/null")
            .c_str(),
        text_of(4).c_str());
  }
}

// Damage to any byte of any file, one at a time: never a text that nobody confirmed.
void any_byte(void** /*state*/) {
  const State state;
  std::vector<std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(state.path())) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  const std::string spare = state.path() + ".spare";
  const std::string work = state.path() + ".work";
  fs::rename(state.path(), spare);
  size_t tried = 0;
  for (const std::string& file : files) {
    const std::string name = file.substr(state.path().size());
    const size_t size = bytes_of(spare + "/" + name).size();
    for (size_t at = 0; at < size; at += 1 + size / 24) {
      for (const bool is_cut : {false, true}) {
        fs::remove_all(work);
        fs::copy(spare, work, fs::copy_options::recursive);
        std::string bytes = bytes_of(work + "/" + name);
        if (is_cut) bytes.resize(at);
        if (!is_cut) bytes[at] = static_cast<char>(bytes[at] ^ (1 << at % 8));
        write_bytes(work + "/" + name, bytes);
        const Archive archive = open_archive(work);
        if (!is_expected(archive.confirmed(), {2})) {
          print_message("%s, byte %zu, cut: %d\n", name.c_str(), at, is_cut);
          tell(archive);
          fail();
        }
        ++tried;
      }
    }
  }
  fs::remove_all(work);
  fs::rename(spare, state.path());
  print_message("%zu ways of damage\n", tried);
}

void nothing_is_left(void** /*state*/) {
  const State state;
  state.remove(state.repository());
  state.halve(state.path("last-forwarded.conf"));
  Archive archive = open_archive(state.path());
  assert_false(archive.confirmed().has_value());
  assert_false(archive.damage().empty());
  const uint64_t number = archive.store(generation(text_of(4), 0)).value();
  assert_true(archive.confirm(number).ok());
  assert_true(is_expected(archive.confirmed(), {4}));
}

// What was damaged is kept for whoever wants to look at it.
void damage_is_kept(void** /*state*/) {
  const State state;
  state.set(state.repository("objects"), "x");
  state.remove(state.repository("refs"));
  state.set(state.repository("HEAD"), "what is this");
  assert_true(is_expected(open_archive(state.path()).confirmed(), {2}));
  const std::string kept = output_of("cat " + state.repository() + "*/HEAD.damaged-1");
  assert_string_equal(kept.c_str(), "what is this");
}

void damage_is_told_within_bounds(void** /*state*/) {
  const Folder folder;
  make_archive(folder.path("state"), 40);
  fs::remove_all(folder.path("state/settings.git/objects"));
  const Archive archive = open_archive(folder.path("state"));
  assert_true(is_expected(archive.confirmed(), {40}));
  assert_in_range(archive.damage().size(), 2, 100);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(it_goes_on),
      cmocka_unit_test(any_byte),
      cmocka_unit_test(nothing_is_left),
      cmocka_unit_test(damage_is_kept),
      cmocka_unit_test(damage_is_told_within_bounds),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
