// One operation of the API, as data: what is dispatched, who may, what is taken and what is
// answered. The server, the check of requests and the OpenAPI document all come from these rows.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/storage_ptr.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "firmware/change/archive.h"
#include "firmware/change/identity.h"
#include "firmware/change/journal.h"
#include "firmware/change/transaction.h"
#include "firmware/manage/alert_receivers.h"
#include "firmware/manage/alerts.h"
#include "firmware/manage/peer.h"
#include "firmware/manage/views.h"

namespace evenkeel {

enum class Method : uint8_t { get, post, remove };
std::string_view name_of(Method method);  // "GET"

enum class ParameterKind : uint8_t {
  text,
  number,  // whole, from 0
  list,    // of objects
};

// NOLINTBEGIN(readability-redundant-member-init): gcc 12 warns of members without.

// Of a query (GET), a body (POST), or `{name}` in a path.
struct Parameter {
  std::string_view name;
  ParameterKind kind = ParameterKind::text;
  bool is_required = false;
  uint64_t least = 0;  // of a number; of a text, its bytes; of a list, its length
  uint64_t most = 0;
  std::string_view help;
  std::span<const std::string_view> choices{};  // of a text; none: any
  std::span<const Parameter> members{};         // of a list: of each object in it
};

// What requests are about. All of it outlives the server.
struct Managed {
  Transaction& transaction;
  const Archive& archive;
  Journal& journal;
  const Views& views;
  ApiSettings settings;  // of the API: names of the groups
  // What was not as it should be when the box was started; null: nothing.
  const std::vector<std::string>* warnings = nullptr;
  // What is wrong, and who is told of it; null: nobody looks after that.
  const Alerts* alerts = nullptr;
  const AlertReceivers* receivers = nullptr;
  // Why nobody can look from afar, and nobody by a token, though the settings want it.
  std::string remote_trouble{};
  std::string tokens_trouble{};
};

// A request that fits its route, by somebody who may.
struct Call {
  Caller caller;
  boost::json::object arguments;  // every one fits its row
  boost::json::storage_ptr storage;
};

struct Outcome {
  unsigned status = 200;  // of HTTP
  boost::json::value body;
  std::string text{};  // not empty: the body, written already
};

// NOLINTEND(readability-redundant-member-init)

// As the header `Content-Type` has it.
inline constexpr std::string_view kJsonContent = "application/json";

using Handler = Outcome (*)(Managed& managed, const Call& call);

struct Route {
  Method method = Method::get;
  std::string_view path;  // "/v1/overrides/{id}": the last part may be a number
  Role role = Role::viewer;
  std::string_view summary;
  std::span<const Parameter> parameters;
  std::string_view answer;  // a component of answers.h; empty: text of another kind
  Handler handle = nullptr;
  std::string_view content = kJsonContent;
};

}  // namespace evenkeel
