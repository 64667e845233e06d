// What the files of an entry of `credentials` hold. Who may propose settings may name any file in
// them, and any server to be sent what is in it: so a file is sent only if all that is in it is one
// authorization, and if nobody but the box may read it (private_file.h); and no message says what
// is in a file.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "firmware/base/status.h"
#include "firmware/settings/settings.h"
#include "firmware/settings/source.h"

namespace evenkeel {

struct Credential {
  std::string authorization;                       // value of the header; empty: none
  std::string authorities;                         // as the file has them; empty: no file
  std::shared_ptr<boost::asio::ssl::context> tls;  // that believes those; null: no file
};

// For connections to others, by TLS 1.2 or later; it believes nobody yet.
std::shared_ptr<boost::asio::ssl::context> make_client_tls();

// Waits for the disk. What `before` has is used again as far as it is still so.
Result<Credential> read_credential(const CredentialSettings& settings,
                                   const std::optional<Credential>& before);

// What is wrong with these files, each by its key. Waits for the disk.
std::vector<Mistake> mistakes_in(std::span<const CredentialSettings> credentials);

}  // namespace evenkeel
