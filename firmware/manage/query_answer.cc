#include "firmware/manage/query_answer.h"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

#include "firmware/manage/utf8.h"

namespace evenkeel {
namespace {

namespace json = boost::json;
using Kind = QueryAnswer::Kind;

// Of what others say, so much is passed on.
constexpr size_t kMostOfOthers = 200;

// What they say, without anything that a terminal would obey.
std::string quoted(std::string_view text) {
  std::string shown(text.substr(0, kMostOfOthers));
  std::ranges::replace_if(
      shown, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; }, '?');
  make_utf8(shown);
  return "\"" + shown + "\"";
}

QueryAnswer refused(std::string why) { return {.kind = Kind::refused, .why = std::move(why)}; }
QueryAnswer none(std::string why) { return {.kind = Kind::none, .why = std::move(why)}; }

std::string_view text_of(const json::object& object, std::string_view key) {
  const json::value* const value = object.if_contains(key);
  const json::string* const text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string_view() : std::string_view(*text);
}

// "0.02", "1e+09", "NaN", "+Inf"
std::optional<double> number_of(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool is_whole = error == std::errc() && end == text.data() + text.size();
  return is_whole ? std::optional(number) : std::nullopt;
}

// [1435781451.781, "0.02"]
std::optional<double> number_of_pair(const json::value* value) {
  const json::array* const pair = value == nullptr ? nullptr : value->if_array();
  if (pair == nullptr || pair->size() != 2) return std::nullopt;
  const json::string* const text = (*pair)[1].if_string();
  return text == nullptr ? std::nullopt : number_of(*text);
}

// What is no number says nothing, and does not hide the others.
void add(double number, QueryAnswer& ret_answer) {
  if (std::isnan(number)) return;
  const bool is_first = ret_answer.kind == Kind::no_data;
  ret_answer.kind = Kind::numbers;
  ret_answer.least = is_first ? number : std::min(ret_answer.least, number);
  ret_answer.most = is_first ? number : std::max(ret_answer.most, number);
}

QueryAnswer of_scalar(const json::value& result) {
  const std::optional<double> number = number_of_pair(&result);
  if (!number) return none("it answers a scalar that is no number");
  QueryAnswer answer;
  answer.kind = Kind::no_data;
  add(*number, answer);
  return answer;
}

QueryAnswer of_vector(const json::value& result) {
  const json::array* const samples = result.if_array();
  if (samples == nullptr) return none("it answers a vector that is no list");
  QueryAnswer answer;
  answer.kind = Kind::no_data;
  for (const json::value& sample : *samples) {
    const json::object* const object = sample.if_object();
    if (object != nullptr && object->contains("histogram")) {
      return refused("it is of histograms; take a quantile or a rate of them");
    }
    const std::optional<double> number =
        object == nullptr ? std::nullopt : number_of_pair(object->if_contains("value"));
    if (!number) return none("it answers a vector with what is no sample");
    add(*number, answer);
  }
  return answer;
}

QueryAnswer of_data(const json::object& answer) {
  const json::value* const value = answer.if_contains("data");
  const json::object* const data = value == nullptr ? nullptr : value->if_object();
  const json::value* const result = data == nullptr ? nullptr : data->if_contains("result");
  if (result == nullptr) return none("it answers without a result");
  const std::string_view type = text_of(*data, "resultType");
  if (type == "scalar") return of_scalar(*result);
  if (type == "vector") return of_vector(*result);
  return refused("it is of type " + quoted(type) +
                 ", where only a scalar or an instant vector can be judged");
}

}  // namespace

QueryAnswer read_query_answer(unsigned status, std::string_view reason, std::string_view body) {
  json::error_code error;
  const json::value value = json::parse(body, error);
  const json::object* const answer = error ? nullptr : value.if_object();
  const std::string_view outcome =
      answer == nullptr ? std::string_view() : text_of(*answer, "status");
  if (outcome == "error") {
    return refused("it says " + quoted(text_of(*answer, "errorType")) + ": " +
                   quoted(text_of(*answer, "error")));
  }
  if (status != 200) return none("it answers " + std::to_string(status) + " " + quoted(reason));
  if (outcome == "success") return of_data(*answer);
  return none("what it answers is not what Prometheus answers");
}

}  // namespace evenkeel
