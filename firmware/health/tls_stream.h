// TLS over a probe's connection: the handshake, bytes in it, and what is wrong with a certificate.
// What a check's probes share - above all whom they trust - is made once (TlsContext).
//
// Each probe makes a whole handshake: in a resumed one, no certificate would be seen.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "firmware/base/address.h"
#include "firmware/base/status.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

class TlsContext {
 public:
  // REQUIRES: uses_tls(check)
  static Result<std::shared_ptr<const TlsContext>> make(const CheckSettings& check);

  // Whether the file of those who are trusted is another one by now.
  bool is_outdated() const;

 private:
  friend class TlsStream;
  struct Free {
    void operator()(SSL_CTX* context) const;
  };
  struct FileState {
    int64_t changed = 0;  // in nanoseconds
    uint64_t inode = 0;
    int64_t size = 0;

    friend bool operator==(const FileState&, const FileState&) = default;
  };
  static FileState state_of(const std::string& path);

  std::unique_ptr<SSL_CTX, Free> context_;
  std::string ca_;
  FileState ca_state_;
};

class TlsStream {
 public:
  // What came of a step.
  struct Outcome {
    enum class Kind : uint8_t { done, blocked, closed, failed };

    Kind kind = Kind::blocked;
    size_t count = 0;    // of bytes
    std::string reason;  // of a failure
  };

  // REQUIRES: the descriptor outlives it.
  TlsStream(std::shared_ptr<const TlsContext> context, int descriptor, const CheckSettings& check,
            const Address& address);

  Outcome handshake();
  Outcome read(std::span<char> bytes);
  Outcome write(std::string_view bytes);

  // REQUIRES: the handshake is done. "TLSv1.3"
  std::string version() const;
  // What both have agreed to speak (ALPN); empty: nothing.
  std::string protocol() const;

 private:
  struct Free {
    void operator()(SSL* connection) const;
  };
  Outcome outcome_of(int result) const;

  const std::shared_ptr<const TlsContext> context_;
  int descriptor_;
  std::unique_ptr<SSL, Free> connection_;
};

}  // namespace evenkeel
