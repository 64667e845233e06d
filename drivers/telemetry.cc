#include "drivers/telemetry.h"

#include <rte_telemetry.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

#include "firmware/base/check.h"

namespace evenkeel {
namespace {

// Of 16 KiB, what the command's own name and the page around its entries take.
constexpr size_t kAnswerBytes = 16'384 - 128;
constexpr size_t kPageBytes = kAnswerBytes - 128;
constexpr size_t kPieceBytes = RTE_TEL_MAX_STRING_LEN - 1;

// What DPDK's own JSON can carry: printable ASCII.
std::string printable(const std::string& text) {
  std::string result = text;
  std::replace_if(
      result.begin(), result.end(), [](char byte) { return byte < ' ' || byte > '~'; }, '?');
  return result;
}

std::string name_of(const std::string& text) {
  std::string result = text.substr(0, kPieceBytes);
  const auto is_foreign = [](unsigned char byte) {
    return byte > '~' || (std::isalnum(byte) == 0 && byte != '/');
  };
  std::replace_if(result.begin(), result.end(), is_foreign, '_');
  return result;
}

// Cut at spaces where there are any.
std::vector<std::string> pieces_of(const std::vector<std::string>& texts) {
  std::vector<std::string> pieces;
  for (std::string text : texts) {
    while (text.size() > kPieceBytes) {
      const size_t space = text.rfind(' ', kPieceBytes - 1);
      const size_t length = space == std::string::npos ? kPieceBytes : space + 1;
      pieces.push_back(text.substr(0, length));
      text.erase(0, length);
    }
    pieces.push_back(std::move(text));
  }
  return pieces;
}

bool has_long(const std::vector<std::string>& texts) {
  return std::any_of(texts.begin(), texts.end(),
                     [](const std::string& text) { return text.size() > kPieceBytes; });
}

// Bytes of a value as JSON, or more than any answer can have if DPDK would cut it.
struct Size {
  static constexpr size_t kTooMuch = size_t{1} << 32;

  size_t operator()(uint64_t number) const { return std::to_string(number).size(); }

  size_t operator()(const std::string& text) const {
    if (text.size() > kPieceBytes) return (*this)(pieces_of({text}));
    size_t bytes = 2;
    for (const char byte : printable(text)) bytes += byte == '"' || byte == '\\' ? 2 : 1;
    return bytes;
  }

  template <typename T>
  size_t operator()(const std::vector<T>& list) const {
    if constexpr (std::is_same_v<T, std::string>) {
      if (has_long(list)) return (*this)(pieces_of(list));
    }
    size_t bytes = list.size() <= RTE_TEL_MAX_ARRAY_ENTRIES ? 2 : kTooMuch;
    for (const T& element : list) bytes += (*this)(element) + 1;
    return bytes;
  }

  size_t operator()(const TelemetryFields& fields) const {
    size_t bytes = fields.size() <= RTE_TEL_MAX_DICT_ENTRIES ? 2 : kTooMuch;
    for (const TelemetryField& field : fields) {
      bytes += field.name.size() + 4 + std::visit(*this, field.value);
    }
    return bytes;
  }
};

void fill(rte_tel_data* data, const TelemetryFields& fields);

// Adds a field's value to an object of DPDK's.
struct Adder {
  rte_tel_data* data;
  const char* name;

  // DPDK frees `value` after it has been sent.
  void add(rte_tel_data* value) const { rte_tel_data_add_dict_container(data, name, value, 0); }

  void operator()(uint64_t number) const { rte_tel_data_add_dict_u64(data, name, number); }

  void operator()(const std::string& text) const {
    if (text.size() > kPieceBytes) {
      (*this)(std::vector<std::string>{text});
    } else {
      rte_tel_data_add_dict_string(data, name, printable(text).c_str());
    }
  }

  void operator()(const std::vector<uint64_t>& numbers) const {
    rte_tel_data* const list = rte_tel_data_alloc();
    rte_tel_data_start_array(list, RTE_TEL_U64_VAL);
    for (const uint64_t number : numbers) rte_tel_data_add_array_u64(list, number);
    add(list);
  }

  void operator()(const std::vector<std::string>& texts) const {
    rte_tel_data* const list = rte_tel_data_alloc();
    rte_tel_data_start_array(list, RTE_TEL_STRING_VAL);
    for (const std::string& text : pieces_of(texts)) {
      rte_tel_data_add_array_string(list, printable(text).c_str());
    }
    add(list);
  }

  void operator()(const TelemetryFields& fields) const {
    rte_tel_data* const object = rte_tel_data_alloc();
    fill(object, fields);
    add(object);
  }
};

void fill(rte_tel_data* data, const TelemetryFields& fields) {
  rte_tel_data_start_dict(data);
  for (const TelemetryField& field : fields) {
    const std::string name = name_of(field.name);
    std::visit(Adder{data, name.c_str()}, field.value);
  }
}

TelemetryFields error_fields(const std::string& message) { return {{"error", message}}; }

// What follows a list's name: "48", "shop,48" or "shop".
std::pair<std::string_view, size_t> parse_list_parameter(std::string_view text) {
  const size_t comma = text.rfind(',');
  const std::string_view last = comma == std::string_view::npos ? text : text.substr(comma + 1);
  size_t first = 0;
  const auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), first);
  if (error != std::errc() || end != last.data() + last.size()) return {text, 0};
  return {comma == std::string_view::npos ? "" : text.substr(0, comma), first};
}

// DPDK knows commands by their names alone, until the process ends; who answers is found here.
struct Registry {
  std::mutex mutex;
  std::map<std::string, Telemetry::Answer> answers;  // an empty one: nobody any more
  bool is_used = false;
};

// Outlives everything: DPDK's threads run until the process ends.
Registry& registry() {
  static Registry& only = *new Registry;
  return only;
}

int answer_command(const char* command, const char* parameter, rte_tel_data* data) {
  Registry& all = registry();
  const std::lock_guard<std::mutex> lock(all.mutex);
  const auto found = all.answers.find(command);
  if (found == all.answers.end() || !found->second) return -1;
  const Result<TelemetryFields> answer = found->second(parameter == nullptr ? "" : parameter);
  if (!answer.ok()) {
    fill(data, error_fields(answer.message()));
  } else if (Size()(answer.value()) > kAnswerBytes) {
    fill(data, error_fields("the answer is larger than DPDK's telemetry can carry"));
  } else {
    fill(data, answer.value());
  }
  return 0;
}

}  // namespace

TelemetryPage::TelemetryPage(size_t first) : first_(first), room_(kPageBytes) {}

bool TelemetryPage::add(std::string name, TelemetryFields entry) {
  size_t bytes = Size()(TelemetryFields{{name, entry}});
  const bool is_alone = entries_.empty();
  if (is_alone && bytes > room_) {
    entry = error_fields("the entry is larger than DPDK's telemetry can carry");
    bytes = Size()(TelemetryFields{{name, entry}});
  }
  if (bytes > room_ || entries_.size() == RTE_TEL_MAX_DICT_ENTRIES) {
    next_ = std::move(name);
    return false;
  }
  room_ -= bytes;
  entries_.push_back({std::move(name), std::move(entry)});
  return true;
}

TelemetryFields TelemetryPage::fields() const {
  TelemetryFields page = {{"total", total_}};
  if (!next_.empty()) page.push_back({"next", next_});
  page.push_back({"entries", entries_});
  return page;
}

Telemetry::Telemetry() {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  REQUIRE(!registry().is_used);
  registry().is_used = true;
}

Telemetry::~Telemetry() {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  for (auto& [path, answer] : registry().answers) answer = nullptr;
  registry().is_used = false;
}

void Telemetry::add(const std::string& path, const std::string& help, Answer answer) {
  const std::lock_guard<std::mutex> lock(registry().mutex);
  const auto [entry, is_new] = registry().answers.insert_or_assign(path, std::move(answer));
  if (is_new) {
    REQUIRE(rte_telemetry_register_cmd(path.c_str(), answer_command, help.c_str()) == 0);
  }
}

void Telemetry::add_list(const std::string& path, const std::string& help, List list) {
  add(path, help, [list = std::move(list)](std::string_view text) -> Result<TelemetryFields> {
    const auto [parameter, first] = parse_list_parameter(text);
    TelemetryPage page(first);
    const Status status = list(parameter, page);
    if (!status.ok()) return Error{status.message()};
    return page.fields();
  });
}

}  // namespace evenkeel
