// Operating errors as values: success, or one sentence that names the thing at fault and says what
// to do. For control code; the packet path returns a Reason (reason.h) instead.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "firmware/base/check.h"

namespace evenkeel {

struct Error {
  std::string message;
};

class [[nodiscard]] Status {
 public:
  Status() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): `return Error{...}` is the point.
  Status(Error error) : error_(std::move(error)) {}

  bool ok() const { return !error_.has_value(); }
  // REQUIRES: !ok()
  const std::string& message() const {
    REQUIRE(error_.has_value());
    return error_->message;
  }

 private:
  std::optional<Error> error_;
};

template <typename T>
class [[nodiscard]] Result {
 public:
  // NOLINTNEXTLINE(google-explicit-constructor): `return value` is the point.
  Result(T value) : outcome_(std::move(value)) {}
  // NOLINTNEXTLINE(google-explicit-constructor): `return Error{...}` is the point.
  Result(Error error) : outcome_(std::move(error)) {}

  bool ok() const { return std::holds_alternative<T>(outcome_); }
  // REQUIRES: ok()
  T& value() {
    REQUIRE(ok());
    return std::get<T>(outcome_);
  }
  const T& value() const {
    REQUIRE(ok());
    return std::get<T>(outcome_);
  }
  // REQUIRES: !ok()
  const std::string& message() const {
    REQUIRE(!ok());
    return std::get<Error>(outcome_).message;
  }

 private:
  std::variant<T, Error> outcome_;
};

}  // namespace evenkeel
