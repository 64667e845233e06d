// One request to one answer: the route is found, the role is checked, what comes along is checked,
// the handler is asked, and what it says is written as JSON. Knows nothing of connections, so that
// any bytes can be tried on it.
#pragma once

#include <string>
#include <string_view>

#include "firmware/change/identity.h"
#include "firmware/manage/route.h"

namespace evenkeel {

// As HTTP has it.
struct Incoming {
  std::string_view method;
  std::string_view target;
  std::string_view body;
};

struct Outgoing {
  unsigned status = 200;
  std::string body;     // JSON, or what the route's content is, in UTF-8
  std::string allowed;  // methods, if that is what was wrong
  std::string_view content = kJsonContent;
};

// Never fails: what cannot be done is answered with why not. What changes something is in the
// journal as a command, done or refused.
Outgoing answer(Managed& managed, const Caller& caller, const Incoming& incoming);

// An answer that nobody was asked for.
Outgoing refusal(unsigned status, std::string_view code, std::string_view message,
                 std::string_view advice);

}  // namespace evenkeel
