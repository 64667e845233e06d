#include "firmware/manage/name_lookup.h"

#include <netdb.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>
#include <utility>

namespace evenkeel {
namespace {

namespace asio = boost::asio;

// How often somebody who waits looks whether it is found, and how soon a name is asked for again
// that was not.
constexpr std::chrono::milliseconds kLook{10};
constexpr Microseconds kRetry = kMicrosecondsPerTick;

NameLookup::Addresses addresses_in(const addrinfo* list) {
  NameLookup::Addresses addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    asio::ip::tcp::endpoint endpoint;
    if (each->ai_addrlen > endpoint.capacity()) continue;
    std::memcpy(endpoint.data(), each->ai_addr, each->ai_addrlen);
    addresses.push_back(endpoint.address());
  }
  return addresses;
}

}  // namespace

// The resolver's threads write into it.
struct NameLookup::Request {
  explicit Request(std::string name) : host(std::move(name)) {
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_ADDRCONFIG;
    asked.ar_name = host.c_str();
    asked.ar_request = &hints;
  }
  ~Request() {
    if (asked.ar_result != nullptr) freeaddrinfo(asked.ar_result);
  }
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  int begin() {
    gaicb* list[] = {&asked};
    return getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr);
  }

  const std::string host;
  addrinfo hints{};
  gaicb asked{};
};

NameLookup::NameLookup() = default;

// What is under way cannot be taken back: it is left to those who work on it.
NameLookup::~NameLookup() {
  for (auto& [host, known] : known_) {
    if (!known.request || gai_cancel(&known.request->asked) != EAI_NOTCANCELED) continue;
    [[maybe_unused]] const Request* const theirs = known.request.release();
  }
}

asio::awaitable<Result<NameLookup::Addresses>> NameLookup::addresses_of(
    std::string host, std::chrono::milliseconds patience) {
  boost::system::error_code error;
  const asio::ip::address address = asio::ip::make_address(host, error);
  if (!error) co_return Addresses{address};
  asio::steady_timer timer(co_await asio::this_coro::executor);
  for (std::chrono::milliseconds waited(0);; waited += kLook) {
    Known& known = known_[host];
    tend(host, known);
    const bool is_known = !known.addresses.empty();
    if (!known.request || waited >= (is_known ? std::min(patience, kLittle) : patience)) {
      if (is_known) co_return known.addresses;
      co_return Error{known.request ? "the system's resolver does not answer" : known.why};
    }
    timer.expires_after(kLook);
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  }
}

// Takes what has been found, and asks if it is time.
void NameLookup::tend(const std::string& host, Known& known) const {
  if (known.request) {
    const int outcome = gai_error(&known.request->asked);
    if (outcome == EAI_INPROGRESS) return;
    known.why = outcome == 0 ? "" : gai_strerror(outcome);
    if (outcome == 0) known.addresses = addresses_in(known.request->asked.ar_result);
    if (outcome == 0 && known.addresses.empty()) known.why = "it has no addresses";
    known.again = now_ + (known.why.empty() ? kFresh : kRetry);
    known.request.reset();
  }
  if (now_ < known.again) return;
  auto request = std::make_unique<Request>(host);
  if (const int refused = request->begin(); refused != 0) {
    known.why = gai_strerror(refused);
    known.again = now_ + kRetry;
  } else {
    known.request = std::move(request);
  }
}

}  // namespace evenkeel
