// `tools/bench same_path`: what asking one backend by the traffic's own way costs: the control
// thread, which makes and sends a SYN as large as the MTU and a reset and hears the answer; and
// whoever moves these three frames between a TAP and the ports, which is the kernel path's thread
// on the same core. Here it answers itself, in a network namespace of its own.
#include <poll.h>
#include <sys/eventfd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "drivers/tap.h"
#include "firmware/base/check.h"
#include "firmware/health/same_path.h"
#include "firmware/wire/headers.h"
#include "tests/drivers/own_network.h"
#include "tools/benchmarks/options.h"
#include "tools/benchmarks/report.h"

namespace evenkeel::bench {
namespace {

constexpr Mac kMac = {2, 0, 0, 0, 0, 1};
const Address kBox = Address::v4(0x0a00'0002);
const Address kServer = Address::v4(0x0a00'000b);
constexpr size_t kAtOnce = 100;
constexpr size_t kProbes = 5'000;                                       // of a round
constexpr size_t kInner = sizeof(EthernetHeader) + sizeof(Ipv4Header);  // of IPIP
constexpr size_t kTcp = kInner + sizeof(Ipv4Header);

struct Options {
  size_t rounds = 31;
  std::string json;
};

double thread_seconds() {
  timespec now{};
  CHECK(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// A server's answer to the SYN in a frame; of no bytes if there is none.
std::vector<uint8_t> answer_to(const uint8_t* frame, size_t length) {
  if (length < kTcp + sizeof(TcpHeader)) return {};
  auto ip = load<Ipv4Header>(frame + kInner);
  auto tcp = load<TcpHeader>(frame + kTcp);
  if (ip.protocol != static_cast<uint8_t>(Protocol::tcp) || tcp.flags != kTcpSyn) return {};
  std::swap(ip.source, ip.destination);
  std::swap(tcp.source_port, tcp.destination_port);
  tcp.acknowledgement = tcp.sequence.value() + 1;
  tcp.flags = kTcpSyn | kTcpAck;
  std::vector<uint8_t> answer(kTcp + sizeof(TcpHeader) - sizeof(Ipv4Header));
  store(answer.data(), EthernetHeader{kMac, {2, 0, 0, 0, 0, 2}, 0x0800});
  store(&answer[sizeof(EthernetHeader)], ip);
  store(&answer[sizeof(EthernetHeader) + sizeof(ip)], tcp);
  return answer;
}

// All servers, behind the TAP, until `stop` is readable. Answers what it cost.
double serve(int tap, int stop) {
  std::array<pollfd, 2> waiting = {pollfd{.fd = tap, .events = POLLIN, .revents = 0},
                                   pollfd{.fd = stop, .events = POLLIN, .revents = 0}};
  std::array<uint8_t, 2'048> frame{};
  const double begin = thread_seconds();
  while (::poll(waiting.data(), waiting.size(), -1) >= 0 && waiting[1].revents == 0) {
    ssize_t length = 0;
    while ((length = ::read(tap, frame.data(), frame.size())) > 0) {
      const std::vector<uint8_t> answer = answer_to(frame.data(), static_cast<size_t>(length));
      if (!answer.empty()) CHECK(::write(tap, answer.data(), answer.size()) > 0);
    }
  }
  return thread_seconds() - begin;
}

SamePath::Parts parts_of(uint32_t interface, std::mt19937_64& generator) {
  return {.way = [](ForwardingSpec way) -> Result<SamePath::Way> {
            way.source_mac = kMac;
            way.destination_mac = {2, 0, 0, 0, 0, 2};
            way.tunnel_source = kBox;
            const Result<Forwarding> made = make_forwarding(way);
            if (!made.ok()) return Error{made.message()};
            return SamePath::Way{.forwarding = made.value(), .source = way.tunnel_source};
          },
          .open = [interface]() -> Result<std::vector<PacketSocket>> {
            Result<PacketSocket> socket = PacketSocket::open(interface, path_answer_filter());
            if (!socket.ok()) return Error{socket.message()};
            std::vector<PacketSocket> sockets;
            sockets.push_back(std::move(socket.value()));
            return sockets;
          },
          .random = [&generator] { return generator(); }};
}

// A round's probes, a hundred at once, all of which are answered.
void ask(boost::asio::io_context& context, SamePath& path) {
  PathProbe::Question question;
  question.target = {.vip = Address::v4(0xc000'020a), .port = 80};
  question.way.destination = kServer;
  for (size_t done = 0; done < kProbes;) {
    const size_t end = done + kAtOnce;
    std::vector<std::shared_ptr<PathProbe>> asked;
    for (size_t i = 0; i < kAtOnce; ++i) {
      asked.push_back(
          std::make_shared<PathProbe>(path, question, [&done](const ProbeAnswer& answer) {
            CHECK(answer.kind == ProbeAnswer::Kind::good);
            ++done;
          }));
      asked.back()->start();
    }
    while (done < end) {
      context.restart();
      CHECK(context.run_one_for(std::chrono::seconds(5)) > 0);
    }
  }
}

void measure(const Options& options, Report& report) {
  Result<Tap> tap = Tap::open({.name = "lan", .mac = kMac, .mtu = 1'500});
  CHECK(tap.ok());
  CHECK(shell("ip addr add 10.0.0.2/24 dev lan"));
  std::mt19937_64 generator(1);
  std::vector<double> control;
  std::vector<double> mover;
  const auto scale = 1e6 / static_cast<double>(kProbes);
  for (size_t round = 0; round < options.rounds; ++round) {
    boost::asio::io_context context(1);
    SamePath path(context, parts_of(tap.value().interface(), generator));
    const Descriptor stop(::eventfd(0, EFD_CLOEXEC));
    double served = 0;
    std::thread server([&] { served = serve(tap.value().descriptor(), stop.get()); });
    const double begin = thread_seconds();
    ask(context, path);
    control.push_back((thread_seconds() - begin) * scale);
    const uint64_t one = 1;
    CHECK(::write(stop.get(), &one, sizeof(one)) == sizeof(one));
    server.join();
    mover.push_back(served * scale);
  }
  report.section("A same-path probe, IPIP, 1,500 bytes", "us of a core per probe");
  report.row("the control thread's part", figure_of(control));
  report.row("moving its three frames to and from the TAP", figure_of(mover));
  report.note("1 us is 1 % of a core with 10,000 backends a second");
}

Options options_of(int count, char** arguments) {
  Options options;
  const NumberOption numbers[] = {{"--rounds", 1, 1'000, &options.rounds}};
  options.json = read_options(count, arguments, numbers);
  return options;
}

}  // namespace
}  // namespace evenkeel::bench

// NOLINTNEXTLINE(bugprone-exception-escape): what is thrown, for want of memory, ends it.
int main(int count, char** arguments) {
  using namespace evenkeel;  // NOLINT(google-build-using-namespace)
  const bench::Options options = bench::options_of(count, arguments);
  if (!enter_own_network()) return kSkipped;
  bench::Report report;
  bench::measure(options, report);
  return report.save(options.json) ? 0 : 1;
}
