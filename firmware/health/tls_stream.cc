#include "firmware/health/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "firmware/base/check.h"
#include "firmware/health/probe_socket.h"

namespace evenkeel {
namespace {

using Outcome = TlsStream::Outcome;

constexpr unsigned char kHttp2[] = {2, 'h', '2'};
constexpr unsigned char kHttp1[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

// --- A BIO over a socket, whose writes raise no SIGPIPE ------------------------------------------

int socket_of(BIO* bio) { return *static_cast<const int*>(BIO_get_data(bio)); }

int bio_write(BIO* bio, const char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t written = ::send(socket_of(bio), bytes, static_cast<size_t>(count), MSG_NOSIGNAL);
  if (written < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
  return static_cast<int>(written);
}

int bio_read(BIO* bio, char* bytes, int count) {
  BIO_clear_retry_flags(bio);
  const ssize_t taken = ::recv(socket_of(bio), bytes, static_cast<size_t>(count), 0);
  if (taken < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
  if (taken == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
  return static_cast<int>(taken);
}

long bio_control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
  if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) == 0 ? 0 : 1;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* socket_method() {
  static const BIO_METHOD* const kMethod = [] {
    BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "probe");
    CHECK(method != nullptr && BIO_meth_set_write(method, bio_write) == 1 &&
          BIO_meth_set_read(method, bio_read) == 1 && BIO_meth_set_ctrl(method, bio_control) == 1);
    return method;
  }();
  return kMethod;
}

// -------------------------------------------------------------------------------------------------

std::string last_reason() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return reason == nullptr ? "unknown error" : reason;
}

bool is_address(const std::string& name) { return parse_address(name).has_value(); }

}  // namespace

void TlsContext::Free::operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
void TlsStream::Free::operator()(SSL* connection) const { SSL_free(connection); }

TlsContext::FileState TlsContext::state_of(const std::string& path) {
  struct stat state{};
  if (path.empty() || ::stat(path.c_str(), &state) != 0) return {};
  return {.changed = state.st_mtim.tv_sec * int64_t{1'000'000'000} + state.st_mtim.tv_nsec,
          .inode = state.st_ino,
          .size = state.st_size};
}

Result<std::shared_ptr<const TlsContext>> TlsContext::make(const CheckSettings& check) {
  REQUIRE(uses_tls(check));
  ERR_clear_error();
  const auto made = std::make_shared<TlsContext>();
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = made->context_.get();
  CHECK(context != nullptr);
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const bool is_http2 = check.type == CheckType::h2 || check.type == CheckType::grpc;
  if (is_http2) CHECK(SSL_CTX_set_alpn_protos(context, kHttp2, sizeof(kHttp2)) == 0);
  if (check.type == CheckType::https) {
    CHECK(SSL_CTX_set_alpn_protos(context, kHttp1, sizeof(kHttp1)) == 0);
  }
  if (!check.verify) return std::shared_ptr<const TlsContext>(made);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  made->ca_ = check.ca;
  made->ca_state_ = state_of(check.ca);
  const int result = check.ca.empty() ? SSL_CTX_set_default_verify_paths(context)
                                      : SSL_CTX_load_verify_file(context, check.ca.c_str());
  if (result == 1) return std::shared_ptr<const TlsContext>(made);
  const std::string why = last_reason();
  ERR_clear_error();
  return Error{"the certificates of " + (check.ca.empty() ? "the system" : check.ca) +
               " cannot be used (" + why + "): put a PEM file where check.ca says"};
}

bool TlsContext::is_outdated() const { return !ca_.empty() && state_of(ca_) != ca_state_; }

TlsStream::TlsStream(std::shared_ptr<const TlsContext> context, int descriptor,
                     const CheckSettings& check, const Address& address)
    : context_(std::move(context)), descriptor_(descriptor) {
  connection_.reset(SSL_new(context_->context_.get()));
  SSL* const connection = connection_.get();
  BIO* const bio = BIO_new(socket_method());
  CHECK(connection != nullptr && bio != nullptr);
  BIO_set_data(bio, &descriptor_);
  BIO_set_init(bio, 1);
  SSL_set_bio(connection, bio, bio);
  SSL_set_connect_state(connection);
  std::string name = check.server_name.empty() ? check.host : check.server_name;
  if (name.empty()) name = to_string(address);
  if (is_address(name)) {
    CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(connection), name.c_str()) == 1);
  } else {
    CHECK(SSL_set_tlsext_host_name(connection, name.c_str()) == 1);
    CHECK(SSL_set1_host(connection, name.c_str()) == 1);
  }
}

TlsStream::Outcome TlsStream::outcome_of(int result) const {
  const int system_error = errno;
  switch (SSL_get_error(connection_.get(), result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
      return {.kind = Outcome::Kind::blocked, .count = 0, .reason = {}};
    case SSL_ERROR_ZERO_RETURN:
      return {.kind = Outcome::Kind::closed, .count = 0, .reason = {}};
    case SSL_ERROR_SYSCALL:
      return {.kind = Outcome::Kind::failed, .count = 0, .reason = reason_of(system_error)};
    default:
      break;
  }
  const long verified = SSL_get_verify_result(connection_.get());
  if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    return {.kind = Outcome::Kind::closed, .count = 0, .reason = {}};
  }
  std::string reason = "no TLS (" + last_reason() + ")";
  if (verified != X509_V_OK) {
    reason = std::string("certificate not valid: ") + X509_verify_cert_error_string(verified);
  }
  return {.kind = Outcome::Kind::failed, .count = 0, .reason = std::move(reason)};
}

TlsStream::Outcome TlsStream::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(connection_.get());
  if (result == 1) return {.kind = Outcome::Kind::done, .count = 0, .reason = {}};
  return outcome_of(result);
}

TlsStream::Outcome TlsStream::read(std::span<char> bytes) {
  ERR_clear_error();
  size_t count = 0;
  const int result = SSL_read_ex(connection_.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) return {.kind = Outcome::Kind::done, .count = count, .reason = {}};
  return outcome_of(result);
}

TlsStream::Outcome TlsStream::write(std::string_view bytes) {
  ERR_clear_error();
  size_t count = 0;
  const int result = SSL_write_ex(connection_.get(), bytes.data(), bytes.size(), &count);
  if (result == 1) return {.kind = Outcome::Kind::done, .count = count, .reason = {}};
  return outcome_of(result);
}

std::string TlsStream::version() const { return SSL_get_version(connection_.get()); }

std::string TlsStream::protocol() const {
  const unsigned char* name = nullptr;
  unsigned length = 0;
  SSL_get0_alpn_selected(connection_.get(), &name, &length);
  return {reinterpret_cast<const char*>(name), length};
}

}  // namespace evenkeel
