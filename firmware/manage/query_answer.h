// What a Prometheus answers to a query (its API's /api/v1/query), as numbers to be judged. Apart
// from connections, so that any bytes can be tried on it.
#pragma once

#include <string_view>

#include "firmware/change/query_judge.h"

namespace evenkeel {

// Of HTTP: the answer's status, its reason and its body.
QueryAnswer read_query_answer(unsigned status, std::string_view reason, std::string_view body);

}  // namespace evenkeel
