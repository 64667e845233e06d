#include "firmware/manage/tls.h"

#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>

#include "firmware/base/limits.h"
#include "firmware/manage/private_file.h"
#include "firmware/manage/tokens.h"

namespace evenkeel {
namespace {

namespace ssl = boost::asio::ssl;

constexpr size_t kMaxKeyFile = 64u << 10;

Status set_own(ssl::context& context, const ApiSettings& settings) {
  boost::system::error_code error;
  context.use_certificate_chain_file(settings.certificate, error);
  if (error) {
    return Error{"the certificate " + settings.certificate + " cannot be used (" + error.message() +
                 "): put a PEM file where api.certificate says"};
  }
  const Result<std::string> key =
      read_private_file("certificate's key", settings.certificate_key, kMaxKeyFile);
  if (!key.ok()) return Error{key.message()};
  context.use_private_key(boost::asio::buffer(key.value()), ssl::context::pem, error);
  if (error || SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return Error{"the certificate's key " + settings.certificate_key +
                 " is no PEM key of the certificate " + settings.certificate};
  }
  return {};
}

Status set_clients(ssl::context& context, const ApiSettings& settings) {
  if (settings.client_ca.empty() && settings.tokens.empty()) {
    return Error{"api.listen is set, but nobody could prove who he is: name a client_ca or tokens"};
  }
  if (!settings.tokens.empty()) {
    const Result<std::vector<Token>> tokens = read_tokens(settings.tokens);
    if (!tokens.ok()) return Error{tokens.message()};
  }
  if (settings.client_ca.empty()) return {};
  boost::system::error_code error;
  context.load_verify_file(settings.client_ca, error);
  if (error) {
    return Error{"the clients' CA " + settings.client_ca + " cannot be used (" + error.message() +
                 "): put a PEM file where api.client_ca says"};
  }
  const bool is_the_only_way = settings.tokens.empty();
  context.set_verify_mode(ssl::verify_peer |
                          (is_the_only_way ? ssl::verify_fail_if_no_peer_cert : ssl::verify_none));
  return {};
}

}  // namespace

Result<std::unique_ptr<ssl::context>> make_tls(const ApiSettings& settings) {
  auto context = std::make_unique<ssl::context>(ssl::context::tls_server);
  SSL_CTX* handle = context->native_handle();
  SSL_CTX_set_min_proto_version(handle, TLS1_2_VERSION);
  SSL_CTX_set_options(handle, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // A client's certificate is asked for anew each time: nothing is kept of a connection.
  SSL_CTX_set_session_cache_mode(handle, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(handle, SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(handle, 0);
  if (const Status status = set_own(*context, settings); !status.ok()) {
    return Error{status.message()};
  }
  if (const Status status = set_clients(*context, settings); !status.ok()) {
    return Error{status.message()};
  }
  return context;
}

std::string common_name_of_peer(SSL* connection) {
  const std::unique_ptr<X509, decltype(&X509_free)> certificate(
      SSL_get1_peer_certificate(connection), X509_free);
  if (certificate == nullptr) return {};
  std::array<char, kMaxWho + 1> name{};
  const int length =
      X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName,
                                name.data(), static_cast<int>(name.size()));
  std::string text(name.data(), static_cast<size_t>(std::max(length, 0)));
  std::ranges::replace_if(text, [](char c) { return c < ' ' || c > '~'; }, '?');
  return text;
}

}  // namespace evenkeel
