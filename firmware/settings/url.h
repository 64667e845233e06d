// Where somebody is told something over HTTP: "https://alerts.example.net:9093/am".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace evenkeel {

struct Url {
  bool is_https = false;
  std::string host;  // a name or an address, that of IPv6 without brackets
  uint16_t port = 0;
  std::string path = "/";  // with its query

  friend bool operator==(const Url&, const Url&) = default;
};

// http or https, a host, perhaps a port and a path with its query: nothing else. In particular no
// user and no password, which whoever may look at the settings would see.
std::optional<Url> parse_url(std::string_view text);

// As the header `Host` has it: the port, if it is not the scheme's own.
std::string host_of(const Url& url);

}  // namespace evenkeel
