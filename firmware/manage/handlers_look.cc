// What is to be seen: the views of the box, the settings, and what has been.
#include <boost/json/array.hpp>
#include <boost/json/serializer.hpp>
#include <functional>
#include <utility>

#include "firmware/manage/arguments.h"
#include "firmware/manage/columns.h"
#include "firmware/manage/handlers.h"
#include "firmware/manage/openapi.h"
#include "firmware/manage/row.h"
#include "firmware/manage/troubles.h"
#include "firmware/manage/values.h"
#include "firmware/settings/load.h"
#include "firmware/settings/schema.h"
#include "firmware/settings/values.h"

namespace evenkeel::handlers {
namespace {

namespace json = boost::json;

constexpr size_t kListedByDefault = 100;

Outcome listed(std::string_view name, json::array rows, const Call& call) {
  json::object answer(call.storage);
  answer[name] = std::move(rows);
  return {.body = std::move(answer)};
}

Outcome refused(unsigned status, std::string_view code, const std::string& message,
                std::string_view advice) {
  return {.status = status, .body = error_of(code, message, advice)};
}

Outcome bad_request(const std::string& message, std::string_view advice) {
  return refused(400, "bad-request", message, advice);
}

Outcome of_text(json::value generation, uint64_t base, std::string_view text) {
  return {.body =
              json::object{{"generation", std::move(generation)}, {"base", base}, {"text", text}}};
}

Outcome settings_of_candidate(const Managed& managed) {
  const std::optional<Change>& change = managed.transaction.change();
  if (!change) {
    return refused(404, "no-change", "there is no candidate",
                   "open one with POST /v1/change, or ask for what is confirmed");
  }
  json::value generation = nullptr;
  if (change->generation != 0) generation = change->generation;
  return of_text(std::move(generation), change->base, change->text);
}

// REQUIRES: one of the route's choices
Protocol protocol_of(std::string_view name, bool is_v4) {
  if (name == "udp") return Protocol::udp;
  if (name == "icmp") return is_v4 ? Protocol::icmp : Protocol::icmpv6;
  return name == "sctp" ? Protocol::sctp : Protocol::tcp;
}

using RowsOf = std::function<Status(std::string_view service, const RowSink& row)>;
using RowWriter =
    std::function<void(const json::object& row, json::serializer& serializer, std::string& text)>;

// A list of which there can be 65,535 rows: written as they come, after what stands before them.
Outcome written(std::string text, const Call& call, const RowsOf& rows,
                const RowWriter& write_row) {
  json::serializer serializer;
  bool is_first = true;
  const Status status = rows(text_of(call.arguments, "service"), [&](const json::object& row) {
    if (!std::exchange(is_first, false)) text += ',';
    write_row(row, serializer, text);
  });
  if (!status.ok()) {
    return refused(404, "not-found", status.message(), "GET /v1/services lists what there is");
  }
  text += "]}";
  return {.body = nullptr, .text = std::move(text)};
}

}  // namespace

Outcome show_status(Managed& managed, const Call& call) {
  const Transaction& transaction = managed.transaction;
  json::object status = managed.views.status(call.storage);
  status["version"] = VERSION;
  status["confirmed"] = transaction.confirmed().generation;
  status["in_force"] = transaction.in_force();
  const std::optional<Change>& change = transaction.change();
  status["change"] = nullptr;
  if (change) status["change"] = to_json(*change, call.caller.now);
  status["overrides"] = transaction.overrides().all().size();
  status["troubles"] = troubles_of(managed, status["troubles"]);
  status["you"] = {{"user", call.caller.who.user}, {"role", name_of(call.caller.who.role)}};
  return {.body = std::move(status)};
}

Outcome show_settings(Managed& managed, const Call& call) {
  const Confirmed& confirmed = managed.transaction.confirmed();
  const std::string wanted = text_of(call.arguments, "generation");
  if (wanted == "candidate") return settings_of_candidate(managed);
  const std::optional<uint64_t> number =
      wanted.empty() ? confirmed.generation : parse_number(wanted);
  if (!number) {
    return bad_request("'generation' is " + in_quotes(wanted), "give its number, or candidate");
  }
  if (*number == confirmed.generation) return of_text(*number, *number, confirmed.text);
  const Result<Generation> generation = managed.archive.read(*number);
  if (!generation.ok()) {
    return refused(404, "no-generation", generation.message(), "GET /v1/history lists them");
  }
  return of_text(*number, *number, generation.value().text);
}

Outcome show_schema(Managed& /*managed*/, const Call& /*call*/) {
  return {.body = settings_schema()};
}

Outcome show_openapi(Managed& /*managed*/, const Call& call) {
  return {.body = openapi(call.storage)};
}

Outcome show_history(Managed& managed, const Call& call) {
  json::array rows(call.storage);
  const size_t limit = number_of(call.arguments, "limit").value_or(kListedByDefault);
  const uint64_t confirmed = managed.transaction.confirmed().generation;
  const Result<std::vector<Generation>> history = managed.archive.history(limit);
  if (!history.ok()) {
    return refused(503, "storage", history.message(), "GET /v1/journal may have more");
  }
  for (const Generation& generation : history.value()) {
    rows.emplace_back(to_json(generation, confirmed));
  }
  return listed("history", std::move(rows), call);
}

Outcome show_journal(Managed& managed, const Call& call) {
  json::array rows(call.storage);
  const std::string kind = text_of(call.arguments, "kind");
  const EventFilter filter{.limit = number_of(call.arguments, "limit").value_or(kListedByDefault),
                           .kind = kind};
  for (const Event& event : managed.journal.list(filter)) rows.emplace_back(to_json(event));
  Outcome outcome = listed("events", std::move(rows), call);
  outcome.body.as_object()["alarm"] = managed.journal.alarm();
  return outcome;
}

Outcome show_overrides(Managed& managed, const Call& call) {
  json::array rows(call.storage);
  for (const Override& one : managed.transaction.overrides().all()) {
    rows.emplace_back(to_json(one, call.caller.now));
  }
  return listed("overrides", std::move(rows), call);
}

Outcome show_services(Managed& managed, const Call& call) {
  return listed("services", managed.views.services(call.storage), call);
}

Outcome show_backends(Managed& managed, const Call& call) {
  return written(R"({"backends":[)", call, std::bind_front(&Views::backends, &managed.views),
                 write_json<json::object>);
}

Outcome show_health(Managed& managed, const Call& call) {
  return written(R"({"health":[)", call, std::bind_front(&Views::health, &managed.views),
                 write_json<json::object>);
}

Outcome show_table(Managed& managed, const Call& call) {
  const bool is_health = text_of(call.arguments, "of") == "health";
  Result<Columns> columns =
      Columns::parse(text_of(call.arguments, "columns"), is_health ? "Health" : "Backend");
  if (!columns.ok()) return bad_request(columns.message(), "GET /v1/openapi.json has them all");
  return written(R"({"columns":)" + columns.value().names() + R"(,"rows":[)", call,
                 std::bind_front(is_health ? &Views::health : &Views::backends, &managed.views),
                 std::bind_front(&Columns::write, &columns.value()));
}

Outcome show_workers(Managed& managed, const Call& call) {
  return listed("workers", managed.views.workers(call.storage), call);
}

Outcome show_ports(Managed& managed, const Call& call) {
  return listed("ports", managed.views.ports(call.storage), call);
}

Outcome show_neighbours(Managed& managed, const Call& call) {
  return listed("neighbours", managed.views.neighbours(call.storage), call);
}

Outcome show_drops(Managed& managed, const Call& call) {
  return listed("drops", managed.views.drops(call.storage), call);
}

Outcome show_queries(Managed& managed, const Call& call) {
  return listed("queries", managed.views.queries(call.storage), call);
}

Outcome show_why(Managed& managed, const Call& call) {
  const std::string source = text_of(call.arguments, "source");
  const std::string vip = text_of(call.arguments, "vip");
  const std::optional<Endpoint> client = parse_endpoint(source);
  const std::optional<Endpoint> service = parse_endpoint(vip);
  if (!client || !service) {
    return bad_request(
        "source " + in_quotes(source) + " or vip " + in_quotes(vip) + " is no address with a port",
        "write 192.0.2.7:40000 or [2001:db8::7]:40000");
  }
  if (client->address.is_v4() != service->address.is_v4()) {
    return bad_request("source and vip are of different IP versions", "give two of one version");
  }
  Loaded loaded;
  const std::optional<uint64_t> number = number_of(call.arguments, "generation");
  if (number) {
    const Result<Generation> generation = managed.archive.read(*number);
    if (!generation.ok()) {
      return refused(404, "no-generation", generation.message(), "GET /v1/history lists them");
    }
    loaded = load_settings_text(generation.value().text, "generation " + std::to_string(*number));
    if (!loaded.ok()) {
      return refused(422, "bad-settings", loaded.message(), "ask for another generation");
    }
  }
  const std::string protocol = text_of(call.arguments, "protocol");
  const FlowQuestion flow{.protocol = protocol_of(protocol, client->address.is_v4()),
                          .source = client->address,
                          .source_port = client->port,
                          .vip = service->address,
                          .port = service->port};
  Result<json::object> why =
      managed.views.why(flow, number ? &loaded.settings : nullptr, call.storage);
  if (!why.ok()) return refused(422, "bad-settings", why.message(), "ask for another generation");
  json::object& answer = why.value();
  answer["protocol"] = protocol;
  answer["source"] = source;
  answer["vip"] = vip;
  answer["generation"] = number.value_or(managed.transaction.in_force());
  return {.body = std::move(answer)};
}

}  // namespace evenkeel::handlers
