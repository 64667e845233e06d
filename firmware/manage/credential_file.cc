#include "firmware/manage/credential_file.h"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cstddef>
#include <string_view>
#include <utility>

#include "firmware/base/limits.h"
#include "firmware/change/files.h"
#include "firmware/manage/private_file.h"

namespace evenkeel {
namespace {

namespace ssl = boost::asio::ssl;

// A scheme, one space, and what proves it: less would be half of one, as when the scheme was
// forgotten; and more, or on more lines, is some other file.
bool is_authorization(std::string_view line) {
  constexpr std::string_view kOfSchemes =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  const size_t space = line.find(' ');
  if (space == 0 || space == std::string_view::npos || space + 1 == line.size()) return false;
  const bool has_scheme = line.find_first_not_of(kOfSchemes) == space;
  const std::string_view rest = line.substr(space + 1);
  return has_scheme && std::ranges::all_of(rest, [](char c) { return c > ' ' && c <= '~'; });
}

Result<std::string> read_authorization(const std::string& path) {
  if (path.empty()) return std::string();
  Result<std::string> text = read_private_file("authorization file", path, kMaxAuthorizationFile);
  if (!text.ok()) return text;
  std::string& line = text.value();
  if (line.ends_with('\n')) line.pop_back();
  if (line.ends_with('\r')) line.pop_back();
  if (is_authorization(line)) return text;
  return Error{"the authorization file " + path +
               " is not `SCHEME CREDENTIALS` on its only line, as `Bearer abc` or `Basic "
               "dXNlcjpwYXNz`"};
}

Result<std::string> read_authorities(const std::string& path) {
  if (path.empty()) return std::string();
  Result<std::optional<std::string>> text = read_file(path, kMaxAuthoritiesFile);
  if (!text.ok()) return Error{"the CA file " + text.message()};
  std::optional<std::string>& authorities = text.value();
  if (!authorities) return Error{"the CA file " + path + " is not there"};
  return std::move(*authorities);
}

// Who believes those.
Result<std::shared_ptr<ssl::context>> believing(const std::string& authorities,
                                                const std::string& path) {
  const std::shared_ptr<ssl::context> tls = make_client_tls();
  boost::system::error_code error;
  tls->add_certificate_authority(boost::asio::buffer(authorities), error);
  if (!error) return tls;
  return Error{"the CA file " + path + " has no PEM certificates that can be used (" +
               error.message() + ")"};
}

Status add_authorities(const std::string& path, const std::optional<Credential>& before,
                       Credential& ret_credential) {
  Result<std::string> authorities = read_authorities(path);
  if (!authorities.ok()) return Error{authorities.message()};
  if (path.empty()) return {};
  ret_credential.authorities = std::move(authorities.value());
  if (before && before->tls != nullptr && before->authorities == ret_credential.authorities) {
    ret_credential.tls = before->tls;
    return {};
  }
  Result<std::shared_ptr<ssl::context>> tls = believing(ret_credential.authorities, path);
  if (!tls.ok()) return Error{tls.message()};
  ret_credential.tls = std::move(tls.value());
  return {};
}

}  // namespace

std::shared_ptr<ssl::context> make_client_tls() {
  auto tls = std::make_shared<ssl::context>(ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(tls->native_handle(), TLS1_2_VERSION);
  return tls;
}

Result<Credential> read_credential(const CredentialSettings& settings,
                                   const std::optional<Credential>& before) {
  Result<std::string> authorization = read_authorization(settings.authorization_file);
  if (!authorization.ok()) return Error{authorization.message()};
  Credential credential;
  credential.authorization = std::move(authorization.value());
  const Status added = add_authorities(settings.ca_file, before, credential);
  if (!added.ok()) return Error{added.message()};
  return credential;
}

std::vector<Mistake> mistakes_in(std::span<const CredentialSettings> credentials) {
  std::vector<Mistake> found;
  for (const CredentialSettings& each : credentials) {
    const auto add = [&](const char* key, std::string what) {
      found.push_back({.file = {},
                       .line = 0,
                       .path = "credentials[" + each.name + "]." + key,
                       .what = std::move(what)});
    };
    const Result<std::string> authorization = read_authorization(each.authorization_file);
    if (!authorization.ok()) add("authorization_file", authorization.message());
    Credential ignored;
    const Status added = add_authorities(each.ca_file, std::nullopt, ignored);
    if (!added.ok()) add("ca_file", added.message());
  }
  return found;
}

}  // namespace evenkeel
