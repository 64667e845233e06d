// TLS for those who look from afar: 1.2 or later, the box's certificate, and the client's checked
// against the CA that the settings name. Without that CA, or without a certificate, a client needs
// a token (tokens.h).
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <string>

#include "firmware/base/status.h"
#include "firmware/settings/settings.h"

namespace evenkeel {

Result<std::unique_ptr<boost::asio::ssl::context>> make_tls(const ApiSettings& settings);

// The common name of the client's certificate, which has been checked; empty: there is none.
std::string common_name_of_peer(SSL* connection);

}  // namespace evenkeel
