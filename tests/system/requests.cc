// An HTTP client that counts exactly: `requests ADDRESS PORT [name=value]...` makes so many
// requests, over so many connections at a time, and says as JSON how many came back right, from
// which server (its name is the answer), and what became of every other. A connection whose answers
// come from two servers is a failure, too.
//
//   requests=10000   in all; 0: until `seconds` are over
//   connections=64   at a time
//   each=1           requests on a connection before it is closed; 0: never closed
//   first_port=0     the client's own ports, from here on, each once; 0: the kernel's choice
//   pause=0          milliseconds between an answer and the connection's next request
//   seconds=60       after which no request begins
//   timeout=10       seconds that a request may take, connecting included
//
// SIGTERM ends it as the end of `seconds` does.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace {

volatile std::sig_atomic_t is_over = 0;

using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;
using std::chrono::milliseconds;

struct Options {
  std::string address;
  std::map<std::string, int> values = {{"requests", 10'000}, {"connections", 64}, {"each", 1},
                                       {"pause", 0},         {"seconds", 60},     {"timeout", 10},
                                       {"first_port", 0}};
  int at(const char* name) const { return values.at(name); }
};

struct Connection {
  int descriptor = -1;
  bool is_connecting = false;
  bool is_waiting = false;  // for an answer, else for `next`
  Time next{};              // when the next request begins, or the one under way is too late
  int answered = 0;
  std::string server;
  std::string received;
};

class Client {
 public:
  explicit Client(const Options& options, uint16_t port) : options_(options) {
    auto* const v4 = reinterpret_cast<sockaddr_in*>(&address_);
    auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address_);
    if (inet_pton(AF_INET, options.address.c_str(), &v4->sin_addr) == 1) {
      v4->sin_family = AF_INET;
      v4->sin_port = htons(port);
    } else if (inet_pton(AF_INET6, options.address.c_str(), &v6->sin6_addr) == 1) {
      v6->sin6_family = AF_INET6;
      v6->sin6_port = htons(port);
    } else {
      std::fprintf(stderr, "requests: '%s' is no address\n", options.address.c_str());
      std::exit(2);
    }
    request_ = std::string("GET / HTTP/1.1\r\nHost: test\r\n") +
               (options.at("each") == 1 ? "Connection: close\r\n\r\n" : "\r\n");
  }

  void run() {
    begin_ = last_answer_ = Clock::now();
    connections_.resize(static_cast<size_t>(options_.at("connections")));
    while (is_busy()) {
      std::array<epoll_event, 256> events;
      const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 1);
      now_ = Clock::now();
      for (int i = 0; i < count; ++i)
        receive(connections_[events[static_cast<size_t>(i)].data.u32]);
      if (now_ - looked_ >= milliseconds(1) || count == 0) look_at_all();
    }
    for (Connection& connection : connections_) close_it(connection);
  }

  void print() const {
    std::printf("{\"ok\": %lu, \"failed\": %lu, \"opened\": %lu, \"retransmits\": %lu, ", ok_,
                failed_, opened_, retransmits_);
    std::printf("\"longest_gap_ms\": %ld, \"seconds\": %.3f, \"failures\": {", longest_gap_.count(),
                std::chrono::duration<double>(Clock::now() - begin_).count());
    print(failures_);
    std::printf("}, \"servers\": {");
    print(servers_);
    std::puts("}}");
  }

 private:
  static void print(const std::map<std::string, uint64_t>& counts) {
    const char* separator = "";
    for (const auto& [name, count] : counts) {
      std::printf("%s\"%s\": %lu", separator, name.c_str(), count);
      separator = ", ";
    }
  }

  bool may_begin() const {
    const auto wanted = static_cast<uint64_t>(options_.at("requests"));
    return is_over == 0 && (wanted == 0 || begun_ < wanted) &&
           now_ - begin_ < std::chrono::seconds(options_.at("seconds"));
  }

  bool is_busy() {
    now_ = Clock::now();
    return may_begin() || waiting_ > 0;
  }

  void look_at_all() {
    looked_ = now_;
    for (Connection& connection : connections_) {
      if (now_ < connection.next) continue;
      if (connection.is_waiting) {
        fail(connection, what_lacks(connection));
      } else if (may_begin()) {
        start(connection);
      }
    }
  }

  static const char* what_lacks(const Connection& connection) {
    if (connection.is_connecting) return "no connection in time";
    return connection.received.empty() ? "no answer in time" : "half an answer";
  }

  void start(Connection& connection) {
    connection.next = now_ + std::chrono::seconds(options_.at("timeout"));
    connection.is_waiting = true;
    ++waiting_;
    ++begun_;
    if (connection.descriptor < 0) {
      open_it(connection);
    } else {
      send_request(connection);
    }
  }

  // The next of the client's own ports that nobody has.
  bool take_next_port(int descriptor, socklen_t length) {
    sockaddr_storage own{};  // any address; the port lies where it lies in both families
    own.ss_family = address_.ss_family;
    do {
      reinterpret_cast<sockaddr_in*>(&own)->sin_port = htons(
          static_cast<uint16_t>(static_cast<uint64_t>(options_.at("first_port")) + next_port_++));
      if (bind(descriptor, reinterpret_cast<const sockaddr*>(&own), length) == 0) return true;
    } while (errno == EADDRINUSE);
    return false;
  }

  void open_it(Connection& connection) {
    connection.descriptor =
        socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const socklen_t length =
        address_.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    if (options_.at("first_port") != 0 && !take_next_port(connection.descriptor, length)) {
      return fail(connection, std::strerror(errno));
    }
    const int result =
        connect(connection.descriptor, reinterpret_cast<const sockaddr*>(&address_), length);
    if (result != 0 && errno != EINPROGRESS) return fail(connection, std::strerror(errno));
    ++opened_;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.u32 = static_cast<uint32_t>(&connection - connections_.data());
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.descriptor, &event);
    connection.is_connecting = true;
  }

  void send_request(Connection& connection) {
    connection.received.clear();
    const ssize_t sent =
        send(connection.descriptor, request_.data(), request_.size(), MSG_NOSIGNAL);
    if (sent != static_cast<ssize_t>(request_.size())) {
      fail(connection, sent < 0 ? std::strerror(errno) : "sent half a request");
    }
  }

  void receive(Connection& connection) {
    if (connection.descriptor < 0) return;
    if (connection.is_connecting) {
      int error = 0;
      socklen_t length = sizeof(error);
      getsockopt(connection.descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) return fail(connection, std::strerror(error));
      connection.is_connecting = false;
      send_request(connection);
    }
    std::array<char, 4096> bytes;
    while (connection.descriptor >= 0) {
      const ssize_t length = recv(connection.descriptor, bytes.data(), bytes.size(), 0);
      if (length < 0 && errno == EAGAIN) return;
      if (length < 0) return fail(connection, std::strerror(errno));
      if (length == 0) return fail(connection, "closed by the server");
      connection.received.append(bytes.data(), static_cast<size_t>(length));
      if (is_whole(connection.received)) answered(connection);
    }
  }

  static size_t body_at(const std::string& text) {
    const size_t end = text.find("\r\n\r\n");
    return end == std::string::npos ? end : end + 4;
  }

  static bool is_whole(const std::string& text) {
    const size_t body = body_at(text);
    const size_t header = text.find("Content-Length: ");
    if (body == std::string::npos || header == std::string::npos) return false;
    return text.size() >= body + static_cast<size_t>(std::atoi(text.c_str() + header + 16));
  }

  void answered(Connection& connection) {
    if (!connection.is_waiting) return fail(connection, "an answer to nothing");
    if (!connection.received.starts_with("HTTP/1.1 200")) return fail(connection, "not 200");
    std::string server = connection.received.substr(body_at(connection.received));
    server.erase(std::remove(server.begin(), server.end(), '\n'), server.end());
    if (connection.answered > 0 && server != connection.server) {
      return fail(connection, "another server");
    }
    connection.server = server;
    ++servers_[server];
    ++ok_;
    longest_gap_ =
        std::max(longest_gap_, std::chrono::duration_cast<milliseconds>(now_ - last_answer_));
    last_answer_ = now_;
    --waiting_;
    connection.is_waiting = false;
    connection.next = now_ + milliseconds(options_.at("pause"));
    ++connection.answered;
    if (connection.answered == options_.at("each")) close_it(connection);
    if (options_.at("pause") == 0 && may_begin()) start(connection);
  }

  void fail(Connection& connection, const char* why) {
    ++failures_[why];
    if (connection.is_waiting) {
      --waiting_;
      connection.is_waiting = false;
    }
    ++failed_;
    connection.next = now_ + milliseconds(10);
    close_it(connection);
  }

  void close_it(Connection& connection) {
    if (connection.descriptor < 0) return;
    tcp_info info{};
    socklen_t length = sizeof(info);
    getsockopt(connection.descriptor, IPPROTO_TCP, TCP_INFO, &info, &length);
    retransmits_ += info.tcpi_total_retrans;
    connection.is_connecting = false;
    close(connection.descriptor);
    connection.descriptor = -1;
    connection.answered = 0;
    connection.received.clear();
  }

  const Options options_;
  sockaddr_storage address_{};
  std::string request_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);

  std::vector<Connection> connections_;
  Time now_{};
  Time begin_{};
  Time looked_{};
  Time last_answer_{};
  int waiting_ = 0;

  uint64_t begun_ = 0;
  uint64_t ok_ = 0;
  uint64_t failed_ = 0;
  uint64_t opened_ = 0;
  uint64_t next_port_ = 0;
  uint64_t retransmits_ = 0;
  milliseconds longest_gap_{};
  std::map<std::string, uint64_t> failures_;
  std::map<std::string, uint64_t> servers_;
};

}  // namespace

int main(int count, char** arguments) {
  Options options;
  bool is_understood = count >= 3;
  for (int i = 3; i < count; ++i) {
    const std::string argument = arguments[i];
    const size_t equals = argument.find('=');
    const auto value = options.values.find(argument.substr(0, equals));
    if (equals == std::string::npos || value == options.values.end()) {
      is_understood = false;
    } else {
      value->second = std::atoi(argument.c_str() + equals + 1);
    }
  }
  if (!is_understood) {
    std::fprintf(stderr, "usage: requests ADDRESS PORT [name=value]...; names: ");
    for (const auto& [name, value] : options.values) std::fprintf(stderr, "%s ", name.c_str());
    std::fputs("\n", stderr);
    return 2;
  }
  options.address = arguments[1];
  std::signal(SIGTERM, [](int) { is_over = 1; });
  Client client(options, static_cast<uint16_t>(std::atoi(arguments[2])));
  client.run();
  client.print();
}
