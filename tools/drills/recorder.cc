// Clients that do not wait for each other: `recorder ADDRESS PORT [name=value]...` begins requests
// when they are due, whatever became of those before, each on a connection of its own and from one
// of many addresses. So a server that stalls is asked as often as one that does not, and its stall
// is in the figures of all who came meanwhile (no coordinated omission). Connections may stay for
// more requests, one after the other.
//
//   rate=600         connections that begin per second
//   seconds=60       after which none begins
//   timeout=3000     milliseconds that a request may take, counted from when it was due
//   each=1           requests on a connection
//   pause=0          milliseconds between an answer and the connection's next request
//   clients=4096     addresses of clients, from 198.18.0.1 or 2001:db8:12::1 on, as ADDRESS is of
//                    IPv4 or IPv6; whose turn it is, is random
//   bursts=0         1: the rate is another one every quarter of a second, and gaps are random
//   seed=1           of all that is random
//
// Each request is a line: when it was due, when it began and when it ended, in microseconds of the
// monotonic clock; its HTTP status, or 0; the server's name, or -; the client's number; what went
// wrong, or -; the client's port; and when the connection began. SIGTERM ends it as the end of
// `seconds` does.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <deque>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr int64_t kSecond = 1'000'000;
constexpr int64_t kBurst = kSecond / 4;
constexpr std::array kBursts = {0.2, 0.5, 1.0, 1.0, 1.0, 1.5, 2.0};
constexpr uint32_t kEnding = UINT32_MAX;  // what an event is about, if it is no request
constexpr uint32_t kFirstClient = (198u << 24) | (18u << 16) | 1;
constexpr const char* kFirstClient6 = "2001:db8:12::1";
constexpr size_t kBatch = 64;  // of requests that are due at once, before events are looked at

int64_t now_us() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kSecond + now.tv_nsec / 1'000;
}

// What a text begins with; 0 if that is no number.
int number_in(std::string_view text) {
  int number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

using Values = std::map<std::string, int>;

// A connection, and the request that it has under way.
struct Request {
  int descriptor = -1;
  bool is_connecting = false;
  bool is_pausing = false;  // between two requests
  int left = 0;             // requests to come
  uint32_t client = 0;
  uint16_t port = 0;
  int64_t connected = 0;
  int64_t due = 0;
  int64_t begun = 0;
  std::string received;
};

// What an answer says as far as it has come.
struct Answer {
  int status = 0;
  std::string server = "-";
  bool is_whole = false;
};

std::string header_of(const std::string& head, const char* name) {
  const size_t at = head.find(name);
  if (at == std::string::npos) return {};
  const size_t value = at + std::strlen(name);
  return head.substr(value, head.find('\r', value) - value);
}

Answer read_answer(const std::string& text) {
  Answer answer;
  const size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos || !text.starts_with("HTTP/1.1 ")) return answer;
  const std::string head = text.substr(0, end + 2);
  answer.status = number_in(std::string_view(head).substr(9));
  const std::string server = header_of(head, "\r\nX-Server: ");
  if (!server.empty()) answer.server = server;
  const std::string length = header_of(head, "\r\nContent-Length: ");
  answer.is_whole =
      !length.empty() && text.size() - end - 4 >= static_cast<size_t>(number_in(length));
  return answer;
}

// When requests are due.
class Schedule {
 public:
  Schedule(const Values& values, int64_t begin)
      : gap_(static_cast<double>(kSecond) / values.at("rate")),
        has_bursts_(values.at("bursts") != 0),
        begin_(begin),
        random_(static_cast<uint32_t>(values.at("seed"))) {}

  int64_t next() {
    if (!has_bursts_) return begin_ + static_cast<int64_t>(gap_ * static_cast<double>(count_++));
    const auto at = static_cast<int64_t>(offset_);
    if (at / kBurst != burst_) {
      burst_ = at / kBurst;
      factor_ = kBursts[random_() % kBursts.size()];
    }
    offset_ += std::exponential_distribution<double>(factor_ / gap_)(random_);
    return begin_ + at;
  }

 private:
  const double gap_;
  const bool has_bursts_;
  const int64_t begin_;
  std::mt19937 random_;
  uint64_t count_ = 0;
  double offset_ = 0;
  double factor_ = 1;
  int64_t burst_ = 0;
};

class Recorder {
 public:
  Recorder(const char* address, uint16_t port, const Values& values)
      : values_(values),
        timeout_(values.at("timeout") * int64_t{1'000}),
        clients_(static_cast<uint32_t>(values.at("clients"))),
        random_(static_cast<uint32_t>(values.at("seed")) + 1) {
    is_v6_ = std::strchr(address, ':') != nullptr;
    if (!read_address(address, port, server_)) {
      std::fprintf(stderr, "recorder: '%s' is no IP address\n", address);
      std::exit(2);
    }
    watch_for_ending();
    text_ = "GET / HTTP/1.1\r\nHost: shop\r\n";
  }

  void run() {
    const int64_t begin = now_us();
    const int64_t end = begin + values_.at("seconds") * kSecond;
    Schedule schedule(values_, begin);
    int64_t due = schedule.next();
    while ((!is_over_ && due < end) || open_ > 0) {
      int64_t now = now_us();
      for (size_t i = 0; i < kBatch && !is_over_ && due < end && due <= now; ++i) {
        begin_request(due);
        due = schedule.next();
        now = now_us();
      }
      end_pauses(is_over_ || now >= end);
      wait(due > now ? std::min(due - now, kSecond / 100) : 0);
      end_late();
    }
  }

 private:
  bool read_address(const char* text, uint16_t port, sockaddr_storage& ret_address) const {
    if (is_v6_) {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(ret_address);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      return inet_pton(AF_INET6, text, &v6.sin6_addr) == 1;
    }
    auto& v4 = reinterpret_cast<sockaddr_in&>(ret_address);
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    return inet_pton(AF_INET, text, &v4.sin_addr) == 1;
  }

  socklen_t address_size() const { return is_v6_ ? sizeof(sockaddr_in6) : sizeof(sockaddr_in); }

  void watch_for_ending() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    watch(signalfd(-1, &signals, SFD_CLOEXEC), EPOLLIN | EPOLLET, kEnding);
  }

  void watch(int descriptor, uint32_t events, uint32_t about) const {
    epoll_event event{};
    event.events = events;
    event.data.u32 = about;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  void wait(int64_t microseconds) {
    std::array<epoll_event, 256> events;
    const timespec patience = {.tv_sec = 0, .tv_nsec = microseconds * 1'000};
    const int count =
        epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &patience, nullptr);
    if (count <= 0 && now_us() - flushed_ > kSecond / 10) {
      std::fflush(stdout);
      flushed_ = now_us();
    }
    for (int i = 0; i < count; ++i) {
      const uint32_t about = events[static_cast<size_t>(i)].data.u32;
      if (about == kEnding) {
        is_over_ = true;
      } else {
        receive(about);
      }
    }
  }

  size_t free_place() {
    if (free_.empty()) {
      requests_.emplace_back();
      return requests_.size() - 1;
    }
    const size_t place = free_.back();
    free_.pop_back();
    return place;
  }

  void begin_request(int64_t due) {
    const size_t place = free_place();
    Request& request = requests_[place];
    const int family = is_v6_ ? AF_INET6 : AF_INET;
    request = {.descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
               .is_connecting = true,
               .left = values_.at("each"),
               .client = static_cast<uint32_t>(random_()) % clients_,
               .connected = now_us(),
               .due = due,
               .begun = now_us(),
               .received = {}};
    ++open_;
    by_age_.push_back({due, place});
    if (request.descriptor < 0 || !connect_from(request)) return end(place, std::strerror(errno));
    watch(request.descriptor, EPOLLIN | EPOLLOUT | EPOLLET, static_cast<uint32_t>(place));
  }

  bool bind_client(const Request& request) {
    const int yes = 1;
    setsockopt(request.descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
    sockaddr_storage own{};
    if (is_v6_) {
      setsockopt(request.descriptor, IPPROTO_IPV6, IPV6_FREEBIND, &yes, sizeof(yes));
      read_address(kFirstClient6, 0, own);
      in6_addr& address = reinterpret_cast<sockaddr_in6&>(own).sin6_addr;
      const uint32_t low = htonl(1 + request.client);
      std::memcpy(address.s6_addr + 12, &low, sizeof(low));
    } else {
      auto& v4 = reinterpret_cast<sockaddr_in&>(own);
      v4.sin_family = AF_INET;
      v4.sin_addr.s_addr = htonl(kFirstClient + request.client);
    }
    return bind(request.descriptor, reinterpret_cast<const sockaddr*>(&own), address_size()) == 0;
  }

  bool connect_from(Request& request) {
    if (!bind_client(request)) return false;
    if (connect(request.descriptor, reinterpret_cast<const sockaddr*>(&server_), address_size()) !=
            0 &&
        errno != EINPROGRESS) {
      return false;
    }
    sockaddr_storage own{};
    socklen_t size = sizeof(own);
    getsockname(request.descriptor, reinterpret_cast<sockaddr*>(&own), &size);
    request.port = ntohs(is_v6_ ? reinterpret_cast<sockaddr_in6&>(own).sin6_port
                                : reinterpret_cast<sockaddr_in&>(own).sin_port);
    return true;
  }

  // REQUIRES: the connection is open.
  bool ask(Request& request) {
    --request.left;
    const std::string text = text_ + (request.left == 0 ? "Connection: close\r\n\r\n" : "\r\n");
    return send(request.descriptor, text.data(), text.size(), MSG_NOSIGNAL) >= 0;
  }

  void pause(size_t place) {
    Request& request = requests_[place];
    request.is_pausing = true;
    request.due = now_us() + values_.at("pause") * int64_t{1'000};
    pauses_.push_back({request.due, place});
  }

  // All pauses are alike, so those that began first are over first.
  void end_pauses(bool is_end) {
    for (; !pauses_.empty() && (is_end || pauses_.front().due <= now_us()); pauses_.pop_front()) {
      const size_t place = pauses_.front().place;
      Request& request = requests_[place];
      if (is_end) {
        release(place);
        continue;
      }
      request.is_pausing = false;
      request.begun = now_us();
      request.received.clear();
      by_age_.push_back({request.due, place});
      if (!ask(request)) {
        end(place, std::strerror(errno));
      } else {
        receive(place);
      }
    }
  }

  void receive(size_t place) {
    Request& request = requests_[place];
    if (request.descriptor < 0 || request.is_pausing) return;
    if (request.is_connecting) {
      int error = 0;
      socklen_t length = sizeof(error);
      getsockopt(request.descriptor, SOL_SOCKET, SO_ERROR, &error, &length);
      if (error != 0) return end(place, std::strerror(error));
      request.is_connecting = false;
      if (!ask(request)) return end(place, std::strerror(errno));
    }
    std::array<char, 4096> bytes;
    for (;;) {
      const ssize_t length = recv(request.descriptor, bytes.data(), bytes.size(), 0);
      if (length < 0 && errno == EAGAIN) return;
      if (length < 0) return end(place, std::strerror(errno));
      request.received.append(bytes.data(), static_cast<size_t>(length));
      const Answer answer = read_answer(request.received);
      if (answer.is_whole) return end(place, answer.status == 200 ? nullptr : "not 200");
      if (length == 0) return end(place, "closed by the server");
    }
  }

  // Those that are due first are too late first; a place may have another request since.
  void end_late() {
    const int64_t now = now_us();
    for (; oldest_ < by_age_.size() && by_age_[oldest_].due + timeout_ <= now; ++oldest_) {
      const Waiting& waiting = by_age_[oldest_];
      const Request& request = requests_[waiting.place];
      if (request.descriptor < 0 || request.is_pausing || request.due != waiting.due) continue;
      end(waiting.place, request.is_connecting ? "no connection in time" : "no answer in time");
    }
  }

  void end(size_t place, const char* failure) {
    const Request& request = requests_[place];
    const Answer answer = read_answer(request.received);
    std::printf("%ld\t%ld\t%ld\t%d\t%s\t%u\t%s\t%u\t%ld\n", request.due, request.begun, now_us(),
                answer.status, answer.server.c_str(), request.client,
                failure == nullptr ? "-" : failure, request.port, request.connected);
    if (failure == nullptr && request.left > 0) return pause(place);
    release(place);
  }

  void release(size_t place) {
    Request& request = requests_[place];
    if (request.descriptor >= 0) close(request.descriptor);
    request.descriptor = -1;
    free_.push_back(place);
    --open_;
  }

  struct Waiting {
    int64_t due;
    size_t place;
  };

  const Values values_;
  const int64_t timeout_;
  const uint32_t clients_;
  bool is_v6_ = false;
  sockaddr_storage server_{};
  std::string text_;
  std::mt19937 random_;
  const int epoll_ = epoll_create1(EPOLL_CLOEXEC);

  std::vector<Request> requests_;
  std::vector<size_t> free_;
  std::vector<Waiting> by_age_;
  size_t oldest_ = 0;  // in by_age_
  std::deque<Waiting> pauses_;
  size_t open_ = 0;
  int64_t flushed_ = 0;
  bool is_over_ = false;
};

bool parse(int count, char** arguments, Values& ret_values) {
  for (int i = 3; i < count; ++i) {
    const std::string argument = arguments[i];
    const size_t equals = argument.find('=');
    const auto value = ret_values.find(argument.substr(0, equals));
    if (equals == std::string::npos || value == ret_values.end()) return false;
    value->second = number_in(std::string_view(argument).substr(equals + 1));
  }
  return count >= 3;
}

}  // namespace

int main(int count, char** arguments) {
  Values values = {{"rate", 600}, {"seconds", 60},   {"timeout", 3'000}, {"each", 1},
                   {"pause", 0},  {"clients", 4096}, {"bursts", 0},      {"seed", 1}};
  if (!parse(count, arguments, values) || values.at("rate") < 1 || values.at("each") < 1 ||
      values.at("clients") < 1) {
    std::fprintf(stderr, "usage: recorder ADDRESS PORT [name=value]...; names: ");
    for (const auto& [name, value] : values) std::fprintf(stderr, "%s ", name.c_str());
    std::fputs("\n", stderr);
    return 2;
  }
  const rlimit many = {65'536, 65'536};
  setrlimit(RLIMIT_NOFILE, &many);
  Recorder recorder(arguments[1], static_cast<uint16_t>(number_in(arguments[2])), values);
  recorder.run();
}
