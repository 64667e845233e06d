// Clients on loopback, with the certificates that openssl makes for them.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "drivers/descriptor.h"
#include "firmware/base/check.h"
#include "tests/settings/files.h"

namespace evenkeel {

inline constexpr int kDeadlineSeconds = 20;

// NAME.pem and NAME.key: of a CA, of the box, and of clients, one of whom is too late.
inline void make_certificates(const Folder& folder) {
  const std::string script = "set -e; cd " + folder.path("") + R"(; umask 077
key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes'
for ca in ca stranger_ca; do
  openssl req -x509 $key -keyout $ca.key -out $ca.pem -days 2 -subj /CN=$ca
done
sign() {  # NAME CA DAYS SUBJECT
  openssl req $key -keyout $1.key -out $1.csr -subj "$4"
  openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days $3 -out $1.pem
}
sign box ca 2 /CN=box
sign localhost ca 2 /CN=localhost
sign carla ca 2 /CN=carla
sign nameless ca 2 /O=nobody
sign odd ca 2 /CN=o$(printf '\001')dd
sign late ca -1 /CN=late
sign stranger stranger_ca 2 /CN=stranger
)";
  folder.write("make.sh", script);
  CHECK(std::system(
            ("sh " + folder.path("make.sh") + " >" + folder.path("log") + " 2>&1").c_str()) == 0);
}

struct Certificates {
  Certificates() { make_certificates(folder); }
  Folder folder;
};

inline sockaddr_in loopback(uint16_t port, uint8_t last = 1) {
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last);
  return name;
}

inline uint16_t free_port() {
  const Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in name = loopback(0);
  socklen_t size = sizeof name;
  CHECK(bind(socket.get(), reinterpret_cast<sockaddr*>(&name), size) == 0);
  CHECK(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&name), &size) == 0);
  return ntohs(name.sin_port);
}

inline Descriptor connected(uint16_t port, uint8_t from = 1) {
  Descriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience = {.tv_sec = kDeadlineSeconds, .tv_usec = 0};
  CHECK(setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
  const sockaddr_in own = loopback(0, from);
  CHECK(bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) == 0);
  const sockaddr_in other = loopback(port);
  CHECK(connect(socket.get(), reinterpret_cast<const sockaddr*>(&other), sizeof other) == 0);
  return socket;
}

// A client of TLS, who believes the test's CA only.
class Client {
 public:
  Client(const Folder& certificates, uint16_t port, const std::string& who = "",
         int newest = TLS1_3_VERSION, uint8_t from = 1)
      : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        connection_(nullptr, SSL_free),
        socket_(connected(port, from)) {
    SSL_CTX* context = context_.get();
    SSL_CTX_set_security_level(context, 0);  // the server is to refuse what is old, not the client
    CHECK(SSL_CTX_set_min_proto_version(context, TLS1_VERSION) == 1);
    CHECK(SSL_CTX_set_max_proto_version(context, newest) == 1);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    CHECK(SSL_CTX_load_verify_file(context, certificates.path("ca.pem").c_str()) == 1);
    if (!who.empty()) {
      const std::string key = certificates.path(who + ".key");
      const std::string certificate = certificates.path(who + ".pem");
      CHECK(SSL_CTX_use_certificate_file(context, certificate.c_str(), SSL_FILETYPE_PEM) == 1);
      CHECK(SSL_CTX_use_PrivateKey_file(context, key.c_str(), SSL_FILETYPE_PEM) == 1);
    }
    connection_.reset(SSL_new(context));
    CHECK(SSL_set_fd(connection_.get(), socket_.get()) == 1);
    ERR_clear_error();
    is_up_ = SSL_connect(connection_.get()) == 1;
    if (!is_up_) why_ = reason();
  }

  // Up to its end, or to `enough`; without TLS, what the server says of it, in brackets.
  std::string asked(const std::string& request, std::string_view enough = "\1") {
    if (!is_up_) return why_;
    ERR_clear_error();
    if (SSL_write(connection_.get(), request.data(), static_cast<int>(request.size())) <= 0) {
      return reason();
    }
    std::string text;
    std::vector<char> room(1u << 16);
    while (text.find(enough) == std::string::npos) {
      ERR_clear_error();
      const int count = SSL_read(connection_.get(), room.data(), static_cast<int>(room.size()));
      if (count <= 0) return text + (ERR_peek_error() != 0 ? reason() : "");
      text.append(room.data(), static_cast<size_t>(count));
    }
    return text;
  }

  bool is_up() const { return is_up_; }
  const char* version() const { return SSL_get_version(connection_.get()); }

 private:
  static std::string reason() {
    const char* text = ERR_reason_error_string(ERR_peek_error());
    return "(" + std::string(text != nullptr ? text : "closed") + ")";
  }

  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> connection_;
  Descriptor socket_;
  bool is_up_ = false;
  std::string why_;
};

}  // namespace evenkeel
