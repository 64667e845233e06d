#include "firmware/settings/edit.h"

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/settings/load.h"
#include "firmware/settings/source.h"
#include "tests/cmocka.h"
#include "tests/settings/files.h"

namespace evenkeel {
namespace {

// Written by hand: no two parts are laid out alike.
constexpr const char* kText = R"(# The box
name = "lb1"   // its name

cpu = { control = 0; workers = [1, 2]; };
memory = {
  mib = 1024;   # all of it
  /* of each worker */ flow_memory_mib = 64;
};
ports = ( { name = "wan"; device = "net_null0"; addresses = [ "192.0.2.2/24" ]; } );
services = (
  # A shop
  { name = "shop";
    vips = [ "192.0.2.10" ];   # VIPS
    ports = "443";
    backends = ( { name = "web1"; address = "10.0.0.11"; },      # SERVERS
                 { name = "web2"; address = "10.0.0.12"; },
                 { name = "web3"; address = "10.0.0.13"; weight = 2; } ); },  # twice
  { name = "dns.eu"; vips = [ "192.0.2.53" ]; protocol = "udp"; ports = "53";
    backends = ( { name = "ns1"; address = "10.0.0.21"; } ); }
);
)";

struct Row {
  const char* description;
  const char* path;
  const char* value;  // null: delete
  const char* old_part;
  const char* new_part;  // what stands there instead
};

constexpr Row kRows[] = {
    {"a number", "services.shop.backends.web3.weight", "5", "weight = 2;", "weight = 5;"},
    {"brackets", "services[shop].backends[web3].weight", "5", "weight = 2;", "weight = 5;"},
    {"a name with dots", "services[dns.eu].ports", "54", "ports = \"53\";", "ports = 54;"},
    {"a text", "services.shop.ports", "\"80-81\"", "\"443\"", "\"80-81\""},
    {"a text without quotes", "services.shop.ports", "80-81", "\"443\"", "\"80-81\""},
    {"a text of quotes", "ports.wan.device", "a\"b\\c", "\"net_null0\"", "\"a\\\"b\\\\c\""},
    {"a key without a separator", "name", "lb2", "\"lb1\"   // its", "\"lb2\"   // its"},
    {"a list", "cpu.workers", "[3]", "[1, 2]", "[3]"},
    {"a whole group", "cpu", "{ control = 1; }", "{ control = 0; workers = [1, 2]; }",
     "{ control = 1; }"},
    {"a new key at the end of a line", "cpu.workers", nullptr, " workers = [1, 2];", ""},
    {"a new key of a group in one line", "ports.wan.mtu", "9000", "[ \"192.0.2.2/24\" ]; }",
     "[ \"192.0.2.2/24\" ]; mtu = 9000; }"},
    {"a new key below others", "memory.hugepages", "false", "flow_memory_mib = 64;\n",
     "flow_memory_mib = 64;\n  hugepages = false;\n"},
    {"a new key below, before the end of the group", "services.shop.mss", "1400",
     "} ); },  # twice", "} );\n    mss = 1400; },  # twice"},
    {"a new outermost key", "idle", "poll", "\n);\n", "\n);\nidle = \"poll\";\n"},
    {"a new group", "services.shop.check.type", "tcp", "} ); },  # twice",
     "} );\n    check = { type = \"tcp\"; }; },  # twice"},
    {"a new group in a group", "services.shop.check", R"({ type = "http"; path = "/up"; })",
     "} ); },  # twice", "} );\n    check = { type = \"http\"; path = \"/up\"; }; },  # twice"},
    {"an element, key by key", "services.shop.backends.web4.address", "10.0.0.14",
     "weight = 2; } ); },",
     "weight = 2; },\n                 { name = \"web4\"; address = \"10.0.0.14\"; } ); },"},
    {"an element as a whole", "services.shop.backends.web4", R"({ address = "10.0.0.14"; })",
     "weight = 2; } ); },",
     "weight = 2; },\n                 { name = \"web4\"; address = \"10.0.0.14\"; } ); },"},
    {"an element of a list in one line", "services[dns.eu].backends[ns2].address", "10.0.0.22",
     "\"10.0.0.21\"; } );", "\"10.0.0.21\"; }, { name = \"ns2\"; address = \"10.0.0.22\"; } );"},
    {"an element instead of another", "services.shop.backends.web2",
     R"({ name = "web2"; address = "10.0.0.99"; })", "\"10.0.0.12\"", "\"10.0.0.99\""},
    {"a new name", "services.shop.name", "store", "\"shop\"", "\"store\""},
    {"a key goes", "services.shop.backends.web3.weight", nullptr, " weight = 2;", ""},
    {"a key goes with its line", "memory.mib", nullptr, "  mib = 1024;   # all of it\n", ""},
    {"a key goes, its line stays", "memory.flow_memory_mib", nullptr, " flow_memory_mib = 64;", ""},
    {"the first element goes", "services.shop.backends.web1", nullptr,
     " { name = \"web1\"; address = \"10.0.0.11\"; },", ""},
    {"one in the middle goes", "services.shop.backends.web2", nullptr,
     "                 { name = \"web2\"; address = \"10.0.0.12\"; },\n", ""},
    {"a group goes", "cpu", nullptr, "cpu = { control = 0; workers = [1, 2]; };\n", ""},
};

void texts_are_edited_where_they_stand(void** /*state*/) {
  for (const Row& row : kRows) {
    const Result<std::string> edited = row.value == nullptr
                                           ? delete_in_text(kText, row.path)
                                           : set_in_text(kText, row.path, row.value);
    if (!edited.ok()) print_error("%s: %s\n", row.description, edited.message().c_str());
    assert_true(edited.ok());
    std::string expected = kText;
    const size_t at = expected.find(row.old_part);
    assert_true(at != std::string::npos);
    expected.replace(at, std::string(row.old_part).size(), row.new_part);
    if (edited.value() != expected) print_error("%s\n", row.description);
    assert_string_equal(edited.value().c_str(), expected.c_str());
    const Loaded loaded = load_settings_text(expected, "text");
    if (!loaded.ok()) print_error("%s: %s\n", row.description, loaded.message().c_str());
    assert_true(loaded.ok());
  }
}

void the_last_element_takes_its_comma_along(void** /*state*/) {
  const Result<std::string> edited = delete_in_text(kText, "services.shop.backends.web3");
  assert_true(edited.ok());
  const std::string_view rest = std::string_view(edited.value());
  assert_true(rest.find("\"10.0.0.12\"; }\n") != std::string_view::npos);
  assert_int_equal(load_settings_text(edited.value(), "text").settings.services[0].backends.size(),
                   2);
}

struct Whole {
  const char* text;
  const char* path;
  const char* value;
  const char* result;
};

constexpr Whole kWholes[] = {
    {"", "name", "a", "name = \"a\";\n"},
    {"# nothing", "name", "a", "# nothing\nname = \"a\";\n"},
    {"name = \"a\"", "idle", "poll", "name = \"a\";\nidle = \"poll\";"},
    {"name = \"a\" # b", "idle", "poll", "name = \"a\"; # b\nidle = \"poll\";"},
    {"", "services.shop.backends.web1.weight", "7",
     "services = ( { name = \"shop\"; backends = ( { name = \"web1\"; weight = 7; } ); } );\n"},
    {"cpu = {};", "cpu.control", "7", "cpu = { control = 7; };"},
    {"cpu = { # c\n};", "cpu.control", "7", "cpu = { control = 7; # c\n};"},
    {"cpu = {\n\tcontrol = 1; /* a\n */ };", "cpu.workers", "[2]",
     "cpu = {\n\tcontrol = 1;\n\tworkers = [2]; /* a\n */ };"},
    {"services = ();", "services.a.mss", "7", "services = ( { name = \"a\"; mss = 7; } );"},
    {"services = (\n  { name = \"a\"; }  # first\n);", "services.b", "{ }",
     "services = (\n  { name = \"a\"; },  # first\n  { name = \"b\"; }\n);"},
    {"name=\"a\"idle=\"poll\"", "name", "\"b\" \"c\"", "name=\"b\" \"c\"idle=\"poll\""},
    {"cpu={control=1 workers=[1]}", "cpu.control", "2", "cpu={control=2 workers=[1]}"},
    {"memory={mib=\"a\"buffers=2}", "memory.mib", "2", "memory={mib=2 buffers=2}"},
};

void small_texts(void** /*state*/) {
  for (const Whole& row : kWholes) {
    const Result<std::string> edited = set_in_text(row.text, row.path, row.value);
    if (!edited.ok()) print_error("%s: %s\n", row.path, edited.message().c_str());
    assert_true(edited.ok());
    assert_string_equal(edited.value().c_str(), row.result);
  }
  const Result<std::string> joined =
      delete_in_text("memory={mib=1 hugepages=\"x\"buffers=2}", "memory.hugepages");
  assert_string_equal(joined.value().c_str(), "memory={mib=1 buffers=2}");
}

constexpr Row kRefusals[] = {
    {"no path", "", "5", "", "'' is no path of settings"},
    {"an empty step", "services..mss", "5", "", "'services..mss' is no path"},
    {"an open bracket", "services[shop", "5", "", "is no path"},
    {"a bracket first", "[shop]", "5", "", "is no path"},
    {"a dot last", "cpu.", "5", "", "is no path"},
    {"a misspelling", "services.shop.buckts", "251", "",
     "services.shop.buckts: there is no key 'buckts'; did you mean 'buckets'?"},
    {"deeper than there is", "services.shop.mss.x", "5", "",
     "services.shop.mss.x: mss has no keys of its own"},
    {"a name that is none", "services[a b].mss", "5", "",
     "found 'a b' as a name; allowed: letters"},
    {"no names", "ports.wan.routes.x.via", "5", "", "has no name to go by; set the whole list"},
    {"two values", "services.shop.mss", "5; idle = \"poll\"", "", "is not one value"},
    {"half a value", "cpu", "{ control = 1;", "", "is not one value"},
    {"a bracket too many", "cpu", "{ } }", "", "is not one value"},
    {"no value", "services.shop.mss", "", "", "is not one value"},
    {"a text of two lines", "name", "a\nb", "", "is not one value"},
    {"a comment behind", "services.shop.mss", "5 # c", "", "something stands around the value"},
    {"a file", "cpu", "{ @include \"/etc/passwd\" }", "", "is not one value"},
    {"an element that is no group", "services.shop.backends.web4", "5", "", "found no group"},
    {"an element of another name", "services.shop.backends.web4", "{ name = \"x\"; }", "",
     "found the name \"x\" in it; allowed: \"web4\""},
    {"a name for nobody", "services.shop.backends.web4.name", "x", "",
     "there is no 'web4' to be renamed"},
    {"deleting what is not there", "services.shop.mss", nullptr, "",
     "services.shop.mss: 'mss' is not in the text, so there is nothing to delete"},
    {"deleting of nobody", "services.store.mss", nullptr, "", "'store' is not in the text"},
    {"deleting in a number", "memory.mib.x", nullptr, "", "'x' is not in the text"},
};

void what_cannot_be_done_is_refused_by_name(void** /*state*/) {
  for (const Row& row : kRefusals) {
    const Result<std::string> edited = row.value == nullptr
                                           ? delete_in_text(kText, row.path)
                                           : set_in_text(kText, row.path, row.value);
    assert_false(edited.ok());
    if (edited.message().find(row.new_part) == std::string::npos) {
      print_error("%s: %s\n", row.description, edited.message().c_str());
    }
    assert_true(edited.message().find(row.new_part) != std::string::npos);
  }
  assert_false(set_in_text("@include \"x\"\n", "name", "a").ok());
  assert_false(set_in_text("cpu = 5;", "cpu.control", "1").ok());
  assert_false(set_in_text("services = [ ];", "services.a.mss", "1").ok());
  assert_false(set_in_text("services = { };", "services.a.mss", "1").ok());
  assert_false(set_in_text(kText, std::string(1'000'000, 'a'), "1").ok());
  assert_false(set_in_text(kText, std::string(1'000'000, '['), "1").ok());
}

// A key that the product does not know can be taken away.
void unknown_keys_can_go(void** /*state*/) {
  const Result<std::string> edited = delete_in_text("colour = 5;\nname = \"a\";\n", "colour");
  assert_string_equal(edited.value().c_str(), "name = \"a\";\n");
}

void files_become_one_text(void** /*state*/) {
  const Folder folder;
  std::filesystem::create_directory(folder.path("parts"));
  folder.write("main",
               "# main\nname = \"lb1\"; @include \"parts/cpu\" # after\n@include \"ports\"");
  folder.write("parts/cpu", "cpu = { /* @include \"x\" */ @include \"workers\" };# no end");
  folder.write("parts/workers", "workers = [1, 2];\n");
  folder.write("ports", "ports = ( { name = \"wan\"; device = \"net_null0\"; } );");
  const Result<std::string> flat = flatten_file(folder.path("main"));
  if (!flat.ok()) print_error("%s\n", flat.message().c_str());
  assert_true(flat.ok());
  assert_string_equal(flat.value().c_str(),
                      "# main\nname = \"lb1\"; \ncpu = { /* @include \"x\" */ \n"
                      "workers = [1, 2];\n };# no end\n # after\n\n"
                      "ports = ( { name = \"wan\"; device = \"net_null0\"; } );\n");
  const Loaded loaded = load_settings_text(flat.value(), "text");
  assert_true(loaded.ok());
  assert_true(loaded.settings == load_settings_file(folder.path("main")).settings);
}

void files_that_cannot_are_named(void** /*state*/) {
  const Folder folder;
  assert_true(flatten_file(folder.path("none")).message().find("none: cannot be read") !=
              std::string::npos);
  folder.write("a", "\n@include \"b\"");
  assert_true(flatten_file(folder.path("a")).message().find("a:2: @include \"b\"") !=
              std::string::npos);
  // Only together more than may be.
  folder.write("b", "#" + std::string(kMaxSettingsBytes - 20, 'b'));
  folder.write("a", "@include \"b\"\n# " + std::string(30, 'a'));
  const Result<std::string> flat = flatten_file(folder.path("a"));
  assert_false(flat.ok());
  assert_true(flat.message().find("with what it includes, more than") != std::string::npos);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(texts_are_edited_where_they_stand),
      cmocka_unit_test(the_last_element_takes_its_comma_along),
      cmocka_unit_test(small_texts),
      cmocka_unit_test(what_cannot_be_done_is_refused_by_name),
      cmocka_unit_test(unknown_keys_can_go),
      cmocka_unit_test(files_become_one_text),
      cmocka_unit_test(files_that_cannot_are_named),
  };
  return cmocka_run_group_tests_name("settings/edit", tests, nullptr, nullptr);
}
