// `tools/bench probes`: what asking thousands of backends once a second costs, beside the bare
// system calls at the same pace. All backends are addresses of one server behind a veth pair, in a
// network namespace and on a core of its own. What the kernel does with packets that come is done
// by threads of its own (threaded NAPI): so the box's part is counted, and the server's is not.
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <boost/asio/io_context.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "drivers/netns.h"
#include "firmware/base/check.h"
#include "firmware/health/probe_socket.h"
#include "firmware/health/prober.h"
#include "tests/drivers/own_network.h"
#include "tools/benchmarks/options.h"
#include "tools/benchmarks/report.h"

namespace evenkeel::bench {
namespace {

constexpr uint16_t kPort = 8'080;
constexpr double kGoal = 20;
constexpr double kPercent = 100;
constexpr size_t kBackendsPerService = 1'000;
constexpr std::chrono::milliseconds kTurn{1};
constexpr std::chrono::milliseconds kRound{1'000};
constexpr std::chrono::milliseconds kWarmUp{2'500};  // until probes are spread over their interval
constexpr uint32_t kEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr char kServers[] = "servers";

struct Options {
  size_t rounds = 31;
  size_t backends = 10'000;
  std::string json;
};

// The first core is the box's, the last one the server's. What else the machine does comes behind.
void stay_on(pid_t thread, long core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(static_cast<size_t>(core), &cores);
  CHECK(::sched_setaffinity(thread, sizeof(cores), &cores) == 0);
  CHECK(::setpriority(PRIO_PROCESS, static_cast<id_t>(thread), -20) == 0);
}

Address backend(size_t number) {
  return Address::v4(Big32(0x0a010000U + static_cast<uint32_t>(number)));
}

// Names of network devices, and so of the kernel's threads, that no other process uses.
std::string device(const char* of) { return of + std::to_string(::getpid()); }

bool make_network() {
  const std::string box = device("box");
  const std::string servers = device("srv");
  return shell("set -e; box=" + box + "; servers=" + servers + R"(
    umount -l /sys; mount -t sysfs none /sys
    ip netns add servers
    ip link add $box numrxqueues 1 numtxqueues 1 type veth \
      peer name $servers numrxqueues 1 numtxqueues 1 netns servers
    ethtool -K $box gro on tso off
    ip link set $box up; ip addr add 10.2.0.1/24 dev $box
    echo 1 >/sys/class/net/$box/threaded
    ip netns exec servers sh -ec "
      umount -l /sys; mount -t sysfs none /sys
      ethtool -K $servers gro on tso off
      ip link set $servers up; ip addr add 10.2.0.2/24 dev $servers
      echo 1 >/sys/class/net/$servers/threaded
      ip route add local 10.1.0.0/16 dev $servers"
    ip route add 10.1.0.0/16 via 10.2.0.2)");
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The kernel's thread that takes a device's packets; 0: it is not seen from here.
pid_t thread_of(const std::string& device_name) {
  DIR* const processes = ::opendir("/proc");
  long found = 0;
  while (const dirent* const each = found == 0 ? ::readdir(processes) : nullptr) {
    const std::string name = first_line(std::string("/proc/") + each->d_name + "/comm");
    if (name.starts_with("napi/" + device_name + "-")) {
      found = std::strtol(each->d_name, nullptr, 10);
    }
  }
  ::closedir(processes);
  return static_cast<pid_t>(found);
}

// Seconds, of this thread and of one of the kernel's.
struct Used {
  double asking = 0;
  double receiving = 0;
};

Used used(pid_t receiver) {
  timespec own{};
  CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own) == 0);
  const std::string line = first_line("/proc/" + std::to_string(receiver) + "/schedstat");
  return {.asking = static_cast<double>(own.tv_sec) + 1e-9 * static_cast<double>(own.tv_nsec),
          .receiving = 1e-9 * std::strtod(line.c_str(), nullptr)};
}

// Answers one request of each connection, and waits for the client to end it. It never comes back.
[[noreturn]] void serve(int listener) {
  constexpr std::string_view kReply =
      "HTTP/1.1 200 OK\r\nServer: shop\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
  const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
  const auto watch = [&](int number) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = number}};
    CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, number, &event) == 0);
  };
  watch(listener);
  while (true) {
    std::array<epoll_event, 256> events;
    const int count = ::epoll_wait(epoll, events.data(), events.size(), -1);
    for (int i = 0; i < count; ++i) {
      const int number = events[static_cast<size_t>(i)].data.fd;
      if (number == listener) {
        const int guest = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK);
        if (guest >= 0) watch(guest);
        continue;
      }
      std::array<char, 2'048> request;
      if (::recv(number, request.data(), request.size(), 0) <= 0) {
        ::close(number);
      } else {
        ::send(number, kReply.data(), kReply.size(), MSG_NOSIGNAL);
      }
    }
  }
}

class Server {
 public:
  Server() {
    Descriptor listener;
    const Status visited = in_network_namespace(kServers, [&]() -> Status {
      listener = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
      return {};
    });
    const SocketAddress any = socket_address(Address::v4(Big32(0)), kPort);
    CHECK(visited.ok() && ::bind(listener.get(), any.get(), any.length) == 0);
    CHECK(::listen(listener.get(), SOMAXCONN) == 0);
    process_ = ::fork();
    CHECK(process_ >= 0);
    if (process_ != 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    stay_on(0, ::sysconf(_SC_NPROCESSORS_ONLN) - 1);
    serve(listener.get());
  }
  ~Server() {
    ::kill(process_, SIGKILL);
    ::waitpid(process_, nullptr, 0);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

 private:
  pid_t process_ = -1;
};

// The least that a probe can be: a turn's sockets begin, and in the next turn they end.
class Bare {
 public:
  explicit Bare(bool is_kept) : is_kept_(is_kept), epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  void run(size_t backends) {
    const size_t turns = static_cast<size_t>(kRound / kTurn);
    const auto begin = std::chrono::steady_clock::now();
    size_t begun = 0;
    for (size_t turn = 1; turn <= turns; ++turn) {
      const size_t end = backends * turn / turns;
      const size_t first = begun;
      for (; begun < end; ++begun) ask(begun - first, backend(begun));
      std::this_thread::sleep_until(begin + turn * kTurn);
      std::array<epoll_event, 256> events;
      CHECK(::epoll_wait(epoll_.get(), events.data(), events.size(), 0) >= 0);
      for (size_t i = 0; i < end - first; ++i) this->end(i);
    }
  }

 private:
  void ask(size_t place, const Address& address) {
    if (place == sockets_.size()) sockets_.emplace_back();
    Descriptor& socket = sockets_[place];
    if (!socket.is_open()) {
      socket = std::move(open_probe_descriptor(CheckType::tcp, true).value());
      epoll_event event{.events = kEvents, .data = {.fd = socket.get()}};
      CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event) == 0);
    }
    const SocketAddress to = socket_address(address, kPort);
    CHECK(::connect(socket.get(), to.get(), to.length) == 0 || errno == EINPROGRESS);
  }

  void end(size_t place) {
    if (!is_kept_) {
      sockets_[place] = Descriptor();
      return;
    }
    const sockaddr nobody = {.sa_family = AF_UNSPEC, .sa_data = {}};
    CHECK(::connect(sockets_[place].get(), &nobody, sizeof(nobody)) == 0);
  }

  const bool is_kept_;
  Descriptor epoll_;
  std::vector<Descriptor> sockets_;
};

class Asking {
 public:
  Asking(CheckType type, size_t backends)
      : prober_(context_,
                {.now = real_now, .random = [this] { return generator_(); }, .on_change = [] {}}) {
    for (size_t number = 0; number < backends; ++number) {
      if (number % kBackendsPerService == 0) add_service(type);
      settings_.services.back().backends.push_back(
          {.name = "web" + std::to_string(number), .address = backend(number)});
    }
    prober_.follow(settings_);
  }

  void run(std::chrono::milliseconds time) {
    context_.restart();
    context_.run_for(time);
  }

  size_t up() const {
    size_t count = 0;
    for (const ServiceSettings& service : settings_.services) {
      for (const BackendSettings& each : service.backends) {
        count += prober_.describe(service.name, each.name).health == Health::up;
      }
    }
    return count;
  }

 private:
  void add_service(CheckType type) {
    ServiceSettings service;
    service.name = "shop" + std::to_string(settings_.services.size());
    service.ports = {.first = kPort, .last = kPort};
    service.check.type = type;
    service.check.interval = 1'000'000;
    service.check.timeout = 900'000;
    settings_.services.push_back(std::move(service));
  }

  boost::asio::io_context context_{1};
  std::mt19937_64 generator_{1};
  Settings settings_;
  Prober prober_;
};

struct Shares {
  std::vector<double> asking;
  std::vector<double> receiving;
};

// In percent of a core.
template <typename Work>
void measure(Shares& shares, pid_t receiver, Work work) {
  const double began = seconds_now();
  const Used before = used(receiver);
  work();
  const Used after = used(receiver);
  const double took = seconds_now() - began;
  shares.asking.push_back(kPercent * (after.asking - before.asking) / took);
  shares.receiving.push_back(kPercent * (after.receiving - before.receiving) / took);
}

void tell(Report& report, const std::string& name, const Shares& shares, double goal = 0) {
  std::vector<double> all;
  std::vector<double> asking = shares.asking;
  for (size_t i = 0; i < asking.size(); ++i) all.push_back(asking[i] + shares.receiving[i]);
  report.row(name, figure_of(asking), goal);
  report.row(name + ", with what the kernel receives", figure_of(all));
}

// Whether so many files can be open; says so if not.
bool may_open(rlim_t count) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::max(files.rlim_cur, count);
  files.rlim_max = std::max(files.rlim_max, count);
  if (::setrlimit(RLIMIT_NOFILE, &files) == 0) return true;
  std::fprintf(stderr, "%lu files are open at a time: be root, or allow as many (ulimit -n)\n",
               count);
  return false;
}

int run(const Options& options) {
  // In a network of its own nobody may raise it.
  if (!may_open(1'000 + options.backends + options.backends / 2)) return 1;
  if (!enter_own_network()) return kSkipped;
  CHECK(make_network());
  const Server server;
  const pid_t receiver = thread_of(device("box"));
  const pid_t server_receiver = thread_of(device("srv"));
  if (receiver == 0 || server_receiver == 0) {
    std::fprintf(stderr, "the kernel's threads are not seen here: run outside of a container\n");
    return 1;
  }
  stay_on(0, 0);
  stay_on(receiver, 0);
  stay_on(server_receiver, ::sysconf(_SC_NPROCESSORS_ONLN) - 1);

  Shares opened;
  Shares kept;
  Shares tcp;
  Shares http;
  for (size_t round = 0; round < options.rounds; ++round) {
    for (const bool is_kept : {false, true}) {
      Bare bare(is_kept);
      measure(is_kept ? kept : opened, receiver, [&] { bare.run(options.backends); });
    }
    for (const CheckType type : {CheckType::tcp, CheckType::http}) {
      Asking asking(type, options.backends);
      asking.run(kWarmUp);
      measure(type == CheckType::tcp ? tcp : http, receiver, [&] { asking.run(kRound); });
      // A packet that is lost while the kernel's threads do not run is a probe that fails.
      if (asking.up() < options.backends - options.backends / 50) {
        std::fprintf(stderr, "%zu of %zu backends answer in time: the machine is too busy\n",
                     asking.up(), options.backends);
        return 1;
      }
    }
  }
  Report report;
  report.section(std::to_string(options.backends) + " backends, asked once a second",
                 "percent of a core");
  tell(report, "bare: socket, connect, close", opened);
  tell(report, "bare: connect, dissolve", kept);
  tell(report, "tcp", tcp, kGoal);
  tell(report, "http", http, kGoal);
  return report.save(options.json) ? 0 : 1;
}

Options options_of(int count, char** arguments) {
  Options options;
  const NumberOption numbers[] = {{"--rounds", 1, 1'000, &options.rounds},
                                  {"--backends", 1, 20'000, &options.backends}};
  options.json = read_options(count, arguments, numbers);
  return options;
}

}  // namespace
}  // namespace evenkeel::bench

// NOLINTNEXTLINE(bugprone-exception-escape): what is thrown, for want of memory, ends it.
int main(int count, char** arguments) {
  return evenkeel::bench::run(evenkeel::bench::options_of(count, arguments));
}
