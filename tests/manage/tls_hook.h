// Somebody who is told over HTTPS, and takes it; on real sockets in the test's own event loop.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "tests/health/servers.h"
#include "tests/settings/files.h"

namespace evenkeel {

class TlsHook {
 public:
  // `who` has NAME.pem and NAME.key in the folder.
  TlsHook(boost::asio::io_context& context, const Folder& certificates, const std::string& who)
      : tls_(boost::asio::ssl::context::tls_server),
        acceptor_(context, Tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)) {
    tls_.use_certificate_chain_file(certificates.path(who + ".pem"));
    tls_.use_private_key_file(certificates.path(who + ".key"), boost::asio::ssl::context::pem);
    accept();
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  struct Guest {
    Guest(Tcp::socket connection, boost::asio::ssl::context& tls)
        : stream(std::move(connection), tls) {}

    boost::asio::ssl::stream<Tcp::socket> stream;
    char buffer[65'536] = {};
  };

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
      if (error) return;
      serve(std::make_shared<Guest>(std::move(socket), tls_));
      accept();
    });
  }

  // What a test tells is short, and comes at once.
  static void serve(const std::shared_ptr<Guest>& guest) {
    static constexpr std::string_view kReply = "HTTP/1.1 204 No Content\r\n\r\n";
    guest->stream.async_handshake(
        boost::asio::ssl::stream_base::server, [guest](const boost::system::error_code& failed) {
          if (failed) return;
          guest->stream.async_read_some(
              boost::asio::buffer(guest->buffer),
              [guest](const boost::system::error_code& error, size_t /*count*/) {
                if (error) return;
                boost::asio::async_write(guest->stream, boost::asio::buffer(kReply),
                                         [guest](const boost::system::error_code&, size_t) {});
              });
        });
  }

  boost::asio::ssl::context tls_;
  Tcp::acceptor acceptor_;
};

}  // namespace evenkeel
