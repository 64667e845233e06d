// Servers for probes to meet, good and bad ones, on real sockets in the test's own event loop.
#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "firmware/base/address.h"
#include "tests/drivers/own_network.h"

namespace evenkeel {

using Tcp = boost::asio::ip::tcp;

// Whether `condition` comes true within a deadline, in what the loop does.
template <typename Condition>
bool comes_true(boost::asio::io_context& context, Condition condition,
                Microseconds deadline = 20'000'000) {
  const Microseconds end = real_now() + deadline;
  while (!condition()) {
    if (real_now() > end) return false;
    context.restart();
    context.run_one_for(std::chrono::milliseconds(20));
  }
  return true;
}

// How a server behaves once a connection is there.
struct Manners {
  std::string reply = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
  size_t piece = SIZE_MAX;   // bytes written at once
  bool is_silent = false;    // takes connections, and never says anything
  bool waits = true;         // for a request, before it replies
  bool closes = true;        // after its reply
  bool half_closes = false;  // after its reply, and goes on reading
  bool resets = false;       // instead of any reply
};

class TestServer {
 public:
  // At any free port, or at the one given.
  TestServer(boost::asio::io_context& context, const char* address, Manners manners,
             uint16_t port = 0)
      : manners_(std::move(manners)),
        acceptor_(context, Tcp::endpoint(boost::asio::ip::make_address(address), port)) {
    accept();
  }

  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  size_t accepted() const { return accepted_; }
  const std::string& last_request() const { return last_request_; }
  // From the next connection on.
  void behave(Manners manners) { manners_ = std::move(manners); }

 private:
  struct Guest {
    Guest(Tcp::socket connection, Manners its_manners)
        : socket(std::move(connection)), manners(std::move(its_manners)) {}

    Tcp::socket socket;
    Manners manners;
    std::string request = {};
    char buffer[4'096] = {};
    size_t written = 0;
  };
  using Held = std::shared_ptr<Guest>;

  void accept() {
    acceptor_.async_accept([this, life = std::weak_ptr(life_)](
                               const boost::system::error_code& error, Tcp::socket socket) {
      if (error || life.expired()) return;
      ++accepted_;
      const Held guest = std::make_shared<Guest>(std::move(socket), manners_);
      if (guest->manners.waits) {
        read(guest);
      } else {
        reply(guest);
      }
      accept();
    });
  }

  void read(const Held& guest) {
    guest->socket.async_read_some(boost::asio::buffer(guest->buffer),
                                  [this, guest, life = std::weak_ptr(life_)](
                                      const boost::system::error_code& error, size_t count) {
                                    if (error || life.expired()) return;
                                    guest->request.append(guest->buffer, count);
                                    if (!guest->request.ends_with("\r\n\r\n")) return read(guest);
                                    last_request_ = guest->request;
                                    guest->manners.is_silent ? read(guest) : reply(guest);
                                  });
  }

  void reply(const Held& guest) {
    if (guest->manners.resets) {
      guest->socket.set_option(Tcp::socket::linger(true, 0));
      guest->socket.close();
      return;
    }
    const std::string_view left = std::string_view(guest->manners.reply).substr(guest->written);
    if (left.empty()) {
      if (guest->manners.half_closes) guest->socket.shutdown(Tcp::socket::shutdown_send);
      if (guest->manners.half_closes || !guest->manners.closes) read(guest);
      return;
    }
    boost::asio::async_write(guest->socket,
                             boost::asio::buffer(left.substr(0, guest->manners.piece)),
                             [this, guest](const boost::system::error_code& error, size_t count) {
                               guest->written += count;
                               if (!error) reply(guest);
                             });
  }

  Manners manners_;
  Tcp::acceptor acceptor_;
  size_t accepted_ = 0;
  std::string last_request_;
  // What is ready when the server goes calls back all the same.
  std::shared_ptr<const bool> life_ = std::make_shared<const bool>(true);
};

// A port that refuses: it was somebody's a moment ago.
inline uint16_t closed_port(boost::asio::io_context& context, const char* address) {
  return Tcp::acceptor(context, Tcp::endpoint(boost::asio::ip::make_address(address), 0))
      .local_endpoint()
      .port();
}

}  // namespace evenkeel
