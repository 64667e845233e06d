// Any bytes as a request, through the parser and the dispatch that the server uses, and any bytes
// as what is put into requests that routes.h describes: every answer is JSON, of the shape that
// answers have, and an operator's bytes do no more than a request may. At the end it says how many
// requests became what.
#include "firmware/manage/api.h"

#include <boost/asio/buffer.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>

#include "firmware/base/check.h"
#include "firmware/base/limits.h"
#include "firmware/manage/http.h"
#include "firmware/manage/routes.h"
#include "tests/manage/managed_room.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

// What became of the requests of this process.
struct Tally {
  uint64_t done = 0;
  uint64_t refused = 0;
  uint64_t unfinished = 0;

  ~Tally() {
    std::fprintf(stderr,
                 "%" PRIu64 " API requests: %" PRIu64 " done, %" PRIu64 " refused, %" PRIu64
                 " that wait for more bytes\n",
                 done + refused + unfinished, done, refused, unfinished);
  }
};

Tally& tally() {
  static Tally of_process;
  return of_process;
}

void expect_shape(const Outgoing& outgoing) {
  if (outgoing.content != kJsonContent) {  // metrics
    CHECK(outgoing.status == 200 && outgoing.body.starts_with("# HELP "));
    ++tally().done;
    return;
  }
  json::error_code error;
  const json::value value = json::parse(outgoing.body, error);
  CHECK(!error && value.is_object());
  const json::value* refused = value.as_object().if_contains("error");
  CHECK((refused != nullptr) == (outgoing.status != 200));
  ++(refused == nullptr ? tally().done : tally().refused);
  if (refused == nullptr) return;
  CHECK(outgoing.status >= 400 && outgoing.status < 600);
  for (const char* name : {"code", "message", "advice"}) {
    CHECK(!refused->at(name).as_string().empty());
  }
}

// As HTTP on a connection.
void expect_of_bytes(ManagedRoom& room, std::string_view bytes, Role role) {
  HttpParser parser;
  set_bounds(parser, role == Role::viewer);
  parser.eager(true);
  boost::system::error_code error;
  parser.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
  if (error) {
    const std::optional<Outgoing> refused = refusal_of(error);
    if (!refused.has_value()) {
      ++tally().refused;  // the connection is closed without a word
      return;
    }
    return expect_shape(*refused);
  }
  if (!parser.is_done()) {
    ++tally().unfinished;
    return;
  }
  Managed managed = room.managed();
  expect_shape(answer(managed, room.machine.caller("anna", role), parser.get()));
}

// Target and body only, which a fuzzer comes farther with: the first line is method and target.
void expect_of_lines(ManagedRoom& room, std::string_view bytes, Role role) {
  const size_t end = std::min(bytes.find('\n'), bytes.size());
  const std::string_view line = bytes.substr(0, end);
  const size_t space = std::min(line.find(' '), line.size());
  expect_shape(room.ask(role, line.substr(0, space), line.substr(std::min(space + 1, line.size())),
                        bytes.substr(std::min(end + 1, bytes.size()))));
}

// The bytes one after the other; when there are no more, 0.
class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  uint8_t next() {
    if (bytes_.empty()) return 0;
    const char first = bytes_.front();
    bytes_.remove_prefix(1);
    return static_cast<uint8_t>(first);
  }

 private:
  std::string_view bytes_;
};

// What somebody would write there, or in another place.
constexpr std::string_view kTexts[] = {"services.shop.backends.web1.weight",
                                       "2",
                                       "shop/web1",
                                       "single-node",
                                       "a reason",
                                       "drain",
                                       "weight",
                                       "tcp",
                                       "198.51.100.7:40000",
                                       "192.0.2.10:80",
                                       "[2001:db8::7]:1",
                                       "services.shop.mss",
                                       "1300",
                                       "shop",
                                       "candidate",
                                       "services.shop.backends[web5].address",
                                       "\"10.0.0.5\"",
                                       "change.approval",
                                       "\"required\"",
                                       "",
                                       "\xff\n",
                                       "latched"};
constexpr uint64_t kNumbers[] = {1, 2, 3, 4, 60, 0, 3'600, 100, UINT64_MAX, 1'000'000'007};

json::value value_for(const Parameter& parameter, Bytes& bytes);

// Most of what the rows want.
json::object values_for(std::span<const Parameter> parameters, Bytes& bytes) {
  json::object values;
  for (const Parameter& parameter : parameters) {
    const uint8_t how = bytes.next();
    const bool is_there = parameter.is_required ? how != 255 : how % 2 == 1;
    if (is_there) values[parameter.name] = value_for(parameter, bytes);
  }
  return values;
}

json::value value_for(const Parameter& parameter, Bytes& bytes) {
  const uint8_t which = bytes.next();
  if (which == 254) return nullptr;
  if (which == 255) return json::array{1, "two"};
  if (parameter.kind == ParameterKind::number) return kNumbers[which % std::size(kNumbers)];
  if (parameter.kind == ParameterKind::list) {
    json::array list;
    for (int i = 0; i <= which % 3; ++i) list.push_back(values_for(parameter.members, bytes));
    return list;
  }
  if (!parameter.choices.empty()) return parameter.choices[which % parameter.choices.size()].data();
  const bool is_settings = parameter.most >= kMaxSettingsBytes && which % 2 == 0;
  if (is_settings) return json::string(SmallText{.mss = 1'280u + which}.text());
  return json::string(kTexts[which % std::size(kTexts)]);
}

std::string with_query(std::string target, const json::object& values) {
  char separator = '?';
  for (const auto& [name, value] : values) {
    target += separator + std::string(name) + '=';
    const std::string text = value.is_string() ? std::string(value.as_string()) : serialize(value);
    for (const char c : text) {
      char escaped[4];
      std::snprintf(escaped, sizeof escaped, "%%%02X", static_cast<unsigned char>(c));
      target += escaped;
    }
    separator = '&';
  }
  return target;
}

// A few requests in a row that fit the rows of their routes, or nearly.
void expect_of_routes(ManagedRoom& room, std::string_view given) {
  constexpr size_t kRequests = 4;
  constexpr const char* kPeople[] = {"anna", "bert", "cleo"};
  Bytes bytes(given);
  for (size_t i = 0; i < kRequests; ++i) {
    const uint8_t who = bytes.next();
    const Route& route = routes()[bytes.next() % routes().size()];
    const json::object values = values_for(route.parameters, bytes);
    std::string target(route.path);
    if (const size_t brace = target.find('{'); brace != std::string::npos) {
      target.replace(brace, std::string::npos, std::to_string(who / 9));
    }
    const bool has_body = route.method == Method::post;
    if (!has_body) target = with_query(target, values);
    expect_shape(room.ask(static_cast<Role>(who % 3), name_of(route.method), target,
                          has_body ? serialize(values) : "", kPeople[who / 3 % 3]));
  }
  room.machine.tick(bytes.next() * kMicrosecondsPerTick);
}

// Begun anew every so often, so that what is stored stays small.
ManagedRoom& room() {
  constexpr size_t kRequestsOfRoom = 2'000;
  static std::unique_ptr<ManagedRoom> current;
  static size_t requests = kRequestsOfRoom;
  if (requests++ >= kRequestsOfRoom) {
    current.reset();
    current = std::make_unique<ManagedRoom>();
    requests = 0;
  }
  return *current;
}

}  // namespace
}  // namespace evenkeel

// libconfig 1.5 loses the text before a syntax error: a few bytes each time that a file is refused.
extern "C" const char* __lsan_default_suppressions() { return "leak:libconfig"; }

// NOLINTNEXTLINE(readability-identifier-naming): the name that libFuzzer calls.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const auto role = static_cast<evenkeel::Role>(data[0] % 3);
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  evenkeel::expect_of_bytes(evenkeel::room(), bytes, role);
  evenkeel::expect_of_lines(evenkeel::room(), bytes, role);
  evenkeel::expect_of_routes(evenkeel::room(), bytes);
  return 0;
}
