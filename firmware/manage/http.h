// Where HTTP ends and the API begins: requests with bounds, and answers as HTTP sends them. Apart
// from connections, so that any bytes can be tried on it.
#pragma once

#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>

#include "firmware/change/identity.h"
#include "firmware/manage/api.h"

namespace evenkeel {

using HttpParser = boost::beast::http::request_parser<boost::beast::http::string_body>;
using HttpRequest = boost::beast::http::request<boost::beast::http::string_body>;
using HttpResponse = boost::beast::http::response<boost::beast::http::string_body>;

// Before any byte of a request is parsed: who may only look has nothing long to say.
void set_bounds(HttpParser& parser, bool only_looks);

// Why a request cannot be parsed; none: the connection is at fault, and nobody reads an answer.
std::optional<Outgoing> refusal_of(const boost::system::error_code& error);

Outgoing answer(Managed& managed, const Caller& caller, const HttpRequest& request);

HttpResponse response_of(Outgoing outgoing, unsigned version, bool keep_alive);

// Whether another request may follow on the connection.
bool may_follow(const HttpRequest& request);

// Of "Authorization: Bearer TOKEN"; empty: there is none.
std::string_view bearer_token(const HttpRequest& request);

}  // namespace evenkeel
