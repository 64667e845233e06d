#include "firmware/manage/api.h"

#include <algorithm>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/serialize.hpp>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/manage/arguments.h"
#include "firmware/manage/routes.h"
#include "firmware/manage/utf8.h"
#include "firmware/manage/values.h"

namespace evenkeel {
namespace {

namespace json = boost::json;

// Answers are made in blocks of this size; a small one needs no other.
constexpr size_t kFirstBlock = 16u << 10;

std::string written(Outcome outcome) {
  std::string text = outcome.text.empty() ? json::serialize(outcome.body) : std::move(outcome.text);
  if (!text.ends_with('\n')) text += '\n';
  make_utf8(text);
  return text;
}

// A route, and the number that its path ends with, if it is one of those.
struct Match {
  const Route* route = nullptr;
  std::optional<uint64_t> id;
};

std::optional<Match> match(const Route& route, std::string_view path) {
  const size_t brace = route.path.find('{');
  if (brace == std::string_view::npos) {
    if (path != route.path) return std::nullopt;
    return Match{.route = &route, .id = {}};
  }
  if (!path.starts_with(route.path.substr(0, brace))) return std::nullopt;
  const std::optional<uint64_t> id = parse_number(path.substr(brace));
  if (!id) return std::nullopt;
  return Match{.route = &route, .id = id};
}

// The routes of a path, each with its method.
struct Found {
  std::optional<Match> match;
  std::string allowed;
};

Found find(std::string_view method, std::string_view path) {
  Found found;
  for (const Route& route : routes()) {
    const std::optional<Match> matched = match(route, path);
    if (!matched) continue;
    found.allowed += (found.allowed.empty() ? "" : ", ") + std::string(name_of(route.method));
    if (name_of(route.method) == method) found.match = matched;
  }
  return found;
}

Outgoing not_found(const Found& found, const Incoming& incoming, std::string_view path) {
  if (found.allowed.empty()) {
    return refusal(404, "not-found", "there is no " + in_quotes(path),
                   "GET /v1/openapi.json lists what there is");
  }
  Outgoing outgoing =
      refusal(405, "wrong-method",
              in_quotes(path) + " does not know the method " + in_quotes(incoming.method),
              "it knows " + found.allowed);
  outgoing.allowed = found.allowed;
  return outgoing;
}

Outgoing not_allowed(const Managed& managed, const Caller& caller, const Route& route) {
  const std::string& group =
      route.role == Role::approver ? managed.settings.approvers : managed.settings.operators;
  return refusal(403, "role",
                 std::string(name_of(route.method)) + " " + std::string(route.path) +
                     " is for the role " + std::string(name_of(route.role)) + ", and " +
                     caller.who.user + " is " + std::string(name_of(caller.who.role)),
                 "ask to be added to the Unix group " + group +
                     ", log in again, and use the box's own socket: from afar one only looks");
}

Result<json::object> arguments_of(const Match& found, const Incoming& incoming,
                                  std::string_view query, json::storage_ptr storage) {
  const std::span<const Parameter> parameters = found.route->parameters;
  if (found.route->method == Method::post) {
    if (!query.empty()) return Error{"a POST has its arguments in its body, not in the query"};
    return arguments_of_body(incoming.body, parameters, std::move(storage));
  }
  if (!incoming.body.empty()) {
    return Error{"a " + std::string(name_of(found.route->method)) + " has no body"};
  }
  if (!found.id) return arguments_of_query(query, parameters);
  if (!query.empty()) return Error{"this path has no query"};
  return arguments_of_query("id=" + std::to_string(*found.id), parameters);
}

void keep_command(Managed& managed, const Caller& caller, const Route& route,
                  const Outcome& outcome) {
  std::string what = std::string(name_of(route.method)) + " " + std::string(route.path);
  if (outcome.status == 200) {
    what += ": done";
  } else {
    const json::object& error = outcome.body.at("error").as_object();
    what += ": refused, " + std::string(error.at("code").as_string()) + ": " +
            std::string(error.at("message").as_string());
  }
  managed.journal.append(
      {.when = caller.wall, .kind = "command", .who = caller.who.user, .what = std::move(what)});
}

}  // namespace

std::string_view name_of(Method method) {
  constexpr std::string_view kNames[] = {"GET", "POST", "DELETE"};
  return kNames[static_cast<size_t>(method)];
}

Outgoing refusal(unsigned status, std::string_view code, std::string_view message,
                 std::string_view advice) {
  return {
      .status = status, .body = written({.body = error_of(code, message, advice)}), .allowed = {}};
}

Outgoing answer(Managed& managed, const Caller& caller, const Incoming& incoming) {
  const size_t mark = std::min(incoming.target.find('?'), incoming.target.size());
  const std::string_view path = incoming.target.substr(0, mark);
  const std::string_view query = incoming.target.substr(std::min(mark + 1, incoming.target.size()));
  const Found found = find(incoming.method, path);
  if (!found.match) return not_found(found, incoming, path);
  const Route& route = *found.match->route;
  if (caller.who.role < route.role) return not_allowed(managed, caller, route);

  json::monotonic_resource memory(kFirstBlock);
  Result<json::object> arguments = arguments_of(*found.match, incoming, query, &memory);
  if (!arguments.ok()) {
    return refusal(400, "bad-request", arguments.message(),
                   "GET /v1/openapi.json says what is taken");
  }
  const Call call{.caller = caller, .arguments = std::move(arguments.value()), .storage = &memory};
  Outcome outcome = route.handle(managed, call);
  if (route.role != Role::viewer) keep_command(managed, caller, route, outcome);

  const unsigned status = outcome.status;
  const std::string_view content = status == 200 ? route.content : kJsonContent;
  std::string body = written(std::move(outcome));
  if (body.size() > kMaxApiAnswer) {
    return refusal(507, "too-large",
                   "the answer would have " + std::to_string(body.size()) + " bytes, and " +
                       std::to_string(kMaxApiAnswer) + " are possible",
                   "ask for less of it");
  }
  return {.status = status, .body = std::move(body), .allowed = {}, .content = content};
}

}  // namespace evenkeel
