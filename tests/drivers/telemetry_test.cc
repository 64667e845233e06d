// Commands asked through DPDK's real socket, as dpdk-telemetry.py asks them.
#include "drivers/telemetry.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>

#include "drivers/descriptor.h"
#include "tests/base/death.h"
#include "tests/cmocka.h"
#include "tests/drivers/own_eal.h"

namespace evenkeel {
namespace {

struct Box {
  std::unique_ptr<Eal> eal;
  std::optional<Telemetry> telemetry;
  Descriptor socket;
};

int setup(void** state) {
  auto* const box = new Box;
  box->eal = start_own_eal(own_eal_spec("telemetry", {}));
  box->telemetry.emplace();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string path = box->eal->telemetry_socket();
  std::copy(path.begin(), path.end(), address.sun_path);
  box->socket = Descriptor(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const auto* const where = reinterpret_cast<const sockaddr*>(&address);
  CHECK(::connect(box->socket.get(), where, sizeof(address)) == 0);
  std::array<char, 1024> greeting{};
  CHECK(::recv(box->socket.get(), greeting.data(), greeting.size(), 0) > 0);
  *state = box;
  return 0;
}

int teardown(void** state) {
  delete static_cast<Box*>(*state);
  return 0;
}

Box& box_of(void** state) { return *static_cast<Box*>(*state); }

// What the socket answers, into memory that an assert may leave behind.
const char* ask(const Box& box, const std::string& command) {
  static std::array<char, 1 << 17> answer;
  CHECK(::send(box.socket.get(), command.data(), command.size(), 0) > 0);
  const ssize_t length = ::recv(box.socket.get(), answer.data(), answer.size() - 1, 0);
  CHECK(length > 0);
  answer[static_cast<size_t>(length)] = '\0';
  return answer.data();
}

void all_kinds_of_values(void** state) {
  Box& box = box_of(state);
  box.telemetry->add("/test/kinds", "All kinds", [](std::string_view) -> Result<TelemetryFields> {
    return TelemetryFields{
        {"number", UINT64_MAX},
        {"text", "a \"b\" \\ c"},
        {"numbers", std::vector<uint64_t>{1, 2, 3}},
        {"none", std::vector<uint64_t>{}},
        {"texts", std::vector<std::string>{"x", ""}},
        {"object", TelemetryFields{{"inner", TelemetryFields{{"deep", uint64_t{7}}}}}},
        {"empty", TelemetryFields{}},
    };
  });
  assert_string_equal(
      ask(box, "/test/kinds"),
      R"({"/test/kinds":{"number":18446744073709551615,"text":"a \"b\" \\ c","numbers":[1,2,3],)"
      R"("none":[],"texts":["x",""],"object":{"inner":{"deep":7}},"empty":{}}})");
  assert_string_equal(ask(box, "/help,/test/kinds"), R"({"/help":{"/test/kinds":"All kinds"}})");
}

void parameters_arrive(void** state) {
  Box& box = box_of(state);
  box.telemetry->add("/test/echo", "Echo", [](std::string_view text) -> Result<TelemetryFields> {
    if (text == "bad") return Error{"bad is no parameter"};
    return TelemetryFields{{"got", std::string(text)}};
  });
  assert_string_equal(ask(box, "/test/echo"), R"({"/test/echo":{"got":""}})");
  assert_string_equal(ask(box, "/test/echo,a,b"), R"({"/test/echo":{"got":"a,b"}})");
  assert_string_equal(ask(box, "/test/echo,bad"),
                      R"({"/test/echo":{"error":"bad is no parameter"}})");
}

// What DPDK's JSON cannot carry as it is.
void texts_are_made_fit(void** state) {
  Box& box = box_of(state);
  box.telemetry->add("/test/fit", "Fit", [](std::string_view) -> Result<TelemetryFields> {
    return TelemetryFields{
        {"a-b.c d", "caf\xc3\xa9\n\x01\x7f"},
        {"long", std::string(100, 'a') + ' ' + std::string(100, 'b')},
        {"wide", std::string(130, 'c')},
        {"just", std::string(127, 'd')},
        {"list", std::vector<std::string>{"x", std::string(128, 'e')}},
    };
  });
  const std::string expected =
      R"({"/test/fit":{"a_b_c_d":"caf?????","long":[")" + std::string(100, 'a') + " \",\"" +
      std::string(100, 'b') + R"("],"wide":[")" + std::string(127, 'c') + R"(","ccc"],"just":")" +
      std::string(127, 'd') + R"(","list":["x",")" + std::string(127, 'e') + R"(","e"]}})";
  const char* const got = ask(box, "/test/fit");
  const bool is_same = expected == got;
  if (!is_same) fail_msg("%s", got);
}

void too_much_is_said_to_be(void** state) {
  Box& box = box_of(state);
  const struct {
    const char* path;
    size_t fields;
    size_t length;
    bool fits;
  } rows[] = {
      {"/test/much/a", 256, 1, true},
      {"/test/much/b", 257, 1, false},
      {"/test/much/c", 116, 127, true},
      {"/test/much/d", 130, 127, false},
  };
  for (const auto& row : rows) {
    box.telemetry->add(row.path, "Much", [row](std::string_view) -> Result<TelemetryFields> {
      TelemetryFields fields;
      for (size_t i = 0; i < row.fields; ++i) {
        fields.push_back({"f" + std::to_string(i), std::string(row.length, 'x')});
      }
      return fields;
    });
    const char* const got = ask(box, row.path);
    if (row.fits) {
      const bool has_last =
          std::strstr(got, ("\"f" + std::to_string(row.fields - 1) + '"').c_str());
      if (!has_last) fail_msg("%s: the last field is missing", row.path);
    } else if (std::strstr(got, "larger than DPDK's telemetry can carry") == nullptr) {
      fail_msg("%s: %.100s", row.path, got);
    }
  }
}

TelemetryFields entry_of(size_t i) {
  return {{"name", "service \"" + std::to_string(i) + '"'},
          {"address", std::string(120, 'x')},
          {"counts", std::vector<uint64_t>{i, UINT64_MAX}}};
}

// "next" of a page, or `none`.
size_t next_of(const char* page, size_t none) {
  const char* const at = std::strstr(page, "\"next\":\"");
  return at == nullptr ? none : std::strtoul(at + 8, nullptr, 10);
}

// Whichever way entries fall on pages, following "next" shows each of them once.
void a_list_is_served_in_pages(void** state) {
  Box& box = box_of(state);
  constexpr size_t kTotal = 1'000;
  box.telemetry->add_list("/test/list", "List", [](std::string_view, TelemetryPage& page) {
    page.set_total(kTotal);
    for (size_t i = page.first(); i < kTotal && page.add(std::to_string(i), entry_of(i)); ++i) {
    }
    return Status();
  });
  size_t first = 0;
  size_t pages = 0;
  while (first < kTotal) {
    const char* const page = ask(box, "/test/list," + std::to_string(first));
    assert_non_null(std::strstr(page, "{\"/test/list\":{\"total\":1000,"));
    assert_true(std::strlen(page) <= 16'384);
    const size_t next = next_of(page, kTotal);
    assert_true(next > first);
    for (size_t i = first; i < next; ++i) {
      const std::string whole = '"' + std::to_string(i) + "\":{\"name\":\"service \\\"" +
                                std::to_string(i) + "\\\"\",\"address\":\"" +
                                std::string(120, 'x') + "\",\"counts\":[" + std::to_string(i) +
                                ",18446744073709551615]}";
      const bool is_there = std::strstr(page, whole.c_str()) != nullptr;
      if (!is_there) fail_msg("entry %zu is not on the page of %zu", i, first);
    }
    first = next;
    ++pages;
  }
  assert_true(pages > 10 && pages < 20);
  assert_string_equal(ask(box, "/test/list,1000"), R"({"/test/list":{"total":1000,"entries":{}}})");
}

void small_entries_are_256_at_most(void** state) {
  Box& box = box_of(state);
  box.telemetry->add_list("/test/small", "Small", [](std::string_view, TelemetryPage& page) {
    for (size_t i = page.first(); i < 300 && page.add(std::to_string(i), {}); ++i) {
    }
    return Status();
  });
  assert_int_equal(next_of(ask(box, "/test/small"), 0), 256);
  assert_non_null(std::strstr(ask(box, "/test/small,256"), "\"299\":{}}"));
}

void an_entry_that_fits_no_page(void** state) {
  Box& box = box_of(state);
  box.telemetry->add_list("/test/huge", "Huge", [](std::string_view, TelemetryPage& page) {
    for (size_t i = page.first(); i < 2; ++i) {
      TelemetryFields entry;
      for (size_t j = 0; j < 200; ++j) entry.push_back({"f", std::string(127, 'x')});
      if (!page.add(std::to_string(i), entry)) break;
    }
    return Status();
  });
  assert_string_equal(ask(box, "/test/huge"),
                      R"({"/test/huge":{"total":0,"next":"1","entries":{"0":{"error":)"
                      R"("the entry is larger than DPDK's telemetry can carry"}}}})");
}

void parameters_of_lists(void** state) {
  Box& box = box_of(state);
  box.telemetry->add_list("/test/of", "Of", [](std::string_view parameter, TelemetryPage& page) {
    if (parameter == "nobody") return Status(Error{"there is no service \"nobody\""});
    page.set_total(page.first());
    page.add("0", {{"parameter", std::string(parameter)}});
    return Status();
  });
  const struct {
    const char* asked;
    const char* expected;
  } rows[] = {
      {"/test/of", R"({"/test/of":{"total":0,"entries":{"0":{"parameter":""}}}})"},
      {"/test/of,48", R"({"/test/of":{"total":48,"entries":{"0":{"parameter":""}}}})"},
      {"/test/of,shop", R"({"/test/of":{"total":0,"entries":{"0":{"parameter":"shop"}}}})"},
      {"/test/of,shop,48", R"({"/test/of":{"total":48,"entries":{"0":{"parameter":"shop"}}}})"},
      {"/test/of,7,48", R"({"/test/of":{"total":48,"entries":{"0":{"parameter":"7"}}}})"},
      {"/test/of,4x", R"({"/test/of":{"total":0,"entries":{"0":{"parameter":"4x"}}}})"},
      {"/test/of,-4", R"({"/test/of":{"total":0,"entries":{"0":{"parameter":"-4"}}}})"},
      {"/test/of,nobody", R"({"/test/of":{"error":"there is no service \"nobody\""}})"},
  };
  for (const auto& row : rows) assert_string_equal(ask(box, row.asked), row.expected);
}

void there_is_one_only(void** /*state*/) {
  assert_true(dies_saying("is_used", [] { const Telemetry another; }));
}

void a_name_that_is_none_is_a_mistake(void** state) {
  Box& box = box_of(state);
  assert_true(dies_saying("rte_telemetry_register_cmd", [&] {
    box.telemetry->add("/test/a-b", "help", [](std::string_view) -> Result<TelemetryFields> {
      return TelemetryFields();
    });
  }));
}

void commands_outlive_their_object(void** state) {
  Box& box = box_of(state);
  const auto add = [&](uint64_t number) {
    box.telemetry->add("/test/life", "Life", [number](std::string_view) {
      return Result<TelemetryFields>(TelemetryFields{{"life", number}});
    });
  };
  add(1);
  assert_string_equal(ask(box, "/test/life"), R"({"/test/life":{"life":1}})");
  box.telemetry.reset();
  assert_string_equal(ask(box, "/test/life"), R"({"/test/life":null})");
  box.telemetry.emplace();
  assert_string_equal(ask(box, "/test/life"), R"({"/test/life":null})");
  add(2);
  assert_string_equal(ask(box, "/test/life"), R"({"/test/life":{"life":2}})");
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  if (!enter_own_network()) return kSkipped;
  const CMUnitTest tests[] = {
      cmocka_unit_test(all_kinds_of_values),
      cmocka_unit_test(parameters_arrive),
      cmocka_unit_test(texts_are_made_fit),
      cmocka_unit_test(too_much_is_said_to_be),
      cmocka_unit_test(a_list_is_served_in_pages),
      cmocka_unit_test(small_entries_are_256_at_most),
      cmocka_unit_test(an_entry_that_fits_no_page),
      cmocka_unit_test(parameters_of_lists),
      cmocka_unit_test(there_is_one_only),
      cmocka_unit_test(a_name_that_is_none_is_a_mistake),
      cmocka_unit_test(commands_outlive_their_object),
  };
  return cmocka_run_group_tests_name("drivers/telemetry", tests, setup, teardown);
}
