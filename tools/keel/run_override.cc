// The commands that set a backend aside for a while, and end that.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "tools/keel/fields.h"
#include "tools/keel/plan.h"
#include "tools/keel/run.h"
#include "tools/keel/session.h"
#include "tools/keel/show.h"
#include "tools/keel/units.h"

namespace evenkeel::keel {
namespace {

constexpr std::string_view kOverrides = "/v1/overrides";

Exit set_override(Session& session, std::string_view kind, const Given& given,
                  boost::json::object body) {
  const Result<uint64_t> seconds = parse_seconds(given.value("--for"));
  if (!seconds.ok()) return session.complain(Exit::usage, "--for: " + seconds.message());
  body["backend"] = given.argument(0);
  body["kind"] = kind;
  body["for_s"] = seconds.value();
  body["reason"] = given.value("--reason");
  const std::string sentence = given.argument(0) + ": " + std::string(kind) + " for " +
                               how_long(seconds.value()) + ", then it ends by itself. Sooner:\n";
  return session.show(session.post(kOverrides, body),
                      [&](const boost::json::value&, const Style& style) {
                        return sentence + next_step(style, "keel undrain " + given.argument(0));
                      });
}

// Numbers of the overrides that `name` means.
std::vector<std::string> numbers_of(const boost::json::value& answer, const std::string& name) {
  std::vector<std::string> numbers;
  for (const boost::json::value& row : list_of(answer, "overrides")) {
    const std::string id = text_of(row, "id");
    const bool is_meant = raw_text_of(row, "backend") == name || id == name;
    if (is_meant) numbers.push_back(id);
  }
  return numbers;
}

}  // namespace

Exit run_drain(Session& session, const Given& given) {
  return set_override(session, "drain", given, {});
}

Exit run_maintenance(Session& session, const Given& given) {
  return set_override(session, "maintenance", given, {});
}

Exit run_weight(Session& session, const Given& given) {
  const std::string text = given.argument(1);
  const std::optional<uint64_t> weight = text == "0" ? std::optional<uint64_t>(0) : parse_id(text);
  if (!weight) {
    return session.complain(Exit::usage, "'" + text + "' is no weight; it is a number from 0");
  }
  boost::json::object body;
  body["weight"] = *weight;
  return set_override(session, "weight", given, std::move(body));
}

Exit run_undrain(Session& session, const Given& given) {
  const std::string name = given.argument(0);
  const Reply all = session.get(kOverrides);
  if (!all.is_good()) return all.exit;
  const std::vector<std::string> numbers = numbers_of(all.body, name);
  if (numbers.empty()) {
    return session.complain(Exit::refused,
                            "nothing is set for '" + name + "'; keel overrides lists what is");
  }
  boost::json::array answers;
  for (const std::string& number : numbers) {
    Reply gone = session.remove(std::string(kOverrides) + "/" + number);
    if (!gone.is_good()) return gone.exit;
    answers.push_back(std::move(gone.body));
  }
  const Reply done{.exit = Exit::done, .body = std::move(answers)};
  return session.show(done, [&](const boost::json::value&, const Style&) {
    return name + ": the settings count again.\n";
  });
}

}  // namespace evenkeel::keel
