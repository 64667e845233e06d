#include "firmware/manage/query_answer.h"

#include <cmath>
#include <string>

#include "tests/cmocka.h"

namespace evenkeel {
namespace {

using Kind = QueryAnswer::Kind;

std::string success(const std::string& type, const std::string& result) {
  return R"({"status":"success","data":{"resultType":")" + type + R"(","result":)" + result + "}}";
}
std::string sample(const std::string& value) {
  return R"({"metric":{"a":"b"},"value":[1435781451.781,")" + value + R"("]})";
}
std::string vector_of(const std::string& samples) { return success("vector", "[" + samples + "]"); }

struct Numbers {
  const char* description;
  std::string body;
  double least;
  double most;
};

void test_numbers(void**) {
  const Numbers rows[] = {
      {"a scalar", success("scalar", R"([1435781451.781,"0.02"])"), 0.02, 0.02},
      {"one sample", vector_of(sample("1e+09")), 1e9, 1e9},
      {"samples", vector_of(sample("3") + "," + sample("-2.5") + "," + sample("1")), -2.5, 3},
      {"NaN hides nothing", vector_of(sample("NaN") + "," + sample("3") + "," + sample("NaN")), 3,
       3},
      {"endless", vector_of(sample("+Inf") + "," + sample("-Inf")), -INFINITY, INFINITY},
      {"with warnings",
       R"({"status":"success","warnings":["x"],"data":{"resultType":"scalar",)"
       R"("result":[1,"7"]}})",
       7, 7},
  };
  for (const Numbers& row : rows) {
    const QueryAnswer answer = read_query_answer(200, "OK", row.body);
    const bool is_good = answer.kind == Kind::numbers && answer.least == row.least &&
                         answer.most == row.most && answer.why.empty();
    if (!is_good) print_error("%s: %s\n", row.description, answer.why.c_str());
    assert_true(is_good);
  }
}

void test_no_data(void**) {
  for (const std::string& body :
       {vector_of(""), vector_of(sample("NaN")), success("scalar", R"([1,"NaN"])")}) {
    const QueryAnswer answer = read_query_answer(200, "OK", body);
    assert_int_equal(static_cast<int>(answer.kind), static_cast<int>(Kind::no_data));
  }
}

struct Bad {
  const char* description;
  unsigned status;
  std::string body;
  Kind kind;
  const char* why;
};

void test_what_is_wrong_is_said(void**) {
  const Bad rows[] = {
      {"a bad query", 400,
       R"({"status":"error","errorType":"bad_data","error":"1:3: parse error:\n\u001b[31m"})",
       Kind::refused, "it says \"bad_data\": \"1:3: parse error:??[31m\""},
      {"out of time", 503, R"({"status":"error","errorType":"timeout","error":"query timed out"})",
       Kind::refused, "it says \"timeout\": \"query timed out\""},
      {"a matrix", 200, success("matrix", "[]"), Kind::refused,
       "it is of type \"matrix\", where only a scalar or an instant vector can be judged"},
      {"a string", 200, success("string", R"([1,"up"])"), Kind::refused,
       "it is of type \"string\", where only a scalar or an instant vector can be judged"},
      {"histograms", 200,
       vector_of(R"({"metric":{},"histogram":[1,{"count":"1","sum":"2","buckets":[]}]})"),
       Kind::refused, "it is of histograms; take a quantile or a rate of them"},
      {"nothing", 200, "", Kind::none, "what it answers is not what Prometheus answers"},
      {"a page", 200, "<html>", Kind::none, "what it answers is not what Prometheus answers"},
      {"a list", 200, "[]", Kind::none, "what it answers is not what Prometheus answers"},
      {"no status", 200, "{}", Kind::none, "what it answers is not what Prometheus answers"},
      {"a status of another type", 200, R"({"status":5})", Kind::none,
       "what it answers is not what Prometheus answers"},
      {"another status", 502, success("scalar", R"([1,"1"])"), Kind::none,
       "it answers 502 \"Bad?Gateway\""},
      {"no data at all", 200, R"({"status":"success"})", Kind::none, "it answers without a result"},
      {"data of another type", 200, R"({"status":"success","data":[]})", Kind::none,
       "it answers without a result"},
      {"a scalar of three", 200, success("scalar", R"([1,"1",2])"), Kind::none,
       "it answers a scalar that is no number"},
      {"a scalar that is a number", 200, success("scalar", "[1,2]"), Kind::none,
       "it answers a scalar that is no number"},
      {"a scalar of words", 200, success("scalar", R"([1,"1 %"])"), Kind::none,
       "it answers a scalar that is no number"},
      {"a number beyond all", 200, success("scalar", R"([1,"1e999"])"), Kind::none,
       "it answers a scalar that is no number"},
      {"a vector that is an object", 200, success("vector", "{}"), Kind::none,
       "it answers a vector that is no list"},
      {"a vector of numbers", 200, vector_of("1"), Kind::none,
       "it answers a vector with what is no sample"},
      {"a sample without a value", 200, vector_of(R"({"metric":{}})"), Kind::none,
       "it answers a vector with what is no sample"},
  };
  for (const Bad& row : rows) {
    const QueryAnswer answer =
        read_query_answer(row.status, row.status == 502 ? "Bad\x01Gateway" : "OK", row.body);
    if (answer.why != row.why) print_error("%s: %s\n", row.description, answer.why.c_str());
    assert_string_equal(answer.why.c_str(), row.why);
    assert_int_equal(static_cast<int>(answer.kind), static_cast<int>(row.kind));
  }
}

void test_what_others_say_is_bounded(void**) {
  const std::string body =
      R"({"status":"error","errorType":"x","error":")" + std::string(1'000, 'e') + "\xc3\xa9\"}";
  const QueryAnswer answer = read_query_answer(400, "Bad Request", body);
  assert_int_equal(static_cast<int>(answer.kind), static_cast<int>(Kind::refused));
  assert_true(answer.why.size() < 300);
}

}  // namespace
}  // namespace evenkeel

int main() {
  using namespace evenkeel;
  const CMUnitTest tests[] = {
      cmocka_unit_test(test_numbers),
      cmocka_unit_test(test_no_data),
      cmocka_unit_test(test_what_is_wrong_is_said),
      cmocka_unit_test(test_what_others_say_is_bounded),
  };
  return cmocka_run_group_tests_name("manage/query_answer", tests, nullptr, nullptr);
}
