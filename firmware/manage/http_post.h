// Tells somebody something over HTTP or HTTPS, or asks him: one connection, one POST, and whether
// it was taken, or what is answered. All of it in the event loop. However the other side behaves,
// it costs a few seconds, one connection and no more memory than it is given, and ends with an
// answer or one sentence. It brings the credentials of its own URL along, and of no other:
// redirects are not followed.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>

#include "firmware/base/clock.h"
#include "firmware/base/status.h"
#include "firmware/manage/credentials.h"
#include "firmware/manage/name_lookup.h"
#include "firmware/settings/url.h"

namespace evenkeel {

// For all of it; and as long again for a name that is asked for the first time, and for credentials
// that are read for the first time.
inline constexpr std::chrono::seconds kPostTime{5};

// What is needed for it, and shared by all that one tells.
struct PostOffice {
  PostOffice();

  // Often.
  void tick(Microseconds now) {
    names.tick(now);
    credentials.tick(now);
  }

  // HTTPS servers are judged by the system's authorities, unless their credentials name others.
  const std::shared_ptr<boost::asio::ssl::context> tls;
  NameLookup names;
  Credentials credentials;
};

// JSON to a URL. REQUIRES: the office outlives it.
boost::asio::awaitable<Status> post(Url url, std::string body, PostOffice& office);

// Of HTTP, whatever its status.
struct PostAnswer {
  unsigned status = 0;
  std::string reason;  // "Not Found"
  std::string body;
};

// A form, as "query=up&timeout=5s", to a URL. More than so many bytes are no answer.
// REQUIRES: the office outlives it.
boost::asio::awaitable<Result<PostAnswer>> post_form(Url url, std::string form, size_t most,
                                                     PostOffice& office);

}  // namespace evenkeel
