// Somebody who is told over HTTP, good and bad ones, on real sockets in the test's own event loop.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/health/servers.h"

namespace evenkeel {

// Reads a POST whole, keeps it, and answers with any bytes.
class Hook {
 public:
  struct Heard {
    std::string target;
    std::string host;
    std::string type;
    std::string body;
    std::string authorization;
  };

  explicit Hook(boost::asio::io_context& context, uint16_t port = 0)
      : acceptor_(context, Tcp::endpoint(Tcp::v4(), port)) {
    accept();
  }

  std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port()) + path;
  }
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  const std::vector<Heard>& heard() const { return *heard_; }
  void answer(std::string reply) { *reply_ = std::move(reply); }

 private:
  struct Guest {
    explicit Guest(Tcp::socket connection) : socket(std::move(connection)) {}

    // What stands behind the name of a header.
    std::string header(const std::string& name) const {
      const size_t begin = text.find("\r\n" + name + ": ");
      if (begin == std::string::npos) return "";
      const size_t value = begin + name.size() + 4;
      return text.substr(value, text.find("\r\n", value) - value);
    }
    bool is_whole() const {
      const size_t end = text.find("\r\n\r\n");
      return end != std::string::npos &&
             text.size() >= end + 4 + std::strtoul(header("Content-Length").c_str(), nullptr, 10);
    }

    Tcp::socket socket;
    std::string text;
    std::string reply;
    char buffer[65'536] = {};
  };

  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, Tcp::socket socket) {
      if (error) return;
      serve(std::make_shared<Guest>(std::move(socket)), heard_, reply_);
      accept();
    });
  }

  using AllHeard = std::shared_ptr<std::vector<Heard>>;

  static void serve(const std::shared_ptr<Guest>& guest, const AllHeard& heard,
                    const std::shared_ptr<std::string>& reply) {
    guest->socket.async_read_some(
        boost::asio::buffer(guest->buffer),
        [guest, heard, reply](const boost::system::error_code& error, size_t count) {
          if (error) return;
          guest->text.append(guest->buffer, count);
          if (!guest->is_whole()) return serve(guest, heard, reply);
          const size_t target = guest->text.find(' ') + 1;
          heard->push_back({guest->text.substr(target, guest->text.find(' ', target) - target),
                            guest->header("Host"), guest->header("Content-Type"),
                            guest->text.substr(guest->text.find("\r\n\r\n") + 4),
                            guest->header("Authorization")});
          guest->reply = *reply;
          boost::asio::async_write(guest->socket, boost::asio::buffer(guest->reply),
                                   [guest](const boost::system::error_code&, size_t) {});
        });
  }

  Tcp::acceptor acceptor_;
  std::shared_ptr<std::vector<Heard>> heard_ = std::make_shared<std::vector<Heard>>();
  std::shared_ptr<std::string> reply_ =
      std::make_shared<std::string>("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
};

}  // namespace evenkeel
