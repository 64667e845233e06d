// The HTTP/1.1 of a probe: what is asked, and whether what comes back is a good answer. Apart from
// sockets, so that any bytes can be tried on it.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "firmware/base/address.h"
#include "firmware/health/dialogue.h"
#include "firmware/health/verdict.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

// The site that is asked for: "shop.example:8080", "[2001:db8::1]".
// REQUIRES: a check that speaks HTTP or gRPC.
std::string authority_of(const CheckSettings& check, const Address& address, uint16_t port);

// REQUIRES: a check of type http or https.
std::string http_request_of(const CheckSettings& check, const Address& address, uint16_t port);

// REQUIRES: a check that speaks HTTP.
ProbeAnswer judge_status(const CheckSettings& check, unsigned status);
// Of an answer of this status, whose body has not what it should.
ProbeAnswer without_what_it_should(const CheckSettings& check, unsigned status);

// Reads an answer's header, piece by piece, and of its body as much as is looked through: bodies
// have no bound.
class HttpAnswer {
 public:
  // REQUIRES: outlived by the check.
  explicit HttpAnswer(const CheckSettings& check);
  ~HttpAnswer();
  HttpAnswer(const HttpAnswer&) = delete;
  HttpAnswer& operator=(const HttpAnswer&) = delete;

  // None: more is needed.
  // REQUIRES: it has not answered yet.
  std::optional<ProbeAnswer> take(std::string_view bytes);
  // The backend has closed the connection before that.
  ProbeAnswer end() const;
  bool has_begun() const { return taken_ > 0; }
  bool is_in_body() const { return body_begins_ > 0; }

 private:
  struct Parser;

  size_t room() const;
  std::optional<ProbeAnswer> take_pending();
  std::optional<ProbeAnswer> take_header();
  std::optional<ProbeAnswer> take_body();
  unsigned status() const;

  const CheckSettings& check_;
  const std::string wanted_;  // in the body
  std::unique_ptr<Parser> parser_;
  bool is_at_start_ = true;  // of a header
  std::string pending_;      // what the parser has not used yet
  size_t taken_ = 0;         // bytes, with those of informational answers before the last one
  size_t body_begins_ = 0;   // behind so many bytes; 0: not yet
  size_t searched_ = 0;      // bytes of the body
};

class HttpDialogue final : public Dialogue {
 public:
  // REQUIRES: a check of type http or https, which outlives it.
  HttpDialogue(const CheckSettings& check, const Address& address, uint16_t port);

  std::string to_send() override;
  std::optional<ProbeAnswer> take(std::string_view bytes) override { return answer_.take(bytes); }
  ProbeAnswer end() override { return answer_.end(); }
  std::string how_far() const override;

 private:
  std::string request_;
  HttpAnswer answer_;
};

}  // namespace evenkeel
