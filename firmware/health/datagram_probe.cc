#include "firmware/health/datagram_probe.h"

#include <array>
#include <cerrno>
#include <utility>

#include "firmware/base/check.h"
#include "firmware/health/dns_message.h"
#include "firmware/health/probe_socket.h"
#include "firmware/settings/values.h"

namespace evenkeel {
namespace {

constexpr size_t kMostBytes = 65'536;
// Datagrams that are no answer, until no more are looked at.
constexpr size_t kMostStrays = 1'000;

}  // namespace

DatagramProbe::DatagramProbe(Readiness& readiness, ProbeSocket socket, Question question, Done done,
                             const std::function<uint64_t()>& random)
    : Probe(readiness, std::move(socket), std::move(question), std::move(done)) {
  switch (check().type) {
    case CheckType::icmp:
      token_ = {random(), random()};
      sent_ = echo_request(this->question().address.is_v4(), token_);
      break;
    case CheckType::dns:
      sent_ = dns_query(check().query, check().query_type, static_cast<uint16_t>(random()));
      break;
    default:
      REQUIRE(check().type == CheckType::udp);
      sent_ = unescape(check().send).value_or(check().send);
      break;
  }
}

void DatagramProbe::begin() {
  const bool has_port = check().type != CheckType::icmp;
  const SocketAddress to = socket_address(question().address, has_port ? question().port : 0);
  if (::connect(descriptor(), to.get(), to.length) != 0) return end_by(errno);
  if (!watch()) return;
  if (::send(descriptor(), sent_.data(), sent_.size(), MSG_NOSIGNAL) < 0) end_by(errno);
}

void DatagramProbe::go_on(uint32_t /*events*/) {
  std::array<char, kMostBytes> datagram;
  while (true) {
    const ssize_t count = ::recv(descriptor(), datagram.data(), datagram.size(), 0);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count < 0) return end_by(errno);
    std::optional<ProbeAnswer> answer = judge({datagram.data(), static_cast<size_t>(count)});
    if (answer) return end(*answer);
    if (++strays_ > kMostStrays) {
      return end_bad("more than " + std::to_string(kMostStrays) + " datagrams, and no answer");
    }
  }
}

std::optional<ProbeAnswer> DatagramProbe::judge(std::string_view datagram) const {
  switch (check().type) {
    case CheckType::icmp:
      if (!is_echo_reply(question().address.is_v4(), datagram, token_)) return std::nullopt;
      return ProbeAnswer{.kind = ProbeAnswer::Kind::good, .text = "echoed"};
    case CheckType::dns:
      return judge_dns_answer(check(), sent_, datagram);
    default:
      return judge_text(datagram);
  }
}

std::optional<ProbeAnswer> DatagramProbe::judge_text(std::string_view datagram) const {
  const std::string wanted = unescape(check().contains).value_or(check().contains);
  if (datagram.find(wanted) != std::string_view::npos) {
    return ProbeAnswer{.kind = ProbeAnswer::Kind::good, .text = "answered"};
  }
  return ProbeAnswer{.kind = ProbeAnswer::Kind::bad,
                     .text = "an answer of " + std::to_string(datagram.size()) +
                             " bytes, without \"" + check().contains.substr(0, 40) + "\" in it"};
}

std::string DatagramProbe::how_far() const { return "no answer"; }

}  // namespace evenkeel
