// What the box answers, read without trusting it: a field that is missing, or of another kind, is
// told as nothing, never an error, and every text is printable before anybody sees it.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evenkeel::keel {

// `path` is a field's name, or names joined by '/': "you/role". The value, or a null.
const boost::json::value& field(const boost::json::value& of, std::string_view path);
bool has(const boost::json::value& of, std::string_view path);  // and it is not null

// Text as it is to be shown; numbers and booleans are written as text.
std::string text_of(const boost::json::value& of, std::string_view path);
std::string shown(const boost::json::value& value);
// As the box sent it: to be sent back, or written into a file; never to a terminal.
std::string raw_text_of(const boost::json::value& of, std::string_view path);

std::optional<double> number_of(const boost::json::value& of, std::string_view path);
uint64_t count_of(const boost::json::value& of, std::string_view path);  // else 0
bool flag_of(const boost::json::value& of, std::string_view path);       // else false
// A time in microseconds since 1970, or as text, in UTC; empty: there is none.
std::string time_of(const boost::json::value& of, std::string_view path);
// A list; if it is none, an empty one.
const boost::json::array& list_of(const boost::json::value& of, std::string_view path);
std::vector<std::string> texts_of(const boost::json::value& of, std::string_view path);

// One line of JSON that a terminal shows as it is: what JSON lets through unescaped and a terminal
// obeys is escaped too.
std::string to_line(const boost::json::value& value);
// The same of its text. REQUIRES: it is JSON.
std::string to_line(std::string_view json);

}  // namespace evenkeel::keel
